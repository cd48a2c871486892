//! The diffusion transformer: all spacetime tokens of a clip attend to each other and the text.
//!
//! Dimension key: t latent frames, h and w latent rows and columns, c channels, p patch,
//! n = t (h/p) (w/p) tokens, m rows of text, d hidden size, l distinct timesteps.

use kinora_nn::{LayerNorm, Linear, Rope, RopeAxis, Weights, WeightsError};
use kinora_tensor::{Activation, DType, Modulation, Precision, Rotary, Tensor};

use super::attention::{CrossAttention, SelfAttention, TextKeys};
use super::config::TransformerConfig;

/// Base of the rotary wavelengths and of the timestep's.
const THETA: f64 = 10_000.0;

/// The transformer, in the precision of the view it is loaded from. In bf16 the stream between
/// blocks, norms and gates stay f32.
pub struct Transformer {
    config: TransformerConfig,
    dtype: DType,
    patch_embedding: Linear,
    text_embedding: [Linear; 2],
    time_embedding: [Linear; 2],
    time_projection: Linear,
    blocks: Vec<Block>,
    head_modulation: Tensor,
    head: Linear,
}

/// What does not change from step to step: the text as each block sees it.
pub struct Conditioning {
    blocks: Vec<TextKeys>,
    /// F32 `[1, 1, m]`: the last row stands for all rows of padding.
    bias: Option<Tensor>,
}

struct Block {
    dtype: DType,
    eps: f32,
    modulation: Tensor,
    self_attn: SelfAttention,
    norm3: Option<LayerNorm>,
    cross_attn: CrossAttention,
    ffn: [Linear; 2],
}

/// Position tables and timesteps of one forward.
struct Frame<'a> {
    rotary: Rotary<'a>,
    /// F32 `[l, 6 d]`, before a block's own table is added.
    levels: &'a Tensor,
    /// The timestep of each token, a row of `levels`.
    rows: &'a [u32],
}

/// Intermediate values of a forward, by the names of the modules that give them.
type Observe<'a> = &'a mut dyn FnMut(&str, &Tensor);

impl Block {
    fn load(weights: &Weights, config: &TransformerConfig) -> Result<Self, WeightsError> {
        let (d, ffn) = (config.hidden_size(), config.ffn_dim);
        let modulation = weights
            .tensor("modulation", [1, 6, d])?
            .to_dtype(DType::F32);
        let norm3 = config
            .cross_attn_norm
            .then(|| LayerNorm::load(&weights.at("norm3"), d, config.eps));
        Ok(Self {
            dtype: weights.precision().activations(),
            eps: config.eps,
            modulation: modulation.reshape(&[6 * d]),
            self_attn: SelfAttention::load(&weights.at("self_attn"), config)?,
            norm3: norm3.transpose()?,
            cross_attn: CrossAttention::load(&weights.at("cross_attn"), config)?,
            ffn: [
                Linear::load(&weights.at("ffn.0"), ffn, d)?,
                Linear::load(&weights.at("ffn.2"), d, ffn)?,
            ],
        })
    }

    /// `x` and the result F32 `[1, n, d]`.
    ///
    /// Reference: `WanTransformerBlock.forward`. The norm before the text has weights, the others
    /// take theirs from the timestep; the text has no gate.
    fn forward(&self, x: &Tensor, frame: &Frame, text: &TextKeys, bias: Option<&Tensor>) -> Tensor {
        let d = x.last_dim();
        let table = frame.levels + &self.modulation; // [l, 6d]
        let part = |i: usize| table.narrow(1, i * d..(i + 1) * d);
        let [shift, scale, gate, ffn_shift, ffn_scale, ffn_gate] = std::array::from_fn(part);
        let rows = frame.rows;

        let y = modulate(x, &shift, &scale, rows, self.eps).to_dtype(self.dtype);
        let x = self.self_attn.forward(&y, frame.rotary, x, (&gate, rows));

        let y = self
            .norm3
            .as_ref()
            .map_or_else(|| x.clone(), |norm| norm.forward(&x));
        let x = self
            .cross_attn
            .forward(&y.to_dtype(self.dtype), text, bias, &x);

        let y = modulate(&x, &ffn_shift, &ffn_scale, rows, self.eps).to_dtype(self.dtype);
        let y = self.ffn[0].forward_activation(&y, Activation::Gelu);
        self.ffn[1].forward_residual(&y, &x, Some((&ffn_gate, rows)))
    }
}

