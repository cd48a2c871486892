//! `linear`: rows packed into tiles, multiplied by panels, finished in place.

#![allow(unsafe_code)]
#![allow(clippy::inline_always, reason = "see `simd`")]

use std::ops::Range;

use super::Isa;
use super::gemm::{Finish, Multiplicand, Operand, Product, Tile, convert, with_factors};
use super::pool::{Shared, parallel_for};
use super::simd::{Kernel, LANES, Math, Simd, SimdElement, Vector, dispatch};
use crate::buffer::Buffer;
use crate::dtype::with_element;
use crate::ops::{Activation, Epilogue};
use crate::packed::{PANEL, Panels, SLICE};
use crate::{Element, PackedWeight, Precision, Tensor};

/// Rows that a chunk packs at once; with the model's widths they stay in the second cache.
const BLOCK: usize = 64;
/// Few rows are shared among about this many chunks of panels.
const CHUNKS: usize = 8;

pub(super) fn linear(isa: Isa, x: &Tensor, weight: &PackedWeight, epilogue: &Epilogue) -> Tensor {
    let [n, _] = weight.dims();
    let mut dims = x.shape().to_vec();
    *dims.last_mut().expect("at least one axis") = n;
    let dtype = epilogue.dtype.unwrap_or(x.dtype());
    let panels = weight.panels();
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
        };
        product(isa, x, panels, &finish);
    }))
}

/// `x` times `panels`, each row finished by `end`.
pub(super) fn product<O: SimdElement>(isa: Isa, x: &Tensor, panels: &Panels, end: &End<O>) {
    with_element!(x.dtype(), T => {
        let x: (&[T], usize) = (x.as_slice(), x.last_dim());
        with_factors!(isa, panels.precision(), A, B => chunks::<T, A, B, O>(isa, x, panels, end));
    });
}

fn chunks<T: SimdElement, A: Multiplicand<B>, B: Element, O: SimdElement>(
    isa: Isa,
    (x, k): (&[T], usize),
    panels: &Panels,
    end: &End<O>,
) {
    let rows = x.len() / k.max(1);
    let count = panels.columns / PANEL;
    let blocks = rows.div_ceil(BLOCK);
    let groups = if blocks * 2 > CHUNKS {
        1
    } else {
        CHUNKS.div_ceil(blocks.max(1)).min(count)
    };
    let width = count.div_ceil(groups.max(1));
    let groups = count.div_ceil(width);
    let offsets: Vec<usize> = (0..panels.depth / SLICE).map(|i| i * 16 * SLICE).collect();
    parallel_for(blocks * groups, |chunk| {
        let (first, group) = (chunk / groups * BLOCK, chunk % groups);
        let rows = BLOCK.min(rows - first);
        let mut scratch = Buffer::arbitrary(BLOCK * panels.depth * size_of::<A>());
        dispatch(
            isa,
            Rows {
                x: &x[first * k..(first + rows) * k],
                k,
                panels: panels.as_slice::<B>(),
                round: panels.precision() == Precision::Bf16,
                range: group * width..count.min((group + 1) * width),
                offsets: &offsets,
                scratch: scratch.as_mut_slice::<A>(),
                end: End {
                    first_row: first,
                    ..*end
                },
            },
        );
    });
}

/// One chunk: some rows times some panels.
struct Rows<'a, T, A, B, O> {
    x: &'a [T],
    k: usize,
    panels: &'a [B],
    round: bool,
    range: Range<usize>,
    offsets: &'a [usize],
    scratch: &'a mut [A],
    end: End<'a, O>,
}

impl<T: SimdElement, A: Multiplicand<B>, B: Element, O: SimdElement> Kernel
    for Rows<'_, T, A, B, O>
{
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let rows = self.x.len() / self.k;
        let tile_stride = self.offsets.len() * SLICE * 16;
        for (r, row) in self.x.chunks_exact(self.k).enumerate() {
            for (source, offset) in row.chunks(SLICE).zip(self.offsets) {
                let start = r / 16 * tile_stride + r % 16 * SLICE + offset;
                let out = &mut self.scratch[start..start + SLICE];
                convert(s, source, out, self.round);
                out[source.len()..].fill(A::default());
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
