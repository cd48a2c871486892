//! Blocks that the encoder and the decoder share.

use kinora_nn::{Conv3d, LayerNorm, Weights, WeightsError};
use kinora_tensor::{DType, Modulation, Tensor};

use super::super::timestep::TimestepEmbedder;
use super::time::{Part, Past, Queue, TimeConv};

/// Of the norms without weights; the reference fixes it.
pub(super) const NORM_EPS: f32 = 1e-8;

/// Gives the noise `[h, w]` of a draw by its number.
pub(super) type Draws<'a> = dyn FnMut(usize, [usize; 2]) -> Tensor + 'a;

/// What a block may have beyond two convolutions.
#[derive(Clone, Copy)]
pub(super) struct BlockOptions {
    pub causal: bool,
    /// Of the norm before a shortcut that changes the channels.
    pub eps: f32,
    /// The number of the block's first draw, if it adds noise.
    pub first_draw: Option<usize>,
    /// Whether it is told a timestep.
    pub timestep: bool,
}

/// Residual block: norm, activation and convolution, twice.
///
/// Reference: `LTXVideoResnetBlock3d`.
pub(super) struct ResnetBlock {
    conv1: TimeConv,
    conv2: TimeConv,
    shortcut: Option<(LayerNorm, Conv3d)>,
    noise: Option<Noise>,
    /// F32 `[4, c]`: shift and scale before each convolution.
    table: Option<Tensor>,
}

/// Strength of the noise that each channel gets after each convolution.
struct Noise {
    first_draw: usize,
    scales: [Tensor; 2],
}

/// What a block remembers of a clip.
pub(super) struct ResnetState {
    past: [Past; 2],
    shortcut: Queue,
    /// Shift and scale before each convolution, F32 `[1, c]`.
    modulation: Option<[[Tensor; 2]; 2]>,
    /// `[h, w, c]`, drawn when the first frame comes.
    noise: [Option<Tensor>; 2],
}

impl ResnetBlock {
    pub fn load(
        weights: &Weights,
        outputs: usize,
        inputs: usize,
        options: &BlockOptions,
    ) -> Result<Self, WeightsError> {
        let causal = options.causal;
        let scale = |name| weights.tensor(name, [inputs, 1, 1]);
        let noise = options.first_draw.map(|first_draw| {
            let scales = [scale("per_channel_scale1")?, scale("per_channel_scale2")?];
            let scales = scales.map(|scale| scale.to_dtype(DType::F32));
            Ok::<_, WeightsError>(Noise { first_draw, scales })
        });
        let table = options
            .timestep
            .then(|| weights.tensor("scale_shift_table", [4, inputs]));
        let shortcut = (inputs != outputs).then(|| {
            let norm = LayerNorm::load(&weights.at("norm3"), inputs, options.eps)?;
            let conv = weights.at("conv_shortcut.conv");
            Ok::<_, WeightsError>((norm, Conv3d::load(&conv, outputs, inputs, [1, 1])?))
        });
        Ok(Self {
            conv1: TimeConv::load(&weights.at("conv1"), outputs, inputs, causal)?,
            conv2: TimeConv::load(&weights.at("conv2"), outputs, outputs, causal)?,
            shortcut: shortcut.transpose()?,
            noise: noise.transpose()?,
            table: table.transpose()?.map(|table| table.to_dtype(DType::F32)),
        })
    }

    /// A beginning; `time` is the embedded timestep `[1, 4 c]`, if there is one.
    pub fn start(&self, time: Option<&Tensor>) -> ResnetState {
        let modulation = self.table.as_ref().zip(time).map(|(table, time)| {
            let both = table.add(&time.reshape(table.shape()));
            let row = |i: usize| both.slice(i..i + 1);
            [[row(0), row(1)], [row(2), row(3)]]
        });
        ResnetState {
            past: Default::default(),
            shortcut: Queue::default(),
            modulation,
            noise: [None, None],
        }
    }

