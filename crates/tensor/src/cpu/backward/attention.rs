//! Back through attention: a head at a time, strips of 32 queries against all keys.
//!
//! All scores of a strip are computed again from the kept log of their sum. They stand transposed,
//! a row for each key, so that probabilities and their gradients are left factors as they come.
//! Everything is f32, also for operands in bf16.
//!
//! Reference: Dao et al., arXiv 2205.14135, algorithm 4.

#![allow(unsafe_code)]
#![allow(clippy::inline_always, reason = "see `simd`")]

use std::ops::Range;

use crate::buffer::Buffer;
use crate::cpu::Isa;
use crate::cpu::gemm::{Multiplicand, Operand, STRIP, Sums};
use crate::cpu::pool::{Shared, parallel_for};
use crate::cpu::simd::{Kernel, LANES, Math, Simd, Vector, dispatch};
use crate::ops::{AttentionForward, length};
use crate::packed::{PANEL, SLICE, pack_columns, pack_rows};
use crate::{DType, Tensor};

pub(in crate::cpu) fn attention(
    isa: Isa,
    forward: &AttentionForward,
    gradient: &Tensor,
) -> [Tensor; 3] {
    let AttentionForward { q, k, v, out, .. } = *forward;
    let [b, h, n, d] = q.dims();
    let [_, _, m, _] = k.dims();
    let [queries, keys, values, out, gradient] =
        [q, k, v, out, gradient].map(|x| x.to_dtype(DType::F32));
    let mut results = [q, k, v].map(|x| Buffer::arbitrary(x.len() * size_of::<f32>()));
    {
        let [dq, dk, dv] = results
            .each_mut()
            .map(|buffer| Shared::new(buffer.as_mut_slice::<f32>()));
        let size = Size { h, n, d };
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
                size,
                length: length(forward.lengths, head, h, m),
                scale: forward.scale,
                first: (head / h * n * h + head % h) * d,
                queries: &queries.as_f32()[query],
                keys: &keys.as_f32()[key.clone()],
                values: &values.as_f32()[key],
                sums: &forward.sums.as_f32()[head * n..(head + 1) * n],
                out: out.as_f32(),
                gradient: gradient.as_f32(),
            };
            dispatch(isa, Back { head, dq, dk, dv });
        });
    }
    let [dq, dk, dv] = results;
    [(dq, q), (dk, k), (dv, v)].map(|(values, x)| {
        Tensor::build(x.shape(), |out: &mut [f32]| {
            out.copy_from_slice(&values.as_slice::<f32>()[..out.len()]);
        })
        .to_dtype(x.dtype())
    })
}

#[derive(Clone, Copy)]
struct Size {
    h: usize,
    n: usize,
    d: usize,
}

/// One head of one batch entry.
#[derive(Clone, Copy)]
struct Head<'a> {
    size: Size,
    /// Keys that are looked at.
    length: usize,
    scale: f32,
    /// Where the head begins in `out` and `gradient`, whose positions are `h d` apart.
    first: usize,
    queries: &'a [f32],
    keys: &'a [f32],
    values: &'a [f32],
    sums: &'a [f32],
    out: &'a [f32],
    gradient: &'a [f32],
}

struct Back<'a> {
    head: Head<'a>,
    dq: &'a mut [f32],
    dk: &'a mut [f32],
    dv: &'a mut [f32],
}

/// Rows of a matrix as tiles of a left factor, `depth` elements each, and zeros up to whole strips.
struct Left {
    data: Buffer,
    depth: usize,
}

impl Left {
    fn new(rows: usize, depth: usize, value: impl Fn(usize, usize) -> f32) -> Self {
        let [padded, slices] = [rows.next_multiple_of(STRIP), depth.div_ceil(SLICE)];
        let mut data = Buffer::arbitrary(padded * slices * SLICE * size_of::<f32>());
        let tiles = &mut data.as_mut_slice::<f32>()[..padded * slices * SLICE];
        tiles.fill(0.0);
        for (r, row) in (0..rows).map(|r| (r, r / 16 * slices * 16 + r % 16)) {
            for c in 0..depth {
                tiles[(row + c / SLICE * 16) * SLICE + c % SLICE] = value(r, c);
            }
        }
        Self {
            data,
            depth: slices * SLICE,
        }
    }

    fn operand<'a>(&'a self, offsets: &'a [usize]) -> Operand<'a, f32> {
        Operand {
            data: self.data.as_slice(),
            row_stride: SLICE,
            tile_stride: self.depth * 16,
            offsets: &offsets[..self.depth / SLICE],
        }
    }
}

/// Some queries, padded to a strip.
struct Strip {
    /// `[32][d]` with zeros, packed by rows and by columns: queries, then gradients.
    by_rows: [Vec<f32>; 2],
    by_columns: [Vec<f32>; 2],
    /// What the scores' exponents lose, in powers of two.
    sums: [f32; STRIP],
    /// The mean of a query's probability gradients.
    means: [f32; STRIP],
}

