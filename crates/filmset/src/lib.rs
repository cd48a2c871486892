//! The procedural film set: scene programs, frames, captions and truth.

pub mod cast;
pub mod program;
