//! LoRA: small changes of a model's weights, merged when a weight is read.
//!
//! Reference: Hu et al., arXiv 2106.09685, equation 3: `W + alpha / rank * B A`.
//!
//! | layer in the file | target |
//! |---|---|
//! | `diffusion_model.blocks.0.self_attn.q` | `blocks.0.self_attn.q.weight`, the authors' name |
//! | `transformer.blocks.0.attn1.to_q` | the same through the key map of diffusers |
//! | `lora_unet_blocks_0_self_attn_q` | the weight whose name reads so with `_` for each dot |

mod alpha;
mod keys;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use kinora_tensor::{DType, PackedWeight, Precision, Tensor};

use self::alpha::Alphas;
use self::keys::{Layer, Targets};
use super::rules::Rule;
use super::{WeightFile, WeightsError};

/// A file of changes to a model's weights.
pub struct Lora {
    file: Arc<WeightFile>,
}

/// What became of a LoRA's tensors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoraReport {
    /// How many of the model's tensors it changes.
    pub changed: usize,
    /// Its tensors that change nothing, because the model has no such layer or because they are of
    /// a kind that Kinora does not merge. In order.
    pub unmatched: Vec<String>,
}

/// What a LoRA adds to one tensor.
pub(super) struct Delta {
    file: Arc<WeightFile>,
    factor: f32,
    kind: Kind,
}

enum Kind {
    /// `up` times `down`, by their names in the file.
    LowRank { up: String, down: String },
    /// A difference of the tensor's own shape.
    Whole(String),
}

impl Lora {
    /// Maps the file at `path`.
    ///
    /// # Errors
    /// As [`WeightFile::open`].
    pub fn open(path: &Path) -> Result<Self, WeightsError> {
        Ok(Self::new(WeightFile::open(path)?))
    }

    /// A LoRA in a file that is open already.
    pub fn new(file: WeightFile) -> Self {
        Self {
            file: Arc::new(file),
        }
    }

    /// All bytes of the file.
    pub fn files(&self) -> impl Iterator<Item = &[u8]> {
        self.file.files()
    }

    /// The tensors of each layer, and those that belong to no known kind of change.
    fn layers(&self) -> (BTreeMap<String, Layer>, Vec<String>) {
        let mut layers = BTreeMap::<String, Layer>::new();
        let mut unknown = Vec::new();
        for name in self.file.names() {
            let replaced = match keys::split(name) {
                Some((layer, part)) => layers.entry(layer).or_default().put(part, name),
                None => Some(name.to_owned()),
            };
            unknown.extend(replaced);
        }
        (layers, unknown)
    }

    /// What a layer changes.
    fn changes(
        &self,
        name: &str,
        layer: &Layer,
        strength: f32,
        targets: &Targets,
        alphas: &Alphas,
    ) -> Result<Vec<Change>, WeightsError> {
        let mut changes = Vec::new();
        if layer.magnitude.is_some() {
            return Ok(changes);
        }
        let [weight, bias] = ["weight", "bias"].map(|leaf| targets.find(name, leaf));
        if let (Some(down), Some(up), Some(target)) = (&layer.down, &layer.up, &weight) {
            let rank = self
                .file
                .shape(down)
                .and_then(|shape| shape.first().copied());
            let alpha = layer.alpha.as_deref().map(|alpha| self.number(alpha));
            let factor = alphas.factor(name, alpha.transpose()?, rank.unwrap_or(1));
            changes.push(Change {
                target: target.clone(),
                kind: Kind::LowRank {
                    up: up.clone(),
                    down: down.clone(),
                },
                factor: strength * factor,
                used: [Some(down), Some(up), layer.alpha.as_ref()]
                    .into_iter()
                    .flatten()
                    .cloned()
                    .collect(),
            });
        }
        for (difference, target) in [(&layer.weight, weight), (&layer.bias, bias)] {
            if let (Some(difference), Some(target)) = (difference, target) {
                changes.push(Change {
                    target,
                    kind: Kind::Whole(difference.clone()),
                    factor: strength,
                    used: vec![difference.clone()],
                });
            }
        }
        Ok(changes)
    }

    /// The single number that a tensor holds.
    fn number(&self, name: &str) -> Result<f32, WeightsError> {
        let shape = self.file.shape(name).unwrap_or_default();
        let shape = if shape.is_empty() { &[][..] } else { &[1] };
        let tensor = self.file.tensor(name, shape, Some(DType::F32))?;
        Ok(tensor.as_f32()[0])
    }

