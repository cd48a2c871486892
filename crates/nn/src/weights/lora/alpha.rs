//! How strong a LoRA's layers are.

use serde::Deserialize;
use std::collections::BTreeMap;

use super::super::WeightFile;
use super::keys::own_name;

/// Where diffusers keeps the configuration of an adapter.
const METADATA: &str = "lora_adapter_metadata";
/// What it puts before the keys of a pipeline's transformer.
const OWNER: &str = "transformer.";

/// The strength that a file's own description gives its layers.
#[derive(Default)]
pub(super) struct Alphas {
    config: Config,
}

/// The part of PEFT's `LoraConfig` that changes the result of merging.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Config {
    lora_alpha: Option<f32>,
    alpha_pattern: BTreeMap<String, f32>,
    use_rslora: bool,
}

impl Alphas {
    /// Reads the description. One that cannot be read says nothing.
    pub(super) fn of(file: &WeightFile) -> Self {
        let text = file.metadata(METADATA).and_then(|value| value.as_text());
        let object = text.and_then(|text| serde_json::from_str(text).ok());
        let Some(serde_json::Value::Object(object)) = object else {
            return Self::default();
        };
        let own = object.into_iter().map(|(key, value)| {
            let key = key.strip_prefix(OWNER).map(str::to_owned).unwrap_or(key);
            (key, value)
        });
        let config = serde_json::from_value(serde_json::Value::Object(own.collect()));
        Self {
            config: config.unwrap_or_default(),
        }
    }

    /// The factor of `B A` in a layer of `rank`, where `alpha` is the layer's own: `alpha / rank`,
    /// or `alpha / sqrt(rank)` for rank-stabilised adapters; 1 when nothing says otherwise.
    pub(super) fn factor(&self, layer: &str, alpha: Option<f32>, rank: usize) -> f32 {
        let rank = rank as f32;
        let Some(alpha) = alpha.or_else(|| self.described(layer)) else {
            return 1.0;
        };
        if self.config.use_rslora {
            alpha / rank.sqrt()
        } else {
            alpha / rank
        }
    }

    fn described(&self, layer: &str) -> Option<f32> {
        let (name, _) = own_name(layer);
        let pattern = self.config.alpha_pattern.iter().find(|(key, _)| {
            name.strip_suffix(key.as_str())
                .is_some_and(|before| before.is_empty() || before.ends_with('.'))
        });
        pattern.map(|(_, alpha)| *alpha).or(self.config.lora_alpha)
    }
}
