//! Layers: weights with a forward, loaded from a [`Weights`] view under their published names.

mod conv;
mod norm;

pub use conv::{Conv, Conv3d};
pub use norm::{LayerNorm, RmsNorm};

use kinora_tensor::{Activation, DType, PackedWeight, Tensor};

use crate::{Weights, WeightsError};

/// The weight, packed now where the place asks for it.
fn pack(weights: &Weights, weight: PackedWeight) -> PackedWeight {
    if weights.packs() {
        weight.packed()
    } else {
        weight
    }
}

/// `y = x W^T + b`.
pub struct Linear {
    weight: PackedWeight,
    bias: Option<Tensor>,
}

impl Linear {
    /// Reads `weight` `[outputs, inputs]` and `bias` `[outputs]`.
    ///
    /// # Errors
    /// As [`Weights::tensor`].
    pub fn load(weights: &Weights, outputs: usize, inputs: usize) -> Result<Self, WeightsError> {
        let bias = Some(bias(weights, outputs)?);
        Ok(Self {
            bias,
            ..Self::load_without_bias(weights, outputs, inputs)?
        })
    }

    /// Reads `weight` `[outputs, inputs]`.
    ///
    /// # Errors
    /// As [`Weights::tensor`].
    pub fn load_without_bias(
        weights: &Weights,
        outputs: usize,
        inputs: usize,
    ) -> Result<Self, WeightsError> {
        let weight = weights.factor("weight", [outputs, inputs])?;
        Ok(Self {
            weight: pack(weights, PackedWeight::new(&weight, weights.precision())),
            bias: None,
        })
    }

    /// [`Linear::load`] with the outputs in another order: output `j` is the stored `order[j]`.
    ///
    /// # Errors
    /// As [`Weights::tensor`].
    ///
    /// # Panics
    /// When `order` names an output that is not stored.
    #[track_caller]
    pub fn load_in_order(
        weights: &Weights,
        inputs: usize,
        order: &[u32],
    ) -> Result<Self, WeightsError> {
        let outputs = order.len();
        let weight = weights.factor("weight", [outputs, inputs])?;
        let bias = bias(weights, outputs)?.reshape(&[outputs, 1]).gather(order);
        Ok(Self {
            weight: pack(
                weights,
                PackedWeight::of_rows(&weight, order, weights.precision()),
            ),
            bias: Some(bias.reshape(&[outputs])),
        })
    }

    /// Reads a convolution whose stride is its kernel, a linear layer on patches: `weight` of any
    /// `shape`, its first axis the outputs, and `bias`. The inputs are the other axes, flattened
    /// as they are stored: `(channel, dt, dy, dx)`.
    ///
    /// # Errors
    /// As [`Weights::tensor`].
    pub fn load_patches<const N: usize>(
        weights: &Weights,
        shape: [usize; N],
    ) -> Result<Self, WeightsError> {
        let weight = weights.factor("weight", shape)?;
        let outputs = shape.first().copied().unwrap_or(1);
        let weight = weight.reshape(&[outputs, weight.len() / outputs.max(1)]);
        Ok(Self {
            weight: pack(weights, PackedWeight::new(&weight, weights.precision())),
            bias: Some(bias(weights, outputs)?),
        })
    }

    /// `x` `[.., inputs]` to `[.., outputs]`, in the dtype of `x`.
    #[track_caller]
    pub fn forward(&self, x: &Tensor) -> Tensor {
        x.linear(&self.weight, self.bias.as_ref())
    }

    /// `activation(forward(x))` in one pass.
    #[track_caller]
    pub fn forward_activation(&self, x: &Tensor, activation: Activation) -> Tensor {
        x.linear_activation(&self.weight, self.bias.as_ref(), activation)
    }

    /// `residual + gate[row] * forward(x)` in one pass, in the dtype of `residual`.
    ///
    /// `gate` is a table `[r, outputs]` in F32 and its row for each row of `x`.
    #[track_caller]
    pub fn forward_residual(
        &self,
        x: &Tensor,
        residual: &Tensor,
        gate: Option<(&Tensor, &[u32])>,
    ) -> Tensor {
        x.linear_residual(&self.weight, self.bias.as_ref(), residual, gate)
    }
}

/// `down(silu(gate(x)) * up(x))`.
///
/// Reference: Shazeer, arXiv 2002.05202, equation 6.
pub struct SwiGlu {
    gate_up: PackedWeight,
    down: Linear,
}

