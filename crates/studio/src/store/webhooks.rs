//! Webhooks: who is told about the end of videos, and what was not told yet.

use serde_json::json;
use sqlx::any::AnyRow;
use sqlx::{Any, Row, Transaction};
use uuid::Uuid;

use super::{Ending, Result, Store, flag};

/// What can be told.
pub const EVENT_TYPES: [&str; 2] = ["video.completed", "video.failed"];
/// How long ended deliveries are kept, milliseconds.
const KEPT: i64 = 30 * 24 * 60 * 60 * 1000;

/// Who is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Its id.
    pub id: String,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// What the user calls it.
    pub name: String,
    /// Where events go.
    pub url: String,
    /// Which ones.
    pub event_types: Vec<String>,
    /// What they are signed with: `whsec_` and base64.
    pub secret: String,
    /// Whether it stands in `kinora.toml`.
    pub configured: bool,
}

/// An event on its way to an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Order of the events.
    pub number: i64,
    /// The event's id, the same in every try and for every endpoint.
    pub event_id: String,
    /// What happened.
    pub event_type: String,
    /// What is sent.
    pub body: String,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// `pending`, `delivered` or `given_up`.
    pub state: String,
    /// Tries so far.
    pub attempts: i64,
    /// When the next try is due.
    pub next_at: i64,
    /// What the endpoint answered last.
    pub status_code: Option<i64>,
    /// What went wrong last.
    pub error: Option<String>,
}

/// What came of a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// What the endpoint answered.
    pub status_code: Option<u16>,
    /// What went wrong; nothing when it was delivered.
    pub error: Option<String>,
    /// When to try again, milliseconds since 1970, if at all.
    pub again_at: Option<i64>,
}

/// A new event about a video, `now` in milliseconds since 1970: its id and what is sent.
pub fn event(kind: &str, video: &str, now: i64) -> (String, String) {
    let id = format!("evt_{}", Uuid::now_v7().simple());
    let body = json!({
        "id": id,
        "object": "event",
        "created_at": now / 1000,
        "type": kind,
        "data": {"id": video},
    });
    (id, body.to_string())
}

/// Writes down whom to tell that a video ended, in the transaction that ends it.
pub(super) async fn announce(
    transaction: &mut Transaction<'_, Any>,
    video: &str,
    ending: &Ending,
    now: i64,
) -> Result<()> {
    let kind = match ending {
        Ending::Completed { .. } => EVENT_TYPES[0],
        Ending::Failed { .. } => EVENT_TYPES[1],
    };
    let (id, body) = event(kind, video, now);
    sqlx::query(
        "INSERT INTO webhook_deliveries (endpoint_id, event_id, event_type, body, created_at, next_at) \
         SELECT id, $1, $2, $3, $4, $4 FROM webhook_endpoints WHERE deleted = 0 \
         AND event_types LIKE '%\"' || $2 || '\"%'",
    )
    .bind(id)
    .bind(kind)
    .bind(body)
    .bind(now)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

impl Endpoint {
    fn read(row: &AnyRow) -> Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            created_at: row.try_get("created_at")?,
            name: row.try_get("name")?,
            url: row.try_get("url")?,
            event_types: serde_json::from_str(row.try_get("event_types")?)?,
            secret: row.try_get("secret")?,
            configured: flag(row, "configured")?,
        })
    }
}

impl Delivery {
    fn read(row: &AnyRow) -> Result<Self> {
        Ok(Self {
            number: row.try_get("number")?,
            event_id: row.try_get("event_id")?,
            event_type: row.try_get("event_type")?,
            body: row.try_get("body")?,
            created_at: row.try_get("created_at")?,
            state: row.try_get("state")?,
            attempts: row.try_get("attempts")?,
            next_at: row.try_get("next_at")?,
            status_code: row.try_get("status_code")?,
            error: row.try_get("error")?,
        })
    }
}

impl Store {
    /// Adds an endpoint.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn add_endpoint(&self, endpoint: &Endpoint) -> Result<()> {
        sqlx::query(
            "INSERT INTO webhook_endpoints (id, created_at, name, url, event_types, secret, configured) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(&endpoint.id)
        .bind(endpoint.created_at)
        .bind(&endpoint.name)
        .bind(&endpoint.url)
        .bind(serde_json::to_string(&endpoint.event_types)?)
        .bind(&endpoint.secret)
        .bind(i64::from(endpoint.configured))
        .execute(&self.database.writer)
        .await?;
        Ok(())
    }

