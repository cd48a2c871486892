//! Decoding in overlapping tiles, blended over their overlaps: less memory at large sizes.
//!
//! What a decoder of video holds are the frames that its convolutions remember, and those of all
//! tiles together are more than those of the picture. So a tile is decoded over the whole clip before
//! the next one begins, and a [`Mosaic`] holds the clip's frames meanwhile. Tiles cost exactness, too:
//! none sees its neighbours.
//!
//! Reference: `tiled_decode`, `blend_v` and `blend_h` of `AutoencoderKLWan` and
//! `AutoencoderKLLTXVideo`, which work in the same order.

use std::collections::VecDeque;
use std::ops::Range;

use kinora_tensor::Tensor;

/// Sizes of tiles in pixels, height and width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tiling {
    /// Of a tile; a picture not larger is decoded whole.
    pub size: [usize; 2],
    /// From one tile to the next; smaller than the size, where tiles overlap and blend.
    pub stride: [usize; 2],
}

impl Tiling {
    /// The largest tile of a picture of this height and width, where it is cut at all.
    pub fn cut(&self, picture: [usize; 2]) -> Option<[usize; 2]> {
        let is_larger = (0..2).any(|axis| picture[axis] > self.size[axis]);
        is_larger.then(|| [0, 1].map(|axis| picture[axis].min(self.size[axis])))
    }
}

/// A tile: its rows and columns of latents.
pub(crate) struct Tile {
    rows: Range<usize>,
    columns: Range<usize>,
}

impl Tile {
    /// The tile's part of `x` `[t, h, w, c]`.
    pub fn of(&self, x: &Tensor) -> Tensor {
        x.narrow(1, self.rows.clone())
            .narrow(2, self.columns.clone())
    }
}

/// The tiles of a picture, row by row.
struct Tiles {
    all: Vec<Tile>,
    /// Tiles of a row.
    across: usize,
    /// Positions that a tile gives to the picture, and those blended with the tile before.
    stride: [usize; 2],
    blend: [usize; 2],
    /// The picture.
    size: [usize; 2],
}

impl Tiles {
    /// Tiles over `latents` rows and columns. `ratio` is how many pixels a latent spans, `patch` how
    /// many of them stand in one position of the decoded maps.
    ///
    /// # Panics
    /// When a tile or the way to the next is smaller than a latent, or tiles leave gaps.
    fn new(latents: [usize; 2], tiling: &Tiling, ratio: usize, patch: usize) -> Self {
        let [length, step] = [tiling.size, tiling.stride].map(|pixels| pixels.map(|x| x / ratio));
        let fits = (0..2).all(|axis| (1..=length[axis]).contains(&step[axis]));
        assert!(fits, "{tiling:?} of latents of {ratio} pixels");
        let ranges = |axis: usize| -> Vec<Range<usize>> {
            let starts = (0..latents[axis]).step_by(step[axis]);
            starts
                .map(|start| start..(start + length[axis]).min(latents[axis]))
                .collect()
        };
        let (rows, columns) = (ranges(0), ranges(1));
        let tile = |rows: &Range<usize>, columns: &Range<usize>| Tile {
            rows: rows.clone(),
            columns: columns.clone(),
        };
        let row = |rows| columns.iter().map(move |columns| tile(rows, columns));
        Self {
            all: rows.iter().flat_map(row).collect(),
            across: columns.len(),
            stride: step.map(|step| step * ratio / patch),
            blend: [0, 1].map(|axis| (tiling.size[axis] - tiling.stride[axis]) / patch),
            size: latents.map(|count| count * ratio / patch),
        }
    }
}

/// The frames of a clip, made of tiles one after the other.
pub(crate) struct Mosaic {
    tiles: Tiles,
    /// How many tiles are whole.
    done: usize,
    /// How many frames the tile after them has so far.
    frame: usize,
    frames: VecDeque<Map>,
    /// Of the last tile in each column, and of the last tile: the rows and columns that blend into
    /// the next, frame by frame.
    above: Vec<Vec<Map>>,
    left: Vec<Map>,
    /// The same of the tile that is being made.
    edges: [Vec<Map>; 2],
}

impl Mosaic {
    /// An empty picture over `latents` rows and columns of `ratio` pixels, in positions of `patch`.
    pub fn new(latents: [usize; 2], tiling: &Tiling, ratio: usize, patch: usize) -> Self {
        let tiles = Tiles::new(latents, tiling, ratio, patch);
        Self {
            above: (0..tiles.across).map(|_| Vec::new()).collect(),
            tiles,
            done: 0,
            frame: 0,
            frames: VecDeque::new(),
            left: Vec::new(),
            edges: [Vec::new(), Vec::new()],
        }
    }

    /// The tile to be made, by its number; `None` when all are.
    pub fn tile(&self) -> Option<(usize, &Tile)> {
        self.tiles.all.get(self.done).map(|tile| (self.done, tile))
    }

    /// The next frames F32 `[n, h, w, c]` of that tile.
    pub fn add(&mut self, decoded: &Tensor) {
        for i in 0..decoded.shape()[0] {
            self.add_frame(Map::new(&decoded.slice(i..i + 1)));
        }
    }

    fn add_frame(&mut self, mut map: Map) {
        let Tiles {
            across,
            stride,
            blend,
            size,
            ..
        } = self.tiles;
        let (row, column) = (self.done / across, self.done % across);
        if row > 0 {
            map.blend_below(&self.above[column][self.frame], blend[0]);
        }
        if column > 0 {
            map.blend_right_of(&self.left[self.frame], blend[1]);
        }
        if self.frames.len() == self.frame {
            self.frames.push_back(Map::blank(size, map.channels));
        }
        self.frames[self.frame].paste(&map, [row * stride[0], column * stride[1]], stride);
        self.edges[0].push(map.last_rows(blend[0]));
        self.edges[1].push(map.last_columns(blend[1]));
        self.frame += 1;
    }

