//! The order of the queue and whether it runs: what the user decides about waiting videos.

use sqlx::{Sqlite, Transaction};

use super::queue::MOST_ATTEMPTS;
use super::videos::SELECT;
use super::{Result, Store, Video};

/// Where a video goes among the waiting ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Move {
    /// To the front: the next one that is made.
    First,
    /// In front of this waiting video.
    Before(String),
    /// To the end.
    Last,
}

/// The queue as it stands.
#[derive(Debug, Clone)]
pub struct Queue {
    /// Whether nothing new is started.
    pub paused: bool,
    /// What is being made.
    pub running: Vec<Video>,
    /// What waits, the next one first; as many as were asked for.
    pub waiting: Vec<Video>,
    /// How many wait in all.
    pub waiting_count: i64,
}

/// The place of the first of `count` videos about to wait at `to`, all of which are free.
/// [`Move::Before`] must name a waiting video; that one and all behind it step back.
pub(super) async fn place(
    transaction: &mut Transaction<'_, Sqlite>,
    to: &Move,
    count: i64,
) -> Result<i64> {
    // What runs keeps its place, for it may come back.
    let (sql, step) = match to {
        Move::First => (
            "SELECT min(coalesce((SELECT min(place) FROM videos WHERE state = 'queued'), 1), \
             coalesce((SELECT min(place) FROM videos WHERE state = 'running'), 1)) + ?",
            -count,
        ),
        Move::Last => (
            "SELECT max(coalesce((SELECT max(place) FROM videos WHERE state = 'queued'), 0), \
             coalesce((SELECT max(place) FROM videos WHERE state = 'running'), 0)) + ?",
            1,
        ),
        Move::Before(id) => return step_back(transaction, id, count).await,
    };
    Ok(sqlx::query_scalar(sql)
        .bind(step)
        .fetch_one(&mut **transaction)
        .await?)
}

/// Makes room for `count` videos in front of a waiting one.
async fn step_back(transaction: &mut Transaction<'_, Sqlite>, id: &str, count: i64) -> Result<i64> {
    let (place, number): (i64, i64) =
        sqlx::query_as("SELECT place, number FROM videos WHERE id = ?")
            .bind(id)
            .fetch_one(&mut **transaction)
            .await?;
    // One more than needed: others may share the place with a smaller number.
    sqlx::query(
        "UPDATE videos SET place = place + ? WHERE state = 'queued' \
         AND (place, number) >= (?, ?)",
    )
    .bind(count + 1)
    .bind(place)
    .bind(number)
    .execute(&mut **transaction)
    .await?;
    Ok(place + 1)
}

impl Store {
    /// Stops or resumes the start of new work; what runs goes on to its end.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn pause(&self, paused: bool) -> Result<()> {
        sqlx::query("UPDATE queue SET paused = ?")
            .bind(paused)
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// The queue with up to `limit` waiting videos.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn queue(&self, limit: i64) -> Result<Queue> {
        let mut transaction = self.readers.begin().await?; // one moment for all four
        let paused = sqlx::query_scalar("SELECT paused FROM queue")
            .fetch_one(&mut *transaction)
            .await?;
        let waiting_count = sqlx::query_scalar(
            "SELECT count(*) FROM videos WHERE state = 'queued' AND deleted = 0",
        )
        .fetch_one(&mut *transaction)
        .await?;
        let mut lists = [Vec::new(), Vec::new()];
        for (list, state) in lists.iter_mut().zip(["running", "queued"]) {
            let sql = format!("{SELECT} AND v.state = ? ORDER BY v.place, v.number LIMIT ?");
            let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
                .bind(state)
                .bind(limit)
                .fetch_all(&mut *transaction)
                .await?;
            *list = rows.iter().map(Video::read).collect::<Result<_>>()?;
        }
        let [running, waiting] = lists;
        Ok(Queue {
            paused,
            running,
            waiting,
            waiting_count,
        })
    }

    /// Moves a waiting video. False when it does not wait any more, or the one that it should
    /// go before does not.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn reorder(&self, id: &str, to: &Move) -> Result<bool> {
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        let mut named = vec![id];
        if let Move::Before(other) = to {
            named.push(other);
        }
        for id in named {
            let waits = sqlx::query(
                "SELECT 1 FROM videos WHERE id = ? AND state = 'queued' AND deleted = 0",
            )
            .bind(id)
            .fetch_optional(&mut *transaction)
            .await?;
            if waits.is_none() {
                return Ok(false);
            }
        }
        let place = place(&mut transaction, to, 1).await?;
        sqlx::query("UPDATE videos SET place = ? WHERE id = ?")
            .bind(place)
            .bind(id)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Puts a failed or cancelled video at the end of the queue again: the same request and seed,
    /// a new try under a new lease. False when it has not failed.
    ///
    /// The events of the earlier tries go, or whoever listens would be told an old end.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn retry(&self, id: &str) -> Result<bool> {
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        let place = place(&mut transaction, &Move::Last, 1).await?;
        let done = sqlx::query(
            "UPDATE videos SET state = 'queued', place = ?, progress = 0, completed_at = NULL, \
             error_code = NULL, error_message = NULL, cancel_requested = 0, \
             most_attempts = attempt + ? WHERE id = ? AND state = 'failed' AND deleted = 0",
        )
        .bind(place)
        .bind(MOST_ATTEMPTS)
        .bind(id)
        .execute(&mut *transaction)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        sqlx::query("DELETE FROM events WHERE video_id = ?")
            .bind(id)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// The place of a waiting video in the queue; 1 is next.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn position(&self, id: &str) -> Result<i64> {
        Ok(sqlx::query_scalar(
            "SELECT count(*) FROM videos v JOIN videos w ON w.id = ? WHERE v.state = 'queued' \
             AND v.deleted = 0 AND (v.place, v.number) <= (w.place, w.number)",
        )
        .bind(id)
        .fetch_one(&self.readers)
        .await?)
    }
}
