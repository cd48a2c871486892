//! `attention`: strips of 32 queries against blocks of keys, with a running maximum and sum.
//!
//! Keys and values are packed once for each head like weights, so that both products are those of
//! [`super::gemm`]: scores are queries times keys, outputs are probabilities times values.

#![allow(unsafe_code)]
#![allow(clippy::inline_always, reason = "see `simd`")]

use super::Isa;
use super::gemm::{Multiplicand, Operand, STRIP, Sums, convert, with_factors};
use super::pack::PackColumns;
use super::pool::{Shared, parallel_for};
use super::simd::{Kernel, LANES, Math, Simd, SimdElement, Vector, dispatch};
use crate::buffer::Buffer;
use crate::dtype::with_element;
use crate::ops::{Attention, bias_start, length};
use crate::packed::{PANEL, SLICE, pack_rows};
use crate::{DType, Precision, Tensor};

/// Keys of a block: its scores stay in the first cache.
const BLOCK: usize = 256;

pub(super) fn attention(
    isa: Isa,
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    options: &Attention,
) -> (Tensor, Option<Tensor>) {
    let [b, h, n, d] = q.dims();
    let precision = match k.dtype() {
        DType::F32 => Precision::F32,
        DType::Bf16 => Precision::Bf16,
    };
    let mut sums = vec![0.0; b * h * n];
    let out = with_element!(q.dtype(), T => Tensor::build(&[b, n, h * d], |out: &mut [T]| {
        with_factors!(isa, precision, A, B => {
            let keys = Packed::<B>::new(isa, k, v);
            let job = Job {
                queries: q.as_slice::<T>(),
                shape: q.dims(),
                keys: &keys,
                scale: options.scale.unwrap_or(1.0 / (d as f32).sqrt()),
                lengths: options.lengths,
                bias: options.bias,
                out: Shared::new(out),
                sums: Shared::new(&mut sums),
            };
            job.run::<A>(isa);
        });
    }));
    (
        out,
        options
            .log_sum_exp
            .then(|| Tensor::from_f32(&sums, &[b, h, n])),
    )
}

/// Keys and values of every head as panels.
struct Packed<B> {
    /// `[heads][m / 32]` panels of keys, then `[heads][d / 32]` panels of values.
    data: Buffer,
    /// Keys of a head.
    count: usize,
    /// Elements of one head's keys, and of its values.
    size: [usize; 2],
    heads: usize,
    element: std::marker::PhantomData<B>,
}

impl<B: SimdElement> Packed<B> {
    fn new(isa: Isa, k: &Tensor, v: &Tensor) -> Self {
        let [b, h, m, d] = k.dims();
        let heads = b * h;
        let [keys, depth] = [m, d].map(|x| x.next_multiple_of(PANEL));
        let size = [keys * depth; 2];
        let mut data = Buffer::arbitrary(2 * heads * keys * depth * size_of::<B>());
        let out = Shared::new(data.as_mut_slice::<B>());
        let (k, v) = (k.as_slice::<B>(), v.as_slice::<B>());
        parallel_for(2 * heads, |i| {
            let head = i % heads * m * d;
            // SAFETY: each chunk has panels of its own.
            let out = unsafe { out.part(i * size[0]..(i + 1) * size[0]) };
            if i < heads {
                pack_rows(&k[head..head + m * d], d, out);
            } else {
                let matrix = &v[head..head + m * d];
                dispatch(
                    isa,
                    PackColumns {
                        matrix,
                        width: d,
                        columns: 0..d,
                        out,
                    },
                );
            }
        });
        Self {
            data,
            count: m,
            size,
            heads,
            element: std::marker::PhantomData,
        }
    }

    fn keys(&self, head: usize) -> &[B] {
        &self.data.as_slice()[head * self.size[0]..][..self.size[0]]
    }

    fn values(&self, head: usize) -> &[B] {
        &self.data.as_slice()[(self.heads + head) * self.size[0]..][..self.size[1]]
    }
}

struct Job<'a, T, B> {
    queries: &'a [T],
    /// `[b, h, n, d]`.
    shape: [usize; 4],
    keys: &'a Packed<B>,
    scale: f32,
    lengths: Option<&'a [usize]>,
    bias: Option<&'a Tensor>,
    out: Shared<'a, T>,
    sums: Shared<'a, f32>,
}

