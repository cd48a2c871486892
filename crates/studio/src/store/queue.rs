//! The queue: which worker makes which video, and how it ends.
//!
//! A claim gives a lease: a token and a time. Every write of the worker names the token; once the
//! lease was lost it changes no row, so a video ends once although work may be done twice.

use std::time::Duration;

use kinora_engine::framing::Framing;
use kinora_engine::{Film, Recipe, Request, Timing};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};
use uuid::Uuid;

use super::{Inputs, Result, Store, Tier, flag, webhooks};

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
    pub(super) fn read(row: &AnyRow, token: String) -> Result<Self> {
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
    /// Writes into the recipe that was accepted what only the making decided.
    fn tell(&self, recipe: &mut Recipe) {
        recipe.effective.seed = self.seed;
        if let Some(Film { size, fps, frames }) = self.film {
            recipe.effective.framing = Framing::whole(size);
            recipe.effective.timing = Timing::whole(frames, fps);
        }
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

    /// Code and message of a failure.
    fn error(&self) -> Option<(&str, &str)> {
        match self {
            Self::Completed { .. } => None,
            Self::Failed { code, message } => Some((code, message)),
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
        // The first of the lane has waited longest: mostly there is nothing to write.
        let oldest: Option<i64> = sqlx::query_scalar(
            "SELECT waits_since FROM videos WHERE state = 'queued' AND lane = 1 \
             ORDER BY place, number LIMIT 1",
        )
        .fetch_optional(&self.database.readers)
        .await?;
        let since = self.now() - wait.as_millis() as i64;
        if oldest.is_none_or(|oldest| oldest > since) {
            return Ok(());
        }
        let skip_locked = self.database.kind.skip_locked();
        let sql = format!(
            "UPDATE videos SET lane = 0 WHERE number IN (SELECT number FROM videos \
             WHERE state = 'queued' AND lane = 1 AND waits_since <= $1 {skip_locked})"
        );
        sqlx::query(AssertSqlSafe(sql))
            .bind(since)
            .execute(&self.database.writer)
            .await?;
        Ok(())
    }

    /// The next waiting video that is made here, of any tier or of one, now running under a new
    /// lease; none while the queue is paused. One that was given back just when it was deleted comes once
    /// more, to be told that it has ended.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn claim(&self, only: Option<Tier>) -> Result<Option<Claim>> {
        let token = Uuid::now_v7().simple().to_string();
        let skip_locked = self.database.kind.skip_locked();
        let sql = format!(
            "UPDATE videos SET state = 'running', attempt = attempt + 1, lease_token = $1, \
             lease_until = $2 WHERE number = (SELECT number FROM videos \
             WHERE state = 'queued' AND (deleted = 0 OR cancel_requested = 1) AND remote IS NULL \
             AND (SELECT paused FROM queue) = 0 AND tier = coalesce($3, tier) \
             ORDER BY lane, place, number LIMIT 1 {skip_locked}) \
             RETURNING id, attempt, most_attempts, request, input_image, input_clip, tier, created_at"
        );
        let row = sqlx::query(AssertSqlSafe(sql))
            .bind(&token)
            .bind(self.now() + LEASE)
            .bind(only.map(Tier::column))
            .fetch_optional(&self.database.writer)
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
        let row = sqlx::query(
            "UPDATE videos SET lease_until = $1, progress = $2 \
             WHERE id = $3 AND lease_token = $4 AND state = 'running' RETURNING cancel_requested",
        )
        .bind(self.now() + LEASE)
        .bind(progress)
        .bind(&lease.id)
        .bind(&lease.token)
        .fetch_optional(&self.database.writer)
        .await?;
        row.map(|row| flag(&row, "cancel_requested")).transpose()
    }

    /// Ends a running video and writes `done` with it; false when the lease was lost, or when a video is there
    /// that nobody wants any more.
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

    /// Ends a running video like [`Store::finish`], and may be called again when a failure left open
    /// whether it has ended: true when the video shows this end. One that was deleted while it was made ends as
    /// cancelled, whose files belong to nobody.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub async fn conclude(&self, lease: &Lease, ending: &Ending) -> Result<bool> {
        if self.finish(lease, ending).await? {
            return Ok(true);
        }
        let Ending::Completed { output_key, .. } = ending else {
            return Ok(false);
        };
        let shown: Option<String> =
            sqlx::query_scalar("SELECT output_key FROM videos WHERE id = $1")
                .bind(&lease.id)
                .fetch_one(&self.database.readers)
                .await?;
        if shown.as_ref() == Some(output_key) {
            return Ok(true);
        }
        self.finish(lease, &Ending::cancelled()).await?;
        Ok(false)
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
            "UPDATE videos SET cancel_requested = 1 WHERE id = $1 AND state IN ('queued', 'running')",
        )
        .bind(id)
        .execute(&self.database.writer)
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
        let mut transaction = self.database.alone().await?;
        let recipe: Option<String> = sqlx::query_scalar("SELECT recipe FROM videos WHERE id = $1")
            .bind(id)
            .fetch_optional(&mut *transaction)
            .await?;
        let Some(recipe) = recipe else {
            return Ok(false);
        };
        let mut recipe: Recipe = serde_json::from_str(&recipe)?;
        let (state, progress, key, adherence) = match ending {
            Ending::Completed { output_key, made } => {
                made.tell(&mut recipe);
                (
                    "completed",
                    Some(100),
                    Some(output_key),
                    made.adherence.as_ref(),
                )
            }
            Ending::Failed { .. } => ("failed", None, None, None),
        };
        let (code, message) = ending.error().unzip();
        let sql = format!(
            "UPDATE videos SET state = $1, output_key = $2, error_code = $3, error_message = $4, \
             progress = coalesce($5, progress), completed_at = $6, adherence = $7, recipe = $8, \
             remote_key = CASE WHEN $9 = 1 THEN NULL ELSE remote_key END, lease_token = NULL, \
             lease_until = NULL \
             WHERE id = $10 AND {condition} = $11 AND (deleted = 0 OR $1 = 'failed')"
        );
        let done = sqlx::query(AssertSqlSafe(sql))
            .bind(state)
            .bind(key)
            .bind(code)
            .bind(message)
            .bind(progress)
            .bind(self.now())
            .bind(adherence.map(Value::to_string))
            .bind(recipe.to_json())
            .bind(i64::from(ending.leaves_nothing()))
            .bind(id)
            .bind(value)
            .execute(&mut *transaction)
            .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        sqlx::query("INSERT INTO events (video_id, kind, data) VALUES ($1, 'done', $2)")
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
             lease_until = NULL, attempt = attempt - $1 \
             WHERE id = $2 AND lease_token = $3 AND state = 'running'",
        )
        .bind(i64::from(!lost))
        .bind(&lease.id)
        .bind(&lease.token)
        .execute(&self.database.writer)
        .await?;
        Ok(done.rows_affected() > 0)
    }
}
