//! Operations along rows: norms, modulation, heads.

#![allow(clippy::inline_always, reason = "see `simd`")]

use super::Isa;
use super::pool::parallel_parts;
use super::simd::{Kernel, LANES, Math, Simd, SimdElement, Vector, dispatch};
use crate::Tensor;
use crate::dtype::with_element;
use crate::ops::{Heads, Modulation, Norm};

/// Elements of a chunk, about.
const CHUNK: usize = 16 << 10;

/// Calls `task(first, rows)` for groups of rows of `d` elements.
pub(super) fn parallel_rows<T: Send>(
    out: &mut [T],
    d: usize,
    task: impl Fn(usize, &mut [T]) + Sync,
) {
    let rows = (CHUNK / d.max(1)).max(1);
    parallel_parts(out, rows * d, |i, part| task(i * rows, part));
}

pub(super) fn norm(isa: Isa, x: &Tensor, norm: &Norm, modulation: Option<&Modulation>) -> Tensor {
    let d = x.last_dim();
    with_element!(x.dtype(), T => Tensor::build(x.shape(), |out: &mut [T]| {
        let x = x.as_slice::<T>();
        parallel_rows(out, d, |first, out| {
            dispatch(isa, NormRows {
                x: &x[first * d..][..out.len()],
                out,
                d,
                norm,
                modulation: modulation.map(|m| Table {
                    shift: m.shift.as_f32(),
                    scale: m.scale.as_f32(),
                    rows: &m.rows[first..],
                }),
            });
        });
    }))
}

struct NormRows<'a, T> {
    x: &'a [T],
    out: &'a mut [T],
    d: usize,
    norm: &'a Norm<'a>,
    modulation: Option<Table<'a>>,
}

/// [`Modulation`] of some rows.
struct Table<'a> {
    shift: &'a [f32],
    scale: &'a [f32],
    rows: &'a [u32],
}

impl<T: SimdElement> Kernel for NormRows<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (d, norm) = (self.d, self.norm);
        let [weight, bias] = [norm.weight, norm.bias].map(|table| table.map(Tensor::as_f32));
        let rows = self.x.chunks_exact(d).zip(self.out.chunks_exact_mut(d));
        for (r, (x, out)) in rows.enumerate() {
            let mean = if norm.centre { mean(s, x) } else { 0.0 };
            let factor = s.splat(inverse_deviation(s, x, mean, norm.eps));
            let mean = s.splat(mean);
            let table = self.modulation.as_ref().map(|table| {
                let at = table.rows[r] as usize * d;
                (&table.shift[at..at + d], &table.scale[at..at + d])
            });
            for (i, (x, out)) in x.chunks(LANES).zip(out.chunks_mut(LANES)).enumerate() {
                let at = i * LANES..i * LANES + x.len();
                let mut y = (T::load_some(s, x) - mean) * factor;
                if let Some(weight) = weight {
                    y = y * f32::load_some(s, &weight[at.clone()]);
                }
                if let Some(bias) = bias {
                    y = y + f32::load_some(s, &bias[at.clone()]);
                }
                if let Some((shift, scale)) = table {
                    let scale = f32::load_some(s, &scale[at.clone()]) + s.splat(1.0);
                    y = y.mul_add(scale, f32::load_some(s, &shift[at]));
                }
                T::store_some(y, out);
            }
        }
    }
}

#[inline(always)]
fn mean<S: Simd, T: SimdElement>(s: S, x: &[T]) -> f32 {
    let mut sum = s.splat(0.0);
    for part in x.chunks(LANES) {
        sum = sum + T::load_some(s, part);
    }
    sum.sum() / x.len() as f32
}

/// `1 / sqrt(mean((x - centre)^2) + eps)`.
#[inline(always)]
pub(super) fn inverse_deviation<S: Simd, T: SimdElement>(
    s: S,
    x: &[T],
    centre: f32,
    eps: f32,
) -> f32 {
    let (parts, rest) = x.as_chunks();
    // Lanes beyond the row lie at its centre and add nothing.
    let mut last = [centre; LANES];
    f32::store_some(T::load_some(s, rest), &mut last[..rest.len()]);
    let centre = s.splat(centre);
    let mut sum = s.splat(0.0);
    for part in parts {
        let x = T::load(s, part) - centre;
        sum = x.mul_add(x, sum);
    }
    let rest = s.load(&last) - centre;
    sum = rest.mul_add(rest, sum);
    1.0 / (sum.sum() / x.len() as f32 + eps).sqrt()
}

pub(super) fn gated_add(isa: Isa, x: &Tensor, y: &Tensor, gate: &Tensor, rows: &[u32]) -> Tensor {
    let d = x.last_dim();
    let gate = gate.as_f32();
    with_element!(x.dtype(), T => with_element!(y.dtype(), U => {
        let (x, dims, y) = (x.as_slice::<T>(), x.shape(), y.as_slice::<U>());
        Tensor::build(dims, |out: &mut [T]| {
            parallel_rows(out, d, |first, out| {
                let range = first * d..first * d + out.len();
                let (x, y) = (&x[range.clone()], &y[range]);
                dispatch(isa, GatedAdd { x, y, out, d, gate, rows: &rows[first..] });
            });
        })
    }))
}

struct GatedAdd<'a, T, U> {
    x: &'a [T],
    y: &'a [U],
    out: &'a mut [T],
    d: usize,
    gate: &'a [f32],
    rows: &'a [u32],
}

