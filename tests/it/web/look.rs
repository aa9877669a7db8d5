//! Every page in a real browser: no violation of axe-core's rules, light and dark, wide and narrow.
//!
//! `HOLDFAST_LOOK=folder` keeps a screenshot of each, for people to look at.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::browser::{Appearance, Browser, NARROW, NARROW_DARK, WIDE, WIDE_DARK};
use super::copy::{crisis_team, open};
use super::serve;

/// Pages by name; all are asked by somebody of operations.
const PAGES: &[(&str, &str)] = &[
    ("staff-nobody", "/"),
    ("staff", "/?office=noarlunga"),
    ("staff-copy", "/?office=crisis-team"),
    ("staff-working", "/?office=youth-justice"),
    ("reported", "/reported?office=noarlunga&at=2026-03-02T23:19:00Z"),
    ("phones", "/phones"),
    ("nothing", "/nothing-here"),
    ("ops-now", "/ops"),
    ("ops-outage", "/ops/outages/c3ms-20260302T230109-1"),
    ("ops-plan", "/ops/activations/case-system-down-20260302-1"),
    ("ops-drill", "/ops/activations/case-system-down-20260302-2"),
    ("ops-probes", "/ops/probes"),
    ("ops-probe", "/ops/probes/c3ms/find-person"),
    ("report", "/reports?from=2026-03-03&to=2026-03-03"),
    ("report-wrong", "/reports?from=2026-03-04&to=2026-03-03"),
];

/// axe-core, as `tests/package.json` pins it.
fn axe() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/node_modules/axe-core/axe.min.js");
    std::fs::read_to_string(&path)
        .unwrap_or_else(|_| panic!("{} is missing: run npm ci --prefix tests", path.display()))
}

const RUN_AXE: &str = "const done = arguments[0]; axe.run({ runOnly: ['wcag2a', 'wcag2aa', \
    'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }).then(found => done(found.violations.map(\
    one => one.id + ': ' + one.nodes.map(node => node.html + ' ' + node.failureSummary).join(' | '))))";

/// The page must not scroll sideways: what does not fit wraps or scrolls in a frame of its own.
const SIDEWAYS: &str = "return document.documentElement.scrollWidth - window.innerWidth";

async fn look(appearance: Appearance, suffix: &str) {
    let served = serve().await;
    served.copy.send(open(crisis_team())).unwrap();
    let browser = Browser::start(appearance).await;
    let folder = std::env::var_os("HOLDFAST_LOOK").map(PathBuf::from);
    let only = std::env::var("HOLDFAST_LOOK_ONLY").unwrap_or_default();
    let axe = axe();
    let mut faults = Vec::new();
    browser.client.goto(&served.url("/enter/operations")).await.unwrap();
    for (name, path) in PAGES.iter().filter(|(name, _)| name.contains(&only)) {
        browser.client.goto(&served.url(path)).await.unwrap();
        if let Some(folder) = &folder {
            std::fs::create_dir_all(folder).unwrap();
            let picture = browser.client.screenshot().await.unwrap();
            std::fs::write(folder.join(format!("{name}-{suffix}.png")), picture).unwrap();
        }
        browser.client.execute(&axe, Vec::new()).await.unwrap();
        match browser.client.execute_async(RUN_AXE, Vec::new()).await.unwrap() {
            Value::Array(found) if found.is_empty() => {}
            found => faults.push(format!("{name}: {found:#}")),
        }
        let sideways = browser.client.execute(SIDEWAYS, Vec::new()).await.unwrap();
        if sideways.as_i64().unwrap() > 0 {
            faults.push(format!("{name}: {sideways} px wider than its window"));
        }
    }
    browser.close().await;
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_accessible_wide() {
    look(WIDE, "wide").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_accessible_narrow() {
    look(NARROW, "narrow").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_accessible_wide_in_the_dark() {
    look(WIDE_DARK, "wide-dark").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_accessible_narrow_in_the_dark() {
    look(NARROW_DARK, "narrow-dark").await;
}
