//! Places of waiting videos, counted once for all who listen: with many listeners, a count for each
//! of them at every change of the queue would be most of what the studio does.

use std::collections::HashMap;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::store::{Result, Store};

/// Least time between two counts, and between two looks of a listener.
pub const PACE: Duration = Duration::from_secs(1);

/// The places as they were counted last.
#[derive(Debug, Default)]
pub struct Places {
    counted: Mutex<Counted>,
}

#[derive(Debug, Default)]
struct Counted {
    at: Option<Instant>,
    places: HashMap<String, i64>,
}

impl Places {
    /// The place of a video among those that the same engine makes, up to [`PACE`] old; none when it
    /// does not wait. 1 is next.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn of(&self, store: &Store, id: &str) -> Result<Option<i64>> {
        let mut counted = self.counted.lock().await;
        if counted.at.is_none_or(|at| at.elapsed() >= PACE) {
            let mut last: HashMap<Option<String>, i64> = HashMap::new();
            let mut places = HashMap::new();
            for (id, remote) in store.waiting().await? {
                let place = last.entry(remote).or_default();
                *place += 1;
                places.insert(id, *place);
            }
            *counted = Counted {
                at: Some(Instant::now()),
                places,
            };
        }
        Ok(counted.places.get(id).copied())
    }
}
