//! API keys. Only their hashes are kept, so whoever reads the database can use none of them.

use sqlx::Row;
use sqlx::any::AnyRow;

use super::{Result, Store, Tier};

/// A key about to be stored.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// Its id, by which it is listed and revoked.
    pub id: String,
    /// What the operator calls it.
    pub name: String,
    /// SHA-256 of the key.
    pub hash: [u8; 32],
    /// The highest tier that it may ask for.
    pub tier: Tier,
    /// Most unfinished videos at a time; 0 is any number, `None` what is configured.
    pub max_queued: Option<u32>,
}

/// A stored key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its id.
    pub id: String,
    /// What the operator calls it.
    pub name: String,
    /// SHA-256 of the key.
    pub hash: Vec<u8>,
    /// The highest tier that it may ask for.
    pub tier: Tier,
    /// Most unfinished videos at a time; 0 is any number, `None` what is configured.
    pub max_queued: Option<u32>,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// When it ended, milliseconds since 1970.
    pub revoked_at: Option<i64>,
}

impl Key {
    fn read(row: &AnyRow) -> Result<Self> {
        let most: Option<i64> = row.try_get("max_queued")?;
        Ok(Self {
            id: row.try_get("id")?,
            name: row.try_get("name")?,
            hash: row.try_get("hash")?,
            tier: Tier::of_column(row.try_get("tier")?),
            max_queued: most.map(|most| most as u32), // it was one when it was written
            created_at: row.try_get("created_at")?,
            revoked_at: row.try_get("revoked_at")?,
        })
    }
}

impl Store {
    /// Stores a key.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn add_key(&self, key: &NewKey) -> Result<()> {
        sqlx::query(
            "INSERT INTO keys (id, name, hash, tier, max_queued, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(&key.id)
        .bind(&key.name)
        .bind(&key.hash[..])
        .bind(key.tier.column())
        .bind(key.max_queued.map(i64::from))
        .bind(self.now())
        .execute(&self.database.writer)
        .await?;
        Ok(())
    }

    /// All keys that were ever made, in that order.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn keys(&self) -> Result<Vec<Key>> {
        let rows = sqlx::query("SELECT * FROM keys ORDER BY number")
            .fetch_all(&self.database.readers)
            .await?;
        rows.iter().map(Key::read).collect()
    }

    /// The keys that count.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn active_keys(&self) -> Result<Vec<Key>> {
        let mut keys = self.keys().await?;
        keys.retain(|key| key.revoked_at.is_none());
        Ok(keys)
    }

    /// Ends a key; false without an active one of that id.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn revoke_key(&self, id: &str) -> Result<bool> {
        let done =
            sqlx::query("UPDATE keys SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL")
                .bind(self.now())
                .bind(id)
                .execute(&self.database.writer)
                .await?;
        Ok(done.rows_affected() > 0)
    }
}
