//! Decoding in overlapping tiles: less memory at large sizes.
//!
//! A tile is decoded over the whole clip before the next one, so the caches are those of one tile.
//! In return all frames of the clip are held at once.

use kinora_tensor::Tensor;

use super::decoder::Decoder;

/// The size of tiles, in pixels.
///
/// Reference: `AutoencoderKLWan.enable_tiling`, with its defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tiling {
    /// Height and width of a tile.
    pub size: [usize; 2],
    /// From one tile to the next, vertically and horizontally; smaller than the size, where tiles
    /// overlap and blend.
    pub stride: [usize; 2],
}

impl Default for Tiling {
    fn default() -> Self {
        Self {
            size: [256; 2],
            stride: [192; 2],
        }
    }
}

/// Maps `[t, h, w, c]` that are blended in place.
struct Maps {
    t: usize,
    size: [usize; 2],
    c: usize,
    data: Vec<f32>,
}

impl Maps {
    fn new(maps: &Tensor) -> Self {
        let [t, h, w, c] = maps.dims();
        Self {
            t,
            size: [h, w],
            c,
            data: maps.to_vec(),
        }
    }

    fn zeros(t: usize, size: [usize; 2], c: usize) -> Self {
        let data = vec![0.0; t * size[0] * size[1] * c];
        Self { t, size, c, data }
    }

    /// Where the pixels of a row from a column on begin.
    fn at(&self, t: usize, row: usize, column: usize) -> usize {
        ((t * self.size[0] + row) * self.size[1] + column) * self.c
    }

    /// The last rows (`axis` 0) or columns (`axis` 1), up to `count` of them.
    fn last(&self, axis: usize, count: usize) -> Self {
        let mut from = [0, 0];
        from[axis] = self.size[axis].saturating_sub(count);
        let size = [self.size[0] - from[0], self.size[1] - from[1]];
        let mut last = Self::zeros(self.t, size, self.c);
        last.copy(self, from, [0, 0], size);
        last
    }

    /// Copies a rectangle of `source` into this one.
    fn copy(&mut self, source: &Self, from: [usize; 2], to: [usize; 2], size: [usize; 2]) {
        let line = size[1] * self.c;
        for t in 0..self.t {
            for row in 0..size[0] {
                let start = source.at(t, from[0] + row, from[1]);
                let end = self.at(t, to[0] + row, to[1]);
                self.data[end..end + line].copy_from_slice(&source.data[start..start + line]);
            }
        }
    }

    /// Fades from the neighbour's last rows or columns into the first of this one.
    ///
    /// Reference: `AutoencoderKLWan.blend_v` and `blend_h`.
    fn blend(&mut self, neighbour: &Self, axis: usize) {
        let extent = neighbour.size[axis].min(self.size[axis]);
        let mut size = self.size;
        size[axis] = extent;
        let skip = neighbour.size[axis] - extent;
        for t in 0..self.t {
            for row in 0..size[0] {
                for column in 0..size[1] {
                    let mut place = [row, column];
                    let share = (place[axis] as f64 / extent as f64) as f32;
                    let to = self.at(t, row, column);
                    place[axis] += skip;
                    let from = neighbour.at(t, place[0], place[1]);
                    for c in 0..self.c {
                        let old = neighbour.data[from + c] * (1.0 - share);
                        self.data[to + c] = old + self.data[to + c] * share;
                    }
                }
            }
        }
    }
}

impl Decoder {
    /// Decodes a whole clip in tiles, each blended into those above and to its left, and then hands
    /// its frames out one by one.
    ///
    /// # Shapes
    /// `latents` F32 `[t, h, w, c]`, normalised, of any size; each frame F32 `[1, H, W, 3]` in [-1, 1],
    /// as many as a [`Stream`](super::Stream) gives.
    ///
    /// Reference: `AutoencoderKLWan.tiled_decode`.
    ///
    /// # Panics
    /// When a tile or the way to the next is smaller than a latent, or tiles leave gaps.
    pub fn decode_tiled(
        &self,
        latents: &Tensor,
        tiling: &Tiling,
        mut on_frame: impl FnMut(&Tensor),
    ) {
        let maps = self.tiled_maps(latents, tiling);
        let [height, width] = maps.size;
        for t in 0..maps.t {
            let frame = &maps.data[maps.at(t, 0, 0)..maps.at(t + 1, 0, 0)];
            on_frame(&self.finish(&Tensor::from_f32(frame, &[1, height, width, maps.c])));
        }
    }

    fn tiled_maps(&self, latents: &Tensor, tiling: &Tiling) -> Maps {
        let [_, h, w, _] = latents.dims();
        let pixels = self.config.pixel_stride();
        let [size, stride] = [tiling.size, tiling.stride].map(|x| x.map(|x| x / pixels));
        let fits = |i: usize| (1..=size[i]).contains(&stride[i]);
        assert!(
            fits(0) && fits(1),
            "{tiling:?} of latents of {pixels} pixels"
        );
        // Everything below counts pixels before channels become patches.
        let scale = pixels / self.config.patch();
        let step = tiling.stride.map(|x| x / self.config.patch());
        let whole = tiling.size.map(|x| x / self.config.patch());
        let overlap = [whole[0] - step[0], whole[1] - step[1]];

        let mut frames: Option<Maps> = None;
        let mut above: Vec<Maps> = Vec::new();
        for (i, top) in (0..h).step_by(stride[0]).enumerate() {
            let mut below = Vec::new();
            let mut left: Option<Maps> = None;
            for (j, side) in (0..w).step_by(stride[1]).enumerate() {
                let tile = latents
                    .narrow(1, top..h.min(top + size[0]))
                    .narrow(2, side..w.min(side + size[1]));
                let mut tile = Maps::new(&self.stream().maps(&tile, &mut |_, _| {}));
                if let Some(above) = above.get(j) {
                    tile.blend(above, 0);
                }
                if let Some(left) = &left {
                    tile.blend(left, 1);
                }
                let to = [i * step[0], j * step[1]];
                let frames = frames
                    .get_or_insert_with(|| Maps::zeros(tile.t, [h * scale, w * scale], tile.c));
                let room = [frames.size[0] - to[0], frames.size[1] - to[1]];
                let kept = [0, 1].map(|i| tile.size[i].min(step[i]).min(room[i]));
                frames.copy(&tile, [0, 0], to, kept);
                below.push(tile.last(0, overlap[0]));
                left = Some(tile.last(1, overlap[1]));
            }
            above = below;
        }
        frames.expect("latents have an area")
    }
}
