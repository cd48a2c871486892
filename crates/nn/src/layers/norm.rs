//! Normalisation of rows.

use kinora_tensor::{DType, QkNorm, Tensor};

use crate::{Weights, WeightsError};

/// `x / rms(x) * weight`.
pub struct RmsNorm {
    weight: Tensor,
    eps: f32,
}

impl RmsNorm {
    /// Reads `weight` `[size]`.
    ///
    /// # Errors
    /// As [`Weights::tensor`].
    pub fn load(weights: &Weights, size: usize, eps: f32) -> Result<Self, WeightsError> {
        Ok(Self {
            weight: weights.tensor("weight", [size])?.to_dtype(DType::F32),
            eps,
        })
    }

    /// `x` `[.., size]` to the same shape.
    #[track_caller]
    pub fn forward(&self, x: &Tensor) -> Tensor {
        x.rms_norm(Some(&self.weight), self.eps)
    }

    /// The norm of each head, for [`Tensor::split_heads`].
    pub fn of_heads(&self) -> QkNorm<'_> {
        QkNorm {
            weight: &self.weight,
            eps: self.eps,
        }
    }
}