impl SwiGlu {
    /// Reads `gate_up.weight` `[2 hidden, size]`, gate first, and `down.weight` `[size, hidden]`.
    ///
    /// # Errors
    /// As [`Weights::tensor`].
    pub fn load(weights: &Weights, size: usize, hidden: usize) -> Result<Self, WeightsError> {
        let gate_up = weights.at("gate_up").factor("weight", [2 * hidden, size])?;
        let gate_up = PackedWeight::swiglu(&gate_up, weights.precision());
        Ok(Self {
            gate_up: pack(weights, gate_up),
            down: Linear::load_without_bias(&weights.at("down"), size, hidden)?,
        })
    }

    /// `x` `[.., size]` to the same shape.
    #[track_caller]
    pub fn forward(&self, x: &Tensor) -> Tensor {
        self.down.forward(&x.swiglu(&self.gate_up))
    }

    /// `residual + gate[row] * forward(x)`, the gate as in [`Linear::forward_residual`].
    #[track_caller]
    pub fn forward_residual(
        &self,
        x: &Tensor,
        residual: &Tensor,
        gate: Option<(&Tensor, &[u32])>,
    ) -> Tensor {
        self.down
            .forward_residual(&x.swiglu(&self.gate_up), residual, gate)
    }
}

/// A vector for each id.
pub struct Embedding {
    table: Tensor,
}

impl Embedding {
    /// Reads `weight` `[entries, size]`.
    ///
    /// # Errors
    /// As [`Weights::tensor`].
    pub fn load(weights: &Weights, entries: usize, size: usize) -> Result<Self, WeightsError> {
        Ok(Self {
            table: weights.tensor("weight", [entries, size])?,
        })
    }

    /// `[ids.len(), size]` in the dtype of the file.
    ///
    /// # Panics
    /// When an id is not below the number of entries.
    #[track_caller]
    pub fn forward(&self, ids: &[u32]) -> Tensor {
        self.table.gather(ids)
    }
}

fn bias(weights: &Weights, outputs: usize) -> Result<Tensor, WeightsError> {
    Ok(weights.tensor("bias", [outputs])?.to_dtype(DType::F32))
}

#[cfg(test)]
mod tests {
    use kinora_tensor::Precision;
    use safetensors::tensor::{Dtype, TensorView};

    use super::*;
    use crate::WeightFile;

    /// A file of F32 tensors whose elements count up in steps of 1/8.
    pub(super) fn file(tensors: &[(&str, &[usize])]) -> WeightFile {
        let data: Vec<Vec<u8>> = tensors
            .iter()
            .map(|(_, shape)| {
                let count: usize = shape.iter().product();
                (0..count)
                    .flat_map(|i| (i as f32 / 8.0).to_le_bytes())
                    .collect()
            })
            .collect();
        let views = tensors.iter().zip(&data).map(|((name, shape), data)| {
            (
                *name,
                TensorView::new(Dtype::F32, shape.to_vec(), data).unwrap(),
            )
        });
        let bytes = safetensors::serialize(views, None).unwrap();
        WeightFile::from_bytes("layers", bytes).unwrap()
    }

    #[test]
    fn a_linear_layer_reads_weight_and_bias() {
        let file = file(&[("a.weight", &[2, 3]), ("a.bias", &[2])]);
        let layer = Linear::load(&file.weights(Precision::F32).at("a"), 2, 3).unwrap();
        file.finish().unwrap();
        let y = layer.forward(&Tensor::from_f32(&[8.0, 0.0, 16.0], &[1, 3]));
        assert_eq!(y.as_f32(), [4.0, 13.0 + 0.125]);
    }

    #[test]
    fn gate_comes_first_in_a_swiglu_layer() {
        let file = file(&[("f.gate_up.weight", &[2, 1]), ("f.down.weight", &[2, 1])]);
        let layer = SwiGlu::load(&file.weights(Precision::F32).at("f"), 1, 1);
        // `down` is [size, hidden] = [1, 1], the file has [2, 1].
        assert!(matches!(layer, Err(WeightsError::Shape { .. })));

        let file = self::file(&[("f.gate_up.weight", &[4, 1]), ("f.down.weight", &[1, 2])]);
        let layer = SwiGlu::load(&file.weights(Precision::F32).at("f"), 1, 2).unwrap();
        file.finish().unwrap();
        // gate [0, 1/8], up [1/4, 3/8], down [0, 1/8], at x = 8.
        let silu = 1.0 / (1.0 + f32::exp(-1.0));
        let y = layer.forward(&Tensor::from_f32(&[8.0], &[1, 1])).as_f32()[0];
        assert!((y - silu * 3.0 / 8.0).abs() < 1e-5, "{y}");
    }
}