impl<T: SimdElement, B: SimdElement> Job<'_, T, B> {
    fn run<A: Multiplicand<B>>(&self, isa: Isa) {
        let [b, h, n, d] = self.shape;
        let strips = n.div_ceil(STRIP);
        let depth = d.next_multiple_of(SLICE);
        let slices = (depth.max(BLOCK)) / SLICE;
        let offsets: Vec<usize> = (0..slices).map(|i| i * 16 * SLICE).collect();
        parallel_for(b * h * strips, |chunk| {
            let mut factors = Buffer::arbitrary(STRIP * (depth + BLOCK) * size_of::<A>());
            let mut numbers = Buffer::arbitrary(STRIP * (depth + BLOCK) * size_of::<f32>());
            let (queries, rest) = factors.as_mut_slice::<A>().split_at_mut(STRIP * depth);
            let (scores, out) = numbers.as_mut_slice::<f32>().split_at_mut(STRIP * BLOCK);
            dispatch(
                isa,
                Strip {
                    job: self,
                    head: chunk / strips,
                    first: chunk % strips * STRIP,
                    offsets: &offsets,
                    queries,
                    probabilities: &mut rest[..STRIP * BLOCK],
                    scores,
                    out: &mut out[..STRIP * depth],
                },
            );
        });
    }
}

/// One chunk: 32 queries of one head.
struct Strip<'a, T, A, B> {
    job: &'a Job<'a, T, B>,
    head: usize,
    first: usize,
    offsets: &'a [usize],
    /// Left factors, in tiles.
    queries: &'a mut [A],
    probabilities: &'a mut [A],
    /// `[32][BLOCK]`.
    scores: &'a mut [f32],
    /// `[32][d]`, the sum of values so far.
    out: &'a mut [f32],
}

/// For each query of a strip.
struct Running {
    /// The greatest score so far, times `scale * log2(e)`.
    max: [f32; STRIP],
    /// The sum of exponentials relative to it.
    sum: [f32; STRIP],
}

impl<T: SimdElement, A: Multiplicand<B>, B: SimdElement> Kernel for Strip<'_, T, A, B> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        let machine = A::machine(s);
        self.load_queries(s);
        self.out.fill(0.0);
        let mut running = Running {
            max: [f32::NEG_INFINITY; STRIP],
            sum: [0.0; STRIP],
        };
        let [_, h, _, _] = self.job.shape;
        let keys = length(self.job.lengths, self.head, h, self.job.keys.count);
        for first in (0..keys).step_by(BLOCK) {
            let count = BLOCK.min(keys - first);
            self.score(s, &machine, first, count);
            if self.job.bias.is_some() {
                self.add_bias(s, first, count);
            }
            self.exponentials(s, count, &mut running);
            self.add_values(s, &machine, first, count);
        }
        self.store(s, &running);
    }
}

