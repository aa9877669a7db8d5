//! One step of any kind but HTTP: run, judged, its values kept.
//!
//! It must not decide whether a step is run: [`super::run`] does.

use std::time::Duration;

use super::run::{Run, Setting};
use super::steps::expect::Parsed;
use super::steps::{Bearings, Fault, Findings, Hop, browser, dns, icmp, smtp, sql, tcp, tls};
use crate::clock::Stopwatch;
use crate::domain::step::{Step, StepAction};

impl Run<'_> {
    /// Runs the step within what is left of the journey's time.
    pub(super) async fn look(
        &mut self,
        step: &Step,
        budget: Duration,
        hops: &mut Vec<Hop>,
    ) -> Result<(), Fault> {
        let watch = Stopwatch::start();
        let mut awaited = Duration::ZERO;
        let found = self.find_out(step, budget, (hops, &mut awaited)).await;
        self.awaited += awaited;
        let mut findings = found?;
        findings.took = watch.elapsed().saturating_sub(awaited);
        let found = self.look_through(step, &findings.text).await;
        self.judge(step, &Parsed::from(&findings).with(found))
    }

    async fn find_out(
        &self,
        step: &Step,
        budget: Duration,
        (hops, awaited): (&mut Vec<Hop>, &mut Duration),
    ) -> Result<Findings, Fault> {
        let Setting { target, tls, clock, browsers, .. } = self.setting;
        let bearings = Bearings {
            reach: &self.reach,
            tls,
            base_url: &target.base_url,
            values: &self.values,
            clock,
            run: self.watch,
            budget,
        };
        match &step.action {
            // Its client is the run's own: see `exchange`.
            StepAction::Http(_) => Err(Fault::prober("an exchange is no look")),
            StepAction::Pause(length) => {
                tokio::time::sleep(*length).await;
                Ok(Findings::default())
            }
            StepAction::Tcp(dialogue) => tcp::converse(&bearings, dialogue, hops).await,
            StepAction::Tls(handshake) => tls::look(&bearings, handshake, hops).await,
            StepAction::Dns(question) => dns::ask(&bearings, question, hops).await,
            StepAction::Smtp(dialogue) => smtp::converse(&bearings, dialogue, hops).await,
            StepAction::Sql(query) => sql::query(&bearings, query, hops).await,
            StepAction::Icmp(echo) => icmp::echo(&bearings, echo, hops).await,
            StepAction::Browser(visit) => {
                let label = format!("{}-{}-{}", target.id, self.probe.id, step.id);
                browser::visit(&bearings, (browsers, &label), visit, (hops, awaited)).await
            }
        }
    }
}
