//! Telling how far a run is, and stopping it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::size::Size;

/// The stages of a run, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Reading weights.
    Load,
    /// Encoding the prompt.
    Text,
    /// Denoising; counted in steps.
    Denoise,
    /// Decoding, finishing and encoding; counted in delivered frames.
    Decode,
    /// Measuring which clauses of the prompt the clip shows, where that is asked for.
    Measure,
}

impl Stage {
    /// The name that progress lines show.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Text => "text",
            Self::Denoise => "denoise",
            Self::Decode => "decode",
            Self::Measure => "measure",
        }
    }
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Update {
    /// The stage.
    pub stage: Stage,
    /// Steps done in this stage.
    pub step: u32,
    /// Steps of this stage.
    pub of: u32,
    /// Time since the run began.
    pub elapsed: Duration,
    /// Expected time to the end of the stage; unknown before its first step.
    pub eta: Option<Duration>,
}

/// A small picture of the current estimate, RGB8.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// Its size.
    pub size: Size,
    /// `[height, width, 3]`.
    pub rgb: Vec<u8>,
}

/// Who watches a run.
pub trait Progress {
    /// Called at the start of every stage (`step` 0) and after every step.
    fn update(&mut self, update: &Update);

    /// Called before each of several takes, the first being 1; not for a single one.
    fn take(&mut self, _take: u32, _of: u32) {}

    /// Whether [`Progress::preview`] is wanted; each costs a part of a decode.
    fn wants_preview(&self) -> bool {
        false
    }

    /// Called after every denoising step with the clip's middle as it looks now.
    fn preview(&mut self, _picture: &Preview) {}
}

/// Watches nothing.
impl Progress for () {
    fn update(&mut self, _update: &Update) {}
}

/// A flag that stops a run at its next step; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Asks the run to stop.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was asked to.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Fails when it was asked to.
    ///
    /// # Errors
    /// [`crate::Error::Cancelled`].
    pub fn check(&self) -> crate::Result<()> {
        if self.is_cancelled() {
            Err(crate::Error::Cancelled)
        } else {
            Ok(())
        }
    }
}
