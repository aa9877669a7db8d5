//! The copy in the running service: captured on time, opened and closed as plans ask, shown.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::capture::start::Captures;
use crate::clock::Clock;
use crate::config::installation::Installation;
use crate::continuity::command::{Command, Handle};
use crate::continuity::effect::{Effect, EffectKey, OpenScope};
use crate::crypto::digest::Digest;
use crate::domain::ids::PlaybookId;
use crate::snapshots::Portal;
use crate::store::continuity::find;
use crate::store::{Store, capture, copy_readiness, open_copies};
use crate::telemetry::metrics::Metrics;
use crate::vault::order::{self, Ground, OpenOrder, Scope};
use crate::vault::site::{NodeKey, Site};

/// An order holds this long and is renewed while a plan holds the copy open.
const ORDER_WINDOW: Duration = Duration::from_secs(12 * 3_600);
/// How often renewing is thought of.
const RENEW_INTERVAL: Duration = Duration::from_secs(3_600);

/// Opens and closes the copy.
pub struct Openings {
    pub store: Store,
    pub clock: Clock,
    pub site: Site,
    pub node: Arc<NodeKey>,
    pub portal: Arc<Portal>,
    pub handle: Handle,
    pub metrics: Arc<Metrics>,
    pub changed: Arc<dyn Fn() + Send + Sync>,
}

impl Openings {
    /// Carries out effects until `stop`. A copy that an order in force permits is opened at once.
    pub async fn run(self, mut effects: mpsc::Receiver<Effect>, stop: CancellationToken) {
        if order::read(&self.site, self.clock.now()).is_ok()
            && let Err(error) = self.reopen().await
        {
            tracing::error!(error = format!("{error:#}"), "the copy could not be opened again");
        }
        loop {
            let effect = tokio::select! {
                () = stop.cancelled() => return,
                () = self.clock.sleep(RENEW_INTERVAL) => {
                    if let Err(error) = self.renew().await {
                        tracing::error!(error = format!("{error:#}"), "the order was not renewed");
                    }
                    continue;
                }
                effect = effects.recv() => effect,
            };
            let Some(effect) = effect else { return };
            self.carry_out(effect).await;
            (self.changed)();
        }
    }

    async fn carry_out(&self, effect: Effect) {
        let (key, result) = match effect {
            Effect::OpenCopy { key, scope } => {
                let opened = self.open(&key, &scope).await;
                (key, opened)
            }
            Effect::CloseCopy { key, opened_by } => {
                let closed = self.close(&opened_by).await;
                (key, closed)
            }
            Effect::CountJournal { .. } => {
                // Nothing is written while the copy is open, so nothing waits to be put back.
                self.tell(Command::Journal { open: 0 }).await;
                return;
            }
            // The outbox is the engine's own.
            Effect::SendNotice(_) | Effect::WithdrawNotices { .. } => return,
        };
        if let Err(error) = &result {
            tracing::error!(%key, error = format!("{error:#}"), "an effect on the copy failed");
        }
        let result = result.map_err(|error| format!("{error:#}"));
        self.tell(Command::EffectResult { key, result }).await;
    }

    async fn tell(&self, command: Command) {
        if let Err(error) = self.handle.ask(command).await {
            tracing::warn!(%error, "continuity did not take what came of an effect");
        }
    }

    async fn open(&self, key: &EffectKey, scope: &OpenScope) -> anyhow::Result<String> {
        let now = self.clock.now();
        let document = serde_json::to_string(scope)?;
        open_copies::add(&self.store, &key.to_string(), &document, now).await?;
        self.issue(key).await?;
        let status = self.reopen().await?;
        Ok(format!("generation {} with {} records", status.0, status.1))
    }

    async fn close(&self, opened_by: &[EffectKey]) -> anyhow::Result<String> {
        for key in opened_by {
            open_copies::remove(&self.store, &key.to_string()).await?;
        }
        let (site, now) = (self.site.clone(), self.clock.now());
        if let (Some(scope), Ok(mut renewed)) = (self.scope().await?, order::read(&site, now)) {
            renewed.scope = scope;
            renewed.serial = order::next_serial(&site)?;
            order::issue(&site, &renewed, &site.continuity_key()?)?;
            self.reopen().await?;
            return Ok("it stays open for others".to_owned());
        }
        order::withdraw(&site)?;
        self.portal.close(now).await?;
        self.metrics.set_portal_open(false);
        Ok("closed".to_owned())
    }

