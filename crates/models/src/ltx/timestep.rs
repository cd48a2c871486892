//! The embedding of a timestep.

use kinora_nn::{Linear, Weights, WeightsError};
use kinora_tensor::{Activation, Precision, Tensor};

/// Sines and cosines of a timestep, half of each.
const WAVES: usize = 256;

/// Two layers over sines and cosines of timesteps.
///
/// Reference: `PixArtAlphaCombinedTimestepSizeEmbeddings` without sizes, `models/embeddings.py`.
pub(super) struct TimestepEmbedder {
    linear_1: Linear,
    linear_2: Linear,
}

impl TimestepEmbedder {
    /// Reads `timestep_embedder.linear_1` and `linear_2`.
    pub(super) fn load(weights: &Weights, size: usize) -> Result<Self, WeightsError> {
        // Timesteps are few: their layers stay exact at no cost.
        let at = weights.at("timestep_embedder").in_precision(Precision::F32);
        Ok(Self {
            linear_1: Linear::load(&at.at("linear_1"), size, WAVES)?,
            linear_2: Linear::load(&at.at("linear_2"), size, size)?,
        })
    }

    /// `[timesteps.len(), size]`.
    pub(super) fn forward(&self, timesteps: &[f32]) -> Tensor {
        let waves = waves(timesteps);
        let hidden = self.linear_1.forward_activation(&waves, Activation::Silu);
        self.linear_2.forward(&hidden)
    }
}

/// Cosines, then sines: `[timesteps.len(), 256]`.
///
/// In f32 as the reference computes them: a timestep of 1000 times a frequency has an error of its
/// own there.
fn waves(timesteps: &[f32]) -> Tensor {
    let half = WAVES / 2;
    let period = -(10_000_f64.ln()) as f32;
    Tensor::from_fn(&[timesteps.len(), WAVES], |i| {
        let (row, wave) = (i / WAVES, i % WAVES);
        let exponent = period * (wave % half) as f32 / half as f32;
        let angle = timesteps[row] * f64::from(exponent).exp() as f32;
        if wave < half {
            f64::from(angle).cos() as f32
        } else {
            f64::from(angle).sin() as f32
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cosines_come_first_and_the_slowest_wave_last() {
        let waves = waves(&[0.0, 1.0]);
        let (zero, one) = waves.as_f32().split_at(WAVES);
        assert_eq!(
            (zero[0], zero[127], zero[128], zero[255]),
            (1.0, 1.0, 0.0, 0.0)
        );
        assert!((one[0] - 1_f32.cos()).abs() < 1e-7 && (one[128] - 1_f32.sin()).abs() < 1e-7);
        let slowest = 10_000_f64.powf(-127.0 / 128.0) as f32;
        assert!((one[255] - slowest).abs() < 1e-8);
    }
}
