//! Back through norms and tables: sums of rows, rows scaled, the RMS norm.

#![allow(unsafe_code)]
#![allow(clippy::inline_always, reason = "see `simd`")]

use std::ops::Range;

use crate::Tensor;
use crate::cpu::Isa;
use crate::cpu::pool::{Shared, parallel_for};
use crate::cpu::rows::{inverse_deviation, parallel_rows};
use crate::cpu::simd::{Kernel, LANES, Simd, SimdElement, Vector, dispatch};
use crate::dtype::with_element;
use crate::ops::Norm;

/// Columns of a chunk of sums: whole lines of the cache for either element.
const COLUMNS: usize = 64;

/// All rows in their order, some columns a chunk, so that sums do not depend on threads.
pub(in crate::cpu) fn sum_rows(
    isa: Isa,
    x: &Tensor,
    factor: Option<&Tensor>,
    index: &[u32],
    count: usize,
) -> Tensor {
    let d = x.last_dim();
    let other = factor.unwrap_or(x);
    with_element!(x.dtype(), T => with_element!(other.dtype(), U => {
        let (x, factor) = (x.as_slice::<T>(), factor.map(Tensor::as_slice::<U>));
        Tensor::build(&[count, d], |out: &mut [f32]| {
            out.fill(0.0);
            let out = Shared::new(out);
            parallel_for(d.div_ceil(COLUMNS), |chunk| {
                let columns = chunk * COLUMNS..d.min((chunk + 1) * COLUMNS);
                dispatch(isa, Sum { x, factor, index, d, columns, out });
            });
        })
    }))
}

struct Sum<'a, T, U> {
    x: &'a [T],
    factor: Option<&'a [U]>,
    index: &'a [u32],
    d: usize,
    columns: Range<usize>,
    out: Shared<'a, f32>,
}

impl<T: SimdElement, U: SimdElement> Kernel for Sum<'_, T, U> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Range { start, end } = self.columns;
        for (r, &entry) in self.index.iter().enumerate() {
            let (from, to) = (r * self.d, entry as usize * self.d);
            // SAFETY: each chunk has columns of its own.
            let out = unsafe { self.out.part(to + start..to + end) };
            for (i, out) in out.chunks_mut(LANES).enumerate() {
                let at = from + start + i * LANES;
                let at = at..at + out.len();
                let x = T::load_some(s, &self.x[at.clone()]);
                let sum = f32::load_some(s, out);
                let sum = match self.factor {
                    Some(factor) => x.mul_add(U::load_some(s, &factor[at]), sum),
                    None => sum + x,
                };
                f32::store_some(sum, out);
            }
        }
    }
}

pub(in crate::cpu) fn scale_rows(isa: Isa, x: &Tensor, table: &Tensor, rows: &[u32]) -> Tensor {
    let (d, table) = (x.last_dim(), table.as_f32());
    with_element!(x.dtype(), T => Tensor::build(x.shape(), |out: &mut [T]| {
        let x = x.as_slice::<T>();
        parallel_rows(out, d, |first, out| {
            let x = &x[first * d..][..out.len()];
            dispatch(isa, Scale { x, out, d, table, rows: &rows[first..] });
        });
    }))
}

struct Scale<'a, T> {
    x: &'a [T],
    out: &'a mut [T],
    d: usize,
    table: &'a [f32],
    rows: &'a [u32],
}

impl<T: SimdElement> Kernel for Scale<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let rows = self
            .x
            .chunks_exact(self.d)
            .zip(self.out.chunks_exact_mut(self.d));
        for ((x, out), &row) in rows.zip(self.rows) {
            let factor = &self.table[row as usize * self.d..][..self.d];
            let parts = x.chunks(LANES).zip(factor.chunks(LANES));
            for ((x, factor), out) in parts.zip(out.chunks_mut(LANES)) {
                T::store_some(T::load_some(s, x) * f32::load_some(s, factor), out);
            }
        }
    }
}

pub(in crate::cpu) fn rms_norm(isa: Isa, x: &Tensor, norm: &Norm, gradient: &Tensor) -> Tensor {
    let d = x.last_dim();
    let (weight, eps) = (norm.weight.map(Tensor::as_f32), norm.eps);
    with_element!(x.dtype(), T => with_element!(gradient.dtype(), U => {
        let (x, dims, gradient) = (x.as_slice::<T>(), x.shape(), gradient.as_slice::<U>());
        Tensor::build(dims, |out: &mut [T]| {
            parallel_rows(out, d, |first, out| {
                let range = first * d..first * d + out.len();
                let (x, gradient) = (&x[range.clone()], &gradient[range]);
                dispatch(isa, RmsNorm { x, gradient, out, d, weight, eps });
            });
        })
    }))
}

struct RmsNorm<'a, T, U> {
    x: &'a [T],
    gradient: &'a [U],
    out: &'a mut [T],
    d: usize,
    weight: Option<&'a [f32]>,
    eps: f32,
}

impl<T: SimdElement, U: SimdElement> RmsNorm<'_, T, U> {
    /// Sixteen numbers of a row's gradient from `i` on, times their weight.
    #[inline(always)]
    fn weighted<S: Simd>(&self, s: S, gradient: &[U], i: usize) -> S::V {
        let gradient = &gradient[i..gradient.len().min(i + LANES)];
        let y = U::load_some(s, gradient);
        match self.weight {
            Some(weight) => y * f32::load_some(s, &weight[i..i + gradient.len()]),
            None => y,
        }
    }
}

impl<T: SimdElement, U: SimdElement> Kernel for RmsNorm<'_, T, U> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        let d = self.d;
        let all = std::mem::take(&mut self.out);
        let rows = self.x.chunks_exact(d).zip(self.gradient.chunks_exact(d));
        for ((x, gradient), out) in rows.zip(all.chunks_exact_mut(d)) {
            let factor = inverse_deviation(s, x, 0.0, self.eps);
            let mut along = s.splat(0.0);
            for (i, x) in x.chunks(LANES).enumerate() {
                let y = self.weighted(s, gradient, i * LANES);
                along = y.mul_add(T::load_some(s, x), along);
            }
            let along = s.splat(-along.sum() * factor * factor / d as f32);
            let parts = x.chunks(LANES).zip(out.chunks_mut(LANES));
            for (i, (x, out)) in parts.enumerate() {
                let y = self.weighted(s, gradient, i * LANES);
                let y = along.mul_add(T::load_some(s, x), y);
                T::store_some(y * s.splat(factor), out);
            }
        }
    }
}
