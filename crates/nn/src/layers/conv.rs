//! Convolutions over space and time.

use kinora_tensor::{Conv as ConvOptions, ConvWeight, Tensor};

use super::bias;
use crate::{Weights, WeightsError};

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
            weight: ConvWeight::new(&weight, frames, weights.precision()),
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
}
