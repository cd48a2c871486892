//! The encoder: blocks of self-attention with relative position biases and feed-forward layers, on a
//! stream in F32.
//!
//! Dimension key: n tokens, d width of the stream, h heads.

use kinora_nn::{Linear, RmsNorm, Weights, WeightsError};
use kinora_tensor::{self as tensor, Attention, DType, Heads, Tensor};

use super::config::{Activation, Config, FeedForward, Variant};

/// A T5 or UMT5 encoder.
///
/// Reference: `T5Stack` and `UMT5Stack` of transformers, without a decoder. Scores of attention are
/// not scaled. The stream stays in F32 at every precision of the weights.
pub struct Encoder {
    config: Config,
    /// `[vocabulary, d]`.
    table: Tensor,
    blocks: Vec<Block>,
    norm: RmsNorm,
}

struct Block {
    attention: SelfAttention,
    ffn: Ffn,
}

struct SelfAttention {
    norm: RmsNorm,
    q: Linear,
    k: Linear,
    v: Linear,
    o: Linear,
    /// F32 `[buckets, h]`; absent where the first block's serves.
    positions: Option<Tensor>,
}

struct Ffn {
    norm: RmsNorm,
    input: Linear,
    /// Multiplies the activated input.
    gate: Option<Linear>,
    output: Linear,
    activation: tensor::Activation,
}

impl Encoder {
    /// Reads the encoder from its weights.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape.
    pub fn load(weights: &Weights, config: &Config) -> Result<Self, WeightsError> {
        Ok(Self {
            config: config.clone(),
            table: table(weights, config)?,
            blocks: (0..config.num_layers)
                .map(|i| Block::load(weights, config, i))
                .collect::<Result<_, _>>()?,
            norm: final_norm(weights, config)?,
        })
    }

    /// The states of the last layer.
    ///
    /// There is no mask: give the tokens of the prompt alone (UMT5, as Wan's pipelines mask their
    /// padding away), or those of the padding too (T5, as LTX-Video's pipelines do not mask).
    ///
    /// # Shapes
    /// F32 `[ids.len(), d]`.
    ///
    /// # Panics
    /// When there are no ids, or an id is no row of the table.
    pub fn encode(&self, ids: &[u32]) -> Tensor {
        self.encode_watched(ids, |_, _| {})
    }

    /// [`Encoder::encode`], showing the stream on the way: F32 `[1, n, d]`, first the embedded ids as
    /// number 0, then after each block.
    pub fn encode_watched(&self, ids: &[u32], mut watch: impl FnMut(usize, &Tensor)) -> Tensor {
        let mut x = stream(&self.table.gather(ids)); // [1, n, d]
        watch(0, &x);
        let mut bias = None;
        for (i, block) in self.blocks.iter().enumerate() {
            x = block.forward(&x, &mut bias, &self.config);
            watch(i + 1, &x);
        }
        finish(&self.norm, &x)
    }
}

/// The states of several prompts, with one block in memory at a time, and of the table the rows of
/// the ids alone: [`Encoder::load`] and [`Encoder::encode`] in a twentieth of the memory, for
/// encoders that run once.
///
/// # Shapes
/// For each prompt of n ids F32 `[n, d]`.
///
/// # Errors
/// When a tensor is missing or has another shape.
///
/// # Panics
/// As [`Encoder::encode`].
pub fn encode_by_block(
    weights: &Weights,
    config: &Config,
    prompts: &[&[u32]],
) -> Result<Vec<Tensor>, WeightsError> {
    let embedded = |ids: &&[u32]| {
        let shape = [config.vocab_size, config.d_model];
        let rows = weights.at("shared").factor_rows("weight", shape, ids);
        Ok(stream(&rows?))
    };
    let mut streams: Vec<Tensor> = prompts.iter().map(embedded).collect::<Result<_, _>>()?;
    let mut biases: Vec<Option<Tensor>> = vec![None; prompts.len()];
    for i in 0..config.num_layers {
        let block = Block::load(&weights.packed(), config, i)?;
        for (x, bias) in streams.iter_mut().zip(&mut biases) {
            *x = block.forward(x, bias, config);
        }
    }
    let norm = final_norm(weights, config)?;
    Ok(streams.iter().map(|x| finish(&norm, x)).collect())
}

fn table(weights: &Weights, config: &Config) -> Result<Tensor, WeightsError> {
    let shape = [config.vocab_size, config.d_model];
    weights.at("shared").factor("weight", shape)
}

fn final_norm(weights: &Weights, config: &Config) -> Result<RmsNorm, WeightsError> {
    let place = weights.at("encoder.final_layer_norm");
    RmsNorm::load(&place, config.d_model, config.layer_norm_epsilon)
}

/// The stream that embedded ids `[n, d]` begin: F32 `[1, n, d]`.
fn stream(embedded: &Tensor) -> Tensor {
    let [n, d] = embedded.dims();
    assert!(n > 0, "a prompt has at least its end");
    embedded.to_dtype(DType::F32).reshape(&[1, n, d])
}

/// `[1, n, d]` to `[n, d]`.
fn finish(norm: &RmsNorm, x: &Tensor) -> Tensor {
    let [_, n, d] = x.dims();
    norm.forward(x).reshape(&[n, d])
}

impl Block {
    fn load(weights: &Weights, config: &Config, index: usize) -> Result<Self, WeightsError> {
        let layers = weights.at("encoder.block").at(index).at("layer");
        let has_positions = index == 0 || config.variant == Variant::Umt5;
        Ok(Self {
            attention: SelfAttention::load(&layers.at(0), config, has_positions)?,
            ffn: Ffn::load(&layers.at(1), config)?,
        })
    }

