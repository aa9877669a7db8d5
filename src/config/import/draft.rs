//! A probe file in the making: its target, other systems, secrets and probes.
//!
//! What such a file needs and no other program knows (offices, networks, the time zone) is filled
//! with what the file passes validation by, and a note says so.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use url::{Host, Url};

use super::yaml::Yaml;
use crate::config::diagnostics::Faults;
use crate::config::probes::FORMAT;
use crate::domain::length::Length;
use crate::domain::network::Network;

/// Ranges that are nobody else's: RFC 1918 and RFC 4193.
const PRIVATE: [&str; 4] = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fd00::/8"];
/// The address of a target when nothing says where it is.
const UNKNOWN_ADDRESS: &str = "https://case-system.example";

/// A probe file in the making.
#[derive(Debug, Default)]
pub struct Draft {
    /// Origins in the order they were met: the first is the target's, the others are its systems.
    origins: Vec<(String, Url)>,
    hosts: BTreeSet<String>,
    secrets: Vec<String>,
    ids: BTreeSet<String>,
    probes: Vec<Yaml>,
}

/// One probe of it.
#[derive(Debug)]
pub struct ProbeDraft {
    pub id: String,
    pub title: String,
    pub interval: Duration,
    pub timeout: Duration,
    pub steps: Vec<Yaml>,
}

impl Draft {
    /// The name of the system a request goes to; none for the target itself.
    pub fn system(&mut self, url: &Url) -> Option<String> {
        let origin = origin(url);
        if let Some(host) = url.host_str() {
            self.host(host);
        }
        if let Some(at) = self.origins.iter().position(|(_, known)| *known == origin) {
            return (at > 0).then(|| self.origins[at].0.clone());
        }
        let host = url.host_str().unwrap_or("system");
        let taken: BTreeSet<String> = self.origins.iter().map(|(name, _)| name.clone()).collect();
        let name = unique(&slug(host), &taken);
        self.origins.push((name.clone(), origin));
        (self.origins.len() > 1).then_some(name)
    }

    /// Notes a host that probes reach.
    pub fn host(&mut self, host: &str) {
        self.hosts.insert(host.trim_matches(['[', ']']).to_owned());
    }

    /// How a text asks for a secret of this name.
    pub fn secret(&mut self, name: &str) -> String {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let name: String = name.chars().map(|c| if fits(c) { c } else { '_' }).collect();
        if !self.secrets.contains(&name) {
            self.secrets.push(name.clone());
        }
        format!("${{secret.{name}}}")
    }

    /// An id for a probe that no other has.
    pub fn probe_id(&mut self, wish: &str) -> String {
        let id = unique(&slug(wish), &self.ids);
        self.ids.insert(id.clone());
        id
    }

    pub fn add(&mut self, probe: ProbeDraft) {
        let ProbeDraft { id, title, interval, timeout, steps } = probe;
        self.probes.push(Yaml::map([
            ("id", Yaml::text(id)),
            ("title", Yaml::text(title)),
            ("kind", Yaml::text("journey")),
            ("weight", Yaml::text("essential")),
            ("interval", length(interval)),
            ("timeout", length(timeout)),
            ("steps", Yaml::List(steps)),
        ]));
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.probes.is_empty()
    }

    /// The whole file, and a note of what was filled in.
    #[must_use]
    pub fn render(self, from: &str, networks: &[Network], notes: &mut Faults) -> String {
        let unknown = || Url::parse(UNKNOWN_ADDRESS).ok().map(|url| (String::new(), url));
        let base = self.origins.first().cloned().or_else(unknown);
        let base = base.map(|(_, url)| url);
        let host = self.hosts.first().cloned();
        let known = self.origins.first().and_then(|(_, url)| url.host_str().map(str::to_owned));
        let title = known.or(host).unwrap_or_else(|| "case-system".to_owned());
        let id = Host::parse(&title)
            .ok()
            .and_then(|host| match host {
                Host::Domain(name) => name.split('.').next().map(str::to_owned),
                Host::Ipv4(_) | Host::Ipv6(_) => None,
            })
            .unwrap_or_else(|| title.clone());
        let address = base.map_or_else(|| UNKNOWN_ADDRESS.to_owned(), |url| origin_text(&url));
        let mut keys = vec![
            ("format", Yaml::text(FORMAT)),
            ("target", Yaml::text(slug(&id))),
            ("title", Yaml::text(&title)),
            ("base_url", Yaml::text(address)),
        ];
        if self.origins.len() > 1 {
            let system = |(name, url): &(String, Url)| {
                (name.clone(), Yaml::map([("base_url", Yaml::text(origin_text(url)))]))
            };
            keys.push(("systems", Yaml::map(self.origins[1..].iter().map(system))));
        }
        keys.push(("time_zone", Yaml::text("UTC")));
        keys.push(("networks", self.networks(networks, notes)));
        keys.push(("locations", Yaml::List(vec![place("here", "Here", [])])));
        let staff = [
            ("head_count", Yaml::bare(1)),
            ("office", Yaml::text("office")),
            ("locations", Yaml::List(vec![Yaml::text("here")])),
        ];
        keys.push(("cohorts", Yaml::List(vec![place("everyone", "Everyone", staff)])));
        if !self.secrets.is_empty() {
            let names = self.secrets.iter().map(Yaml::text);
            keys.push(("secrets", Yaml::List(names.collect())));
        }
        keys.push(("probes", Yaml::List(self.probes)));
        notes.whole(
            "says nothing of staff: write your offices under 'locations' and 'cohorts', with head \
             counts and 'time_zone', and give each probe a 'title' and 'objectives'",
        );
        let head = "yaml-language-server: $schema=../schemas/probes.json";
        let made = format!("Made from {from} by 'holdfast probe import', which said what it left.");
        format!("# {head}\n#\n# {made}\n{}", Yaml::map(keys).document())
    }

