//! The store's clock: this machine's, set by the database's, which tests can set forward.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Tells the time in milliseconds since 1970.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    ahead: Arc<AtomicI64>,
}

impl Clock {
    /// Now.
    pub fn now(&self) -> i64 {
        Self::here() + self.ahead.load(Ordering::Relaxed)
    }

    /// Now, by this machine.
    pub fn here() -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.unwrap_or_default().as_millis() as i64
    }

    /// Goes so far ahead of this machine from now on, milliseconds.
    pub fn set(&self, ahead: i64) {
        self.ahead.store(ahead, Ordering::Relaxed);
    }

    /// Lets time pass.
    #[cfg(test)]
    pub fn advance(&self, time: std::time::Duration) {
        self.ahead
            .fetch_add(time.as_millis() as i64, Ordering::Relaxed);
    }
}
