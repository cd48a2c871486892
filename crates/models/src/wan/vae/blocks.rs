//! Layers that the encoder and the decoder share.

use kinora_nn::{Conv, Conv3d, Weights, WeightsError};
use kinora_tensor::{Conv as ConvOptions, DType, Heads, Tensor};

/// The last two frames that each causal convolution saw, `[1, h, w, c]` each, the older first.
///
/// They are joined only for the convolution: a frame by itself shares its memory with the map
/// that it comes from, and all buffers of a level have one size, which the next frame takes again.
pub(super) type Cache = Vec<Vec<Tensor>>;

/// Joins the frames that a convolution keeps.
fn join(frames: &[Tensor]) -> Option<Tensor> {
    match frames {
        [] => None,
        [frame] => Some(frame.clone()),
        _ => Some(Tensor::concat(&frames.iter().collect::<Vec<_>>(), 0)),
    }
}

/// Keeps the last of the frames that a convolution saw and those of `x`, up to `count`.
pub(super) fn remember(frames: &mut Vec<Tensor>, x: &Tensor, count: usize) {
    let t = x.shape()[0];
    for i in t.saturating_sub(count)..t {
        frames.push(x.slice(i..i + 1));
    }
    frames.drain(..frames.len().saturating_sub(count));
}

/// Numbers the causal convolutions: each has its place in a [`Cache`].
#[derive(Default)]
pub(super) struct Slots(usize);

impl Slots {
    pub(super) fn next(&mut self) -> usize {
        self.0 += 1;
        self.0 - 1
    }

    /// A cache for all of them, at the beginning of a clip.
    pub(super) fn cache(&self) -> Cache {
        vec![Vec::new(); self.0]
    }
}

/// `x / |x| sqrt(c) gamma` over the channels of each pixel.
///
/// Reference: `WanRMS_norm`.
pub(super) struct PixelNorm {
    gamma: Tensor,
    eps: f32,
}

impl PixelNorm {
    /// Reads `gamma`, whose shape is the channels and `N - 1` ones.
    pub(super) fn load<const N: usize>(
        weights: &Weights,
        channels: usize,
    ) -> Result<Self, WeightsError> {
        let mut shape = [1; N];
        shape[0] = channels;
        let gamma = weights.tensor("gamma", shape)?.to_dtype(DType::F32);
        Ok(Self {
            gamma: gamma.reshape(&[channels]),
            // The reference bounds the norm by 1e-12 from below; this is added to its square.
            eps: 1e-24 / channels as f32,
        })
    }

    pub(super) fn forward(&self, x: &Tensor) -> Tensor {
        x.rms_norm(Some(&self.gamma), self.eps)
    }
}

/// A convolution over three frames, the last of them the current one.
///
/// Reference: `WanCausalConv3d`.
pub(super) struct CausalConv {
    conv: Conv3d,
    slot: usize,
}

impl CausalConv {
    pub(super) fn load(
        weights: &Weights,
        output: usize,
        input: usize,
        kernel: usize,
        slots: &mut Slots,
    ) -> Result<Self, WeightsError> {
        Ok(Self {
            conv: Conv3d::load(weights, output, input, [3, kernel])?,
            slot: slots.next(),
        })
    }

    pub(super) fn forward(&self, x: &Tensor, cache: &mut Cache) -> Tensor {
        self.forward_residual(x, None, cache)
    }

    /// `x` `[t, h, w, c]` to `[t, h, w, output]`, plus `residual`.
    pub(super) fn forward_residual(
        &self,
        x: &Tensor,
        residual: Option<&Tensor>,
        cache: &mut Cache,
    ) -> Tensor {
        let frames = &mut cache[self.slot];
        let past = join(frames);
        remember(frames, x, 2);
        let options = ConvOptions {
            past: past.as_ref(),
            residual,
            ..ConvOptions::default()
        };
        self.conv.forward_with(x, &options)
    }
}

/// Norm, activation and causal convolution twice, around which the input goes.
///
/// Reference: `WanResidualBlock`.
pub(super) struct ResidualBlock {
    norm1: PixelNorm,
    conv1: CausalConv,
    norm2: PixelNorm,
    conv2: CausalConv,
    shortcut: Option<Conv3d>,
}

