//! The library: videos as they stand.

use kinora_engine::{Recipe, Request};
use serde_json::Value;
use sqlx::any::AnyRow;
use sqlx::{Any, AssertSqlSafe, Row, Transaction};

use super::log::{self, NewPrompt};
use super::order::{self, Move};
use super::{Result, Store, StoreError, Tier, anywhere, flag, listed};

/// Where a video is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Waits for a worker.
    Queued,
    /// A worker makes it.
    Running,
    /// The file is there.
    Completed,
    /// It ended without a file.
    Failed,
}

impl State {
    const ALL: [(Self, &'static str, &'static str); 4] = [
        (Self::Queued, "queued", "queued"),
        (Self::Running, "running", "in_progress"),
        (Self::Completed, "completed", "completed"),
        (Self::Failed, "failed", "failed"),
    ];

    /// The word that the API uses.
    pub fn status(self) -> &'static str {
        Self::ALL[self as usize].2
    }

    /// The state of an API word.
    pub fn of_status(status: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(_, _, word)| *word == status)
            .map(|(state, ..)| *state)
    }

    fn column(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    fn of_column(text: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(_, word, _)| *word == text)
            .map(|(state, ..)| *state)
    }

    /// Whether nothing will change any more.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed)
    }
}

/// Files that a video begins with, by the SHA-256 of their content.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inputs {
    /// The first picture.
    pub image: Option<String>,
    /// The clip that it goes on from.
    pub clip: Option<String>,
}

impl Inputs {
    pub(super) fn read(row: &AnyRow) -> Result<Self> {
        Ok(Self {
            image: row.try_get("input_image")?,
            clip: row.try_get("input_clip")?,
        })
    }

    /// All of them.
    pub fn hashes(&self) -> impl Iterator<Item = &String> {
        [&self.image, &self.clip].into_iter().flatten()
    }
}

/// A video about to be accepted.
#[derive(Debug, Clone)]
pub struct NewVideo {
    /// Its id.
    pub id: String,
    /// What the worker runs, the seed decided.
    pub request: Request,
    /// What that comes to.
    pub recipe: Recipe,
    /// What the user should know.
    pub notes: Vec<String>,
    /// The video that it remixes.
    pub remixed_from: Option<String>,
    /// What it begins with.
    pub inputs: Inputs,
    /// Who is served first.
    pub tier: Tier,
    /// The remote that makes it; none: it is made here.
    pub remote: Option<String>,
}

/// How a create enters the queue.
#[derive(Debug, Clone, Default)]
pub struct Terms<'a> {
    /// Idempotency key and hash of the body.
    pub idempotency: Option<(&'a str, &'a [u8])>,
    /// Where its videos go.
    pub to: Move,
    /// The API key that it came with.
    pub owner: Option<Owner<'a>>,
}

/// An API key as the queue counts it.
#[derive(Debug, Clone, Copy)]
pub struct Owner<'a> {
    /// Its id.
    pub key_id: &'a str,
    /// Most unfinished videos that it may have; 0 is any number.
    pub most: u32,
}

/// A video of the library.
#[derive(Debug, Clone)]
pub struct Video {
    /// Its id.
    pub id: String,
    /// The logged prompt it came from.
    pub prompt_id: String,
    /// What the worker runs.
    pub request: Request,
    /// What that comes to.
    pub recipe: Recipe,
    /// What the user should know.
    pub notes: Vec<String>,
    /// The video that it remixes.
    pub remixed_from: Option<String>,
    /// All videos of the same create, this one included, in the order of their seeds.
    pub batch: Vec<String>,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// Milliseconds since 1970.
    pub completed_at: Option<i64>,
    /// Where it is in its life.
    pub state: State,
    /// 0 to 100.
    pub progress: i64,
    /// Code and message of a failure.
    pub error: Option<(String, String)>,
    /// File stem under the outputs folder.
    pub output_key: Option<String>,
    /// What it was measured to show: `{satisfied, checkable, clauses}`.
    pub adherence: Option<Value>,
    /// What it begins with.
    pub inputs: Inputs,
    /// Whether the user marked it.
    pub starred: bool,
    /// Who is served first.
    pub tier: Tier,
    /// The remote that makes it; none: it is made here.
    pub remote: Option<String>,
    /// Its id there.
    pub remote_id: Option<String>,
}

