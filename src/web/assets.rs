//! The stylesheet, the script and the icon: in the binary, and served for good under a name that
//! changes with their content.
//!
//! No asset of a third party, and nothing that a page cannot do without.

use axum::http::{HeaderName, header};
use axum::response::IntoResponse;

const STYLESHEET: &str = include_str!("assets/holdfast.css");
const SCRIPT: &str = include_str!("assets/live.js");
const ICON: &str = include_str!("assets/holdfast.svg");

/// A year: the URL carries a mark of the content.
const FOREVER: &str = "public, max-age=31536000, immutable";

/// URL of the stylesheet.
#[must_use]
pub fn stylesheet_url() -> String {
    format!("/assets/holdfast.css?v={:08x}", mark(STYLESHEET))
}

/// URL of the script that refreshes regions.
#[must_use]
pub fn script_url() -> String {
    format!("/assets/live.js?v={:08x}", mark(SCRIPT))
}

/// URL of the icon.
#[must_use]
pub fn icon_url() -> String {
    format!("/assets/holdfast.svg?v={:08x}", mark(ICON))
}

pub(super) async fn stylesheet() -> impl IntoResponse {
    (asset_headers("text/css; charset=utf-8"), STYLESHEET)
}

pub(super) async fn script() -> impl IntoResponse {
    (asset_headers("text/javascript; charset=utf-8"), SCRIPT)
}

pub(super) async fn icon() -> impl IntoResponse {
    (asset_headers("image/svg+xml"), ICON)
}

fn asset_headers(kind: &'static str) -> [(HeaderName, &'static str); 2] {
    [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, FOREVER)]
}

/// FNV-1a, 32 bit: a mark that changes with the content, no protection against anybody.
const fn mark(text: &str) -> u32 {
    let bytes = text.as_bytes();
    let mut hash = 0x811c_9dc5_u32;
    let mut at = 0;
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u32).wrapping_mul(0x0100_0193);
        at += 1;
    }
    hash
}

#[cfg(test)]
mod tests {
    //! The colours: every declared pair reaches its ratio, in both schemes.

    use std::collections::BTreeMap;

    use super::STYLESHEET;

    /// Tokens of the first block after `start` that opens with `:root {`.
    fn tokens(start: &str) -> BTreeMap<String, String> {
        let from = STYLESHEET.find(start).expect("the stylesheet has this block");
        let block = &STYLESHEET[from..];
        let block = &block[block.find(":root {").expect("tokens stand in :root")..];
        let block = &block[..block.find('}').expect("the block ends")];
        let mut tokens = BTreeMap::new();
        for line in block.split([';', '{']) {
            if let Some((name, value)) = line.trim().split_once(": ")
                && let Some(name) = name.strip_prefix("--")
                && value.starts_with('#')
            {
                tokens.insert(name.to_owned(), value.to_owned());
            }
        }
        tokens
    }

    /// Relative luminance as in WCAG 2.2.
    fn luminance(hex: &str) -> f64 {
        let channel = |at: usize| {
            let value = u8::from_str_radix(&hex[at..at + 2], 16).expect("a colour has six digits");
            let value = f64::from(value) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    fn ratio(one: &str, other: &str) -> f64 {
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn every_declared_pair_reaches_its_contrast_in_both_schemes() {
        let light = tokens("/* ---------- tokens");
        let dark = tokens("@media (prefers-color-scheme: dark)");
        assert_eq!(light.keys().collect::<Vec<_>>(), dark.keys().collect::<Vec<_>>());
        let mut faults = Vec::new();
        let mut pairs = 0;
        for line in STYLESHEET.lines().filter_map(|line| line.split_once("@pair ")) {
            let words: Vec<&str> = line.1.split_whitespace().collect();
            let [front, back, least] = words[..] else {
                panic!("a pair has three words: {line:?}")
            };
            let least: f64 = least.parse().unwrap();
            for (scheme, tokens) in [("light", &light), ("dark", &dark)] {
                let ratio = ratio(&tokens[front], &tokens[back]);
                if ratio < least {
                    faults.push(format!("{front} on {back}, {scheme}: {ratio:.2} < {least}"));
                }
            }
            pairs += 1;
        }
        assert!(pairs >= 30, "only {pairs} pairs are declared");
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }

    #[test]
    fn the_ratio_is_the_one_of_wcag() {
        assert!((ratio("#000000", "#ffffff") - 21.0).abs() < 1e-9);
        assert!((ratio("#777777", "#ffffff") - 4.48).abs() < 0.01);
    }

    #[test]
    fn rules_use_tokens_and_no_other_colour() {
        let rules = &STYLESHEET[STYLESHEET.find("/* ---------- ground").unwrap()..];
        let screen = &rules[..rules.find("@media print").unwrap()];
        for line in screen.lines() {
            let colour = line.split(|c: char| c.is_whitespace() || c == ';').any(|word| {
                word.strip_prefix('#').is_some_and(|hex| {
                    [3, 6].contains(&hex.len()) && hex.chars().all(|c| c.is_ascii_hexdigit())
                })
            });
            assert!(!colour, "a colour that is no token: {line}");
        }
    }

    #[test]
    fn type_keeps_to_four_sizes() {
        for line in STYLESHEET.lines().filter(|line| line.contains("font-size:")) {
            let sized = line.contains("var(--") || line.contains("pt") || line.contains("100%");
            assert!(sized, "a size outside the system: {line}");
        }
    }
}
