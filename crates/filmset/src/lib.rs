//! The procedural film set: scene programs, frames, captions and truth.

pub mod program;