impl<T: SimdElement, U: SimdElement> Kernel for GatedAdd<'_, T, U> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let d = self.d;
        for (r, out) in self.out.chunks_exact_mut(d).enumerate() {
            let (x, y) = (&self.x[r * d..(r + 1) * d], &self.y[r * d..(r + 1) * d]);
            let gate = &self.gate[self.rows[r] as usize * d..][..d];
            for (i, out) in out.chunks_mut(LANES).enumerate() {
                let at = i * LANES..i * LANES + out.len();
                let gate = f32::load_some(s, &gate[at.clone()]);
                let y = U::load_some(s, &y[at.clone()]);
                T::store_some(gate.mul_add(y, T::load_some(s, &x[at])), out);
            }
        }
    }
}

pub(super) fn split_heads(isa: Isa, x: &Tensor, options: &Heads) -> Tensor {
    let [b, n, width] = x.dims();
    let d = options.columns.len() / options.heads;
    with_element!(x.dtype(), T => {
        let dims = [b, options.heads, n, d];
        Tensor::build(&dims, |out: &mut [T]| {
            parallel_rows(out, d, |first, out| {
                dispatch(isa, Split { x: x.as_slice::<T>(), b, n, width, first, d, options, out });
            });
        })
    })
}

/// Some rows `[b, heads, n]` of heads.
struct Split<'a, T> {
    x: &'a [T],
    b: usize,
    n: usize,
    width: usize,
    first: usize,
    d: usize,
    options: &'a Heads<'a>,
    out: &'a mut [T],
}

impl<T: SimdElement> Kernel for Split<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (n, d) = (self.n, self.d);
        let Heads {
            columns,
            heads,
            norm,
            rotary,
        } = self.options;
        let mut head = vec![0.0_f32; d];
        for (i, out) in self.out.chunks_exact_mut(d).enumerate() {
            let row = self.first + i;
            let (batch, h, position) = (row / n / heads, row / n % heads, row % n);
            let from = (batch * n + position) * self.width + columns.start + h * d;
            let x = &self.x[from..from + d];
            let factor = norm.map_or(1.0, |norm| inverse_deviation(s, x, 0.0, norm.eps));
            for (i, x) in x.chunks(LANES).enumerate() {
                let at = i * LANES..i * LANES + x.len();
                let mut y = T::load_some(s, x) * s.splat(factor);
                if let Some(norm) = norm {
                    y = y * f32::load_some(s, &norm.weight.as_f32()[at.clone()]);
                }
                f32::store_some(y, &mut head[at]);
            }
            if let Some(rotary) = rotary {
                let at = rotary.start((batch, self.b), position, h, d / 2);
                let cos = &rotary.cos.as_f32()[at..at + d / 2];
                rotate(s, &mut head, cos, &rotary.sin.as_f32()[at..at + d / 2]);
            }
            for (x, out) in head.chunks(LANES).zip(out.chunks_mut(LANES)) {
                T::store_some(f32::load_some(s, x), out);
            }
        }
    }
}

/// Turns the pairs `(x[i], x[i + d/2])`.
#[inline(always)]
fn rotate<S: Simd>(s: S, head: &mut [f32], cos: &[f32], sin: &[f32]) {
    let (left, right) = head.split_at_mut(cos.len());
    for (i, (left, right)) in left
        .chunks_mut(LANES)
        .zip(right.chunks_mut(LANES))
        .enumerate()
    {
        let at = i * LANES..i * LANES + left.len();
        let cos = f32::load_some(s, &cos[at.clone()]);
        let sin = f32::load_some(s, &sin[at]);
        let (x, y) = (f32::load_some(s, left), f32::load_some(s, right));
        f32::store_some(x * cos - y * sin, left);
        f32::store_some(y * cos + x * sin, right);
    }
}

/// Softmax of each row.
pub(super) fn softmax(isa: Isa, x: &Tensor) -> Tensor {
    let d = x.last_dim();
    with_element!(x.dtype(), T => Tensor::build(x.shape(), |out: &mut [T]| {
        let x = x.as_slice::<T>();
        parallel_rows(out, d, |first, out| {
            dispatch(isa, Softmax { x: &x[first * d..][..out.len()], out, d });
        });
    }))
}

struct Softmax<'a, T> {
    x: &'a [T],
    out: &'a mut [T],
    d: usize,
}

impl<T: SimdElement> Kernel for Softmax<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let mut row = vec![0.0_f32; self.d.next_multiple_of(LANES)];
        let rows = self
            .x
            .chunks_exact(self.d)
            .zip(self.out.chunks_exact_mut(self.d));
        for (x, out) in rows {
            let max = x
                .iter()
                .fold(f32::NEG_INFINITY, |max, x| max.max(x.to_f32()));
            let mut sum = s.splat(0.0);
            row.fill(f32::NEG_INFINITY);
            for (x, row) in x.chunks(LANES).zip(row.as_chunks_mut::<LANES>().0) {
                f32::store_some(T::load_some(s, x), &mut row[..x.len()]);
                let p = s.exp(s.load(row) - s.splat(max));
                sum = sum + p;
                p.store(row);
            }
            let factor = s.splat(1.0 / sum.sum());
            for (row, out) in row.as_chunks::<LANES>().0.iter().zip(out.chunks_mut(LANES)) {
                T::store_some(s.load(row) * factor, out);
            }
        }
    }
}
