//! Waiting for a bucket that does not answer.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::error::{Result, StorageError};

/// Waits between tries: the first, and the longest.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(15);
/// How long a clip that is made is kept for a bucket that does not answer.
const PATIENCE: Duration = Duration::from_mins(15);

/// Asks again while the bucket does not answer, for a quarter of an hour: what was computed is worth it.
///
/// # Errors
/// The last [`StorageError`]; at once where waiting does not help.
pub async fn patiently<T, F>(video: &str, mut ask: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let began = Instant::now();
    let mut wait = FIRST_WAIT;
    loop {
        let error = match ask().await {
            Err(error @ StorageError::Unavailable { .. }) if began.elapsed() < PATIENCE => error,
            result => return result,
        };
        tracing::warn!(video, %error, "waits for the object store");
        sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}
