//! Latents to frames.
//!
//! After each doubling of time the frames go through the finer levels one by one: at the finest a
//! map of one frame is the most that is held besides the caches.

use kinora_nn::{Conv, Conv3d, Weights, WeightsError};
use kinora_tensor::{DType, Tensor, Unary};

use super::blocks::{Cache, CausalConv, Head, Middle, ResidualBlock, Slots};
use super::stream::Stream;
use super::{Place, Statistics, VaeConfig, load_blocks};

/// Normalised latents to frames.
///
/// Reference: `WanDecoder3d` and `AutoencoderKLWan._decode`.
pub struct Decoder {
    pub(super) config: VaeConfig,
    statistics: Statistics,
    dtype: DType,
    slots: Slots,
    post_quant: Conv3d,
    stem: CausalConv,
    middle: Middle,
    levels: Vec<Level>,
    head: Head,
}

/// The blocks of one level and the way to the next, finer one.
///
/// Reference: `WanUpBlock` and `WanResidualUpBlock`.
struct Level {
    blocks: Vec<ResidualBlock>,
    up: Option<Up>,
    shortcut: Option<Duplicate>,
}

/// Twice the height and width, after twice the frames.
///
/// Reference: `WanResample` in its modes `upsample2d` and `upsample3d`.
struct Up {
    time: Option<CausalConv>,
    conv: Conv,
}

/// Each channel repeated, then channels to time and space.
///
/// Reference: `DupUp3D`.
struct Duplicate {
    input: usize,
    output: usize,
    /// Frames that each frame becomes.
    time: usize,
}

impl Up {
    /// `[1, h, w, c]` to `[1 or 2, 2h, 2w, output]`. The first frame of a clip stays one, and is
    /// none of those that the time convolution remembers.
    fn forward(&self, x: &Tensor, first: bool, cache: &mut Cache) -> Tensor {
        let doubled = match &self.time {
            Some(time) if !first => Some(time.forward(x, cache).unfold(2, 1)),
            _ => None,
        };
        self.conv
            .forward(&doubled.as_ref().unwrap_or(x).upsample2x())
    }
}

impl Duplicate {
    /// `[1, h, w, input]` to `[time, 2h, 2w, output]`, of the first frame of a clip only the last.
    fn forward(&self, x: &Tensor, first: bool) -> Tensor {
        if self.input == self.output {
            // Every channel becomes its own block: the nearest neighbour in time and space.
            let x = if first || self.time == 1 {
                x.clone()
            } else {
                Tensor::concat(&[x, x], 0)
            };
            return x.upsample2x();
        }
        let [_, h, w, _] = x.dims();
        let factor = 4 * self.time;
        let repeats = self.output * factor / self.input;
        // Channel (block, output) of the result comes from where (output, block) was repeated.
        let source = |i: usize| (i % self.output * factor + i / self.output) / repeats;
        let source: Vec<u32> = (0..factor * self.output)
            .map(|i| source(i) as u32)
            .collect();
        let channels = x
            .reshape(&[h * w, self.input])
            .permute([1, 0])
            .gather(&source);
        let y = channels.permute([1, 0]); // [h w, time 2 2 output]
        let y = y
            .reshape(&[1, h, w, factor * self.output])
            .unfold(self.time, 2);
        let skip = if first { self.time - 1 } else { 0 };
        y.slice(skip..self.time)
    }
}

impl Level {
    fn load(
        place: &Place,
        config: &VaeConfig,
        level: usize,
        slots: &mut Slots,
    ) -> Result<Self, WeightsError> {
        let (input, output) = config.decoder_levels()[level];
        let blocks = config.num_res_blocks + 1;
        let blocks = load_blocks(place, level, blocks, [input, output], slots)?;
        let finest = config.dim_mult.len() - 1;
        let Some(between) = finest.checked_sub(level + 1) else {
            return Ok(Self {
                blocks,
                up: None,
                shortcut: None,
            });
        };
        let at = place.between(level);
        let doubles = config.temperal_downsample[between];
        let time = doubles
            .then(|| CausalConv::load(&at.at("time_conv"), 2 * output, output, 1, slots))
            .transpose()?;
        let narrow = if config.is_residual {
            output
        } else {
            output / 2
        };
        Ok(Self {
            blocks,
            up: Some(Up {
                time,
                conv: Conv::load(&at.at("resample.1"), narrow, output, 3, 1)?,
            }),
            shortcut: config.is_residual.then_some(Duplicate {
                input,
                output,
                time: if doubles { 2 } else { 1 },
            }),
        })
    }

    /// `[1, h, w, input]` to the next level's size.
    fn forward(&self, x: &Tensor, first: bool, cache: &mut Cache) -> Tensor {
        let mut y = x.clone();
        for block in &self.blocks {
            y = block.forward(&y, cache);
        }
        if let Some(up) = &self.up {
            y = up.forward(&y, first, cache);
        }
        match &self.shortcut {
            Some(shortcut) => y.add(&shortcut.forward(x, first)),
            None => y,
        }
    }
}

