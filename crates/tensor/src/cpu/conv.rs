//! `conv` as a matrix product over positions, without a copy for each tap.
//!
//! A chunk is a band of output rows. Its input rows are gathered once into scratch memory with
//! their zero border; then position `p` of the band, counted along padded rows, meets tap
//! `(dy, dx)` at `p + dy * width + dx`. The sums at border positions are thrown away. For a stride
//! of 2 the scratch holds even and odd rows and columns apart, so that steps are 1 again.

#![allow(unsafe_code)]
#![allow(clippy::inline_always, reason = "see `simd`")]

use super::Isa;
use super::gemm::{Finish, Multiplicand, Operand, Product, STRIP, Tile, convert, with_factors};
use super::linear::{End, product};
use super::pool::{Shared, parallel_for};
use super::simd::{Kernel, LANES, Simd, SimdElement, Vector, dispatch};
use super::winograd;
use crate::buffer::Buffer;
use crate::dtype::with_element;
use crate::ops::{Activation, Conv};
use crate::packed::{PANEL, Panels, SLICE};
use crate::{ConvWeight, Element, Precision, Tensor};

/// Scratch memory of a chunk stays below about this, within the second cache.
const BAND_BYTES: usize = 512 << 10;

pub(super) fn conv(isa: Isa, x: &Tensor, weight: &ConvWeight, options: &Conv) -> Tensor {
    let dims = options.result_dims(x, weight);
    with_element!(x.dtype(), T => Tensor::build(&dims, |out: &mut [T]| {
        let out = Shared::new(out);
        let bias = options.bias.map(Tensor::as_f32);
        let residual = options.residual.map(Tensor::as_slice::<T>);
        let clip = Clip {
            frames: x.as_slice::<T>(),
            past: options.past.map_or(&[], Tensor::as_slice::<T>),
            shape: x.dims(),
        };
        let end = Pixels { out, size: dims, bias, residual, relu: options.relu };
        if winograd::suits(isa, weight, options, dims) {
            return winograd::conv(isa, clip, weight, options, end);
        }
        let panels = weight.panels();
        if weight.kernel() == 1 && weight.frames() == 1 && options.stride == 1 {
            let activation = if options.relu { Activation::Relu } else { Activation::None };
            // The activation comes after the residual, which `End` adds last.
            if residual.is_none() || !options.relu {
                let end = End {
                    out, columns: dims[3], swiglu: false, bias, activation, residual, gate: None,
                    first_row: 0,
                    symmetric: false,
                };
                return product(isa, x, panels, &end);
            }
        }
        let grid = Grid::new(weight, options, [dims[1], dims[2]]);
        let job = Job { clip, grid, panels, end };
        with_factors!(isa, panels.precision(), A, B => job.run::<A, B>(isa));
    }))
}

/// Frames and those before the first.
#[derive(Clone, Copy)]
pub(super) struct Clip<'a, T> {
    frames: &'a [T],
    /// Oldest first.
    past: &'a [T],
    /// `[t, h, w, c]`.
    pub(super) shape: [usize; 4],
}

impl<T> Clip<'_, T> {
    /// The frame `back` before `frame`; none where the past does not reach.
    #[inline(always)]
    pub(super) fn frame(&self, frame: usize, back: usize) -> Option<&[T]> {
        let len = self.shape[1] * self.shape[2] * self.shape[3];
        if frame >= back {
            return Some(&self.frames[(frame - back) * len..][..len]);
        }
        let first = self.past.len().checked_sub((back - frame) * len)?;
        Some(&self.past[first..first + len])
    }
}

/// The geometry of the scratch memory.
struct Grid {
    kernel: usize,
    stride: usize,
    /// Frames that an output sees.
    depth: usize,
    channels: usize,
    /// Even and odd parts along an axis.
    planes: usize,
    /// Rows above and columns to the left of a frame that are zero.
    before: usize,
    /// Border columns and rows of a plane.
    border: usize,
    /// Height and width of the output.
    out: [usize; 2],
}

impl Grid {
    fn new(weight: &ConvWeight, options: &Conv, out: [usize; 2]) -> Self {
        let (kernel, stride) = (weight.kernel(), options.stride);
        Self {
            kernel,
            stride,
            depth: weight.frames(),
            channels: weight.padded_channels(),
            planes: if kernel == 1 { 1 } else { stride },
            before: options.border_before(kernel),
            border: (kernel - 1) / stride,
            out,
        }
    }

