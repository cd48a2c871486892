//! What the caller chooses about a video file.

use crate::error::{MediaError, Result};

/// Largest number of pixels in a frame: one 3840x2160 picture.
const MAX_PIXELS: u64 = 3840 * 2160;
const MAX_FPS: u32 = 240;

/// Longest recipe in bytes, on writing and on reading back.
pub const MAX_RECIPE_BYTES: usize = 1 << 20;
/// Longest title or comment in bytes.
pub const MAX_TEXT_BYTES: usize = 1 << 16;

/// How much of the picture survives compression: a constant quantiser for every frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Quality {
    /// Small files for previews; quantiser 26.
    Draft,
    /// Good to watch; quantiser 21.
    #[default]
    Standard,
    /// Hard to tell from the source, good for editing; quantiser 17.
    High,
}

impl Quality {
    /// The H.264 quantiser, 0 (best) to 51.
    pub(crate) const fn quantiser(self) -> i32 {
        match self {
            Self::Draft => 26,
            Self::Standard => 21,
            Self::High => 17,
        }
    }
}

/// Text stored in the file, where players, editors and `ffprobe` show it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tags {
    /// Title, up to [`MAX_TEXT_BYTES`].
    pub title: Option<String>,
    /// Comment, up to [`MAX_TEXT_BYTES`].
    pub comment: Option<String>,
    /// How the clip was made, as JSON, up to [`MAX_RECIPE_BYTES`];
    /// [`read_recipe`](crate::read_recipe) gives it back.
    pub recipe: Option<String>,
}

/// Everything about a video file but its frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoSettings {
    /// Width in pixels: even, at least 16.
    pub width: u32,
    /// Height in pixels: even, at least 16; at most 3840x2160 pixels in all.
    pub height: u32,
    /// Frames a second, 1 to 240, constant.
    pub fps: u32,
    /// Compression.
    pub quality: Quality,
    /// Text stored in the file.
    pub tags: Tags,
    /// Replace an existing file instead of refusing.
    pub overwrite: bool,
}

impl VideoSettings {
    /// Standard quality, no tags, nothing overwritten.
    pub fn new(width: u32, height: u32, fps: u32) -> Self {
        Self {
            width,
            height,
            fps,
            quality: Quality::default(),
            tags: Tags::default(),
            overwrite: false,
        }
    }

    pub(crate) fn check(&self) -> Result<()> {
        let Self {
            width, height, fps, ..
        } = *self;
        let small_enough = u64::from(width) * u64::from(height) <= MAX_PIXELS;
        let even = width % 2 == 0 && height % 2 == 0;
        if !even || width < 16 || height < 16 || !small_enough {
            return Err(MediaError::UnsupportedSize { width, height });
        }
        if fps == 0 || fps > MAX_FPS {
            return Err(MediaError::UnsupportedFrameRate { fps });
        }
        check_tag("title", self.tags.title.as_ref(), MAX_TEXT_BYTES)?;
        check_tag("comment", self.tags.comment.as_ref(), MAX_TEXT_BYTES)?;
        check_tag("recipe", self.tags.recipe.as_ref(), MAX_RECIPE_BYTES)
    }
}

fn check_tag(tag: &'static str, text: Option<&String>, limit: usize) -> Result<()> {
    let actual = text.map_or(0, String::len);
    if actual > limit {
        Err(MediaError::TagTooLong { tag, actual, limit })
    } else {
        Ok(())
    }
}
