//! Frames to latents, for image-to-video.

use kinora_nn::{Conv, Conv3d, Weights, WeightsError};
use kinora_tensor::{Conv as ConvOptions, DType, Pad, Tensor};

use super::blocks::{Cache, CausalConv, Head, Middle, ResidualBlock, Slots, remember};
use super::{Place, Statistics, VaeConfig, load_blocks};

/// Frames to normalised latents.
///
/// Reference: `WanEncoder3d` and `AutoencoderKLWan._encode`.
pub struct Encoder {
    config: VaeConfig,
    statistics: Statistics,
    dtype: DType,
    slots: Slots,
    stem: CausalConv,
    levels: Vec<Level>,
    middle: Middle,
    head: Head,
    quant: Conv3d,
}

/// The blocks of one level and the way to the next, coarser one.
struct Level {
    blocks: Vec<ResidualBlock>,
    down: Option<Down>,
    shortcut: Option<Average>,
}

/// Half the height and width, then half the frames.
///
/// Reference: `WanResample` in its modes `downsample2d` and `downsample3d`.
struct Down {
    conv: Conv,
    time: Option<(Conv3d, usize)>,
}

/// Time and space to channels, then the mean of neighbouring ones.
///
/// Reference: `AvgDown3D`.
struct Average {
    output: usize,
    time: usize,
    space: usize,
}

impl Down {
    /// `[t, h, w, c]` to `[t / 2, h / 2, w / 2, c]`; the first frame of a clip stays one, and
    /// only is remembered as the one before.
    fn forward(&self, x: &Tensor, first: bool, cache: &mut Cache) -> Tensor {
        let options = ConvOptions {
            stride: 2,
            pad: Pad::After,
            ..ConvOptions::default()
        };
        let x = self.conv.forward_with(x, &options);
        let Some((conv, slot)) = &self.time else {
            return x;
        };
        let [t, h, w, c] = x.dims();
        let frames = &mut cache[*slot];
        let past = frames.first().cloned();
        remember(frames, &x, 1);
        if first {
            return x;
        }
        // The kernel ends at every second frame; those between are not wanted.
        let options = ConvOptions {
            past: past.as_ref(),
            ..ConvOptions::default()
        };
        let y = conv.forward_with(&x, &options);
        let pairs = y.reshape(&[t / 2, 2, h * w * c]).narrow(1, 1..2);
        pairs.reshape(&[t / 2, h, w, c])
    }
}

impl Average {
    /// `[t, h, w, input]` to `[t / time, h / space, w / space, output]`; an odd number of frames
    /// has a frame of zeros before it.
    fn forward(&self, x: &Tensor) -> Tensor {
        let [t, h, w, c] = x.dims();
        let missing = (self.time - t % self.time) % self.time;
        let zeros = Tensor::zeros(&[missing, h, w, c], x.dtype());
        let x = Tensor::concat(&[&zeros, x], 0).fold(self.time, self.space);
        let [t, h, w, channels] = x.dims(); // channels (block, c)
        let block = channels / c;
        let groups = x.reshape(&[t * h * w, block, c]).permute([0, 2, 1]);
        let groups = groups.reshape(&[t * h * w * self.output, channels / self.output]);
        groups.mean(1).reshape(&[t, h, w, self.output])
    }
}

impl Level {
    fn load(
        place: &Place,
        config: &VaeConfig,
        level: usize,
        slots: &mut Slots,
    ) -> Result<Self, WeightsError> {
        let widths = config.widths(config.base_dim);
        let (input, output) = (widths[level], widths[level + 1]);
        let blocks = load_blocks(place, level, config.num_res_blocks, [input, output], slots)?;
        let halves = config.temperal_downsample.get(level).copied();
        let down = halves.map(|halves| {
            let at = place.between(level);
            let time = halves
                .then(|| Conv3d::load(&at.at("time_conv"), output, output, [3, 1]))
                .transpose()?;
            Ok(Down {
                conv: Conv::load(&at.at("resample.1"), output, output, 3, 1)?,
                time: time.map(|conv| (conv, slots.next())),
            })
        });
        Ok(Self {
            blocks,
            down: down.transpose()?,
            shortcut: config.is_residual.then_some(Average {
                output,
                time: if halves == Some(true) { 2 } else { 1 },
                space: if halves.is_some() { 2 } else { 1 },
            }),
        })
    }

