//! Screenshots of every page, for people to look at: set `HOLDFAST_LOOK` to a folder.

use std::path::Path;
use std::process::Command;

use super::serve;

/// Pages by name; those that need a session are asked with one of operations.
pub const PAGES: &[(&str, &str)] = &[
    ("staff", "/?office=noarlunga"),
    ("staff-working", "/?office=youth-justice"),
    ("staff-none", "/"),
    ("phones", "/phones"),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_page_can_be_looked_at() {
    let served = serve().await;
    for (name, path) in PAGES {
        let answer = reqwest::get(served.url(path)).await.unwrap();
        assert_eq!(answer.status(), 200, "{name}");
    }
    let Some(folder) = std::env::var_os("HOLDFAST_LOOK") else { return };
    let only = std::env::var("HOLDFAST_LOOK_ONLY").unwrap_or_default();
    std::fs::create_dir_all(&folder).unwrap();
    for (name, path) in PAGES.iter().filter(|(name, _)| name.contains(&only)) {
        for (suffix, width, dark) in
            [("wide", 1280, false), ("narrow", 360, false), ("wide-dark", 1280, true)]
        {
            let file = Path::new(&folder).join(format!("{name}-{suffix}.png"));
            let url = served.url(path);
            tokio::task::spawn_blocking(move || shoot(&url, &file, width, dark)).await.unwrap();
        }
    }
}

fn shoot(url: &str, file: &Path, width: u32, dark: bool) {
    let profile = tempfile::tempdir().unwrap();
    let mut chromium = Command::new("chromium");
    chromium.args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-quic",
        "--hide-scrollbars",
    ]);
    if dark {
        chromium.arg("--force-dark-mode");
    }
    // Headless Chromium is never narrower than 500 px: a narrow page is seen in a frame of its own.
    let height = if width < 500 { 2600 } else { 1500 };
    let status = chromium
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("--screenshot={}", file.display()))
        .arg(format!("--window-size={width},{height}"))
        .arg(url)
        .stderr(std::process::Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "chromium could not look at {url}");
    assert!(file.exists(), "no screenshot of {url}");
}
