//! Bringing files from and to where they are kept, while the lease of their video is kept too.

use std::pin::pin;

use tokio::time::{MissedTickBehavior, interval};

use super::{HEARTBEAT, Outcome, Supervisor, closed};
use crate::outputs::{LocalFile, Result, StorageError, patiently};
use crate::store::{Ending, Inputs, Lease, Made};

/// How far a video is whose files are all written.
const WRITTEN: i64 = 99;

/// What a video begins with, as files that are there as long as this is.
#[derive(Default)]
pub struct Held {
    pub image: Option<LocalFile>,
    pub clip: Option<LocalFile>,
}

impl Supervisor {
    /// Has the files here that a video begins with.
    pub(super) async fn hold(
        &self,
        lease: &Lease,
        inputs: &Inputs,
    ) -> std::result::Result<Held, Outcome> {
        let mut held = Held::default();
        for (hash, file) in [
            (&inputs.image, &mut held.image),
            (&inputs.clip, &mut held.clip),
        ] {
            if let Some(hash) = hash {
                let found = patiently(&lease.id, || self.outputs.input(hash));
                *file = Some(self.meanwhile(lease, 0, found).await?);
            }
        }
        Ok(held)
    }

    /// Ends a try whose files are written: no row names them before they are where they belong.
    pub(super) async fn hand_over(&self, lease: &Lease, made: Made) -> Outcome {
        let output_key = lease.output_key();
        let handed = patiently(&lease.id, || self.outputs.hand_over(&output_key));
        match self.meanwhile(lease, WRITTEN, handed).await {
            Ok(()) => Outcome::Ended(Ending::Completed { output_key, made }),
            Err(outcome) => outcome,
        }
    }

    /// Waits for files, keeps the lease, and looks whether anyone still wants them.
    async fn meanwhile<T>(
        &self,
        lease: &Lease,
        progress: i64,
        files: impl Future<Output = Result<T>>,
    ) -> std::result::Result<T, Outcome> {
        let mut files = pin!(files);
        let mut beat = interval(HEARTBEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut cancels = self.hub.cancels();
        let mut closing = self.closing.clone();
        loop {
            tokio::select! {
                biased; // what is there at once is not looked at any further
                files = &mut files => return files.map_err(|error| unstored(lease, &error)),
                _ = beat.tick() => match self.store.heartbeat(lease, progress).await {
                    Ok(None) => return Err(Outcome::LeaseLost),
                    Ok(Some(true)) => return Err(Outcome::Ended(Ending::cancelled())),
                    Ok(Some(false)) => {}
                    // The next beat may be written.
                    Err(error) => tracing::warn!(%error, video = lease.id, "no heartbeat"),
                },
                _ = cancels.changed() => beat.reset_immediately(),
                () = closed(&mut closing) => return Err(Outcome::Closing),
            }
        }
    }
}

/// A store that fails is no fault of the video: it is tried again, so often.
fn unstored(lease: &Lease, error: &StorageError) -> Outcome {
    tracing::warn!(video = lease.id, attempt = lease.attempt, %error, "its files could not be kept");
    if lease.is_last() {
        Outcome::Ended(error.ending())
    } else {
        Outcome::Unstored
    }
}
