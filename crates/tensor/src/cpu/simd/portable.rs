//! Plain arrays, for processors without kernels of their own; compilers vectorise them.

use std::array::from_fn;
use std::ops::{Add, Div, Mul, Sub};

use half::bf16;

use super::{LANES, Simd, Vector};
use crate::Element;

/// Any processor.
#[derive(Clone, Copy)]
pub(super) struct Portable;

/// Sixteen numbers.
#[derive(Clone, Copy)]
pub(super) struct Numbers([f32; LANES]);

impl Simd for Portable {
    type V = Numbers;
    type Pairs = (Numbers, Numbers);
    type Ints = [i32; LANES];
    type Codes = [[i32; LANES]; 4];

    const GEMM_ROWS: usize = 4;

    #[inline(always)]
    fn splat(self, x: f32) -> Numbers {
        Numbers([x; LANES])
    }

    #[inline(always)]
    fn load(self, x: &[f32; LANES]) -> Numbers {
        Numbers(*x)
    }

    #[inline(always)]
    fn load_bf16(self, x: &[bf16; LANES]) -> Numbers {
        Numbers(x.map(Element::to_f32))
    }

    #[inline(always)]
    fn load_pairs(self, x: &[bf16; 2 * LANES]) -> (Numbers, Numbers) {
        let lanes = |odd: usize| Numbers(from_fn(|i| Element::to_f32(x[2 * i + odd])));
        (lanes(0), lanes(1))
    }

    #[inline(always)]
    fn load_factors(self, x: &[bf16; 2 * LANES]) -> Self::Pairs {
        self.load_pairs(x)
    }

    #[inline(always)]
    fn splat_pair(self, x: [bf16; 2]) -> Self::Pairs {
        (
            self.splat(Element::to_f32(x[0])),
            self.splat(Element::to_f32(x[1])),
        )
    }

    #[inline(always)]
    fn dot(self, x: Self::Pairs, y: Self::Pairs, sum: Numbers) -> Numbers {
        x.1.mul_add(y.1, x.0.mul_add(y.0, sum))
    }

    #[inline(always)]
    fn load_ints(self, x: &[i32; LANES]) -> Self::Ints {
        *x
    }

    #[inline(always)]
    fn numbers(self, x: Self::Ints) -> Numbers {
        Numbers(x.map(|x| x as f32))
    }

    #[inline(always)]
    fn load_codes(self, x: &[i32; LANES]) -> Self::Codes {
        from_fn(|k| x.map(|quad| i32::from(quad.to_ne_bytes()[k] as i8)))
    }

    #[inline(always)]
    fn splat_codes(self, x: [[u8; 2]; 2]) -> Self::Codes {
        from_fn(|k| [i32::from(x[k / 2][k % 2]); LANES])
    }

    #[inline(always)]
    fn dot_codes(self, x: Self::Codes, y: Self::Codes, sum: Self::Ints) -> Self::Ints {
        from_fn(|i| {
            sum[i] + x[0][i] * y[0][i] + x[1][i] * y[1][i] + x[2][i] * y[2][i] + x[3][i] * y[3][i]
        })
    }
}

macro_rules! operator {
    ($trait:ident, $method:ident) => {
        impl $trait for Numbers {
            type Output = Self;

            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                Self(from_fn(|i| $trait::$method(self.0[i], other.0[i])))
            }
        }
    };
}

operator!(Add, add);
operator!(Sub, sub);
operator!(Mul, mul);
operator!(Div, div);

impl Vector for Numbers {
    #[inline(always)]
    fn store(self, out: &mut [f32; LANES]) {
        *out = self.0;
    }

    #[inline(always)]
    fn store_bf16(self, out: &mut [bf16; LANES]) {
        *out = self.0.map(Element::from_f32);
    }

    #[inline(always)]
    fn mul_add(self, x: Self, y: Self) -> Self {
        // Where the processor has no such instruction `f32::mul_add` would be a slow call.
        if cfg!(any(target_arch = "aarch64", target_feature = "fma")) {
            Self(from_fn(|i| self.0[i].mul_add(x.0[i], y.0[i])))
        } else {
            self * x + y
        }
    }

    #[inline(always)]
    fn max(self, x: Self) -> Self {
        Self(from_fn(|i| {
            if self.0[i] > x.0[i] {
                self.0[i]
            } else {
                x.0[i]
            }
        }))
    }

    #[inline(always)]
    fn min(self, x: Self) -> Self {
        Self(from_fn(|i| {
            if self.0[i] < x.0[i] {
                self.0[i]
            } else {
                x.0[i]
            }
        }))
    }

    #[inline(always)]
    fn round(self) -> Self {
        // Adding 1.5 * 2^23 drops the fraction; `f32::round` would be a call on old processors.
        const DROP: f32 = 12_582_912.0;
        Self(self.0.map(|x| (x + DROP) - DROP))
    }

    #[inline(always)]
    fn scale_by_power(self, n: Self) -> Self {
        self * Self(n.0.map(|n| f32::from_bits(((n as i32 + 127) << 23) as u32)))
    }
}