    /// Positions along a row of a plane.
    fn width(&self) -> usize {
        self.out[1] + self.border
    }

    /// Elements of a plane for a band of `rows`.
    fn plane(&self, rows: usize) -> usize {
        (rows + self.border) * self.width() * self.channels
    }

    /// Elements of the scratch memory, with what the last strip reads beyond its positions.
    fn len(&self, rows: usize) -> usize {
        let planes = self.depth * self.planes * self.planes;
        planes * self.plane(rows) + (STRIP + self.border) * self.channels
    }

    /// Rows of a band.
    fn band(&self, element_bytes: usize) -> usize {
        let row = self.len(1) * element_bytes / (1 + self.border);
        (BAND_BYTES / row).clamp(1, self.out[0].div_ceil(2).max(1))
    }

    /// Where each slice of the packed weight's depth lies, from a position.
    fn offsets(&self, rows: usize) -> Vec<usize> {
        let taps = self.kernel * self.kernel;
        let mut offsets = Vec::with_capacity(self.depth * taps * self.channels / SLICE);
        for tap in 0..self.depth * taps {
            let (frame, dy, dx) = (tap / taps, tap % taps / self.kernel, tap % self.kernel);
            let plane = (dy % self.planes) * self.planes + dx % self.planes;
            let plane = frame * self.planes * self.planes + plane;
            let position = dy / self.planes * self.width() + dx / self.planes;
            let start = plane * self.plane(rows) + position * self.channels;
            offsets.extend((0..self.channels / SLICE).map(|i| start + i * SLICE));
        }
        offsets
    }
}

struct Job<'a, T> {
    clip: Clip<'a, T>,
    grid: Grid,
    panels: &'a Panels,
    end: Pixels<'a, T>,
}

impl<T: SimdElement> Job<'_, T> {
    fn run<A: Multiplicand<B>, B: Element>(&self, isa: Isa) {
        let band = self.grid.band(size_of::<A>());
        let bands = self.grid.out[0].div_ceil(band);
        let offsets = self.grid.offsets(band);
        parallel_for(self.clip.shape[0] * bands, |chunk| {
            let (frame, row) = (chunk / bands, chunk % bands * band);
            let mut scratch = Buffer::arbitrary(self.grid.len(band) * size_of::<A>());
            dispatch(
                isa,
                Band {
                    job: self,
                    panels: self.panels.as_slice::<B>(),
                    frame,
                    row,
                    rows: band.min(self.grid.out[0] - row),
                    full: band,
                    offsets: &offsets,
                    scratch: &mut scratch.as_mut_slice::<A>()[..self.grid.len(band)],
                },
            );
        });
    }
}

/// One chunk: some rows of one frame.
struct Band<'a, T, A, B> {
    job: &'a Job<'a, T>,
    panels: &'a [B],
    frame: usize,
    row: usize,
    rows: usize,
    /// Rows of a whole band, which the scratch memory is laid out for.
    full: usize,
    offsets: &'a [usize],
    scratch: &'a mut [A],
}

impl<T: SimdElement, A: Multiplicand<B>, B: Element> Kernel for Band<'_, T, A, B> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        self.gather(s);
        let grid = &self.job.grid;
        let a = Operand {
            data: &*self.scratch,
            row_stride: grid.channels,
            tile_stride: 16 * grid.channels,
            offsets: self.offsets,
        };
        let (rows, panels) = (self.rows * grid.width(), self.panels);
        let range = 0..self.job.panels.columns / PANEL;
        let finish = Positions {
            end: self.job.end,
            frame: self.frame,
            row: self.row,
            width: grid.width(),
        };
        Product {
            a,
            rows,
            panels,
            range,
            finish,
        }
        .run(s);
    }
}

impl<T: SimdElement, A: Multiplicand<B>, B: Element> Band<'_, T, A, B> {
    /// Copies the band's input with its border.
    #[inline(always)]
    fn gather<S: Simd>(&mut self, s: S) {
        let (job, grid) = (self.job, &self.job.grid);
        let [_, h, w, c] = job.clip.shape;
        let line = grid.width() * grid.channels;
        for plane in 0..grid.depth * grid.planes * grid.planes {
            let frame = job
                .clip
                .frame(self.frame, plane / grid.planes / grid.planes);
            let py = plane / grid.planes % grid.planes;
            let px = plane % grid.planes;
            for j in 0..self.rows + grid.border {
                let y = (grid.stride * (self.row + j) + py).checked_sub(grid.before);
                let source = match (frame, y.filter(|&y| y < h)) {
                    (Some(frame), Some(y)) => Some(&frame[y * w * c..(y + 1) * w * c]),
                    _ => None,
                };
                let start = plane * grid.plane(self.full) + j * line;
                let out = &mut self.scratch[start..start + line];
                match source {
                    Some(source) => gather_line(s, job, source, out, px),
                    None => out.fill(A::default()),
                }
            }
        }
    }
}

