//! The two databases that the store speaks to, and everything in which they differ.
//!
//! Queries are one text for both: numbered placeholders, flags as 0 and 1, documents as text, and only
//! what both understand. What is left is here.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions, install_default_drivers};
use sqlx::{Any, AnyConnection, AnyPool, AssertSqlSafe, Connection as _, Transaction};

use super::{Obstacle, Result, StoreError};
use crate::config::Config;

/// Name of the file in the data folder.
const FILE: &str = "studio.sqlite";
/// Connections that read a file; one more writes it.
const READERS: u32 = 4;
/// Connections to a server. Every one may read and write.
const CONNECTIONS: u32 = 8;
/// How long a server that is not there is waited for: it may be starting again.
const PATIENCE: Duration = Duration::from_secs(10);
/// The server's code for a table that is not there.
const UNDEFINED_TABLE: &str = "42P01";
/// Layout of the database of this version.
pub(super) const VERSION: i64 = 9;

/// Where the database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A file (`SQLite`), made when it is missing.
    File(PathBuf),
    /// The URL of a database of a server (`PostgreSQL`).
    Server(String),
}

impl Place {
    /// The database of a studio: the server that its configuration names, or a file in its folder.
    pub fn of(config: &Config, data: &Path) -> Self {
        match config.database.server() {
            Some(url) => Self::Server(url.into()),
            None => Self::File(data.join(FILE)),
        }
    }
}

/// Which of the two it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Sqlite,
    Postgres,
}

/// What an error code of either database says has to pass, if it is of that kind. `SQLite` numbers its
/// errors, the low byte first (<https://sqlite.org/rescode.html>); `PostgreSQL` has five characters
/// (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).
pub(super) fn obstacle(code: &str) -> Option<Obstacle> {
    match code {
        "53100" => return Some(Obstacle::Full),
        // Too many connections, a lock that was waited for, a deadlock, a server that starts or stops.
        "53300" | "55P03" | "40P01" | "57P01" | "57P02" | "57P03" => return Some(Obstacle::Busy),
        _ if code.len() == 5 => return None,
        _ => {}
    }
    match code.parse::<u32>().ok()? & 0xff {
        5 | 6 => Some(Obstacle::Busy),
        13 => Some(Obstacle::Full),
        _ => None,
    }
}

/// An open database.
#[derive(Debug, Clone)]
pub(super) struct Database {
    pub kind: Kind,
    pub writer: AnyPool,
    pub readers: AnyPool,
}

impl Kind {
    /// Ends a query that picks rows to change: those that another process is about to change are
    /// passed over instead of waited for. A file has one writer at a time anyway.
    pub fn skip_locked(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => "FOR UPDATE SKIP LOCKED",
        }
    }

    /// Begins a transaction that writes what follows from what it reads: no other such transaction is
    /// open at the same time, in any process.
    fn begin_alone(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::Postgres => "BEGIN; LOCK TABLE queue IN EXCLUSIVE MODE",
        }
    }

    /// Begins a transaction whose reads all see the same moment.
    fn begin_moment(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN",
            Self::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        }
    }

    /// Begins the transaction that brings the layout up; of several processes one does it.
    fn begin_layout(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::Postgres => {
                "BEGIN; DO $$ BEGIN PERFORM pg_advisory_xact_lock(hashtext('kinora layout')); END $$; \
                 CREATE TABLE IF NOT EXISTS layouts (version BIGINT PRIMARY KEY)"
            }
        }
    }

    fn read_layout(self) -> &'static str {
        match self {
            Self::Sqlite => "PRAGMA user_version",
            Self::Postgres => "SELECT coalesce(max(version), 0) FROM layouts",
        }
    }

    pub fn write_layout(self, version: i64) -> String {
        match self {
            Self::Sqlite => format!("PRAGMA user_version = {version}"),
            Self::Postgres => format!("INSERT INTO layouts (version) VALUES ({version})"),
        }
    }

    /// How a database gets to each layout from the one before.
    pub fn layouts(self) -> &'static [(i64, &'static str)] {
        match self {
            Self::Sqlite => &[
                (1, include_str!("schema/sqlite/1.sql")),
                (2, include_str!("schema/sqlite/2.sql")),
                (3, include_str!("schema/sqlite/3.sql")),
                (4, include_str!("schema/sqlite/4.sql")),
                (5, include_str!("schema/sqlite/5.sql")),
                (6, include_str!("schema/sqlite/6.sql")),
                (7, include_str!("schema/sqlite/7.sql")),
                (8, include_str!("schema/sqlite/8.sql")),
                (9, include_str!("schema/sqlite/9.sql")),
            ],
            // No server had an earlier one.
            Self::Postgres => &[
                (8, include_str!("schema/postgres/8.sql")),
                (9, include_str!("schema/postgres/9.sql")),
            ],
        }
    }
}

