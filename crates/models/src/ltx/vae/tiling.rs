//! Decoding in overlapping tiles, blended over their overlaps.
//!
//! Tiles save memory and cost exactness: a tile does not see its neighbours. Time is not cut.
//!
//! Reference: `AutoencoderKLLTXVideo.tiled_decode`, `blend_v` and `blend_h`.

use std::ops::Range;

use kinora_tensor::Tensor;

/// Sizes of tiles in pixels, height and width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tiling {
    /// Of a tile; a picture not larger is decoded whole.
    pub size: [usize; 2],
    /// From one tile to the next.
    pub stride: [usize; 2],
}

impl Default for Tiling {
    /// Those of the reference.
    fn default() -> Self {
        Self {
            size: [512, 512],
            stride: [448, 448],
        }
    }
}

/// A tile: its rows and columns of latents.
pub(super) struct Tile {
    rows: Range<usize>,
    columns: Range<usize>,
}

impl Tile {
    /// The tile's part of `x` `[t, h, w, c]`.
    pub fn cut(&self, x: &Tensor) -> Tensor {
        let [_, h, w, _] = x.dims();
        let x = if self.rows == (0..h) {
            x.clone()
        } else {
            x.narrow(1, self.rows.clone())
        };
        if self.columns == (0..w) {
            x
        } else {
            x.narrow(2, self.columns.clone())
        }
    }
}

/// The tiles of a picture, row by row.
pub(super) struct Tiles {
    all: Vec<Tile>,
    /// Tiles of a row.
    across: usize,
    /// Pixels that a tile gives to the picture, and those blended with the tile before.
    stride: [usize; 2],
    blend: [usize; 2],
    /// The picture in pixels.
    size: [usize; 2],
}

impl Tiles {
    /// Tiles over `latents` rows and columns; one when there is no tiling or nothing to cut.
    pub fn new(latents: [usize; 2], tiling: Option<&Tiling>, ratio: usize) -> Self {
        let size = latents.map(|count| count * ratio);
        let cut = tiling
            .filter(|tiling| (0..2).any(|axis| latents[axis] > (tiling.size[axis] / ratio).max(1)));
        let Tiling { size: tile, stride } = cut.copied().unwrap_or(Tiling { size, stride: size });
        let ranges = |axis: usize| -> Vec<Range<usize>> {
            let (length, step) = ((tile[axis] / ratio).max(1), (stride[axis] / ratio).max(1));
            let starts = (0..latents[axis]).step_by(step);
            starts
                .map(|start| start..(start + length).min(latents[axis]))
                .collect()
        };
        let (rows, columns) = (ranges(0), ranges(1));
        let across = columns.len();
        let tile_at = |row: &Range<usize>, column: &Range<usize>| Tile {
            rows: row.clone(),
            columns: column.clone(),
        };
        let all = rows
            .iter()
            .flat_map(|row| columns.iter().map(|column| tile_at(row, column)));
        Self {
            all: all.collect(),
            across,
            stride: [0, 1].map(|axis| (stride[axis] / ratio).max(1) * ratio),
            blend: [0, 1].map(|axis| tile[axis].saturating_sub(stride[axis])),
            size,
        }
    }

    pub fn all(&self) -> &[Tile] {
        &self.all
    }

    /// The picture from its tiles, F32 `[t, h, w, 3]` each and in order; `None` without any.
    pub fn join(&self, decoded: &[Tensor]) -> Option<Tensor> {
        let t = decoded.first()?.shape()[0];
        if let [whole] = decoded {
            return Some(whole.clone());
        }
        let mut maps: Vec<Map> = decoded.iter().map(Map::new).collect();
        let [height, width] = self.size;
        let mut picture = Map::blank([t, height, width, 3]);
        for i in 0..maps.len() {
            let (before, rest) = maps.split_at_mut(i);
            let map = &mut rest[0];
            if i >= self.across {
                map.blend_below(&before[i - self.across], self.blend[0]);
            }
            if i % self.across > 0 {
                map.blend_right_of(&before[i - 1], self.blend[1]);
            }
            let corner = [
                i / self.across * self.stride[0],
                i % self.across * self.stride[1],
            ];
            picture.paste(map, corner, self.stride);
        }
        Some(Tensor::from_f32(&picture.values, &picture.dims))
    }
}

