//! The clip under measurement and the sizes it is looked at.

use crate::image::{Plane, area_resize};

/// Frames of a video, as they would be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clip {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// Frames per second.
    pub fps: u32,
    /// sRGB bytes, `[t, h, w, 3]`.
    pub frames: Vec<u8>,
}

/// Area in pixels of the frames that the detectors look at: 288x160 and its other shapes.
const WORKING_AREA: f32 = 288.0 * 160.0;

impl Clip {
    /// Number of whole frames.
    pub fn len(&self) -> usize {
        self.frames
            .len()
            .checked_div(self.frame_bytes())
            .unwrap_or(0)
    }

    /// Whether there is not one whole frame.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of frame `i`, `[h, w, 3]`.
    pub fn frame(&self, i: usize) -> &[u8] {
        let bytes = self.frame_bytes();
        &self.frames[i * bytes..(i + 1) * bytes]
    }

    /// Seconds from the first frame to the last.
    pub fn seconds(&self) -> f32 {
        self.len().saturating_sub(1) as f32 / self.fps.max(1) as f32
    }

    fn frame_bytes(&self) -> usize {
        self.width as usize * self.height as usize * 3
    }

    /// Width and height, multiples of eight, at which the appearance detectors see this clip.
    pub fn working_size(&self) -> (usize, usize) {
        let aspect = self.width as f32 / self.height as f32;
        let multiple_of_8 = |x: f32| ((x / 8.0).round() as usize).max(2) * 8;
        (
            multiple_of_8((WORKING_AREA * aspect).sqrt()),
            multiple_of_8((WORKING_AREA / aspect).sqrt()),
        )
    }

    /// Frame `i` at the working size, `[h, w, 3]`, values 0 to 255.
    pub fn working_frame(&self, i: usize) -> Vec<f32> {
        let from = (self.width as usize, self.height as usize);
        area_resize(self.frame(i), from, 3, self.working_size())
    }

    /// Luma of frame `i` at half the working size, values 0 to 255: what motion is read from.
    pub fn motion_plane(&self, i: usize) -> Plane {
        let (w, h) = self.working_size();
        let luma: Vec<u8> = self
            .frame(i)
            .chunks_exact(3)
            .map(|p| {
                ((77 * u32::from(p[0]) + 150 * u32::from(p[1]) + 29 * u32::from(p[2])) >> 8) as u8
            })
            .collect();
        let from = (self.width as usize, self.height as usize);
        Plane::new(w / 2, h / 2, area_resize(&luma, from, 1, (w / 2, h / 2)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn working_sizes_keep_area_and_shape() {
        let size = |width, height| {
            Clip {
                width,
                height,
                fps: 24,
                frames: Vec::new(),
            }
            .working_size()
        };
        assert_eq!(size(576, 320), (288, 160));
        assert_eq!(size(1920, 1080), (288, 160));
        assert_eq!(size(320, 576), (160, 288));
        assert_eq!(size(448, 448), (216, 216));
        assert_eq!(size(512, 384), (248, 184));
    }

    #[test]
    fn frames_are_counted_whole() {
        let clip = Clip {
            width: 4,
            height: 2,
            fps: 24,
            frames: vec![7; 4 * 2 * 3 * 5 + 1],
        };
        assert_eq!(clip.len(), 5);
        assert!((clip.seconds() - 4.0 / 24.0).abs() < 1e-6);
        assert!(
            clip.working_frame(4)
                .iter()
                .all(|&x| (x - 7.0).abs() < 1e-3)
        );
    }
}