/// Copies one row of pixels with its border columns.
#[inline(always)]
fn gather_line<S: Simd, T: SimdElement, A: SimdElement>(
    s: S,
    job: &Job<T>,
    source: &[T],
    out: &mut [A],
    px: usize,
) {
    let (grid, [_, _, w, c]) = (&job.grid, job.clip.shape);
    let round = job.panels.precision() == Precision::Bf16;
    if grid.stride == 1 && c == grid.channels {
        let (left, rest) = out.split_at_mut(grid.before * c);
        let (middle, right) = rest.split_at_mut(source.len());
        left.fill(A::default());
        right.fill(A::default());
        return convert(s, source, middle, round);
    }
    for (i, out) in out.chunks_exact_mut(grid.channels).enumerate() {
        let x = (grid.stride * i + px).checked_sub(grid.before);
        match x.filter(|&x| x < w) {
            Some(x) => {
                convert(s, &source[x * c..(x + 1) * c], &mut out[..c], round);
                out[c..].fill(A::default());
            }
            None => out.fill(A::default()),
        }
    }
}

/// Bias, residual and relu of each pixel.
#[derive(Clone, Copy)]
pub(super) struct Pixels<'a, T> {
    out: Shared<'a, T>,
    /// `[t, h, w, c]` of the output.
    pub(super) size: [usize; 4],
    bias: Option<&'a [f32]>,
    residual: Option<&'a [T]>,
    relu: bool,
}

impl<T: SimdElement> Pixels<'_, T> {
    /// Of sixteen channels from `column`.
    #[inline(always)]
    pub(super) fn bias<S: Simd>(&self, s: S, column: usize) -> S::V {
        match self.bias {
            Some(bias) => f32::load_some(s, &bias[column..bias.len().min(column + LANES)]),
            None => s.splat(0.0),
        }
    }

    /// Stores sixteen channels from `column`, whose sums have their bias.
    ///
    /// # Safety
    /// No other thread stores them.
    #[inline(always)]
    pub(super) unsafe fn store<S: Simd>(
        &self,
        s: S,
        [frame, y, x]: [usize; 3],
        column: usize,
        mut sum: S::V,
    ) {
        let [_, h, w, channels] = self.size;
        let at = ((frame * h + y) * w + x) * channels + column;
        let range = at..at + LANES.min(channels - column);
        if let Some(residual) = self.residual {
            sum = sum + T::load_some(s, &residual[range.clone()]);
        }
        if self.relu {
            sum = sum.max(s.splat(0.0));
        }
        // SAFETY: as the caller promises.
        T::store_some(sum, unsafe { self.out.part(range) });
    }
}

/// The positions of a band that are not border.
struct Positions<'a, T> {
    end: Pixels<'a, T>,
    frame: usize,
    row: usize,
    /// Positions along a row, border included.
    width: usize,
}

impl<T: SimdElement> Finish for Positions<'_, T> {
    #[inline(always)]
    fn tile<S: Simd>(&self, s: S, sums: &Tile, first_row: usize, rows: usize, panel: usize) {
        for half in 0..PANEL / LANES {
            let column = panel * PANEL + half * LANES;
            if column < self.end.size[3] {
                self.half(s, &sums.0[..rows], first_row, half, column);
            }
        }
    }
}

impl<T: SimdElement> Positions<'_, T> {
    /// Sixteen channels from `column`, which lie in one half of each row of sums.
    #[inline(always)]
    fn half<S: Simd>(
        &self,
        s: S,
        sums: &[[f32; PANEL]],
        first_row: usize,
        half: usize,
        column: usize,
    ) {
        let bias = self.end.bias(s, column);
        let (mut y, mut x) = (first_row / self.width, first_row % self.width);
        for sums in sums {
            if x < self.end.size[2] {
                let sum = s.load(&sums.as_chunks().0[half]) + bias;
                let place = [self.frame, self.row + y, x];
                // SAFETY: each pixel belongs to one band.
                unsafe { self.end.store(s, place, column, sum) };
            }
            x += 1;
            if x == self.width {
                (y, x) = (y + 1, 0);
            }
        }
    }
}
