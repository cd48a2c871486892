//! `linear`: rows packed into tiles, multiplied by panels, finished in place.

#![allow(unsafe_code)]
#![allow(clippy::inline_always, reason = "see `simd`")]

use std::ops::Range;

use super::Isa;
use super::gemm::{Finish, Multiplicand, Operand, Product, STRIP, Tile, convert, with_factors};
use super::int8;
use super::pack::turn_columns;
use super::pool::{Shared, parallel_for, threads};
use super::simd::{Kernel, LANES, Math, Simd, SimdElement, Vector, dispatch};
use crate::buffer::Buffer;
use crate::dtype::with_element;
use crate::ops::{Activation, Epilogue};
use crate::packed::{Factor, PANEL, Panels, SLICE};
use crate::{Element, PackedWeight, Precision, Tensor};

/// The fewest and the most rows that a chunk packs at once. Few stay in the second cache; the more there
/// are, the less often a weight that is larger than it passes through.
const LEAST_BLOCK: usize = 64;
pub(super) const BLOCK: usize = 256;
/// Few rows are shared among about this many chunks of panels.
const CHUNKS: usize = 8;

/// The left factor of a product.
#[derive(Clone, Copy)]
struct Left<'a, T> {
    matrix: &'a [T],
    /// Elements of a row as it is stored.
    width: usize,
    /// Whether its columns are the rows of the product.
    turned: bool,
}

impl<T> Left<'_, T> {
    fn rows(&self) -> usize {
        if self.turned {
            self.width
        } else {
            self.matrix.len() / self.width.max(1)
        }
    }
}

pub(super) fn linear(isa: Isa, x: &Tensor, weight: &PackedWeight, epilogue: &Epilogue) -> Tensor {
    let [n, _] = weight.dims();
    let mut dims = x.shape().to_vec();
    *dims.last_mut().expect("at least one axis") = n;
    let dtype = epilogue.dtype.unwrap_or(x.dtype());
    with_element!(dtype, O => Tensor::build(&dims, |out: &mut [O]| {
        let finish = End::<O> {
            out: Shared::new(out),
            columns: n,
            swiglu: weight.is_swiglu(),
            bias: epilogue.bias.map(Tensor::as_f32),
            activation: epilogue.activation,
            residual: epilogue.residual.map(|residual| residual.x.as_slice()),
            gate: epilogue.residual.and_then(|r| r.gate).map(|(gate, rows)| (gate.as_f32(), rows)),
            first_row: 0,
            symmetric: epilogue.symmetric,
        };
        match weight.factor() {
            Factor::Numbers(panels) => product(isa, x, panels, &finish),
            Factor::Codes(codes) => int8::product(isa, x, codes, &finish),
        }
        if epilogue.symmetric {
            mirror(out, n);
        }
    }))
}

/// Fills the upper half of a symmetric matrix from its lower one, block by block.
fn mirror<T: Copy>(matrix: &mut [T], n: usize) {
    for first in (0..n).step_by(LANES) {
        for i in first + 1..n {
            for j in first..i.min(first + LANES) {
                matrix[j * n + i] = matrix[i * n + j];
            }
        }
    }
}

/// `x` times `panels`, each row finished by `end`.
pub(super) fn product<O: SimdElement>(isa: Isa, x: &Tensor, panels: &Panels, end: &End<O>) {
    with_element!(x.dtype(), T => {
        let x = Left { matrix: x.as_slice::<T>(), width: x.last_dim(), turned: false };
        with_factors!(isa, panels.precision(), A, B => chunks::<T, A, B, O>(isa, x, panels, end));
    });
}

/// Columns of `x` `[r, n]` times outputs of `y` `[k, r]`: F32 `[n, k]`.
pub(super) fn outer(isa: Isa, x: &Tensor, y: &PackedWeight) -> Tensor {
    let (n, [k, _]) = (x.last_dim(), y.dims());
    let panels = y.factor().numbers();
    Tensor::build(&[n, k], |out: &mut [f32]| {
        let end = End {
            out: Shared::new(out),
            columns: k,
            swiglu: false,
            bias: None,
            activation: Activation::None,
            residual: None,
            gate: None,
            first_row: 0,
            symmetric: false,
        };
        with_element!(x.dtype(), T => {
            let left = Left { matrix: x.as_slice::<T>(), width: n, turned: true };
            with_factors!(isa, panels.precision(), A, B => {
                chunks::<T, A, B, f32>(isa, left, panels, &end);
            });
        });
    })
}

/// Divides a product of `rows` and `count` panels among the threads: calls `work` with the rows, at most
/// [`BLOCK`], and the panels of each chunk.
pub(super) fn for_chunks(
    rows: usize,
    count: usize,
    work: impl Fn(Range<usize>, Range<usize>) + Sync,
) {
    // A few blocks for each thread, so that none waits long for the last one.
    let block = rows / (4 * threads()) / LEAST_BLOCK * LEAST_BLOCK;
    let block = block.clamp(LEAST_BLOCK, BLOCK);
    let blocks = rows.div_ceil(block);
    let groups = if blocks * 2 > CHUNKS {
        1
    } else {
        CHUNKS.div_ceil(blocks.max(1)).min(count)
    };
    let width = count.div_ceil(groups.max(1));
    let groups = count.div_ceil(width);
    parallel_for(blocks * groups, |chunk| {
        let (first, group) = (chunk / groups * block, chunk % groups);
        let panels = group * width..count.min((group + 1) * width);
        work(first..rows.min(first + block), panels);
    });
}

