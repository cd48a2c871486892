//! Workers: child processes that make videos, so that no crash of one takes the studio along.
//!
//! [`child`] is what runs inside the process, [`supervisor`] starts it as a [`process`], feeds it from
//! the queue and tells the store what came of it; between them go the lines of [`protocol`]. A
//! [`keeper`] puts back what lost ones left, and all of them are one [`crew`].

pub mod child;
mod crew;
mod keeper;
mod process;
pub mod protocol;
mod supervisor;

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use crate::store;
pub use crew::Crew;
pub use keeper::Keeper;
pub use process::Program;
use process::Worker;
pub use protocol::{Inspect, Inspected};
use protocol::{Order, Report};
pub use supervisor::{Closing, Supervisor, closed};

/// Time between two tries to use a database that fails.
const DATABASE_PAUSE: Duration = Duration::from_secs(1);

/// Has a process of its own look at a clip that another engine made: who made the file is nobody's
/// to trust. What cannot be looked at, or not by a process that lives on, is told as unknown.
pub async fn inspect(program: &Program, clip: Inspect) -> Inspected {
    let Ok(mut worker) = Worker::start(program) else {
        return Inspected::default();
    };
    let mut inspected = Inspected::default();
    if worker.order(&Order::Inspect(clip)).await.is_ok() {
        while let Some(report) = worker.report().await {
            if let Report::Inspected(found) = report {
                inspected = found;
                break;
            }
        }
    }
    worker.close().await;
    inspected
}

/// Says that the database fails, and waits until it is worth another try: a full disk and a lock that
/// another program holds pass, and what a worker has made is not thrown away for them. False when the
/// studio closes; the next one finds the video unfinished.
pub async fn pause(error: &store::StoreError, closing: &watch::Receiver<Closing>) -> bool {
    tracing::error!(%error, "the database fails");
    let mut closing = closing.clone();
    timeout(DATABASE_PAUSE, closed(&mut closing)).await.is_err()
}
