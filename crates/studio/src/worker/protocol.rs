//! What the studio and a worker say to each other: one JSON object a line, over standard input
//! and output of the worker. The end of its input tells a worker to stop.

use std::path::PathBuf;

use kinora_engine::safety::Category;
use kinora_engine::{Film, Request, Stage};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::store::Made;

/// From the studio to the worker.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Make this video; one at a time.
    Make(Box<Make>),
    /// Look at this clip that another engine made.
    Inspect(Inspect),
    /// Stop this video at its next step, if it is still in hand.
    Cancel(String),
}

/// A video and where its files go.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Make {
    /// The video's id.
    pub id: String,
    /// What to make.
    pub request: Request,
    /// Where its model lies; none: inside the program.
    pub model: Option<PathBuf>,
    /// Categories of the content rules that are told instead of refused.
    pub told: Vec<Category>,
    /// The MP4.
    pub video: PathBuf,
    /// A WebP of its middle.
    pub thumbnail: PathBuf,
    /// A JPEG of frames from its beginning to its end.
    pub spritesheet: PathBuf,
    /// The picture that it begins with.
    pub image: Option<PathBuf>,
    /// The clip that it goes on from.
    pub extend: Option<PathBuf>,
    /// The data folder whose key signs the MP4; none: it is not signed.
    pub signer: Option<PathBuf>,
}

/// A clip that is there, and where the pictures beside it go.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Inspect {
    /// What was asked for.
    pub prompt: String,
    /// The MP4.
    pub video: PathBuf,
    /// A WebP of its middle.
    pub thumbnail: PathBuf,
    /// A JPEG of frames from its beginning to its end.
    pub spritesheet: PathBuf,
}

/// What a clip turned out to be.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Inspected {
    /// Its pictures; none when it cannot be decoded.
    pub film: Option<Film>,
    /// What it was measured to show: `{satisfied, checkable, clauses}`.
    pub adherence: Option<Value>,
}

/// From the worker to the studio.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Report {
    /// The worker lives; also said while it computes.
    Alive,
    /// How far the video is.
    Update(Position),
    /// The middle of the clip as it looks now: base64 of a WebP.
    Preview(String),
    /// The files are there.
    Done(Made),
    /// The clip was looked at.
    Inspected(Inspected),
    /// The video ended without files.
    Failed {
        /// Stable name of the cause.
        code: String,
        /// The cause and the way out.
        message: String,
    },
}

/// How far a video is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// The stage.
    pub stage: Stage,
    /// Steps done in it.
    pub step: u32,
    /// Steps of it.
    pub total: u32,
    /// Expected seconds to the end of the stage.
    pub eta_seconds: Option<f64>,
}

impl Position {
    /// Share of the whole work, 0 to 99: denoising takes about two thirds of a clip's time.
    pub fn percent(&self) -> i64 {
        let (from, to) = match self.stage {
            Stage::Load => (0.0, 1.0),
            Stage::Text => (1.0, 2.0),
            Stage::Denoise => (2.0, 66.0),
            Stage::Decode => (66.0, 95.0),
            Stage::Measure => (95.0, 99.0),
        };
        let share = f64::from(self.step) / f64::from(self.total.max(1));
        (from + (to - from) * share).round() as i64
    }
}
