//! The bare multiply loop: how fast this machine multiplies when nothing is loaded or stored. What
//! share of it an operation reaches says how good a kernel is on any machine.

#![allow(clippy::inline_always, reason = "see `simd`")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use half::bf16;

use super::Isa;
#[cfg(target_arch = "x86_64")]
use super::amx::Tiles;
use super::pool::{parallel_map, threads};
use super::simd::{Kernel, LANES, Simd, Vector, dispatch};
use crate::{Precision, flops};

/// One measurement takes at least this long, so that waking the threads does not count.
const LEAST: Duration = Duration::from_millis(2);

/// Operations a second of the instruction in use for products of this precision, on all threads: the
/// best of many short measurements within `patience`.
///
/// The instruction is the tile product of AMX or the product of bf16 pairs where the processor has
/// them and the precision is bf16; for eight bits the same of bytes, or of pairs of 16 bits where there is
/// none; else the fused product and sum of f32. Each thread keeps as many
/// independent sums as the processor needs to be busy, all in registers.
pub fn peak_flops(precision: Precision, patience: Duration) -> f64 {
    let isa = Isa::current();
    let (mut rounds, mut best) = (1 << 12, 0.0_f64);
    let start = Instant::now();
    while start.elapsed() < patience {
        let began = Instant::now();
        let done = parallel_map(threads(), |_| {
            dispatch(
                isa,
                Spin {
                    isa,
                    precision,
                    rounds,
                },
            )
        });
        let seconds = began.elapsed();
        best = best.max(done.iter().sum::<u64>() as f64 / seconds.as_secs_f64());
        if seconds < LEAST {
            rounds *= 2;
        }
    }
    best
}

/// One thread's part; gives its operations.
struct Spin {
    isa: Isa,
    precision: Precision,
    rounds: u64,
}

impl Kernel for Spin {
    type Output = u64;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> u64 {
        let Self {
            isa,
            precision,
            rounds,
        } = self;
        match (isa, precision) {
            #[cfg(target_arch = "x86_64")]
            (Isa::Amx, Precision::Bf16) => tiles(s).spin(rounds),
            #[cfg(target_arch = "x86_64")]
            (Isa::Amx, Precision::Int8) => tiles(s).spin_codes(rounds),
            (_, Precision::Int8) if S::GEMM_ROWS == 8 => spin_codes::<S, 16>(s, rounds),
            (_, Precision::Int8) => spin_codes::<S, 4>(s, rounds),
            // As many sums as `gemm` keeps in registers, or a few more where it keeps few.
            (Isa::Avx512Bf16, Precision::Bf16) => spin_pairs::<S, 16>(s, rounds),
            _ if S::GEMM_ROWS == 8 => spin_numbers::<S, 16>(s, rounds),
            _ => spin_numbers::<S, 6>(s, rounds),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn tiles<S: Simd>(s: S) -> Tiles {
    Tiles::of(s).expect("a loop over tiles needs AMX")
}

/// Products of codes into `N` sums.
#[inline(always)]
fn spin_codes<S: Simd, const N: usize>(s: S, rounds: u64) -> u64 {
    let x = s.splat_codes(black_box([[1, 2], [3, 4]]));
    let y = s.load_codes(black_box(&[0x0102_0304; LANES]));
    let mut sums = [s.load_ints(black_box(&[0; LANES])); N];
    let mut i = 0;
    while i < N {
        sums[i] = s.load_ints(black_box(&[i as i32; LANES]));
        i += 1;
    }
    for _ in 0..rounds {
        for sum in &mut sums {
            *sum = s.dot_codes(x, y, *sum);
        }
    }
    let mut total = s.splat(0.0);
    for sum in sums {
        total = total + s.numbers(sum);
    }
    black_box(total.sum());
    rounds * flops::linear(N, 4, LANES)
}

/// Products of pairs into `N` sums.
#[inline(always)]
fn spin_pairs<S: Simd, const N: usize>(s: S, rounds: u64) -> u64 {
    let [x, y] = [0.5, 0.25].map(|x| s.splat_pair(black_box([bf16::from_f32(x); 2])));
    let mut sums = starts::<S, N>(s);
    for _ in 0..rounds {
        for sum in &mut sums {
            *sum = s.dot(x, y, *sum);
        }
    }
    finish(s, &sums);
    rounds * flops::linear(N, 2, LANES)
}

/// Fused products and sums in `N` registers. The sum is a factor of its successor, so that no product
/// is the same in every round.
#[inline(always)]
fn spin_numbers<S: Simd, const N: usize>(s: S, rounds: u64) -> u64 {
    let [x, y] = [0.5, 0.25].map(|x| s.splat(black_box(x)));
    let mut sums = starts::<S, N>(s);
    for _ in 0..rounds {
        for sum in &mut sums {
            *sum = sum.mul_add(x, y);
        }
    }
    finish(s, &sums);
    rounds * flops::linear(N, 1, LANES)
}

/// Sums that the compiler cannot take for one another.
#[inline(always)]
fn starts<S: Simd, const N: usize>(s: S) -> [S::V; N] {
    let mut sums = [s.splat(0.0); N];
    let mut i = 0;
    while i < N {
        sums[i] = s.splat(black_box(i as f32));
        i += 1;
    }
    sums
}

#[inline(always)]
fn finish<S: Simd, const N: usize>(s: S, sums: &[S::V; N]) {
    let mut total = s.splat(0.0);
    for &sum in sums {
        total = total + sum;
    }
    black_box(total.sum());
}
