//! One step: forward, losses, backward, optimizers.

use std::ops::Range;
use std::path::Path;

use anyhow::Result;
use kinora_filmset::script::random::Rng;
use kinora_models::native::{Config, TextStates, Transformer};
use kinora_nn::WeightFile;
use kinora_nn::optim::Parameters;
use kinora_tensor::{DType, PackedWeight, Precision, Tensor, backward, parallel_map};

use super::batch::Batch;
use super::loss::Errors;
use super::teacher::{Shares, Teacher};
use crate::learner::{Learner, Rules, add, hidden_matrices, parameters};

/// Of the losses of motion and of the teacher, against the velocity's.
const MOTION_WEIGHT: f32 = 0.5;
const TEACHER_WEIGHT: f32 = 0.2;
/// Checkpoints of the transformer.
pub const FORMAT: &str = "kinora-train/1";
const RULES: Rules = Rules {
    format: FORMAT,
    method: hidden_matrices,
    decay: 0.998,
};
/// Names of the teacher's head among the parameters.
const TEACHER: &str = "teacher.";
const HEAD: [&str; 2] = ["teacher.head.weight", "teacher.head.bias"];

/// Parameters and all that moves them.
pub struct Trainer {
    config: Config,
    precision: Precision,
    learner: Learner,
    /// How much each channel of a latent counts.
    channels: Vec<f32>,
    /// Tokens that go forward and back together; a step of more is taken in parts, each by one thread.
    tokens: usize,
}

/// What a step measured before it moved.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Losses {
    /// The velocity's.
    pub velocity: f64,
    /// That of the velocity's changes from frame to frame.
    pub motion: f64,
    /// The teacher's.
    pub teacher: f64,
}

impl Trainer {
    /// Begins from a transformer's weights. `head` are weight and bias of the teacher's head.
    ///
    /// # Errors
    /// When the weights are not those of the configuration.
    pub fn new(
        config: Config,
        precision: Precision,
        weights: &WeightFile,
        head: [Tensor; 2],
        tokens: usize,
    ) -> Result<Self> {
        // The model reads every tensor in its shape, or says which one does not fit.
        Transformer::load(&weights.weights(Precision::F32), &config)?;
        weights.finish()?;
        let mut parameters = parameters(weights)?;
        let names = HEAD.map(str::to_owned);
        parameters.extend(names.into_iter().zip(head));
        let learner = Learner::new(&RULES, parameters, is_of_model);
        Ok(Self::with(config, precision, learner, tokens))
    }

    /// Goes on from a checkpoint.
    ///
    /// # Errors
    /// When it is not whole, of another version, or of another configuration than `config`.
    pub fn resume(
        path: &Path,
        config: Config,
        precision: Precision,
        tokens: usize,
    ) -> Result<Self> {
        let learner = Learner::resume(&RULES, path, &config)?;
        Ok(Self::with(config, precision, learner, tokens))
    }

    fn with(config: Config, precision: Precision, learner: Learner, tokens: usize) -> Self {
        Self {
            channels: vec![1.0; config.codec.latent_channels],
            config,
            precision,
            learner,
            tokens,
        }
    }

    /// Writes everything that [`Trainer::resume`] needs.
    ///
    /// # Errors
    /// When the file cannot be written, as on a full disk; what was there before stays.
    pub fn save(&self, path: &Path) -> Result<()> {
        self.learner.save(path, &self.config)
    }

    /// The same, with channels of latents that count unlike, by these weights.
    #[must_use]
    pub fn weighing(mut self, channels: Vec<f32>) -> Self {
        self.channels = channels;
        self
    }

    /// The teacher's head at its beginning: small random numbers.
    pub fn new_head(config: &Config, seed: u64) -> [Tensor; 2] {
        let (outputs, d) = (Teacher::outputs(), config.transformer.hidden_size);
        let mut rng = Rng::new(seed);
        let bound = 1.0 / (d as f32).sqrt();
        let mut tensor = |dims: &[usize]| {
            let values: Vec<f32> = (0..dims.iter().product())
                .map(|_| rng.range(-bound, bound))
                .collect();
            Tensor::from_f32(&values, dims)
        };
        [tensor(&[outputs, d]), tensor(&[outputs])]
    }

