//! Workers: child processes that make videos, so that no crash of one takes the studio along.
//!
//! [`child`] is what runs inside the process, [`supervisor`] starts it as a [`process`], feeds it from
//! the queue and tells the store what came of it; between them go the lines of [`protocol`]. A
//! [`keeper`] puts back what lost ones left, and all of them are one [`crew`].

pub mod child;
mod crew;
mod keeper;
mod process;
mod protocol;
mod supervisor;

use std::path::PathBuf;

pub use crew::Crew;
pub use keeper::Keeper;
pub use protocol::{Inspect, Inspected};
pub use supervisor::{Closing, Supervisor, closed};

use process::Worker;
use protocol::{Order, Report};

/// Has a process of its own look at a clip that another engine made: who made the file is nobody's
/// to trust. What cannot be looked at, or not by a process that lives on, is told as unknown.
pub async fn inspect(command: &(PathBuf, Vec<String>), clip: Inspect) -> Inspected {
    let Ok(mut worker) = Worker::start(command) else {
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
