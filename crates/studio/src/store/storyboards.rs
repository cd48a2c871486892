//! Storyboards: documents that the user edits, each change on top of the one it saw.

use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::any::AnyRow;

use super::{Result, Store};

/// What every shot of a storyboard shares and what each is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// Values of every shot's create.
    #[serde(default)]
    pub settings: Settings,
    /// In the order of the cut.
    pub shots: Vec<Shot>,
}

/// Fields of a create, under its names, that all shots share.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// What no shot may show.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub negative_prompt: Option<String>,
    /// `WxH`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<String>,
    /// `16:9` and others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aspect: Option<String>,
    /// `720p` and others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolution: Option<String>,
    /// Length of a shot that says none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// Film stock, grain, vignette.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finish: Option<String>,
    /// Fewer steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub draft: Option<bool>,
    /// Denoising steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_inference_steps: Option<u32>,
    /// Guidance scale.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guidance_scale: Option<f64>,
}

/// A shot and the clips that were made of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shot {
    /// Named by the client, unique in the storyboard.
    pub id: String,
    /// What it shows.
    pub prompt: String,
    /// Its length; without one, that of the settings.
    #[serde(default)]
    pub seconds: Option<f64>,
    /// Its seed; without one, every take gets a new one.
    #[serde(default)]
    pub seed: Option<u64>,
    /// Its takes, oldest first.
    #[serde(default)]
    pub video_ids: Vec<String>,
    /// The take that is in the cut.
    #[serde(default)]
    pub video_id: Option<String>,
}

/// A storyboard as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Storyboard {
    /// Its id.
    pub id: String,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// Milliseconds since 1970.
    pub updated_at: i64,
    /// Grows with every change.
    pub revision: i64,
    /// Its title.
    pub title: String,
    /// How many shots it has.
    pub shot_count: i64,
    /// Settings and shots; none in a list.
    pub document: Option<Document>,
}

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It holds.
    Made,
    /// Another change came first.
    Conflict,
    /// There is no such storyboard.
    Missing,
}

impl Storyboard {
    fn read(row: &AnyRow, with_document: bool) -> Result<Self> {
        let document = if with_document {
            Some(serde_json::from_str(row.try_get("document")?)?)
        } else {
            None
        };
        Ok(Self {
            id: row.try_get("id")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
            revision: row.try_get("revision")?,
            title: row.try_get("title")?,
            shot_count: row.try_get("shot_count")?,
            document,
        })
    }
}

impl Store {
    /// Keeps a new storyboard.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn add_storyboard(&self, id: &str, title: &str, document: &Document) -> Result<()> {
        sqlx::query(
            "INSERT INTO storyboards (id, created_at, updated_at, title, shot_count, document) \
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(id)
        .bind(self.now())
        .bind(self.now())
        .bind(title)
        .bind(document.shots.len() as i64)
        .bind(serde_json::to_string(document)?)
        .execute(&self.database.writer)
        .await?;
        Ok(())
    }

    /// A storyboard by its id.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn storyboard(&self, id: &str) -> Result<Option<Storyboard>> {
        let row = sqlx::query("SELECT * FROM storyboards WHERE id = $1")
            .bind(id)
            .fetch_optional(&self.database.readers)
            .await?;
        row.as_ref()
            .map(|row| Storyboard::read(row, true))
            .transpose()
    }

    /// Up to `limit` storyboards, newest first, older than `after`.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn storyboards(&self, after: Option<&str>, limit: i64) -> Result<Vec<Storyboard>> {
        let rows = sqlx::query(
            "SELECT id, created_at, updated_at, revision, title, shot_count FROM storyboards \
             WHERE $1 IS NULL OR number < (SELECT number FROM storyboards WHERE id = $1) \
             ORDER BY number DESC LIMIT $2",
        )
        .bind(after)
        .bind(limit)
        .fetch_all(&self.database.readers)
        .await?;
        rows.iter()
            .map(|row| Storyboard::read(row, false))
            .collect()
    }

    /// Replaces a storyboard of this revision.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn change_storyboard(
        &self,
        id: &str,
        revision: i64,
        title: &str,
        document: &Document,
    ) -> Result<Change> {
        let done = sqlx::query(
            "UPDATE storyboards SET title = $1, shot_count = $2, document = $3, updated_at = $4, \
             revision = revision + 1 WHERE id = $5 AND revision = $6",
        )
        .bind(title)
        .bind(document.shots.len() as i64)
        .bind(serde_json::to_string(document)?)
        .bind(self.now())
        .bind(id)
        .bind(revision)
        .execute(&self.database.writer)
        .await?;
        if done.rows_affected() > 0 {
            return Ok(Change::Made);
        }
        let is_there = self.storyboard(id).await?.is_some();
        Ok(if is_there {
            Change::Conflict
        } else {
            Change::Missing
        })
    }

    /// Deletes a storyboard, not its clips. False when there is none.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn delete_storyboard(&self, id: &str) -> Result<bool> {
        let done = sqlx::query("DELETE FROM storyboards WHERE id = $1")
            .bind(id)
            .execute(&self.database.writer)
            .await?;
        Ok(done.rows_affected() > 0)
    }
}
