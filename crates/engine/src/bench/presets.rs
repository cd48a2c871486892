//! The models that parts are measured of: their published configurations, without weights.

use std::fmt::Display;

use kinora_models::{ltx, native, t5, wan};

use super::parts::Part;
use crate::bundle::Bundle;
use crate::engine::DEFAULT_MODEL;
use crate::error::{Error, Result};
use crate::size::Size;
use crate::text::nearest;

/// The name of Wan's configuration in the table of its family.
const WAN_1_3B: &str = "wan2.1-t2v-1.3b";

/// A model, and the clip that it is measured with unless another is asked for.
#[derive(Debug)]
pub struct Preset {
    /// Its name.
    pub name: &'static str,
    /// Width and height of the clip.
    pub size: Size,
    /// Frames of the clip.
    pub frames: u32,
    /// Tokens of the prompt, padding included.
    pub text_tokens: usize,
    family: Family,
}

/// Where a preset's configurations are.
#[derive(Debug)]
enum Family {
    Native,
    Ltx { vae: &'static str },
    Wan,
}

/// The presets.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: DEFAULT_MODEL,
        size: Size::new(576, 320),
        frames: 97,
        text_tokens: 20,
        family: Family::Native,
    },
    Preset {
        name: "ltx-video-2b",
        size: Size::new(512, 512),
        frames: 49,
        text_tokens: 128,
        family: Family::Ltx {
            vae: ltx::presets::VAE_095,
        },
    },
    Preset {
        name: "ltx-video-2b-0.9.0",
        size: Size::new(512, 512),
        frames: 49,
        text_tokens: 128,
        family: Family::Ltx {
            vae: ltx::presets::VAE_090,
        },
    },
    Preset {
        name: WAN_1_3B,
        size: Size::new(480, 272),
        frames: 17,
        text_tokens: 512,
        family: Family::Wan,
    },
];

impl Preset {
    /// The preset of a name.
    ///
    /// # Errors
    /// [`Error::Value`] with the nearest name.
    pub fn find(name: &str) -> Result<&'static Self> {
        let found = PRESETS.iter().find(|preset| preset.name == name);
        found.ok_or_else(|| {
            let names: Vec<&str> = PRESETS.iter().map(|preset| preset.name).collect();
            let hint = match nearest(name, &names) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known: {}", names.join(", ")),
            };
            Error::Value {
                name: "--preset",
                value: name.into(),
                hint,
            }
        })
    }

    /// Its configurations.
    ///
    /// # Errors
    /// [`Error::UnknownModel`] for kinora-1 in a build without it.
    pub(super) fn model(&self) -> Result<Model> {
        Ok(match self.family {
            Family::Native => Model::Native(native_config()?),
            Family::Ltx { vae } => Model::Ltx {
                transformer: published(ltx::TransformerConfig::from_json(
                    ltx::presets::TRANSFORMER_2B,
                ))?,
                vae: published(ltx::VaeConfig::from_json(vae))?,
                text: published(t5::Config::from_json(t5::T5_V1_1_XXL))?,
            },
            Family::Wan => {
                let preset = wan::PRESETS.iter().find(|preset| preset.name == WAN_1_3B);
                let preset = published(preset.ok_or("a preset of Wan is gone"))?;
                Model::Wan {
                    transformer: published(preset.transformer_config())?,
                    vae: published(preset.vae.config())?,
                    text: published(t5::Config::from_json(t5::UMT5_XXL))?,
                }
            }
        })
    }
}

/// The configuration of the model inside the program.
fn native_config() -> Result<native::Config> {
    let file = "config.json";
    let bundle = Bundle::embedded().find(|bundle| bundle.name == DEFAULT_MODEL);
    let bundle = bundle.ok_or_else(|| Error::UnknownModel {
        name: DEFAULT_MODEL.into(),
        nearest: None,
        known: Vec::new(),
    })?;
    native::Config::from_json(&bundle.text(file)?).map_err(|error| bundle.failed(file, error))
}

/// What is part of the program cannot fail, but for a mistake of ours.
pub(super) fn published<T, E: Display>(part: std::result::Result<T, E>) -> Result<T> {
    part.map_err(|error| Error::Internal {
        message: error.to_string(),
    })
}

/// The configurations of a preset's parts.
pub(super) enum Model {
    Native(native::Config),
    Ltx {
        transformer: ltx::TransformerConfig,
        vae: ltx::VaeConfig,
        text: t5::Config,
    },
    Wan {
        transformer: wan::TransformerConfig,
        vae: wan::VaeConfig,
        text: t5::Config,
    },
}

