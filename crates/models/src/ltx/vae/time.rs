//! Convolutions over three frames, given a clip in parts.

use kinora_nn::{Conv3d, Weights, WeightsError};
use kinora_tensor::{Conv as ConvOptions, Tensor};

/// A part of a clip on its way through the layers.
pub(super) struct Part {
    /// `[t, h, w, c]`; layers that look ahead may have nothing to say yet.
    pub frames: Option<Tensor>,
    /// Whether the clip ends here.
    pub last: bool,
}

impl Part {
    /// A whole clip.
    pub fn whole(frames: Tensor) -> Self {
        Self {
            frames: Some(frames),
            last: true,
        }
    }

    /// Keeps the first frame and gives the others, if there are more.
    pub fn split_first(&mut self) -> Option<Self> {
        let frames = self.frames.as_ref()?;
        let t = frames.shape()[0];
        if t < 2 {
            return None;
        }
        let rest = Self {
            frames: Some(frames.slice(1..t)),
            last: std::mem::take(&mut self.last),
        };
        self.frames = Some(frames.slice(0..1));
        Some(rest)
    }

    /// Applies a layer that knows no time.
    pub fn map(self, f: impl FnOnce(Tensor) -> Tensor) -> Self {
        Self {
            frames: self.frames.map(f),
            last: self.last,
        }
    }
}

/// Frames that a layer holds back until those that they are added to are there.
#[derive(Default)]
pub(super) struct Queue(Option<Tensor>);

impl Queue {
    pub fn push(&mut self, frames: Option<&Tensor>) {
        self.0 = join(self.0.as_ref(), frames);
    }

    /// The first `count` frames.
    ///
    /// # Panics
    /// When there are fewer.
    pub fn pop(&mut self, count: usize) -> Tensor {
        let held = self.0.take().expect("as many frames as were pushed");
        let t = held.shape()[0];
        self.0 = (count < t).then(|| held.slice(count..t));
        held.slice(0..count)
    }
}

/// Frames of two tensors one after the other.
fn join(before: Option<&Tensor>, after: Option<&Tensor>) -> Option<Tensor> {
    match (before, after) {
        (Some(before), Some(after)) => Some(Tensor::concat(&[before, after], 0)),
        (one, other) => one.or(other).cloned(),
    }
}

/// A 3x3x3 convolution. At the ends of a clip the frames there are repeated; in space it meets
/// zeros.
///
/// Reference: `LTXVideoCausalConv3d`.
pub(super) struct TimeConv {
    conv: Conv3d,
    causal: bool,
}

/// The last two frames that a convolution saw; nothing before a clip.
#[derive(Default)]
pub(super) struct Past(Option<Tensor>);

impl TimeConv {
    /// Reads `conv.weight` `[outputs, inputs, 3, 3, 3]` and `conv.bias`.
    pub fn load(
        weights: &Weights,
        outputs: usize,
        inputs: usize,
        causal: bool,
    ) -> Result<Self, WeightsError> {
        Ok(Self {
            conv: Conv3d::load(&weights.at("conv"), outputs, inputs, [3, 3])?,
            causal,
        })
    }

    /// The next part; unless it is causal, one frame late until the last part.
    pub fn push(&self, part: &Part, past: &mut Past) -> Part {
        let (before, mut frames) = match (past.0.take(), &part.frames) {
            (Some(past), frames) => (past, frames.clone()),
            (None, None) => {
                return Part {
                    frames: None,
                    last: part.last,
                };
            }
            (None, Some(frames)) => {
                let (first, t) = (frames.slice(0..1), frames.shape()[0]);
                let first = Tensor::concat(&[&first, &first], 0);
                let taken = usize::from(!self.causal);
                (first, (t > taken).then(|| frames.slice(taken..t)))
            }
        };
        if part.last && !self.causal {
            let end = tail(frames.as_ref().unwrap_or(&before), 1);
            frames = join(frames.as_ref(), Some(&end));
        }
        let result = frames.as_ref().map(|frames| {
            let options = ConvOptions {
                past: Some(&before),
                ..ConvOptions::default()
            };
            self.conv.forward_with(frames, &options)
        });
        past.0 = Some(match &frames {
            None => before,
            Some(frames) if frames.shape()[0] > 1 => tail(frames, 2),
            Some(frame) => Tensor::concat(&[&tail(&before, 1), frame], 0),
        });
        Part {
            frames: result,
            last: part.last,
        }
    }

    /// A whole clip.
    pub fn forward(&self, x: &Tensor) -> Tensor {
        let part = Part::whole(x.clone());
        self.push(&part, &mut Past::default())
            .frames
            .expect("a clip has a frame")
    }
}

/// The last `count` frames.
fn tail(x: &Tensor, count: usize) -> Tensor {
    let t = x.shape()[0];
    x.slice(t - count..t)
}

/// A 3x3x3 convolution of stride 2 over time and space, on a whole clip.
///
/// Reference: `LTXVideoCausalConv3d` with a stride.
pub(super) struct StridedConv {
    conv: Conv3d,
    causal: bool,
}

impl StridedConv {
    /// Reads `conv.weight` `[channels, channels, 3, 3, 3]` and `conv.bias`.
    pub fn load(weights: &Weights, channels: usize, causal: bool) -> Result<Self, WeightsError> {
        Ok(Self {
            conv: Conv3d::load(&weights.at("conv"), channels, channels, [3, 3])?,
            causal,
        })
    }

    /// `x` `[t, h, w, c]` to `[ceil(t / 2), ceil(h / 2), ceil(w / 2), c]`.
    pub fn forward(&self, x: &Tensor) -> Tensor {
        let t = x.shape()[0];
        let (first, end) = (x.slice(0..1), tail(x, 1));
        let padded = if self.causal {
            Tensor::concat(&[&first, &first, x], 0)
        } else {
            Tensor::concat(&[&first, x, &end], 0)
        };
        let frames: Vec<Tensor> = (0..t.div_ceil(2))
            .map(|i| {
                let past = padded.slice(2 * i..2 * i + 2);
                let options = ConvOptions {
                    past: Some(&past),
                    stride: 2,
                    ..ConvOptions::default()
                };
                self.conv
                    .forward_with(&padded.slice(2 * i + 2..2 * i + 3), &options)
            })
            .collect();
        Tensor::concat(&frames.iter().collect::<Vec<_>>(), 0)
    }
}
