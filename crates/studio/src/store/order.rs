//! The order of the queue and whether it runs: what the user decides about waiting videos.

use sqlx::{Any, Row, Transaction};

use super::queue::MOST_ATTEMPTS;
use super::videos::{SELECT, check_cap};
use super::{Owner, Result, Store, Tier, Video, flag};

/// The lane that is made last.
const LAST_LANE: i64 = 1;

/// Where a video goes among the waiting ones.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Move {
    /// To the front: the next one that is made.
    First,
    /// In front of this waiting video.
    Before(String),
    /// To the end: of its tier's line when it enters the queue, of the whole queue when it is
    /// moved.
    #[default]
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

/// Where a video waits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spot {
    /// Its lane: 0 is made first.
    pub lane: i64,
    /// Its place in the lane.
    pub place: i64,
    /// When it began to age.
    pub waits_since: i64,
}

/// The spot of the first of `count` videos about to wait at `to`; the following places are free
/// too. [`Move::Before`] must name a waiting video; that one and all behind it step back.
/// [`Move::Last`] is the end of this lane.
pub(super) async fn spot(
    transaction: &mut Transaction<'_, Any>,
    to: &Move,
    count: i64,
    lane: i64,
    now: i64,
) -> Result<Spot> {
    // What runs keeps its place, for it may come back.
    let (lane, sql, step) = match to {
        // Lane by lane, so that the index finds each end: the queue may be long.
        Move::First => (
            0,
            "SELECT coalesce(min((SELECT min(place) FROM videos \
             WHERE state = s.column1 AND lane = s.column2)), 1) + $1 FROM \
             (VALUES ('queued', 0), ('queued', 1), ('running', 0), ('running', 1)) AS s",
            -count,
        ),
        Move::Last => (
            lane,
            "SELECT coalesce(max((SELECT max(place) FROM videos \
             WHERE state = s.column1 AND lane = s.column2)), 0) + $1 FROM \
             (VALUES ('queued', 0), ('queued', 1), ('running', 0), ('running', 1)) AS s",
            1,
        ),
        Move::Before(id) => return step_back(transaction, id, count).await,
    };
    let place = sqlx::query_scalar(sql)
        .bind(step)
        .fetch_one(&mut **transaction)
        .await?;
    // A clock that was set back must not let the last one age first. The latest time is that of the
    // last place.
    let latest: Option<i64> = sqlx::query_scalar(
        "SELECT waits_since FROM videos WHERE state = 'queued' AND lane = 1 \
         ORDER BY place DESC, number DESC LIMIT 1",
    )
    .fetch_optional(&mut **transaction)
    .await?;
    Ok(Spot {
        lane,
        place,
        waits_since: latest.unwrap_or(now).max(now),
    })
}

/// Makes room for `count` videos in front of a waiting one, with which they will age.
async fn step_back(transaction: &mut Transaction<'_, Any>, id: &str, count: i64) -> Result<Spot> {
    let row = sqlx::query("SELECT lane, place, waits_since, number FROM videos WHERE id = $1")
        .bind(id)
        .fetch_one(&mut **transaction)
        .await?;
    let (place, number): (i64, i64) = (row.try_get("place")?, row.try_get("number")?);
    // One more than needed: others may share the place with a smaller number.
    sqlx::query(
        "UPDATE videos SET place = place + $1 WHERE state = 'queued' \
         AND (place, number) >= ($2, $3)",
    )
    .bind(count + 1)
    .bind(place)
    .bind(number)
    .execute(&mut **transaction)
    .await?;
    Ok(Spot {
        lane: row.try_get("lane")?,
        place: place + 1,
        waits_since: row.try_get("waits_since")?,
    })
}

/// How much of a tier waits and is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Depth {
    /// The tier.
    pub tier: Tier,
    /// Its waiting videos.
    pub waiting: i64,
    /// Its videos that are made.
    pub running: i64,
}