/// Which videos of the library to show.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Text that the prompt holds.
    pub text: String,
    /// In this state only.
    pub state: Option<State>,
    /// Marked ones only.
    pub starred: bool,
    /// Beyond this video.
    pub after: Option<String>,
    /// Oldest first.
    pub ascending: bool,
    /// At most so many.
    pub limit: i64,
}

/// Videos that were not deleted; more conditions may follow.
pub(super) const SELECT: &str = "SELECT v.*, (SELECT string_agg(b.id, ',' ORDER BY b.number) \
    FROM videos b WHERE b.batch = v.batch) AS batch_ids FROM videos v WHERE v.deleted = 0";

impl Video {
    pub(super) fn read(row: &AnyRow) -> Result<Self> {
        let code: Option<String> = row.try_get("error_code")?;
        let message: Option<String> = row.try_get("error_message")?;
        let state: &str = row.try_get("state")?;
        let adherence: Option<&str> = row.try_get("adherence")?;
        Ok(Self {
            id: row.try_get("id")?,
            prompt_id: row.try_get("prompt_id")?,
            request: serde_json::from_str(row.try_get("request")?)?,
            recipe: serde_json::from_str(row.try_get("recipe")?)?,
            notes: serde_json::from_str(row.try_get("notes")?)?,
            remixed_from: row.try_get("remixed_from")?,
            batch: listed(row.try_get("batch_ids")?),
            created_at: row.try_get("created_at")?,
            completed_at: row.try_get("completed_at")?,
            state: State::of_column(state).expect("the table checks its states"),
            progress: row.try_get("progress")?,
            error: code.zip(message),
            output_key: row.try_get("output_key")?,
            adherence: adherence.map(serde_json::from_str).transpose()?,
            inputs: Inputs::read(row)?,
            starred: flag(row, "starred")?,
            tier: Tier::of_column(row.try_get("tier")?),
            remote: row.try_get("remote")?,
            remote_id: row.try_get("remote_id")?,
        })
    }
}

impl Store {
    /// Accepts the videos of one create and logs their prompt, all or nothing.
    ///
    /// # Errors
    /// [`StoreError::Repeated`] when the idempotency key was used before, [`StoreError::TooMany`]
    /// when the API key may not have so many.
    pub async fn accept(
        &self,
        prompt: &NewPrompt,
        videos: &[NewVideo],
        terms: &Terms<'_>,
    ) -> Result<()> {
        let mut transaction = self.database.alone().await?;
        if let Some((key, hash)) = terms.idempotency {
            let used = sqlx::query("SELECT id, body_hash FROM videos WHERE idempotency_key = $1")
                .bind(key)
                .fetch_optional(&mut *transaction)
                .await?;
            if let Some(row) = used {
                let same_body = row.try_get::<Vec<u8>, _>("body_hash")? == hash;
                return Err(StoreError::Repeated {
                    id: row.try_get("id")?,
                    same_body,
                });
            }
        }
        let (count, now) = (videos.len() as i64, self.now());
        if let Some(owner) = terms.owner {
            check_cap(&mut transaction, owner, count).await?;
        }
        log::insert(&mut transaction, prompt, now).await?;
        let lane = videos[0].tier.lane(); // all of one create have the same
        let spot = order::spot(&mut transaction, &terms.to, count, lane, now).await?;
        for (index, video) in videos.iter().enumerate() {
            let (key, hash) = terms.idempotency.filter(|_| index == 0).unzip();
            sqlx::query(
                "INSERT INTO videos (id, prompt_id, batch, request, recipe, notes, remixed_from, \
                 idempotency_key, body_hash, created_at, place, lane, waits_since, tier, key_id, \
                 input_image, input_clip, remote, state) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, 'queued')",
            )
            .bind(&video.id)
            .bind(&prompt.id)
            .bind(&videos[0].id)
            .bind(serde_json::to_string(&video.request)?)
            .bind(video.recipe.to_json())
            .bind(serde_json::to_string(&video.notes)?)
            .bind(&video.remixed_from)
            .bind(key)
            .bind(hash)
            .bind(now)
            .bind(spot.place + index as i64)
            .bind(spot.lane)
            .bind(spot.waits_since)
            .bind(video.tier.column())
            .bind(terms.owner.map(|owner| owner.key_id))
            .bind(&video.inputs.image)
            .bind(&video.inputs.clip)
            .bind(&video.remote)
            .execute(&mut *transaction)
            .await?;
        }
        Ok(transaction.commit().await?)
    }

