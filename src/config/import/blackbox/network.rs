//! Modules of TCP, DNS and ICMP.

use serde_saphyr::Spanned;

use super::Import;
use super::targets::{host, port};
use crate::config::import::draft::{is_secret, literal};
use crate::config::import::node::{Node, Section};
use crate::config::import::yaml::Yaml;

impl Import<'_> {
    /// A dialogue, or a handshake where the connection is encrypted.
    pub(super) fn tcp(&mut self, mut tcp: Section) -> Option<Vec<(String, Yaml)>> {
        let (host, port) = (host(self.target).to_owned(), port(self.target));
        let Some(port) = port else {
            self.refuse(&format!("'{}' names no port", self.shown()));
            return None;
        };
        self.draft.host(&host);
        self.address_kind(&mut tcp);
        self.source_address(&mut tcp);
        let turns = tcp.take("query_response");
        let turns = turns.as_ref().map(|list| list.value.items()).unwrap_or_default();
        let encrypted = tcp.flag("tls").unwrap_or(false);
        let mut config = tcp.section("tls_config");
        let server_name = config.text("server_name");
        self.tls_config(&mut config);
        config.finish(self.notes);
        tcp.finish(self.notes);
        let mut place = vec![("host", Yaml::text(host)), ("port", Yaml::bare(port))];
        let starts =
            turns.iter().any(|turn| Section::of(turn.clone()).flag("starttls").unwrap_or(false));
        if !encrypted && !starts {
            let dialogue = self.dialogue(turns);
            if !dialogue.is_empty() {
                place.push(("dialogue", Yaml::List(dialogue)));
            }
            return Some(vec![("tcp".to_owned(), Yaml::map(place))]);
        }
        if let Some(name) = server_name {
            place.push(("server_name", Yaml::text(name)));
        }
        if starts {
            let Some(protocol) = protocol(turns, port) else {
                self.refuse("'starttls' is spoken with smtp, imap and postgres alone");
                return None;
            };
            place.push(("starttls", Yaml::text(protocol)));
        }
        if let Some(turn) = turns.first() {
            self.notes.at(
                turn.defined,
                "the dialogue is not carried over: over TLS a step shakes \
                                         hands, 'starttls' included, and looks at the certificate",
            );
        }
        Some(vec![("tls".to_owned(), Yaml::map(place))])
    }

    /// The turns up to the first that cannot be taken.
    fn dialogue(&mut self, turns: &[Spanned<Node>]) -> Vec<Yaml> {
        let mut dialogue = Vec::new();
        for turn in turns {
            let mut turn_section = Section::of(turn.clone());
            let expect = turn_section.take("expect");
            let bytes = turn_section.take("expect_bytes");
            let send = turn_section.take("send");
            turn_section.take("starttls");
            turn_section.cannot("labels", "no metric is made of an answer", self.notes);
            turn_section.finish(self.notes);
            let expect = match (expect, bytes) {
                // There every line is matched by itself.
                (Some(node), _) => Some(format!("(?mR){}", node.value.scalar().unwrap_or(""))),
                (None, Some(node)) => node.value.scalar().map(regex::escape),
                (None, None) => None,
            };
            let send = send.map(|node| match node.value {
                Node::Scalar(text) => Some(text),
                _ => None,
            });
            let asks = |text: &Option<String>| {
                text.as_ref().is_none_or(|text| text.contains("${") || text.contains("$1"))
            };
            if expect.as_ref().is_some_and(|text| regex::Regex::new(text).is_err())
                || send.as_ref().is_some_and(asks)
            {
                self.notes.at(
                    turn.defined,
                    "the dialogue ends before this turn: it sends bytes, \
                                             or what it heard, or its expression cannot be read",
                );
                break;
            }
            if let Some(text) = expect {
                dialogue.push(Yaml::map([("expect", Yaml::text(text))]));
            }
            if let Some(text) = send.flatten() {
                // There a line's end is put after everything that is sent.
                let text = match signs_in(&text) {
                    true => self.secret_turn(turn),
                    false => literal(&text),
                };
                dialogue.push(Yaml::map([("send", Yaml::text(text + "\n"))]));
            }
        }
        dialogue
    }

    /// A line that may hold a password is not copied.
    fn secret_turn(&mut self, turn: &Spanned<Node>) -> String {
        let value = self.draft.secret(&format!("{}_line", self.module.value));
        let name = value.trim_start_matches("${secret.").trim_end_matches('}');
        self.notes.at(
            turn.defined,
            format!(
                "what is sent looks like a secret and was not copied: write the whole line where \
             holdfast.yaml says for the secret '{name}'"
            ),
        );
        value
    }

    pub(super) fn dns(&mut self, mut dns: Section) -> Option<Vec<(String, Yaml)>> {
        let name = dns.text("query_name").unwrap_or_default();
        let record = dns.text("query_type").unwrap_or_else(|| "ANY".to_owned());
        let known = ["A", "AAAA", "CNAME", "MX", "TXT", "SRV", "NS", "SOA", "PTR"];
        let record = if known.contains(&record.as_str()) {
            record
        } else {
            let message = format!("'{record}' cannot be asked for: 'A' stands for it");
            self.notes.at(self.module.defined, message);
            "A".to_owned()
        };
        self.draft.host(host(self.target));
        self.address_kind(&mut dns);
        self.source_address(&mut dns);
        let over_tls = dns.flag("dns_over_tls").unwrap_or(false);
        let transport = dns.text("transport_protocol").unwrap_or_else(|| "udp".to_owned());
        let mut config = dns.section("tls_config");
        let server_name = config.text("server_name");
        self.tls_config(&mut config);
        config.finish(self.notes);
        let mut question = vec![
            ("name", Yaml::text(name.trim_end_matches('.'))),
            ("record", Yaml::text(record)),
            ("server", Yaml::text(self.target)),
            ("transport", Yaml::text(if over_tls { "tls" } else { transport.as_str() })),
        ];
        question.extend(server_name.map(|name| ("server_name", Yaml::text(name))));
        let mut expect = Vec::new();
        if let Some((place, node)) = dns.take_entry("valid_rcodes") {
            let codes = node.value.scalars();
            if codes.len() > 1 {
                self.notes.at(place, "a step expects one response code: the first was taken");
            }
            expect.extend(codes.first().map(|code| ("rcode", Yaml::text(*code))));
        }
        let mut answers = dns.section("validate_answer_rrs");
        expect.extend(self.answers(&mut answers));
        let whole = "records are compared without name, time to live and class: write 'answers'";
        for key in
            ["fail_if_matches_regexp", "fail_if_all_match_regexp", "fail_if_not_matches_regexp"]
        {
            answers.cannot(key, whole, self.notes);
        }
        answers.finish(self.notes);
        for key in ["validate_authority_rrs", "validate_additional_rrs"] {
            dns.cannot(key, "only the answers are looked at", self.notes);
        }
        if !matches!(dns.text("query_class").as_deref(), None | Some("IN")) {
            self.notes.at(self.module.defined, "'query_class' is not carried over: it is IN");
        }
        if dns.flag("recursion_desired") == Some(false) {
            let message = "'recursion_desired' is not carried over: recursion is always asked for";
            self.notes.at(self.module.defined, message);
        }
        dns.finish(self.notes);
        let mut step = vec![("dns".to_owned(), Yaml::map(question))];
        if !expect.is_empty() {
            step.push(("expect".to_owned(), Yaml::map(expect)));
        }
        Some(step)
    }

    /// The one test of answers that means the same here: some record matches.
    fn answers(&mut self, answers: &mut Section) -> Option<(&'static str, Yaml)> {
        let list = answers.take("fail_if_none_matches_regexp")?;
        let mut carried = None;
        for item in list.value.items() {
            let text = item.value.scalar().unwrap_or_default();
            let plain = regex::Regex::new(text).is_ok() && !text.contains(['\t', '^']);
            if plain && !text.contains("IN") && carried.is_none() {
                carried = Some(("answers", Yaml::map([("matches", Yaml::text(text))])));
            } else {
                self.notes.at(
                    item.defined,
                    "this test is not carried over: one expression for \
                                             what a record says, without name and class, has room",
                );
            }
        }
        carried
    }

    pub(super) fn icmp(&mut self, mut icmp: Section) -> Option<Vec<(String, Yaml)>> {
        let host = host(self.target);
        self.draft.host(host);
        self.address_kind(&mut icmp);
        self.source_address(&mut icmp);
        for key in ["dont_fragment", "payload_size", "ttl"] {
            icmp.cannot(key, "echoes are sent as 'ping' sends them", self.notes);
        }
        icmp.finish(self.notes);
        let echo = [("host", Yaml::text(host)), ("count", Yaml::bare(1))];
        Some(vec![("icmp".to_owned(), Yaml::map(echo))])
    }

    fn source_address(&mut self, section: &mut Section) {
        let why = "write 'source_address' under 'locations'";
        section.cannot("source_ip_address", why, self.notes);
    }

    /// Certificates and authorities are named in `holdfast.yaml`.
    pub(super) fn tls_config(&mut self, tls: &mut Section) {
        tls.cannot(
            "insecure_skip_verify",
            "Holdfast never takes a certificate unseen; name its authority under 'tls: \
             { authorities }' of the target in holdfast.yaml",
            self.notes,
        );
        let authorities = "name it under 'tls: { authorities }' of the target in holdfast.yaml";
        tls.cannot("ca_file", authorities, self.notes);
        let client = "name both under 'tls: { client }' of the target in holdfast.yaml";
        tls.cannot("cert_file", client, self.notes);
        tls.cannot("key_file", client, self.notes);
        tls.cannot("server_name", "the name in the address is looked for", self.notes);
        for key in ["min_version", "max_version"] {
            tls.cannot(key, "expect 'protocol' of a step 'tls'", self.notes);
        }
    }
}

/// Whether a line of a dialogue is one that signs in.
fn signs_in(text: &str) -> bool {
    const VERBS: [&str; 4] = ["pass", "auth", "login", "authenticate"];
    text.split_whitespace()
        .any(|word| VERBS.iter().any(|verb| word.eq_ignore_ascii_case(verb)) || is_secret(word))
}

/// The protocol that a dialogue turns to TLS from.
fn protocol(turns: &[Spanned<Node>], port: u16) -> Option<&'static str> {
    let mut said = String::new();
    let mut bytes = false;
    for turn in turns {
        if let Some(node) = Section::of(turn.clone()).take("send") {
            bytes |= node.value == Node::Bytes;
            said.push_str(node.value.scalar().unwrap_or_default());
        }
    }
    match port {
        _ if said.contains("EHLO") => Some("smtp"),
        _ if said.contains(". STARTTLS") => Some("imap"),
        5432 => Some("postgres"),
        _ if bytes => Some("postgres"),
        _ => None,
    }
}