impl Model {
    /// Frames and pixels of a latent, channels of a latent, and the pixels that sides are multiples of.
    fn grid(&self) -> [usize; 4] {
        match self {
            Self::Native(config) => {
                let step = native::PIXEL_STRIDE * config.transformer.patch_size;
                let channels = config.codec.latent_channels;
                [native::LATENT_STRIDE, native::PIXEL_STRIDE, channels, step]
            }
            Self::Ltx { vae, .. } => {
                let space = vae.spatial_ratio();
                [vae.temporal_ratio(), space, vae.latent_channels, space]
            }
            Self::Wan {
                transformer, vae, ..
            } => {
                let space = vae.pixel_stride();
                let step = space * transformer.patch_size[1];
                [vae.latent_stride(), space, vae.z_dim, step]
            }
        }
    }

    /// Shape of the latents `[t, h, w, c]` of a clip.
    ///
    /// # Errors
    /// [`Error::Value`] for a size or a number of frames that the model does not make.
    pub(super) fn latents(&self, size: Size, frames: u32) -> Result<[usize; 4]> {
        let [time, space, channels, step] = self.grid();
        let [width, height] = [size.width, size.height].map(|side| side as usize);
        if !width.is_multiple_of(step) || !height.is_multiple_of(step) {
            return Err(Error::Value {
                name: "--size",
                value: size.to_string(),
                hint: format!(
                    "both sides are multiples of {step} pixels, such as {}x{step}",
                    2 * step
                ),
            });
        }
        let later = (frames as usize).checked_sub(1);
        let Some(later) = later.filter(|later| later.is_multiple_of(time)) else {
            return Err(Error::Value {
                name: "--frames",
                value: frames.to_string(),
                hint: format!("1 more than a multiple of {time}, such as {}", 2 * time + 1),
            });
        };
        Ok([1 + later / time, height / space, width / space, channels])
    }

    /// Weights of a part, nearly: those of its large matrices, none where they are few.
    pub(super) fn weights(&self, part: Part) -> u64 {
        let numbers = match (self, part) {
            // Four matrices for each of two attentions and a feed-forward layer four times as wide.
            (Self::Ltx { transformer, .. }, Part::Dit) => {
                transformer.num_layers * 16 * transformer.inner_dim().pow(2)
            }
            (Self::Wan { transformer, .. }, Part::Dit) => {
                let d = transformer.hidden_size();
                transformer.num_layers * (8 * d * d + 2 * d * transformer.ffn_dim)
            }
            (Self::Ltx { text, .. } | Self::Wan { text, .. }, Part::Text) => {
                let block = 4 * text.inner_size() + 3 * text.d_ff;
                (text.num_layers * block + text.vocab_size) * text.d_model
            }
            (Self::Native(_), _) | (_, Part::Vae) => 0,
        };
        numbers as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_found_or_the_nearest_is_named() {
        for preset in PRESETS {
            assert_eq!(Preset::find(preset.name).unwrap().name, preset.name);
        }
        let hint = |name: &str| Preset::find(name).unwrap_err().hint();
        assert_eq!(hint("wan2.1-t2v-1.3"), "did you mean `wan2.1-t2v-1.3b`?");
        assert!(hint("sora").starts_with("known: kinora-1, ltx-video-2b, "));
    }

    #[test]
    fn clips_have_the_latents_of_the_published_models() {
        let latents = |name: &str, size: &str, frames| {
            let model = Preset::find(name).unwrap().model().unwrap();
            model.latents(size.parse().unwrap(), frames)
        };
        let known = [
            ("ltx-video-2b", "512x512", 49, [7, 16, 16, 128]),
            ("ltx-video-2b-0.9.0", "704x480", 161, [21, 15, 22, 128]),
            ("wan2.1-t2v-1.3b", "480x272", 17, [5, 34, 60, 16]),
        ];
        for (name, size, frames, expected) in known {
            assert_eq!(latents(name, size, frames).unwrap(), expected);
        }
        let refused = |size, frames| latents("wan2.1-t2v-1.3b", size, frames).unwrap_err();
        assert_eq!(
            refused("480x270", 17).hint(),
            "both sides are multiples of 16 pixels, such as 32x16"
        );
        assert_eq!(
            refused("480x272", 18).hint(),
            "1 more than a multiple of 4, such as 9"
        );
        assert_eq!(
            refused("480x272", 0).to_string(),
            "--frames 0 is not possible"
        );
    }

    #[test]
    fn weights_are_those_of_the_names() {
        let billions = |name: &str, part| {
            let model = Preset::find(name).unwrap().model().unwrap();
            model.weights(part) as f64 / 1e9
        };
        let check = |name, part, expected: f64| {
            let found = billions(name, part);
            assert!((found - expected).abs() < 0.1, "{name}: {found} billion");
        };
        check("ltx-video-2b", Part::Dit, 1.9);
        check("ltx-video-2b", Part::Text, 4.76);
        check("wan2.1-t2v-1.3b", Part::Dit, 1.42);
        check("wan2.1-t2v-1.3b", Part::Text, 5.68);
    }
}