    /// How many steps were made.
    pub fn steps(&self) -> u64 {
        self.learner.steps()
    }

    /// The averaged weights of the transformer.
    pub fn averaged(&self) -> &Parameters {
        self.learner.averaged()
    }

    /// One step with a batch.
    ///
    /// # Errors
    /// When a loss or a gradient is not finite; nothing has moved then.
    pub fn step(&mut self, batch: &Batch, learning_rate: f32) -> Result<Losses> {
        let (losses, gradients) = self.gradients(batch)?;
        let loss = losses.velocity + losses.motion + losses.teacher;
        self.learner.step(loss, gradients, learning_rate)?;
        Ok(losses)
    }

    /// The velocity's loss of the averaged weights, a mean over batches.
    ///
    /// # Errors
    /// Never for parameters that a model was loaded from before.
    pub fn measure(&self, batches: &[Batch]) -> Result<f64> {
        let file = WeightFile::of_tensors("the averaged weights", self.averaged().clone());
        let model = Transformer::load(&file.weights(self.precision), &self.config)?;
        let mut sum = 0.0;
        for batch in batches {
            let whole = Whole::new(batch, self.config.transformer.patch_size);
            let texts: Vec<&TextStates> = batch.texts.iter().collect();
            let conditioning = model.condition_all(&texts).filmed(batch.cameras.clone());
            let predicted = model.forward_all(&whole.noisy, &batch.sigma, &conditioning);
            let errors = Errors::new(
                &predicted.clean,
                &batch.clean,
                &batch.sigma,
                &whole.weight,
                &self.channels,
                whole.frames,
            );
            sum += errors.velocity().value;
        }
        Ok(sum / batches.len() as f64)
    }

    /// Losses of a batch, and the gradients of all parameters.
    ///
    /// # Errors
    /// Never for parameters that a model was loaded from before.
    pub fn gradients(&self, batch: &Batch) -> Result<(Losses, Parameters)> {
        let [b, t, h, w, _] = batch.clean.dims();
        let p = self.config.transformer.patch_size;
        let tokens = t * (h / p) * (w / p);
        let whole = Whole::new(batch, p);
        let parts = b.div_ceil((self.tokens / tokens).max(1));
        let clips = b.div_ceil(parts); // about the same for each thread
        let tracked = Tracked::new(self)?;
        let parts = parallel_map(b.div_ceil(clips), |i| {
            tracked.part(
                batch,
                &whole,
                &self.channels,
                i * clips..b.min((i + 1) * clips),
            )
        });
        let mut losses = Losses {
            velocity: 0.0,
            motion: 0.0,
            teacher: 0.0,
        };
        let mut sums = Parameters::new();
        for (part, gradients) in parts {
            losses.velocity += part.velocity;
            losses.motion += part.motion;
            losses.teacher += part.teacher;
            add(&mut sums, gradients);
        }
        // A parameter that no clip reaches, as those of words when all captions are left out, is still
        // moved by its momentum.
        for (name, parameter) in self.learner.parameters() {
            let zeros = || Tensor::zeros(parameter.shape(), parameter.dtype());
            sums.entry(name.clone()).or_insert_with(zeros);
        }
        Ok((losses, sums))
    }
}

/// The model of one step, over parameters that know their gradients.
struct Tracked {
    leaves: Parameters,
    transformer: Transformer,
    /// Weight of the teacher's head.
    head: PackedWeight,
    /// Of the activations.
    dtype: DType,
}

