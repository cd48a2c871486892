//! The store: a database file (`SQLite`) that is the only truth about prompts, videos and their events.
//!
//! One connection writes, a few read; write-ahead logging keeps them apart. Everything a worker
//! writes carries its lease token, so a worker that lost its lease changes nothing.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

mod clock;
mod events;
mod keys;
mod log;
mod order;
mod queue;
mod remotes;
mod storyboards;
mod tier;
mod videos;
mod webhooks;

use clock::Clock;
pub use keys::{Key, NewKey};
pub use log::{NewPrompt, Prompt};
pub use order::{Depth, Move};
pub use queue::{Claim, Ending, Lease, Made};
pub use remotes::RemoteClaim;
pub use storyboards::{Change, Document, Settings, Shot, Storyboard};
pub use tier::Tier;
pub use videos::{Filter, Inputs, NewVideo, Owner, State, Terms, Video};
pub use webhooks::{Attempt, Delivery, EVENT_TYPES, Endpoint, event};

/// How a database gets from each layout to the next; a file of a later layout is refused.
const LAYOUTS: [&str; 8] = [
    include_str!("schema/1.sql"),
    include_str!("schema/2.sql"),
    include_str!("schema/3.sql"),
    include_str!("schema/4.sql"),
    include_str!("schema/5.sql"),
    include_str!("schema/6.sql"),
    include_str!("schema/7.sql"),
    include_str!("schema/8.sql"),
];
/// Layout of the database of this version.
const VERSION: i64 = LAYOUTS.len() as i64;
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
    /// The API key has as many unfinished videos as it may have.
    #[error("the API key may have {most} unfinished videos")]
    TooMany {
        /// How many it may have.
        most: u32,
    },
}

/// Result of the store's functions.
pub type Result<T> = std::result::Result<T, StoreError>;

/// The database of one studio.
#[derive(Debug, Clone)]
pub struct Store {
    writer: SqlitePool,
    readers: SqlitePool,
    clock: Clock,
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
        bring_up(&writer).await?;
        let readers = pool(READERS).connect_with(options.read_only(true)).await?;
        Ok(Self {
            writer,
            readers,
            clock: Clock::default(),
        })
    }

    /// Now, in milliseconds since 1970.
    pub fn now(&self) -> i64 {
        self.clock.now()
    }

    /// Whether the database answers.
    pub async fn is_ready(&self) -> bool {
        sqlx::query("SELECT 1").execute(&self.readers).await.is_ok()
    }
}

/// Brings a new or older file to the layout of this version, step by step.
async fn bring_up(writer: &SqlitePool) -> Result<()> {
    let found: i64 = sqlx::query_scalar("PRAGMA user_version")
        .fetch_one(writer)
        .await?;
    let done = usize::try_from(found).unwrap_or(usize::MAX);
    let Some(missing) = LAYOUTS.get(done..) else {
        return Err(StoreError::Version { found });
    };
    for (index, layout) in missing.iter().enumerate() {
        let mut transaction = writer.begin().await?;
        sqlx::raw_sql(*layout).execute(&mut *transaction).await?;
        let version = format!("PRAGMA user_version = {}", done + index + 1);
        sqlx::raw_sql(sqlx::AssertSqlSafe(version))
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
    }
    Ok(())
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
