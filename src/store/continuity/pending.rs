//! Effects that were asked for and not answered: asked for again after a start.

use sqlx::Row;

use crate::store::{Store, StoreError};

/// The documents of effects nobody has answered, oldest first.
///
/// # Errors
/// When the database cannot be read.
pub async fn unanswered_effects(store: &Store) -> Result<Vec<String>, StoreError> {
    let rows = sqlx::query(
        "SELECT document FROM effects WHERE answered_at IS NULL ORDER BY asked_at, key",
    )
    .fetch_all(store.reader())
    .await?;
    rows.iter().map(|row| Ok(row.try_get("document")?)).collect()
}
