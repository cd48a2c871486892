//! The store: a database that is the only truth about prompts, videos and their events.
//!
//! It is a file (`SQLite`), or a database of a server (`PostgreSQL`) on which several machines work.
//! Every query is one text for both; in what they differ stands in [`database`]. Everything a worker
//! writes carries its lease token, so a worker that lost its lease changes nothing.
//!
//! A file has one connection that writes and a few that read, kept apart by write-ahead logging. On a
//! server one pool does both. A transaction that writes what follows from what it reads is
//! [`Database::alone`] on either; all else is single statements.

use std::time::Duration;

use sqlx::Row;
use sqlx::any::AnyRow;
use sqlx::error::DatabaseError;
use tokio::time::timeout;

use crate::config::Storage;

mod clock;
mod database;
mod events;
mod keys;
mod leases;
mod log;
mod news;
mod order;
mod previews;
mod queue;
mod remotes;
mod storyboards;
mod tier;
mod videos;
mod webhooks;

use clock::Clock;
pub use database::Place;
use database::{Database, VERSION};
pub use keys::{Key, NewKey};
pub use leases::{Abandoned, Watch};
pub use log::{NewPrompt, Prompt};
pub use news::{Listener, News};
pub use order::{Depth, Move};
pub use queue::{Claim, Ending, Lease, Made};
pub use remotes::RemoteClaim;
pub use storyboards::{Change, Document, Settings, Shot, Storyboard};
pub use tier::Tier;
pub use videos::{Filter, Inputs, NewVideo, Owner, State, Terms, Video};
pub use webhooks::{Attempt, Delivery, EVENT_TYPES, Endpoint, event};

/// The code of a text that the server's encoding cannot hold.
const CHARACTER_NOT_IN_REPERTOIRE: &str = "22021";
/// How long the database may take to say that it is there.
const READY: Duration = Duration::from_secs(2);

/// A failure of the database or of what stands in it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database could not be read or written.
    #[error("the studio's database: {0}")]
    Database(sqlx::Error),
    /// `PostgreSQL` keeps no NUL.
    #[error("a text with the character NUL cannot be kept")]
    Character,
    /// A document in it is not what this version writes.
    #[error("the studio's database holds a document that cannot be read: {0}")]
    Document(#[from] serde_json::Error),
    /// The database was written by another version.
    #[error("the studio's database has layout {found}, this version has {VERSION}")]
    Version {
        /// Layout of the database; 0 where none was made.
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

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let code = error.as_database_error().and_then(DatabaseError::code);
        match code.as_deref() {
            Some(CHARACTER_NOT_IN_REPERTOIRE) => Self::Character,
            _ => Self::Database(error),
        }
    }
}

/// What keeps the database from being used and passes without us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// Another program holds its lock, it is not there, or more wants to be written than can be.
    Busy,
    /// Its disk is full.
    Full,
}

impl StoreError {
    /// What has to pass before the same is worth another try, if it is of that kind.
    pub fn obstacle(&self) -> Option<Obstacle> {
        match self {
            Self::Database(sqlx::Error::PoolTimedOut | sqlx::Error::Io(_)) => Some(Obstacle::Busy),
            Self::Database(sqlx::Error::Database(error)) => database::obstacle(&error.code()?),
            _ => None,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Version { found } if *found < VERSION => {
                "open the studio of this version first: it brings its database up to date"
            }
            Self::Version { .. } => {
                "a later version wrote it: take that one, or choose another --data-dir or --database"
            }
            _ => {
                "the database must be there and yours to write; `kinora config check` says where \
                 it is"
            }
        }
    }
}

/// Result of the store's functions.
pub type Result<T> = std::result::Result<T, StoreError>;

/// The database of one studio.
#[derive(Debug, Clone)]
pub struct Store {
    database: Database,
    clock: Clock,
}

impl Store {
    /// Opens a database, making it or bringing it to the layout of this version.
    ///
    /// # Errors
    /// [`StoreError::Database`], and [`StoreError::Version`] for a database of a later version.
    pub async fn open(place: &Place) -> Result<Self> {
        let database = Database::connect(place).await?;
        database.bring_up().await?;
        Self::over(database).await
    }

    /// Opens the database of a studio elsewhere, which is as this version has it.
    ///
    /// # Errors
    /// [`StoreError::Database`], and [`StoreError::Version`] for a database of another version.
    pub async fn join(place: &Place) -> Result<Self> {
        let database = Database::connect(place).await?;
        database.check().await?;
        Self::over(database).await
    }

    async fn over(database: Database) -> Result<Self> {
        let clock = Clock::default();
        let store = Self { database, clock };
        store.set_clock().await?;
        Ok(store)
    }

    /// Now, in milliseconds since 1970, by the clock that all go by who work on the database.
    pub fn now(&self) -> i64 {
        self.clock.now()
    }

    /// Sets the clock by that of the database.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn set_clock(&self) -> Result<()> {
        let ahead = self.database.clock_ahead(Clock::here).await?;
        self.clock.set(ahead);
        Ok(())
    }

    /// Where the studio of this database keeps its files.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn storage(&self) -> Result<Storage> {
        let asked = sqlx::query("SELECT storage FROM queue");
        let row = asked.fetch_one(&self.database.readers).await?;
        Ok(row.try_get::<&str, _>("storage")?.into())
    }

    /// Says it to the workers of other machines.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn set_storage(&self, storage: &Storage) -> Result<()> {
        sqlx::query("UPDATE queue SET storage = $1")
            .bind(storage.url())
            .execute(&self.database.writer)
            .await?;
        Ok(())
    }

    /// Whether the database answers.
    pub async fn is_ready(&self) -> bool {
        let asked = sqlx::query("SELECT 1").execute(&self.database.readers);
        timeout(READY, asked).await.is_ok_and(|asked| asked.is_ok())
    }
}

/// A column that says yes or no, which both databases keep as 1 or 0.
fn flag(row: &AnyRow, column: &str) -> Result<bool> {
    Ok(row.try_get::<i64, _>(column)? != 0)
}

/// The ids of a column that lists them; none where there are none.
fn listed(ids: Option<&str>) -> Vec<String> {
    let ids = ids.into_iter().flat_map(|ids| ids.split(','));
    ids.map(Into::into).collect()
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
