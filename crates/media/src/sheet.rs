//! Sprite sheets: many frames of a clip in one picture, for scrubbing without the video.

use crate::error::{MediaError, Result};
use crate::resize::fit;
use crate::still::Still;

/// How the frames of a clip are laid out on a sheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SheetLayout {
    /// Frames on the sheet, taken evenly from the first to the last; a short clip gives fewer.
    pub count: u32,
    /// Frames side by side.
    pub columns: u32,
    /// Width of one frame on the sheet in pixels; its height follows the clip's shape.
    pub cell_width: u32,
}

/// A sheet and where to find each frame on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpriteSheet {
    /// The picture; unused cells are black.
    pub still: Still,
    /// Cells side by side.
    pub columns: u32,
    /// Width of a cell in pixels.
    pub cell_width: u32,
    /// Height of a cell in pixels.
    pub cell_height: u32,
    /// Which frame of the clip each cell shows, in reading order.
    pub frames: Vec<u32>,
}

impl SpriteSheet {
    /// Lays out frames of a clip, `frames` `[t, height, width, 3]` with `size` (width, height).
    ///
    /// # Errors
    /// [`MediaError::WrongLength`] if `frames` is no whole number of frames,
    /// [`MediaError::Picture`] for an empty clip or layout or a sheet too large for [`Still`].
    pub fn new(frames: &[u8], size: (u32, u32), layout: SheetLayout) -> Result<Self> {
        let (width, height) = size;
        let frame_bytes = width as usize * height as usize * 3;
        let failure = |reason: &str| {
            let reason = reason.to_string();
            MediaError::Picture {
                action: "make a sheet of",
                width,
                height,
                reason,
            }
        };
        if frame_bytes == 0 || frames.is_empty() {
            return Err(failure("there are no frames"));
        }
        if !frames.len().is_multiple_of(frame_bytes) {
            let actual = frames.len();
            return Err(MediaError::WrongLength {
                width,
                height,
                expected: frame_bytes,
                actual,
            });
        }
        if layout.count == 0 || layout.columns == 0 || layout.cell_width == 0 {
            return Err(failure("the layout is empty"));
        }
        let chosen = evenly((frames.len() / frame_bytes) as u32, layout.count);
        let columns = layout.columns.min(chosen.len() as u32);
        let rows = (chosen.len() as u32).div_ceil(columns);
        let cell_width = layout.cell_width;
        let cell_height = (f64::from(cell_width) * f64::from(height) / f64::from(width)).round();
        let cell_height = (cell_height as u32).max(1);

        let sides = (
            cell_width.saturating_mul(columns),
            cell_height.saturating_mul(rows),
        );
        let mut sheet = Still::black(sides.0, sides.1)?;
        for (cell, &frame) in chosen.iter().enumerate() {
            let source = &frames[frame as usize * frame_bytes..][..frame_bytes];
            let small = fit(source, size, (cell_width, cell_height))?;
            let corner = (
                cell as u32 % columns * cell_width,
                cell as u32 / columns * cell_height,
            );
            sheet.paste(&small, cell_width, corner);
        }
        Ok(Self {
            still: sheet,
            columns,
            cell_width,
            cell_height,
            frames: chosen,
        })
    }
}

/// Up to `count` of `total` frames, evenly spaced, with the first and the last.
fn evenly(total: u32, count: u32) -> Vec<u32> {
    let count = count.min(total);
    if count < 2 {
        return vec![0];
    }
    let (last, steps) = (u64::from(total - 1), u64::from(count - 1));
    (0..=steps)
        .map(|step| ((step * last + steps / 2) / steps) as u32)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_taken_evenly_with_both_ends() {
        assert_eq!(evenly(97, 5), [0, 24, 48, 72, 96]);
        assert_eq!(evenly(10, 4), [0, 3, 6, 9]);
        assert_eq!(evenly(3, 8), [0, 1, 2]);
        assert_eq!(evenly(97, 1), [0]);
    }

    #[test]
    fn each_cell_shows_its_frame() {
        let (width, height) = (32_u32, 18_u32);
        let frames: Vec<u8> = (0..9)
            .flat_map(|t| vec![t * 20; (width * height * 3) as usize])
            .collect();
        let layout = SheetLayout {
            count: 5,
            columns: 3,
            cell_width: 16,
        };
        let sheet = SpriteSheet::new(&frames, (width, height), layout).unwrap();
        assert_eq!(sheet.frames, [0, 2, 4, 6, 8]);
        assert_eq!((sheet.still.width(), sheet.still.height()), (48, 18));
        for (cell, &frame) in sheet.frames.iter().enumerate() {
            let (x, y) = (cell % 3 * 16 + 15, cell / 3 * 9 + 8);
            assert_eq!(
                sheet.still.rgb()[(y * 48 + x) * 3],
                frame as u8 * 20,
                "cell {cell}"
            );
        }
        assert_eq!(
            sheet.still.rgb().last(),
            Some(&0),
            "the sixth cell is unused"
        );
    }

    #[test]
    fn impossible_sheets_are_errors() {
        let layout = SheetLayout {
            count: 4,
            columns: 4,
            cell_width: 16,
        };
        assert!(SpriteSheet::new(&[], (4, 4), layout).is_err());
        assert!(SpriteSheet::new(&[0; 49], (4, 4), layout).is_err());
        let wide = SheetLayout {
            cell_width: u32::MAX,
            ..layout
        };
        assert!(SpriteSheet::new(&[0; 96], (4, 4), wide).is_err());
        let none = SheetLayout {
            columns: 0,
            ..layout
        };
        assert!(SpriteSheet::new(&[0; 96], (4, 4), none).is_err());
    }
}
