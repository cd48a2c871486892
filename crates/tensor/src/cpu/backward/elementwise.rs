//! Back through operations element by element.

#![allow(clippy::inline_always, reason = "see `simd`")]

use crate::Tensor;
use crate::cpu::Isa;
use crate::cpu::pool::parallel_parts;
use crate::cpu::rows::parallel_rows;
use crate::cpu::simd::{Kernel, LANES, Math, Simd, SimdElement, Vector, dispatch};
use crate::dtype::with_element;
use crate::ops::Unary;

/// Elements of a chunk.
const CHUNK: usize = 32 << 10;

pub(in crate::cpu) fn unary(isa: Isa, x: &Tensor, op: Unary, gradient: &Tensor) -> Tensor {
    with_element!(x.dtype(), T => with_element!(gradient.dtype(), U => {
        let (x, dims, gradient) = (x.as_slice::<T>(), x.shape(), gradient.as_slice::<U>());
        Tensor::build(dims, |out: &mut [T]| {
            parallel_parts(out, CHUNK, |i, out| {
                let range = i * CHUNK..i * CHUNK + out.len();
                let (x, gradient) = (&x[range.clone()], &gradient[range]);
                dispatch(isa, Map { x, gradient, out, op });
            });
        })
    }))
}

struct Map<'a, T, U> {
    x: &'a [T],
    gradient: &'a [U],
    out: &'a mut [T],
    op: Unary,
}

impl<T: SimdElement, U: SimdElement> Kernel for Map<'_, T, U> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let parts = self.x.chunks(LANES).zip(self.gradient.chunks(LANES));
        for ((x, gradient), out) in parts.zip(self.out.chunks_mut(LANES)) {
            let slope = derivative(s, self.op, T::load_some(s, x));
            T::store_some(U::load_some(s, gradient) * slope, out);
        }
    }
}

#[inline(always)]
fn derivative<S: Simd>(s: S, op: Unary, x: S::V) -> S::V {
    let one = s.splat(1.0);
    match op {
        Unary::Relu => inside(s, x, f32::MIN_POSITIVE, f32::INFINITY),
        Unary::Silu => silu(s, x),
        Unary::Gelu => {
            let square = x * x;
            let linear = s.splat(1.595_769);
            let p = s.sigmoid(x * square.mul_add(s.splat(0.071_354_814), linear));
            let slope = square.mul_add(s.splat(3.0 * 0.071_354_814), linear);
            (x * p * (one - p)).mul_add(slope, p)
        }
        Unary::Sigmoid => {
            let p = s.sigmoid(x);
            p * (one - p)
        }
        Unary::Tanh => {
            let y = s.tanh(x);
            one - y * y
        }
        Unary::Affine { scale, .. } => s.splat(scale),
        Unary::Clamp { low, high } => inside(s, x, low, high),
    }
}

/// `sigmoid(x) (1 + x (1 - sigmoid(x)))`.
#[inline(always)]
fn silu<S: Simd>(s: S, x: S::V) -> S::V {
    let p = s.sigmoid(x);
    let one = s.splat(1.0);
    p * x.mul_add(one - p, one)
}

/// 1 in the lanes from `low` to `high`, 0 in the others.
#[inline(always)]
fn inside<S: Simd>(s: S, x: S::V, low: f32, high: f32) -> S::V {
    let mut lanes = [0.0; LANES];
    x.store(&mut lanes);
    for x in &mut lanes {
        *x = if low <= *x && *x <= high { 1.0 } else { 0.0 };
    }
    s.load(&lanes)
}

pub(in crate::cpu) fn glu(isa: Isa, x: &Tensor, gradient: &Tensor) -> Tensor {
    let d = x.last_dim();
    with_element!(x.dtype(), T => with_element!(gradient.dtype(), U => {
        let (x, dims, gradient) = (x.as_slice::<T>(), x.shape(), gradient.as_slice::<U>());
        Tensor::build(dims, |out: &mut [T]| {
            parallel_rows(out, d, |first, out| {
                let x = &x[first * d..][..out.len()];
                let gradient = &gradient[first * d / 2..][..out.len() / 2];
                dispatch(isa, Glu { x, gradient, out, half: d / 2 });
            });
        })
    }))
}

struct Glu<'a, T, U> {
    x: &'a [T],
    gradient: &'a [U],
    out: &'a mut [T],
    half: usize,
}

impl<T: SimdElement, U: SimdElement> Kernel for Glu<'_, T, U> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let half = self.half;
        let rows = self.x.chunks_exact(2 * half);
        let outs = self.out.chunks_exact_mut(2 * half);
        for ((x, out), gradient) in rows.zip(outs).zip(self.gradient.chunks_exact(half)) {
            let (gate, up) = x.split_at(half);
            let (out_gate, out_up) = out.split_at_mut(half);
            for (i, gradient) in gradient.chunks(LANES).enumerate() {
                let at = i * LANES..i * LANES + gradient.len();
                let gradient = U::load_some(s, gradient);
                let x = T::load_some(s, &gate[at.clone()]);
                let y = gradient * T::load_some(s, &up[at.clone()]);
                T::store_some(y * silu(s, x), &mut out_gate[at.clone()]);
                T::store_some(gradient * s.silu(x), &mut out_up[at]);
            }
        }
    }
}
