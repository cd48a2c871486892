//! One step: read, losses of all slots, backward, optimizers.

use std::path::Path;

use anyhow::Result;
use kinora_models::native::{Config, TextEncoder};
use kinora_nn::WeightFile;
use kinora_nn::optim::Parameters;
use kinora_tensor::{Precision, Tensor, backward, parallel_map};

use super::batch::{Batch, Caption};
use crate::classes::cross_entropy;
use crate::learner::{Learner, Rules, add, hidden_matrices, parameters};

/// Checkpoints of the text encoder.
pub const FORMAT: &str = "kinora-text/1";
const RULES: Rules = Rules {
    format: FORMAT,
    method: hidden_matrices,
    decay: 0.995,
};

/// Captions that go forward and back together.
const PART: usize = 16;

/// Parameters of the text encoder, and all that moves them.
pub struct Trainer {
    config: Config,
    learner: Learner,
}

/// How well slots are read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Accuracy {
    /// The share of slots that are read right.
    pub slots: f64,
    /// The same of those that a caption says something of.
    pub said: f64,
    /// The share of captions all of whose slots are.
    pub whole: f64,
}

impl Trainer {
    /// Begins from a text encoder's weights.
    ///
    /// # Errors
    /// When the weights are not those of the configuration.
    pub fn new(config: Config, weights: &WeightFile) -> Result<Self> {
        // The encoder reads every tensor in its shape, or says which one does not fit.
        TextEncoder::load(&weights.weights(Precision::F32), &config.text)?;
        weights.finish()?;
        let learner = Learner::new(&RULES, parameters(weights)?, |_| true);
        Ok(Self { config, learner })
    }

    /// Goes on from a checkpoint.
    ///
    /// # Errors
    /// When it is not whole, of another version, or of another configuration than `config`.
    pub fn resume(path: &Path, config: Config) -> Result<Self> {
        let learner = Learner::resume(&RULES, path, &config)?;
        Ok(Self { config, learner })
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

    /// One step with a batch; returns the mean loss of a slot before it.
    ///
    /// # Errors
    /// When the loss or a gradient is not finite; nothing has moved then.
    pub fn step(&mut self, batch: &Batch, learning_rate: f32) -> Result<f64> {
        let leaves = self.learner.parameters().iter();
        let leaves: Parameters = leaves
            .map(|(name, tensor)| (name.clone(), tensor.tracked()))
            .collect();
        let encoder = self.encoder(leaves.clone())?;
        let share = 1.0 / batch.captions.len() as f32;
        let parts: Vec<&[Caption]> = batch.captions.chunks(PART).collect();
        let parts = parallel_map(parts.len(), |i| {
            let prompts = parts[i].iter().map(|caption| &caption.words[..]);
            let logits = encoder.slot_logits(&prompts.collect::<Vec<_>>());
            let mut loss = 0.0;
            let results = logits.iter().zip(parts[i]).map(|(logits, caption)| {
                let (own, gradient) = self.loss(logits, caption, share);
                loss += own;
                (logits, gradient)
            });
            let gradients = backward(results);
            let of = |(name, leaf): (&String, &Tensor)| {
                Some((name.clone(), gradients.of(leaf)?.clone()))
            };
            (loss, leaves.iter().filter_map(of).collect::<Parameters>())
        });
        let (mut loss, mut sums) = (0.0, Parameters::new());
        for (own, gradients) in parts {
            loss += own;
            add(&mut sums, gradients);
        }
        self.learner.step(loss, sums, learning_rate)?;
        Ok(loss)
    }

    /// A caption's share of the loss, and its gradient by the logits.
    fn loss(&self, logits: &Tensor, caption: &Caption, share: f32) -> (f64, Tensor) {
        let classes = logits.last_dim();
        let share = share / caption.slots.len() as f32;
        let mut value = 0.0;
        let mut gradient = vec![0.0; logits.len()];
        for (slot, (range, &right)) in self.classes().zip(&caption.slots).enumerate() {
            let own = slot * classes + range.start..slot * classes + range.end;
            let gradient = &mut gradient[own.clone()];
            let surprise = cross_entropy(&logits.as_f32()[own], usize::from(right), gradient);
            value += f64::from(share * surprise);
            for x in gradient {
                *x *= share;
            }
        }
        (value, Tensor::from_f32(&gradient, logits.shape()))
    }

    /// How well the averaged weights read captions.
    ///
    /// # Errors
    /// Never for parameters that an encoder was loaded from before.
    pub fn measure(&self, batch: &Batch) -> Result<Accuracy> {
        let encoder = self.encoder(self.averaged().clone())?;
        let right = parallel_map(batch.captions.len(), |i| {
            let caption = &batch.captions[i];
            let belief = encoder.encode(&caption.words).belief.to_vec();
            let best = self.classes().map(|range| {
                let classes = belief[range].iter().enumerate();
                let best = classes.max_by(|(_, a), (_, b)| a.total_cmp(b));
                best.map_or(0, |(class, _)| class)
            });
            let pairs = best.zip(&caption.slots);
            let right = pairs.map(|(best, &right)| (right > 0, best == usize::from(right)));
            right.collect::<Vec<_>>()
        });
        let share = |right: &mut dyn Iterator<Item = bool>| {
            let (mut yes, mut all) = (0.0, 0.0_f64);
            for right in right {
                yes += f64::from(u8::from(right));
                all += 1.0;
            }
            yes / all.max(1.0)
        };
        let slots = || right.iter().flatten();
        let said = slots().filter(|(said, _)| *said);
        let whole = right
            .iter()
            .map(|slots| slots.iter().all(|(_, right)| *right));
        Ok(Accuracy {
            slots: share(&mut slots().map(|(_, right)| *right)),
            said: share(&mut said.map(|(_, right)| *right)),
            whole: share(&mut { whole }),
        })
    }

    fn encoder(&self, weights: Parameters) -> Result<TextEncoder> {
        let file = WeightFile::of_tensors("the parameters", weights);
        Ok(TextEncoder::load(
            &file.weights(Precision::F32),
            &self.config.text,
        )?)
    }

    /// Where the classes of each slot stand among those of all.
    fn classes(&self) -> impl Iterator<Item = std::ops::Range<usize>> {
        self.config.text.slots.iter().scan(0, |first, slot| {
            let own = *first..*first + slot.num_classes();
            *first = own.end;
            Some(own)
        })
    }
}