    /// Opens what the order in force permits. Answers the generation and how many records it has.
    async fn reopen(&self) -> anyhow::Result<(u64, u64)> {
        let (site, node) = (self.site.clone(), Arc::clone(&self.node));
        let status = self.portal.open(site, node, self.clock.now()).await?;
        self.metrics.set_portal_open(true);
        Ok((status.generation, status.records))
    }

    /// Signs an order for everybody for whom some effect holds the copy open.
    async fn issue(&self, key: &EffectKey) -> anyhow::Result<()> {
        let now = self.clock.now();
        let stored = find::activation_by_id(&self.store, &key.activation).await?;
        let stored = stored.context("the activation is not on record")?;
        let pinned = find::pinned_playbook(&self.store, &stored.playbook_hash).await?;
        let pinned = pinned.context("the plan is not on record")?;
        let ground = ground(&key.activation.0, pinned.playbook, &pinned.source);
        let order = OpenOrder {
            site: self.site.name().to_owned(),
            serial: order::next_serial(&self.site)?,
            ground,
            scope: self.scope().await?.context("nobody asked for the copy")?,
            issued_at: now,
            expires_at: now.checked_add(ORDER_WINDOW)?,
        };
        order::issue(&self.site, &order, &self.site.continuity_key()?)?;
        Ok(())
    }

    async fn renew(&self) -> anyhow::Result<()> {
        let now = self.clock.now();
        if self.scope().await?.is_some()
            && let Ok(mut order) = order::read(&self.site, now)
        {
            order.serial = order::next_serial(&self.site)?;
            order.issued_at = now;
            order.expires_at = now.checked_add(ORDER_WINDOW)?;
            order::issue(&self.site, &order, &self.site.continuity_key()?)?;
            self.reopen().await?;
        }
        Ok(())
    }

    /// Everybody for whom some effect holds the copy open; none when nothing does.
    async fn scope(&self) -> anyhow::Result<Option<Scope>> {
        let mut cohorts = BTreeSet::new();
        let all = open_copies::all(&self.store).await?;
        for (_, document) in &all {
            match serde_json::from_str(document)? {
                OpenScope::Everyone => return Ok(Some(Scope::Everyone)),
                OpenScope::Cohorts(more) => cohorts.extend(more),
            }
        }
        Ok((!all.is_empty()).then_some(Scope::Cohorts(cohorts)))
    }
}

fn ground(activation: &str, playbook: PlaybookId, source: &str) -> Ground {
    Ground::Activation {
        activation: activation.to_owned(),
        playbook,
        playbook_sha256: Digest::of(source.as_bytes()),
    }
}

/// Captures on time until `stop`, and shows how the copy stands.
pub async fn keep_capturing(
    captures: Captures,
    every: Duration,
    objective: Duration,
    (store, clock, metrics): (Store, Clock, Arc<Metrics>),
) {
    loop {
        if let Err(error) = captures.capture(&store, false, &clock).await {
            tracing::error!(%error, "the copy could not be renewed");
        }
        show(&store, objective, &clock, &metrics).await;
        clock.sleep(every).await;
    }
}

/// How captures of this installation are started; none where no source is named.
#[must_use]
pub fn captures(service: &Installation) -> Option<(Captures, Duration)> {
    let section = service.snapshots.as_ref()?;
    let captures = Captures {
        program: std::env::current_exe().unwrap_or_else(|_| PathBuf::from("holdfast")),
        site: service.data.join("site"),
        mapping: section.mapping.clone(),
        source_url: section.source_url.clone(),
        token_from: section.token_from.clone(),
        shows_progress: false,
    };
    Some((captures, section.every.duration()))
}

/// Sets the gauges of the copy to what is on record.
pub(super) async fn show(store: &Store, objective: Duration, clock: &Clock, metrics: &Metrics) {
    let Ok(status) = capture::status(store).await else { return };
    metrics.set_snapshot_openable(status.is_openable());
    let faults = copy_readiness::faults(&status, objective, clock.now());
    for kind in copy_readiness::KINDS {
        let count = faults.iter().filter(|fault| fault.kind == kind).count();
        metrics.set_readiness_faults(kind, count);
    }
    if let Some(trial) = &status.trial {
        metrics.record_snapshot_verified(trial.at);
    }
    if let Some(capture::RunEnd::Reported(row)) =
        status.published.as_ref().and_then(|run| run.end.as_ref())
    {
        metrics.record_snapshot(row.captured_at, row.standard, row.restricted);
    }
}