    /// `[t, h, w, input]` to the next level's size.
    fn forward(&self, x: &Tensor, first: bool, cache: &mut Cache) -> Tensor {
        let mut y = x.clone();
        for block in &self.blocks {
            y = block.forward(&y, cache);
        }
        if let Some(down) = &self.down {
            y = down.forward(&y, first, cache);
        }
        match &self.shortcut {
            Some(shortcut) => y.add(&shortcut.forward(x)),
            None => y,
        }
    }
}

impl Encoder {
    /// Reads the encoder from the VAE's weights.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape.
    pub fn load(weights: &Weights, config: &VaeConfig) -> Result<Self, WeightsError> {
        let at = weights.at("encoder");
        let widths = config.widths(config.base_dim);
        let (z, widest) = (2 * config.z_dim, widths[widths.len() - 1]);
        let place = Place::new(&at, "downsamples", "downsampler", config.num_res_blocks + 1);
        let mut slots = Slots::default();
        Ok(Self {
            config: config.clone(),
            statistics: Statistics::new(config),
            dtype: weights.precision().activations(),
            stem: CausalConv::load(
                &at.at("conv1"),
                widths[0],
                config.in_channels,
                3,
                &mut slots,
            )?,
            levels: (0..config.dim_mult.len())
                .map(|level| Level::load(&place, config, level, &mut slots))
                .collect::<Result<_, _>>()?,
            middle: Middle::load(&at.at("middle"), widest, &mut slots)?,
            head: Head::load(&at.at("head"), z, widest, &mut slots)?,
            quant: Conv3d::load(&weights.at("conv1"), z, z, [1, 1])?,
            slots,
        })
    }

    /// Encodes a clip: the first frame alone, then as many as a latent frame stands for at a time.
    /// The latents are the means of their distributions.
    ///
    /// # Shapes
    /// `frames` F32 `[1 + k s, H, W, 3]` in [-1, 1], `s` the latent stride, H and W multiples of the
    /// pixel stride; the result F32 `[1 + k, h, w, c]`, normalised.
    ///
    /// # Panics
    /// When the frames or their size are off that grid.
    pub fn encode(&self, frames: &Tensor) -> Tensor {
        let [count, height, width, _] = frames.dims();
        let (stride, pixels) = (self.config.latent_stride(), self.config.pixel_stride());
        assert!(
            count % stride == 1 % stride && height % pixels == 0 && width % pixels == 0,
            "{:?} in latents of {stride} frames of {pixels} pixels",
            frames.shape()
        );
        let mut cache = self.slots.cache();
        let mut latents = vec![self.chunk(&frames.slice(0..1), true, &mut cache)];
        for start in (1..count).step_by(stride) {
            let chunk = frames.slice(start..start + stride);
            latents.push(self.chunk(&chunk, false, &mut cache));
        }
        let latents = Tensor::concat(&latents.iter().collect::<Vec<_>>(), 0);
        self.statistics.normalise(&latents)
    }

    fn chunk(&self, frames: &Tensor, first: bool, cache: &mut Cache) -> Tensor {
        let patches = self.patchify(frames).to_dtype(self.dtype);
        let mut x = self.stem.forward(&patches, cache);
        for level in &self.levels {
            x = level.forward(&x, first, cache);
        }
        let x = self.middle.forward(&x, cache);
        let x = self.quant.forward(&self.head.forward(&x, cache));
        // The second half of the channels are logarithms of variances.
        x.narrow(3, 0..self.config.z_dim).to_dtype(DType::F32)
    }

    /// Patches of pixels to channels: `[t, p h, p w, c]` to `[t, h, w, c p p]`.
    ///
    /// Reference: `patchify`, whose columns vary slower than its rows.
    fn patchify(&self, frames: &Tensor) -> Tensor {
        let [t, height, width, c] = frames.dims();
        let p = self.config.patch();
        let (h, w) = (height / p, width / p);
        let patches = frames
            .reshape(&[t * h, p, w, p, c])
            .permute([0, 2, 4, 3, 1]);
        patches.reshape(&[t, h, w, c * p * p])
    }
}
