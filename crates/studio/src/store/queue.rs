//! The queue: which worker makes which video, and how it ends.
//!
//! A claim gives a lease: a token and a time. Every write of the worker names the token; once the
//! lease was lost it changes no row, so a video ends once although work may be done twice.

use std::time::Duration;

use kinora_engine::framing::Framing;
use kinora_engine::{Film, Request};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;

use super::{Inputs, Result, Store, Tier, webhooks};

/// How long a lease holds without a heartbeat, milliseconds.
pub(super) const LEASE: i64 = 30_000;
/// How often a video is tried when its worker is lost; a retry by the user grants as many more.
pub const MOST_ATTEMPTS: i64 = 3;

/// The right to write about a running video.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The video.
    pub id: String,
    /// Proves the right.
    pub token: String,
    /// Which try this is, from 1.
    pub attempt: i64,
    /// The last try that may be made without being asked for.
    pub most_attempts: i64,
}

impl Lease {
    /// The lease of a row that was claimed.
    pub(super) fn read(row: &SqliteRow, token: String) -> Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            token,
            attempt: row.try_get("attempt")?,
            most_attempts: row.try_get("most_attempts")?,
        })
    }

    /// Whether a worker that is lost now fails the video.
    pub fn is_last(&self) -> bool {
        self.attempt >= self.most_attempts
    }

    /// File stem of this try under the outputs folder: no two tries share one, so a lost worker
    /// overwrites nothing.
    pub fn output_key(&self) -> String {
        format!("{}/{}-{}", self.id, self.attempt, self.token)
    }
}

/// A video to make.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The right to make it.
    pub lease: Lease,
    /// What to make.
    pub request: Request,
    /// What it begins with.
    pub inputs: Inputs,
    /// Its tier.
    pub tier: Tier,
    /// How long it has waited since it was accepted.
    pub waited: Duration,
}

/// What is known of a video once it is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// The seed of the take that was kept.
    pub seed: u64,
    /// What the clip was measured to show: `{satisfied, checkable, clauses}`.
    pub adherence: Option<Value>,
    /// Its pictures, where only the file tells what they are.
    #[serde(default)]
    pub film: Option<Film>,
}

impl Made {
    /// What this changes of the recipe that was accepted, as an RFC 7396 patch.
    fn patch(&self) -> Value {
        let mut patch = json!({"effective": {"seed": self.seed}});
        if let Some(Film { size, fps, frames }) = self.film {
            patch["effective"]["framing"] = json!(Framing::whole(size));
            patch["effective"]["timing"] = json!({
                "seconds": f64::from(frames) / f64::from(fps),
                "fps": fps, "frames": frames, "native_fps": fps, "native_frames": frames,
            });
        }
        patch
    }
}

/// How a video ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// With a file of this stem.
    Completed {
        /// File stem under the outputs folder.
        output_key: String,
        /// What became of it.
        made: Made,
    },
    /// Without one.
    Failed {
        /// Stable name of the cause.
        code: String,
        /// The cause and the way out.
        message: String,
    },
}

impl Ending {
    /// The end of a video whose worker was lost in its last try.
    pub fn worker_lost() -> Self {
        Self::Failed {
            code: "worker_lost".into(),
            message: format!(
                "the worker was lost {MOST_ATTEMPTS} times while making this video; \
                 the studio's output says why"
            ),
        }
    }

    /// Whether a remote has nothing that a retry could wait for: it must be asked anew.
    fn leaves_nothing(&self) -> bool {
        match self {
            Self::Completed { .. } => false,
            Self::Failed { code, .. } => matches!(
                code.as_str(),
                "cancelled"
                    | "remote_content_refused"
                    | "remote_failed"
                    | "remote_gone"
                    | "remote_timed_out"
                    | "remote_uncertain"
            ),
        }
    }

    /// The end of a video whose remote is not configured any more.
    pub fn remote_removed(remote: &str) -> Self {
        Self::Failed {
            code: "remote_removed".into(),
            message: format!(
                "`{remote}` is no remote of kinora.toml any more; put it back and try the video \
                 again, which asks for what is there already instead of making it twice"
            ),
        }
    }

    /// The end of a video that the user stopped.
    pub fn cancelled() -> Self {
        Self::Failed {
            code: "cancelled".into(),
            message: "the video was cancelled".into(),
        }
    }
}

