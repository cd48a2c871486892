//! 3x3 convolutions in a quarter of the products.
//!
//! A tile of 4x4 results comes from 6x6 inputs. Both the inputs and the kernel are taken as polynomials and
//! evaluated at six points an axis; there a convolution is a product of numbers, and 36 of them do what
//! took 144. So the sums over channels and frames are 36 matrix products whose rows are tiles.
//!
//! Kernels are evaluated again for each chunk, a slice of their inputs at a time: that costs a twentieth of the
//! products, and no memory, where evaluated weights are eight times as large as those of bf16.
//!
//! Reference: Lavin and Gray 1509.09308, F(4x4, 3x3). With its points 0, 1, -1, 2, -2 and infinity sums are off by
//! three bits more than plain ones; with three quarters of them by less than one.

#![allow(unsafe_code)]
#![allow(clippy::inline_always, reason = "see `simd`")]

use std::ops::Range;

use super::Isa;
use super::conv::{Clip, Pixels};
use super::gemm::{Multiply, Operand, STRIP, Sums, convert};
use super::pool::{parallel_for, threads};
use super::simd::{Kernel, LANES, Simd, SimdElement, Vector, dispatch};
use crate::buffer::Buffer;
use crate::dtype::with_element;
use crate::ops::Conv;
use crate::packed::{PANEL, Panels, SLICE, place};
use crate::{ConvWeight, Precision};

/// Height and width of a tile of results.
const SIDE: usize = 4;
/// Height and width of its inputs, and points of an axis.
const POINTS: usize = SIDE + 2;
/// Points of a tile.
const ALL: usize = POINTS * POINTS;
/// The points of an axis are these with both signs, zero and infinity.
const NODES: [f32; 2] = [0.75, 1.5];

/// The most tiles of a chunk, for which kernels are evaluated once.
const MOST_TILES: usize = 2 * STRIP;
/// What the inputs of a chunk may take at all points before it has fewer tiles.
const INPUT_BYTES: usize = 16 << 20;
/// A frame of fewer tiles leaves most rows of a strip empty.
const LEAST_TILES: usize = STRIP;

/// Whether a convolution is done so. The choice does not depend on how many frames come at once, so that
/// a stream has the bits of the whole clip.
pub(super) fn suits(isa: Isa, weight: &ConvWeight, options: &Conv, size: [usize; 4]) -> bool {
    // AMX multiplies bf16 more than four times as fast as anything multiplies f32.
    let amx = isa == Isa::Amx && weight.precision() == Precision::Bf16;
    let tiles = size[1].div_ceil(SIDE) * size[2].div_ceil(SIDE);
    let few = weight.in_channels() < SLICE || tiles < LEAST_TILES;
    weight.kernel() == 3 && options.stride == 1 && !amx && !few
}

pub(super) fn conv<T: SimdElement>(
    isa: Isa,
    clip: Clip<T>,
    weight: &ConvWeight,
    options: &Conv,
    end: Pixels<T>,
) {
    let [_, h, w, _] = end.size;
    let panels = weight.panels();
    let job = Job {
        clip,
        panels,
        channels: weight.padded_channels(),
        frames: weight.frames(),
        before: options.border_before(3),
        grid: [h, w].map(|size| size.div_ceil(SIDE)),
        end,
    };
    with_element!(panels.precision().activations(), B => job.run::<B>(isa));
}

struct Job<'a, T> {
    clip: Clip<'a, T>,
    panels: &'a Panels,
    /// Of a frame in the weight.
    channels: usize,
    /// Frames that an output sees.
    frames: usize,
    /// Rows above and columns to the left of a frame that are zero.
    before: usize,
    /// Tiles down and across a frame.
    grid: [usize; 2],
    end: Pixels<'a, T>,
}

