//! Puts back what lost workers left, wherever they were.

use std::sync::Arc;

use tokio::sync::watch::Receiver;
use tokio::time::{MissedTickBehavior, interval};

use super::supervisor::{Closing, HEARTBEAT, Supervisor, closed};
use crate::hub::Hub;
use crate::metrics::Metrics;
use crate::outputs::Outputs;
use crate::store::{Abandoned, Result, Store, Watch};

/// The task that looks after the leases of all workers on a database. Every process has one, so that
/// videos are put back also while no studio is open.
#[derive(Clone)]
pub struct Keeper {
    store: Store,
    hub: Arc<Hub>,
    metrics: Arc<Metrics>,
    outputs: Outputs,
    closing: Receiver<Closing>,
}

impl Keeper {
    /// A keeper of the database that the workers of this process work on.
    pub fn new(beside: &Supervisor) -> Self {
        Self {
            store: beside.store.clone(),
            hub: Arc::clone(&beside.hub),
            metrics: Arc::clone(&beside.metrics),
            outputs: beside.outputs.clone(),
            closing: beside.closing.clone(),
        }
    }

    /// Looks until the process closes.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub async fn run(mut self) -> Result<()> {
        let mut watch = Watch::default();
        let mut look = interval(HEARTBEAT);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = look.tick() => {}
                () = closed(&mut self.closing) => return Ok(()),
            }
            self.store.set_clock().await?;
            for abandoned in self.store.abandoned(&mut watch).await? {
                self.metrics.worker_lost();
                self.put_back(&abandoned).await?;
            }
        }
    }

    /// Puts back what an earlier process was making that had the database to itself.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub async fn recover(&self) -> Result<()> {
        for abandoned in self.store.unfinished().await? {
            self.put_back(&abandoned).await?;
        }
        Ok(())
    }

    async fn put_back(&self, abandoned: &Abandoned) -> Result<()> {
        let lost = &abandoned.lost;
        // Before another worker begins: its files lie in the same folder.
        self.outputs.sweep(&lost.output_key()).await;
        self.store.put_back(abandoned).await?;
        tracing::warn!(
            video = lost.id,
            attempt = lost.attempt,
            "was left unfinished"
        );
        self.hub.ended(&lost.id);
        self.hub.queue_changed();
        Ok(())
    }
}