impl Store {
    /// Lets standard videos that have waited so long be made like those of Pro, so that they do
    /// not starve behind them.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn age(&self, wait: Duration) -> Result<()> {
        sqlx::query(
            "UPDATE videos SET lane = 0 WHERE state = 'queued' AND lane = 1 AND waits_since <= ?",
        )
        .bind(self.now() - wait.as_millis() as i64)
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    /// The next waiting video that is made here, of any tier or of one, now running under a new
    /// lease; none while the queue is paused.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn claim(&self, only: Option<Tier>) -> Result<Option<Claim>> {
        let token = Uuid::now_v7().simple().to_string();
        let row = sqlx::query(
            "UPDATE videos SET state = 'running', attempt = attempt + 1, lease_token = ?, \
             lease_until = ? WHERE number = (SELECT number FROM videos \
             WHERE state = 'queued' AND deleted = 0 AND remote IS NULL \
             AND NOT (SELECT paused FROM queue) AND tier = coalesce(?, tier) \
             ORDER BY lane, place, number LIMIT 1) RETURNING id, attempt, most_attempts, request, \
             input_image, input_clip, tier, created_at",
        )
        .bind(&token)
        .bind(self.now() + LEASE)
        .bind(only.map(Tier::column))
        .fetch_optional(&self.writer)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let waited = self.now() - row.try_get::<i64, _>("created_at")?;
        Ok(Some(Claim {
            lease: Lease::read(&row, token)?,
            request: serde_json::from_str(row.try_get("request")?)?,
            inputs: Inputs::read(&row)?,
            tier: Tier::of_column(row.try_get("tier")?),
            // A clock that was set back is no wait.
            waited: Duration::from_millis(waited.try_into().unwrap_or(0)),
        }))
    }

    /// Prolongs a lease; tells whether the user asked to stop, or `None` when the lease is lost.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn heartbeat(&self, lease: &Lease, progress: i64) -> Result<Option<bool>> {
        Ok(sqlx::query_scalar(
            "UPDATE videos SET lease_until = ?, progress = ? \
             WHERE id = ? AND lease_token = ? AND state = 'running' RETURNING cancel_requested",
        )
        .bind(self.now() + LEASE)
        .bind(progress)
        .bind(&lease.id)
        .bind(&lease.token)
        .fetch_optional(&self.writer)
        .await?)
    }

    /// Ends a running video and writes `done` with it; false when the lease was lost.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn finish(&self, lease: &Lease, ending: &Ending) -> Result<bool> {
        self.end(
            &lease.id,
            ending,
            "state = 'running' AND lease_token",
            &lease.token,
        )
        .await
    }

    /// Stops a video: a waiting one ends at once (true), a running one at its next step. One that a
    /// remote was asked for runs, wherever it waits: the remote must be told.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn cancel(&self, id: &str) -> Result<bool> {
        let waits = "remote_key IS NULL AND state";
        if self.end(id, &Ending::cancelled(), waits, "queued").await? {
            return Ok(true);
        }
        sqlx::query(
            "UPDATE videos SET cancel_requested = 1 WHERE id = ? AND state IN ('queued', 'running')",
        )
        .bind(id)
        .execute(&self.writer)
        .await?;
        Ok(false)
    }

    /// One transaction that ends a video, says so to listeners and notes whom webhooks tell.
    pub(super) async fn end(
        &self,
        id: &str,
        ending: &Ending,
        condition: &'static str,
        value: &str,
    ) -> Result<bool> {
        let (state, progress, key, code, message) = match ending {
            Ending::Completed { output_key, .. } => {
                ("completed", 100, Some(output_key), None, None)
            }
            Ending::Failed { code, message } => ("failed", 0, None, Some(code), Some(message)),
        };
        let made = match ending {
            Ending::Completed { made, .. } => Some(made),
            Ending::Failed { .. } => None,
        };
        let adherence = made.and_then(|made| made.adherence.as_ref());
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        let sql = format!(
            "UPDATE videos SET state = ?, output_key = ?, error_code = ?, error_message = ?, \
             progress = max(progress, ?), completed_at = ?, adherence = ?, \
             recipe = json_patch(recipe, ?), remote_key = iif(?, NULL, remote_key), lease_token = NULL, lease_until = NULL WHERE id = ? AND {condition} = ?"
        );
        let done = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(state)
            .bind(key)
            .bind(code)
            .bind(message)
            .bind(progress)
            .bind(self.now())
            .bind(adherence.map(Value::to_string))
            .bind(made.map_or_else(|| json!({}), Made::patch).to_string())
            .bind(ending.leaves_nothing())
            .bind(id)
            .bind(value)
            .execute(&mut *transaction)
            .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        sqlx::query("INSERT INTO events (video_id, kind, data) VALUES (?, 'done', ?)")
            .bind(id)
            .bind(Value::Null.to_string())
            .execute(&mut *transaction)
            .await?;
        webhooks::announce(&mut transaction, id, ending, self.now()).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Gives a video back to the queue. A worker that was lost counts as a try, and the last one
    /// fails the video; a studio that closes does not. False when the lease was lost.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn give_back(&self, lease: &Lease, lost: bool) -> Result<bool> {
        if lost && lease.is_last() {
            return self.finish(lease, &Ending::worker_lost()).await;
        }
        let done = sqlx::query(
            "UPDATE videos SET state = 'queued', progress = 0, lease_token = NULL, \
             lease_until = NULL, attempt = attempt - ? \
             WHERE id = ? AND lease_token = ? AND state = 'running'",
        )
        .bind(i64::from(!lost))
        .bind(&lease.id)
        .bind(&lease.token)
        .execute(&self.writer)
        .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Puts what an earlier studio was making back into the queue and returns its leases; the
    /// caller holds the lock of the data folder, so nobody makes it any more. A cancelled video
    /// ends, and so does one that was tried too often; one that a remote makes goes on there.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn recover(&self) -> Result<Vec<Lease>> {
        let rows = sqlx::query(
            "SELECT id, lease_token, attempt, most_attempts, cancel_requested, \
             remote IS NOT NULL AS is_remote FROM videos WHERE state = 'running'",
        )
        .fetch_all(&self.readers)
        .await?;
        let mut leases = Vec::new();
        for row in &rows {
            let lease = Lease {
                id: row.try_get("id")?,
                token: row.try_get("lease_token")?,
                attempt: row.try_get("attempt")?,
                most_attempts: row.try_get("most_attempts")?,
            };
            if row.try_get("is_remote")? {
                self.give_back(&lease, false).await?;
            } else if row.try_get("cancel_requested")? {
                self.finish(&lease, &Ending::cancelled()).await?;
            } else {
                self.give_back(&lease, true).await?;
            }
            leases.push(lease);
        }
        Ok(leases)
    }
}
