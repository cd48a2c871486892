//! Convolutions over space and time.

use kinora_tensor::{Conv as ConvOptions, ConvWeight, Tensor};

use super::bias;
use crate::{Weights, WeightsError};

/// The weight, packed now where the place asks for it.
fn pack(weights: &Weights, weight: ConvWeight) -> ConvWeight {
    if weights.packs() {
        weight.packed()
    } else {
        weight
    }
}

/// A convolution over space, and over one or two frames of time.
pub struct Conv {
    weight: ConvWeight,
    bias: Tensor,
}

impl Conv {
    /// Reads `weight` `[outputs, frames * inputs, kernel, kernel]` and `bias` `[outputs]`; with two
    /// frames the first `inputs` channels see the current frame.
    ///
    /// # Errors
    /// As [`Weights::tensor`].
    pub fn load(
        weights: &Weights,
        outputs: usize,
        inputs: usize,
        kernel: usize,
        frames: usize,
    ) -> Result<Self, WeightsError> {
        let weight = weights.factor("weight", [outputs, frames * inputs, kernel, kernel])?;
        let bias = bias(weights, outputs)?;
        Ok(Self {
            weight: pack(
                weights,
                ConvWeight::new(&weight, frames, weights.precision()),
            ),
            bias,
        })
    }

    /// `x` `[t, h, w, inputs]` to `[t, h, w, outputs]`.
    #[track_caller]
    pub fn forward(&self, x: &Tensor) -> Tensor {
        self.forward_with(x, &ConvOptions::default())
    }

    /// `max(forward(x), 0)` in one pass.
    #[track_caller]
    pub fn forward_relu(&self, x: &Tensor) -> Tensor {
        self.forward_with(
            x,
            &ConvOptions {
                relu: true,
                ..ConvOptions::default()
            },
        )
    }

    /// The convolution with the frame before, residual, stride and relu of `options`; its bias is
    /// that of the layer.
    #[track_caller]
    pub fn forward_with(&self, x: &Tensor, options: &ConvOptions) -> Tensor {
        x.conv(
            &self.weight,
            &ConvOptions {
                bias: Some(&self.bias),
                ..*options
            },
        )
    }
}

/// A convolution over up to three frames, causal in time.
///
/// Reference: `torch.nn.Conv3d` behind a padding of its past.
pub struct Conv3d {
    weight: ConvWeight,
    bias: Tensor,
}

impl Conv3d {
    /// Reads `weight` `[outputs, inputs, frames, kernel, kernel]` and `bias` `[outputs]`, where
    /// `kernel_size` is `[frames, kernel]`.
    ///
    /// # Errors
    /// As [`Weights::tensor`].
    ///
    /// # Panics
    /// When the kernel is none of 1x1 and 3x3 over one to three frames.
    #[track_caller]
    pub fn load(
        weights: &Weights,
        outputs: usize,
        inputs: usize,
        kernel_size: [usize; 2],
    ) -> Result<Self, WeightsError> {
        let [frames, kernel] = kernel_size;
        let weight = weights.factor("weight", [outputs, inputs, frames, kernel, kernel])?;
        let bias = bias(weights, outputs)?;
        Ok(Self {
            weight: pack(weights, ConvWeight::of_frames(&weight, weights.precision())),
            bias,
        })
    }

    /// `x` `[t, h, w, inputs]` to `[t, h, w, outputs]`, with zeros before the first frame.
    #[track_caller]
    pub fn forward(&self, x: &Tensor) -> Tensor {
        self.forward_with(x, &ConvOptions::default())
    }

    /// The convolution with the past frames, residual, stride, padding and relu of `options`; its
    /// bias is that of the layer.
    #[track_caller]
    pub fn forward_with(&self, x: &Tensor, options: &ConvOptions) -> Tensor {
        x.conv(
            &self.weight,
            &ConvOptions {
                bias: Some(&self.bias),
                ..*options
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use kinora_tensor::Precision;

    use super::*;
    use crate::layers::tests::file;

    #[test]
    fn a_convolution_of_two_frames_reads_the_past_from_its_last_channels() {
        let file = file(&[("c.weight", &[1, 2, 1, 1]), ("c.bias", &[1])]);
        let layer = Conv::load(&file.weights(Precision::F32).at("c"), 1, 1, 1, 2).unwrap();
        let y = layer.forward(&Tensor::from_f32(&[8.0, 16.0], &[2, 1, 1, 1]));
        // Weight 0 for the current frame, 1/8 for the one before.
        assert_eq!(y.as_f32(), [0.0, 1.0]);
    }

    #[test]
    fn a_convolution_over_frames_sees_the_oldest_first() {
        let file = file(&[("c.weight", &[1, 1, 3, 1, 1]), ("c.bias", &[1])]);
        let layer = Conv3d::load(&file.weights(Precision::F32).at("c"), 1, 1, [3, 1]).unwrap();
        file.finish().unwrap();
        let x = Tensor::from_f32(&[8.0, 16.0, 32.0], &[3, 1, 1, 1]);
        // Weights 0, 1/8 and 1/4 for two frames back, one frame back and the current one.
        assert_eq!(layer.forward(&x).as_f32(), [2.0, 5.0, 10.0]);
        let past = Tensor::from_f32(&[64.0], &[1, 1, 1, 1]);
        let options = ConvOptions {
            past: Some(&past),
            ..ConvOptions::default()
        };
        assert_eq!(layer.forward_with(&x, &options).as_f32(), [10.0, 5.0, 10.0]);
    }
}