impl<T: SimdElement> Job<'_, T> {
    fn run<B: SimdElement>(&self, isa: Isa) {
        let tiles = self.end.size[0] * self.grid[0] * self.grid[1];
        let most = INPUT_BYTES / (ALL * self.depth() * size_of::<f32>());
        let most = (most / STRIP * STRIP).clamp(STRIP, MOST_TILES);
        // Few tiles are shared by their outputs.
        let (blocks, panels) = (tiles.div_ceil(most), self.panels.columns / PANEL);
        let width = panels.div_ceil((4 * threads()).div_ceil(blocks).min(panels));
        let groups = panels.div_ceil(width);
        parallel_for(blocks * groups, |chunk| {
            let (first, group) = (chunk / groups * most, chunk % groups);
            let tiles = first..tiles.min(first + most);
            let rows = tiles.len().next_multiple_of(STRIP);
            let parts = [rows * self.depth(), rows * PANEL, SLICE * PANEL];
            let parts = parts.map(|elements| ALL * elements);
            let mut scratch = Buffer::arbitrary(parts.iter().sum::<usize>() * size_of::<f32>());
            let (inputs, rest) = scratch.as_mut_slice().split_at_mut(parts[0]);
            let (sums, kernels) = rest.split_at_mut(parts[1]);
            dispatch(
                isa,
                Chunk {
                    job: self,
                    weight: self.panels.as_slice::<B>(),
                    tiles,
                    panels: group * width..panels.min((group + 1) * width),
                    rows,
                    inputs,
                    sums,
                    kernels: &mut kernels[..parts[2]],
                },
            );
        });
    }

    /// Inputs of a product: the channels of each frame.
    fn depth(&self) -> usize {
        self.frames * self.channels
    }
}

/// Some tiles and some panels of their outputs.
struct Chunk<'a, T, B> {
    job: &'a Job<'a, T>,
    weight: &'a [B],
    tiles: Range<usize>,
    panels: Range<usize>,
    /// Tiles, padded to whole strips.
    rows: usize,
    /// `[slice][point][row][32]`: the left factors of products.
    inputs: &'a mut [f32],
    /// `[point][row][32]`, of one panel.
    sums: &'a mut [f32],
    /// `[point][input][32]`, of one slice of one panel.
    kernels: &'a mut [f32],
}

impl<T: SimdElement, B: SimdElement> Kernel for Chunk<'_, T, B> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        for (row, tile) in self.tiles.clone().enumerate() {
            for back in 0..self.job.frames {
                self.evaluate_inputs(s, row, tile, back);
            }
        }
        for panel in self.panels.clone() {
            for slice in 0..self.job.depth() / SLICE {
                self.evaluate_kernels(s, panel, slice);
                self.multiply(s, slice);
            }
            for (row, tile) in self.tiles.clone().enumerate() {
                self.finish(s, row, tile, panel);
            }
        }
    }
}