impl Store {
    /// How much waits and is made, of every tier, and whether the queue is paused.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn depths(&self) -> Result<(Vec<Depth>, bool)> {
        let mut depths = Vec::new();
        for tier in [Tier::Standard, Tier::Pro] {
            let (waiting, running) = sqlx::query_as(
                "SELECT count(*) FILTER (WHERE state = 'queued'), \
                 count(*) FILTER (WHERE state = 'running') \
                 FROM videos WHERE state IN ('queued', 'running') AND deleted = 0 AND tier = $1",
            )
            .bind(tier.column())
            .fetch_one(&self.database.readers)
            .await?;
            depths.push(Depth {
                tier,
                waiting,
                running,
            });
        }
        let queue = sqlx::query("SELECT paused FROM queue")
            .fetch_one(&self.database.readers)
            .await?;
        Ok((depths, flag(&queue, "paused")?))
    }

    /// Stops or resumes the start of new work; what runs goes on to its end.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn pause(&self, paused: bool) -> Result<()> {
        sqlx::query("UPDATE queue SET paused = $1")
            .bind(i64::from(paused))
            .execute(&self.database.writer)
            .await?;
        Ok(())
    }

    /// The queue with up to `limit` waiting videos.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn queue(&self, limit: i64) -> Result<Queue> {
        let mut transaction = self.database.moment().await?; // one for all four
        let paused = sqlx::query("SELECT paused FROM queue")
            .fetch_one(&mut *transaction)
            .await?;
        let paused = flag(&paused, "paused")?;
        let waiting_count = sqlx::query_scalar(
            "SELECT count(*) FROM videos WHERE state = 'queued' AND deleted = 0",
        )
        .fetch_one(&mut *transaction)
        .await?;
        let mut lists = [Vec::new(), Vec::new()];
        for (list, state) in lists.iter_mut().zip(["running", "queued"]) {
            let sql =
                format!("{SELECT} AND v.state = $1 ORDER BY v.lane, v.place, v.number LIMIT $2");
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
        let mut transaction = self.database.alone().await?;
        let mut named = vec![id];
        if let Move::Before(other) = to {
            named.push(other);
        }
        for id in named {
            let waits = sqlx::query(
                "SELECT 1 FROM videos WHERE id = $1 AND state = 'queued' AND deleted = 0",
            )
            .bind(id)
            .fetch_optional(&mut *transaction)
            .await?;
            if waits.is_none() {
                return Ok(false);
            }
        }
        let spot = spot(&mut transaction, to, 1, LAST_LANE, self.now()).await?;
        sqlx::query("UPDATE videos SET lane = $1, place = $2, waits_since = $3 WHERE id = $4")
            .bind(spot.lane)
            .bind(spot.place)
            .bind(spot.waits_since)
            .bind(id)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Puts a failed or cancelled video at the end of its tier's line again: the same request and seed,
    /// a new try under a new lease. False when it has not failed.
    ///
    /// The events of the earlier tries go, or whoever listens would be told an old end. What a remote
    /// still has of it is not made again.
    ///
    /// # Errors
    /// [`StoreError::TooMany`] when who asks has enough unfinished videos, or when the database cannot be
    /// written.
    ///
    /// [`StoreError::TooMany`]: super::StoreError::TooMany
    pub async fn retry(&self, id: &str, owner: Option<Owner<'_>>) -> Result<bool> {
        let mut transaction = self.database.alone().await?;
        let tier: Option<String> = sqlx::query_scalar(
            "SELECT tier FROM videos WHERE id = $1 AND state = 'failed' AND deleted = 0",
        )
        .bind(id)
        .fetch_optional(&mut *transaction)
        .await?;
        let Some(tier) = tier else { return Ok(false) };
        if let Some(owner) = owner {
            check_cap(&mut transaction, owner, 1).await?;
        }
        let lane = Tier::of_column(&tier).lane();
        let spot = spot(&mut transaction, &Move::Last, 1, lane, self.now()).await?;
        sqlx::query(
            "UPDATE videos SET state = 'queued', lane = $1, place = $2, waits_since = $3, \
             progress = 0, completed_at = NULL, error_code = NULL, error_message = NULL, \
             cancel_requested = 0, most_attempts = attempt + $4 WHERE id = $5",
        )
        .bind(spot.lane)
        .bind(spot.place)
        .bind(spot.waits_since)
        .bind(MOST_ATTEMPTS)
        .bind(id)
        .execute(&mut *transaction)
        .await?;
        sqlx::query("DELETE FROM events WHERE video_id = $1")
            .bind(id)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Every waiting video with the remote that makes it, the next one first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn waiting(&self) -> Result<Vec<(String, Option<String>)>> {
        Ok(sqlx::query_as(
            "SELECT id, remote FROM videos WHERE state = 'queued' AND deleted = 0 \
             ORDER BY lane, place, number",
        )
        .fetch_all(&self.database.readers)
        .await?)
    }

    /// The place of a waiting video among those that the same engine makes; 1 is next.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn position(&self, id: &str) -> Result<i64> {
        Ok(sqlx::query_scalar(
            "SELECT count(*) FROM videos v JOIN videos w ON w.id = $1 WHERE v.state = 'queued' \
             AND v.deleted = 0 AND v.remote IS NOT DISTINCT FROM w.remote \
             AND (v.lane, v.place, v.number) <= (w.lane, w.place, w.number)",
        )
        .bind(id)
        .fetch_one(&self.database.readers)
        .await?)
    }
}
