//! A module of HTTP.

use serde_saphyr::Spanned;
use url::Url;

use super::Import;
use crate::config::import::draft::{is_secret, literal};
use crate::config::import::expect::{Expect, Test, codes};
use crate::config::import::node::{Node, Section};
use crate::config::import::yaml::Yaml;

/// More redirects are not followed, here and there.
const REDIRECTS: u8 = 10;

impl Import<'_> {
    /// The request and what is expected of its answer.
    pub(super) fn http(&mut self, mut http: Section) -> Option<Vec<(String, Yaml)>> {
        let url = self.url()?;
        let mut request = Vec::new();
        if let Some(system) = self.draft.system(&url) {
            request.push(("system".to_owned(), Yaml::text(system)));
        }
        let method = http.text("method").unwrap_or_else(|| "GET".to_owned()).to_lowercase();
        let known = ["get", "head", "post", "put", "patch", "delete", "options"];
        if !known.contains(&method.as_str()) {
            self.refuse("its method is none a probe can use");
            return None;
        }
        if !["get", "head", "options"].contains(&method.as_str()) {
            self.notes.at(self.module.defined, format!(
                "'{}' may change records: if it does, write 'effect: write' and how it is taken \
                 back (docs/probes.md, \"Probes that write\")", method.to_uppercase()
            ));
        }
        let path = self.path(&url);
        request.push((method, Yaml::text(path)));
        let mut headers = self.headers(&mut http, &url);
        let body = self.body(&mut http, &mut headers);
        if !headers.is_empty() {
            request.push(("headers".to_owned(), Yaml::map(headers)));
        }
        request.extend(body);
        let stays = http.flag("no_follow_redirects").unwrap_or(false);
        if http.flag("follow_redirects").unwrap_or(!stays) {
            request.push(("redirects".to_owned(), Yaml::bare(REDIRECTS)));
        }
        request.extend(self.version(&mut http));
        let expect = self.expectations(&mut http, &url);
        self.left_behind(http);
        let mut step = vec![("http".to_owned(), Yaml::Map(request))];
        step.extend(expect.entries());
        Some(step)
    }

    /// The target's address; without a scheme it is http, as there.
    fn url(&mut self) -> Option<Url> {
        let scheme = if self.target.contains("://") { "" } else { "http://" };
        let url = Url::parse(&format!("{scheme}{}", self.target)).ok();
        let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        if url.is_none() {
            self.refuse(&format!("'{}' is no http address", self.shown()));
        }
        url
    }

    fn headers(&mut self, http: &mut Section, url: &Url) -> Vec<(String, Yaml)> {
        let mut headers = Vec::new();
        for (name, value) in http.section("headers").into_entries() {
            let text = value.value.scalar().unwrap_or_default().to_owned();
            headers.push((name.value.clone(), self.header(&name, &text)));
        }
        for (name, values) in http.section("http_headers").into_entries() {
            let mut values = Section::of(values);
            let secrets = values.texts("secrets").len() + values.texts("files").len();
            let value = match values.texts("values").last() {
                Some(text) if secrets == 0 => self.header(&name, text),
                _ => self.secret(&name, &name.value.to_lowercase().replace('-', "_"), ""),
            };
            values.finish(self.notes);
            headers.push((name.value, value));
        }
        if !url.username().is_empty() || url.password().is_some() {
            let at = Spanned::new(
                "the user in the target's address".to_owned(),
                self.module.referenced,
                self.module.defined,
            );
            let value = self.secret(&at, "basic_auth", "Basic ");
            headers.push(("Authorization".to_owned(), value));
        }
        if let Some((place, _)) = http.take_entry("basic_auth") {
            let at = Spanned::new("basic_auth".to_owned(), place, place);
            let value = self.secret(&at, "basic_auth", "Basic ");
            headers.push(("Authorization".to_owned(), value));
        }
        if let Some((place, node)) = http.take_entry("authorization") {
            let kind = Section::of(node).text("type").unwrap_or_else(|| "Bearer".to_owned());
            let at = Spanned::new("authorization".to_owned(), place, place);
            let value = self.secret(&at, "authorization", &format!("{kind} "));
            headers.push(("Authorization".to_owned(), value));
        }
        for key in ["bearer_token", "bearer_token_file"] {
            if let Some((place, _)) = http.take_entry(key) {
                let at = Spanned::new(key.to_owned(), place, place);
                let value = self.secret(&at, "bearer_token", "Bearer ");
                headers.push(("Authorization".to_owned(), value));
            }
        }
        self.each_once(headers)
    }

    /// A header may stand once in our files.
    fn each_once(&mut self, headers: Vec<(String, Yaml)>) -> Vec<(String, Yaml)> {
        let mut once: Vec<(String, Yaml)> = Vec::new();
        for (name, value) in headers {
            if once.iter().any(|(known, _)| known.eq_ignore_ascii_case(&name)) {
                let message = format!("a second '{name}' is not carried over: the first was taken");
                self.notes.at(self.module.defined, message);
            } else {
                once.push((name, value));
            }
        }
        once
    }

    fn header(&mut self, name: &Spanned<String>, text: &str) -> Yaml {
        if is_secret(&name.value) {
            self.secret(name, &name.value.to_lowercase().replace('-', "_"), "")
        } else {
            Yaml::text(literal(text))
        }
    }

    /// The target's path with its query, but for what looks like a password in it.
    fn path(&mut self, url: &Url) -> String {
        let mut text = literal(url.path());
        for (index, part) in url.query().into_iter().flat_map(|query| query.split('&')).enumerate()
        {
            text.push(if index == 0 { '?' } else { '&' });
            match part.split_once('=') {
                Some((name, _)) if is_secret(name) => {
                    let secret = self.draft.secret(&name.to_lowercase().replace('-', "_"));
                    self.notes.at(
                        self.module.defined,
                        format!(
                            "'{name}' in the target's address was not copied: write it where \
                         holdfast.yaml says for the secret of that name"
                        ),
                    );
                    text.push_str(&format!("{name}={secret}"));
                }
                _ => text.push_str(&literal(part)),
            }
        }
        text
    }

    /// A value that is not copied: the module's own secret.
    fn secret(&mut self, key: &Spanned<String>, name: &str, before: &str) -> Yaml {
        let name = format!("{}_{name}", self.module.value);
        let form = match before {
            "Basic " => "the base64 of 'NAME:PASSWORD'",
            _ => "it",
        };
        let value = self.draft.secret(&name);
        let name = value.trim_start_matches("${secret.").trim_end_matches('}');
        self.notes.at(key.defined, format!(
            "'{}' was not copied: write {form} where holdfast.yaml says for the secret '{name}'",
            key.value
        ));
        Yaml::text(before.to_owned() + &value)
    }

    fn body(
        &mut self,
        http: &mut Section,
        headers: &mut Vec<(String, Yaml)>,
    ) -> Option<(String, Yaml)> {
        http.cannot("body_file", "write the file's text under 'raw'", self.notes);
        let (place, node) = http.take_entry("body")?;
        let text = node.value.scalar().filter(|text| !text.is_empty())?.to_owned();
        let at = headers.iter().position(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        let kind = at.map(|at| headers.remove(at).1);
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-');
        let text = if words.clone().any(is_secret) {
            let at = Spanned::new("body".to_owned(), place, place);
            self.secret(&at, "body", "")
        } else {
            Yaml::text(literal(&text))
        };
        let kind = kind.unwrap_or_else(|| Yaml::text("text/plain"));
        Some(("raw".to_owned(), Yaml::map([("content_type", kind), ("text", text)])))
    }

    /// One version is insisted on, several are whichever the server prefers.
    fn version(&mut self, http: &mut Section) -> Option<(String, Yaml)> {
        let (place, node) = http.take_entry("valid_http_versions")?;
        let mut wanted: Vec<&str> = Vec::new();
        for version in node.value.scalars() {
            match version {
                "HTTP/1.1" => wanted.push("1.1"),
                "HTTP/2" | "HTTP/2.0" => wanted.push("2"),
                other => self.notes.at(
                    place,
                    format!("'{other}' is not carried over: requests are HTTP/1.1 or HTTP/2"),
                ),
            }
        }
        wanted.dedup();
        match wanted.as_slice() {
            [version] => Some(("version".to_owned(), Yaml::text(*version))),
            _ => None,
        }
    }

    fn expectations(&mut self, http: &mut Section, url: &Url) -> Expect {
        let mut expect = Expect::default();
        let status = http.texts("valid_status_codes");
        expect.status = status.iter().filter_map(|code| code.parse().ok()).collect();
        if expect.status.is_empty() {
            expect.status = codes(|code| (200..300).contains(&code));
        }
        for (key, negated) in
            [("fail_if_body_not_matches_regexp", false), ("fail_if_body_matches_regexp", true)]
        {
            for item in http.take(key).iter().flat_map(|list| list.value.items()) {
                let Some(test) = self.matches(item, negated) else { continue };
                if !expect.text(test) {
                    self.notes.at(item.defined, "there is no room for this test: a step has one");
                }
            }
        }
        for (key, negated) in
            [("fail_if_header_not_matches", false), ("fail_if_header_matches", true)]
        {
            for item in http.take(key).iter().flat_map(|list| list.value.items()) {
                self.header_test(item, negated, &mut expect);
            }
        }
        let (encrypted, shown) = (url.scheme() == "https", self.shown());
        let ssl = [("fail_if_ssl", encrypted), ("fail_if_not_ssl", !encrypted)];
        for (key, contradicts) in ssl {
            let Some((place, node)) = http.take_entry(key) else { continue };
            if node.value.scalar() == Some("true") && contradicts {
                self.notes
                    .at(place, format!("'{key}' is not carried over: '{}' always fails it", shown));
            }
        }
        expect
    }

    fn matches(&mut self, item: &Spanned<Node>, negated: bool) -> Option<Test> {
        let text = item.value.scalar()?;
        if regex::Regex::new(text).is_err() {
            self.notes.at(item.defined, "this expression cannot be read here: write it anew");
            return None;
        }
        let test = Test::Matches(text.to_owned());
        Some(if negated { test.not() } else { test })
    }

    fn header_test(&mut self, item: &Spanned<Node>, negated: bool, expect: &mut Expect) {
        let mut spec = Section::of(item.clone());
        let name = spec.text("header").unwrap_or_default();
        let may_miss = spec.flag("allow_missing").unwrap_or(false);
        let Some(regexp) = spec.take("regexp") else { return };
        spec.finish(self.notes);
        let Some(test) = self.matches(&regexp, negated) else { return };
        let room = match (negated, may_miss) {
            (false, true) => {
                return self.notes.at(item.defined, format!(
                    "the test of '{name}' is not carried over: it cannot be that a header matches \
                     or is missing"
                ));
            }
            // What does not match may be missing, unless it must be there too.
            (true, false) => expect.header(&name, test) && expect.header(&name, Test::Exists),
            _ => expect.header(&name, test),
        };
        if !room {
            let message = format!("a further test of '{name}' has no room: a step has one of each");
            self.notes.at(item.defined, message);
        }
    }

    fn left_behind(&mut self, mut http: Section) {
        self.address_kind(&mut http);
        let mut tls = http.section("tls_config");
        self.tls_config(&mut tls);
        tls.finish(self.notes);
        if !matches!(http.text("compression").as_deref(), None | Some("" | "gzip" | "identity")) {
            self.notes.at(
                self.module.defined,
                "'compression' is not carried over: gzip is asked \
                                                for and unpacked",
            );
        }
        let proxy = "probes go as staff go, without a proxy; probe the proxy by a step of its own";
        for key in [
            "proxy_url",
            "no_proxy",
            "proxy_from_environment",
            "proxy_connect_header",
            "skip_resolve_phase_with_proxy",
        ] {
            http.cannot(key, proxy, self.notes);
        }
        let cel = "write it under 'expect: { json }'";
        http.cannot("fail_if_body_json_matches_cel", cel, self.notes);
        http.cannot("fail_if_body_json_not_matches_cel", cel, self.notes);
        let token = "fetch the token by a step of its own, and capture it";
        http.cannot("oauth2", token, self.notes);
        http.cannot("body_size_limit", "4 MiB are read; expect 'size_bytes'", self.notes);
        http.cannot("enable_http3", "requests are HTTP/1.1 or HTTP/2", self.notes);
        if http.flag("enable_http2") == Some(false) {
            let message = "'enable_http2: false' is not carried over: write 'version: \"1.1\"'";
            self.notes.at(self.module.defined, message);
        }
        http.finish(self.notes);
    }
}
