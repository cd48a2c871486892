//! Latents to frames.

use std::collections::VecDeque;

use kinora_nn::{Weights, WeightsError};
use kinora_tensor::{DType, Tensor};

use super::super::timestep::TimestepEmbedder;
use super::super::vae_config::{UpLevel, VaeConfig};
use super::Scaling;
use super::blocks::{BlockOptions, Draws, ResnetBlock, ResnetState, Resnets, activate};
use super::fold::{unfold, unpatchify};
use super::stream::Stream;
use super::time::{Part, Past, Queue, TimeConv};
use crate::Tiling;

/// Channels of a picture.
const COLORS: usize = 3;

/// What a decoder is told. Without `timestep_conditioning` only the tiling matters.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct DecodeOptions {
    /// How noisy the latents are taken to be, in [0, 1].
    pub timestep: f32,
    /// The share of noise mixed into the latents first: `(1 - s) latents + s noise`.
    pub noise_scale: f32,
    /// Decodes in overlapping tiles; whole pictures when absent.
    pub tiling: Option<Tiling>,
}

/// Normalised latents to frames.
pub struct Decoder {
    scaling: Scaling,
    pub(super) dtype: DType,
    pub(super) spatial_ratio: usize,
    patch_size: usize,
    /// What a timestep is multiplied with, when the decoder is told one.
    pub(super) timestep_scale: Option<f32>,
    /// Noise maps drawn for a clip.
    pub(super) draws: usize,
    stem: TimeConv,
    middle: Resnets,
    levels: Vec<Level>,
    head: Head,
    stages: Vec<Stage>,
}

/// What a frame meets on its way, one after the other. Between them a part of a clip is cut into single
/// frames: at the end of a clip every layer lets go of what it held, and they would add up.
#[derive(Clone, Copy)]
enum Stage {
    Stem,
    /// A block of the middle, by its number.
    Middle(usize),
    /// The way into a level.
    Enter(usize),
    /// A block of a level, by the numbers of both.
    Block(usize, usize),
    Head,
}

/// A level of the decoder: a block that changes the channels, doubling, and blocks.
///
/// Reference: `LTXVideoUpBlock3d`.
struct Level {
    conv_in: Option<ResnetBlock>,
    upsampler: Option<Upsampler>,
    resnets: Resnets,
}

/// Twice the frames and pixels.
///
/// Reference: `LTXVideoUpsampler3d`.
struct Upsampler {
    conv: TimeConv,
    /// How often the input's unfolded channels are repeated to be added.
    repeats: Option<usize>,
}

/// Norm, activation and convolution to pixels.
struct Head {
    time: Option<(TimestepEmbedder, Tensor)>,
    conv: TimeConv,
}

/// What a decoder remembers of a clip, or of a tile of it.
pub(super) struct State {
    /// What waits for a stage, by its number.
    work: VecDeque<(usize, Part)>,
    stem: Past,
    middle: Vec<ResnetState>,
    levels: Vec<LevelState>,
    head: Past,
    head_modulation: Option<[Tensor; 2]>,
}

struct LevelState {
    conv_in: Option<ResnetState>,
    past: Past,
    shortcut: Queue,
    begun: bool,
    resnets: Vec<ResnetState>,
}

impl Upsampler {
    fn load(weights: &Weights, level: &UpLevel, causal: bool) -> Result<Self, WeightsError> {
        let at = weights.at("upsamplers").at(0).at("conv");
        let (inputs, outputs) = (level.outputs * level.factor, level.outputs * 8);
        Ok(Self {
            conv: TimeConv::load(&at, outputs, inputs, causal)?,
            repeats: level.residual.then_some(8 / level.factor),
        })
    }

    fn push(&self, part: &Part, state: &mut LevelState) -> Part {
        if self.repeats.is_some() {
            state.shortcut.push(part.frames.as_ref());
        }
        self.conv.push(part, &mut state.past).map(|y| {
            let mut y = unfold(&y, 2, 2);
            if let Some(repeats) = self.repeats {
                let x = unfold(&state.shortcut.pop(y.shape()[0] / 2), 2, 2);
                y = y.add(&Tensor::concat(&vec![&x; repeats], 3));
            }
            // The first frame of a clip stands for one, not for two.
            let begun = std::mem::replace(&mut state.begun, true);
            y.slice(usize::from(!begun)..y.shape()[0])
        })
    }
}