impl Tracked {
    fn new(trainer: &Trainer) -> Result<Self> {
        let tracked = |(name, tensor): (&String, &Tensor)| (name.clone(), tensor.tracked());
        let leaves: Parameters = trainer.learner.parameters().iter().map(tracked).collect();
        let file = WeightFile::of_tensors("the parameters", of_model(&leaves));
        let weights = file.weights(trainer.precision);
        Ok(Self {
            transformer: Transformer::load(&weights, &trainer.config)?,
            head: PackedWeight::new(&leaves[HEAD[0]], Precision::F32),
            leaves,
            dtype: trainer.precision.activations(),
        })
    }

    /// The share that some clips have in a step.
    fn part(
        &self,
        batch: &Batch,
        whole: &Whole,
        channels: &[f32],
        clips: Range<usize>,
    ) -> (Losses, Parameters) {
        let [b, t, _, _, _] = batch.clean.dims();
        let texts = batch.texts[clips.clone()].iter();
        let texts: Vec<TextStates> = texts.map(|text| text.to_dtype(self.dtype)).collect();
        let texts: Vec<&TextStates> = texts.iter().collect();
        let sigma = &batch.sigma[clips.start * t..clips.end * t];
        let cameras = batch.cameras[clips.clone()].to_vec();
        let conditioning = self.transformer.condition_all(&texts).filmed(cameras);
        let noisy = whole.noisy.slice(clips.clone()).to_dtype(self.dtype);
        let prediction = self.transformer.forward_all(&noisy, sigma, &conditioning);

        let latents = whole.weight.len() / b;
        let clean = batch.clean.slice(clips.clone());
        let weight = &whole.weight[clips.start * latents..clips.end * latents];
        let predicted = &prediction.clean;
        let errors = Errors::new(predicted, &clean, sigma, weight, channels, whole.frames);
        let (velocity, motion) = (errors.velocity(), errors.motion());
        let gradient = velocity.gradient.add(&motion.gradient.scale(MOTION_WEIGHT));

        let halfway = prediction.halfway.to_dtype(DType::F32);
        let logits = halfway.linear(&self.head, Some(&self.leaves[HEAD[1]]));
        let tokens = whole.cover.len() / b;
        let cover = &whole.cover[clips.start * tokens..clips.end * tokens];
        let taught = Teacher::loss(&logits, cover, &batch.subjects[clips], whole.shares);

        let seeds = [
            (&prediction.clean, gradient),
            (&logits, taught.gradient.scale(TEACHER_WEIGHT)),
        ];
        let gradients = backward(seeds);
        let of =
            |(name, leaf): (&String, &Tensor)| Some((name.clone(), gradients.of(leaf)?.clone()));
        let losses = Losses {
            velocity: velocity.value,
            motion: motion.value,
            teacher: taught.value,
        };
        (losses, self.leaves.iter().filter_map(of).collect())
    }
}

/// Whether a parameter is the model's own, and not of the teacher's head.
fn is_of_model(name: &str) -> bool {
    !name.starts_with(TEACHER)
}

fn of_model(parameters: &Parameters) -> Parameters {
    let own = parameters.iter().filter(|(name, _)| is_of_model(name));
    own.map(|(name, tensor)| (name.clone(), tensor.clone()))
        .collect()
}

/// What a step's parts share: they are means over the whole.
struct Whole {
    noisy: Tensor,
    weight: Vec<f32>,
    /// Noisy latent frames.
    frames: usize,
    /// Of each token.
    cover: Vec<f32>,
    shares: Shares,
}

impl Whole {
    fn new(batch: &Batch, p: usize) -> Self {
        let cover = batch.token_cover(p);
        let tokens = cover.len() / batch.subjects.len();
        let clips = cover.chunks(tokens).zip(&batch.subjects);
        let covered = clips.filter(|(_, subject)| subject.is_some());
        Self {
            noisy: batch.noisy(),
            weight: batch.weight(),
            frames: batch.sigma.iter().filter(|sigma| **sigma > 0.0).count(),
            shares: Shares {
                tokens: cover.len(),
                covered: covered.flat_map(|(cover, _)| cover).sum(),
            },
            cover,
        }
    }
}