impl<T: SimdElement, B: SimdElement> Chunk<'_, T, B> {
    /// Frame, row and column of a tile's first result.
    #[inline(always)]
    fn place(&self, tile: usize) -> [usize; 3] {
        let [down, across] = self.job.grid;
        let [y, x] = [tile / across % down, tile % across];
        [tile / across / down, y * SIDE, x * SIDE]
    }

    /// The inputs of a tile in one of its frames.
    #[inline(always)]
    fn evaluate_inputs<S: Simd>(&mut self, s: S, row: usize, tile: usize, back: usize) {
        let job = self.job;
        let [frame, top, left] = self.place(tile);
        let [_, h, w, c] = job.clip.shape;
        let frame = job.clip.frame(frame, back);
        let round = job.panels.precision() == Precision::Bf16;
        for channel in (0..job.channels).step_by(LANES) {
            let mut rows = [[[0.0; LANES]; POINTS]; POINTS];
            if let Some(frame) = frame.filter(|_| channel < c) {
                let count = LANES.min(c - channel);
                for i in 0..POINTS {
                    let mut column = [[0.0; LANES]; POINTS];
                    for (j, out) in column.iter_mut().enumerate() {
                        let [y, x] = [top + j, left + i].map(|at| at.wrapping_sub(job.before));
                        if y < h && x < w {
                            let at = (y * w + x) * c + channel;
                            convert(s, &frame[at..at + count], out, round);
                        }
                    }
                    for (row, x) in rows.iter_mut().zip(&input_at_points(s, &column)) {
                        x.store(&mut row[i]);
                    }
                }
            }
            let input = back * job.channels + channel;
            let slice = input / SLICE * ALL * self.rows * SLICE;
            let place = slice + row * SLICE + input % SLICE;
            for (j, row) in rows.iter().enumerate() {
                for (point, x) in (POINTS * j..).zip(&input_at_points(s, row)) {
                    let out = &mut self.inputs[point * self.rows * SLICE + place..];
                    x.store(out.first_chunk_mut().expect("a place for each tile"));
                }
            }
        }
    }

    /// The kernels of a panel for a slice of its inputs.
    #[inline(always)]
    fn evaluate_kernels<S: Simd>(&mut self, s: S, panel: usize, slice: usize) {
        let (channels, depth) = (self.job.channels, self.job.panels.depth);
        let (frame, first) = (slice * SLICE / channels, slice * SLICE % channels);
        for i in (0..SLICE).step_by(2) {
            let channel = first + i;
            for half in 0..PANEL / LANES {
                let column = panel * PANEL + half * LANES;
                // Column by column of the even and of the odd input's kernel.
                let mut taps = [[[[0.0; LANES]; 3]; 3]; 2];
                for tap in 0..9 {
                    let input = (frame * 9 + tap) * channels + channel;
                    let pair = &self.weight[place::<B>(depth, column, input)..];
                    let (even, odd) = B::load_inputs(s, pair);
                    even.store(&mut taps[0][tap % 3][tap / 3]);
                    odd.store(&mut taps[1][tap % 3][tap / 3]);
                }
                for (input, taps) in (i..).zip(&taps) {
                    let mut rows = [[[0.0; LANES]; 3]; POINTS];
                    for (i, column) in taps.iter().enumerate() {
                        for (row, x) in rows.iter_mut().zip(&kernel_at_points(s, column)) {
                            x.store(&mut row[i]);
                        }
                    }
                    for (j, row) in rows.iter().enumerate() {
                        for (point, x) in (POINTS * j..).zip(&kernel_at_points(s, row)) {
                            let at = (point * SLICE + input) * PANEL + half * LANES;
                            let out = &mut self.kernels[at..];
                            x.store(out.first_chunk_mut().expect("a place for each input"));
                        }
                    }
                }
            }
        }
    }

    /// Adds the product of a slice of the inputs at each point.
    #[inline(always)]
    fn multiply<S: Simd>(&mut self, s: S, slice: usize) {
        let inputs = self
            .inputs
            .chunks_exact(self.rows * SLICE)
            .skip(slice * ALL);
        let kernels = self.kernels.chunks_exact(SLICE * PANEL);
        for (point, (data, kernels)) in inputs.zip(kernels).enumerate() {
            let a = Operand {
                data,
                row_stride: SLICE,
                tile_stride: 16 * SLICE,
                offsets: &[0],
            };
            for first in (0..self.rows).step_by(STRIP) {
                let mut sums = Sums {
                    data: &mut self.sums[(point * self.rows + first) * PANEL..],
                    stride: PANEL,
                    keep: slice > 0,
                };
                <f32 as Multiply<f32>>::multiply(s, &(), &a, first, kernels, &mut sums);
            }
        }
    }

    /// The results of a tile in one panel.
    #[inline(always)]
    fn finish<S: Simd>(&self, s: S, row: usize, tile: usize, panel: usize) {
        let end = &self.job.end;
        let [frame, top, left] = self.place(tile);
        let [_, h, w, channels] = end.size;
        for half in 0..PANEL / LANES {
            let column = panel * PANEL + half * LANES;
            if column >= channels {
                return;
            }
            let mut columns = [[[0.0; LANES]; POINTS]; SIDE];
            for j in 0..POINTS {
                let mut points = [[0.0; LANES]; POINTS];
                for (point, out) in (POINTS * j..).zip(&mut points) {
                    let at = (point * self.rows + row) * PANEL + half * LANES;
                    out.copy_from_slice(&self.sums[at..at + LANES]);
                }
                for (column, x) in columns.iter_mut().zip(&interpolated(s, &points)) {
                    x.store(&mut column[j]);
                }
            }
            let bias = end.bias(s, column);
            for (i, points) in columns.iter().enumerate().take(w - left) {
                for (j, &sum) in interpolated(s, points).iter().enumerate().take(h - top) {
                    let place = [frame, top + j, left + i];
                    // SAFETY: each pixel and panel belongs to one chunk.
                    unsafe { end.store(s, place, column, sum + bias) };
                }
            }
        }
    }
}

