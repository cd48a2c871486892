//! What a single file without a `config.json` holds, told from its tensors.

use kinora_nn::{Rule, WeightFile, Weights};

use super::config::{Activation, Config, FeedForward, Variant};
use super::keys::{FROM_GGUF, FROM_STACK, FROM_TRANSFORMERS, FROM_WAN};

/// The key map of the layout that `file` is in, told from the name of its embedding table; `None`
/// when that is missing.
pub fn layout(file: &WeightFile) -> Option<&'static [Rule]> {
    let layouts = [
        ("shared.weight", FROM_TRANSFORMERS),
        ("encoder.embed_tokens.weight", FROM_STACK),
        ("token_embedding.weight", FROM_WAN),
        ("token_embd.weight", FROM_GGUF),
    ];
    let found = layouts
        .into_iter()
        .find(|(name, _)| file.shape(name).is_some());
    found.map(|(_, rules)| rules)
}

impl Config {
    /// The configuration of the encoder whose tensors these are, under the names of transformers;
    /// `None` when they are no T5's.
    ///
    /// What shapes do not tell is as in every published T5-v1.1 and UMT5: epsilon 1e-6, distances up
    /// to 128, the tanh form of GELU between gated matrices, else `max(x, 0)`.
    pub fn from_shapes(weights: &Weights) -> Option<Self> {
        let block = |index: usize, name: &str| format!("encoder.block.{index}.layer.{name}.weight");
        let rows_and_columns = |name: &str| <[usize; 2]>::try_from(weights.shape(name)?).ok();
        let bias = "0.SelfAttention.relative_attention_bias";
        let [vocab_size, d_model] = rows_and_columns("shared.weight")?;
        let [buckets, num_heads] = rows_and_columns(&block(0, bias))?;
        let [inner, _] = rows_and_columns(&block(0, "0.SelfAttention.q"))?;
        let [_, d_ff] = rows_and_columns(&block(0, "1.DenseReluDense.wo"))?;
        let mut num_layers = 0;
        while weights.has(&block(num_layers, "0.layer_norm")) {
            num_layers += 1;
        }
        let gated = weights.has(&block(0, "1.DenseReluDense.wi_0"));
        let config = Self {
            variant: if weights.has(&block(1, bias)) {
                Variant::Umt5
            } else {
                Variant::T5
            },
            vocab_size,
            d_model,
            d_kv: inner.checked_div(num_heads)?,
            d_ff,
            num_layers,
            num_heads,
            relative_attention_num_buckets: buckets,
            relative_attention_max_distance: 128,
            layer_norm_epsilon: 1e-6,
            feed_forward: FeedForward {
                gated,
                activation: if gated {
                    Activation::GeluTanh
                } else {
                    Activation::Relu
                },
            },
        };
        config.check_sizes().is_ok().then_some(config)
    }
}
