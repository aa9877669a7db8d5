//! One request of a run: sent to the side it is for, judged, its values and numbers kept; and any
//! step that is repeated.
//!
//! It must not decide whether a step is run: [`super::run`] does.

use std::collections::BTreeMap;
use std::time::Duration;

use super::readings;
use super::run::{Run, StepFault};
use super::steps::capture::take;
use super::steps::document::{self, Found};
use super::steps::expect::{Parsed, check};
use super::steps::until::{Next, Waiting};
use super::steps::{Fault, Hop, freshness};
use crate::clock::Stopwatch;
use crate::domain::check::{InconclusiveReason, Outcome};
use crate::domain::signal::Reading;
use crate::domain::step::{HttpRequest, Step, StepAction};

impl Run<'_> {
    /// Runs the step; where the file says so, again until what is expected holds.
    pub(super) async fn until(
        &mut self,
        step: &Step,
        budget: Duration,
        hops: &mut Vec<Hop>,
    ) -> Result<(), Fault> {
        let Some(until) = step.until else { return self.step(step, budget, hops).await };
        let is_page = matches!(step.action, StepAction::Http(_));
        let waiting = Waiting::begin(until, is_page);
        loop {
            let left = budget.saturating_sub(waiting.elapsed());
            match waiting.after(self.step(step, left, hops).await) {
                Next::Ended(ended) => return ended,
                Next::Again(pause) => tokio::time::sleep(pause).await,
            }
        }
    }

    pub(super) async fn exchange(
        &mut self,
        step: &Step,
        request: &HttpRequest,
        hops: &mut Vec<Hop>,
    ) -> Result<(), Fault> {
        let target = &self.setting.target;
        let system = request.system.as_ref().and_then(|name| target.systems.get(name));
        let base_url = system.unwrap_or(&target.base_url);
        let answer = self.browser.request(base_url, request, &self.values, hops).await?;
        let found = self.look_through(step, &answer.body).await;
        self.judge(step, &Parsed::from(&answer).with(found))
    }

    /// Finds what a step asks for in a large document; our own time, and not the target's.
    pub(super) async fn look_through(&mut self, step: &Step, text: &[u8]) -> Found {
        let watch = Stopwatch::start();
        let found = document::look(step, text).await;
        self.held += watch.elapsed();
        found
    }

    /// Judges what came of a step, of any kind.
    pub(super) fn judge(&mut self, step: &Step, parsed: &Parsed<'_>) -> Result<(), Fault> {
        let judged = self.as_expected(step, parsed);
        if judged.is_err() {
            self.note_refusal(step, parsed);
        }
        judged
    }

    fn as_expected(&mut self, step: &Step, parsed: &Parsed<'_>) -> Result<(), Fault> {
        for expectation in &step.expectations {
            check(expectation, parsed, &self.values)?;
        }
        if let Some(expected) = &step.age {
            let seconds = freshness::measure(expected, parsed, self.setting.clock.now())?;
            if let Some(signal) = freshness::signal(&self.probe.signals) {
                self.numbers.insert(signal.id.clone(), seconds);
            }
            freshness::check(expected, seconds, parsed)?;
        }
        for capture in &step.captures {
            let value = take(capture, parsed)?;
            self.values.keep(&capture.name, value);
        }
        Ok(())
    }

    /// A probe that writes at one side and reads at the other measured nothing without its write.
    pub(super) fn measured(&self) -> Result<(), StepFault> {
        if self.takes_back || !self.probe.crosses() {
            return Ok(());
        }
        let outcome = Outcome::Inconclusive(InconclusiveReason::Unmeasured);
        Err((None, Fault::new(outcome, "it was not the time to write, so nothing was measured")))
    }

    /// Hands on what was read, and says when what should be a number is none.
    pub(super) fn tell_numbers(&mut self, ended: &Result<(), StepFault>) -> Result<(), StepFault> {
        let read = match ended {
            Ok(()) => readings::numbers(&self.probe.signals, &self.values),
            // What comes before the fault was read all the same: how old a stale feed is.
            Err(_) => Ok(BTreeMap::new()),
        };
        let read_at = self.setting.clock.now();
        let last = self.probe.steps.last().map(|step| step.id.clone());
        self.numbers.extend(read.map_err(|fault| (last, fault))?);
        for (signal, value) in std::mem::take(&mut self.numbers) {
            let target = self.probe.target.clone();
            self.setting.readings.tell(Reading { target, signal, value, read_at });
        }
        Ok(())
    }
}
