//! Frames in memory, as the codec takes them.

use kinora_filmset::Stage;
use kinora_tensor::Tensor;

use super::Example;

/// RGB8 frames `[t, h, w, 3]`.
#[derive(Clone, Debug)]
pub struct Film {
    /// Pixels of a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// All frames, one after the other.
    pub frames: Vec<u8>,
}

impl Film {
    /// Renders the frames of an example at a size, width and height; also whether a subject covers each
    /// pixel of each.
    pub fn render(example: &Example, size: (u32, u32)) -> (Self, Vec<bool>) {
        let stage = Stage::new(&example.program, size);
        let (width, height) = (size.0 as usize, size.1 as usize);
        let pixels = width * height;
        let (mut frame, mut mask) = (vec![0; pixels * 3], vec![0; pixels]);
        let (mut frames, mut masks) = (Vec::new(), Vec::new());
        for i in example.first_frame..example.first_frame + example.frames {
            stage.frame(i, &mut frame);
            frames.extend_from_slice(&frame);
            stage.subject_mask(i, &mut mask);
            masks.extend(mask.iter().map(|&subject| subject > 0));
        }
        let film = Self {
            width,
            height,
            frames,
        };
        (film, masks)
    }

    /// Pixels of a frame.
    pub fn pixels(&self) -> usize {
        self.width * self.height
    }

    /// A square of `side` pixels with its first row and column at `corner`, and its part of a mask.
    pub fn crop(&self, mask: &[bool], corner: [usize; 2], side: usize) -> (Self, Vec<bool>) {
        let (mut frames, mut masks) = (Vec::new(), Vec::new());
        for frame in 0..self.frames.len() / (self.pixels() * 3) {
            for row in corner[0]..corner[0] + side {
                let first = frame * self.pixels() + row * self.width + corner[1];
                frames.extend_from_slice(&self.frames[first * 3..(first + side) * 3]);
                masks.extend_from_slice(&mask[first..first + side]);
            }
        }
        let crop = Self {
            width: side,
            height: side,
            frames,
        };
        (crop, masks)
    }

    /// F32 `[t, h, w, 3]` in [-1, 1].
    pub fn tensor(&self) -> Tensor {
        let t = self.frames.len() / (self.pixels() * 3);
        let value = |i: usize| f32::from(self.frames[i]) / 127.5 - 1.0;
        Tensor::from_fn(&[t, self.height, self.width, 3], value)
    }

    /// The mean of 2 x 2 pixels, F32 `[t, h / 2, w / 2, 3]` in [-1, 1].
    pub fn half_size(&self) -> Tensor {
        let (w, h) = (self.width / 2, self.height / 2);
        let t = self.frames.len() / (self.pixels() * 3);
        Tensor::from_fn(&[t, h, w, 3], |i| {
            let (channel, x, y, frame) = (i % 3, i / 3 % w, i / (3 * w) % h, i / (3 * w * h));
            let at = |dy: usize, dx: usize| {
                let pixel = frame * self.pixels() + (2 * y + dy) * self.width + 2 * x + dx;
                f32::from(self.frames[pixel * 3 + channel])
            };
            (at(0, 0) + at(0, 1) + at(1, 0) + at(1, 1)) / 510.0 - 1.0
        })
    }
}
