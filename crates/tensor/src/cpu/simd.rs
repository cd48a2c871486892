//! Sixteen numbers at a time, written once and compiled for each instruction set.
//!
//! A kernel is a [`Kernel`], generic over [`Simd`]; [`dispatch`] runs the version for an
//! instruction set. A value of a `Simd` type is the proof that the processor has its instructions,
//! and vectors are made from it alone, so kernels need no `unsafe` for arithmetic. All of them are
//! `#[inline(always)]`, as code is compiled for an instruction set only where it ends up in one of
//! the functions that `dispatch` calls. Closures cannot promise that: no vectors inside closures.

#![allow(unsafe_code)]
#![allow(clippy::inline_always, reason = "see above")]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod math;
mod portable;

pub(super) use math::Math;

use std::ops::{Add, Div, Mul, Range, Sub};

use half::bf16;

use super::Isa;
use crate::Element;
use crate::packed::{PANEL, SLICE};

/// How many numbers a vector holds, on every instruction set.
pub(super) const LANES: usize = 16;

/// An instruction set that this processor has.
pub(crate) trait Simd: Copy {
    /// Sixteen numbers.
    type V: Vector;

    /// Thirty-two bf16, as factors of [`Simd::dot`].
    type Pairs: Copy;

    /// Rows of a matrix product that fit in registers.
    const GEMM_ROWS: usize;

    /// Whether the processor has AMX tiles beside its vectors.
    fn has_tiles(self) -> bool {
        false
    }

    fn splat(self, x: f32) -> Self::V;
    fn load(self, x: &[f32; LANES]) -> Self::V;
    fn load_bf16(self, x: &[bf16; LANES]) -> Self::V;

    /// The numbers at even and at odd places.
    fn load_pairs(self, x: &[bf16; 2 * LANES]) -> (Self::V, Self::V);

    fn load_factors(self, x: &[bf16; 2 * LANES]) -> Self::Pairs;

    /// The same pair sixteen times.
    fn splat_pair(self, x: [bf16; 2]) -> Self::Pairs;

    /// `sum + x y`, both products of each pair added.
    fn dot(self, x: Self::Pairs, y: Self::Pairs, sum: Self::V) -> Self::V;

    /// Sixteen whole numbers.
    type Ints: Copy;

    /// Four codes in each lane, as factors of [`Simd::dot_codes`].
    type Codes: Copy;

    fn load_ints(self, x: &[i32; LANES]) -> Self::Ints;

    /// The nearest numbers.
    fn numbers(self, x: Self::Ints) -> Self::V;

    /// Signed codes, four in each lane.
    fn load_codes(self, x: &[i32; LANES]) -> Self::Codes;

    /// The same four unsigned codes in each lane.
    fn splat_codes(self, x: [[u8; 2]; 2]) -> Self::Codes;

    /// `sum` and the products of four unsigned and four signed codes of each lane, exactly.
    fn dot_codes(self, x: Self::Codes, y: Self::Codes, sum: Self::Ints) -> Self::Ints;

    /// Turns a square of pairs: pair `j` of line `i` becomes pair `i` of line `j`.
    #[inline(always)]
    fn turn(self, lines: &mut [[bf16; 2 * LANES]; LANES]) {
        for i in 0..LANES {
            for j in i + 1..LANES {
                for k in 0..2 {
                    let [above, below] = [lines[i][2 * j + k], lines[j][2 * i + k]];
                    lines[i][2 * j + k] = below;
                    lines[j][2 * i + k] = above;
                }
            }
        }
    }
}

/// Sixteen numbers.
pub(crate) trait Vector:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self>
{
    fn store(self, out: &mut [f32; LANES]);
    fn store_bf16(self, out: &mut [bf16; LANES]);

    /// These numbers at even places, `odd` at odd ones.
    #[inline(always)]
    fn store_pairs(self, odd: Self, out: &mut [bf16; 2 * LANES]) {
        let mut lanes = [[bf16::ZERO; LANES]; 2];
        self.store_bf16(&mut lanes[0]);
        odd.store_bf16(&mut lanes[1]);
        let [even, odd] = &lanes;
        for ((pair, even), odd) in out.as_chunks_mut::<2>().0.iter_mut().zip(even).zip(odd) {
            *pair = [*even, *odd];
        }
    }

    /// Whole numbers from 0 to 255; NaN as any.
    #[inline(always)]
    fn store_bytes(self, out: &mut [u8; LANES]) {
        let mut lanes = [0.0; LANES];
        self.store(&mut lanes);
        *out = lanes.map(|x| x as u8);
    }

    /// `self * x + y`, rounded once where the processor can.
    fn mul_add(self, x: Self, y: Self) -> Self;
    fn max(self, x: Self) -> Self;
    fn min(self, x: Self) -> Self;

    /// The nearest integer, for numbers of less than 2^22.
    fn round(self) -> Self;

    /// `self * 2^n` for integers `n` from -126 to 127.
    fn scale_by_power(self, n: Self) -> Self;

    /// The sum of all lanes, the upper half added to the lower until one is left.
    #[inline(always)]
    fn sum(self) -> f32 {
        fold(self, |a, b| a + b)
    }

    /// The greatest lane.
    #[inline(always)]
    fn max_lane(self) -> f32 {
        fold(self, |a, b| if a > b { a } else { b })
    }
}

#[inline(always)]
fn fold<V: Vector>(x: V, f: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [0.0; LANES];
    x.store(&mut lanes);
    for half in [8, 4, 2, 1] {
        for i in 0..half {
            lanes[i] = f(lanes[i], lanes[i + half]);
        }
    }
    lanes[0]
}