impl ResidualBlock {
    pub(super) fn load(
        weights: &Weights,
        input: usize,
        output: usize,
        slots: &mut Slots,
    ) -> Result<Self, WeightsError> {
        let at = weights.at("residual");
        let shortcut =
            (input != output).then(|| Conv3d::load(&weights.at("shortcut"), output, input, [1, 1]));
        Ok(Self {
            norm1: PixelNorm::load::<4>(&at.at(0), input)?,
            conv1: CausalConv::load(&at.at(2), output, input, 3, slots)?,
            norm2: PixelNorm::load::<4>(&at.at(3), output)?,
            conv2: CausalConv::load(&at.at(6), output, output, 3, slots)?,
            shortcut: shortcut.transpose()?,
        })
    }

    /// `[t, h, w, input]` to `[t, h, w, output]`.
    pub(super) fn forward(&self, x: &Tensor, cache: &mut Cache) -> Tensor {
        let y = self.conv1.forward(&self.norm1.forward(x).silu(), cache);
        let y = self.norm2.forward(&y).silu();
        let around = self.shortcut.as_ref().map(|shortcut| shortcut.forward(x));
        let residual = around.as_ref().unwrap_or(x);
        self.conv2.forward_residual(&y, Some(residual), cache)
    }
}

/// Attention of the pixels of a frame to each other, one head.
///
/// Reference: `WanAttentionBlock`.
struct FrameAttention {
    norm: PixelNorm,
    to_qkv: Conv,
    proj: Conv,
}

impl FrameAttention {
    fn load(weights: &Weights, channels: usize) -> Result<Self, WeightsError> {
        Ok(Self {
            norm: PixelNorm::load::<3>(&weights.at("norm"), channels)?,
            to_qkv: Conv::load(&weights.at("to_qkv"), 3 * channels, channels, 1, 1)?,
            proj: Conv::load(&weights.at("proj"), channels, channels, 1, 1)?,
        })
    }

    /// `x` and the result `[t, h, w, c]`.
    fn forward(&self, x: &Tensor) -> Tensor {
        let [t, h, w, c] = x.dims();
        let qkv = self.to_qkv.forward(&self.norm.forward(x));
        let qkv = qkv.reshape(&[t, h * w, 3 * c]);
        let part = |i: usize| {
            qkv.split_heads(&Heads {
                columns: i * c..(i + 1) * c,
                heads: 1,
                norm: None,
                rotary: None,
            })
        };
        let y = part(0).attention(&part(1), &part(2)); // [t, h w, c]
        let options = ConvOptions {
            residual: Some(x),
            ..ConvOptions::default()
        };
        self.proj.forward_with(&y.reshape(&[t, h, w, c]), &options)
    }
}

/// The blocks at the coarsest level.
///
/// Reference: `WanMidBlock`.
pub(super) struct Middle {
    before: ResidualBlock,
    attention: FrameAttention,
    after: ResidualBlock,
}

impl Middle {
    pub(super) fn load(
        weights: &Weights,
        channels: usize,
        slots: &mut Slots,
    ) -> Result<Self, WeightsError> {
        Ok(Self {
            before: ResidualBlock::load(&weights.at(0), channels, channels, slots)?,
            attention: FrameAttention::load(&weights.at(1), channels)?,
            after: ResidualBlock::load(&weights.at(2), channels, channels, slots)?,
        })
    }

    /// `x` and the result `[t, h, w, c]`.
    pub(super) fn forward(&self, x: &Tensor, cache: &mut Cache) -> Tensor {
        let y = self.attention.forward(&self.before.forward(x, cache));
        self.after.forward(&y, cache)
    }
}

/// The last norm, activation and convolution of either half.
pub(super) struct Head {
    norm: PixelNorm,
    conv: CausalConv,
}

impl Head {
    pub(super) fn load(
        weights: &Weights,
        output: usize,
        input: usize,
        slots: &mut Slots,
    ) -> Result<Self, WeightsError> {
        Ok(Self {
            norm: PixelNorm::load::<4>(&weights.at(0), input)?,
            conv: CausalConv::load(&weights.at(2), output, input, 3, slots)?,
        })
    }

    /// `[t, h, w, input]` to `[t, h, w, output]`.
    pub(super) fn forward(&self, x: &Tensor, cache: &mut Cache) -> Tensor {
        self.conv.forward(&self.norm.forward(x).silu(), cache)
    }
}
