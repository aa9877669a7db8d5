//! A sitting at the case system through headless Chromium.
//!
//! One that fails leaves a picture of the page behind, which shows what the probe's own account
//! sees. Nothing of a page goes into a fault.

use std::time::Duration;

use super::{Bearings, Fault, Findings, Hop};
use crate::clock::Stopwatch;
use crate::domain::check::{FailureReason, Outcome, Phase};
use crate::domain::step::{BrowserAction, BrowserVisit, Template};
use crate::probing::browser::Browsers;
use crate::probing::browser::sitting::Sitting;
use crate::probing::values::Values;

/// What is left of a journey's time for the picture of a page that failed.
const PICTURE_TIMEOUT: Duration = Duration::from_millis(1_500);
/// What is left beyond that, so that a sitting ends by itself and says how.
const END_TIMEOUT: Duration = Duration::from_millis(500);
/// A page that does not load is given up a little before its sitting is, to be looked at.
const LOAD_MARGIN: Duration = Duration::from_millis(500);
/// A sitting that ran out of time says nothing of the target when it waited for this part of it.
const TELLING_PART: u32 = 20;
/// Larger pages are not looked through.
const MAX_PAGE_BYTES: usize = 4 * 1024 * 1024;

/// Opens a browser, does what the step says and looks at the page it ends on.
///
/// `label` begins the name of a picture; `awaited` learns how long the browser's turn took to come.
///
/// # Errors
/// A [`Fault`] that names the action that did not come about, and the picture.
pub async fn visit(
    bearings: &Bearings<'_>,
    (browsers, label): (&Browsers, &str),
    visit: &BrowserVisit,
    (hops, awaited): (&mut Vec<Hop>, &mut Duration),
) -> Result<Findings, Fault> {
    let watch = Stopwatch::start();
    let working =
        bearings.budget.saturating_sub((PICTURE_TIMEOUT + END_TIMEOUT).min(bearings.budget / 4));
    let opening = async {
        let seat = browsers.seat().await;
        *awaited = watch.elapsed();
        Sitting::open(seat?, bearings.reach.clone(), bearings.host(None)).await
    };
    let sitting = tokio::time::timeout(working, opening)
        .await
        .map_err(|_| Fault::prober("Chromium did not start in time"))??;
    let hop = bearings.hop(hops);
    let deadline = working.saturating_sub(watch.elapsed());
    let ended = Visitor { bearings, sitting: &sitting, watch: Stopwatch::start(), deadline }
        .act(visit, hop)
        .await;
    let address = sitting.gate().address();
    let at = |fault: Fault| match address {
        Some(address) => fault.at(address),
        None => fault,
    };
    match ended {
        Ok(findings) => Ok(findings),
        Err(fault) if is_time_up(&fault) && *awaited > working / TELLING_PART => {
            let waited_ms = awaited.as_millis();
            let detail = format!("the browser's turn came after {waited_ms} ms; {}", fault.detail);
            Err(at(Fault::prober(detail)))
        }
        Err(mut fault) => {
            let taking = browsers.picture(&sitting, label, bearings.clock);
            if let Ok(Some(name)) = tokio::time::timeout(PICTURE_TIMEOUT, taking).await {
                fault.detail = format!("{} (picture {name})", fault.detail);
            }
            Err(at(fault))
        }
    }
}

fn is_time_up(fault: &Fault) -> bool {
    fault.outcome == Outcome::Failed(FailureReason::Timeout)
}

/// Somebody at the browser, with so much time.
struct Visitor<'a> {
    bearings: &'a Bearings<'a>,
    sitting: &'a Sitting,
    watch: Stopwatch,
    deadline: Duration,
}

impl Visitor<'_> {
    async fn act(&self, visit: &BrowserVisit, hop: &mut Hop) -> Result<Findings, Fault> {
        hop.begin(Phase::FirstByte);
        self.bounded("the first page", self.goto(&visit.start)).await?;
        hop.begin(Phase::Body);
        self.sitting.gate().tell_first(hop);
        for (index, action) in visit.actions.iter().enumerate() {
            let name = format!("action {}, {}", index + 1, words(action));
            self.bounded(&name, self.take(action)).await?;
        }
        self.bounded("the last page", self.look()).await
    }

    /// An action that ends in time or in a failure that names it.
    async fn bounded<T>(
        &self,
        name: &str,
        action: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        let left = self.deadline.saturating_sub(self.watch.elapsed());
        match tokio::time::timeout(left, action).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(mut fault)) => {
                fault.detail = format!("{name}: {}", fault.detail);
                Err(fault)
            }
            Err(_) => {
                let detail = format!("{name}: not done within {} ms", self.deadline.as_millis());
                Err(Fault::failed(FailureReason::Timeout, detail))
            }
        }
    }

    async fn take(&self, action: &BrowserAction) -> Result<(), Fault> {
        match action {
            BrowserAction::Goto(path) => self.goto(path).await,
            BrowserAction::Fill { select, text } => {
                self.sitting.fill(select, &self.bearings.fill(text)?).await
            }
            BrowserAction::Click(select) => self.sitting.click(select).await,
            BrowserAction::ExpectText { select, contains } => {
                let wanted = self.bearings.fill(contains)?;
                self.sitting.await_text(select, &wanted).await
            }
            BrowserAction::ExpectSelector(select) => self.sitting.find(select).await.map(drop),
            BrowserAction::Wait(length) => {
                tokio::time::sleep(*length).await;
                Ok(())
            }
        }
    }

    async fn goto(&self, path: &Template) -> Result<(), Fault> {
        let path = self.bearings.fill(path)?;
        let base = self.bearings.base_url.as_str().trim_end_matches('/');
        let left = self.deadline.saturating_sub(self.watch.elapsed());
        self.sitting.goto(&format!("{base}{path}"), left.saturating_sub(LOAD_MARGIN)).await
    }

    async fn look(&self) -> Result<Findings, Fault> {
        let (url, source) = self.sitting.page().await?;
        if source.len() > MAX_PAGE_BYTES {
            let detail = format!("the page is larger than {MAX_PAGE_BYTES} bytes");
            return Err(Fault::failed(FailureReason::TooLarge, detail));
        }
        let address = self.sitting.gate().address().map(|address| address.to_string());
        let text = source.into_bytes();
        Ok(Findings { address, text, url: Some(url), ..Findings::default() })
    }
}

/// An action as the file has it; values are not shown.
fn words(action: &BrowserAction) -> String {
    match action {
        BrowserAction::Goto(path) => format!("goto '{}'", Values::shown(path)),
        BrowserAction::Fill { select, .. } => format!("fill '{select}'"),
        BrowserAction::Click(select) => format!("click '{select}'"),
        BrowserAction::ExpectText { select, contains } => {
            format!("expect '{}' in '{select}'", Values::shown(contains))
        }
        BrowserAction::ExpectSelector(select) => format!("expect '{select}'"),
        BrowserAction::Wait(_) => "wait".to_owned(),
    }
}
