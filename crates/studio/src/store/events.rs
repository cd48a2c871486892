//! Events that listeners replay after a lost connection.

use serde_json::Value;
use sqlx::Row;

use super::{Lease, Result, Store};

/// An event of a video with its number, which only grows.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredEvent {
    /// Its number, the `id` of a server-sent event.
    pub number: i64,
    /// `queued`, `progress` or `done`.
    pub kind: String,
    /// Its data.
    pub data: Value,
}

impl Store {
    /// Appends an event of progress and returns its number; `None` when the lease is lost.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn add_progress(&self, lease: &Lease, data: &Value) -> Result<Option<i64>> {
        let sql = "INSERT INTO events (video_id, kind, data) SELECT id, 'progress', $1 FROM videos \
                   WHERE id = $2 AND lease_token = $3 AND state = 'running' RETURNING number";
        Ok(sqlx::query_scalar(sql)
            .bind(data.to_string())
            .bind(&lease.id)
            .bind(&lease.token)
            .fetch_optional(&self.database.writer)
            .await?)
    }

    /// The events of a video after a number, in order.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn events_after(&self, video: &str, number: i64) -> Result<Vec<StoredEvent>> {
        let rows = sqlx::query(
            "SELECT number, kind, data FROM events WHERE video_id = $1 AND number > $2 ORDER BY number",
        )
        .bind(video)
        .bind(number)
        .fetch_all(&self.database.readers)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(StoredEvent {
                    number: row.try_get("number")?,
                    kind: row.try_get("kind")?,
                    data: serde_json::from_str(row.try_get("data")?)?,
                })
            })
            .collect()
    }
}
