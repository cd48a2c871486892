//! The diffusion transformer: all tokens of a clip attend to each other, then to the text.
//!
//! Reference: `LTXVideoTransformer3DModel`, diffusers `models/transformers/transformer_ltx.py`.
//!
//! Dimension key: t, h, w latent frames, rows and columns, c channels, n = t h w tokens, m text
//! tokens, d inner size, l distinct timesteps.

use std::collections::HashMap;

use kinora_nn::{Linear, RmsNorm, Weights, WeightsError, split_interleaved};
use kinora_tensor::{Activation, DType, Heads, Modulation, Precision, Rotary, Tensor};

use super::config::TransformerConfig;
use super::rope::{Grid, Rope, TimeRule};
use super::timestep::TimestepEmbedder;

/// Of the norms of queries and keys; the reference fixes it.
const QK_NORM_EPS: f32 = 1e-5;
/// Of the last norm; the reference fixes it.
const OUT_NORM_EPS: f32 = 1e-6;

/// The transformer, in the precision of the view it is loaded from.
pub struct Transformer {
    inner_dim: usize,
    dtype: DType,
    patchify_proj: Linear,
    time_embedder: TimestepEmbedder,
    adaln: Linear,
    caption_1: Linear,
    caption_2: Linear,
    blocks: Vec<Block>,
    out_table: Tensor,
    proj_out: Linear,
}

/// A prompt as every block sees it: keys and values `[1, heads, m, head_dim]`.
pub struct Conditioning {
    text: Vec<(Tensor, Tensor)>,
}

/// Where the tokens of a clip are, prepared once for all steps.
pub struct Positions {
    size: [usize; 3],
    rope: Rope,
}

struct Block {
    eps: f32,
    table: Tensor,
    self_attention: Attention,
    text_attention: Attention,
    ffn_in: Linear,
    ffn_out: Linear,
}

struct Attention {
    heads: usize,
    to_q: Linear,
    to_k: Linear,
    to_v: Linear,
    to_out: Linear,
    q_norm: RmsNorm,
    k_norm: RmsNorm,
}

/// Positions and timesteps of one forward.
struct Frame<'a> {
    rotary: Rotary<'a>,
    /// F32 `[l, 6 d]`, before a block's own table is added.
    levels: &'a Tensor,
    /// The timestep of each token, a row of `levels`.
    rows: &'a [u32],
    dtype: DType,
}

impl Attention {
    /// `rotary` is whether queries and keys turn by position: their outputs are then put in the
    /// order that [`Rotary`] turns, which changes no score.
    fn load(
        weights: &Weights,
        config: &TransformerConfig,
        rotary: bool,
    ) -> Result<Self, WeightsError> {
        let d = config.inner_dim();
        let heads = config.num_attention_heads;
        let order = split_interleaved(heads, config.attention_head_dim);
        let turned = |name| {
            let at = weights.at(name);
            if rotary {
                Linear::load_in_order(&at, d, &order)
            } else {
                Linear::load(&at, d, d)
            }
        };
        let norm = |name| {
            let at = weights.at(name);
            if rotary {
                RmsNorm::load_in_order(&at, QK_NORM_EPS, &order)
            } else {
                RmsNorm::load(&at, d, QK_NORM_EPS)
            }
        };
        Ok(Self {
            heads,
            to_q: turned("to_q")?,
            to_k: turned("to_k")?,
            to_v: Linear::load(&weights.at("to_v"), d, d)?,
            to_out: Linear::load(&weights.at("to_out").at(0), d, d)?,
            q_norm: norm("q_norm")?,
            k_norm: norm("k_norm")?,
        })
    }

    fn split(&self, x: &Tensor, rotary: Option<Rotary>) -> Tensor {
        x.split_heads(&Heads {
            columns: 0..x.last_dim(),
            heads: self.heads,
            norm: None, // over all heads at once, before they are split
            rotary,
        })
    }

    /// Queries `[1, heads, n, head_dim]` of `x` `[1, n, d]`.
    fn queries(&self, x: &Tensor, rotary: Option<Rotary>) -> Tensor {
        self.split(&self.q_norm.forward(&self.to_q.forward(x)), rotary)
    }

