//! Normalisation of rows.

use kinora_tensor::{DType, Modulation, QkNorm, Tensor};

use super::bias;
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

/// `(x - mean(x)) / std(x)`, then times `weight` plus `bias` where the layer has them.
///
/// Reference: Ba et al., arXiv 1607.06450; `torch.nn.LayerNorm`.
pub struct LayerNorm {
    affine: Option<[Tensor; 2]>,
    eps: f32,
}

impl LayerNorm {
    /// Reads `weight` and `bias`, both `[size]`.
    ///
    /// # Errors
    /// As [`Weights::tensor`].
    pub fn load(weights: &Weights, size: usize, eps: f32) -> Result<Self, WeightsError> {
        let weight = weights.tensor("weight", [size])?.to_dtype(DType::F32);
        Ok(Self {
            affine: Some([weight, bias(weights, size)?]),
            eps,
        })
    }

    /// The norm without weights: `elementwise_affine=False`.
    pub fn plain(eps: f32) -> Self {
        Self { affine: None, eps }
    }

    /// `x` `[.., size]` to the same shape.
    #[track_caller]
    pub fn forward(&self, x: &Tensor) -> Tensor {
        x.layer_norm(self.affine(), self.eps)
    }

    /// `forward(x) * (1 + scale[row]) + shift[row]` in one pass.
    #[track_caller]
    pub fn forward_modulate(&self, x: &Tensor, modulation: &Modulation) -> Tensor {
        x.layer_norm_modulate(self.affine(), self.eps, modulation)
    }

    fn affine(&self) -> Option<(&Tensor, &Tensor)> {
        self.affine.as_ref().map(|[weight, bias]| (weight, bias))
    }
}

#[cfg(test)]
mod tests {
    use kinora_tensor::Precision;

    use super::*;
    use crate::layers::tests::file;

    #[test]
    fn a_layer_norm_centres_scales_and_shifts() {
        // Weight [0, 1/8], bias [0, 1/8].
        let file = file(&[("n.weight", &[2]), ("n.bias", &[2])]);
        let norm = LayerNorm::load(&file.weights(Precision::F32).at("n"), 2, 0.0).unwrap();
        file.finish().unwrap();
        let x = Tensor::from_f32(&[1.0, 5.0], &[1, 2]);
        assert_eq!(norm.forward(&x).as_f32(), [0.0, 0.25]);
        assert_eq!(LayerNorm::plain(0.0).forward(&x).as_f32(), [-1.0, 1.0]);
        let [shift, scale] = [1.0, 3.0].map(|value| Tensor::full(value, &[1, 2], DType::F32));
        let modulation = Modulation {
            shift: &shift,
            scale: &scale,
            rows: &[0],
        };
        assert_eq!(norm.forward_modulate(&x, &modulation).as_f32(), [1.0, 2.0]);
    }
}