/// A number of each lane.
type Line = [f32; LANES];

/// Six inputs along an axis at its points, times what [`kernel_at_points`] divides by.
#[inline(always)]
fn input_at_points<S: Simd>(s: S, x: &[Line; POINTS]) -> [S::V; POINTS] {
    let [a, b] = NODES;
    let (a2, b2) = (s.splat(-a * a), s.splat(-b * b));
    let (sum, product) = (s.splat(-(a * a + b * b)), s.splat(a * a * b * b));
    let [x0, x1, x2] = [s.load(&x[0]), s.load(&x[1]), s.load(&x[2])];
    let [x3, x4, x5] = [s.load(&x[3]), s.load(&x[4]), s.load(&x[5])];
    let near = [x2.mul_add(b2, x4), x1.mul_add(b2, x3) * s.splat(a)];
    let far = [x2.mul_add(a2, x4), x1.mul_add(a2, x3) * s.splat(b)];
    [
        x0.mul_add(product, x2.mul_add(sum, x4)),
        near[0] + near[1],
        near[0] - near[1],
        far[0] + far[1],
        far[0] - far[1],
        x1.mul_add(product, x3.mul_add(sum, x5)),
    ]
}

/// Three numbers of a kernel along an axis at its points: their value as a polynomial, over the product of the
/// point's distances from the others.
#[inline(always)]
fn kernel_at_points<S: Simd>(s: S, x: &[Line; 3]) -> [S::V; POINTS] {
    let [a, b] = NODES;
    let (a2, b2) = (a * a, b * b);
    let [zero, near, far] = [a2 * b2, 2.0 * a2 * (a2 - b2), 2.0 * b2 * (b2 - a2)];
    let [x0, x1, x2] = [s.load(&x[0]), s.load(&x[1]), s.load(&x[2])];
    let near = [
        x2.mul_add(s.splat(a2 / near), x0 * s.splat(1.0 / near)),
        x1 * s.splat(a / near),
    ];
    let far = [
        x2.mul_add(s.splat(b2 / far), x0 * s.splat(1.0 / far)),
        x1 * s.splat(b / far),
    ];
    [
        x0 * s.splat(1.0 / zero),
        near[0] + near[1],
        near[0] - near[1],
        far[0] + far[1],
        far[0] - far[1],
        x2,
    ]
}

/// Four results along an axis from their values at its points.
#[inline(always)]
fn interpolated<S: Simd>(s: S, x: &[Line; POINTS]) -> [S::V; SIDE] {
    let [a, b] = NODES;
    let [x1, x2, x3, x4] = [s.load(&x[1]), s.load(&x[2]), s.load(&x[3]), s.load(&x[4])];
    let (near, far) = ([x1 + x2, x1 - x2], [x3 + x4, x3 - x4]);
    [
        s.load(&x[0]) + near[0] + far[0],
        near[1].mul_add(s.splat(a), far[1] * s.splat(b)),
        near[0].mul_add(s.splat(a * a), far[0] * s.splat(b * b)),
        near[1].mul_add(
            s.splat(a * a * a),
            far[1].mul_add(s.splat(b * b * b), s.load(&x[5])),
        ),
    ]
}
