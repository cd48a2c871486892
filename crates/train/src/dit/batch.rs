//! Clips of one step: noised, with what their captions say.

use kinora_filmset::script::random::Rng;
use kinora_models::native::{CameraPath, TextStates};
use kinora_tensor::Tensor;

use super::plan::Bucket;
use super::texts::Texts;
use crate::cache::{Cache, CacheError, Part, Subject};

/// What a latent that a subject covers counts, against one of the background, above and below two noise
/// levels, and in between. Where noise still hides the subject's place a large weight makes it likelier
/// everywhere: at 3 clips showed it twice. Where the place is known, it teaches what is there.
const SUBJECT_WEIGHTS: [f32; 2] = [1.5, 4.0];
const PLACE_HIDDEN: f32 = 0.8;
const PLACE_KNOWN: f32 = 0.5;
/// A subject that covers less than this share of its clip counts as if it covered as much, but no latent
/// more often than the second number says: else a ball teaches a tenth of what a train does.
const LEAST_COVER: f32 = 0.05;
const MOST_OFTEN: f32 = 6.0;
/// The share of clips that are shown without their caption, for guidance.
const TEXT_DROPOUT: f32 = 0.1;
/// Noise levels are logit-normal, leaning to the noisy side, and more so the longer a clip is: what all
/// its latents show together, as the hour and the setting, is seen through more noise. The shift grows with
/// the logarithm of the latent frames.
///
/// Reference: Esser et al. 2403.03206, section 5.3.2, where half of it is enough for pictures.
const SIGMA_SHIFT: f32 = 0.6;
const SIGMA_SHIFT_OF_LENGTH: f32 = 0.7;
const SIGMA_SPREAD: f32 = 1.2;
/// Shares of clips some latent frames of which are given, and so stay clean, as image to video,
/// extensions and loops ask for: the first, the first three, the last, both ends. Negative frames
/// count from the end.
const GIVEN: &[(f32, &[isize])] = &[
    (0.08, &[0]),
    (0.04, &[0, 1, 2]),
    (0.03, &[-1]),
    (0.03, &[0, -1]),
];
/// Clips of no more latent frames are given the first at most.
const SHORT: usize = 4;

/// What one step learns from.
pub struct Batch {
    /// F32 `[b, t, h, w, c]`.
    pub clean: Tensor,
    /// Normal noise of the same shape.
    pub noise: Tensor,
    /// The noise level of each latent frame, `b t` values; 0 where a frame is given.
    pub sigma: Vec<f32>,
    /// What subjects cover of each latent, `b t h w` values in [0, 1].
    pub cover: Vec<f32>,
    /// What each clip's caption says.
    pub texts: Vec<TextStates>,
    /// How each clip's camera moves.
    pub cameras: Vec<CameraPath>,
    /// Each clip's first subject.
    pub subjects: Vec<Option<Subject>>,
}

impl Batch {
    /// Draws clips of a part of the cache, and noise.
    ///
    /// # Errors
    /// When the cache holds no clip that is long enough.
    pub fn draw(
        cache: &Cache,
        part: Part,
        texts: &mut Texts,
        bucket: Bucket,
        rng: &mut Rng,
    ) -> Result<Self, CacheError> {
        let t = bucket.latent_frames();
        let clips = cache.draw(part, t, bucket.clips, rng)?;
        let [_, h, w, c] = clips[0].shape();
        let clean: Vec<f32> = clips.iter().flat_map(|clip| clip.latents(t)).collect();
        let dims = [clips.len(), t, h, w, c];
        let noise: Vec<f32> = (0..clean.len()).map(|_| normal(rng)).collect();
        Ok(Self {
            clean: Tensor::from_f32(&clean, &dims),
            noise: Tensor::from_f32(&noise, &dims),
            sigma: clips.iter().flat_map(|_| levels(t, rng)).collect(),
            cover: clips.iter().flat_map(|clip| clip.cover(t)).collect(),
            texts: clips
                .iter()
                .map(|clip| {
                    let shown = !rng.chance(TEXT_DROPOUT);
                    texts.read(if shown { clip.header().said(rng) } else { "" })
                })
                .collect(),
            cameras: clips
                .iter()
                .map(|clip| clip.header().camera.clone())
                .collect(),
            subjects: clips.iter().map(|clip| clip.header().subject).collect(),
        })
    }

