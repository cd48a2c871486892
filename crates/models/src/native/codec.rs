//! The codec: 32 x 32 x 8 pixels to one latent vector, causal in time, 2-D convolutions only.
//!
//! Time is mixed by memory blocks, which see the features of the frame before, and by folding
//! frames into channels; so decoding streams with one feature map of state a block, and its memory
//! does not grow with the clip. Ideas: TAEHV (madebyollin/taehv) and the space-to-channel
//! shortcuts of DC-AE, arXiv 2410.10733.
//!
//! Dimension key: t frames, h rows, w columns, c channels; all maps are channels-last.

use kinora_nn::{Conv, Linear, Weights, WeightsError};
use kinora_tensor::{Conv as ConvOptions, DType, Tensor};

use super::config::CodecConfig;

/// Frames a latent frame stands for; the first latent frame stands for the first frame alone.
pub const LATENT_STRIDE: usize = 8;
/// Pixels of the decoder's output that a latent spans in each direction.
pub const PIXEL_STRIDE: usize = 32;

/// Latent frames of a clip of 1 + 8k frames.
pub const fn latent_frames(frames: usize) -> usize {
    1 + (frames - 1) / LATENT_STRIDE
}

/// Frames that the first latent frame decodes to before the clip begins.
const LEAD_IN: usize = LATENT_STRIDE - 1;
/// How the encoder folds (time, space) between its levels.
const DOWNS: [(usize, usize); 2] = [(2, 2), (2, 2)];
/// How the decoder unfolds between its levels.
const UPS: [(usize, usize); 3] = [(2, 2), (2, 2), (1, 2)];

/// Residual block over this frame and the one before: `x + conv2(relu(conv1([x, past])))`.
struct MemoryBlock {
    conv1: Conv,
    conv2: Conv,
}

impl MemoryBlock {
    fn load(weights: &Weights, channels: usize) -> Result<Self, WeightsError> {
        Ok(Self {
            conv1: Conv::load(&weights.at("conv1"), channels, channels, 3, 2)?,
            conv2: Conv::load(&weights.at("conv2"), channels, channels, 3, 1)?,
        })
    }

    /// `x` and the result `[t, h, w, c]`; `past` is the last frame of the call before.
    fn forward(&self, x: &Tensor, past: &mut Option<Tensor>) -> Tensor {
        let options = ConvOptions {
            past: past.as_ref(),
            relu: true,
            ..ConvOptions::default()
        };
        let y = self.conv1.forward_with(x, &options);
        let t = x.shape()[0];
        *past = Some(x.slice(t - 1..t));
        let options = ConvOptions {
            residual: Some(x),
            ..ConvOptions::default()
        };
        self.conv2.forward_with(&y, &options)
    }
}

/// The blocks of one level and the linear layer that leads to the next.
struct Level {
    blocks: Vec<MemoryBlock>,
    next: Option<Linear>,
}

impl Level {
    /// All levels; `shape` gives rows and columns of the layer from one level to the next.
    fn load_all(
        weights: &Weights,
        next: &str,
        channels: &[usize],
        blocks: &[usize],
        shape: impl Fn(usize) -> (usize, usize),
    ) -> Result<Vec<Self>, WeightsError> {
        let level = |i: usize| {
            let at = weights.at("levels").at(i);
            let next = (i + 1 < channels.len()).then(|| {
                let (outputs, inputs) = shape(i);
                Linear::load(&weights.at(next).at(i), outputs, inputs)
            });
            Ok(Self {
                blocks: (0..blocks[i])
                    .map(|j| MemoryBlock::load(&at.at(j), channels[i]))
                    .collect::<Result<_, _>>()?,
                next: next.transpose()?,
            })
        };
        (0..channels.len()).map(level).collect()
    }
}

/// Mean and spread of each latent channel, by which latents are unit normal.
struct Scaling {
    mean: Tensor,
    std: Tensor,
}

impl Scaling {
    fn load(weights: &Weights, channels: usize) -> Result<Self, WeightsError> {
        let read =
            |name| Ok::<_, WeightsError>(weights.tensor(name, [channels])?.to_dtype(DType::F32));
        Ok(Self {
            mean: read("mean")?,
            std: read("std")?,
        })
    }
}

/// Normalised latents to frames.
pub struct Decoder {
    scaling: Scaling,
    /// Frames and side of a pixel patch.
    patch: (usize, usize),
    dtype: DType,
    stem: Conv,
    levels: Vec<Level>,
    refine: [Conv; 2],
    head: Conv,
}

impl Decoder {
    /// Reads the decoder from the codec's weights.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape.
    pub fn load(weights: &Weights, config: &CodecConfig) -> Result<Self, WeightsError> {
        let at = weights.at("decoder");
        let channels = config.decoder_channels;
        let last = channels[3];
        let conv = |name, out, input| Conv::load(&at.at(name), out, input, 3, 1);
        Ok(Self {
            scaling: Scaling::load(weights, config.latent_channels)?,
            patch: (config.patch_frames, config.patch_size),
            dtype: weights.precision().activations(),
            stem: conv("stem", channels[0], config.latent_channels)?,
            levels: Level::load_all(&at, "ups", &channels, &config.decoder_blocks, |i| {
                let (time, space) = UPS[i];
                (time * space * space * channels[i + 1], channels[i])
            })?,
            refine: [conv("refine1", last, last)?, conv("refine2", last, last)?],
            head: conv("head", patch_values(config), last)?,
        })
    }

