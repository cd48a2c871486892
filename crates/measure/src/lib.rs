//! What a clip shows, from its frames alone.
//!
//! [`Detectors::measure`] makes a [`Report`] of a [`Clip`]; [`evaluate`] tallies reports against what
//! was asked. Camera path, motion and flicker are geometry; setting, hour, weather, subjects and the
//! name of the camera's move come from three small networks trained on true renders, never on what
//! a model made. To train them again when the film set looks different:
//!
//! ```text
//! kinora-train detectors --out DIR --clips 2500
//! python oracle/train_detectors.py DIR --minutes 9
//! kinora-train eval --clips 300 --confusions
//! ```
//! A second run of the middle line goes on from where the first ended.

pub mod camera;
pub mod camera_net;
mod clip;
pub mod evaluate;
mod flicker;
pub mod flow;
pub mod heading;
pub mod image;
pub mod labels;
pub mod net;
mod report;
pub mod scene;
pub mod subject;
#[cfg(test)]
mod synthetic;

pub use clip::Clip;
pub use flicker::flicker;
pub use report::{Detectors, MeasureError, Named, Report, SubjectReport};
