//! Kinora: a written prompt becomes a video.

fn main() {}
