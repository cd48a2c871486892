//! Operations element by element.

#![allow(clippy::inline_always, reason = "see `simd`")]

use super::Isa;
use super::gemm::convert;
use super::pool::parallel_parts;
use super::rows::parallel_rows;
use super::simd::{Kernel, LANES, Math, Simd, SimdElement, Vector, dispatch};
use crate::dtype::with_element;
use crate::ops::Unary;
use crate::{DType, Tensor};

/// Elements of a chunk.
const CHUNK: usize = 32 << 10;

pub(super) fn cast(isa: Isa, x: &Tensor, dtype: DType) -> Tensor {
    with_element!(x.dtype(), T => with_element!(dtype, U => {
        let (x, dims) = (x.as_slice::<T>(), x.shape());
        Tensor::build(dims, |out: &mut [U]| {
            parallel_parts(out, CHUNK, |i, out| {
                dispatch(isa, Cast { x: &x[i * CHUNK..][..out.len()], out });
            });
        })
    }))
}

struct Cast<'a, T, U> {
    x: &'a [T],
    out: &'a mut [U],
}

impl<T: SimdElement, U: SimdElement> Kernel for Cast<'_, T, U> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        convert(s, self.x, self.out, false);
    }
}

pub(super) fn unary(isa: Isa, x: &Tensor, op: Unary) -> Tensor {
    with_element!(x.dtype(), T => Tensor::build(x.shape(), |out: &mut [T]| {
        let x = x.as_slice::<T>();
        parallel_parts(out, CHUNK, |i, out| {
            dispatch(isa, Map { x: &x[i * CHUNK..][..out.len()], out, op });
        });
    }))
}

struct Map<'a, T> {
    x: &'a [T],
    out: &'a mut [T],
    op: Unary,
}

impl<T: SimdElement> Kernel for Map<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for (x, out) in self.x.chunks(LANES).zip(self.out.chunks_mut(LANES)) {
            let x = T::load_some(s, x);
            let y = match self.op {
                Unary::Relu => x.max(s.splat(0.0)),
                Unary::Silu => s.silu(x),
                Unary::Gelu => s.gelu(x),
                Unary::Sigmoid => s.sigmoid(x),
                Unary::Tanh => s.tanh(x),
                Unary::Affine { scale, shift } => s.splat(scale).mul_add(x, s.splat(shift)),
                Unary::Clamp { low, high } => x.max(s.splat(low)).min(s.splat(high)),
            };
            T::store_some(y, out);
        }
    }
}

/// `silu(x) * y` of the halves of each row.
pub(super) fn glu(isa: Isa, x: &Tensor) -> Tensor {
    let half = x.last_dim() / 2;
    let mut dims = x.shape().to_vec();
    *dims.last_mut().expect("at least one axis") = half;
    with_element!(x.dtype(), T => Tensor::build(&dims, |out: &mut [T]| {
        let x = x.as_slice::<T>();
        parallel_rows(out, half, |first, out| {
            dispatch(isa, Glu { x: &x[first * 2 * half..][..2 * out.len()], out, half });
        });
    }))
}

struct Glu<'a, T> {
    x: &'a [T],
    out: &'a mut [T],
    half: usize,
}

impl<T: SimdElement> Kernel for Glu<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let rows = self.x.chunks_exact(2 * self.half);
        for (x, out) in rows.zip(self.out.chunks_exact_mut(self.half)) {
            let (gate, up) = x.split_at(self.half);
            let parts = gate.chunks(LANES).zip(up.chunks(LANES));
            for ((gate, up), out) in parts.zip(out.chunks_mut(LANES)) {
                T::store_some(s.silu(T::load_some(s, gate)) * T::load_some(s, up), out);
            }
        }
    }
}

/// A function of two numbers.
#[derive(Clone, Copy)]
pub(super) enum Binary {
    /// `alpha * x + beta * y`.
    Combine { alpha: f32, beta: f32 },
    /// `x * y`.
    Mul,
}

pub(super) fn binary(isa: Isa, x: &Tensor, y: &Tensor, op: Binary) -> Tensor {
    with_element!(x.dtype(), T => with_element!(y.dtype(), U => {
        let (x, dims, y) = (x.as_slice::<T>(), x.shape(), y.as_slice::<U>());
        Tensor::build(dims, |out: &mut [T]| {
            parallel_parts(out, CHUNK, |i, out| {
                let start = i * CHUNK;
                dispatch(isa, Pair { x: &x[start..][..out.len()], y, start, out, op });
            });
        })
    }))
}

struct Pair<'a, T, U> {
    x: &'a [T],
    /// All of the second operand, which repeats.
    y: &'a [U],
    /// Where `x` and `out` begin.
    start: usize,
    out: &'a mut [T],
    op: Binary,
}

impl<T: SimdElement, U: SimdElement> Kernel for Pair<'_, T, U> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let mut done = 0;
        while done < self.out.len() {
            let at = (self.start + done) % self.y.len();
            let len = (self.y.len() - at).min(self.out.len() - done);
            let x = self.x[done..done + len].chunks(LANES);
            let y = self.y[at..at + len].chunks(LANES);
            let out = self.out[done..done + len].chunks_mut(LANES);
            for ((x, y), out) in x.zip(y).zip(out) {
                let (x, y) = (T::load_some(s, x), U::load_some(s, y));
                let z = match self.op {
                    Binary::Combine { alpha, beta } => s.splat(alpha).mul_add(x, s.splat(beta) * y),
                    Binary::Mul => x * y,
                };
                T::store_some(z, out);
            }
            done += len;
        }
    }
}