impl<T: SimdElement, A: Multiplicand<B>, B: SimdElement> Strip<'_, T, A, B> {
    fn depth(&self) -> usize {
        self.job.shape[3].next_multiple_of(SLICE)
    }

    #[inline(always)]
    fn load_queries<S: Simd>(&mut self, s: S) {
        let [_, _, n, d] = self.job.shape;
        let depth = self.depth();
        if d < depth || self.first + STRIP > n {
            self.queries.fill(A::default());
        }
        let round = B::DTYPE == DType::Bf16;
        for r in 0..STRIP.min(n - self.first) {
            let query = &self.job.queries[(self.head * n + self.first + r) * d..][..d];
            for (i, part) in query.chunks(SLICE).enumerate() {
                let start = r / 16 * depth * 16 + r % 16 * SLICE + i * 16 * SLICE;
                convert(s, part, &mut self.queries[start..start + part.len()], round);
            }
        }
    }

    /// Scores of a block of keys.
    #[inline(always)]
    fn score<S: Simd>(&mut self, s: S, machine: &A::Machine, first: usize, count: usize) {
        let depth = self.depth();
        let a = Operand {
            data: &*self.queries,
            row_stride: SLICE,
            tile_stride: depth * 16,
            offsets: &self.offsets[..depth / SLICE],
        };
        let keys = &self.job.keys.keys(self.head)[first * depth..];
        let panels = keys.chunks_exact(PANEL * depth).take(count.div_ceil(PANEL));
        for (i, panel) in panels.enumerate() {
            let mut sums = Sums {
                data: &mut self.scores[i * PANEL..],
                stride: BLOCK,
                keep: false,
            };
            A::multiply(s, machine, &a, 0, panel, &mut sums);
        }
    }

    /// Scales the scores of a block and adds its bias, both times `log2(e)`.
    #[inline(always)]
    fn add_bias<S: Simd>(&mut self, s: S, first: usize, count: usize) {
        let [_, h, n, _] = self.job.shape;
        let Some(bias) = self.job.bias else { return };
        let log2e = s.splat(std::f32::consts::LOG2_E);
        let factor = s.splat(self.job.scale * std::f32::consts::LOG2_E);
        let rows = STRIP.min(n - self.first);
        for (r, scores) in self.scores.chunks_exact_mut(BLOCK).take(rows).enumerate() {
            let at = bias_start(bias, self.head % h, self.first + r) + first;
            let bias = bias.as_f32()[at..at + count].chunks(LANES);
            for (x, bias) in scores.as_chunks_mut().0.iter_mut().zip(bias) {
                let bias = f32::load_some(s, bias) * log2e;
                s.load(x).mul_add(factor, bias).store(x);
            }
        }
    }

    /// Turns scores into probabilities relative to the running maximum.
    #[inline(always)]
    fn exponentials<S: Simd>(&mut self, s: S, count: usize, running: &mut Running) {
        let depth = self.depth();
        let padded = count.next_multiple_of(PANEL);
        let factor = if self.job.bias.is_some() {
            1.0
        } else {
            self.job.scale * std::f32::consts::LOG2_E
        };
        for (r, scores) in self.scores.chunks_exact_mut(BLOCK).enumerate() {
            scores[count..padded].fill(f32::NEG_INFINITY);
            let (scores, _) = scores[..padded].as_chunks::<LANES>();
            let mut max = s.splat(f32::NEG_INFINITY);
            for x in scores {
                max = max.max(s.load(x));
            }
            let max = max.max_lane() * factor;
            if max > running.max[r] {
                // The first block finds sums of zero.
                let shrink = (running.max[r] - max).exp2();
                running.max[r] = max;
                running.sum[r] *= shrink;
                for x in self.out[r * depth..(r + 1) * depth].as_chunks_mut().0 {
                    (s.load(x) * s.splat(shrink)).store(x);
                }
            }
            let offset = s.splat(-running.max[r]);
            let mut sum = s.splat(0.0);
            for (j, x) in scores.iter().enumerate() {
                let t = s.load(x).mul_add(s.splat(factor), offset);
                let p = if B::DTYPE == DType::Bf16 {
                    s.coarse_exp2(t)
                } else {
                    s.exp2(t)
                };
                sum = sum + p;
                let start =
                    r / 16 * BLOCK * 16 + r % 16 * SLICE + j / 2 * 16 * SLICE + j % 2 * LANES;
                A::store_some(p, &mut self.probabilities[start..start + LANES]);
            }
            running.sum[r] += sum.sum();
        }
    }

    /// Adds the block's values, weighted.
    #[inline(always)]
    fn add_values<S: Simd>(&mut self, s: S, machine: &A::Machine, first: usize, count: usize) {
        let depth = self.depth();
        let slices = count.div_ceil(SLICE);
        let a = Operand {
            data: &*self.probabilities,
            row_stride: SLICE,
            tile_stride: BLOCK * 16,
            offsets: &self.offsets[..slices],
        };
        let values = self.job.keys.values(self.head);
        let size = values.len() / (depth / PANEL);
        for (i, panel) in values.chunks_exact(size).enumerate() {
            let block = &panel[first * PANEL..][..slices * SLICE * PANEL];
            let mut sums = Sums {
                data: &mut self.out[i * PANEL..],
                stride: depth,
                keep: true,
            };
            A::multiply(s, machine, &a, 0, block, &mut sums);
        }
    }

    #[inline(always)]
    fn store<S: Simd>(&self, s: S, running: &Running) {
        let [_, h, n, d] = self.job.shape;
        let depth = self.depth();
        for r in 0..STRIP.min(n - self.first) {
            let position = self.first + r;
            let at = ((self.head / h * n + position) * h + self.head % h) * d;
            let factor = s.splat(1.0 / running.sum[r]);
            // SAFETY: each strip of each head writes its own rows.
            let out = unsafe { self.job.out.part(at..at + d) };
            let values = self.out[r * depth..(r + 1) * depth].as_chunks().0;
            for (x, out) in values.iter().zip(out.chunks_mut(LANES)) {
                T::store_some(s.load(x) * factor, out);
            }
            let sum = (running.max[r] + running.sum[r].log2()) * std::f32::consts::LN_2;
            let at = self.head * n + position;
            // SAFETY: as above.
            unsafe { self.job.sums.part(at..at + 1) }.fill(sum);
        }
    }
}
