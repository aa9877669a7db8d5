//! A page of a megabyte, looked through while others want the thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use holdfast::clock::Stopwatch;
use hyper::Response;

use super::rig::Rig;
use crate::support::server::Server;

/// A table of a megabyte, with what is looked for at its end.
fn large_page() -> String {
    let mut page = "<!doctype html><title>Synthetic</title><table>".to_owned();
    let mut row = 0;
    while page.len() < 1024 * 1024 {
        row += 1;
        page.push_str(&format!("<tr><td>{row}</td><td><a href='/c/{row}'>Synthetic</a></td></tr>"));
    }
    page + "</table><p id=end data-number=00123>The  end</p>"
}

const STEPS: &str = r##"
- id: list
  http: { get: / }
  expect:
    html:
      - { select: "#end", test: { equals: The end } }
      - { select: "#none", test: { exists: false } }
  capture: { number: { html: { select: "#end", attribute: data-number } } }
- id: one
  http: { get: "/${number}" }
"##;

/// On one thread, as on the one that keeps the slots.
#[tokio::test]
async fn a_large_page_is_looked_through_without_keeping_anybody_waiting() {
    let page = large_page();
    let parsing = Stopwatch::start();
    assert!(scraper::Html::parse_document(&page).root_element().has_children());
    let parsing = parsing.elapsed();

    let server = Server::start(move |_| Response::new(page.clone().into()), None).await;
    let longest_us = Arc::new(AtomicU64::new(0));
    let told = Arc::clone(&longest_us);
    let watching = tokio::spawn(async move {
        loop {
            let watch = Stopwatch::start();
            tokio::time::sleep(Duration::from_millis(1)).await;
            told.fetch_max(watch.elapsed_us(), Ordering::Relaxed);
        }
    });
    let base_url = format!("http://{}", server.address);
    let rig = Rig { base_url, timeout: Duration::from_secs(60), ..Rig::new() };
    let check = rig.passes(STEPS).await;
    watching.abort();
    assert_eq!(server.requests().pop().unwrap().line, "GET /00123");
    let longest = Duration::from_micros(longest_us.load(Ordering::Relaxed));
    assert!(longest < parsing / 2, "stood still for {longest:?}; parsing takes {parsing:?}");
    let latency = Duration::from_millis(check.latency_ms.into());
    assert!(latency < parsing, "{latency:?} of latency, but parsing is our own time");
}