    /// The ranges asked for; else the addresses themselves, and private ones where a name stands.
    fn networks(&self, asked: &[Network], notes: &mut Faults) -> Yaml {
        if !asked.is_empty() {
            return Yaml::List(asked.iter().map(|one| range(one.to_string())).collect());
        }
        let mut ranges: Vec<String> = Vec::new();
        let mut names = Vec::new();
        for host in &self.hosts {
            match host.parse::<IpAddr>() {
                Ok(IpAddr::V4(address)) => ranges.push(format!("{address}/32")),
                Ok(IpAddr::V6(address)) => ranges.push(format!("{address}/128")),
                Err(_) if host == "localhost" => {
                    ranges.extend(["127.0.0.0/8", "::1/128"].map(str::to_owned));
                }
                Err(_) => names.push(host.as_str()),
            }
        }
        if !names.is_empty() || ranges.is_empty() {
            ranges.extend(PRIVATE.map(str::to_owned));
            notes.whole(format!(
                "does not say which networks hold {}: probes reach private addresses alone until \
                 'networks' names others",
                if names.is_empty() { "the target".to_owned() } else { names.join(", ") }
            ));
        }
        Yaml::List(ranges.into_iter().map(range).collect())
    }
}

/// A range of addresses; colons want quotes.
fn range(text: String) -> Yaml {
    if text.contains(':') { Yaml::Text(text) } else { Yaml::Bare(text) }
}

/// A location or cohort.
fn place<const N: usize>(id: &str, title: &str, more: [(&str, Yaml); N]) -> Yaml {
    let first = [("id", Yaml::text(id)), ("title", Yaml::text(title))];
    Yaml::map(first.into_iter().chain(more))
}

/// A length of time, to the second where it is longer than one.
#[must_use]
pub fn length(time: Duration) -> Yaml {
    let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let text = if millis < 1_000 || !millis.is_multiple_of(1_000) {
        format!("{millis} ms")
    } else {
        Length::from_secs(millis / 1_000).to_string()
    };
    Yaml::Bare(text)
}

/// A text as it stands, whatever signs are in it.
#[must_use]
pub fn literal(text: &str) -> String {
    text.replace("${", "$${")
}

/// Whether a name is one under which secrets are sent.
#[must_use]
pub fn is_secret(name: &str) -> bool {
    const WORDS: [&str; 9] = [
        "authorization",
        "password",
        "passwd",
        "secret",
        "token",
        "api-key",
        "api_key",
        "apikey",
        "session",
    ];
    let name = name.to_ascii_lowercase();
    ["cookie", "pwd", "sid"].contains(&name.as_str())
        || WORDS.iter().any(|word| name.contains(word))
}

/// An id made of any text.
#[must_use]
pub fn slug(text: &str) -> String {
    let mut id = String::new();
    for c in text.to_ascii_lowercase().chars() {
        match c {
            'a'..='z' | '0'..='9' => id.push(c),
            _ if !id.is_empty() && !id.ends_with('-') => id.push('-'),
            _ => {}
        }
    }
    if !id.starts_with(|c: char| c.is_ascii_lowercase()) {
        id.insert_str(0, "x-");
    }
    id.truncate(56);
    id.trim_matches('-').to_owned()
}

/// The wish, or the first of its followers that is free.
#[must_use]
pub fn unique(wish: &str, taken: &BTreeSet<String>) -> String {
    let free = |id: &String| !taken.contains(id);
    let followers = (2..).map(|number: u32| format!("{wish}-{number}"));
    std::iter::once(wish.to_owned()).chain(followers).find(free).unwrap_or_default()
}

fn origin(url: &Url) -> Url {
    let mut origin = url.clone();
    // An http address with a host takes all of these.
    let _ = origin.set_username("");
    let _ = origin.set_password(None);
    origin.set_path("");
    origin.set_query(None);
    origin.set_fragment(None);
    origin
}

fn origin_text(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}
