//! Back through attention: a head at a time, strips of 32 queries against all keys.
//!
//! All scores of a strip are computed again from the kept log of their sum. They stand transposed,
//! a row for each key, so that probabilities and their gradients are left factors as they come.
//! Operands in bf16 are multiplied as such where the processor can, all others in f32.
//!
//! Reference: Dao et al., arXiv 2205.14135, algorithm 4.

#![allow(unsafe_code)]
#![allow(clippy::inline_always, reason = "see `simd`")]

use std::ops::Range;

use crate::cpu::Isa;
use crate::cpu::gemm::{Multiplicand, Operand, STRIP, Sums};
use crate::cpu::pack::pack_columns;
use crate::cpu::pool::{Shared, parallel_for};
use crate::cpu::simd::{Kernel, LANES, Math, Simd, SimdElement, dispatch};
use crate::ops::{AttentionForward, length};
use crate::packed::{PANEL, SLICE, pack_rows, place};
use crate::{DType, Element, Tensor};

pub(in crate::cpu) fn attention(
    isa: Isa,
    forward: &AttentionForward,
    gradient: &Tensor,
) -> [Tensor; 3] {
    match (isa, forward.q.dtype()) {
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx512Bf16 | Isa::Amx, DType::Bf16) => back::<half::bf16>(isa, forward, gradient),
        _ => back::<f32>(isa, forward, gradient),
    }
}

fn back<E: Multiplicand<E>>(
    isa: Isa,
    forward: &AttentionForward,
    gradient: &Tensor,
) -> [Tensor; 3] {
    let AttentionForward { q, k, v, out, .. } = *forward;
    let [b, h, n, d] = q.dims();
    let [_, _, m, _] = k.dims();
    let [queries, keys, values, out, gradient] =
        [q, k, v, out, gradient].map(|x| x.to_dtype(E::DTYPE));
    let results = Tensor::build_all([q, k, v].map(Tensor::shape), |results| {
        let [dq, dk, dv] = results.map(Shared::<E>::new);
        parallel_for(b * h, |head| {
            let key = head * m * d..(head + 1) * m * d;
            let query = head * n * d..(head + 1) * n * d;
            // SAFETY: each head has parts of its own.
            let [dq, dk, dv] = unsafe {
                [
                    dq.part(query.clone()),
                    dk.part(key.clone()),
                    dv.part(key.clone()),
                ]
            };
            let head = Head {
                size: Size { h, n, d },
                length: length(forward.lengths, head, h, m),
                scale: forward.scale,
                first: (head / h * n * h + head % h) * d,
                queries: &queries.as_slice::<E>()[query],
                keys: &keys.as_slice::<E>()[key.clone()],
                values: &values.as_slice::<E>()[key],
                sums: &forward.sums.as_f32()[head * n..(head + 1) * n],
                out: out.as_slice(),
                gradient: gradient.as_slice(),
            };
            dispatch(isa, Back { head, dq, dk, dv });
        });
    });
    let [dq, dk, dv] = results;
    [(dq, q), (dk, k), (dv, v)].map(|(result, x)| result.to_dtype(x.dtype()))
}

#[derive(Clone, Copy)]
struct Size {
    h: usize,
    n: usize,
    d: usize,
}

/// One head of one batch entry.
#[derive(Clone, Copy)]
struct Head<'a, E> {
    size: Size,
    /// Keys that are looked at.
    length: usize,
    scale: f32,
    /// Where the head begins in `out` and `gradient`, whose positions are `h d` apart.
    first: usize,
    queries: &'a [E],
    keys: &'a [E],
    values: &'a [E],
    sums: &'a [f32],
    out: &'a [E],
    gradient: &'a [E],
}

struct Back<'a, E> {
    head: Head<'a, E>,
    dq: &'a mut [E],
    dk: &'a mut [E],
    dv: &'a mut [E],
}

/// A matrix as tiles of a left factor, with zeros up to whole strips and slices.
struct Left<E> {
    data: Vec<E>,
    /// Slices of a row.
    slices: usize,
}

impl<E: Element> Left<E> {
    fn zeros(rows: usize, depth: usize) -> Self {
        let [padded, slices] = [rows.next_multiple_of(STRIP), depth.div_ceil(SLICE)];
        Self {
            data: vec![E::default(); padded * slices * SLICE],
            slices,
        }
    }

    /// Where slice `i` of row `r` begins.
    fn start(&self, r: usize, i: usize) -> usize {
        ((r / 16 * self.slices + i) * 16 + r % 16) * SLICE
    }