    fn matches_nothing(&self, model: &WeightFile, layer: Option<&String>) -> WeightsError {
        let key = layer.map_or("nothing", |layer| layer);
        let (name, _) = keys::own_name(key);
        WeightsError::LoraUnmatched {
            file: self.file.name().to_owned(),
            model: model.name().to_owned(),
            key: key.to_owned(),
            nearest: model.nearest(name),
        }
    }
}

/// A change of one tensor of the model.
struct Change {
    target: String,
    kind: Kind,
    factor: f32,
    /// The LoRA's tensors that it is made of.
    used: Vec<String>,
}

impl WeightFile {
    /// Adds `strength` times a LoRA to the weights as they are read. To be called after prefixes and
    /// rules; several LoRAs add up. `rules` are the key map from diffusers' names, for LoRAs that
    /// use them.
    ///
    /// # Errors
    /// When no layer of the LoRA is one of the model's, or one that is has another shape.
    pub fn with_lora(
        mut self,
        lora: &Lora,
        strength: f32,
        rules: &[&[Rule]],
    ) -> Result<(Self, LoraReport), WeightsError> {
        let (layers, mut unmatched) = lora.layers();
        let (targets, alphas) = (Targets::new(&self, rules), Alphas::of(&lora.file));
        let mut changes = Vec::new();
        for (name, layer) in &layers {
            let found = lora.changes(name, layer, strength, &targets, &alphas)?;
            for change in &found {
                change.check(lora, &self)?;
            }
            let used = |name: &&String| found.iter().any(|change| change.used.contains(name));
            unmatched.extend(layer.all().filter(|name| !used(name)).cloned());
            changes.extend(found);
        }
        if changes.is_empty() {
            return Err(lora.matches_nothing(&self, layers.keys().next()));
        }
        unmatched.sort_unstable();
        let mut changed = BTreeSet::new();
        for change in changes {
            changed.insert(change.target.clone());
            self.deltas.entry(change.target).or_default().push(Delta {
                file: Arc::clone(&lora.file),
                factor: change.factor,
                kind: change.kind,
            });
        }
        let report = LoraReport {
            changed: changed.len(),
            unmatched,
        };
        Ok((self, report))
    }
}

impl Change {
    /// Checks that the change is one of its target's shape.
    fn check(&self, lora: &Lora, model: &WeightFile) -> Result<(), WeightsError> {
        let expected = model.shape(&self.target).unwrap_or_default();
        let shape = |name: &str| lora.file.shape(name).unwrap_or_default();
        let (fits, key, found) = match &self.kind {
            Kind::LowRank { up, down } => {
                let ([rows, one], [rank, columns]) = (matrix(shape(up)), matrix(shape(down)));
                let fits = [rows, columns] == matrix(expected) && one == rank && rank > 0;
                (fits, down, vec![shape(up).to_vec(), shape(down).to_vec()])
            }
            Kind::Whole(name) => (shape(name) == expected, name, vec![shape(name).to_vec()]),
        };
        if fits {
            return Ok(());
        }
        Err(WeightsError::LoraShape {
            file: lora.file.name().to_owned(),
            key: key.clone(),
            tensor: Box::new(model.named(&self.target)),
            expected: expected.to_vec(),
            found,
        })
    }
}

impl Delta {
    /// A tensor in F32 with the change added.
    pub(super) fn added_to(&self, tensor: &Tensor) -> Result<Tensor, WeightsError> {
        let flat = tensor.reshape(&matrix(tensor.shape()));
        let sum = match &self.kind {
            Kind::LowRank { up, down } => {
                let (up, down) = (&self.matrix(up)? * self.factor, self.matrix(down)?);
                let down = PackedWeight::new(&down.permute([1, 0]), Precision::F32);
                up.linear_residual(&down, None, &flat, None) // [rows, columns]
            }
            Kind::Whole(name) => &flat + &(&self.matrix(name)? * self.factor),
        };
        Ok(sum.reshape(tensor.shape()))
    }

    /// A tensor of the LoRA in F32, all axes after the first as one: a low-rank convolution has its
    /// kernel in `down`, and an `up` of one tap.
    fn matrix(&self, name: &str) -> Result<Tensor, WeightsError> {
        let shape = self.file.shape(name).unwrap_or_default();
        let tensor = self.file.tensor(name, shape, Some(DType::F32))?;
        Ok(tensor.reshape(&matrix(shape)))
    }
}

/// Rows and columns of a tensor whose axes after the first are one. The product was checked when
/// the file was opened.
fn matrix(shape: &[usize]) -> [usize; 2] {
    match shape {
        [] => [1, 1],
        [rows, rest @ ..] => [*rows, rest.iter().product()],
    }
}
