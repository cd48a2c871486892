//! Weights from an embedded safetensors file, read whole or refused.

use half::f16;
use safetensors::{Dtype, SafeTensors};
use std::collections::BTreeMap;

/// Why a weight file was refused.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// The bytes are no safetensors file.
    #[error("not a safetensors file: {0}")]
    Format(#[from] safetensors::SafeTensorError),
    /// A tensor is neither f32 nor f16.
    #[error("tensor {name} is {dtype:?}, not F32 or F16")]
    Dtype {
        /// The tensor.
        name: String,
        /// What it is.
        dtype: Dtype,
    },
    /// A tensor is not in the file.
    #[error("tensor {name} is missing")]
    Missing {
        /// The tensor.
        name: String,
    },
    /// A tensor has another shape than the layer.
    #[error("tensor {name} has shape {got:?}, the layer wants {want:?}")]
    Shape {
        /// The tensor.
        name: String,
        /// Shape in the file.
        got: Vec<usize>,
        /// Shape of the layer.
        want: Vec<usize>,
    },
    /// Tensors that no layer took.
    #[error("tensors that nothing reads: {}", names.join(", "))]
    Unread {
        /// The tensors.
        names: Vec<String>,
    },
}

/// Named tensors that layers take one by one.
#[derive(Debug)]
pub struct Weights {
    tensors: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
}

impl Weights {
    /// Reads a safetensors file of f16 and f32 tensors.
    ///
    /// # Errors
    /// The file is damaged or holds another dtype.
    pub fn read(bytes: &[u8]) -> Result<Self, WeightsError> {
        let mut tensors = BTreeMap::new();
        for (name, view) in SafeTensors::deserialize(bytes)?.tensors() {
            let values = match view.dtype() {
                Dtype::F32 => view
                    .data()
                    .chunks_exact(4)
                    .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
                    .collect(),
                Dtype::F16 => view
                    .data()
                    .chunks_exact(2)
                    .map(|b| f16::from_le_bytes([b[0], b[1]]).to_f32())
                    .collect(),
                dtype => return Err(WeightsError::Dtype { name, dtype }),
            };
            tensors.insert(name, (view.shape().to_vec(), values));
        }
        Ok(Self { tensors })
    }

    /// Takes one tensor out.
    ///
    /// # Errors
    /// It is missing, was taken before or has another shape.
    pub fn take(&mut self, name: &str, want: &[usize]) -> Result<Vec<f32>, WeightsError> {
        let name = name.to_string();
        match self.tensors.remove(&name) {
            None => Err(WeightsError::Missing { name }),
            Some((got, _)) if got != want => Err(WeightsError::Shape {
                name,
                got,
                want: want.to_vec(),
            }),
            Some((_, values)) => Ok(values),
        }
    }

    /// Ends reading.
    ///
    /// # Errors
    /// Tensors are left that nothing took.
    pub fn finish(self) -> Result<(), WeightsError> {
        if self.tensors.is_empty() {
            return Ok(());
        }
        Err(WeightsError::Unread {
            names: self.tensors.into_keys().collect(),
        })
    }

    #[cfg(test)]
    pub(crate) fn of<const N: usize>(tensors: [(&str, Vec<usize>, Vec<f32>); N]) -> Self {
        let tensors = tensors
            .into_iter()
            .map(|(n, s, v)| (n.to_string(), (s, v)))
            .collect();
        Self { tensors }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_does_not_fit_is_refused() {
        assert!(matches!(
            Weights::read(b"nonsense"),
            Err(WeightsError::Format(_))
        ));
        let mut weights = Weights::of([("a", vec![2], vec![1.0, 2.0]), ("b", vec![1], vec![0.0])]);
        let wrong = weights
            .take("a", &[3])
            .expect_err("another shape")
            .to_string();
        assert_eq!(wrong, "tensor a has shape [2], the layer wants [3]");
        assert!(matches!(
            weights.take("c", &[1]),
            Err(WeightsError::Missing { .. })
        ));
        let unread = weights.finish().expect_err("b is left").to_string();
        assert_eq!(unread, "tensors that nothing reads: b");
    }
}
