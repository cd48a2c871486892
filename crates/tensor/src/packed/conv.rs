//! Weights of convolutions.

use std::sync::Arc;

use super::{Lazy, Panels, Precision, SLICE, Trained, copy_f32};
use crate::Tensor;

/// Where a published convolution weight keeps its frames.
#[derive(Clone, Copy)]
enum Frames {
    /// `[out, frames * in, kernel, kernel]`, the current frame first.
    Stacked,
    /// `[out, in, frames, kernel, kernel]`, the oldest frame first.
    Axis,
}

/// The weight of [`Tensor::conv`], packed on first use.
pub struct ConvWeight {
    out_channels: usize,
    in_channels: usize,
    frames: usize,
    layout: Frames,
    kernel: usize,
    precision: Precision,
    trained: Option<Box<Trained<Self>>>,
    lazy: Lazy<Panels>,
}

impl ConvWeight {
    /// A weight `[out, frames * in, kernel, kernel]` as `torch.nn.Conv2d` stores it. With two frames the
    /// first `in` channels see the current frame and the others the frame before, the order of
    /// `cat([x, past], 1)`.
    ///
    /// # Panics
    /// When the kernel is not 1x1 or 3x3, or `frames` not 1 or 2.
    #[track_caller]
    pub fn new(weight: &Tensor, frames: usize, precision: Precision) -> Self {
        let [out_channels, channels, kernel, width] = weight.dims();
        assert!(
            kernel == width && matches!(kernel, 1 | 3) && matches!(frames, 1 | 2),
            "a convolution of {kernel}x{width} over {frames} frames"
        );
        assert_eq!(
            channels % frames,
            0,
            "{:?} over {frames} frames",
            weight.shape()
        );
        let trained = || {
            let plain = weight.detached();
            Box::new(Trained {
                backward: Arc::new(Self::new(&mirrored(&plain, frames), frames, precision)),
                forward: Self::new(&plain, frames, precision),
                source: weight.clone(),
            })
        };
        Self {
            out_channels,
            in_channels: channels / frames,
            frames,
            layout: Frames::Stacked,
            kernel,
            precision: precision.whole(),
            trained: weight.is_tracked().then(trained),
            lazy: Lazy::new(weight.detached()),
        }
    }

    /// A weight `[out, in, frames, kernel, kernel]` as `torch.nn.Conv3d` stores it: its last frame
    /// meets the current one, those before it the past. Has no gradient.
    ///
    /// # Panics
    /// When the kernel is not 1x1 or 3x3 over one to three frames.
    #[track_caller]
    pub fn of_frames(weight: &Tensor, precision: Precision) -> Self {
        let [out_channels, in_channels, frames, kernel, width] = weight.dims();
        assert!(
            kernel == width && matches!(kernel, 1 | 3) && matches!(frames, 1..=3),
            "a convolution of {kernel}x{width} over {frames} frames"
        );
        Tensor::refuse_tracked("a convolution over an axis of frames", &[weight]);
        let lazy = Lazy::new(weight.clone());
        Self {
            out_channels,
            in_channels,
            frames,
            layout: Frames::Axis,
            kernel,
            precision: precision.whole(),
            trained: None,
            lazy,
        }
    }

    /// Channels of the result.
    pub fn out_channels(&self) -> usize {
        self.out_channels
    }

    /// Channels of one input frame.
    pub fn in_channels(&self) -> usize {
        self.in_channels
    }

    /// How many frames the weight sees: the current one and those before it.
    pub fn frames(&self) -> usize {
        self.frames
    }

    /// Height and width of the kernel.
    pub fn kernel(&self) -> usize {
        self.kernel
    }

    /// How the weight is held.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// The weight as one that is learned, if it is.
    pub(crate) fn trained(&self) -> Option<&Trained<Self>> {
        self.trained.as_deref()
    }

    /// Channels of one frame as stored, padded to whole slices.
    pub(crate) fn padded_channels(&self) -> usize {
        self.in_channels.next_multiple_of(SLICE)
    }

    /// The packed form; inputs are ordered `(frame, dy, dx, channel)`, frame 0 the current one,
    /// channels padded.
    pub(crate) fn panels(&self) -> &Panels {
        let (taps, padded) = (self.kernel * self.kernel, self.padded_channels());
        let (frames, channels) = (self.frames, self.in_channels);
        self.lazy.get(|source| {
            let all = frames * channels * taps;
            let depth = frames * taps * padded;
            Panels::pack(self.out_channels, depth, self.precision, |column, row| {
                if column >= self.out_channels {
                    return;
                }
                let mut published = vec![0.0; all];
                copy_f32(source, column * all..(column + 1) * all, &mut published);
                for (plane, kernel) in published.chunks_exact(taps).enumerate() {
                    let (frame, channel) = match self.layout {
                        Frames::Stacked => (plane / channels, plane % channels),
                        Frames::Axis => (frames - 1 - plane % frames, plane / frames),
                    };
                    for (tap, &value) in kernel.iter().enumerate() {
                        row[(frame * taps + tap) * padded + channel] = value;
                    }
                }
            })
        })
    }
}

/// The weight that turns gradients of results into those of operands: outputs for inputs, and frames,
/// rows and columns in reverse. `weight` `[out, frames * in, kernel, kernel]`, the result
/// `[in, frames * out, kernel, kernel]`.
fn mirrored(weight: &Tensor, frames: usize) -> Tensor {
    let [outputs, channels, kernel, _] = weight.dims();
    let (inputs, taps) = (channels / frames, kernel * kernel);
    let values = weight.to_vec();
    Tensor::from_fn(&[inputs, frames * outputs, kernel, kernel], |i| {
        let (tap, output) = (taps - 1 - i % taps, i / taps % outputs);
        let (frame, input) = (
            frames - 1 - i / taps / outputs % frames,
            i / taps / outputs / frames,
        );
        values[(output * channels + frame * inputs + input) * taps + tap]
    })
}