    /// The first rows, `d` elements each.
    fn of_rows(matrix: &[E], rows: usize, d: usize) -> Self {
        let mut left = Self::zeros(rows, d);
        for (r, row) in matrix.chunks_exact(d).take(rows).enumerate() {
            for (i, part) in row.chunks(SLICE).enumerate() {
                let start = left.start(r, i);
                left.data[start..start + part.len()].copy_from_slice(part);
            }
        }
        left
    }

    /// The columns of the first rows.
    fn of_columns(matrix: &[E], rows: usize, d: usize) -> Self {
        let mut left = Self::zeros(d, rows);
        for (k, row) in matrix.chunks_exact(d).take(rows).enumerate() {
            for (c, &x) in row.iter().enumerate() {
                let start = left.start(c, k / SLICE);
                left.data[start + k % SLICE] = x;
            }
        }
        left
    }

    fn operand<'a>(&'a self, offsets: &'a [usize]) -> Operand<'a, E> {
        Operand {
            data: &self.data,
            row_stride: SLICE,
            tile_stride: self.slices * SLICE * 16,
            offsets: &offsets[..self.slices],
        }
    }
}

/// Some queries, filled up to a strip, and the gradients of their results.
struct Strip<E> {
    /// Both `[32, d]`, zeros where there is no query.
    matrices: [Vec<E>; 2],
    /// What the scores' exponents lose, in powers of two.
    sums: [f32; STRIP],
    /// The mean of a query's probability gradients.
    means: [f32; STRIP],
}

impl<E: Element> Strip<E> {
    fn new(head: &Head<E>, rows: Range<usize>) -> Self {
        let Size { h, d, .. } = head.size;
        let mut matrices = [(); 2].map(|()| vec![E::default(); STRIP * d]);
        let (mut sums, mut means) = ([0.0; STRIP], [0.0; STRIP]);
        for (r, row) in rows.enumerate() {
            let at = head.first + row * h * d;
            let (out, gradient) = (&head.out[at..at + d], &head.gradient[at..at + d]);
            matrices[0][r * d..(r + 1) * d].copy_from_slice(&head.queries[row * d..(row + 1) * d]);
            matrices[1][r * d..(r + 1) * d].copy_from_slice(gradient);
            sums[r] = head.sums[row] * std::f32::consts::LOG2_E;
            let products = out.iter().zip(gradient);
            means[r] = products.map(|(x, y)| x.to_f32() * y.to_f32()).sum();
        }
        Self {
            matrices,
            sums,
            means,
        }
    }

    /// Both matrices packed by rows and by columns.
    #[inline(always)]
    fn pack<S: Simd>(&self, s: S, d: usize, packed: &mut Packed<E>)
    where
        E: Multiplicand<E>,
    {
        let Packed {
            by_rows,
            by_columns,
        } = packed;
        for (i, matrix) in self.matrices.iter().enumerate() {
            pack_rows(matrix, d, &mut by_rows[i]);
            pack_columns(s, matrix, d, 0..d, &mut by_columns[i]);
        }
    }
}

/// Panels of a strip's queries, and of its gradients.
struct Packed<E> {
    by_rows: [Vec<E>; 2],
    by_columns: [Vec<E>; 2],
}

/// Probabilities of a strip and gradients of its scores, as factors.
struct Factors<E> {
    /// Rows of keys.
    probabilities: Vec<E>,
    slopes: Vec<E>,
    /// The slopes as panels whose outputs are queries.
    panel: Vec<E>,
}