impl Transformer {
    /// Reads the transformer from its weights.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape.
    pub fn load(weights: &Weights, config: &TransformerConfig) -> Result<Self, WeightsError> {
        let d = config.hidden_size();
        let [_, height, width] = config.patch_size;
        let patch = [d, config.in_channels, 1, height, width];
        let whole = weights.whole();
        let linear = |name, outputs, inputs| Linear::load(&whole.at(name), outputs, inputs);
        // The reference keeps this one in f32 in every precision.
        let exact = weights.in_precision(Precision::F32);
        let time = |name, inputs| Linear::load(&exact.at(name), d, inputs);
        let head_modulation = weights.tensor("head.modulation", [1, 2, d])?;
        Ok(Self {
            config: config.clone(),
            dtype: weights.precision().activations(),
            patch_embedding: Linear::load_patches(&whole.at("patch_embedding"), patch)?,
            text_embedding: [
                linear("text_embedding.0", d, config.text_dim)?,
                linear("text_embedding.2", d, d)?,
            ],
            time_embedding: [
                time("time_embedding.0", config.freq_dim)?,
                time("time_embedding.2", d)?,
            ],
            time_projection: linear("time_projection.1", 6 * d, d)?,
            blocks: (0..config.num_layers)
                .map(|i| Block::load(&weights.at("blocks").at(i), config))
                .collect::<Result<_, _>>()?,
            head_modulation: head_modulation.to_dtype(DType::F32).reshape(&[2, d]),
            head: linear("head.head", height * width * config.velocity_channels(), d)?,
        })
    }

    /// Prepares a prompt once for all steps: the text encoder's states of its tokens, followed by
    /// rows of zeros up to `rows` (512 as published).
    ///
    /// The reference attends to the padding, too. Its rows are all alike, so one stands for all,
    /// its scores raised by the logarithm of their number.
    ///
    /// # Shapes
    /// `states` `[m, d_text]`.
    ///
    /// # Panics
    /// When there are more states than `rows`, or neither.
    pub fn condition(&self, states: &Tensor, rows: usize) -> Conditioning {
        let [m, width] = states.dims();
        assert!(m <= rows && rows > 0, "{m} states in {rows} rows");
        let states = states.to_dtype(self.dtype);
        let padding = Tensor::zeros(&[usize::from(m < rows), width], self.dtype);
        let states = Tensor::concat(&[&states, &padding], 0); // [m + 1, d_text]
        let count = states.shape()[0];
        let y = self.text_embedding[0].forward_activation(&states, Activation::Gelu);
        let y = self.text_embedding[1].forward(&y);
        let y = y.reshape(&[1, count, y.last_dim()]); // [1, m + 1, d]
        let copies = ((rows - m) as f32).ln();
        Conditioning {
            blocks: self
                .blocks
                .iter()
                .map(|block| block.cross_attn.text(&y))
                .collect(),
            bias: (rows > m + 1)
                .then(|| Tensor::from_fn(&[1, 1, count], |i| if i == m { copies } else { 0.0 })),
        }
    }

    /// The velocity `noise - data` at the latents.
    ///
    /// `timesteps` are one for all, one a latent frame, or one a token: each stands for
    /// `n / timesteps.len()` tokens in turn. Image-to-video with clean frames gives them 0.
    ///
    /// # Shapes
    /// `latents` F32 `[t, h, w, c]`; the result F32 `[t, h, w, c_out]`.
    ///
    /// # Panics
    /// When the patch does not divide `h` and `w`, or the timesteps the tokens.
    pub fn forward(&self, latents: &Tensor, timesteps: &[f32], text: &Conditioning) -> Tensor {
        self.forward_observed(latents, timesteps, text, &mut |_, _| {})
    }

