//! One step: encode, disturb, decode, errors, backward, optimizers.

use std::path::Path;

use anyhow::Result;
use kinora_models::native::{Config, Decoder, Encoder, LATENT_STRIDE};
use kinora_nn::WeightFile;
use kinora_nn::optim::{Method, Parameters};
use kinora_tensor::{Precision, Tensor, backward, parallel_map};

use super::batch::{Batch, Crop};
use super::loss::Errors;
use crate::learner::{Learner, Rules, add, parameters};

/// Checkpoints of the codec.
pub const FORMAT: &str = "kinora-codec/1";
const RULES: Rules = Rules {
    format: FORMAT,
    method,
    decay: 0.995,
};
/// Of the squares of latents beyond those of unit normals.
const MAGNITUDE_WEIGHT: f32 = 1e-3;

/// Parameters of the codec, and all that moves them.
pub struct Trainer {
    config: Config,
    precision: Precision,
    learner: Learner,
    /// Whether the encoder stays as it is.
    keep_latents: bool,
}

/// What a step measured before it moved.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Losses {
    /// Of pixels.
    pub pixel: f64,
    /// Of what changes from pixel to pixel.
    pub edges: f64,
    /// Of what changes from frame to frame.
    pub motion: f64,
    /// Of how much changes in a cell.
    pub texture: f64,
    /// The mean square of latents.
    pub magnitude: f64,
}

impl Trainer {
    /// Begins from a codec's weights.
    ///
    /// # Errors
    /// When the weights are not those of the configuration.
    pub fn new(
        config: Config,
        precision: Precision,
        weights: &WeightFile,
        keep_latents: bool,
    ) -> Result<Self> {
        // The codec reads every tensor in its shape, or says which one does not fit.
        let reading = weights.weights(Precision::F32);
        Encoder::load(&reading, &config.codec)?;
        Decoder::load(&reading, &config.codec)?;
        weights.finish()?;
        Ok(Self {
            learner: Learner::new(&RULES, parameters(weights)?, |_| true),
            config,
            precision,
            keep_latents,
        })
    }

    /// Goes on from a checkpoint.
    ///
    /// # Errors
    /// When it is not whole, of another version, or of another configuration than `config`.
    pub fn resume(
        path: &Path,
        config: Config,
        precision: Precision,
        keep_latents: bool,
    ) -> Result<Self> {
        Ok(Self {
            learner: Learner::resume(&RULES, path, &config)?,
            config,
            precision,
            keep_latents,
        })
    }

    /// Writes everything that [`Trainer::resume`] needs.
    ///
    /// # Errors
    /// When the file cannot be written, as on a full disk; what was there before stays.
    pub fn save(&self, path: &Path) -> Result<()> {
        self.learner.save(path, &self.config)
    }

    /// How many steps were made.
    pub fn steps(&self) -> u64 {
        self.learner.steps()
    }

    /// The averaged weights.
    pub fn averaged(&self) -> &Parameters {
        self.learner.averaged()
    }

    /// One step with a batch.
    ///
    /// # Errors
    /// When a loss or a gradient is not finite; nothing has moved then.
    pub fn step(&mut self, batch: &Batch, learning_rate: f32) -> Result<Losses> {
        let (losses, gradients) = self.gradients(batch)?;
        let loss = losses.pixel + losses.edges + losses.motion + losses.texture + losses.magnitude;
        self.learner.step(loss, gradients, learning_rate)?;
        Ok(losses)
    }

    /// Losses of a batch, and the gradients of all parameters that are trained.
    ///
    /// # Errors
    /// Never for parameters that a codec was loaded from before.
    pub fn gradients(&self, batch: &Batch) -> Result<(Losses, Parameters)> {
        let tracked = Tracked::new(self)?;
        let share = 1.0 / batch.crops.len() as f32;
        let crops = parallel_map(batch.crops.len(), |i| tracked.crop(&batch.crops[i], share));
        let mut losses = Losses::default();
        let mut sums = Parameters::new();
        for (crop, gradients) in crops {
            let share = f64::from(share);
            losses.pixel += share * crop.pixel;
            losses.edges += share * crop.edges;
            losses.motion += share * crop.motion;
            losses.texture += share * crop.texture;
            losses.magnitude += share * crop.magnitude;
            add(&mut sums, gradients);
        }
        Ok((losses, sums))
    }
}

/// Every weight is a matrix to Muon, a convolution too.
fn method(_: &str, parameter: &Tensor) -> Method {
    if parameter.rank() >= 2 {
        Method::Muon
    } else {
        Method::AdamW
    }
}

/// The codec of one step, over parameters that know their gradients.
struct Tracked {
    leaves: Parameters,
    encoder: Encoder,
    decoder: Decoder,
}

impl Tracked {
    fn new(trainer: &Trainer) -> Result<Self> {
        let is_trained = |name: &str| {
            name.starts_with("decoder.") || (!trainer.keep_latents && name.starts_with("encoder."))
        };
        let all = trainer.learner.parameters().iter();
        let all: Parameters = all
            .map(|(name, tensor)| {
                let leaf = is_trained(name).then(|| tensor.tracked());
                (name.clone(), leaf.unwrap_or_else(|| tensor.clone()))
            })
            .collect();
        let file = WeightFile::of_tensors("the parameters", all.clone());
        let weights = file.weights(trainer.precision);
        let codec = &trainer.config.codec;
        Ok(Self {
            encoder: Encoder::load(&weights, codec)?,
            decoder: Decoder::load(&weights, codec)?,
            leaves: all
                .into_iter()
                .filter(|(_, leaf)| leaf.is_tracked())
                .collect(),
        })
    }

    /// The share that a crop has in a step.
    fn crop(&self, crop: &Crop, share: f32) -> (Losses, Parameters) {
        let half = crop.film.half_size();
        let (latents, first) = if crop.begins {
            (self.encoder.encode(&half), LATENT_STRIDE - 1)
        } else {
            (self.encoder.encode_groups(&half), 0)
        };
        let frames = self.decoder.decode_groups(&latents.add(&crop.noise));
        let decoded = frames.slice(first..frames.shape()[0]);
        let film = crop.film.tensor();
        let mut errors = Errors::new(&decoded, &film, &crop.mask);
        let squares = latents.as_f32().iter().map(|x| f64::from(x * x));
        let losses = Losses {
            pixel: errors.pixel(),
            edges: errors.edges(),
            motion: errors.motion(),
            texture: errors.texture(),
            magnitude: squares.sum::<f64>() / latents.len() as f64,
        };
        let excess = if losses.magnitude > 1.0 {
            2.0 * MAGNITUDE_WEIGHT * share / latents.len() as f32
        } else {
            0.0
        };
        let gradients = backward([
            (&decoded, errors.into_gradient(share)),
            (&latents, latents.detached().scale(excess)),
        ]);
        let of =
            |(name, leaf): (&String, &Tensor)| Some((name.clone(), gradients.of(leaf)?.clone()));
        (losses, self.leaves.iter().filter_map(of).collect())
    }
}