/// Frames that are written to.
struct Map {
    values: Vec<f32>,
    dims: [usize; 4],
}

impl Map {
    fn new(frames: &Tensor) -> Self {
        Self {
            values: frames.to_vec(),
            dims: frames.dims(),
        }
    }

    fn blank(dims: [usize; 4]) -> Self {
        Self {
            values: vec![0.0; dims.iter().product()],
            dims,
        }
    }

    /// Where `count` pixels of a row from column `x` on lie.
    fn run(&self, frame: usize, y: usize, x: usize, count: usize) -> Range<usize> {
        let [_, h, w, c] = self.dims;
        let start = ((frame * h + y) * w + x) * c;
        start..start + count * c
    }

    /// Fades from the last `extent` rows of `above` to the first of this.
    fn blend_below(&mut self, above: &Self, extent: usize) {
        let [t, h, w, _] = self.dims;
        let [_, above_h, above_w, _] = above.dims;
        let extent = extent.min(h).min(above_h);
        let w = w.min(above_w);
        for frame in 0..t {
            for y in 0..extent {
                let own = self.run(frame, y, 0, w);
                let other = above.run(frame, above_h - extent + y, 0, w);
                fade(
                    &mut self.values[own],
                    &above.values[other],
                    y as f32 / extent as f32,
                );
            }
        }
    }

    /// Fades from the last `extent` columns of `left` to the first of this.
    fn blend_right_of(&mut self, left: &Self, extent: usize) {
        let [t, h, w, _] = self.dims;
        let [_, left_h, left_w, _] = left.dims;
        let extent = extent.min(w).min(left_w);
        for frame in 0..t {
            for y in 0..h.min(left_h) {
                for x in 0..extent {
                    let own = self.run(frame, y, x, 1);
                    let other = left.run(frame, y, left_w - extent + x, 1);
                    fade(
                        &mut self.values[own],
                        &left.values[other],
                        x as f32 / extent as f32,
                    );
                }
            }
        }
    }

    /// Copies the first `size` rows and columns of `map` to `corner`, as far as there is room.
    fn paste(&mut self, map: &Self, [top, left]: [usize; 2], size: [usize; 2]) {
        let [t, h, w, _] = map.dims;
        let rows = h.min(size[0]).min(self.dims[1] - top);
        let columns = w.min(size[1]).min(self.dims[2] - left);
        for frame in 0..t {
            for y in 0..rows {
                let to = self.run(frame, top + y, left, columns);
                let from = map.run(frame, y, 0, columns);
                self.values[to].copy_from_slice(&map.values[from]);
            }
        }
    }
}

/// `own = (1 - weight) other + weight own`.
fn fade(own: &mut [f32], other: &[f32], weight: f32) {
    for (own, other) in own.iter_mut().zip(other) {
        *own = other * (1.0 - weight) + *own * weight;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_overlap_and_the_last_are_what_is_left() {
        let tiling = Tiling {
            size: [48, 48],
            stride: [32, 32],
        };
        let tiles = Tiles::new([4, 5], Some(&tiling), 16);
        let rows: Vec<_> = tiles
            .all()
            .iter()
            .step_by(3)
            .map(|tile| tile.rows.clone())
            .collect();
        assert_eq!(rows, [0..3, 2..4]);
        let columns: Vec<_> = tiles.all()[..3]
            .iter()
            .map(|tile| tile.columns.clone())
            .collect();
        assert_eq!(columns, [0..3, 2..5, 4..5]);
        assert_eq!(Tiles::new([3, 3], Some(&tiling), 16).all().len(), 1);
        assert_eq!(Tiles::new([9, 9], None, 16).all().len(), 1);
    }

    #[test]
    fn overlaps_fade_from_the_tile_before() {
        let tiling = Tiling {
            size: [1, 4],
            stride: [1, 2],
        };
        let tiles = Tiles::new([1, 6], Some(&tiling), 1);
        let tile = |value: f32, width: usize| {
            Tensor::full(value, &[1, 1, width, 3], kinora_tensor::DType::F32)
        };
        let picture = tiles
            .join(&[tile(0.0, 4), tile(4.0, 4), tile(8.0, 2)])
            .unwrap();
        let first: Vec<f32> = picture.as_f32().iter().step_by(3).copied().collect();
        assert_eq!(first, [0.0, 0.0, 0.0, 2.0, 4.0, 6.0]);
    }
}
