//! What a clip shows, from its frames alone.

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
