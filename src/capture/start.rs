//! The service's side of a run: which build is due, an epoch for it, the child, what came of it.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use url::Url;

use super::run::Ended;
use super::{Outcome, Report};
use crate::clock::Clock;
use crate::config::diagnostics::Diagnostics;
use crate::config::{self, diagnostics, secrets::SecretPlace};
use crate::domain::mapping::Mapping;
use crate::store::capture::{self, Proof, ProofKind, RunEnd, RunRow};
use crate::store::{Store, StoreError};
use crate::vault::copy::{CopyError, read_pointer};
use crate::vault::epoch::{self, EpochError};
use crate::vault::manifest::{Build, Manifest};
use crate::vault::open;
use crate::vault::publish::{MIN_KEPT_GENERATIONS, retained};
use crate::vault::scrub;
use crate::vault::segment::SegmentKind;
use crate::vault::site::{Site, SiteError};

/// A full build is due after this long, this many deltas, or this share of the base changed.
const FULL_EVERY: SignedDuration = SignedDuration::from_hours(7 * 24);
const MAX_DELTAS: usize = 500;
const MAX_DELTA_PERCENT: u64 = 5;
/// A run that takes longer hangs: a full build of 300,000 cases takes ten minutes.
const RUN_TIMEOUT: Duration = Duration::from_secs(2 * 3600);
/// Captures are minutes apart, so that a proof is overtaken once at the most.
const PROOF_TRIES: u32 = 3;
/// A child says one line; anything longer is not ours.
const MAX_REPORT_BYTES: u64 = 1024 * 1024;

/// How captures of one site are started.
#[derive(Clone, Debug)]
pub struct Captures {
    /// This program.
    pub program: PathBuf,
    pub site: PathBuf,
    pub mapping: PathBuf,
    pub source_url: Url,
    /// Where the child finds the export's token or password, if it needs one; the service hands it
    /// no secret itself.
    pub token_from: Option<SecretPlace>,
    /// Whether the child shows on its standard error how far it is.
    pub shows_progress: bool,
}

