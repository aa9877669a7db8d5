//! The register's columns: which plan was in force for whom, on which ground and how long.

use jiff::Timestamp;
use sqlx::Row;

use crate::store::{Store, StoreError, instant, micros};

/// One activation, as far as columns tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanRow {
    pub activation: String,
    pub playbook: String,
    pub unit: String,
    pub ground: String,
    pub phase: String,
    pub exercise: bool,
    pub opened_at: Timestamp,
    pub stood_down_at: Option<Timestamp>,
    pub closed_at: Option<Timestamp>,
}

/// Activations opened in `[from, to)`, oldest first.
///
/// # Errors
/// When the database cannot be read.
pub async fn between(
    store: &Store,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<PlanRow>, StoreError> {
    let rows = sqlx::query(
        "SELECT id, playbook, unit, ground, phase, exercise, opened_at, stood_down_at, closed_at \
         FROM activations WHERE opened_at >= $1 AND opened_at < $2 ORDER BY opened_at, id",
    )
    .bind(micros(from))
    .bind(micros(to))
    .fetch_all(store.reader())
    .await?;
    rows.iter()
        .map(|row| {
            let at = |column: &str| -> Result<Option<Timestamp>, StoreError> {
                row.try_get::<Option<i64>, _>(column)?.map(instant).transpose()
            };
            Ok(PlanRow {
                activation: row.try_get("id")?,
                playbook: row.try_get("playbook")?,
                unit: row.try_get("unit")?,
                ground: row.try_get("ground")?,
                phase: row.try_get("phase")?,
                exercise: row.try_get::<i64, _>("exercise")? != 0,
                opened_at: instant(row.try_get("opened_at")?)?,
                stood_down_at: at("stood_down_at")?,
                closed_at: at("closed_at")?,
            })
        })
        .collect()
}