    /// Says that the tile is whole.
    pub fn end_tile(&mut self) {
        let [below, right] = std::mem::take(&mut self.edges);
        self.above[self.done % self.tiles.across] = below;
        self.left = right;
        self.frame = 0;
        self.done += 1;
        if self.tile().is_none() {
            self.above.clear();
            self.left.clear();
        }
    }

    /// Takes the first frame F32 `[1, H, W, c]`, when all tiles are whole.
    pub fn next_frame(&mut self) -> Option<Tensor> {
        let Map {
            values,
            size: [h, w],
            channels,
        } = self.frames.pop_front()?;
        Some(Tensor::from_f32(&values, &[1, h, w, channels]))
    }
}

/// A frame that is written to.
struct Map {
    values: Vec<f32>,
    size: [usize; 2],
    channels: usize,
}

impl Map {
    fn new(frame: &Tensor) -> Self {
        let [_, h, w, channels] = frame.dims();
        Self {
            values: frame.to_vec(),
            size: [h, w],
            channels,
        }
    }

    fn blank([h, w]: [usize; 2], channels: usize) -> Self {
        Self {
            values: vec![0.0; h * w * channels],
            size: [h, w],
            channels,
        }
    }

    /// Where `count` positions of a row from column `x` on lie.
    fn run(&self, y: usize, x: usize, count: usize) -> Range<usize> {
        let start = (y * self.size[1] + x) * self.channels;
        start..start + count * self.channels
    }

    fn last_rows(&self, count: usize) -> Self {
        let [h, w] = self.size;
        self.rectangle([h - count.min(h), 0], [count.min(h), w])
    }

    fn last_columns(&self, count: usize) -> Self {
        let [h, w] = self.size;
        self.rectangle([0, w - count.min(w)], [h, count.min(w)])
    }

    fn rectangle(&self, [top, left]: [usize; 2], size: [usize; 2]) -> Self {
        let rows = (0..size[0]).flat_map(|y| &self.values[self.run(top + y, left, size[1])]);
        Self {
            values: rows.copied().collect(),
            size,
            channels: self.channels,
        }
    }

    /// Fades from the last `extent` rows of `above` to the first of this.
    fn blend_below(&mut self, above: &Self, extent: usize) {
        let extent = extent.min(self.size[0]).min(above.size[0]);
        let width = self.size[1].min(above.size[1]);
        for y in 0..extent {
            let own = self.run(y, 0, width);
            let other = above.run(above.size[0] - extent + y, 0, width);
            let weight = y as f32 / extent as f32;
            fade(&mut self.values[own], &above.values[other], weight);
        }
    }

    /// Fades from the last `extent` columns of `left` to the first of this.
    fn blend_right_of(&mut self, left: &Self, extent: usize) {
        let extent = extent.min(self.size[1]).min(left.size[1]);
        for y in 0..self.size[0].min(left.size[0]) {
            for x in 0..extent {
                let own = self.run(y, x, 1);
                let other = left.run(y, left.size[1] - extent + x, 1);
                let weight = x as f32 / extent as f32;
                fade(&mut self.values[own], &left.values[other], weight);
            }
        }
    }

    /// Copies the first `size` rows and columns of `map` to `corner`, as far as there is room.
    fn paste(&mut self, map: &Self, [top, left]: [usize; 2], size: [usize; 2]) {
        let rows = map.size[0].min(size[0]).min(self.size[0] - top);
        let columns = map.size[1].min(size[1]).min(self.size[1] - left);
        for y in 0..rows {
            let to = self.run(top + y, left, columns);
            self.values[to].copy_from_slice(&map.values[map.run(y, 0, columns)]);
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
    use kinora_tensor::DType;

    use super::*;

    #[test]
    fn tiles_overlap_and_the_last_are_what_is_left() {
        let tiling = Tiling {
            size: [48, 48],
            stride: [32, 32],
        };
        let tiles = Tiles::new([4, 5], &tiling, 16, 1);
        let rows: Vec<_> = tiles.all.iter().step_by(3).map(|tile| &tile.rows).collect();
        assert_eq!(rows, [&(0..3), &(2..4)]);
        let columns: Vec<_> = tiles.all[..3].iter().map(|tile| &tile.columns).collect();
        assert_eq!(columns, [&(0..3), &(2..5), &(4..5)]);
        assert_eq!(tiling.cut([48, 48]), None);
        assert_eq!(tiling.cut([32, 64]), Some([32, 48]));
    }

    #[test]
    fn overlaps_fade_from_the_tile_before() {
        let tiling = Tiling {
            size: [1, 4],
            stride: [1, 2],
        };
        let mut mosaic = Mosaic::new([1, 6], &tiling, 1, 1);
        for (value, width) in [(0.0, 4), (4.0, 4), (8.0, 2)] {
            assert!(mosaic.tile().is_some());
            mosaic.add(&Tensor::full(value, &[1, 1, width, 3], DType::F32));
            mosaic.end_tile();
        }
        assert!(mosaic.tile().is_none());
        let frame = mosaic.next_frame().expect("one frame");
        let first: Vec<f32> = frame.as_f32().iter().step_by(3).copied().collect();
        assert_eq!(first, [0.0, 0.0, 0.0, 2.0, 4.0, 6.0]);
        assert!(mosaic.next_frame().is_none());
    }
}