    /// A video by its id; none when it was deleted.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn video(&self, id: &str) -> Result<Option<Video>> {
        let row = sqlx::query(AssertSqlSafe(format!("{SELECT} AND v.id = $1")))
            .bind(id)
            .fetch_optional(&self.database.readers)
            .await?;
        row.as_ref().map(Video::read).transpose()
    }

    /// The videos of a filter.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn videos(&self, filter: &Filter) -> Result<Vec<Video>> {
        let (beyond, order) = if filter.ascending {
            (">", "ASC")
        } else {
            ("<", "DESC")
        };
        // A deleted video still marks its place, so that paging goes on.
        let sql = format!(
            "{SELECT} AND ($1 IS NULL OR EXISTS (SELECT 1 FROM prompts p WHERE p.id = v.prompt_id \
             AND lower(p.prompt) LIKE lower($1) ESCAPE '\\')) \
             AND ($2 IS NULL OR v.state = $2) AND v.starred >= $3 \
             AND ($4 IS NULL OR v.number {beyond} (SELECT number FROM videos WHERE id = $4)) \
             ORDER BY v.number {order} LIMIT $5"
        );
        let text = Some(&filter.text).filter(|text| !text.is_empty());
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(text.map(|text| anywhere(text)))
            .bind(filter.state.map(State::column))
            .bind(i64::from(filter.starred))
            .bind(&filter.after)
            .bind(filter.limit)
            .fetch_all(&self.database.readers)
            .await?;
        rows.iter().map(Video::read).collect()
    }

    /// Marks or unmarks a video.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn star(&self, id: &str, starred: bool) -> Result<()> {
        sqlx::query("UPDATE videos SET starred = $1 WHERE id = $2")
            .bind(i64::from(starred))
            .bind(id)
            .execute(&self.database.writer)
            .await?;
        Ok(())
    }

    /// Whether a video of the library begins with the input file of this hash.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn uses_input(&self, hash: &str) -> Result<bool> {
        let uses: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM videos \
             WHERE deleted = 0 AND (input_image = $1 OR input_clip = $1)",
        )
        .bind(hash)
        .fetch_one(&self.database.readers)
        .await?;
        Ok(uses > 0)
    }

    /// Takes a video out of the library; its row stays for the prompt log. Returns the stem of its files: it
    /// gets none after this.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn delete(&self, id: &str) -> Result<Option<String>> {
        let key: Option<Option<String>> =
            sqlx::query_scalar("UPDATE videos SET deleted = 1 WHERE id = $1 RETURNING output_key")
                .bind(id)
                .fetch_optional(&self.database.writer)
                .await?;
        Ok(key.flatten())
    }
}

/// Refuses `count` more videos of an API key that has too many.
pub(super) async fn check_cap(
    transaction: &mut Transaction<'_, Any>,
    owner: Owner<'_>,
    count: i64,
) -> Result<()> {
    if owner.most == 0 {
        return Ok(());
    }
    let unfinished: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM videos WHERE key_id = $1 AND state IN ('queued', 'running')",
    )
    .bind(owner.key_id)
    .fetch_one(&mut **transaction)
    .await?;
    if unfinished + count > i64::from(owner.most) {
        return Err(StoreError::TooMany { most: owner.most });
    }
    Ok(())
}