    /// Keys and values `[1, heads, m, head_dim]` of `x` `[1, m, d]`.
    fn keys_values(&self, x: &Tensor, rotary: Option<Rotary>) -> (Tensor, Tensor) {
        let keys = self.k_norm.forward(&self.to_k.forward(x));
        (
            self.split(&keys, rotary),
            self.split(&self.to_v.forward(x), None),
        )
    }
}

impl Block {
    fn load(weights: &Weights, config: &TransformerConfig) -> Result<Self, WeightsError> {
        let d = config.inner_dim();
        let table = weights.tensor("scale_shift_table", [6, d])?;
        let ffn = weights.at("ff.net");
        Ok(Self {
            eps: config.norm_eps,
            table: table.to_dtype(DType::F32).reshape(&[6 * d]),
            self_attention: Attention::load(&weights.at("attn1"), config, true)?,
            text_attention: Attention::load(&weights.at("attn2"), config, false)?,
            ffn_in: Linear::load(&ffn.at("0.proj"), 4 * d, d)?,
            ffn_out: Linear::load(&ffn.at("2"), d, 4 * d)?,
        })
    }

    /// `x` and the result F32 `[1, n, d]`.
    fn forward(&self, x: &Tensor, frame: &Frame, (keys, values): &(Tensor, Tensor)) -> Tensor {
        let d = x.last_dim();
        let table = frame.levels + &self.table; // [l, 6d]
        let part = |i: usize| table.narrow(1, i * d..(i + 1) * d);
        let [shift, scale, gate, ffn_shift, ffn_scale, ffn_gate] = std::array::from_fn(part);
        let rows = frame.rows;

        let y = self.modulate(x, &shift, &scale, frame);
        let attention = &self.self_attention;
        let q = attention.queries(&y, Some(frame.rotary));
        let (k, v) = attention.keys_values(&y, Some(frame.rotary));
        let y = q.attention(&k, &v); // [1, n, d]
        let x = attention
            .to_out
            .forward_residual(&y, x, Some((&gate, rows)));

        // The text is attended without a norm before it and without a gate after it.
        let attention = &self.text_attention;
        let q = attention.queries(&x.to_dtype(frame.dtype), None);
        let y = q.attention(keys, values);
        let x = attention.to_out.forward_residual(&y, &x, None);

        let y = self.modulate(&x, &ffn_shift, &ffn_scale, frame);
        let hidden = self.ffn_in.forward_activation(&y, Activation::Gelu); // [1, n, 4d]
        self.ffn_out
            .forward_residual(&hidden, &x, Some((&ffn_gate, rows)))
    }

    fn modulate(&self, x: &Tensor, shift: &Tensor, scale: &Tensor, frame: &Frame) -> Tensor {
        let rows = frame.rows;
        let y = x.rms_norm_modulate(None, self.eps, &Modulation { shift, scale, rows });
        y.to_dtype(frame.dtype)
    }
}

impl Transformer {
    /// Reads the transformer under the names of the original files, without their prefix
    /// `model.diffusion_model`.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape.
    pub fn load(weights: &Weights, config: &TransformerConfig) -> Result<Self, WeightsError> {
        let d = config.inner_dim();
        let channels = config.in_channels;
        let whole = weights.whole();
        let linear = |name, outputs, inputs| Linear::load(&whole.at(name), outputs, inputs);
        let adaln = weights.at("adaln_single");
        let exact = adaln.in_precision(Precision::F32);
        let blocks = weights.at("transformer_blocks");
        let out_table = weights.tensor("scale_shift_table", [2, d])?;
        Ok(Self {
            inner_dim: d,
            dtype: weights.precision().activations(),
            patchify_proj: linear("patchify_proj", d, channels)?,
            time_embedder: TimestepEmbedder::load(&adaln.at("emb"), d)?,
            adaln: Linear::load(&exact.at("linear"), 6 * d, d)?,
            caption_1: linear("caption_projection.linear_1", d, config.caption_channels)?,
            caption_2: linear("caption_projection.linear_2", d, d)?,
            blocks: (0..config.num_layers)
                .map(|i| Block::load(&blocks.at(i), config))
                .collect::<Result<_, _>>()?,
            out_table: out_table.to_dtype(DType::F32),
            proj_out: linear("proj_out", channels, d)?,
        })
    }

