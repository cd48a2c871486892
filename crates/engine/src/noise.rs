//! Random numbers that are the same on every machine: the seed decides them, nothing else does.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// Standard normal numbers by the Box-Muller transform over `ChaCha8`.
pub struct Gaussian {
    rng: ChaCha8Rng,
    spare: Option<f32>,
}

impl Gaussian {
    /// The stream of this seed.
    pub fn new(seed: u64) -> Self {
        Self {
            rng: ChaCha8Rng::seed_from_u64(seed),
            spare: None,
        }
    }

    /// The next number.
    pub fn next(&mut self) -> f32 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        // In (0, 1], so that the logarithm is finite.
        let uniform = |rng: &mut ChaCha8Rng| (f64::from(rng.next_u32()) + 1.0) / 4_294_967_296.0;
        let radius = (-2.0 * uniform(&mut self.rng).ln()).sqrt();
        let (sin, cos) = (std::f64::consts::TAU * uniform(&mut self.rng)).sin_cos();
        self.spare = Some((radius * sin) as f32);
        (radius * cos) as f32
    }
}

/// Scatters the bits of `x` (the finaliser of `SplitMix64`).
pub const fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// A seed for those who name none: below 2^32, so that it is short to type and exact in JSON.
pub fn random_seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    // The standard library keys its hash maps from the system's random source.
    mix(RandomState::new().hash_one(std::process::id())) >> 32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_standard_normal() {
        let mut gaussian = Gaussian::new(7);
        let numbers: Vec<f64> = (0..100_000).map(|_| f64::from(gaussian.next())).collect();
        let moment = |k| numbers.iter().map(|x| x.powi(k)).sum::<f64>() / numbers.len() as f64;
        let moments = [moment(1), moment(2), moment(3), moment(4)];
        for (got, want) in moments.into_iter().zip([0.0, 1.0, 0.0, 3.0]) {
            assert!((got - want).abs() < 0.08, "{moments:?}");
        }
    }

    #[test]
    fn the_seed_decides_the_stream() {
        let first = |seed| Gaussian::new(seed).next();
        assert_eq!(first(1).to_bits(), first(1).to_bits());
        assert_ne!(first(1).to_bits(), first(2).to_bits());
        assert_ne!(random_seed(), random_seed());
        assert!(u32::try_from(random_seed()).is_ok());
    }
}
