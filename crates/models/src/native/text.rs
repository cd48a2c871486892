//! The text encoder: words, character n-grams and numbers to states, and a head that reads slots.
//!
//! A slot is one thing a prompt can say (setting, colour, camera move, ...); class 0 of each is
//! "not said". The classes' probabilities, the belief, steer the transformer's modulation and are
//! what the coverage report is read from.
//!
//! Dimension key: m words, d hidden size, s slots, c classes of all slots together.

use std::ops::Range;

use kinora_nn::{Linear, RmsNorm, Rope, RopeAxis, SwiGlu, Weights, WeightsError, frequencies};
use kinora_tensor::{DType, Heads, Precision, Rotary, Tensor};

use super::config::{SlotConfig, TextConfig};

pub(super) const NORM_EPS: f32 = 1e-6;
const NUMBER_WAVES: usize = 8;

/// One word of a prompt as table rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Word {
    /// Row of the word table, 0 when unknown.
    pub id: u32,
    /// Rows of the n-gram table; zeros pad and do not count.
    pub ngrams: Vec<u32>,
    /// The number that the word is, if it is one, in its unit.
    pub number: Option<f32>,
    /// Row of the unit table, 0 for none.
    pub unit: u32,
}

/// What the encoder makes of a prompt.
#[derive(Debug, Clone)]
pub struct TextStates {
    /// `[m, d]`, F32 as the encoder gives them; absent for an empty prompt.
    pub states: Option<Tensor>,
    /// F32 `[1, c]`: class probabilities of all slots side by side.
    pub belief: Tensor,
    /// For each slot, the share of its attention that each word got, `[s][m]`; what is missing to
    /// 1 went to "not said".
    pub attention: Vec<Vec<f32>>,
}

impl TextStates {
    /// The same with states of another dtype.
    #[must_use]
    pub fn to_dtype(&self, dtype: DType) -> Self {
        Self {
            states: self.states.as_ref().map(|states| states.to_dtype(dtype)),
            ..self.clone()
        }
    }
}

/// The text encoder, always in f32: it is small and runs once a prompt.
pub struct TextEncoder {
    config: TextConfig,
    words: Tensor,
    ngrams: Tensor,
    units: Tensor,
    number: Linear,
    blocks: Vec<Block>,
    norm: RmsNorm,
    slot_query: Tensor,
    slot_key: Linear,
    slot_absent: Tensor,
    classes: Tensor,
}

struct Block {
    num_heads: usize,
    norm1: RmsNorm,
    qkv: Linear,
    out: Linear,
    norm2: RmsNorm,
    ffn: SwiGlu,
}

impl Block {
    fn load(weights: &Weights, config: &TextConfig) -> Result<Self, WeightsError> {
        let d = config.hidden_size;
        let linear = |name, rows| Linear::load_without_bias(&weights.at(name), rows, d);
        let norm = |name| RmsNorm::load(&weights.at(name), d, NORM_EPS);
        Ok(Self {
            num_heads: d / config.head_dim,
            norm1: norm("norm1")?,
            qkv: linear("qkv", 3 * d)?,
            out: linear("out", d)?,
            norm2: norm("norm2")?,
            ffn: SwiGlu::load(&weights.at("ffn"), d, 2 * d)?,
        })
    }

    /// `x` and the result `[1, m, d]`.
    fn forward(&self, x: &Tensor, rotary: Rotary) -> Tensor {
        let d = x.last_dim();
        let qkv = self.qkv.forward(&self.norm1.forward(x)); // [1, m, 3d]
        let head = |columns: Range<usize>, rotary| {
            qkv.split_heads(&Heads {
                columns,
                heads: self.num_heads,
                norm: None,
                rotary,
            })
        };
        let q = head(0..d, Some(rotary)); // [1, h, m, d/h]
        let k = head(d..2 * d, Some(rotary));
        let v = head(2 * d..3 * d, None);
        let x = self.out.forward_residual(&q.attention(&k, &v), x, None);
        self.ffn.forward_residual(&self.norm2.forward(&x), &x, None)
    }
}

impl TextEncoder {
    /// Reads the encoder from its weights.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape.
    pub fn load(weights: &Weights, config: &TextConfig) -> Result<Self, WeightsError> {
        let weights = &weights.in_precision(Precision::F32);
        let d = config.hidden_size;
        let slots = config.slots.len();
        let table = |weights: &Weights, name: &str, rows| {
            Ok::<_, WeightsError>(weights.tensor(name, [rows, d])?.to_dtype(DType::F32))
        };
        let embedding = |name, rows| table(&weights.at(name), "weight", rows);
        let features = 2 * NUMBER_WAVES + 1;
        Ok(Self {
            words: embedding("words", config.vocab_size)?,
            ngrams: embedding("ngrams", config.num_ngrams)?,
            units: embedding("units", config.num_units)?,
            number: Linear::load_without_bias(&weights.at("number"), d, features)?,
            blocks: (0..config.num_layers)
                .map(|i| Block::load(&weights.at("blocks").at(i), config))
                .collect::<Result<_, _>>()?,
            norm: RmsNorm::load(&weights.at("norm"), d, NORM_EPS)?,
            slot_query: table(weights, "slot_query", slots)?,
            slot_key: Linear::load_without_bias(&weights.at("slot_key"), d, d)?,
            slot_absent: table(weights, "slot_absent", slots)?,
            classes: table(weights, "classes", config.num_classes())?,
            config: config.clone(),
        })
    }

