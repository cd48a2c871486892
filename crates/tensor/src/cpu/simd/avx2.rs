//! AVX2 and FMA: two registers of eight.

#![allow(
    clippy::cast_ptr_alignment,
    reason = "the loads and stores are the unaligned ones"
)]

use std::arch::x86_64::{
    __m128i, __m256, __m256i, _MM_FROUND_NO_EXC, _MM_FROUND_TO_NEAREST_INT, _mm_loadu_si128,
    _mm256_add_epi32, _mm256_add_ps, _mm256_and_si256, _mm256_castps_si256, _mm256_castsi256_ps,
    _mm256_cvtepi32_ps, _mm256_cvtepu16_epi32, _mm256_cvtps_epi32, _mm256_div_ps, _mm256_fmadd_ps,
    _mm256_loadu_ps, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_max_ps, _mm256_min_ps,
    _mm256_mul_ps, _mm256_packus_epi32, _mm256_permute4x64_epi64, _mm256_round_ps,
    _mm256_set1_epi32, _mm256_set1_ps, _mm256_slli_epi16, _mm256_slli_epi32, _mm256_srai_epi16,
    _mm256_srli_epi32, _mm256_storeu_ps, _mm256_storeu_si256, _mm256_sub_ps,
};
use std::ops::{Add, Div, Mul, Sub};

use half::bf16;

use super::{Kernel, LANES, Simd, Vector};
use crate::Element;

/// The proof of AVX2 and FMA.
#[derive(Clone, Copy)]
pub(super) struct Avx2(());

/// Runs a kernel compiled for AVX2.
///
/// # Safety
/// The processor has AVX2 and FMA.
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn run<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Avx2(()))
}

/// Sixteen numbers; exists only where [`Avx2`] does.
#[derive(Clone, Copy)]
pub(super) struct Numbers(__m256, __m256);

impl Simd for Avx2 {
    type V = Numbers;
    type Pairs = (Numbers, Numbers);
    type Ints = (__m256i, __m256i);
    type Codes = [(__m256i, __m256i); 2];

    const GEMM_ROWS: usize = 4;

    #[inline(always)]
    fn splat(self, x: f32) -> Numbers {
        // SAFETY: `self` proves AVX2.
        let x = unsafe { _mm256_set1_ps(x) };
        Numbers(x, x)
    }

    #[inline(always)]
    fn load(self, x: &[f32; LANES]) -> Numbers {
        // SAFETY: `self` proves AVX2; sixteen numbers are readable.
        unsafe {
            Numbers(
                _mm256_loadu_ps(x.as_ptr()),
                _mm256_loadu_ps(x.as_ptr().add(8)),
            )
        }
    }

    #[inline(always)]
    fn load_bf16(self, x: &[bf16; LANES]) -> Numbers {
        let (low, high) = x.split_at(8);
        // SAFETY: `self` proves AVX2; eight elements are readable from each half.
        unsafe { Numbers(widen(low.as_ptr()), widen(high.as_ptr())) }
    }

    #[inline(always)]
    fn load_pairs(self, x: &[bf16; 2 * LANES]) -> (Numbers, Numbers) {
        // SAFETY: `self` proves AVX2; thirty-two elements are readable.
        unsafe {
            let (low, high) = (pairs(x.as_ptr()), pairs(x.as_ptr().add(LANES)));
            (Numbers(low.0, high.0), Numbers(low.1, high.1))
        }
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
        let x = x.as_ptr();
        // SAFETY: `self` proves AVX2; sixteen numbers are readable.
        unsafe {
            [x, x.add(8)]
                .map(|x| _mm256_loadu_si256(x.cast::<__m256i>()))
                .into()
        }
    }

    #[inline(always)]
    fn numbers(self, x: Self::Ints) -> Numbers {
        // SAFETY: `self` proves AVX2.
        unsafe { Numbers(_mm256_cvtepi32_ps(x.0), _mm256_cvtepi32_ps(x.1)) }
    }

    /// Codes at even and at odd places, sixteen bits each.
    #[inline(always)]
    fn load_codes(self, x: &[i32; LANES]) -> Self::Codes {
        let (low, high) = self.load_ints(x);
        // SAFETY: `self` proves AVX2.
        unsafe {
            let even = |x| _mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(x));
            [
                (even(low), even(high)),
                (_mm256_srai_epi16::<8>(low), _mm256_srai_epi16::<8>(high)),
            ]
        }
    }

    #[inline(always)]
    fn splat_codes(self, [[a, b], [c, d]]: [[u8; 2]; 2]) -> Self::Codes {
        // SAFETY: `self` proves AVX2.
        let splat =
            |low, high| unsafe { _mm256_set1_epi32(i32::from(low) | i32::from(high) << 16) };
        let (even, odd) = (splat(a, c), splat(b, d));
        [(even, even), (odd, odd)]
    }

    #[inline(always)]
    fn dot_codes(self, x: Self::Codes, y: Self::Codes, sum: Self::Ints) -> Self::Ints {
        // SAFETY: `self` proves AVX2.
        unsafe {
            let low = _mm256_add_epi32(sum.0, _mm256_madd_epi16(x[0].0, y[0].0));
            let high = _mm256_add_epi32(sum.1, _mm256_madd_epi16(x[0].1, y[0].1));
            (
                _mm256_add_epi32(low, _mm256_madd_epi16(x[1].0, y[1].0)),
                _mm256_add_epi32(high, _mm256_madd_epi16(x[1].1, y[1].1)),
            )
        }
    }
}

