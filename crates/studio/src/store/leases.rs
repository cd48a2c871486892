//! Leases of lost workers: whose they are, and what becomes of their videos.
//!
//! No clock decides that a lease is lost. Every heartbeat changes its row; whoever looks remembers the
//! row, and after so many looks in a row that showed it unchanged nobody can be behind it. Clocks of
//! machines may differ or jump, and a machine that slept takes one look, not many.

use std::collections::HashMap;

use sqlx::Row;
use sqlx::any::AnyRow;
use uuid::Uuid;

use super::queue::LEASE;
use super::{Ending, Lease, Result, Store, flag};

/// Looks in a row after which an unchanged lease is lost.
pub const LOOKS: u32 = 6;

/// What the last look at running videos showed: by its token the time of each lease, and how often in a
/// row that was seen before.
#[derive(Debug, Default)]
pub struct Watch {
    seen: HashMap<String, (i64, u32)>,
}

/// A running video that nobody makes any more.
#[derive(Debug)]
pub struct Abandoned {
    /// The lease that was lost, which names the files of the try.
    pub lost: Lease,
    /// Whether the video goes on at a remote.
    is_remote: bool,
    is_cancelled: bool,
    /// The right to write about it.
    token: String,
}

impl Abandoned {
    fn read(row: &AnyRow) -> Result<Self> {
        let token: String = row.try_get("lease_token")?;
        Ok(Self {
            lost: Lease::read(row, token.clone())?,
            is_remote: row.try_get::<Option<&str>, _>("remote")?.is_some(),
            is_cancelled: flag(row, "cancel_requested")?,
            token,
        })
    }
}

impl Store {
    /// What an earlier studio was making. The caller holds the lock of the data folder and has the
    /// database to itself, so nobody makes it any more.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn unfinished(&self) -> Result<Vec<Abandoned>> {
        let rows = self.running().await?;
        rows.iter().map(Abandoned::read).collect()
    }

    /// One look at the running videos; takes over those whose leases were lost. [`LOOKS`] looks at
    /// intervals that are no shorter than those of heartbeats tell.
    ///
    /// # Errors
    /// When the database cannot be used; then the looks begin anew.
    pub async fn abandoned(&self, watch: &mut Watch) -> Result<Vec<Abandoned>> {
        // Who cannot reach the database may be one of many.
        let before = std::mem::take(&mut watch.seen);
        let rows = self.running().await?;
        let mut abandoned = Vec::new();
        for row in &rows {
            let mut video = Abandoned::read(row)?;
            let until: i64 = row.try_get("lease_until")?;
            let seen = before.get(&video.token);
            let looks = seen.map_or(
                0,
                |(last, looks)| if *last == until { looks + 1 } else { 0 },
            );
            if looks < LOOKS {
                watch.seen.insert(video.token, (until, looks));
            } else if let Some(token) = self.take_over(&video.lost, until).await? {
                video.token = token;
                abandoned.push(video);
            }
        }
        Ok(abandoned)
    }

    async fn running(&self) -> Result<Vec<AnyRow>> {
        Ok(sqlx::query(
            "SELECT id, lease_token, lease_until, attempt, most_attempts, cancel_requested, remote \
             FROM videos WHERE state = 'running'",
        )
        .fetch_all(&self.database.readers)
        .await?)
    }

    /// Takes a lease from a lost worker, which changes nothing from now on; none when it is not lost.
    async fn take_over(&self, lost: &Lease, until: i64) -> Result<Option<String>> {
        let token = Uuid::now_v7().simple().to_string();
        let done = sqlx::query(
            "UPDATE videos SET lease_token = $1, lease_until = $2 \
             WHERE id = $3 AND lease_token = $4 AND lease_until = $5 AND state = 'running'",
        )
        .bind(&token)
        .bind(self.now() + LEASE)
        .bind(&lost.id)
        .bind(&lost.token)
        .bind(until)
        .execute(&self.database.writer)
        .await?;
        Ok((done.rows_affected() > 0).then_some(token))
    }

    /// Puts a video back into the queue that nobody makes any more. A cancelled one ends, and so does
    /// one that was tried too often; one that a remote makes goes on there.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn put_back(&self, abandoned: &Abandoned) -> Result<()> {
        let lease = Lease {
            token: abandoned.token.clone(),
            ..abandoned.lost.clone()
        };
        if abandoned.is_remote {
            self.give_back(&lease, false).await?;
        } else if abandoned.is_cancelled {
            self.finish(&lease, &Ending::cancelled()).await?;
        } else {
            self.give_back(&lease, true).await?;
        }
        Ok(())
    }
}