    /// `(1 - sigma) clean + sigma noise`, frame by frame.
    pub fn noisy(&self) -> Tensor {
        let frame = self.clean.len() / self.sigma.len();
        let (clean, noise) = (self.clean.as_f32(), self.noise.as_f32());
        Tensor::from_fn(self.clean.shape(), |i| {
            let sigma = self.sigma[i / frame];
            (1.0 - sigma) * clean[i] + sigma * noise[i]
        })
    }

    /// How much each latent counts, 1 in the mean.
    pub fn weight(&self) -> Vec<f32> {
        let clips = self.texts.len();
        let (clip, t) = (self.cover.len() / clips, self.sigma.len() / clips);
        let clips = self
            .cover
            .chunks_exact(clip)
            .zip(self.sigma.chunks_exact(t));
        let weights = clips.flat_map(|(cover, sigma)| {
            let often = often(cover);
            let frames = cover.chunks_exact(clip / t).zip(sigma);
            frames.flat_map(move |(cover, &sigma)| {
                let more = often * (subject_weight(sigma) - 1.0);
                cover.iter().map(move |cover| 1.0 + more * cover)
            })
        });
        let weights: Vec<f32> = weights.collect();
        let sum: f64 = weights.iter().map(|&weight| f64::from(weight)).sum();
        let mean = (sum / weights.len() as f64) as f32;
        weights.into_iter().map(|weight| weight / mean).collect()
    }

    /// The share of each token that subjects cover, of patches of `p` by `p` latents.
    pub fn token_cover(&self, p: usize) -> Vec<f32> {
        let [b, t, h, w, _] = self.clean.dims();
        let (rows, columns) = (h / p, w / p);
        let token = |i: usize| {
            let (frame, row, column) = (i / columns / rows, i / columns % rows, i % columns);
            let latents = (0..p * p).map(|j| {
                let (y, x) = (row * p + j / p, column * p + j % p);
                self.cover[(frame * h + y) * w + x]
            });
            latents.sum::<f32>() / (p * p) as f32
        };
        (0..b * t * rows * columns).map(token).collect()
    }
}

fn subject_weight(sigma: f32) -> f32 {
    let known = ((PLACE_HIDDEN - sigma) / (PLACE_HIDDEN - PLACE_KNOWN)).clamp(0.0, 1.0);
    SUBJECT_WEIGHTS[0] + (SUBJECT_WEIGHTS[1] - SUBJECT_WEIGHTS[0]) * known
}

/// How many times a subject counts that covers this of each latent of its clip.
fn often(cover: &[f32]) -> f32 {
    let mean = cover.iter().sum::<f32>() / cover.len() as f32;
    (LEAST_COVER / mean.max(f32::MIN_POSITIVE)).clamp(1.0, MOST_OFTEN)
}

/// The noise levels of a clip's `t` latent frames.
pub(super) fn levels(t: usize, rng: &mut Rng) -> Vec<f32> {
    let shift = SIGMA_SHIFT + SIGMA_SHIFT_OF_LENGTH * (t as f32).ln();
    let sigma = 1.0 / (1.0 + (-(shift + SIGMA_SPREAD * normal(rng))).exp());
    let mut levels = vec![sigma; t];
    let mut choice = rng.unit();
    let given = match t {
        1 => &[],
        2..=SHORT => &GIVEN[..1],
        _ => GIVEN,
    };
    for (share, frames) in given {
        choice -= share;
        if choice < 0.0 {
            for &frame in *frames {
                levels[frame.rem_euclid(t as isize) as usize] = 0.0;
            }
            break;
        }
    }
    levels
}

/// A standard normal number, by the transform of Box and Muller.
pub(crate) fn normal(rng: &mut Rng) -> f32 {
    let radius = (-2.0 * (1.0 - rng.unit()).ln()).sqrt();
    radius * (std::f32::consts::TAU * rng.unit()).cos()
}