impl<E: Multiplicand<E>> Kernel for Back<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Head {
            size: Size { n, d, .. },
            length: m,
            scale,
            keys,
            values,
            ..
        } = self.head;
        let machine = E::machine(s);
        let depth = d.next_multiple_of(SLICE);
        let padded = m.next_multiple_of(STRIP);
        let slices = depth.max(padded) / SLICE;
        let offsets: Vec<usize> = (0..slices).map(|i| i * 16 * SLICE).collect();
        let [key_rows, value_rows] = [keys, values].map(|matrix| Left::of_rows(matrix, m, d));
        let key_columns = Left::of_columns(keys, m, d);
        let zeros = |len: usize| vec![E::default(); len];
        let mut packed = Packed {
            by_rows: [(); 2].map(|()| zeros(STRIP * depth)),
            by_columns: [(); 2].map(|()| zeros(STRIP * depth)),
        };
        let mut factors = Factors {
            probabilities: zeros(padded * STRIP),
            slopes: zeros(padded * STRIP),
            panel: zeros(padded * STRIP),
        };
        // Rows of keys: scores, and gradients of probabilities, of a strip.
        let mut scores = vec![0.0; padded * STRIP];
        let mut gains = vec![0.0; padded * STRIP];
        let mut turned = vec![0.0; depth * STRIP];
        let mut sums = [vec![0.0; padded * depth], vec![0.0; padded * depth]];
        for first in (0..n).step_by(STRIP) {
            let rows = first..n.min(first + STRIP);
            let strip = Strip::new(&self.head, rows.clone());
            strip.pack(s, d, &mut packed);
            let multiply = Multiply {
                s,
                machine: &machine,
            };
            let [queries, gradients] = &packed.by_rows;
            multiply.run(
                key_rows.operand(&offsets),
                queries,
                &mut scores,
                STRIP,
                false,
            );
            multiply.run(
                value_rows.operand(&offsets),
                gradients,
                &mut gains,
                STRIP,
                false,
            );
            factors.fill(s, &strip, scale, m, &scores, &gains);

            let [queries, gradients] = &packed.by_columns;
            let [dk, dv] = &mut sums;
            let [slopes, probabilities] = [&factors.slopes, &factors.probabilities];
            multiply.run(strip_of(slopes, &offsets), queries, dk, depth, true);
            multiply.run(
                strip_of(probabilities, &offsets),
                gradients,
                dv,
                depth,
                true,
            );
            multiply.run(
                key_columns.operand(&offsets),
                &factors.panel,
                &mut turned,
                STRIP,
                false,
            );
            for (r, row) in rows.enumerate() {
                for (c, dq) in self.dq[row * d..(row + 1) * d].iter_mut().enumerate() {
                    *dq = E::from_f32(turned[c * STRIP + r]);
                }
            }
        }
        for (sums, out) in sums.iter().zip([self.dk, self.dv]) {
            out[m * d..].fill(E::default());
            for (sums, out) in sums.chunks_exact(depth).zip(out.chunks_exact_mut(d)) {
                for (sums, out) in sums.chunks(LANES).zip(out.chunks_mut(LANES)) {
                    E::store_some(f32::load_some(s, sums), out);
                }
            }
        }
    }
}

/// A matrix of rows of 32 as a left factor.
fn strip_of<'a, E>(matrix: &'a [E], offsets: &'a [usize]) -> Operand<'a, E> {
    Operand {
        data: matrix,
        row_stride: SLICE,
        tile_stride: 16 * SLICE,
        offsets: &offsets[..1],
    }
}

struct Multiply<'a, S, E: Multiplicand<E>> {
    s: S,
    machine: &'a E::Machine,
}

impl<S: Simd, E: Multiplicand<E>> Multiply<'_, S, E> {
    /// All strips of a left factor times all panels, into rows of `stride`.
    #[inline(always)]
    fn run(&self, left: Operand<E>, panels: &[E], out: &mut [f32], stride: usize, keep: bool) {
        let panel = left.offsets.len() * SLICE * PANEL;
        for first in (0..out.len() / stride).step_by(STRIP) {
            for (i, panel) in panels.chunks_exact(panel).enumerate() {
                let mut sums = Sums {
                    data: &mut out[first * stride + i * PANEL..],
                    stride,
                    keep,
                };
                E::multiply(self.s, self.machine, &left, first, panel, &mut sums);
            }
        }
    }
}

impl<E: Multiplicand<E>> Factors<E> {
    /// From the scores of a strip, and the gradients of its probabilities; zeros from key `m` on.
    #[inline(always)]
    fn fill<S: Simd>(
        &mut self,
        s: S,
        strip: &Strip<E>,
        scale: f32,
        m: usize,
        scores: &[f32],
        gains: &[f32],
    ) {
        let depth = scores.len() / STRIP;
        let factor = s.splat(scale * std::f32::consts::LOG2_E);
        let (sums, means) = (strip.sums.as_chunks().0, strip.means.as_chunks().0);
        let (scores, gains) = (scores.as_chunks::<LANES>().0, gains.as_chunks::<LANES>().0);
        for key in (0..depth).step_by(2) {
            for half in 0..STRIP / LANES {
                let mut slopes = [s.splat(0.0); 2];
                for (i, slope) in slopes.iter_mut().enumerate() {
                    let row = (key + i) * STRIP / LANES + half;
                    let mut p = s.splat(0.0);
                    if key + i < m {
                        p = s.exp2(s.load(&scores[row]) * factor - s.load(&sums[half]));
                        *slope = p * (s.load(&gains[row]) - s.load(&means[half])) * s.splat(scale);
                    }
                    let at = row * LANES..(row + 1) * LANES;
                    E::store_some(p, &mut self.probabilities[at.clone()]);
                    E::store_some(*slope, &mut self.slopes[at]);
                }
                let panel = &mut self.panel[place::<E>(depth, half * LANES, key)..];
                E::store_inputs(slopes[0], slopes[1], panel);
            }
        }
    }
}
