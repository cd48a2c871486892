//! AVX-512: one register of sixteen, and its BF16 extension, which rounds and multiplies pairs.

#![allow(
    clippy::cast_ptr_alignment,
    reason = "the loads and stores are the unaligned ones"
)]

use std::arch::x86_64::{
    __m128i, __m256bh, __m256i, __m512, __m512bh, __m512i, _MM_FROUND_TO_NEAREST_INT,
    _mm_storeu_si128, _mm256_loadu_si256, _mm256_storeu_si256, _mm512_add_epi32, _mm512_add_ps,
    _mm512_and_si512, _mm512_castps_si512, _mm512_castsi512_ps, _mm512_castsi512_si256,
    _mm512_cvtepi32_epi8, _mm512_cvtepi32_epi16, _mm512_cvtepi32_ps, _mm512_cvtepu16_epi32,
    _mm512_cvtne2ps_pbh, _mm512_cvtneps_pbh, _mm512_cvtps_epi32, _mm512_div_ps, _mm512_dpbf16_ps,
    _mm512_dpbusd_epi32, _mm512_extracti64x4_epi64, _mm512_fmadd_ps, _mm512_loadu_ps,
    _mm512_loadu_si512, _mm512_madd_epi16, _mm512_max_ps, _mm512_min_ps, _mm512_mul_ps,
    _mm512_or_si512, _mm512_permutex2var_epi32, _mm512_reduce_add_ps, _mm512_reduce_max_ps,
    _mm512_roundscale_ps, _mm512_scalef_ps, _mm512_set1_epi32, _mm512_set1_ps, _mm512_slli_epi16,
    _mm512_slli_epi32, _mm512_srai_epi16, _mm512_srli_epi32, _mm512_storeu_ps, _mm512_storeu_si512,
    _mm512_sub_ps,
};
use std::ops::{Add, Div, Mul, Sub};

use half::bf16;

use super::{Kernel, LANES, Simd, Vector};

/// The proof of AVX-512 F, BW, VL and DQ, and with `BF16` of its extensions BF16 and VNNI.
#[derive(Clone, Copy)]
pub(super) struct Avx512<const BF16: bool> {
    tiles: bool,
}

/// Runs a kernel compiled for AVX-512.
///
/// # Safety
/// The processor has AVX-512 F, BW, VL and DQ.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,fma")]
pub(super) unsafe fn run<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Avx512::<false> { tiles: false })
}

/// Runs a kernel compiled for AVX-512 with BF16.
///
/// # Safety
/// The processor has AVX-512 F, BW, VL, DQ, BF16 and VNNI, and with `tiles` AMX that is enabled.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,avx512vnni,fma")]
pub(super) unsafe fn run_bf16<K: Kernel>(kernel: K, tiles: bool) -> K::Output {
    kernel.run(Avx512::<true> { tiles })
}

/// Thirty-two bf16; exists only where [`Avx512`] does.
#[derive(Clone, Copy)]
pub(super) struct Pairs<const BF16: bool>(__m512i);

impl<const BF16: bool> Pairs<BF16> {
    /// The numbers at even and at odd places.
    #[inline(always)]
    fn widen(self) -> (Numbers<BF16>, Numbers<BF16>) {
        // SAFETY: a value of this type proves AVX-512.
        unsafe {
            let upper = _mm512_and_si512(self.0, _mm512_set1_epi32(0xffff_0000_u32 as i32));
            let lower = _mm512_slli_epi32::<16>(self.0);
            (
                Numbers(_mm512_castsi512_ps(lower)),
                Numbers(_mm512_castsi512_ps(upper)),
            )
        }
    }
}

/// Sixty-four codes, four in each lane; exists only where [`Avx512`] does.
#[derive(Clone, Copy)]
pub(super) struct Codes<const BF16: bool> {
    /// As they are stored where the processor multiplies bytes, else those at even places, sixteen bits each.
    all_or_even: __m512i,
    /// Those at odd places.
    odd: __m512i,
}

