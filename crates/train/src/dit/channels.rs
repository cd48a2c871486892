//! How much each channel of a latent counts.
//!
//! All channels vary alike, for latents are normalised, but the decoder makes far more of some than of others:
//! of kinora-1's 48 channels 16 make seven tenths of what changes in the picture. A squared error that
//! counts them alike spends most of itself on what nobody sees.

use kinora_filmset::program::Aspect;
use kinora_filmset::script::Split;
use kinora_filmset::script::random::Rng;
use kinora_tensor::Tensor;

use crate::cache::film;
use crate::data::Source;
use crate::eval::model::Codec;

/// Clips that are looked at, and the frames of each.
const CLIPS: u64 = 4;
const FRAMES: u32 = 9;
/// Rows and columns of latents that are looked at: the middle of the picture.
const ROWS: [usize; 2] = [2, 8];
const COLUMNS: [usize; 2] = [4, 12];
/// How far a channel is moved, in standard deviations.
const STEP: f32 = 0.3;

/// Weights of the channels, 1 in the mean: `share` of them follows the squared change of the decoded
/// picture when a channel moves, the rest is the same for all.
pub fn weights(codec: &Codec, share: f32) -> Vec<f32> {
    let source = Source::new(FRAMES, Some(Aspect::Wide), Split::Train);
    let mut sums: Vec<f64> = Vec::new();
    let mut rng = Rng::new(1);
    for seed in 0..CLIPS {
        let latents = middle(&codec.encode(&film(&source.draw(seed)).0));
        let channels = latents.last_dim();
        sums.resize(channels, 0.0);
        let still = codec.decode(&latents);
        let steps: Vec<f32> = (0..latents.len() / channels)
            .map(|_| if rng.chance(0.5) { STEP } else { -STEP })
            .collect();
        for (channel, sum) in sums.iter_mut().enumerate() {
            let values = latents.as_f32();
            let moved = Tensor::from_fn(latents.shape(), |i| {
                let is_it = i % channels == channel;
                values[i] + if is_it { steps[i / channels] } else { 0.0 }
            });
            let pixels = codec.decode(&moved);
            let changes = pixels.iter().zip(&still);
            *sum += changes.map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>();
        }
    }
    let mean = sums.iter().sum::<f64>() / sums.len() as f64;
    let share = f64::from(share);
    sums.iter()
        .map(|sum| (1.0 - share + share * sum / mean) as f32)
        .collect()
}

fn middle(latents: &Tensor) -> Tensor {
    latents
        .narrow(1, ROWS[0]..ROWS[1])
        .narrow(2, COLUMNS[0]..COLUMNS[1])
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn what_the_decoder_makes_more_of_counts_more() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/weights/kinora-1");
        let codec = Codec::load(&folder).expect("the shipped codec");
        let weights = weights(&codec, 0.75);
        let mean = weights.iter().sum::<f32>() / weights.len() as f32;
        assert!((mean - 1.0).abs() < 1e-4, "{mean}");
        let (least, most) = (
            weights.iter().copied().fold(f32::INFINITY, f32::min),
            weights.iter().copied().fold(0.0, f32::max),
        );
        assert!(0.25 < least && least < 0.4 && most > 2.0, "{weights:?}");
        assert!(
            super::weights(&codec, 0.0)
                .iter()
                .all(|weight| (weight - 1.0).abs() < 1e-6)
        );
    }
}
