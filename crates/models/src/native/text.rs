//! The text encoder: words, character n-grams and numbers to states, and a head that reads slots.
//!
//! A slot is one thing a prompt can say (setting, colour, camera move, ...); class 0 of each is
//! "not said". The classes' probabilities, the belief, steer the transformer's modulation and are
//! what the coverage report is read from.
//!
//! Dimension key: m words, d hidden size, s slots, c classes of all slots together.

use std::ops::Range;

use kinora_nn::tokenizer::Token;
use kinora_nn::{Linear, RmsNorm, Rope, RopeAxis, SwiGlu, Weights, WeightsError, frequencies};
use kinora_tensor::{Attention, DType, Heads, PackedWeight, Precision, Rotary, Tensor};

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

impl From<Token> for Word {
    fn from(token: Token) -> Self {
        Self {
            id: token.word_id,
            ngrams: token.ngrams.map(u32::from).to_vec(),
            number: token.number,
            unit: token.unit as u32,
        }
    }
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
        let states = self.states(&self.embed(words));
        let (belief, attention) = self.read_slots(Some(&states));
        TextStates {
            states: Some(states),
            belief,
            attention,
        }
    }

    /// What each slot makes of some prompts, for training: F32 `[s, c]` each, where only the classes of its
    /// own count in a slot's row. Their softmax is the belief of [`TextEncoder::encode`].
    ///
    /// # Panics
    /// When an id is no row of its table.
    pub fn slot_logits(&self, prompts: &[&[Word]]) -> Vec<Tensor> {
        // Words of all prompts at once: the gradient of a table is as large as the table.
        let words = prompts.concat();
        let embedded = (!words.is_empty()).then(|| self.embed(&words));
        let mut first = 0;
        let logits = prompts.iter().map(|prompt| {
            let own = first..first + prompt.len();
            first = own.end;
            let embedded = embedded.as_ref().filter(|_| !own.is_empty());
            let states = embedded.map(|embedded| self.states(&embedded.slice(own)));
            self.logits(states.as_ref())
        });
        logits.collect()
    }

    /// [`TextEncoder::slot_logits`] of the states of one prompt.
    fn logits(&self, states: Option<&Tensor>) -> Tensor {
        let [s, d] = self.slot_query.dims();
        // Each slot is a head that attends to its own "absent" vector, whose key is zero, and to the words.
        let mut keys = Tensor::zeros(&[1, d], DType::F32);
        let mut values = self.slot_absent.clone();
        if let Some(states) = states {
            keys = Tensor::concat(&[&keys, &self.slot_key.forward(states)], 0);
            values = Tensor::concat(&[&values, states], 0);
        }
        let rows = keys.rows() as u32;
        let slots = 0..s as u32;
        let words = s as u32..s as u32 + rows - 1;
        let key = slots.clone().flat_map(|_| 0..rows);
        let value = slots.flat_map(|slot| std::iter::once(slot).chain(words.clone()));
        let [keys, values] = [(keys, key.collect()), (values, value.collect::<Vec<u32>>())].map(
            |(table, ids): (Tensor, Vec<u32>)| {
                table.gather(&ids).reshape(&[1, s, rows as usize, d])
            },
        );
        let options = Attention {
            scale: Some(1.0),
            ..Attention::default()
        };
        let query = self.slot_query.reshape(&[1, s, 1, d]);
        let (pooled, _) = query.attention_with(&keys, &values, &options);
        let classes = PackedWeight::new(&self.classes, Precision::F32);
        pooled.reshape(&[s, d]).linear(&classes, None)
    }

    /// `[m, d]` of embedded words, at least one.
    fn states(&self, embedded: &Tensor) -> Tensor {
        let [m, d] = embedded.dims();
        let rope = self.rope(m);
        let blocks = self.blocks.iter();
        let embedded = embedded.reshape(&[1, m, d]);
        let x = blocks.fold(embedded, |x, block| block.forward(&x, rope.rotary()));
        self.norm.forward(&x).reshape(&[m, d])
    }

    /// `[m, d]`: word plus mean of n-grams plus number and unit.
    fn embed(&self, words: &[Word]) -> Tensor {
        let ids: Vec<u32> = words.iter().map(|w| w.id).collect();
        let units: Vec<u32> = words.iter().map(|w| w.unit).collect();
        let features: Vec<f32> = words
            .iter()
            .flat_map(|w| number_features(w.number))
            .collect();
        let features = Tensor::from_f32(&features, &[words.len(), 2 * NUMBER_WAVES + 1]);
        let number = &self.number.forward(&features) + &self.units.gather(&units);
        let words = match self.grams(words) {
            Some(grams) => &self.words.gather(&ids) + &grams,
            None => self.words.gather(&ids),
        };
        &words + &number
    }

    /// `[m, d]`: the mean of each word's n-grams, if there are any.
    fn grams(&self, words: &[Word]) -> Option<Tensor> {
        let used = |word: &Word| word.ngrams.iter().filter(|gram| **gram != 0).count();
        let all = words.iter().flat_map(|word| &word.ngrams).copied();
        let all: Vec<u32> = all.filter(|gram| *gram != 0).collect();
        let mut shares = vec![0.0; words.len() * all.len()];
        let mut first = 0;
        for (word, row) in words.iter().zip(shares.chunks_exact_mut(all.len().max(1))) {
            let used = used(word);
            row[first..first + used].fill(1.0 / used as f32);
            first += used;
        }
        let shares = Tensor::from_f32(&shares, &[words.len(), all.len()]);
        let grams = || self.ngrams.gather(&all).permute([1, 0]);
        (first > 0).then(|| shares.linear(&PackedWeight::new(&grams(), Precision::F32), None))
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