impl Strip {
    fn new(head: &Head, rows: Range<usize>) -> Self {
        let Size { h, d, .. } = head.size;
        let depth = d.next_multiple_of(SLICE);
        let mut matrices = [vec![0.0; STRIP * d], vec![0.0; STRIP * d]];
        let (mut sums, mut means) = ([0.0; STRIP], [0.0; STRIP]);
        for (r, row) in rows.enumerate() {
            let at = head.first + row * h * d;
            let (out, gradient) = (&head.out[at..at + d], &head.gradient[at..at + d]);
            matrices[0][r * d..(r + 1) * d].copy_from_slice(&head.queries[row * d..(row + 1) * d]);
            matrices[1][r * d..(r + 1) * d].copy_from_slice(gradient);
            sums[r] = head.sums[row] * std::f32::consts::LOG2_E;
            means[r] = out.iter().zip(gradient).map(|(x, y)| x * y).sum();
        }
        let packed = |columns: bool| {
            matrices.each_ref().map(|matrix| {
                let mut out = vec![0.0; STRIP * depth];
                if columns {
                    pack_columns(matrix, STRIP, 0..d, &mut out);
                } else {
                    pack_rows(matrix, d, &mut out);
                }
                out
            })
        };
        Self {
            by_rows: packed(false),
            by_columns: packed(true),
            sums,
            means,
        }
    }
}

impl Kernel for Back<'_> {
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
        let depth = d.next_multiple_of(SLICE);
        let padded = m.next_multiple_of(STRIP);
        let slices = depth.max(padded) / SLICE;
        let offsets: Vec<usize> = (0..slices).map(|i| i * 16 * SLICE).collect();
        let [key_rows, value_rows] =
            [keys, values].map(|matrix| Left::new(m, d, |r, c| matrix[r * d + c]));
        let key_columns = Left::new(d, m, |r, c| keys[c * d + r]);
        // Rows of keys: probabilities, and gradients of scores, of a strip.
        let mut weights = vec![0.0; padded * STRIP];
        let mut scores = vec![0.0; padded * STRIP];
        let mut turned = vec![0.0; depth * STRIP];
        let mut sums = [vec![0.0; padded * depth], vec![0.0; padded * depth]];
        for first in (0..n).step_by(STRIP) {
            let rows = first..n.min(first + STRIP);
            let strip = Strip::new(&self.head, rows.clone());
            let [queries, gradients] = &strip.by_rows;
            product(
                s,
                key_rows.operand(&offsets),
                queries,
                &mut weights,
                STRIP,
                false,
            );
            product(
                s,
                value_rows.operand(&offsets),
                gradients,
                &mut scores,
                STRIP,
                false,
            );
            probabilities(s, &strip, scale, &mut weights, &mut scores);
            // The products below meet no key beyond the last.
            weights[m * STRIP..].fill(0.0);
            scores[m * STRIP..].fill(0.0);

            let [queries, gradients] = &strip.by_columns;
            let [dk, dv] = &mut sums;
            product(s, strip_of(&scores, &offsets), queries, dk, depth, true);
            product(s, strip_of(&weights, &offsets), gradients, dv, depth, true);
            product(
                s,
                key_columns.operand(&offsets),
                &scores,
                &mut turned,
                STRIP,
                false,
            );
            for (r, row) in rows.enumerate() {
                for (c, dq) in self.dq[row * d..(row + 1) * d].iter_mut().enumerate() {
                    *dq = turned[c * STRIP + r];
                }
            }
        }
        for (sums, out) in sums.iter().zip([self.dk, self.dv]) {
            out[m * d..].fill(0.0);
            for (sums, out) in sums.chunks_exact(depth).zip(out.chunks_exact_mut(d)) {
                out.copy_from_slice(&sums[..d]);
            }
        }
    }
}

/// A matrix of rows of 32 as a left factor.
fn strip_of<'a>(matrix: &'a [f32], offsets: &'a [usize]) -> Operand<'a, f32> {
    Operand {
        data: matrix,
        row_stride: SLICE,
        tile_stride: 16 * SLICE,
        offsets: &offsets[..1],
    }
}

/// All strips of a left factor times all panels, into rows of `stride`.
#[inline(always)]
fn product<S: Simd>(
    s: S,
    left: Operand<f32>,
    panels: &[f32],
    out: &mut [f32],
    stride: usize,
    keep: bool,
) {
    let panel = left.offsets.len() * SLICE * PANEL;
    for first in (0..out.len() / stride).step_by(STRIP) {
        for (i, panel) in panels.chunks_exact(panel).enumerate() {
            let mut sums = Sums {
                data: &mut out[first * stride + i * PANEL..],
                stride,
                keep,
            };
            <f32 as Multiplicand<f32>>::multiply(s, &(), &left, first, panel, &mut sums);
        }
    }
}

/// Scores become probabilities, their gradients those of the scores.
#[inline(always)]
fn probabilities<S: Simd>(
    s: S,
    strip: &Strip,
    scale: f32,
    weights: &mut [f32],
    gradients: &mut [f32],
) {
    let factor = s.splat(scale * std::f32::consts::LOG2_E);
    let (sums, means) = (strip.sums.as_chunks().0, strip.means.as_chunks().0);
    let weights = weights.as_chunks_mut::<LANES>().0;
    let gradients = gradients.as_chunks_mut::<LANES>().0;
    for (i, (x, gradient)) in weights.iter_mut().zip(gradients).enumerate() {
        let half = i % (STRIP / LANES);
        let p = s.exp2(s.load(x) * factor - s.load(&sums[half]));
        let y = p * (s.load(gradient) - s.load(&means[half])) * s.splat(scale);
        p.store(x);
        y.store(gradient);
    }
}
