//! H.264 in MP4, stills and sprite sheets.
//!
//! Frames are sRGB, 8 bit, `[height, width, 3]` in row order, as plain byte slices.
//!
//! - [`Mp4Writer`] turns frames into a file that editors, browsers and phones accept: H.264 High,
//!   4:2:0, BT.709 limited range, constant frame rate, `moov` in front. It also stores how the
//!   clip was made, which [`read_recipe`] reads back.
//! - [`ClipReader`] reads the pictures of such files, and of other people's.
//! - [`Cut`] joins such files into one without encoding anything again.
//! - [`Still`] and [`read_still`] handle single pictures, [`SpriteSheet`] many frames in one,
//!   [`fit`] crops and resizes.
//!
//! Every file appears under its name whole or not at all, and existing files are replaced only
//! when asked. The same frames and settings give the same bytes, unless a [`Seal`] adds to them. Only a process that is killed
//! leaves a file behind, named `.kinora-*.part`.
//!
//! # Building
//!
//! `OpenH264` and libwebp are compiled from source and need a C++ compiler. Where `nasm` is not
//! installed, `OpenH264` is built without its assembler code: without a word, with the same bytes
//! out, and half as fast. `OPENH264_NO_ASM=1` asks for that build.
//!
//! # Patents
//!
//! H.264 is covered by patents in some countries. Cisco's licence covers its own binaries of
//! `OpenH264` only, not a build from source such as this one.

mod boxes;
mod clip;
mod color;
mod cut;
mod decoder;
mod error;
mod h264;
mod mp4;
mod publish;
mod recipe;
mod resize;
mod seal;
mod settings;
mod sheet;
mod still;
mod tags;
mod track;
mod writer;

pub use clip::ClipReader;
pub use cut::{Cut, Part};
pub use error::{MediaError, Result};
pub use recipe::read_recipe;
pub use resize::fit;
pub use seal::Seal;
pub use settings::{MAX_RECIPE_BYTES, MAX_TEXT_BYTES, Quality, Tags, VideoSettings};
pub use sheet::{SheetLayout, SpriteSheet};
pub use still::{MAX_STILL_FILE_BYTES, MAX_STILL_SIDE, Still, StillFormat, read_still};
pub use writer::{Mp4Writer, Written};
