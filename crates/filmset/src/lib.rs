//! The procedural film set: scene programs, frames, captions and truth.

pub mod cast;
pub mod program;
pub mod script;
pub mod settings;
pub mod stage;

pub use stage::{Film, Moved, Stage, Truth, camera_path, render};