impl Database {
    /// Connects to a database, which keeps the layout that it has.
    pub async fn connect(place: &Place) -> Result<Self> {
        install_default_drivers();
        match place {
            Place::File(path) => {
                let url = file_url(path);
                let writer = AnyPoolOptions::new().max_connections(1);
                let writer = writer.after_connect(|connection, _| Box::pin(keep_safe(connection)));
                // SQLite ends a transaction by itself when the disk is full, which sqlx does not notice:
                // such a connection takes no other one, and this is the only one that writes.
                let writer = writer.before_acquire(|connection, _| {
                    let is_free = !connection.is_in_transaction();
                    Box::pin(async move { Ok(is_free) })
                });
                let writer = writer.connect_with(options(&format!("{url}?mode=rwc"))?);
                let writer = writer.await?;
                let readers = AnyPoolOptions::new().max_connections(READERS);
                // Without a connection, for the file may be no database yet.
                let readers = readers.connect_lazy_with(options(&format!("{url}?mode=ro"))?);
                let kind = Kind::Sqlite;
                Ok(Self {
                    kind,
                    writer,
                    readers,
                })
            }
            Place::Server(url) => {
                let pool = AnyPoolOptions::new().max_connections(CONNECTIONS);
                let pool = pool.acquire_timeout(PATIENCE);
                let pool = pool.connect_with(options(url)?).await?;
                Ok(Self {
                    kind: Kind::Postgres,
                    writer: pool.clone(),
                    readers: pool,
                })
            }
        }
    }

    /// Brings a new or older database to the layout of this version, all or nothing.
    pub async fn bring_up(&self) -> Result<()> {
        let kind = self.kind;
        if self.layout().await? == VERSION {
            return Ok(());
        }
        let mut transaction = self.writer.begin_with(kind.begin_layout()).await?;
        // Another process may have done it in the meantime.
        let found: i64 = sqlx::query_scalar(kind.read_layout())
            .fetch_one(&mut *transaction)
            .await?;
        if found > VERSION {
            return Err(StoreError::Version { found });
        }
        let layouts = kind.layouts().iter();
        for (version, layout) in layouts.filter(|(version, _)| *version > found) {
            sqlx::raw_sql(*layout).execute(&mut *transaction).await?;
            sqlx::raw_sql(AssertSqlSafe(kind.write_layout(*version)))
                .execute(&mut *transaction)
                .await?;
        }
        Ok(transaction.commit().await?)
    }

    /// Makes sure that the database has the layout of this version.
    pub async fn check(&self) -> Result<()> {
        match self.layout().await? {
            VERSION => Ok(()),
            found => Err(StoreError::Version { found }),
        }
    }

    /// The layout that the database has; 0 where no studio has opened it yet.
    async fn layout(&self) -> Result<i64> {
        let read = sqlx::query_scalar(self.kind.read_layout());
        match read.fetch_one(&self.writer).await {
            Ok(found) => Ok(found),
            Err(sqlx::Error::Database(error))
                if error.code().as_deref() == Some(UNDEFINED_TABLE) =>
            {
                Ok(0)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// A transaction that writes what follows from what it reads; one at a time.
    pub async fn alone(&self) -> Result<Transaction<'static, Any>> {
        Ok(self.writer.begin_with(self.kind.begin_alone()).await?)
    }

    /// A transaction whose reads all see the same moment.
    pub async fn moment(&self) -> Result<Transaction<'static, Any>> {
        Ok(self.readers.begin_with(self.kind.begin_moment()).await?)
    }

    /// How far the server's clock is ahead of this machine's, milliseconds: all who work on a database
    /// go by its clock. A file is on this machine.
    pub async fn clock_ahead(&self, here: impl Fn() -> i64) -> Result<i64> {
        if self.kind == Kind::Sqlite {
            return Ok(0);
        }
        let asked = here();
        let there: i64 =
            sqlx::query_scalar("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint")
                .fetch_one(&self.readers)
                .await?;
        Ok(there - i64::midpoint(asked, here()))
    }
}

fn options(url: &str) -> Result<AnyConnectOptions> {
    Ok(url.parse()?)
}

/// The URL of a file, every character of its path escaped: what is no letter has a meaning in URLs.
fn file_url(path: &Path) -> String {
    let mut url = String::from("sqlite:");
    for byte in path.as_os_str().as_encoded_bytes() {
        write!(url, "%{byte:02X}").expect("strings grow");
    }
    url
}

/// Settings of the connection that writes: readers and the writer keep apart, and an accepted clip
/// survives a power cut. Foreign keys are checked and a lock is waited for without being asked.
async fn keep_safe(connection: &mut AnyConnection) -> sqlx::Result<()> {
    let settings = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL";
    sqlx::raw_sql(settings).execute(connection).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_known_by_the_codes_of_both_databases() {
        for (code, passes) in [
            ("5", Some(Obstacle::Busy)),
            ("517", Some(Obstacle::Busy)), // SQLITE_BUSY_SNAPSHOT
            ("13", Some(Obstacle::Full)),
            ("2067", None), // SQLITE_CONSTRAINT_UNIQUE
            ("53100", Some(Obstacle::Full)),
            ("57P03", Some(Obstacle::Busy)),
            ("23505", None),
            ("", None),
        ] {
            assert_eq!(obstacle(code), passes, "{code}");
        }
    }
}
