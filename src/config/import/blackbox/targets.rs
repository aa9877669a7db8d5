//! What blackbox_exporter is asked to probe: by Prometheus' scrape configurations, or by hand.

use std::time::Duration;

use super::duration;
use crate::config::diagnostics::{Diagnostic, Diagnostics, Faults};
use crate::config::import::node::{self, Section};

/// The module Prometheus asks for when it names none.
const DEFAULT_MODULE: &str = "http_2xx";
/// Prometheus' own default.
const SCRAPE_INTERVAL: Duration = Duration::from_secs(60);

/// A target to be probed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// As blackbox_exporter takes it: an address, `host:port` or a host.
    pub target: String,
    /// The module it is probed with; every module of its kind when there is none.
    pub module: Option<String>,
    pub interval: Option<Duration>,
}

impl Asked {
    /// A target given by hand.
    #[must_use]
    pub fn by_hand(target: String) -> Self {
        Self { target, module: None, interval: None }
    }

    /// Whether it is to be probed with this module.
    pub(super) fn fits(&self, module: &str, prober: &str) -> bool {
        if let Some(asked) = &self.module {
            return asked == module;
        }
        let (is_address, has_port) = (self.target.contains("://"), port(&self.target).is_some());
        match prober {
            "http" => is_address,
            "tcp" => !is_address && has_port,
            "dns" | "icmp" => !is_address && !has_port,
            _ => false,
        }
    }
}

/// The port of `host:port`.
pub(super) fn port(target: &str) -> Option<u16> {
    if target.parse::<std::net::Ipv6Addr>().is_ok() {
        return None;
    }
    target.rsplit_once(':')?.1.parse().ok()
}

/// The host of `host:port` or of a host alone.
pub(super) fn host(target: &str) -> &str {
    let host = match port(target) {
        Some(_) => target.rsplit_once(':').map_or(target, |(host, _)| host),
        None => target,
    };
    host.trim_matches(['[', ']'])
}

/// What a Prometheus asks blackbox_exporter for, and what of it cannot be seen from here.
///
/// # Errors
/// When it is no configuration of Prometheus.
pub fn from_prometheus(
    file: &str,
    text: &str,
) -> Result<(Vec<Asked>, Vec<Diagnostic>), Diagnostics> {
    let mut root = node::read(file, text)?;
    let mut notes = Faults::new(file);
    let mut global = root.section("global");
    let usual = global.text("scrape_interval").and_then(|text| duration(&text));
    let Some(scrapes) = root.take("scrape_configs") else {
        notes.whole("is no configuration of Prometheus: it has no 'scrape_configs:'");
        return Err(Diagnostics(notes.take()));
    };
    let mut asked = Vec::new();
    for scrape in scrapes.value.items() {
        let mut scrape = Section::of(scrape.clone());
        let modules = scrape.section("params").texts("module");
        let probes = scrape.text("metrics_path").is_some_and(|path| path == "/probe");
        if !probes && modules.is_empty() {
            continue;
        }
        let interval = scrape.text("scrape_interval").and_then(|text| duration(&text));
        let interval = interval.or(usual).unwrap_or(SCRAPE_INTERVAL);
        let module = modules.first().map_or(DEFAULT_MODULE, String::as_str);
        for group in scrape.take("static_configs").iter().flat_map(|list| list.value.items()) {
            for target in Section::of(group.clone()).texts("targets") {
                let module = Some(module.to_owned());
                asked.push(Asked { target, module, interval: Some(interval) });
            }
        }
        for (key, _) in scrape.into_entries() {
            if key.value.ends_with("_sd_configs") {
                let message = "the targets found by '{}' are not seen: name them by '--target'";
                notes.at(key.defined, message.replace("{}", &key.value));
            }
        }
    }
    Ok((asked, notes.take()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_found_with_their_modules() {
        let text = "global: { scrape_interval: 15s }\nscrape_configs:\n\
                    - job_name: node\n  static_configs: [{ targets: [localhost:9100] }]\n\
                    - job_name: web\n  metrics_path: /probe\n  params: { module: [http_post] }\n\
                    \x20 file_sd_configs: [{ files: [x.json] }]\n\
                    \x20 static_configs: [{ targets: ['https://a.example'] }]\n";
        let (asked, notes) = from_prometheus("p", text).unwrap();
        let expected = Asked {
            target: "https://a.example".to_owned(),
            module: Some("http_post".to_owned()),
            interval: Some(Duration::from_secs(15)),
        };
        assert_eq!(asked, [expected]);
        assert_eq!(
            notes[0].to_string(),
            "p:8:3: the targets found by 'file_sd_configs' are not seen: name them by '--target'"
        );
        assert_eq!((host("[fd00::1]:53"), port("[fd00::1]:53")), ("fd00::1", Some(53)));
        assert_eq!((host("fd00::1"), port("fd00::1")), ("fd00::1", None));
    }
}