impl Level {
    fn load(
        weights: &Weights,
        level: &UpLevel,
        options: &BlockOptions,
    ) -> Result<Self, WeightsError> {
        let UpLevel {
            inputs,
            outputs,
            layers,
            ..
        } = *level;
        let after = options
            .first_draw
            .map(|first| first + 2 * usize::from(level.has_conv_in()));
        let of_resnets = BlockOptions {
            first_draw: after,
            ..*options
        };
        let conv_in = || ResnetBlock::load(&weights.at("conv_in"), outputs, inputs, options);
        let upsampler = || Upsampler::load(weights, level, options.causal);
        Ok(Self {
            conv_in: level.has_conv_in().then(conv_in).transpose()?,
            upsampler: level.upsample.then(upsampler).transpose()?,
            resnets: Resnets::load(weights, outputs, layers, &of_resnets)?,
        })
    }

    fn start(&self, timestep: f32) -> LevelState {
        LevelState {
            conv_in: self.conv_in.as_ref().map(|block| block.start(None)),
            past: Past::default(),
            shortcut: Queue::default(),
            begun: false,
            resnets: self.resnets.start(timestep),
        }
    }

    /// What comes before the blocks.
    fn enter(&self, mut part: Part, state: &mut LevelState, draws: &mut Draws) -> Part {
        if let Some((block, state)) = self.conv_in.as_ref().zip(state.conv_in.as_mut()) {
            part = block.push(part, state, draws);
        }
        if let Some(upsampler) = &self.upsampler {
            part = upsampler.push(&part, state);
        }
        part
    }
}

impl Decoder {
    /// Reads the decoder, and the scaling of latents, under the names of diffusers.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape.
    pub fn load(weights: &Weights, config: &VaeConfig) -> Result<Self, WeightsError> {
        let at = weights.at("decoder");
        let causal = config.decoder_causal;
        let channels = config.decoder_channels();
        let timestep = config.timestep_conditioning;
        let mut draws = 0;
        let mut options = |inject: bool, blocks: usize| {
            let first_draw = inject.then_some(draws);
            draws += if inject { 2 * blocks } else { 0 };
            BlockOptions {
                causal,
                eps: config.resnet_norm_eps,
                first_draw,
                timestep,
            }
        };
        let layers = config.decoder_layers_per_block.last().copied().unwrap_or(0);
        let inject = config.decoder_inject_noise.last().copied().unwrap_or(false);
        let middle = Resnets::load(
            &at.at("mid_block"),
            channels,
            layers,
            &options(inject, layers),
        )?;
        let mut width = channels;
        let mut levels = Vec::new();
        for (i, level) in config.up_levels().iter().enumerate() {
            let blocks = level.layers + usize::from(level.has_conv_in());
            let options = options(level.inject_noise, blocks);
            levels.push(Level::load(&at.at("up_blocks").at(i), level, &options)?);
            width = level.outputs;
        }
        let scale = || {
            weights
                .at("decoder")
                .tensor("timestep_scale_multiplier", [])
        };
        Ok(Self {
            stages: stages(&middle, &levels),
            scaling: Scaling::load(weights, config)?,
            dtype: weights.precision().activations(),
            spatial_ratio: config.spatial_ratio(),
            patch_size: config.patch_size,
            timestep_scale: timestep
                .then(scale)
                .transpose()?
                .map(|scale| scale.to_vec()[0]),
            draws,
            stem: TimeConv::load(&at.at("conv_in"), channels, config.latent_channels, causal)?,
            middle,
            levels,
            head: Head::load(&at, width, config)?,
        })
    }

