//! Pictures beside a clip: its middle, and a sheet of frames for scrubbing. Memory does not grow
//! with the length of the clip.

use std::path::PathBuf;

use kinora_media::{ClipReader, SheetLayout, SpriteSheet, Still, fit};
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::pipeline::Output;
use crate::size::Size;

/// Longer side of a thumbnail in pixels.
const THUMBNAIL_SIDE: u32 = 512;
/// The sheet's frames.
const SHEET: SheetLayout = SheetLayout {
    count: 24,
    columns: 8,
    cell_width: 192,
};

/// What the pictures of a clip are, as its file tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Film {
    /// Width and height in pixels.
    pub size: Size,
    /// Frames per second, in the mean.
    pub fps: u32,
    /// Frames.
    pub frames: u32,
}

/// Writes the pictures beside the clip at `output.path`, whoever made it.
///
/// # Errors
/// [`crate::Error::Media`] for a clip that cannot be read and pictures that cannot be written.
pub fn beside(output: &Output) -> Result<Film> {
    let mut clip = ClipReader::open(&output.path)?;
    let film = Film {
        size: Size::new(clip.width(), clip.height()),
        fps: clip.fps().round().max(1.0) as u32,
        frames: clip.frames() as u32,
    };
    let mut stills = Stills::new(output, film.size, film.frames);
    while let Some(rgb) = clip.next_frame()? {
        stills.add(&rgb)?;
    }
    stills.finish()?;
    Ok(film)
}

/// Collects what is needed of the frames that pass by.
pub struct Stills {
    thumbnail: Option<PathBuf>,
    spritesheet: Option<PathBuf>,
    overwrite: bool,
    size: Size,
    cell: (u32, u32),
    frames: u32,
    seen: u32,
    middle: Option<Still>,
    cells: Vec<u8>, // [n, h, w, 3]
}

impl Stills {
    pub fn new(output: &Output, size: Size, frames: u32) -> Self {
        let cell_height = (f64::from(SHEET.cell_width) / size.ratio())
            .round()
            .max(1.0) as u32;
        Self {
            thumbnail: output.thumbnail.clone(),
            spritesheet: output.spritesheet.clone(),
            overwrite: output.overwrite,
            size,
            cell: (SHEET.cell_width, cell_height),
            frames,
            seen: 0,
            middle: None,
            cells: Vec::new(),
        }
    }

    /// Takes the next frame, `[h, w, 3]` of the clip's size.
    pub fn add(&mut self, rgb: &[u8]) -> Result<()> {
        let index = self.seen;
        self.seen += 1;
        let Size { width, height } = self.size;
        if self.thumbnail.is_some() && index == self.frames / 2 {
            let scale = (f64::from(THUMBNAIL_SIDE) / f64::from(width.max(height))).min(1.0);
            let side = |pixels: u32| (f64::from(pixels) * scale).round().max(1.0) as u32;
            let still = Still::new(width, height, rgb.to_vec())?;
            self.middle = Some(still.fit(side(width), side(height))?);
        }
        if self.spritesheet.is_some() && is_on_sheet(index, self.frames) {
            self.cells.extend(fit(rgb, (width, height), self.cell)?);
        }
        Ok(())
    }

    /// Writes the pictures that were asked for.
    pub fn finish(self) -> Result<()> {
        if let (Some(path), Some(still)) = (&self.thumbnail, &self.middle) {
            still.write(path, self.overwrite)?;
        }
        if let Some(path) = &self.spritesheet {
            SpriteSheet::new(&self.cells, self.cell, SHEET)?
                .still
                .write(path, self.overwrite)?;
        }
        Ok(())
    }
}

/// Whether a frame is one of the sheet's, which are spread evenly over `frames`.
fn is_on_sheet(index: u32, frames: u32) -> bool {
    let slot = |index: u32| u64::from(index) * u64::from(SHEET.count) / u64::from(frames.max(1));
    frames <= SHEET.count || index == 0 || slot(index) != slot(index - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sheet_gets_as_many_frames_as_it_holds() {
        for frames in [1, 5, 24, 25, 48, 96, 97, 481] {
            let chosen = (0..frames).filter(|&i| is_on_sheet(i, frames)).count();
            assert_eq!(chosen, frames.min(SHEET.count) as usize, "{frames} frames");
        }
    }
}