    /// `x` and the result `[1, n, d]`. `bias` `[h, n, n]` is that of the blocks before, and becomes
    /// this block's if it has its own.
    fn forward(&self, x: &Tensor, bias: &mut Option<Tensor>, config: &Config) -> Tensor {
        let [_, n, _] = x.dims();
        *bias = self.attention.bias(config, n).or(bias.take());
        let x = self.attention.forward(x, bias.as_ref(), config.num_heads);
        self.ffn.forward(&x)
    }
}

impl SelfAttention {
    fn load(weights: &Weights, config: &Config, has_positions: bool) -> Result<Self, WeightsError> {
        let (d, inner) = (config.d_model, config.inner_size());
        let place = weights.at("SelfAttention");
        let linear =
            |name, outputs, inputs| Linear::load_without_bias(&place.at(name), outputs, inputs);
        let table = [config.relative_attention_num_buckets, config.num_heads];
        let positions = has_positions
            .then(|| place.at("relative_attention_bias").tensor("weight", table))
            .transpose()?;
        Ok(Self {
            norm: RmsNorm::load(&weights.at("layer_norm"), d, config.layer_norm_epsilon)?,
            q: linear("q", inner, d)?,
            k: linear("k", inner, d)?,
            v: linear("v", inner, d)?,
            o: linear("o", d, inner)?,
            positions: positions.map(|table| table.to_dtype(DType::F32)),
        })
    }

    /// What is added to the scores of every query and key, `[h, n, n]`.
    fn bias(&self, config: &Config, n: usize) -> Option<Tensor> {
        let table = self.positions.as_ref()?;
        let buckets = config.relative_attention_num_buckets;
        let far = config.relative_attention_max_distance;
        let last = n as i64 - 1;
        let rows: Vec<u32> = (-last..=last)
            .map(|distance| bucket(distance, buckets, far) as u32)
            .collect();
        let by_distance = table.gather(&rows).permute([1, 0]); // [h, 2n - 1]
        let by_distance = by_distance.as_f32();
        // The keys of a query are a window of the distances: written whole, as the encoder's tables
        // have millions of numbers in each block.
        let mut values = Vec::with_capacity(config.num_heads * n * n);
        for of_head in by_distance.chunks(rows.len()) {
            for query in (0..n).rev() {
                values.extend_from_slice(&of_head[query..query + n]);
            }
        }
        Some(Tensor::from_f32(&values, &[config.num_heads, n, n]))
    }

    fn forward(&self, x: &Tensor, bias: Option<&Tensor>, heads: usize) -> Tensor {
        let y = self.norm.forward(x); // [1, n, d]
        let split = |layer: &Linear| {
            let y = layer.forward(&y); // [1, n, h d_kv]
            y.split_heads(&Heads {
                columns: 0..y.last_dim(),
                heads,
                norm: None,
                rotary: None,
            }) // [1, h, n, d_kv]
        };
        let options = Attention {
            scale: Some(1.0),
            bias,
            ..Attention::default()
        };
        let (q, k, v) = (split(&self.q), split(&self.k), split(&self.v));
        let (y, _) = q.attention_with(&k, &v, &options);
        self.o.forward_residual(&y, x, None)
    }
}

impl Ffn {
    fn load(weights: &Weights, config: &Config) -> Result<Self, WeightsError> {
        let (d, hidden) = (config.d_model, config.d_ff);
        let FeedForward { gated, activation } = config.feed_forward;
        let place = weights.at("DenseReluDense");
        let linear =
            |name, outputs, inputs| Linear::load_without_bias(&place.at(name), outputs, inputs);
        Ok(Self {
            norm: RmsNorm::load(&weights.at("layer_norm"), d, config.layer_norm_epsilon)?,
            input: linear(if gated { "wi_0" } else { "wi" }, hidden, d)?,
            gate: gated.then(|| linear("wi_1", hidden, d)).transpose()?,
            output: linear("wo", d, hidden)?,
            activation: match activation {
                Activation::Relu => tensor::Activation::Relu,
                Activation::Silu => tensor::Activation::Silu,
                Activation::GeluTanh => tensor::Activation::Gelu,
            },
        })
    }

    fn forward(&self, x: &Tensor) -> Tensor {
        let y = self.norm.forward(x);
        let hidden = self.input.forward_activation(&y, self.activation); // [1, n, d_ff]
        let hidden = match &self.gate {
            Some(gate) => &hidden * &gate.forward(&y),
            None => hidden,
        };
        self.output.forward_residual(&hidden, x, None)
    }
}

/// The bucket of a key `distance` tokens after its query, negative before it.
///
/// Half of the `buckets` are for keys after the query. Of each half, distances below the middle have
/// one each; the others grow logarithmically up to `max_distance`, in f32 as the reference computes
/// them.
/// Reference: `_relative_position_bucket` of `T5Attention`, bidirectional.
pub fn bucket(distance: i64, buckets: usize, max_distance: usize) -> usize {
    let half = buckets / 2;
    let exact = half / 2;
    let first = if distance > 0 { half } else { 0 };
    let distance = distance.unsigned_abs() as usize;
    if distance < exact {
        return first + distance;
    }
    let span = (max_distance as f64 / exact as f64).ln() as f32;
    let level = (distance as f32 / exact as f32).ln() / span * (half - exact) as f32;
    first + (exact + level as usize).min(half - 1)
}
