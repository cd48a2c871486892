//! Frames to latents.

use kinora_nn::{Weights, WeightsError};
use kinora_tensor::{DType, Tensor};

use super::super::vae_config::{DownLevel, DownsampleType, VaeConfig};
use super::Scaling;
use super::blocks::{BlockOptions, ResnetBlock, Resnets, activate};
use super::fold::{fold, patchify};
use super::time::{StridedConv, TimeConv};

/// Channels of a picture.
const COLORS: usize = 3;

/// Frames to normalised latents.
pub struct Encoder {
    scaling: Scaling,
    dtype: DType,
    patch_size: usize,
    latent_channels: usize,
    stem: TimeConv,
    levels: Vec<Level>,
    middle: Resnets,
    head: TimeConv,
}

/// A level of the encoder: blocks, halving, and a block that changes the channels.
///
/// Reference: `LTXVideoDownBlock3D` and `LTXVideo095DownBlock3D`.
struct Level {
    resnets: Resnets,
    downsampler: Option<Downsampler>,
    conv_out: Option<ResnetBlock>,
}

/// Half the frames or pixels.
enum Downsampler {
    Strided(StridedConv),
    /// Space and time to channels, beside the mean of the input's folded channels.
    ///
    /// Reference: `LTXVideoDownsampler3d`.
    Folded {
        conv: TimeConv,
        stride: [usize; 2],
        outputs: usize,
    },
}

impl Downsampler {
    fn load(
        weights: &Weights,
        level: &DownLevel,
        kind: DownsampleType,
        causal: bool,
    ) -> Result<Self, WeightsError> {
        let at = weights.at("downsamplers").at(0);
        if kind == DownsampleType::Conv {
            return Ok(Self::Strided(StridedConv::load(&at, level.inputs, causal)?));
        }
        let stride = kind.stride();
        let outputs = level.outputs / (stride[0] * stride[1] * stride[1]);
        Ok(Self::Folded {
            conv: TimeConv::load(&at.at("conv"), outputs, level.inputs, causal)?,
            stride,
            outputs: level.outputs,
        })
    }

    fn forward(&self, x: &Tensor) -> Tensor {
        match self {
            Self::Strided(conv) => conv.forward(x),
            Self::Folded {
                conv,
                stride: [time, space],
                outputs,
            } => {
                // The first frame stands for one, so it is doubled to be halved.
                let x = &Tensor::concat(&[&x.slice(0..time - 1), x], 0);
                let mean = fold(x, *time, *space);
                let [t, h, w, channels] = mean.dims();
                let mean = mean
                    .reshape(&[t, h, w, *outputs, channels / outputs])
                    .mean(4);
                fold(&conv.forward(x), *time, *space).add(&mean)
            }
        }
    }
}

impl Level {
    fn load(
        weights: &Weights,
        level: &DownLevel,
        options: &BlockOptions,
    ) -> Result<Self, WeightsError> {
        let DownLevel {
            inputs,
            outputs,
            layers,
            ..
        } = *level;
        let downsampler = level
            .downsample
            .map(|kind| Downsampler::load(weights, level, kind, options.causal));
        let widens = level.widen_after && inputs != outputs;
        let conv_out = || ResnetBlock::load(&weights.at("conv_out"), outputs, inputs, options);
        Ok(Self {
            resnets: Resnets::load(weights, inputs, layers, options)?,
            downsampler: downsampler.transpose()?,
            conv_out: widens.then(conv_out).transpose()?,
        })
    }

    fn forward(&self, x: Tensor) -> Tensor {
        let mut x = self.resnets.forward(x);
        if let Some(downsampler) = &self.downsampler {
            x = downsampler.forward(&x);
        }
        match &self.conv_out {
            Some(block) => block.forward(x),
            None => x,
        }
    }
}

impl Encoder {
    /// Reads the encoder, and the scaling of latents, under the names of diffusers.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape.
    pub fn load(weights: &Weights, config: &VaeConfig) -> Result<Self, WeightsError> {
        let at = weights.at("encoder");
        let causal = config.encoder_causal;
        let options = BlockOptions {
            causal,
            eps: config.resnet_norm_eps,
            first_draw: None,
            timestep: false,
        };
        let levels = config.down_levels();
        let first = config.block_out_channels[0];
        let width = levels.last().map_or(first, |level| level.outputs);
        let layers = config.layers_per_block.last().copied().unwrap_or(0);
        let pixels = COLORS * config.patch_size.pow(2);
        let load = |(i, level)| Level::load(&at.at("down_blocks").at(i), level, &options);
        Ok(Self {
            scaling: Scaling::load(weights, config)?,
            dtype: weights.precision().activations(),
            patch_size: config.patch_size,
            latent_channels: config.latent_channels,
            stem: TimeConv::load(&at.at("conv_in"), first, pixels, causal)?,
            levels: levels
                .iter()
                .enumerate()
                .map(load)
                .collect::<Result<_, _>>()?,
            middle: Resnets::load(&at.at("mid_block"), width, layers, &options)?,
            head: TimeConv::load(
                &at.at("conv_out"),
                config.latent_channels + 1,
                width,
                causal,
            )?,
        })
    }

    /// Encodes a whole clip, or a picture as a clip of one frame.
    ///
    /// The encoder also says how sure it is, and the reference pipelines draw from that; this is
    /// the mean.
    ///
    /// # Shapes
    /// `film` F32 `[1 + ratio k, H, W, 3]` in [-1, 1], H and W multiples of the spatial ratio; the
    /// result F32 `[1 + k, h, w, c]`, normalised.
    ///
    /// # Panics
    /// When the size is no such multiple.
    pub fn encode(&self, film: &Tensor) -> Tensor {
        let x = self
            .stem
            .forward(&patchify(&film.to_dtype(self.dtype), self.patch_size));
        let x = self.levels.iter().fold(x, |x, level| level.forward(x));
        let x = activate(&self.middle.forward(x), None);
        let latents = self.head.forward(&x).narrow(3, 0..self.latent_channels);
        self.scaling.normalise(&latents.to_dtype(DType::F32))
    }
}
