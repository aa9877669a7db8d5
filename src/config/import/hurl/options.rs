//! `[Options]` of a Hurl entry.

use std::time::Duration;

use super::Import;
use super::reader::Entry;

/// How often Hurl asks again when it does not say when.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);
/// A `retry` without end ends here.
const ENDLESS: u32 = 30;
/// More redirects are not followed.
const MAX_REDIRECTS: u8 = 10;

/// What an entry's options come to.
#[derive(Debug, Default)]
pub struct Options {
    pub skip: bool,
    pub redirects: Option<u8>,
    pub delay: Option<Duration>,
    /// Interval and length of asking again.
    pub until: Option<(Duration, Duration)>,
    pub version: Option<&'static str>,
    pub user: Option<String>,
}

impl Import<'_> {
    pub fn options(&mut self, entry: &Entry) -> Options {
        let mut options = Options::default();
        let (mut retries, mut interval, mut location) = (None, RETRY_INTERVAL, false);
        let sections = entry.sections.iter().filter(|section| section.name == "Options");
        for pair in sections.flat_map(|section| &section.pairs) {
            let (line, value) = (pair.line, self.names.resolved(&pair.value));
            let is_on = value == "true";
            match pair.name.as_str() {
                "skip" => options.skip = is_on,
                "location" | "location-trusted" => location = is_on,
                "max-redirs" => options.redirects = value.parse().ok(),
                "delay" => options.delay = duration(&value),
                "retry" => retries = value.parse::<i64>().ok(),
                "retry-interval" => interval = duration(&value).unwrap_or(RETRY_INTERVAL),
                "http1.1" if is_on => options.version = Some("1.1"),
                "http2" | "http2-prior-knowledge" if is_on => options.version = Some("2"),
                "user" => options.user = Some(value),
                "variable" => {
                    let (name, value) = value.split_once('=').unwrap_or((&value, ""));
                    self.names.give(name.trim(), value.trim().trim_matches('"'));
                }
                // These change what is printed, or nothing when they are off.
                "verbose"
                | "very-verbose"
                | "verbosity"
                | "output"
                | "compressed"
                | "no-jsonpath-coercion"
                | "fail-with-body"
                | "no-header" => {}
                _ if value == "false" => {}
                name => {
                    let why = advice(name);
                    self.note(line, format!("the option '{name}' is not carried over: {why}"));
                }
            }
        }
        if location {
            let most = options.redirects.unwrap_or(MAX_REDIRECTS).min(MAX_REDIRECTS);
            options.redirects = Some(most);
        } else {
            options.redirects = None;
        }
        options.until = retries.filter(|count| *count != 0).map(|count| {
            let count = u32::try_from(count).unwrap_or(ENDLESS).min(ENDLESS);
            (interval, interval * count)
        });
        options
    }
}

fn advice(name: &str) -> &'static str {
    match name {
        "insecure" => {
            "Holdfast never takes a certificate unseen; name its authority under 'tls: \
             { authorities }' of the target in holdfast.yaml"
        }
        "cacert" => "name the file under 'tls: { authorities }' of the target in holdfast.yaml",
        "cert" | "key" => "name both under 'tls: { client }' of the target in holdfast.yaml",
        "repeat" => "a probe repeats by its interval",
        "max-time" | "connect-timeout" => "the probe's 'timeout' bounds all of its steps",
        "proxy" | "connect-to" | "resolve" | "unix-socket" => {
            "probes go where staff go, by the location's own resolver; set 'base_url' instead"
        }
        "ipv4" | "ipv6" => "leave the other kind out of 'networks'",
        "http1.0" | "http3" => "requests are HTTP/1.1 or HTTP/2",
        "aws-sigv4" | "digest" | "ntlm" | "negotiate" | "netrc" | "netrc-file"
        | "netrc-optional" => "only what stands in a header or a form can sign in",
        "header" => "write it under 'headers' of the step",
        "tls-min" | "tls-max" => "expect 'protocol' of a step 'tls'",
        _ => "nothing does the same",
    }
}

/// As in `500`, `500ms`, `3s`, `1m`: milliseconds by themselves.
fn duration(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().ok()?;
    match &text[digits..] {
        "" | "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_secs(60 * number)),
        "h" => Some(Duration::from_secs(3_600 * number)),
        _ => None,
    }
}
