//! The prompt log: every prompt that was sent, accepted or refused. Nothing is ever taken out.

use serde::Serialize;
use serde_json::Value;
use sqlx::any::AnyRow;
use sqlx::{Any, Row, Transaction};

use super::{Result, Store, anywhere, listed};

/// A prompt about to be logged.
#[derive(Debug, Clone)]
pub struct NewPrompt {
    /// Its id.
    pub id: String,
    /// The prompt as written.
    pub prompt: String,
    /// What it must not show.
    pub negative: String,
    /// The model that was asked.
    pub model: String,
    /// Everything else that the request said.
    pub parameters: Value,
    /// `accepted`, or the category of the content rules that refused it.
    pub decision: String,
    /// The category that it was accepted with, where that is told and not refused.
    pub warning: Option<String>,
    /// The prompt that it came from by a remix.
    pub parent_id: Option<String>,
}

/// A prompt of the log, as the API shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(clippy::struct_field_names, reason = "the names of the API")]
pub struct Prompt {
    /// Its id.
    pub id: String,
    /// Always `prompt`.
    pub object: &'static str,
    /// Seconds since 1970.
    pub created_at: i64,
    /// The prompt as written.
    pub prompt: String,
    /// What it must not show.
    pub negative_prompt: String,
    /// The model that was asked.
    pub model: String,
    /// Everything else that the request said.
    pub parameters: Value,
    /// `accepted`, or the category that refused it.
    pub decision: String,
    /// The category that it was accepted with, where that is told and not refused.
    pub warning: Option<String>,
    /// The clips it made; those that were deleted too.
    pub video_ids: Vec<String>,
    /// The prompt that it came from by a remix.
    pub parent_id: Option<String>,
    /// 0 (none) to 5.
    pub rating: i64,
    /// The user's note.
    pub note: String,
}

const SELECT: &str = "SELECT p.*, (SELECT string_agg(v.id, ',' ORDER BY v.number) \
    FROM videos v WHERE v.prompt_id = p.id) AS video_ids FROM prompts p";

impl Prompt {
    fn read(row: &AnyRow) -> Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            object: "prompt",
            created_at: row.try_get::<i64, _>("created_at")? / 1000,
            prompt: row.try_get("prompt")?,
            negative_prompt: row.try_get("negative")?,
            model: row.try_get("model")?,
            parameters: serde_json::from_str(row.try_get("parameters")?)?,
            decision: row.try_get("decision")?,
            warning: row.try_get("warning")?,
            video_ids: listed(row.try_get("video_ids")?),
            parent_id: row.try_get("parent_id")?,
            rating: row.try_get("rating")?,
            note: row.try_get("note")?,
        })
    }
}

pub(super) async fn insert(
    transaction: &mut Transaction<'_, Any>,
    prompt: &NewPrompt,
    now: i64,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO prompts \
         (id, created_at, prompt, negative, model, parameters, decision, warning, parent_id) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(&prompt.id)
    .bind(now)
    .bind(&prompt.prompt)
    .bind(&prompt.negative)
    .bind(&prompt.model)
    .bind(prompt.parameters.to_string())
    .bind(&prompt.decision)
    .bind(&prompt.warning)
    .bind(&prompt.parent_id)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

impl Store {
    /// Logs a prompt that makes no clip, because it was refused.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn add_refused(&self, prompt: &NewPrompt) -> Result<()> {
        let mut transaction = self.database.writer.begin().await?;
        insert(&mut transaction, prompt, self.now()).await?;
        Ok(transaction.commit().await?)
    }

    /// A prompt by its id.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn prompt(&self, id: &str) -> Result<Option<Prompt>> {
        let row = sqlx::query(sqlx::AssertSqlSafe(format!("{SELECT} WHERE p.id = $1")))
            .bind(id)
            .fetch_optional(&self.database.readers)
            .await?;
        row.as_ref().map(Prompt::read).transpose()
    }

    /// Up to `limit` prompts that hold `text`, newest first, older than `after`.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn prompts(
        &self,
        text: &str,
        after: Option<&str>,
        limit: i64,
    ) -> Result<Vec<Prompt>> {
        let sql = format!(
            "{SELECT} WHERE (lower(p.prompt) LIKE lower($1) ESCAPE '\\' \
             OR lower(p.note) LIKE lower($1) ESCAPE '\\') AND ($2 IS NULL OR p.number < (SELECT number FROM prompts WHERE id = $2)) \
             ORDER BY p.number DESC LIMIT $3"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(anywhere(text))
            .bind(after)
            .bind(limit)
            .fetch_all(&self.database.readers)
            .await?;
        rows.iter().map(Prompt::read).collect()
    }

    /// Changes what may change of a logged prompt; `None` leaves it. False without that prompt.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn annotate(
        &self,
        id: &str,
        rating: Option<i64>,
        note: Option<&str>,
    ) -> Result<bool> {
        let done = sqlx::query(
            "UPDATE prompts SET rating = coalesce($1, rating), note = coalesce($2, note) WHERE id = $3",
        )
        .bind(rating)
        .bind(note)
        .bind(id)
        .execute(&self.database.writer)
        .await?;
        Ok(done.rows_affected() > 0)
    }
}
