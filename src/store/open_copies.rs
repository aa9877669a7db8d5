//! Which effects hold the copy open, and for whom. It holds no order: orders are files.

use jiff::Timestamp;
use sqlx::Row;

use super::{Store, StoreError, micros};

/// Notes that an effect holds the copy open; again changes only for whom.
///
/// # Errors
/// When the database cannot be written.
pub async fn add(
    store: &Store,
    effect: &str,
    scope: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO open_copies (effect, scope, opened_at) VALUES ($1, $2, $3) \
         ON CONFLICT (effect) DO UPDATE SET scope = excluded.scope",
    )
    .bind(effect)
    .bind(scope)
    .bind(micros(now))
    .execute(store.writer())
    .await?;
    Ok(())
}

/// Notes that an effect no longer holds it open.
///
/// # Errors
/// When the database cannot be written.
pub async fn remove(store: &Store, effect: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM open_copies WHERE effect = $1")
        .bind(effect)
        .execute(store.writer())
        .await?;
    Ok(())
}

/// Every effect that holds it open, with its scope.
///
/// # Errors
/// When the database cannot be read.
pub async fn all(store: &Store) -> Result<Vec<(String, String)>, StoreError> {
    let rows = sqlx::query("SELECT effect, scope FROM open_copies ORDER BY opened_at, effect")
        .fetch_all(store.reader())
        .await?;
    rows.iter().map(|row| Ok((row.try_get("effect")?, row.try_get("scope")?))).collect()
}