fn chunks<T: SimdElement, A: Multiplicand<B>, B: Element, O: SimdElement>(
    isa: Isa,
    left: Left<T>,
    panels: &Panels,
    end: &End<O>,
) {
    let offsets: Vec<usize> = (0..panels.depth / SLICE).map(|i| i * 16 * SLICE).collect();
    for_chunks(left.rows(), panels.columns / PANEL, |rows, mut range| {
        if end.symmetric {
            range.end = range.end.min(rows.end.div_ceil(PANEL)).max(range.start);
        }
        let first_row = rows.start;
        let mut scratch =
            Buffer::arbitrary(rows.len().next_multiple_of(STRIP) * panels.depth * size_of::<A>());
        dispatch(
            isa,
            Chunk {
                left,
                rows,
                panels: panels.as_slice::<B>(),
                round: panels.precision() == Precision::Bf16,
                range,
                offsets: &offsets,
                scratch: scratch.as_mut_slice::<A>(),
                end: End { first_row, ..*end },
            },
        );
    });
}

/// One chunk: some rows times some panels.
struct Chunk<'a, T, A, B, O> {
    left: Left<'a, T>,
    rows: Range<usize>,
    panels: &'a [B],
    round: bool,
    range: Range<usize>,
    offsets: &'a [usize],
    scratch: &'a mut [A],
    end: End<'a, O>,
}

impl<T: SimdElement, A: Multiplicand<B>, B: Element, O: SimdElement> Kernel
    for Chunk<'_, T, A, B, O>
{
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Left {
            matrix,
            width,
            turned,
        } = self.left;
        let tile_stride = self.offsets.len() * SLICE * 16;
        let rows = self.rows.len();
        if turned {
            turn_columns(s, matrix, width, self.rows, self.scratch, self.round);
        } else {
            let matrix = &matrix[self.rows.start * width..self.rows.end * width];
            for (r, row) in matrix.chunks_exact(width).enumerate() {
                for (source, offset) in row.chunks(SLICE).zip(self.offsets) {
                    let start = r / 16 * tile_stride + r % 16 * SLICE + offset;
                    let out = &mut self.scratch[start..start + SLICE];
                    convert(s, source, out, self.round);
                    out[source.len()..].fill(A::default());
                }
            }
        }
        let a = Operand {
            data: &*self.scratch,
            row_stride: SLICE,
            tile_stride,
            offsets: self.offsets,
        };
        let (panels, range, finish) = (self.panels, self.range, self.end);
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

/// Bias, activation, gate and residual.
#[derive(Clone, Copy)]
pub(super) struct End<'a, O> {
    pub(super) out: Shared<'a, O>,
    pub(super) columns: usize,
    pub(super) swiglu: bool,
    pub(super) bias: Option<&'a [f32]>,
    pub(super) activation: Activation,
    pub(super) residual: Option<&'a [O]>,
    pub(super) gate: Option<(&'a [f32], &'a [u32])>,
    pub(super) first_row: usize,
    /// Panels beyond a row's own are left out.
    pub(super) symmetric: bool,
}

impl<O: SimdElement> Finish for End<'_, O> {
    #[inline(always)]
    fn tile<S: Simd>(&self, s: S, sums: &Tile, first_row: usize, rows: usize, panel: usize) {
        let (first, sums) = (self.first_row + first_row, &sums.0[..rows]);
        if self.swiglu {
            self.half(s, first, panel * LANES, sums, 0);
        } else {
            for half in 0..PANEL / LANES {
                let column = panel * PANEL + half * LANES;
                self.half(s, first, column, sums, half);
            }
        }
    }
}

impl<O: SimdElement> End<'_, O> {
    /// Sixteen columns of the result from `column`, which lie in one half of each row of sums.
    #[inline(always)]
    fn half<S: Simd>(&self, s: S, first: usize, column: usize, sums: &[[f32; PANEL]], half: usize) {
        if column >= self.columns {
            return;
        }
        let width = LANES.min(self.columns - column);
        let bias = match self.bias {
            Some(bias) => f32::load_some(s, &bias[column..column + width]),
            None => s.splat(0.0),
        };
        for (row, sums) in (first..).zip(sums) {
            let halves = sums.as_chunks().0;
            let mut y = s.load(&halves[half]) + bias;
            if self.swiglu {
                y = s.silu(y) * s.load(&halves[1]);
            }
            y = match self.activation {
                Activation::None => y,
                Activation::Relu => y.max(s.splat(0.0)),
                Activation::Silu => s.silu(y),
                Activation::Gelu => s.gelu(y),
            };
            if let Some((table, rows)) = self.gate {
                let at = rows[row] as usize * self.columns + column;
                y = y * f32::load_some(s, &table[at..at + width]);
            }
            let at = row * self.columns + column;
            if let Some(residual) = self.residual {
                y = y + O::load_some(s, &residual[at..at + width]);
            }
            // SAFETY: each row and panel belongs to one chunk.
            O::store_some(y, unsafe { self.out.part(at..at + width) });
        }
    }
}