/// Sixteen numbers; exists only where [`Avx512`] does.
#[derive(Clone, Copy)]
pub(super) struct Numbers<const BF16: bool>(__m512);

impl<const BF16: bool> Numbers<BF16> {
    /// The bits of a bf16 in the upper half of each lane, the lower half zero.
    #[inline(always)]
    fn rounded(self) -> __m512i {
        // SAFETY: a value of this type proves AVX-512.
        unsafe {
            // Nearest, ties to even, as in `Element::from_f32`.
            let bits = _mm512_castps_si512(self.0);
            let even = _mm512_and_si512(_mm512_srli_epi32::<16>(bits), _mm512_set1_epi32(1));
            let half = _mm512_add_epi32(even, _mm512_set1_epi32(0x7fff));
            let mask = _mm512_set1_epi32(0xffff_0000_u32 as i32);
            _mm512_and_si512(_mm512_add_epi32(bits, half), mask)
        }
    }
}

impl<const BF16: bool> Simd for Avx512<BF16> {
    type V = Numbers<BF16>;
    type Pairs = Pairs<BF16>;
    type Ints = __m512i;
    type Codes = Codes<BF16>;

    const GEMM_ROWS: usize = 8;

    #[inline(always)]
    fn has_tiles(self) -> bool {
        self.tiles
    }

    #[inline(always)]
    fn splat(self, x: f32) -> Self::V {
        // SAFETY: `self` proves AVX-512.
        Numbers(unsafe { _mm512_set1_ps(x) })
    }

    #[inline(always)]
    fn load(self, x: &[f32; LANES]) -> Self::V {
        // SAFETY: `self` proves AVX-512; sixteen numbers are readable.
        Numbers(unsafe { _mm512_loadu_ps(x.as_ptr()) })
    }

