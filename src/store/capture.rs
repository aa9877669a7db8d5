//! What became of capture runs and what was proven of the copy, for console and metrics.
//!
//! The copy itself and what opens it are files elsewhere, which work without this.

use jiff::{SignedDuration, Timestamp};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::{Store, StoreError, instant, micros};

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunEnd {
    Reported(RunRow),
    Failed { at: Timestamp, message: String },
}

/// What a run reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRow {
    /// `full` or `incremental`.
    pub build: String,
    pub ended_at: Timestamp,
    pub captured_at: Timestamp,
    /// None when it was not published.
    pub generation: Option<u64>,
    /// Why it was not published.
    pub quarantined: Option<String>,
    pub rows: u64,
    pub changed: u64,
    pub removed: u64,
    pub standard: u64,
    pub restricted: u64,
    pub rejected: u64,
    pub unmapped: Vec<String>,
    pub vanished: Vec<String>,
}

/// A run as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaptureRun {
    pub id: String,
    pub begun_at: Timestamp,
    /// None while it runs, and for ever when the machine stopped meanwhile.
    pub end: Option<RunEnd>,
}

/// What was proven of the copy, or why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    pub kind: ProofKind,
    pub at: Timestamp,
    pub generation: Option<u64>,
    /// None when it was proven.
    pub fault: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofKind {
    /// The bytes are as they were published.
    Scrub,
    /// Every standard segment opens.
    Trial,
}

impl ProofKind {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scrub => "scrub",
            Self::Trial => "trial",
        }
    }
}

/// How the copy stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CopyStatus {
    /// The last run that was published.
    pub published: Option<CaptureRun>,
    /// The last run, whatever became of it.
    pub last: Option<CaptureRun>,
    pub scrub: Option<Proof>,
    pub trial: Option<Proof>,
}

impl CopyStatus {
    /// The age of the copy.
    #[must_use]
    pub fn freshness(&self, now: Timestamp) -> Option<SignedDuration> {
        self.published.as_ref().and_then(CaptureRun::captured_at).map(|at| now.duration_since(at))
    }

    /// How far the source's own data was behind when the last published run began.
    #[must_use]
    pub fn source_lag(&self) -> Option<SignedDuration> {
        let run = self.published.as_ref()?;
        run.captured_at().map(|at| run.begun_at.duration_since(at))
    }

    /// Why the last run was not published, while none has been since.
    #[must_use]
    pub fn quarantined(&self) -> Option<&str> {
        match self.last.as_ref()?.end.as_ref()? {
            RunEnd::Reported(row) => row.quarantined.as_deref(),
            RunEnd::Failed { .. } => None,
        }
    }

    /// Whether the generation in force has been opened for trial without fault.
    #[must_use]
    pub fn is_openable(&self) -> bool {
        let tried = self.trial.as_ref().filter(|trial| trial.fault.is_none());
        let generation = self.published.as_ref().and_then(CaptureRun::generation);
        generation.is_some() && tried.and_then(|trial| trial.generation) == generation
    }
}

impl CaptureRun {
    #[must_use]
    pub fn captured_at(&self) -> Option<Timestamp> {
        match self.end.as_ref()? {
            RunEnd::Reported(row) => Some(row.captured_at),
            RunEnd::Failed { .. } => None,
        }
    }

    #[must_use]
    pub fn generation(&self) -> Option<u64> {
        match self.end.as_ref()? {
            RunEnd::Reported(row) => row.generation,
            RunEnd::Failed { .. } => None,
        }
    }
}

/// Notes that a run begins.
///
/// # Errors
/// When the database cannot be written.
pub async fn begun(store: &Store, id: &str, at: Timestamp) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO capture_runs (id, begun_at, outcome) VALUES ($1, $2, 'running')")
        .bind(id)
        .bind(micros(at))
        .execute(store.writer())
        .await?;
    Ok(())
}

