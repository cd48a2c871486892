//! What a clip shows, from its frames alone.

pub mod camera;
mod clip;
mod flicker;
pub mod flow;
mod image;
#[cfg(test)]
mod synthetic;

pub use clip::Clip;
pub use flicker::flicker;