    /// The slots that [`TextStates::belief`] runs over.
    pub fn slots(&self) -> &[SlotConfig] {
        &self.config.slots
    }

    /// Encodes a prompt; words beyond [`TextConfig::max_tokens`] are the caller's to refuse.
    ///
    /// # Panics
    /// When an id is no row of its table.
    pub fn encode(&self, words: &[Word]) -> TextStates {
        if words.is_empty() {
            let (belief, attention) = self.read_slots(None);
            return TextStates {
                states: None,
                belief,
                attention,
            };
        }
        let m = words.len();
        let rope = self.rope(m);
        let embedded = self.embed(words).reshape(&[1, m, self.config.hidden_size]);
        let x = self
            .blocks
            .iter()
            .fold(embedded, |x, block| block.forward(&x, rope.rotary()));
        let states = self.norm.forward(&x).reshape(&[m, self.config.hidden_size]);
        let (belief, attention) = self.read_slots(Some(&states));
        TextStates {
            states: Some(states),
            belief,
            attention,
        }
    }

    /// `[m, d]`: word plus mean of n-grams plus number and unit.
    fn embed(&self, words: &[Word]) -> Tensor {
        let d = self.config.hidden_size;
        let ids: Vec<u32> = words.iter().map(|w| w.id).collect();
        let units: Vec<u32> = words.iter().map(|w| w.unit).collect();
        let table = self.ngrams.as_f32();
        let mut grams = vec![0.0; words.len() * d];
        for (word, out) in words.iter().zip(grams.chunks_exact_mut(d)) {
            let used: Vec<u32> = word.ngrams.iter().copied().filter(|&g| g != 0).collect();
            for &gram in &used {
                let row = &table[gram as usize * d..][..d];
                out.iter_mut()
                    .zip(row)
                    .for_each(|(o, x)| *o += x / used.len() as f32);
            }
        }
        let features: Vec<f32> = words
            .iter()
            .flat_map(|w| number_features(w.number))
            .collect();
        let features = Tensor::from_f32(&features, &[words.len(), 2 * NUMBER_WAVES + 1]);
        let number = &self.number.forward(&features) + &self.units.gather(&units);
        let grams = Tensor::from_f32(&grams, &[words.len(), d]);
        &(&self.words.gather(&ids) + &grams) + &number
    }

    /// Rotary tables of the word positions.
    fn rope(&self, m: usize) -> Rope {
        Rope::grid(&[RopeAxis {
            positions: (0..m).map(|i| i as f64).collect(),
            frequencies: frequencies(1000.0, 6.0, self.config.head_dim / 2),
        }])
    }

    /// Each slot looks at the words with a query of its own, or at nothing (score 0).
    fn read_slots(&self, states: Option<&Tensor>) -> (Tensor, Vec<Vec<f32>>) {
        let d = self.config.hidden_size;
        let m = states.map_or(0, Tensor::rows);
        let keys = states
            .map(|x| self.slot_key.forward(x).to_vec())
            .unwrap_or_default();
        let states = states.map(Tensor::to_vec).unwrap_or_default();
        let mut belief = Vec::with_capacity(self.config.num_classes());
        let mut attention = Vec::with_capacity(self.config.slots.len());
        let mut first = 0;
        for (s, slot) in self.config.slots.iter().enumerate() {
            let query = &self.slot_query.as_f32()[s * d..][..d];
            let mut scores = vec![0.0];
            scores.extend(keys.chunks_exact(d).map(|key| dot(query, key)));
            softmax(&mut scores);
            let mut pooled = vec![0.0; d];
            let absent = &self.slot_absent.as_f32()[s * d..][..d];
            for i in 0..=m {
                let row = if i == 0 {
                    absent
                } else {
                    &states[(i - 1) * d..][..d]
                };
                pooled
                    .iter_mut()
                    .zip(row)
                    .for_each(|(p, x)| *p += scores[i] * x);
            }
            let classes = &self.classes.as_f32()[first * d..][..slot.num_classes() * d];
            let mut logits: Vec<f32> = classes
                .chunks_exact(d)
                .map(|class| dot(&pooled, class))
                .collect();
            softmax(&mut logits);
            belief.extend(logits);
            attention.push(scores.split_off(1));
            first += slot.num_classes();
        }
        (Tensor::from_f32(&belief, &[1, belief.len()]), attention)
    }
}

/// A flag and sines and cosines of `ln(1 + |value|)`; zeros for a word that is no number.
fn number_features(number: Option<f32>) -> Vec<f32> {
    let Some(value) = number else {
        return vec![0.0; 2 * NUMBER_WAVES + 1];
    };
    let level = f64::from(value.abs().ln_1p());
    let angles = frequencies(12.0, 0.25, NUMBER_WAVES)
        .into_iter()
        .map(|f| level * f);
    let sines = angles.clone().map(|a| a.sin() as f32);
    let cosines = angles.map(|a| a.cos() as f32);
    std::iter::once(1.0).chain(sines).chain(cosines).collect()
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn softmax(scores: &mut [f32]) {
    let peak = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    for score in &mut *scores {
        *score = (*score - peak).exp();
    }
    let sum: f32 = scores.iter().sum();
    for score in scores {
        *score /= sum;
    }
}