/// Notes how a run ended.
///
/// # Errors
/// When the database cannot be written.
pub async fn ended(store: &Store, id: &str, end: &RunEnd) -> Result<(), StoreError> {
    let row = match end {
        RunEnd::Reported(row) => row,
        RunEnd::Failed { at, message } => {
            sqlx::query(
                "UPDATE capture_runs SET ended_at = $2, outcome = 'failed', message = $3 \
                 WHERE id = $1",
            )
            .bind(id)
            .bind(micros(*at))
            .bind(message)
            .execute(store.writer())
            .await?;
            return Ok(());
        }
    };
    let outcome = if row.quarantined.is_some() { "quarantined" } else { "published" };
    sqlx::query(
        "UPDATE capture_runs SET ended_at = $2, outcome = $3, build = $4, generation = $5, \
         captured_at = $6, message = $7, rows_read = $8, changed = $9, removed = $10, \
         standard = $11, restricted = $12, rejected = $13, unmapped = $14, vanished = $15 \
         WHERE id = $1",
    )
    .bind(id)
    .bind(micros(row.ended_at))
    .bind(outcome)
    .bind(&row.build)
    .bind(row.generation.map(signed))
    .bind(micros(row.captured_at))
    .bind(&row.quarantined)
    .bind(signed(row.rows))
    .bind(signed(row.changed))
    .bind(signed(row.removed))
    .bind(signed(row.standard))
    .bind(signed(row.restricted))
    .bind(signed(row.rejected))
    .bind(names_to_json(&row.unmapped))
    .bind(names_to_json(&row.vanished))
    .execute(store.writer())
    .await?;
    Ok(())
}

/// Notes a scrub or a trial opening.
///
/// # Errors
/// When the database cannot be written.
pub async fn proven(store: &Store, proof: &Proof) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO copy_proofs (kind, at, generation, fault) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (kind, at) DO UPDATE SET generation = $3, fault = $4",
    )
    .bind(proof.kind.as_str())
    .bind(micros(proof.at))
    .bind(proof.generation.map(signed))
    .bind(&proof.fault)
    .execute(store.writer())
    .await?;
    Ok(())
}

/// How the copy stands.
///
/// # Errors
/// When the database cannot be read.
pub async fn status(store: &Store) -> Result<CopyStatus, StoreError> {
    let published = sqlx::query(
        "SELECT * FROM capture_runs WHERE outcome = 'published' ORDER BY begun_at DESC LIMIT 1",
    )
    .fetch_optional(store.reader())
    .await?;
    Ok(CopyStatus {
        published: published.as_ref().map(run).transpose()?,
        last: runs(store, 1).await?.pop(),
        scrub: last_proof(store, ProofKind::Scrub).await?,
        trial: last_proof(store, ProofKind::Trial).await?,
    })
}

/// The last runs, newest first.
///
/// # Errors
/// When the database cannot be read.
pub async fn runs(store: &Store, limit: u32) -> Result<Vec<CaptureRun>, StoreError> {
    sqlx::query("SELECT * FROM capture_runs ORDER BY begun_at DESC LIMIT $1")
        .bind(i64::from(limit))
        .fetch_all(store.reader())
        .await?
        .iter()
        .map(run)
        .collect()
}

async fn last_proof(store: &Store, kind: ProofKind) -> Result<Option<Proof>, StoreError> {
    let row = sqlx::query(
        "SELECT at, generation, fault FROM copy_proofs WHERE kind = $1 ORDER BY at DESC LIMIT 1",
    )
    .bind(kind.as_str())
    .fetch_optional(store.reader())
    .await?;
    let read = |row: SqliteRow| {
        let generation: Option<i64> = row.try_get("generation")?;
        Ok(Proof {
            kind,
            at: instant(row.try_get("at")?)?,
            generation: generation.map(i64::unsigned_abs),
            fault: row.try_get("fault")?,
        })
    };
    row.map(read).transpose()
}

