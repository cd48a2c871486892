//! The two attentions of a block.
//!
//! Dimension key: n tokens, m rows of text, d hidden size.

use kinora_nn::{Linear, RmsNorm, Weights, WeightsError, split_interleaved};
use kinora_tensor::{Attention, Heads, Rotary, Tensor};

use super::config::TransformerConfig;

/// The text as one block sees it: keys and values `[1, heads, m, head_dim]`.
pub(super) struct TextKeys {
    k: Tensor,
    v: Tensor,
}

/// Queries, keys and values with a norm over all heads at once, as both attentions have them.
struct Projections {
    heads: usize,
    q: Linear,
    k: Linear,
    v: Linear,
    o: Linear,
    norm_q: RmsNorm,
    norm_k: RmsNorm,
}

impl Projections {
    /// `order` is that of the outputs of queries and keys.
    fn load(
        weights: &Weights,
        config: &TransformerConfig,
        order: &[u32],
    ) -> Result<Self, WeightsError> {
        let d = config.hidden_size();
        let linear = |name| Linear::load(&weights.at(name), d, d);
        let ordered = |name| Linear::load_in_order(&weights.at(name), d, order);
        let norm = |name| RmsNorm::load_in_order(&weights.at(name), config.eps, order);
        Ok(Self {
            heads: config.num_attention_heads,
            q: ordered("q")?,
            k: ordered("k")?,
            v: linear("v")?,
            o: linear("o")?,
            norm_q: norm("norm_q")?,
            norm_k: norm("norm_k")?,
        })
    }

    /// `[1, n, d]` to `[1, heads, n, head_dim]`.
    fn split(&self, x: &Tensor, rotary: Option<Rotary>) -> Tensor {
        x.split_heads(&Heads {
            columns: 0..x.last_dim(),
            heads: self.heads,
            norm: None,
            rotary,
        })
    }

    fn queries(&self, x: &Tensor, rotary: Option<Rotary>) -> Tensor {
        self.split(&self.norm_q.forward(&self.q.forward(x)), rotary)
    }

    fn keys(&self, x: &Tensor, rotary: Option<Rotary>) -> Tensor {
        self.split(&self.norm_k.forward(&self.k.forward(x)), rotary)
    }

    fn values(&self, x: &Tensor) -> Tensor {
        self.split(&self.v.forward(x), None)
    }
}

/// Attention of all tokens to each other, rotated by their positions.
///
/// The published heads rotate neighbouring columns. Queries and keys are reordered when they are
/// loaded, so that the rotation is that of split halves; the scores stay the same.
pub(super) struct SelfAttention(Projections);

impl SelfAttention {
    pub(super) fn load(
        weights: &Weights,
        config: &TransformerConfig,
    ) -> Result<Self, WeightsError> {
        let order = split_interleaved(config.num_attention_heads, config.attention_head_dim);
        Ok(Self(Projections::load(weights, config, &order)?))
    }

    /// `residual + gate[row] * attention(x)`; `x` `[1, n, d]`, the rest as in
    /// [`Linear::forward_residual`].
    pub(super) fn forward(
        &self,
        x: &Tensor,
        rotary: Rotary,
        residual: &Tensor,
        gate: (&Tensor, &[u32]),
    ) -> Tensor {
        let (q, k) = (
            self.0.queries(x, Some(rotary)),
            self.0.keys(x, Some(rotary)),
        );
        let y = q.attention(&k, &self.0.values(x)); // [1, n, d]
        self.0.o.forward_residual(&y, residual, Some(gate))
    }
}

/// Attention of the tokens to the text.
pub(super) struct CrossAttention(Projections);

impl CrossAttention {
    pub(super) fn load(
        weights: &Weights,
        config: &TransformerConfig,
    ) -> Result<Self, WeightsError> {
        let order: Vec<u32> = (0..config.hidden_size() as u32).collect();
        Ok(Self(Projections::load(weights, config, &order)?))
    }

    /// Keys and values of the text, `states` `[1, m, d]`.
    pub(super) fn text(&self, states: &Tensor) -> TextKeys {
        TextKeys {
            k: self.0.keys(states, None),
            v: self.0.values(states),
        }
    }

    /// `residual + attention(x)`; `x` `[1, n, d]`, `bias` F32 `[1, 1, m]` of the scores.
    pub(super) fn forward(
        &self,
        x: &Tensor,
        text: &TextKeys,
        bias: Option<&Tensor>,
        residual: &Tensor,
    ) -> Tensor {
        let options = Attention {
            bias,
            ..Attention::default()
        };
        let q = self.0.queries(x, None);
        let (y, _) = q.attention_with(&text.k, &text.v, &options); // [1, n, d]
        self.0.o.forward_residual(&y, residual, None)
    }
}