    /// Decodes latent frames with nothing before them, each to eight frames.
    ///
    /// # Shapes
    /// `latents` F32 `[t, h, w, c]`, normalised; the result F32 `[8t, 32h, 32w, 3]` in [-1, 1], about.
    pub fn decode_groups(&self, latents: &Tensor) -> Tensor {
        let mut past = vec![None; self.blocks()];
        self.forward(latents, &mut past).to_dtype(DType::F32)
    }

    fn blocks(&self) -> usize {
        self.levels.iter().map(|level| level.blocks.len()).sum()
    }

    /// Starts decoding a clip.
    pub fn stream(&self) -> Stream<'_> {
        Stream {
            decoder: self,
            past: vec![None; self.blocks()],
            lead_in: LEAD_IN,
        }
    }

    /// `latents` F32 `[t, h, w, c]` to frames `[8t, 32h, 32w, 3]` in [-1, 1], about.
    fn forward(&self, latents: &Tensor, past: &mut [Option<Tensor>]) -> Tensor {
        let latents = latents.mul(&self.scaling.std).add(&self.scaling.mean);
        let mut x = self.stem.forward(&latents.to_dtype(self.dtype));
        let mut past = past.iter_mut();
        for (i, level) in self.levels.iter().enumerate() {
            for (block, past) in level.blocks.iter().zip(&mut past) {
                x = block.forward(&x, past);
            }
            if let Some(up) = &level.next {
                let (time, space) = UPS[i];
                x = up.forward(&x).unfold(time, space);
            }
        }
        let y = self.refine[0].forward_relu(&x);
        let options = ConvOptions {
            residual: Some(&x),
            ..ConvOptions::default()
        };
        let x = self.refine[1].forward_with(&y, &options);
        self.head.forward(&x).unfold(self.patch.0, self.patch.1)
    }
}

/// A clip being decoded, latent frame by latent frame.
pub struct Stream<'a> {
    decoder: &'a Decoder,
    past: Vec<Option<Tensor>>,
    lead_in: usize,
}

impl Stream<'_> {
    /// Decodes the next latent frames.
    ///
    /// # Shapes
    /// `latents` F32 `[t, h, w, c]`, normalised; the result F32 `[n, 32h, 32w, 3]` in [-1, 1]
    /// (not clamped), where n is 8t, less 7 on the first call.
    pub fn push(&mut self, latents: &Tensor) -> Tensor {
        let frames = self.decoder.forward(latents, &mut self.past);
        let skip = std::mem::take(&mut self.lead_in);
        frames.slice(skip..frames.shape()[0]).to_dtype(DType::F32)
    }
}

/// Half-size frames to normalised latents.
pub struct Encoder {
    scaling: Scaling,
    /// Frames and side of a pixel patch.
    patch: (usize, usize),
    dtype: DType,
    stem: Linear,
    levels: Vec<Level>,
    head: Linear,
}

impl Encoder {
    /// Reads the encoder from the codec's weights.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape.
    pub fn load(weights: &Weights, config: &CodecConfig) -> Result<Self, WeightsError> {
        let at = weights.at("encoder");
        let channels = config.encoder_channels;
        let last = channels[channels.len() - 1];
        Ok(Self {
            scaling: Scaling::load(weights, config.latent_channels)?,
            patch: (config.patch_frames, config.patch_size),
            dtype: weights.precision().activations(),
            stem: Linear::load(&at.at("stem"), channels[0], patch_values(config))?,
            levels: Level::load_all(&at, "downs", &channels, &config.encoder_blocks, |i| {
                let (time, space) = DOWNS[i];
                (channels[i + 1], time * space * space * channels[i])
            })?,
            head: Linear::load(&at.at("head"), config.latent_channels, last)?,
        })
    }

    /// Encodes a whole clip.
    ///
    /// # Shapes
    /// `film` F32 `[1 + 8k, h, w, 3]` in [-1, 1] at half the decoder's size, h and w multiples of
    /// 16; the result F32 `[1 + k, h / 16, w / 16, c]`.
    pub fn encode(&self, film: &Tensor) -> Tensor {
        let first = film.slice(0..1);
        let mut parts = vec![&first; LEAD_IN];
        parts.push(film);
        self.encode_groups(&Tensor::concat(&parts, 0))
    }

    /// Encodes groups of eight frames with nothing before them, each to a latent frame.
    ///
    /// # Shapes
    /// `film` F32 `[8k, h, w, 3]` as [`Encoder::encode`] takes it; the result F32 `[k, h / 16, w / 16, c]`.
    pub fn encode_groups(&self, film: &Tensor) -> Tensor {
        let film = film.to_dtype(self.dtype);
        let stem = film.fold(self.patch.0, self.patch.1);
        let mut x = self.stem.forward(&stem);
        for (i, level) in self.levels.iter().enumerate() {
            for block in &level.blocks {
                x = block.forward(&x, &mut None);
            }
            if let Some(down) = &level.next {
                let (time, space) = DOWNS[i];
                x = down.forward(&x.fold(time, space));
            }
        }
        let latents = self.head.forward(&x).to_dtype(DType::F32);
        let inverse: Vec<f32> = self.scaling.std.as_f32().iter().map(|s| 1.0 / s).collect();
        latents
            .sub(&self.scaling.mean)
            .mul(&Tensor::from_f32(&inverse, self.scaling.std.shape()))
    }
}

/// Values of a pixel patch.
fn patch_values(config: &CodecConfig) -> usize {
    3 * config.patch_frames * config.patch_size.pow(2)
}
