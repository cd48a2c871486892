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

    /// [`RmsNorm::load`] for columns in another order: column `j` is the stored `order[j]`.
    ///
    /// # Errors
    /// As [`Weights::tensor`].
    ///
    /// # Panics
    /// When `order` names a column that is not stored.
    #[track_caller]
    pub fn load_in_order(weights: &Weights, eps: f32, order: &[u32]) -> Result<Self, WeightsError> {
        let size = order.len();
        let Self { weight, eps } = Self::load(weights, size, eps)?;
        let weight = weight.reshape(&[size, 1]).gather(order).reshape(&[size]);
        Ok(Self { weight, eps })
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