    /// Makes the endpoints of `kinora.toml`, named by their names, those of the database: what
    /// stands there no more is deleted, the others keep their ids and deliveries.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn configure_endpoints(&self, endpoints: &[Endpoint]) -> Result<()> {
        let named = |known: &Endpoint| endpoints.iter().find(|one| one.name == known.name);
        let known = self.endpoints(None, i64::MAX).await?;
        let known: Vec<_> = known.into_iter().filter(|one| one.configured).collect();
        for endpoint in &known {
            let Some(now) = named(endpoint) else {
                self.delete_endpoint(&endpoint.id).await?;
                continue;
            };
            sqlx::query(
                "UPDATE webhook_endpoints SET url = $1, event_types = $2, secret = $3 WHERE id = $4",
            )
            .bind(&now.url)
            .bind(serde_json::to_string(&now.event_types)?)
            .bind(&now.secret)
            .bind(&endpoint.id)
            .execute(&self.database.writer)
            .await?;
        }
        for endpoint in endpoints {
            if !known.iter().any(|one| one.name == endpoint.name) {
                self.add_endpoint(endpoint).await?;
            }
        }
        Ok(())
    }

    /// Up to `limit` endpoints, newest first, older than `after`.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn endpoints(&self, after: Option<&str>, limit: i64) -> Result<Vec<Endpoint>> {
        let rows = sqlx::query(
            "SELECT * FROM webhook_endpoints WHERE deleted = 0 AND ($1 IS NULL \
             OR number < (SELECT number FROM webhook_endpoints WHERE id = $1)) \
             ORDER BY number DESC LIMIT $2",
        )
        .bind(after)
        .bind(limit)
        .fetch_all(&self.database.readers)
        .await?;
        rows.iter().map(Endpoint::read).collect()
    }

    /// An endpoint by its id.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn endpoint(&self, id: &str) -> Result<Option<Endpoint>> {
        let row = sqlx::query("SELECT * FROM webhook_endpoints WHERE id = $1 AND deleted = 0")
            .bind(id)
            .fetch_optional(&self.database.readers)
            .await?;
        row.as_ref().map(Endpoint::read).transpose()
    }

    /// Deletes an endpoint; what it was not told yet it will not be told.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn delete_endpoint(&self, id: &str) -> Result<()> {
        let mut transaction = self.database.alone().await?;
        for sql in [
            // A secret that nobody needs any more is not kept.
            "UPDATE webhook_endpoints SET deleted = 1, secret = '' WHERE id = $1",
            "UPDATE webhook_deliveries SET state = 'given_up', error = 'the endpoint was deleted' \
             WHERE endpoint_id = $1 AND state = 'pending'",
        ] {
            sqlx::query(sql).bind(id).execute(&mut *transaction).await?;
        }
        Ok(transaction.commit().await?)
    }

    /// The latest deliveries of an endpoint, newest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn deliveries(&self, endpoint: &str, limit: i64) -> Result<Vec<Delivery>> {
        let rows = sqlx::query(
            "SELECT * FROM webhook_deliveries WHERE endpoint_id = $1 ORDER BY number DESC LIMIT $2",
        )
        .bind(endpoint)
        .bind(limit)
        .fetch_all(&self.database.readers)
        .await?;
        rows.iter().map(Delivery::read).collect()
    }

    /// Deliveries to try now, the oldest of each endpoint, with where they go. One that waits
    /// longer than `longest` milliseconds waits for a clock that was set back, and is due too.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn due_deliveries(
        &self,
        limit: i64,
        longest: i64,
    ) -> Result<Vec<(Delivery, Endpoint)>> {
        let rows = sqlx::query(
            "SELECT min(number) AS number, endpoint_id FROM webhook_deliveries \
             WHERE state = 'pending' AND (next_at <= $1 OR next_at > $1 + $2) \
             GROUP BY endpoint_id LIMIT $3",
        )
        .bind(self.now())
        .bind(longest)
        .bind(limit)
        .fetch_all(&self.database.readers)
        .await?;
        let mut due = Vec::new();
        for row in &rows {
            let delivery = sqlx::query("SELECT * FROM webhook_deliveries WHERE number = $1")
                .bind(row.try_get::<i64, _>("number")?)
                .fetch_one(&self.database.readers)
                .await?;
            if let Some(endpoint) = self.endpoint(row.try_get("endpoint_id")?).await? {
                due.push((Delivery::read(&delivery)?, endpoint));
            }
        }
        Ok(due)
    }

    /// Writes down what came of a try.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn settle_delivery(&self, number: i64, attempt: &Attempt) -> Result<()> {
        let state = match (&attempt.error, attempt.again_at) {
            (None, _) => "delivered",
            (Some(_), Some(_)) => "pending",
            (Some(_), None) => "given_up",
        };
        sqlx::query(
            "UPDATE webhook_deliveries SET state = $1, attempts = attempts + 1, \
             next_at = coalesce($2, next_at), status_code = $3, error = $4 \
             WHERE number = $5 AND state = 'pending'",
        )
        .bind(state)
        .bind(attempt.again_at)
        .bind(attempt.status_code.map(i64::from))
        .bind(&attempt.error)
        .bind(number)
        .execute(&self.database.writer)
        .await?;
        Ok(())
    }

    /// Forgets deliveries that ended long ago.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn forget_deliveries(&self) -> Result<()> {
        sqlx::query("DELETE FROM webhook_deliveries WHERE state <> 'pending' AND created_at < $1")
            .bind(self.now() - KEPT)
            .execute(&self.database.writer)
            .await?;
        Ok(())
    }
}