    pub fn push(&self, part: Part, state: &mut ResnetState, draws: &mut Draws) -> Part {
        let ResnetState {
            past: [past1, past2],
            shortcut,
            modulation,
            noise: [noise1, noise2],
        } = state;
        let modulation = modulation.as_ref();
        shortcut.push(part.frames.as_ref());
        let y = part.map(|x| activate(&x, modulation.map(|m| &m[0])));
        let y = self.conv1.push(&y, past1).map(|y| {
            let y = self.add_noise(y, 0, noise1, draws);
            activate(&y, modulation.map(|m| &m[1]))
        });
        self.conv2.push(&y, past2).map(|y| {
            let y = self.add_noise(y, 1, noise2, draws);
            y.add(&self.shortcut(shortcut.pop(y.shape()[0])))
        })
    }

    /// A whole clip, without timestep and noise.
    pub fn forward(&self, x: Tensor) -> Tensor {
        let mut none = |_: usize, [h, w]: [usize; 2]| Tensor::zeros(&[h, w], DType::F32);
        let part = self.push(Part::whole(x), &mut self.start(None), &mut none);
        part.frames.expect("a clip has a frame")
    }

    fn shortcut(&self, x: Tensor) -> Tensor {
        match &self.shortcut {
            Some((norm, conv)) => conv.forward(&norm.forward(&x)),
            None => x,
        }
    }

    /// Adds the same noise to every frame, after convolution `which`.
    fn add_noise(
        &self,
        y: Tensor,
        which: usize,
        drawn: &mut Option<Tensor>,
        draws: &mut Draws,
    ) -> Tensor {
        let Some(Noise { first_draw, scales }) = &self.noise else {
            return y;
        };
        let noise = drawn.get_or_insert_with(|| {
            let [_, h, w, c] = y.dims();
            let map = draws(first_draw + which, [h, w]);
            let (map, scale) = (map.as_f32(), scales[which].as_f32());
            let noise = Tensor::from_fn(&[h, w, c], |i| map[i / c] * scale[i % c]);
            noise.to_dtype(y.dtype())
        });
        y.add(noise)
    }
}

/// Norm over channels, shift and scale if there are any, and activation.
pub(super) fn activate(x: &Tensor, modulation: Option<&[Tensor; 2]>) -> Tensor {
    let y = match modulation {
        Some([shift, scale]) => {
            let rows = &vec![0; x.rows()];
            x.rms_norm_modulate(None, NORM_EPS, &Modulation { shift, scale, rows })
        }
        None => x.rms_norm(None, NORM_EPS),
    };
    y.silu()
}

/// Blocks of one width, told one timestep.
///
/// Reference: `LTXVideoMidBlock3d`; the blocks of `LTXVideoUpBlock3d` and of the down blocks.
pub(super) struct Resnets {
    embedder: Option<TimestepEmbedder>,
    blocks: Vec<ResnetBlock>,
}

impl Resnets {
    /// Reads `resnets` and, if told a timestep, `time_embedder`. Blocks that add noise draw twice
    /// each, from `options.first_draw` on.
    pub fn load(
        weights: &Weights,
        channels: usize,
        count: usize,
        options: &BlockOptions,
    ) -> Result<Self, WeightsError> {
        let at = weights.at("resnets");
        let block = |i: usize| {
            let first_draw = options.first_draw.map(|first| first + 2 * i);
            let options = BlockOptions {
                first_draw,
                ..*options
            };
            ResnetBlock::load(&at.at(i), channels, channels, &options)
        };
        let embedder = || TimestepEmbedder::load(&weights.at("time_embedder"), 4 * channels);
        Ok(Self {
            embedder: options.timestep.then(embedder).transpose()?,
            blocks: (0..count).map(block).collect::<Result<_, _>>()?,
        })
    }

    /// A beginning at `timestep`, in the units of the embedding.
    pub fn start(&self, timestep: f32) -> Vec<ResnetState> {
        let time = self
            .embedder
            .as_ref()
            .map(|embedder| embedder.forward(&[timestep]));
        self.blocks
            .iter()
            .map(|block| block.start(time.as_ref()))
            .collect()
    }

    /// How many blocks there are.
    pub fn len(&self) -> usize {
        self.blocks.len()
    }

    /// The next part through block `i`.
    pub fn push(
        &self,
        i: usize,
        part: Part,
        states: &mut [ResnetState],
        draws: &mut Draws,
    ) -> Part {
        self.blocks[i].push(part, &mut states[i], draws)
    }

    /// A whole clip, without timestep and noise.
    pub fn forward(&self, x: Tensor) -> Tensor {
        self.blocks.iter().fold(x, |x, block| block.forward(x))
    }
}