/// An element that vectors are loaded from.
pub(crate) trait SimdElement: Element {
    fn load<S: Simd>(s: S, x: &[Self; LANES]) -> S::V;
    fn store<V: Vector>(x: V, out: &mut [Self; LANES]);

    /// Two inputs of sixteen outputs, where they stand in a panel that goes on from the first.
    fn store_inputs<V: Vector>(even: V, odd: V, panel: &mut [Self]);

    /// What [`SimdElement::store_inputs`] stored.
    fn load_inputs<S: Simd>(s: S, panel: &[Self]) -> (S::V, S::V);

    /// Columns of at most 32 rows of `width` as the rows of one tile of a left factor, zeros where there
    /// is nothing; rounded to bf16 with `round`.
    fn turn<S: Simd, T: SimdElement>(
        s: S,
        rows: &[T],
        width: usize,
        columns: Range<usize>,
        tile: &mut [Self],
        round: bool,
    );

    /// A vector of fewer elements, the rest zero.
    #[inline(always)]
    fn load_some<S: Simd>(s: S, x: &[Self]) -> S::V {
        if let Some(x) = x.first_chunk() {
            Self::load(s, x)
        } else {
            let mut all = [Self::default(); LANES];
            all[..x.len()].copy_from_slice(x);
            Self::load(s, &all)
        }
    }

    /// Stores as many lanes as fit.
    #[inline(always)]
    fn store_some<V: Vector>(x: V, out: &mut [Self]) {
        if let Some(out) = out.first_chunk_mut() {
            Self::store(x, out);
        } else {
            let mut all = [Self::default(); LANES];
            Self::store(x, &mut all);
            out.copy_from_slice(&all[..out.len()]);
        }
    }
}

impl SimdElement for f32 {
    #[inline(always)]
    fn load<S: Simd>(s: S, x: &[Self; LANES]) -> S::V {
        s.load(x)
    }

    #[inline(always)]
    fn store<V: Vector>(x: V, out: &mut [Self; LANES]) {
        x.store(out);
    }

    #[inline(always)]
    fn store_inputs<V: Vector>(even: V, odd: V, panel: &mut [Self]) {
        Self::store_some(even, &mut panel[..LANES]);
        Self::store_some(odd, &mut panel[PANEL..PANEL + LANES]);
    }

    #[inline(always)]
    fn load_inputs<S: Simd>(s: S, panel: &[Self]) -> (S::V, S::V) {
        (
            Self::load_some(s, &panel[..LANES]),
            Self::load_some(s, &panel[PANEL..PANEL + LANES]),
        )
    }

    #[inline(always)]
    fn turn<S: Simd, T: SimdElement>(
        _: S,
        rows: &[T],
        width: usize,
        columns: Range<usize>,
        tile: &mut [Self],
        round: bool,
    ) {
        tile.fill(0.0);
        for (r, row) in rows.chunks_exact(width).enumerate() {
            for (c, x) in row[columns.clone()].iter().enumerate() {
                let x = x.to_f32();
                tile[c * SLICE + r] = if round { bf16::from_f32(x).to_f32() } else { x };
            }
        }
    }
}

impl SimdElement for bf16 {
    #[inline(always)]
    fn load<S: Simd>(s: S, x: &[Self; LANES]) -> S::V {
        s.load_bf16(x)
    }

    #[inline(always)]
    fn store<V: Vector>(x: V, out: &mut [Self; LANES]) {
        x.store_bf16(out);
    }

    #[inline(always)]
    fn store_inputs<V: Vector>(even: V, odd: V, panel: &mut [Self]) {
        let line = panel.first_chunk_mut().expect("a line of a panel");
        even.store_pairs(odd, line);
    }

    #[inline(always)]
    fn load_inputs<S: Simd>(s: S, panel: &[Self]) -> (S::V, S::V) {
        s.load_pairs(panel.first_chunk().expect("a line of a panel"))
    }

    #[inline(always)]
    fn turn<S: Simd, T: SimdElement>(
        s: S,
        rows: &[T],
        width: usize,
        columns: Range<usize>,
        tile: &mut [Self],
        _: bool,
    ) {
        let mut lines = [[Self::ZERO; 2 * LANES]; LANES];
        for (line, rows) in lines.iter_mut().zip(rows.chunks(2 * width)) {
            let even = T::load_some(s, &rows[columns.clone()]);
            let odd = match rows.get(width..2 * width) {
                Some(odd) => T::load_some(s, &odd[columns.clone()]),
                None => s.splat(0.0),
            };
            even.store_pairs(odd, line);
        }
        s.turn(&mut lines);
        tile.copy_from_slice(lines.as_flattened());
    }
}

/// Code compiled once for each instruction set. `run` and all that it calls must be
/// `#[inline(always)]`.
pub(crate) trait Kernel {
    /// The result.
    type Output;

    /// The code.
    fn run<S: Simd>(self, s: S) -> Self::Output;
}

/// Runs the version of `kernel` for `isa`.
#[inline]
pub(crate) fn dispatch<K: Kernel>(isa: Isa, kernel: K) -> K::Output {
    match isa {
        Isa::Reference | Isa::Portable => kernel.run(portable::Portable),
        // SAFETY: an `Isa` other than these is only made where the processor has it.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => unsafe { avx2::run(kernel) },
        // SAFETY: as above; AMX includes AVX-512 with BF16.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => unsafe { avx512::run(kernel) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Isa::Avx512Bf16 => unsafe { avx512::run_bf16(kernel, false) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Isa::Amx => unsafe { avx512::run_bf16(kernel, true) },
        #[cfg(not(target_arch = "x86_64"))]
        Isa::Avx2 | Isa::Avx512 | Isa::Avx512Bf16 | Isa::Amx => {
            unreachable!("not available on this processor")
        }
    }
}