impl Decoder {
    /// Reads the decoder from the VAE's weights.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape.
    pub fn load(weights: &Weights, config: &VaeConfig) -> Result<Self, WeightsError> {
        let at = weights.at("decoder");
        let levels = config.decoder_levels();
        let z = config.z_dim;
        let (widest, last) = (levels[0].0, levels[levels.len() - 1].1);
        let place = Place::new(&at, "upsamples", "upsampler", config.num_res_blocks + 2);
        let mut slots = Slots::default();
        Ok(Self {
            config: config.clone(),
            statistics: Statistics::new(config),
            dtype: weights.precision().activations(),
            post_quant: Conv3d::load(&weights.at("conv2"), z, z, [1, 1])?,
            stem: CausalConv::load(&at.at("conv1"), widest, z, 3, &mut slots)?,
            middle: Middle::load(&at.at("middle"), widest, &mut slots)?,
            levels: (0..levels.len())
                .map(|level| Level::load(&place, config, level, &mut slots))
                .collect::<Result<_, _>>()?,
            head: Head::load(&at.at("head"), config.out_channels, last, &mut slots)?,
            slots,
        })
    }

    /// Starts decoding a clip, of which whole frames are decoded.
    pub fn stream(&self) -> Stream<'_> {
        Stream::new(self, None)
    }

    pub(super) fn start(&self) -> State {
        State {
            cache: self.slots.cache(),
            first: true,
        }
    }

    /// Normalised latents as the first layer takes them.
    pub(super) fn prepare(&self, latents: &Tensor) -> Tensor {
        self.statistics.denormalise(latents).to_dtype(self.dtype)
    }

    /// The frames of a prepared latent frame `[1, h, w, c]` before channels become patches: F32
    /// `[n, H/p, W/p, 3 p p]`. On the way `observe` sees `middle` and the `levels.N`.
    pub(super) fn maps(
        &self,
        latent: &Tensor,
        state: &mut State,
        observe: &mut dyn FnMut(&str, &Tensor),
    ) -> Tensor {
        let x = self.post_quant.forward(latent);
        let x = self.stem.forward(&x, &mut state.cache);
        let x = self.middle.forward(&x, &mut state.cache);
        observe("middle", &x);
        let mut frames = Vec::new();
        self.finer(0, &x, state, &mut frames, observe);
        state.first = false;
        Tensor::concat(&frames.iter().collect::<Vec<_>>(), 0)
    }

    /// One frame through the levels from `level` on, its frames put at the end of `frames`.
    fn finer(
        &self,
        level: usize,
        x: &Tensor,
        state: &mut State,
        frames: &mut Vec<Tensor>,
        observe: &mut dyn FnMut(&str, &Tensor),
    ) {
        let Some(layers) = self.levels.get(level) else {
            let frame = self.head.forward(x, &mut state.cache);
            frames.push(frame.to_dtype(DType::F32));
            return;
        };
        let y = layers.forward(x, state.first, &mut state.cache);
        observe(&format!("levels.{level}"), &y);
        for i in 0..y.shape()[0] {
            self.finer(level + 1, &y.slice(i..i + 1), state, frames, observe);
        }
    }

    /// Channels to patches of pixels, kept between -1 and 1: F32 `[t, h, w, c p p]` to
    /// `[t, p h, p w, c]`.
    ///
    /// Reference: `unpatchify`, whose columns vary slower than its rows.
    pub(super) fn finish(&self, maps: &Tensor) -> Tensor {
        let [t, h, w, channels] = maps.dims();
        let p = self.config.patch();
        let c = channels / (p * p);
        let pixels = maps.reshape(&[t * h, w, c, p, p]).permute([0, 4, 1, 3, 2]);
        pixels.reshape(&[t, p * h, p * w, c]).map(Unary::Clamp {
            low: -1.0,
            high: 1.0,
        })
    }
}

/// What a decoder remembers of a clip, or of a tile of it.
pub(super) struct State {
    cache: Cache,
    first: bool,
}

impl Decoder {
    /// Decodes a whole clip with a look at `middle` and the `levels.N` on the way, frame by frame; for
    /// comparing.
    ///
    /// # Shapes
    /// As [`Stream::push`].
    pub fn decode_observed(
        &self,
        latents: &Tensor,
        observe: &mut dyn FnMut(&str, &Tensor),
    ) -> Tensor {
        let (latents, mut state) = (self.prepare(latents), self.start());
        let frame = |i: usize| self.maps(&latents.slice(i..i + 1), &mut state, observe);
        let maps: Vec<Tensor> = (0..latents.shape()[0]).map(frame).collect();
        self.finish(&Tensor::concat(&maps.iter().collect::<Vec<_>>(), 0))
    }
}