/// Why a run did not come to an end with a report.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Mapping(#[from] Diagnostics),
    #[error(transparent)]
    Site(#[from] SiteError),
    #[error(transparent)]
    Copy(#[from] CopyError),
    #[error(transparent)]
    Epoch(#[from] EpochError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the capture run could not be started or heard: {0}")]
    Child(#[from] std::io::Error),
    #[error("the capture run took longer than {} h and was ended", RUN_TIMEOUT.as_secs() / 3600)]
    TimedOut,
    #[error("the capture run ended without a report ({0})")]
    NoReport(std::process::ExitStatus),
    #[error("the copy was being proven when that was cut short")]
    CutShort,
    /// In the child's own words.
    #[error("{0}")]
    Failed(String),
}

impl Captures {
    /// Captures once: in full where that is due or `full` is asked for, else what has changed. What
    /// came of it is kept in `store`, and a published generation is tried at once.
    ///
    /// # Errors
    /// See [`StartError`]. A quarantined run is a report, not an error.
    pub async fn capture(
        &self,
        store: &Store,
        full: bool,
        clock: &Clock,
    ) -> Result<Report, StartError> {
        let id = uuid::Uuid::now_v7().to_string();
        capture::begun(store, &id, clock.now()).await?;
        let ended = self.run(full, clock).await;
        let end = match &ended {
            Ok(report) => run_end(report),
            Err(error) => RunEnd::Failed { at: clock.now(), message: error.to_string() },
        };
        capture::ended(store, &id, &end).await?;
        let report = ended?;
        if matches!(report.outcome, Outcome::Published { .. }) {
            self.trial(store, clock).await?;
        }
        Ok(report)
    }

    /// Proves the bytes of every retained generation and keeps the result.
    ///
    /// # Errors
    /// When the result cannot be kept; a damaged copy is a result.
    pub async fn scrub(&self, store: &Store, clock: &Clock) -> Result<Proof, StartError> {
        let site = Site::open(&self.site)?;
        let proven = prove(&site, scrub::scrub).await?;
        let proof = Proof {
            kind: ProofKind::Scrub,
            at: clock.now(),
            generation: proven.as_ref().ok().map(|scrubbed| scrubbed.generation),
            fault: proven.err().map(|error| error.to_string()),
        };
        capture::proven(store, &proof).await?;
        Ok(proof)
    }

    /// Opens every standard segment with the node key, reads its canary and keeps the result. Once
    /// the newest generation has passed, keys that no retained one needs are forgotten, unless the
    /// copy is open.
    ///
    /// # Errors
    /// When the result cannot be kept; a copy that does not open is a result.
    pub async fn trial(&self, store: &Store, clock: &Clock) -> Result<Proof, StartError> {
        let site = Site::open(&self.site)?;
        let node = Arc::new(site.node_key()?);
        let tried = prove(&site, move |site: &Site| scrub::trial(site, &node)).await?;
        let proof = Proof {
            kind: ProofKind::Trial,
            at: clock.now(),
            generation: tried.as_ref().ok().map(|tried| tried.generation.number),
            fault: tried.err().map(|error| error.to_string()),
        };
        capture::proven(store, &proof).await?;
        if proof.fault.is_none() && !site.copy().open_order().exists() {
            forget_epochs(&site)?;
        }
        Ok(proof)
    }

    async fn run(&self, full: bool, clock: &Clock) -> Result<Report, StartError> {
        let site = Site::open(&self.site)?;
        let text = diagnostics::read(&self.mapping).map_err(Diagnostics::from)?;
        let mapping = config::mapping::read(&self.mapping.display().to_string(), &text)?;
        let incremental = if full { None } else { delta_epoch(&site, &mapping, clock.now())? };
        if let Some(epoch) = incremental {
            match self.child(Build::Incremental, &epoch).await? {
                Ended::Report(report) => return Ok(report),
                Ended::Failed(why) => return Err(StartError::Failed(why)),
                Ended::FullDue(why) => tracing::info!(%why, "capture goes on as a full build"),
            }
        }
        let epoch = epoch::create(&site, &site.node_key()?, clock.now())?;
        match self.child(Build::Full, &epoch.id).await? {
            Ended::Report(report) => Ok(report),
            Ended::Failed(why) | Ended::FullDue(why) => Err(StartError::Failed(why)),
        }
    }

    async fn child(&self, build: Build, epoch: &str) -> Result<Ended, StartError> {
        let mut command = Command::new(&self.program);
        // The child's surroundings hold what it needs and nothing else of ours.
        command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.arg("capture-run").arg("--site").arg(&self.site);
        command.arg("--mapping").arg(&self.mapping);
        command.args(["--source-url", self.source_url.as_str()]);
        command.args(["--build", build.as_str(), "--epoch", epoch]);
        match &self.token_from {
            None => {}
            Some(SecretPlace::File(path)) => {
                command.arg("--token-file").arg(path);
            }
            Some(SecretPlace::Env(name)) => {
                command.envs(std::env::var_os(name).map(|value| (name, value)));
                command.args(["--token-env", name]);
            }
        }
        if self.shows_progress {
            command.arg("--progress");
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.kill_on_drop(true).spawn()?;
        let line = read_line(child.stdout.take());
        let (line, status) =
            tokio::time::timeout(RUN_TIMEOUT, async { (line.await, child.wait().await) })
                .await
                .map_err(|_| StartError::TimedOut)?;
        let status = status?;
        serde_json::from_slice(&line?).map_err(|_| StartError::NoReport(status))
    }
}

/// Proves the copy on a thread of its own, so that nothing else waits. When it fails while another
/// generation was published, it is proven again: what that one replaced may be gone, undamaged.
async fn prove<T, E>(
    site: &Site,
    proof: impl Fn(&Site) -> Result<T, E> + Send + Sync + 'static,
) -> Result<Result<T, E>, StartError>
where
    T: Send + 'static,
    E: Send + 'static,
{
    let proof = Arc::new(proof);
    // A pointer that cannot be read is the proof's to tell.
    let in_force = || read_pointer(&site.copy().current()).ok().flatten();
    let mut tries_left = PROOF_TRIES;
    loop {
        tries_left -= 1;
        let before = in_force();
        let (of, prove) = (site.clone(), Arc::clone(&proof));
        let proven = tokio::task::spawn_blocking(move || prove(&of)).await;
        let proven = proven.map_err(|_| StartError::CutShort)?;
        if proven.is_ok() || in_force() == before || tries_left == 0 {
            return Ok(proven);
        }
    }
}

async fn read_line(stdout: Option<impl AsyncRead + Unpin>) -> std::io::Result<Vec<u8>> {
    let mut line = Vec::new();
    if let Some(stdout) = stdout {
        stdout.take(MAX_REPORT_BYTES).read_to_end(&mut line).await?;
    }
    Ok(line)
}

/// The epoch that an incremental build goes on with; none when a full build is due.
fn delta_epoch(
    site: &Site,
    mapping: &Mapping,
    now: Timestamp,
) -> Result<Option<String>, StartError> {
    let manifest = match open::current(site) {
        Ok((_, manifest)) => manifest,
        Err(CopyError::Nothing) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let Some(base) = manifest.segments.first() else { return Ok(None) };
    let age = now.duration_since(epoch::read(site, &base.epoch)?.created_at);
    let due = !mapping.origin.tells_changes()
        || manifest.source != mapping.source
        || age >= FULL_EVERY
        || is_heavy(&manifest);
    Ok((!due).then(|| base.epoch.clone()))
}

/// Whether so much was laid over the base that opening would be slow.
fn is_heavy(manifest: &Manifest) -> bool {
    let records = |kind| -> u64 {
        let segments = manifest.segments.iter().filter(|entry| entry.kind == kind);
        segments.map(|entry| entry.records + entry.tombstones).sum()
    };
    let deltas = manifest.segments.iter().filter(|entry| entry.kind == SegmentKind::Delta).count();
    deltas >= MAX_DELTAS
        || records(SegmentKind::Delta) * 100 > records(SegmentKind::Base) * MAX_DELTA_PERCENT
}

/// Keys that nothing needs any more only wait to be stolen.
fn forget_epochs(site: &Site) -> Result<(), StartError> {
    let (pointer, _) = open::current(site)?;
    let key = site.description().manifest;
    let manifests = retained(&site.copy(), pointer, &key, MIN_KEPT_GENERATIONS)?;
    let mut needed: Vec<String> = manifests
        .iter()
        .flat_map(|manifest| &manifest.segments)
        .map(|entry| entry.epoch.clone())
        .collect();
    needed.dedup();
    epoch::forget_all_but(site, &needed)?;
    Ok(())
}

fn run_end(report: &Report) -> RunEnd {
    let (generation, quarantined) = match &report.outcome {
        Outcome::Published { generation } => (Some(*generation), None),
        Outcome::Quarantined { reasons } => {
            let reasons: Vec<String> = reasons.iter().map(ToString::to_string).collect();
            (None, Some(reasons.join("; ")))
        }
    };
    RunEnd::Reported(RunRow {
        build: report.build.as_str().to_owned(),
        ended_at: report.ended_at,
        captured_at: report.captured_at,
        generation,
        quarantined,
        rows: report.rows,
        changed: report.changed,
        removed: report.removed,
        standard: report.standard,
        restricted: report.restricted,
        rejected: report.rejected.iter().map(|(_, times)| times).sum(),
        unmapped: report.unmapped.clone(),
        vanished: report.vanished.clone(),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::crypto::digest::Digest;
    use crate::vault::copy::{Pointer, write_pointer};
    use crate::vault::site::{self, Level};

    /// Runs a proof that always fails, and before that publishes while `publishes` says so; says
    /// how often it ran.
    async fn tries(publishes: impl Fn(u64) -> bool + Send + Sync + 'static) -> u64 {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("site");
        let now = Timestamp::UNIX_EPOCH;
        let site = site::create(&root, "synthetic", Level::Demo, &"synthetic".into(), now).unwrap();
        let ran = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&ran);
        let proof = move |site: &Site| -> Result<(), &'static str> {
            let number = counted.fetch_add(1, Ordering::SeqCst) + 1;
            if publishes(number) {
                let pointer = Pointer { number, sha256: Digest::of(b"synthetic") };
                write_pointer(&site.copy().current(), pointer).unwrap();
            }
            Err("a segment is missing")
        };
        assert!(prove(&site, proof).await.unwrap().is_err());
        ran.load(Ordering::SeqCst)
    }

    #[tokio::test]
    async fn a_proof_overtaken_by_a_capture_is_made_again_and_damage_is_not_tried_away() {
        assert_eq!(tries(|_| false).await, 1);
        assert_eq!(tries(|number| number == 1).await, 2);
        assert_eq!(tries(|_| true).await, u64::from(PROOF_TRIES));
    }
}
