//! From a request to a clip.

pub mod finish;
pub mod noise;
pub mod prompt;
pub mod request;
pub mod safety;
pub mod size;
pub mod text;
pub mod timing;