    #[inline(always)]
    fn load_bf16(self, x: &[bf16; LANES]) -> Self::V {
        // SAFETY: `self` proves AVX-512; sixteen elements are readable.
        Numbers(unsafe {
            let bits = _mm256_loadu_si256(x.as_ptr().cast::<__m256i>());
            _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(bits)))
        })
    }

    #[inline(always)]
    fn load_pairs(self, x: &[bf16; 2 * LANES]) -> (Self::V, Self::V) {
        self.load_factors(x).widen()
    }

    #[inline(always)]
    fn load_factors(self, x: &[bf16; 2 * LANES]) -> Self::Pairs {
        // SAFETY: `self` proves AVX-512; thirty-two elements are readable.
        Pairs(unsafe { _mm512_loadu_si512(x.as_ptr().cast::<__m512i>()) })
    }

    #[inline(always)]
    fn splat_pair(self, x: [bf16; 2]) -> Self::Pairs {
        let bits = u32::from(x[1].to_bits()) << 16 | u32::from(x[0].to_bits());
        // SAFETY: `self` proves AVX-512.
        Pairs(unsafe { _mm512_set1_epi32(bits as i32) })
    }

    #[inline(always)]
    fn dot(self, x: Self::Pairs, y: Self::Pairs, sum: Self::V) -> Self::V {
        // SAFETY: `self` proves AVX-512, with `BF16` that extension.
        unsafe {
            if BF16 {
                let [x, y] = [x.0, y.0].map(|bits| std::mem::transmute::<__m512i, __m512bh>(bits));
                Numbers(_mm512_dpbf16_ps(sum.0, x, y))
            } else {
                let (x, y) = (x.widen(), y.widen());
                x.1.mul_add(y.1, x.0.mul_add(y.0, sum))
            }
        }
    }

    #[inline(always)]
    fn load_ints(self, x: &[i32; LANES]) -> __m512i {
        // SAFETY: `self` proves AVX-512; sixteen numbers are readable.
        unsafe { _mm512_loadu_si512(x.as_ptr().cast::<__m512i>()) }
    }

    #[inline(always)]
    fn numbers(self, x: __m512i) -> Self::V {
        // SAFETY: `self` proves AVX-512.
        Numbers(unsafe { _mm512_cvtepi32_ps(x) })
    }

    #[inline(always)]
    fn load_codes(self, x: &[i32; LANES]) -> Self::Codes {
        let all = self.load_ints(x);
        // SAFETY: `self` proves AVX-512.
        unsafe {
            let even = _mm512_srai_epi16::<8>(_mm512_slli_epi16::<8>(all));
            Codes {
                all_or_even: if BF16 { all } else { even },
                odd: _mm512_srai_epi16::<8>(all),
            }
        }
    }

    #[inline(always)]
    fn splat_codes(self, [[a, b], [c, d]]: [[u8; 2]; 2]) -> Self::Codes {
        let even = i32::from(a) | i32::from(c) << 16;
        let all = i32::from_ne_bytes([a, b, c, d]);
        // SAFETY: `self` proves AVX-512.
        unsafe {
            Codes {
                all_or_even: _mm512_set1_epi32(if BF16 { all } else { even }),
                odd: _mm512_set1_epi32(i32::from(b) | i32::from(d) << 16),
            }
        }
    }

    #[inline(always)]
    fn dot_codes(self, x: Self::Codes, y: Self::Codes, sum: __m512i) -> __m512i {
        // SAFETY: `self` proves AVX-512, with `BF16` also VNNI.
        unsafe {
            if BF16 {
                _mm512_dpbusd_epi32(sum, x.all_or_even, y.all_or_even)
            } else {
                let even = _mm512_madd_epi16(x.all_or_even, y.all_or_even);
                let odd = _mm512_madd_epi16(x.odd, y.odd);
                _mm512_add_epi32(_mm512_add_epi32(sum, even), odd)
            }
        }
    }

    #[inline(always)]
    fn turn(self, lines: &mut [[bf16; 2 * LANES]; LANES]) {
        let mut square = [self.load_factors(&lines[0]).0; LANES];
        for i in 1..LANES {
            square[i] = self.load_factors(&lines[i]).0;
        }
        // SAFETY: `self` proves AVX-512; thirty-two elements of each line are writable.
        unsafe {
            exchange::<1>(&mut square);
            exchange::<2>(&mut square);
            exchange::<4>(&mut square);
            exchange::<8>(&mut square);
            for (line, register) in lines.iter_mut().zip(square) {
                _mm512_storeu_si512(line.as_mut_ptr().cast::<__m512i>(), register);
            }
        }
    }
}

/// A register for each line of a square.
type Square = [__m512i; LANES];

/// Exchanges one bit, `STEP`, of the numbers of lines and lanes: with all four bits the square is turned.
///
/// # Safety
/// The processor has AVX-512 F.
#[inline(always)]
unsafe fn exchange<const STEP: usize>(square: &mut Square) {
    // Lanes of the first line as they are, those of the second from sixteen on.
    let low = std::array::from_fn(|lane| {
        if lane & STEP == 0 {
            lane
        } else {
            LANES + (lane ^ STEP)
        }
    });
    let high = std::array::from_fn(|lane| {
        if lane & STEP == 0 {
            lane | STEP
        } else {
            LANES + lane
        }
    });
    let [low, high]: [[i32; LANES]; 2] =
        [low, high].map(|lanes: [usize; LANES]| lanes.map(|x| x as i32));
    for i in (0..LANES).filter(|i| i & STEP == 0) {
        let [x, y] = [square[i], square[i | STEP]];
        // SAFETY: sixteen lanes are readable; the caller has the instructions.
        unsafe {
            square[i] = _mm512_permutex2var_epi32(x, _mm512_loadu_si512(low.as_ptr().cast()), y);
            square[i | STEP] =
                _mm512_permutex2var_epi32(x, _mm512_loadu_si512(high.as_ptr().cast()), y);
        }
    }
}

macro_rules! operator {
    ($trait:ident, $method:ident, $instruction:ident) => {
        impl<const BF16: bool> $trait for Numbers<BF16> {
            type Output = Self;

            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                // SAFETY: a value of this type proves AVX-512.
                Self(unsafe { $instruction(self.0, other.0) })
            }
        }
    };
}

