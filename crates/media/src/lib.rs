//! H.264 in MP4, stills and sprite sheets.
//!
//! Frames are sRGB, 8 bit, `[height, width, 3]` in row order, as plain byte slices.

mod color;
mod error;
mod h264;
mod mp4;
mod publish;
mod recipe;
mod resize;
mod settings;
mod sheet;
mod still;
mod tags;
mod writer;

pub use error::{MediaError, Result};
pub use recipe::read_recipe;
pub use resize::fit;
pub use settings::{MAX_RECIPE_BYTES, MAX_TEXT_BYTES, Quality, Tags, VideoSettings};
pub use sheet::{SheetLayout, SpriteSheet};
pub use still::{MAX_STILL_FILE_BYTES, MAX_STILL_SIDE, Still, StillFormat, read_still};
pub use writer::{Mp4Writer, Written};