    /// [`Transformer::forward`], with a look at `patch_embedding` and `blocks.N`, all `[1, n, d]`, on
    /// the way.
    pub fn forward_observed(
        &self,
        latents: &Tensor,
        timesteps: &[f32],
        text: &Conditioning,
        observe: Observe,
    ) -> Tensor {
        let [t, h, w, c] = latents.dims();
        let [_, p, q] = self.config.patch_size;
        let (rows, columns) = (h / p, w / q);
        let n = t * rows * columns;
        let (levels, of_token) = levels(timesteps, n);

        let patches = latents.reshape(&[t, rows, p, columns, q, c]);
        let patches = patches.permute([0, 1, 3, 5, 2, 4]); // [t, h/p, w/p, c, p, p]
        let mut x = self
            .patch_embedding
            .forward(&patches.reshape(&[1, n, c * p * q]));
        observe("patch_embedding", &x); // [1, n, d]

        let time = self.time(&levels); // [l, d]
        let table = self.time_projection.forward(&time.silu()); // [l, 6d]
        let rope = self.rope(t, rows, columns);
        let frame = Frame {
            rotary: rope.rotary(),
            levels: &table,
            rows: &of_token,
        };
        for (i, (block, keys)) in self.blocks.iter().zip(&text.blocks).enumerate() {
            x = block.forward(&x, &frame, keys, text.bias.as_ref());
            observe(&format!("blocks.{i}"), &x);
        }

        let d = x.last_dim();
        let last = |i: usize| &time + &self.head_modulation.slice(i..i + 1).reshape(&[d]);
        let x = modulate(&x, &last(0), &last(1), &of_token, self.config.eps);
        let channels = self.config.velocity_channels();
        let patches = self.head.forward(&x); // [1, n, p p c_out]
        let patches = patches.reshape(&[t * rows, columns, p, q * channels]);
        patches.permute([0, 2, 1, 3]).reshape(&[t, h, w, channels])
    }

    /// The timesteps as the blocks see them, before the last activation: F32 `[l, d]`.
    ///
    /// Reference: `WanTimeTextImageEmbedding`, whose embedding is rounded to the model's precision.
    fn time(&self, levels: &[f32]) -> Tensor {
        let waves = self.config.freq_dim / 2;
        let frequency = |i: usize| (-(THETA.ln()) as f32 * i as f32 / waves as f32).exp();
        let features = Tensor::from_fn(&[levels.len(), 2 * waves], |i| {
            let (level, wave) = (i / (2 * waves), i % (2 * waves));
            let angle = levels[level] * frequency(wave % waves);
            if wave < waves {
                angle.cos()
            } else {
                angle.sin()
            }
        });
        let y = self.time_embedding[0].forward(&features).silu();
        let y = self.time_embedding[1].forward(&y);
        y.to_dtype(self.dtype).to_dtype(DType::F32)
    }

    /// Rotary tables of the tokens. Height and width get a third of a head's pairs each, rounded
    /// down, time the rest.
    ///
    /// Reference: `WanRotaryPosEmbed`.
    fn rope(&self, t: usize, rows: usize, columns: usize) -> Rope {
        let pairs = self.config.attention_head_dim / 2;
        let space = pairs / 3;
        let axis = |count: usize, pairs: usize| RopeAxis {
            positions: (0..count).map(|i| i as f64).collect(),
            frequencies: (0..pairs)
                .map(|i| THETA.powf(-(i as f64 / pairs as f64)))
                .collect(),
        };
        Rope::grid(&[
            axis(t, pairs - 2 * space),
            axis(rows, space),
            axis(columns, space),
        ])
    }
}

fn modulate(x: &Tensor, shift: &Tensor, scale: &Tensor, rows: &[u32], eps: f32) -> Tensor {
    x.layer_norm_modulate(None, eps, &Modulation { shift, scale, rows })
}

/// The distinct timesteps and, for each of `n` tokens, which of them it has.
fn levels(timesteps: &[f32], n: usize) -> (Vec<f32>, Vec<u32>) {
    let given = timesteps.len();
    assert!(
        given > 0 && n.is_multiple_of(given),
        "{given} timesteps for {n} tokens"
    );
    let mut levels: Vec<f32> = Vec::new();
    let mut rows = Vec::with_capacity(n);
    for timestep in timesteps {
        let same = |level: &f32| level.to_bits() == timestep.to_bits();
        let row = levels.iter().position(same).unwrap_or_else(|| {
            levels.push(*timestep);
            levels.len() - 1
        });
        rows.extend(std::iter::repeat_n(row as u32, n / given));
    }
    (levels, rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_timestep_stands_for_tokens_in_turn() {
        assert_eq!(levels(&[7.0], 3), (vec![7.0], vec![0, 0, 0]));
        assert_eq!(
            levels(&[0.0, 7.0, 7.0], 6),
            (vec![0.0, 7.0], vec![0, 0, 1, 1, 1, 1])
        );
    }

    #[test]
    #[should_panic(expected = "2 timesteps for 3 tokens")]
    fn timesteps_divide_the_tokens() {
        let _ = levels(&[1.0, 2.0], 3);
    }
}
