//! Videos that remotes make: what was asked of them is written before it is asked, so that no
//! restart asks, and pays, twice.

use std::time::Duration;

use kinora_engine::Request;
use sqlx::{AssertSqlSafe, Row};
use uuid::Uuid;

use super::queue::LEASE;
use super::{Ending, Inputs, Lease, Result, Store, flag};

/// A video to have made by a remote.
#[derive(Debug, Clone)]
pub struct RemoteClaim {
    /// The right to write about it.
    pub lease: Lease,
    /// What to make.
    pub request: Request,
    /// What it begins with.
    pub inputs: Inputs,
    /// The idempotency key under which it was asked for before.
    pub asked: Option<String>,
    /// Its id there, where that is known.
    pub remote_id: Option<String>,
    /// Whether the user asked to stop.
    pub is_cancelled: bool,
    /// How long it has waited since it was accepted.
    pub waited: Duration,
}

impl Store {
    /// The next waiting video of a remote, now running under a new lease. What was asked for before
    /// comes first, and goes on in a paused queue too; one that is cancelled there comes although it
    /// was deleted here.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn claim_remote(&self, remote: &str) -> Result<Option<RemoteClaim>> {
        let token = Uuid::now_v7().simple().to_string();
        let skip_locked = self.database.kind.skip_locked();
        let sql = format!(
            "UPDATE videos SET state = 'running', attempt = attempt + 1, lease_token = $1, \
             lease_until = $2 WHERE number = (SELECT number FROM videos \
             WHERE state = 'queued' AND remote = $3 AND (deleted = 0 OR cancel_requested = 1) \
             AND (remote_key IS NOT NULL OR (SELECT paused FROM queue) = 0) \
             ORDER BY remote_key IS NULL, lane, place, number LIMIT 1 {skip_locked}) \
             RETURNING id, attempt, most_attempts, request, input_image, input_clip, created_at, \
             remote_key, remote_id, cancel_requested"
        );
        let row = sqlx::query(AssertSqlSafe(sql))
            .bind(&token)
            .bind(self.now() + LEASE)
            .bind(remote)
            .fetch_optional(&self.database.writer)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let waited = self.now() - row.try_get::<i64, _>("created_at")?;
        let asked: Option<String> = row.try_get("remote_key")?;
        let remote_id: Option<String> = row.try_get("remote_id")?;
        Ok(Some(RemoteClaim {
            lease: Lease::read(&row, token)?,
            request: serde_json::from_str(row.try_get("request")?)?,
            inputs: Inputs::read(&row)?,
            // Without a key the id is that of an earlier try which came to nothing.
            remote_id: remote_id.filter(|_| asked.is_some()),
            asked,
            is_cancelled: flag(&row, "cancel_requested")?,
            waited: Duration::from_millis(waited.try_into().unwrap_or(0)),
        }))
    }

    /// Writes down under which key a video is asked for, or, without one, that it is made nowhere.
    /// False when the lease was lost: then nothing may be asked.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn ask_remote(&self, lease: &Lease, key: Option<&str>) -> Result<bool> {
        let done = sqlx::query(
            "UPDATE videos SET remote_key = $1, remote_id = NULL \
             WHERE id = $2 AND lease_token = $3 AND state = 'running'",
        )
        .bind(key)
        .bind(&lease.id)
        .bind(&lease.token)
        .execute(&self.database.writer)
        .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Writes down what the remote calls a video.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn name_remote(&self, lease: &Lease, remote_id: &str) -> Result<()> {
        sqlx::query("UPDATE videos SET remote_id = $1 WHERE id = $2 AND lease_token = $3")
            .bind(remote_id)
            .bind(&lease.id)
            .bind(&lease.token)
            .execute(&self.database.writer)
            .await?;
        Ok(())
    }

    /// Ends waiting videos of remotes that are not among `known`: nobody would make them.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn end_orphans(&self, known: &[&str]) -> Result<()> {
        let rows: Vec<(String, String)> = sqlx::query_as(
            "SELECT id, remote FROM videos WHERE state = 'queued' AND remote IS NOT NULL",
        )
        .fetch_all(&self.database.readers)
        .await?;
        for (id, remote) in rows {
            if !known.contains(&remote.as_str()) {
                let ending = Ending::remote_removed(&remote);
                self.end(&id, &ending, "state", "queued").await?;
            }
        }
        Ok(())
    }
}