    /// Starts decoding a clip.
    ///
    /// `draws` gives the noise `[h, w]`, F32, that blocks of a VAE with `decoder_inject_noise` add,
    /// by the number of the draw: those of one tile after those of the other. It is not called for
    /// other VAEs.
    pub fn stream<'a>(
        &'a self,
        options: DecodeOptions,
        draws: impl FnMut(usize, [usize; 2]) -> Tensor + 'a,
    ) -> Stream<'a> {
        Stream::new(self, options, draws)
    }

    /// Whether the decoder is told a timestep and given noise.
    pub fn takes_noise(&self) -> bool {
        self.timestep_scale.is_some()
    }

    /// Noise maps that a clip needs, in each tile.
    pub fn num_draws(&self) -> usize {
        self.draws
    }

    /// Normalised latents, and noise of the same shape, as the first layer takes them.
    pub(super) fn prepare(&self, latents: &Tensor, noise: Option<&Tensor>, scale: f32) -> Tensor {
        let mut x = self.scaling.denormalise(latents);
        if let Some(noise) = noise.filter(|_| self.takes_noise()) {
            x = x.combine(1.0 - scale, noise, scale);
        }
        x.to_dtype(self.dtype)
    }

    pub(super) fn start(&self, timestep: f32) -> State {
        let timestep = timestep * self.timestep_scale.unwrap_or(1.0);
        State {
            work: VecDeque::new(),
            stem: Past::default(),
            middle: self.middle.start(timestep),
            levels: self
                .levels
                .iter()
                .map(|level| level.start(timestep))
                .collect(),
            head: Past::default(),
            head_modulation: self.head.modulation(timestep),
        }
    }

    /// Works until frames are ready, F32 `[n, H, W, 3]`, n being 1 or 2; `None` when there is no
    /// work left.
    pub(super) fn next(&self, state: &mut State, draws: &mut Draws) -> Option<Tensor> {
        while let Some((stage, part)) = state.next_work() {
            let part = match self.stages[stage] {
                Stage::Stem => self.stem.push(&part, &mut state.stem),
                Stage::Middle(i) => self.middle.push(i, part, &mut state.middle, draws),
                Stage::Enter(level) => {
                    self.levels[level].enter(part, &mut state.levels[level], draws)
                }
                Stage::Block(level, i) => {
                    let resnets = &mut state.levels[level].resnets;
                    self.levels[level].resnets.push(i, part, resnets, draws)
                }
                Stage::Head => {
                    let part = part.map(|x| activate(&x, state.head_modulation.as_ref()));
                    let pixels = self.head.conv.push(&part, &mut state.head).frames;
                    if let Some(pixels) = pixels {
                        return Some(unpatchify(&pixels, self.patch_size).to_dtype(DType::F32));
                    }
                    continue;
                }
            };
            if part.frames.is_some() || part.last {
                state.work.push_back((stage + 1, part));
            }
        }
        None
    }
}

/// The stages of a decoder.
fn stages(middle: &Resnets, levels: &[Level]) -> Vec<Stage> {
    let mut stages = vec![Stage::Stem];
    stages.extend((0..middle.len()).map(Stage::Middle));
    for (i, level) in levels.iter().enumerate() {
        stages.push(Stage::Enter(i));
        stages.extend((0..level.resnets.len()).map(|block| Stage::Block(i, block)));
    }
    stages.push(Stage::Head);
    stages
}

impl State {
    /// More of the clip: prepared latents, or its end.
    pub(super) fn feed(&mut self, part: Part) {
        self.work.push_front((0, part));
    }

    /// The next frame to take a stage further. The deepest come first, so that the large maps of
    /// the last stages are few at a time.
    fn next_work(&mut self) -> Option<(usize, Part)> {
        let (stage, mut part) = self.work.pop_back()?;
        if let Some(rest) = part.split_first() {
            self.work.push_back((stage, rest));
        }
        Some((stage, part))
    }
}

impl Head {
    fn load(weights: &Weights, channels: usize, config: &VaeConfig) -> Result<Self, WeightsError> {
        let time = config.timestep_conditioning.then(|| {
            let table = weights.tensor("scale_shift_table", [2, channels])?;
            let embedder = TimestepEmbedder::load(&weights.at("time_embedder"), 2 * channels)?;
            Ok::<_, WeightsError>((embedder, table.to_dtype(DType::F32)))
        });
        let outputs = COLORS * config.patch_size.pow(2);
        let causal = config.decoder_causal;
        Ok(Self {
            time: time.transpose()?,
            conv: TimeConv::load(&weights.at("conv_out"), outputs, channels, causal)?,
        })
    }

    /// Shift and scale, F32 `[1, c]` each.
    fn modulation(&self, timestep: f32) -> Option<[Tensor; 2]> {
        let (embedder, table) = self.time.as_ref()?;
        let both = table.add(&embedder.forward(&[timestep]).reshape(table.shape()));
        Some([both.slice(0..1), both.slice(1..2)])
    }
}