    /// Prepares a prompt once for all steps.
    ///
    /// `mask` says which rows are tokens of the prompt; the others are padding and left out. The
    /// reference lowers their scores by 10,000 instead, which in f32 leaves them nothing.
    ///
    /// # Shapes
    /// `text` `[m, caption_channels]`, `mask` `m` long.
    ///
    /// # Panics
    /// When the lengths differ.
    pub fn condition(&self, text: &Tensor, mask: &[bool]) -> Conditioning {
        let [m, width] = text.dims();
        assert_eq!(
            mask.len(),
            m,
            "a mask of {} for {m} text tokens",
            mask.len()
        );
        let mut kept: Vec<u32> = (0..)
            .zip(mask)
            .filter_map(|(i, &on)| on.then_some(i))
            .collect();
        if kept.is_empty() {
            kept = (0..m as u32).collect(); // all scores lowered alike are not lowered
        }
        let text = text.gather(&kept).reshape(&[1, kept.len(), width]);
        let hidden = self.caption_1.forward_activation(&text, Activation::Gelu);
        let text = self.caption_2.forward(&hidden).to_dtype(self.dtype); // [1, m, d]
        let of_block = |block: &Block| block.text_attention.keys_values(&text, None);
        Conditioning {
            text: self.blocks.iter().map(of_block).collect(),
        }
    }

    /// Prepares the positions of a clip once for all steps.
    ///
    /// `size` is latent frames, rows and columns; `ratio` frames and pixels of a latent, as the VAE
    /// has them.
    pub fn positions(
        &self,
        size: [usize; 3],
        ratio: [usize; 2],
        rule: TimeRule,
        fps: f32,
    ) -> Positions {
        let grid = Grid {
            size,
            ratio,
            rule,
            fps,
        };
        let rope = Rope::new(self.inner_dim, &grid);
        Positions { size, rope }
    }

    /// The velocity `noise - clean`, as `d x / d sigma`.
    ///
    /// # Shapes
    /// `latents` and the result F32 `[t, h, w, c]`, normalised. `timesteps` in [0, 1000]: one for
    /// all, one for each latent frame, or one for each token, row-major.
    ///
    /// # Panics
    /// When the positions are those of another size, or there is another number of timesteps.
    pub fn forward(
        &self,
        latents: &Tensor,
        timesteps: &[f32],
        conditioning: &Conditioning,
        positions: &Positions,
    ) -> Tensor {
        let [t, h, w, c] = latents.dims();
        assert_eq!(positions.size, [t, h, w], "positions of another clip");
        let n = t * h * w;
        let (levels, rows) = distinct(timesteps, n);
        let time = self.time_embedder.forward(&levels); // [l, d]
        let table = self.adaln.forward(&time.silu()); // [l, 6d]
        let frame = Frame {
            rotary: positions.rope.rotary(),
            levels: &table,
            rows: &rows,
            dtype: self.dtype,
        };

        let mut x = self.patchify_proj.forward(&latents.reshape(&[1, n, c])); // [1, n, d]
        for (block, text) in self.blocks.iter().zip(&conditioning.text) {
            x = block.forward(&x, &frame, text);
        }
        let d = self.inner_dim;
        let last = |row: usize| &time + &self.out_table.slice(row..row + 1).reshape(&[d]);
        let modulation = Modulation {
            shift: &last(0),
            scale: &last(1),
            rows: &rows,
        };
        let y = x.layer_norm_modulate(None, OUT_NORM_EPS, &modulation);
        self.proj_out.forward(&y).reshape(&[t, h, w, c])
    }
}

/// The distinct timesteps, and which of them each of `n` tokens has.
#[track_caller]
fn distinct(timesteps: &[f32], n: usize) -> (Vec<f32>, Vec<u32>) {
    let count = timesteps.len();
    assert!(
        count > 0 && n.is_multiple_of(count),
        "{count} timesteps for {n} tokens"
    );
    let mut levels: Vec<f32> = Vec::new();
    let mut known: HashMap<u32, u32> = HashMap::new();
    let mut rows = Vec::with_capacity(n);
    for &timestep in timesteps {
        let row = *known.entry(timestep.to_bits()).or_insert_with(|| {
            levels.push(timestep);
            levels.len() as u32 - 1
        });
        rows.extend(std::iter::repeat_n(row, n / count));
    }
    (levels, rows)
}