operator!(Add, add, _mm512_add_ps);
operator!(Sub, sub, _mm512_sub_ps);
operator!(Mul, mul, _mm512_mul_ps);
operator!(Div, div, _mm512_div_ps);

impl<const BF16: bool> Vector for Numbers<BF16> {
    #[inline(always)]
    fn store(self, out: &mut [f32; LANES]) {
        // SAFETY: a value of this type proves AVX-512; sixteen numbers are writable.
        unsafe { _mm512_storeu_ps(out.as_mut_ptr(), self.0) }
    }

    #[inline(always)]
    fn store_bf16(self, out: &mut [bf16; LANES]) {
        // SAFETY: a value of this type proves AVX-512, with `BF16` that extension; sixteen
        // elements are writable.
        unsafe {
            let packed = if BF16 {
                std::mem::transmute::<__m256bh, __m256i>(_mm512_cvtneps_pbh(self.0))
            } else {
                _mm512_cvtepi32_epi16(_mm512_srli_epi32::<16>(self.rounded()))
            };
            _mm256_storeu_si256(out.as_mut_ptr().cast::<__m256i>(), packed);
        }
    }

    #[inline(always)]
    fn store_pairs(self, odd: Self, out: &mut [bf16; 2 * LANES]) {
        // SAFETY: a value of this type proves AVX-512, with `BF16` that extension; thirty-two elements
        // are writable.
        unsafe {
            let bits = if BF16 {
                // Whole registers are rounded into one, the odd ones above the even ones.
                let both = _mm512_cvtne2ps_pbh(odd.0, self.0);
                let both = std::mem::transmute::<__m512bh, __m512i>(both);
                let even = _mm512_cvtepu16_epi32(_mm512_castsi512_si256(both));
                let odd = _mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64::<1>(both));
                _mm512_or_si512(even, _mm512_slli_epi32::<16>(odd))
            } else {
                let [even, odd] = [self, odd].map(Numbers::rounded);
                _mm512_or_si512(_mm512_srli_epi32::<16>(even), odd)
            };
            _mm512_storeu_si512(out.as_mut_ptr().cast::<__m512i>(), bits);
        }
    }

    #[inline(always)]
    fn store_bytes(self, out: &mut [u8; LANES]) {
        // SAFETY: a value of this type proves AVX-512; sixteen bytes are writable.
        unsafe {
            let bytes = _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(self.0));
            _mm_storeu_si128(out.as_mut_ptr().cast::<__m128i>(), bytes);
        }
    }

    #[inline(always)]
    fn mul_add(self, x: Self, y: Self) -> Self {
        // SAFETY: a value of this type proves AVX-512.
        Self(unsafe { _mm512_fmadd_ps(self.0, x.0, y.0) })
    }

    #[inline(always)]
    fn max(self, x: Self) -> Self {
        // SAFETY: a value of this type proves AVX-512.
        Self(unsafe { _mm512_max_ps(self.0, x.0) })
    }

    #[inline(always)]
    fn min(self, x: Self) -> Self {
        // SAFETY: a value of this type proves AVX-512.
        Self(unsafe { _mm512_min_ps(self.0, x.0) })
    }

    #[inline(always)]
    fn sum(self) -> f32 {
        // SAFETY: a value of this type proves AVX-512.
        unsafe { _mm512_reduce_add_ps(self.0) }
    }

    #[inline(always)]
    fn max_lane(self) -> f32 {
        // SAFETY: a value of this type proves AVX-512.
        unsafe { _mm512_reduce_max_ps(self.0) }
    }

    #[inline(always)]
    fn round(self) -> Self {
        // SAFETY: a value of this type proves AVX-512.
        Self(unsafe { _mm512_roundscale_ps::<_MM_FROUND_TO_NEAREST_INT>(self.0) })
    }

    #[inline(always)]
    fn scale_by_power(self, n: Self) -> Self {
        // SAFETY: a value of this type proves AVX-512.
        Self(unsafe { _mm512_scalef_ps(self.0, n.0) })
    }
}