fn run(row: &SqliteRow) -> Result<CaptureRun, StoreError> {
    let outcome: String = row.try_get("outcome")?;
    let end = match outcome.as_str() {
        "running" => None,
        "failed" => Some(RunEnd::Failed {
            at: instant(row.try_get("ended_at")?)?,
            message: row.try_get("message")?,
        }),
        _ => Some(RunEnd::Reported(reported(row)?)),
    };
    Ok(CaptureRun { id: row.try_get("id")?, begun_at: instant(row.try_get("begun_at")?)?, end })
}

fn reported(row: &SqliteRow) -> Result<RunRow, StoreError> {
    let count =
        |column| -> Result<u64, StoreError> { Ok(row.try_get::<i64, _>(column)?.unsigned_abs()) };
    let generation: Option<i64> = row.try_get("generation")?;
    Ok(RunRow {
        build: row.try_get("build")?,
        ended_at: instant(row.try_get("ended_at")?)?,
        captured_at: instant(row.try_get("captured_at")?)?,
        generation: generation.map(i64::unsigned_abs),
        quarantined: row.try_get("message")?,
        rows: count("rows_read")?,
        changed: count("changed")?,
        removed: count("removed")?,
        standard: count("standard")?,
        restricted: count("restricted")?,
        rejected: count("rejected")?,
        unmapped: names_from_json(row.try_get("unmapped")?)?,
        vanished: names_from_json(row.try_get("vanished")?)?,
    })
}

/// No count comes near what 63 bits hold.
fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn names_to_json(names: &[String]) -> String {
    serde_json::json!(names).to_string()
}

fn names_from_json(text: &str) -> Result<Vec<String>, StoreError> {
    serde_json::from_str(text).map_err(|_| StoreError::Unreadable("list of names"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_677_628_800 + second).unwrap()
    }

    fn row(generation: Option<u64>, quarantined: Option<&str>) -> RunRow {
        RunRow {
            build: "full".into(),
            ended_at: at(10),
            captured_at: at(-5),
            generation,
            quarantined: quarantined.map(str::to_owned),
            rows: 5000,
            changed: 60_000,
            removed: 1,
            standard: 59_000,
            restricted: 1000,
            rejected: 0,
            unmapped: vec!["persons.shoe_size".into()],
            vanished: vec![],
        }
    }

    #[tokio::test]
    async fn status_tells_the_copy_in_force_and_the_last_run_apart() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("holdfast.db")).await.unwrap();
        assert_eq!(status(&store).await.unwrap(), CopyStatus::default());

        let published = RunEnd::Reported(row(Some(7), None));
        begun(&store, "a", at(0)).await.unwrap();
        ended(&store, "a", &published).await.unwrap();
        let passed = Proof { kind: ProofKind::Trial, at: at(11), generation: Some(7), fault: None };
        proven(&store, &passed).await.unwrap();
        begun(&store, "b", at(20)).await.unwrap();
        let fell = "person records fell from 5000 to 0";
        ended(&store, "b", &RunEnd::Reported(row(None, Some(fell)))).await.unwrap();

        let now = status(&store).await.unwrap();
        assert_eq!(now.published.as_ref().unwrap().end, Some(published));
        assert_eq!(now.quarantined(), Some(fell));
        assert_eq!(now.freshness(at(55)), Some(SignedDuration::from_secs(60)));
        assert_eq!(now.source_lag(), Some(SignedDuration::from_secs(5)));
        assert!(now.is_openable());

        begun(&store, "c", at(30)).await.unwrap();
        assert_eq!(runs(&store, 10).await.unwrap()[0].end, None);
        let failed = RunEnd::Failed { at: at(31), message: "the source did not answer".into() };
        ended(&store, "c", &failed).await.unwrap();
        assert_eq!(runs(&store, 10).await.unwrap()[0].end, Some(failed));
    }
}
