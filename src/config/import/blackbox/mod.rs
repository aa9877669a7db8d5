//! blackbox_exporter's modules, each with the targets that Prometheus or the command line names.
//!
//! Reference: <https://github.com/prometheus/blackbox_exporter/blob/master/CONFIGURATION.md>. One
//! probe is made of every pair of module and target; what is not carried over is said once a
//! module.

mod http;
mod network;
mod targets;

use std::time::Duration;

use serde_saphyr::Spanned;

pub use targets::{Asked, from_prometheus};

use super::Imported;
use super::draft::{Draft, ProbeDraft, is_secret};
use super::node::{self, Node, Section};
use super::yaml::Yaml;
use crate::config::diagnostics::{Diagnostic, Faults};
use crate::domain::network::Network;

/// How often it runs, and how long it may take, where nothing says so.
const INTERVAL: Duration = Duration::from_secs(60);
const TIMEOUT: Duration = Duration::from_secs(10);

/// A module and a target on their way to a probe.
struct Import<'a> {
    draft: &'a mut Draft,
    notes: &'a mut Faults,
    module: &'a Spanned<String>,
    target: &'a str,
}

/// Makes a probe file of a configuration and its targets.
///
/// # Errors
/// When it is no such configuration, or no module of it fits a target.
pub fn import(
    file: &str,
    text: &str,
    asked: &[Asked],
    networks: &[Network],
) -> Result<Imported, Diagnostic> {
    let whole = |message: &str| Diagnostic {
        file: file.to_owned(),
        line: 0,
        column: 0,
        message: message.to_owned(),
    };
    let mut root = node::read(file, text)?;
    let Some(modules) = root.take("modules") else {
        return Err(whole("is no configuration of blackbox_exporter: it has no 'modules:'"));
    };
    let mut notes = Faults::new(file);
    let mut draft = Draft::default();
    for (name, module) in Section::of(modules).into_entries() {
        let prober = Section::of(module.clone()).text("prober").unwrap_or_default();
        let fits = |asked: &&Asked| asked.fits(&name.value, &prober);
        let mut named = false;
        for asked in asked.iter().filter(fits) {
            named = true;
            let target = asked.target.as_str();
            let (draft, notes) = (&mut draft, &mut notes);
            let import = Import { draft, notes, module: &name, target };
            import.probe(&prober, module.clone(), asked);
        }
        if !named {
            notes.at(name.defined, unnamed(&name.value, &prober));
        }
    }
    root.finish(&mut notes);
    if draft.is_empty() {
        let found: Vec<String> = notes.take().iter().map(ToString::to_string).collect();
        let why = "nothing of it can be carried over:\n";
        return Err(whole(&(why.to_owned() + &found.join("\n"))));
    }
    let text = draft.render(file, networks, &mut notes);
    // What a module leaves behind it leaves behind with every target.
    let mut told = Vec::new();
    for note in notes.take() {
        if !told.contains(&note) {
            told.push(note);
        }
    }
    Ok(Imported { text, notes: told })
}

/// What to do for a module without a target.
fn unnamed(module: &str, prober: &str) -> String {
    let instead = match prober {
        "http" => "'--target https://host/path'",
        "tcp" => "'--target host:port'",
        "dns" | "icmp" => "'--target host'",
        other => {
            return format!(
                "the module '{module}' is not carried over: no step speaks '{other}'; probe what \
                 answers over HTTP or TCP beside it"
            );
        }
    };
    format!(
        "the module '{module}' is not carried over: no target is named for it; write {instead} or \
         '--prometheus FILE'"
    )
}

impl Import<'_> {
    /// Makes the probe, if it can be made.
    fn probe(mut self, prober: &str, module: Spanned<Node>, asked: &Asked) {
        let mut module = Section::of(module);
        module.take("prober");
        let timeout = module.text("timeout").and_then(|text| duration(&text));
        let interval = asked.interval.unwrap_or(INTERVAL);
        let timeout = timeout.unwrap_or(TIMEOUT).min(interval);
        let step = match prober {
            "http" => self.http(module.section("http")),
            "tcp" => self.tcp(module.section("tcp")),
            "dns" => self.dns(module.section("dns")),
            "icmp" => self.icmp(module.section("icmp")),
            _ => return self.notes.at(self.module.defined, unnamed(&self.module.value, prober)),
        };
        // Sections of other probers are read by nobody there either.
        for other in ["http", "tcp", "dns", "icmp", "grpc", "unix", "websocket"] {
            module.take(other);
        }
        module.finish(self.notes);
        let Some(mut step) = step else { return };
        let name = &self.module.value;
        let id = self.draft.probe_id(&format!("{name}-{}", host_of(&self.shown())));
        step.insert(0, ("id".to_owned(), Yaml::text(super::draft::slug(name))));
        self.draft.add(ProbeDraft {
            id,
            title: format!("{name} of {}", self.shown()),
            interval,
            timeout,
            steps: vec![Yaml::Map(step)],
        });
    }

    /// The target as a title or a note may show it: without what may be a password.
    fn shown(&self) -> String {
        let target = self.target.split('#').next().unwrap_or_default();
        let (address, query) = target.split_once('?').unwrap_or((target, ""));
        let (scheme, rest) = match address.split_once("://") {
            Some((scheme, rest)) => (format!("{scheme}://"), rest),
            None => (String::new(), address),
        };
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
        let shown = |part: &str| match part.split_once('=') {
            Some((name, _)) if is_secret(name) => format!("{name}=…"),
            _ => part.to_owned(),
        };
        let query: Vec<String> =
            query.split('&').filter(|part| !part.is_empty()).map(shown).collect();
        let sign = if query.is_empty() { "" } else { "?" };
        format!("{scheme}{host}{path}{sign}{}", query.join("&"))
    }

    /// Says that the whole module is left behind.
    fn refuse(&mut self, why: &str) {
        let name = &self.module.value;
        let message = format!("the module '{name}' is not carried over: {why}");
        self.notes.at(self.module.defined, message);
    }

    /// Which of an address's kinds is spoken is not chosen here.
    fn address_kind(&mut self, section: &mut Section) {
        let why = "all addresses of a name are tried; leave one kind out of 'networks' instead";
        section.cannot("preferred_ip_protocol", why, self.notes);
        section.take("ip_protocol_fallback");
    }
}

/// A host's part of a target, for ids.
fn host_of(target: &str) -> &str {
    let after = target.split_once("://").map_or(target, |(_, after)| after);
    after.split(['/', '?']).next().unwrap_or(after)
}

/// As in `5s`, `1m30s`, `500ms`.
fn duration(text: &str) -> Option<Duration> {
    let mut total = Duration::ZERO;
    let mut rest = text.trim();
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        let unit_end = rest[digits..].find(|c: char| c.is_ascii_digit());
        let unit = &rest[digits..unit_end.map_or(rest.len(), |end| digits + end)];
        let seconds = match unit {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3_600.0,
            "d" => 86_400.0,
            "w" => 604_800.0,
            "y" => 31_536_000.0,
            _ => return None,
        };
        total += Duration::try_from_secs_f64(number * seconds).ok()?;
        rest = &rest[digits + unit.len()..];
    }
    (!total.is_zero()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_as_prometheus_writes_them() {
        assert_eq!(duration("5s"), Some(Duration::from_secs(5)));
        assert_eq!(duration("1m30s"), Some(Duration::from_secs(90)));
        assert_eq!(duration("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(duration("5"), None);
    }
}
