//! The newest picture of each clip in the making, for listeners of other processes. A file has one
//! process, which tells its listeners itself.

use super::database::Kind;
use super::{Lease, Result, Store};

impl Store {
    /// Shows a picture, base64 of a WebP, of a running video to every process of the database; false where
    /// this is the only one, and for a lease that was lost.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn show(&self, lease: &Lease, webp: &str) -> Result<bool> {
        if self.database.kind == Kind::Sqlite {
            return Ok(false);
        }
        let shown = sqlx::query(
            "INSERT INTO previews (video_id, webp) SELECT id, $1 FROM videos \
             WHERE id = $2 AND lease_token = $3 AND state = 'running' \
             ON CONFLICT (video_id) DO UPDATE SET webp = excluded.webp",
        )
        .bind(webp)
        .bind(&lease.id)
        .bind(&lease.token)
        .execute(&self.database.writer)
        .await?;
        Ok(shown.rows_affected() > 0)
    }

    /// The newest picture of a video, if it is in the making and one was shown.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn preview(&self, video: &str) -> Result<Option<String>> {
        let asked = sqlx::query_scalar("SELECT webp FROM previews WHERE video_id = $1").bind(video);
        Ok(asked.fetch_optional(&self.database.readers).await?)
    }
}
