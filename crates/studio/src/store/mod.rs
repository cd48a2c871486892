//! The store: a database file (`SQLite`) that is the only truth about prompts, videos and their events.
//!
//! One connection writes, a few read; write-ahead logging keeps them apart. Everything a worker
//! writes carries its lease token, so a worker that lost its lease changes nothing.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

mod events;
mod log;
mod queue;
mod videos;

pub use log::{NewPrompt, Prompt};
pub use queue::{Claim, Ending, Lease};
pub use videos::{Filter, NewVideo, State, Video};

/// Layout of the database; a file of a later version is refused.
const VERSION: i64 = 1;
const READERS: u32 = 4;
const BUSY: Duration = Duration::from_secs(5);

/// A failure of the database or of what stands in it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database could not be read or written.
    #[error("the studio's database: {0}")]
    Database(#[from] sqlx::Error),
    /// A document in it is not what this version writes.
    #[error("the studio's database holds a document that cannot be read: {0}")]
    Document(#[from] serde_json::Error),
    /// The file was written by a later version.
    #[error("the studio's database has layout {found}, this version reads up to {VERSION}")]
    Version {
        /// Layout of the file.
        found: i64,
    },
    /// The idempotency key was used before; the id is that of its video.
    #[error("the idempotency key was used for {id}")]
    Repeated {
        /// The video that the key made.
        id: String,
        /// Whether the body was the same.
        same_body: bool,
    },
}

/// Result of the store's functions.
pub type Result<T> = std::result::Result<T, StoreError>;

/// The database of one studio.
#[derive(Debug, Clone)]
pub struct Store {
    writer: SqlitePool,
    readers: SqlitePool,
}

impl Store {
    /// Opens the database at `path`, making it when it is missing.
    ///
    /// # Errors
    /// [`StoreError::Database`], and [`StoreError::Version`] for a file of a later version.
    pub async fn open(path: &Path) -> Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full) // an accepted clip survives a power cut
            .foreign_keys(true)
            .busy_timeout(BUSY);
        let pool = |connections| SqlitePoolOptions::new().max_connections(connections);
        let writer = pool(1).connect_with(options.clone()).await?;
        let found: i64 = sqlx::query_scalar("PRAGMA user_version")
            .fetch_one(&writer)
            .await?;
        if found > VERSION {
            return Err(StoreError::Version { found });
        }
        if found == 0 {
            let mut transaction = writer.begin().await?;
            sqlx::raw_sql(include_str!("schema.sql"))
                .execute(&mut *transaction)
                .await?;
            sqlx::raw_sql("PRAGMA user_version = 1")
                .execute(&mut *transaction)
                .await?;
            transaction.commit().await?;
        }
        let readers = pool(READERS).connect_with(options.read_only(true)).await?;
        Ok(Self { writer, readers })
    }

    /// Whether the database answers.
    pub async fn is_ready(&self) -> bool {
        sqlx::query("SELECT 1").execute(&self.readers).await.is_ok()
    }
}

/// Now, in milliseconds since 1970.
pub fn now() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    since.as_millis() as i64
}

/// The pattern of `LIKE ... ESCAPE '\'` that finds `text` anywhere.
fn anywhere(text: &str) -> String {
    let mut pattern = String::from("%");
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests;