/// # Safety
/// The processor has AVX2; eight elements are readable.
#[inline(always)]
unsafe fn widen(x: *const bf16) -> __m256 {
    // SAFETY: as the caller promises.
    unsafe {
        let bits = _mm256_cvtepu16_epi32(_mm_loadu_si128(x.cast::<__m128i>()));
        _mm256_castsi256_ps(_mm256_slli_epi32::<16>(bits))
    }
}

/// Eight numbers at even and eight at odd places.
///
/// # Safety
/// The processor has AVX2; sixteen elements are readable.
#[inline(always)]
unsafe fn pairs(x: *const bf16) -> (__m256, __m256) {
    // SAFETY: as the caller promises.
    unsafe {
        let bits = _mm256_loadu_si256(x.cast::<__m256i>());
        let upper = _mm256_and_si256(bits, _mm256_set1_epi32(0xffff_0000_u32 as i32));
        (
            _mm256_castsi256_ps(_mm256_slli_epi32::<16>(bits)),
            _mm256_castsi256_ps(upper),
        )
    }
}

/// The upper halves of numbers rounded to the nearest, ties to even: adds half of the last place,
/// less one bit where that place is even.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn round(x: __m256) -> __m256i {
    // SAFETY: as the caller promises.
    unsafe {
        let bits = _mm256_castps_si256(x);
        let even = _mm256_and_si256(_mm256_srli_epi32::<16>(bits), _mm256_set1_epi32(1));
        let half = _mm256_add_epi32(even, _mm256_set1_epi32(0x7fff));
        _mm256_srli_epi32::<16>(_mm256_add_epi32(bits, half))
    }
}

/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn power(x: __m256) -> __m256 {
    // SAFETY: as the caller promises.
    unsafe {
        let exponent = _mm256_add_epi32(_mm256_cvtps_epi32(x), _mm256_set1_epi32(127));
        _mm256_castsi256_ps(_mm256_slli_epi32::<23>(exponent))
    }
}

macro_rules! operator {
    ($trait:ident, $method:ident, $instruction:ident) => {
        impl $trait for Numbers {
            type Output = Self;

            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                // SAFETY: a value of this type proves AVX2.
                unsafe { Self($instruction(self.0, other.0), $instruction(self.1, other.1)) }
            }
        }
    };
}

operator!(Add, add, _mm256_add_ps);
operator!(Sub, sub, _mm256_sub_ps);
operator!(Mul, mul, _mm256_mul_ps);
operator!(Div, div, _mm256_div_ps);

impl Vector for Numbers {
    #[inline(always)]
    fn store(self, out: &mut [f32; LANES]) {
        // SAFETY: a value of this type proves AVX2; sixteen numbers are writable.
        unsafe {
            _mm256_storeu_ps(out.as_mut_ptr(), self.0);
            _mm256_storeu_ps(out.as_mut_ptr().add(8), self.1);
        }
    }

    #[inline(always)]
    fn store_bf16(self, out: &mut [bf16; LANES]) {
        // SAFETY: a value of this type proves AVX2; sixteen elements are writable.
        unsafe {
            let packed = _mm256_packus_epi32(round(self.0), round(self.1));
            let packed = _mm256_permute4x64_epi64::<0b11_01_10_00>(packed);
            _mm256_storeu_si256(out.as_mut_ptr().cast::<__m256i>(), packed);
        }
    }

    #[inline(always)]
    fn mul_add(self, x: Self, y: Self) -> Self {
        // SAFETY: a value of this type proves FMA.
        unsafe {
            Self(
                _mm256_fmadd_ps(self.0, x.0, y.0),
                _mm256_fmadd_ps(self.1, x.1, y.1),
            )
        }
    }

    #[inline(always)]
    fn max(self, x: Self) -> Self {
        // SAFETY: a value of this type proves AVX2.
        unsafe { Self(_mm256_max_ps(self.0, x.0), _mm256_max_ps(self.1, x.1)) }
    }

    #[inline(always)]
    fn min(self, x: Self) -> Self {
        // SAFETY: a value of this type proves AVX2.
        unsafe { Self(_mm256_min_ps(self.0, x.0), _mm256_min_ps(self.1, x.1)) }
    }

    #[inline(always)]
    fn round(self) -> Self {
        const NEAREST: i32 = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
        // SAFETY: a value of this type proves AVX2.
        unsafe {
            Self(
                _mm256_round_ps::<NEAREST>(self.0),
                _mm256_round_ps::<NEAREST>(self.1),
            )
        }
    }

    #[inline(always)]
    fn scale_by_power(self, n: Self) -> Self {
        // SAFETY: a value of this type proves AVX2.
        self * unsafe { Self(power(n.0), power(n.1)) }
    }
}
