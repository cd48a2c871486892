//! Reading tensors: find, decode, scale, merge, check.

use std::sync::PoisonError;

use kinora_tensor::{DType, Tensor};

use super::encoding::{DecodeError, Encoding, check_finite};
use super::entry::Entry;
use super::error::TensorName;
use super::lora::Delta;
use super::nearest::nearest;
use super::{WeightFile, WeightsError, random};

impl WeightFile {
    /// The bytes of the tensor `name` if it is one of bytes: a file that some packers put among
    /// the weights, such as a tokenizer's model.
    pub fn embedded_file(&self, name: &str) -> Option<&[u8]> {
        let entry = self.entries.get(name)?;
        if entry.encoding != Encoding::Unknown("U8".to_owned()) {
            return None;
        }
        self.mark_read(name);
        Some(&self.parts[entry.part].bytes.as_slice()[entry.range.clone()])
    }

    /// Reads a tensor of the model in `dtype`, or as exactly as the file holds it.
    pub(super) fn tensor(
        &self,
        name: &str,
        shape: &[usize],
        dtype: Option<DType>,
    ) -> Result<Tensor, WeightsError> {
        let Some(entry) = self.entries.get(name) else {
            return if self.is_random {
                Ok(random::tensor(name, shape, dtype.unwrap_or(DType::Bf16)))
            } else {
                Err(self.missing(name))
            };
        };
        if entry.shape != shape {
            return Err(WeightsError::Shape {
                file: self.parts[entry.part].name.clone(),
                tensor: TensorName::new(name, &entry.stored),
                expected: shape.to_vec(),
                found: entry.shape.clone(),
            });
        }
        let dtype = dtype.unwrap_or(entry.encoding.dtype());
        let tensor = match self.deltas.get(name) {
            _ if self.parts[entry.part].bytes.are_absent() => Tensor::zeros(shape, dtype),
            Some(deltas) => self.merged(name, entry, deltas)?.to_dtype(dtype),
            None => self.decode(name, entry, dtype)?,
        };
        self.mark_read(name);
        Ok(tensor)
    }

    /// A tensor in F32 with what LoRAs add.
    fn merged(&self, name: &str, entry: &Entry, deltas: &[Delta]) -> Result<Tensor, WeightsError> {
        let mut tensor = self.decode(name, entry, DType::F32)?;
        for delta in deltas {
            tensor = delta.added_to(&tensor)?;
        }
        check_finite(tensor.as_f32(), 0).map_err(|error| self.decode_error(name, entry, error))?;
        Ok(tensor)
    }

    /// A tensor as the file holds it, times its factor.
    fn decode(&self, name: &str, entry: &Entry, dtype: DType) -> Result<Tensor, WeightsError> {
        if let Some(tensor) = self.held.get(&entry.stored) {
            // What is tracked stays a leaf; as a factor it is rounded where it is packed.
            let exact = tensor.is_tracked();
            return Ok(if exact {
                tensor.clone()
            } else {
                tensor.to_dtype(dtype)
            });
        }
        let bytes = &self.parts[entry.part].bytes;
        let scale = match &entry.scale {
            Some(scale) => self.decode(&scale.stored, scale, DType::F32)?.to_vec(),
            None => Vec::new(),
        };
        let data = &bytes.as_slice()[entry.range.clone()];
        let tensor = entry.encoding.tensor(data, &scale, &entry.shape, dtype);
        bytes.release(entry.range.clone());
        tensor.map_err(|error| self.decode_error(name, entry, error))
    }

    fn decode_error(&self, name: &str, entry: &Entry, error: DecodeError) -> WeightsError {
        let file = self.parts[entry.part].name.clone();
        let tensor = TensorName::new(name, &entry.stored);
        match error {
            DecodeError::Unknown(dtype) => WeightsError::Dtype {
                file,
                tensor,
                dtype,
            },
            DecodeError::NotFinite { value, index } => WeightsError::NotFinite {
                file,
                tensor,
                value,
                index,
            },
        }
    }

    fn mark_read(&self, name: &str) {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        read.insert(name.to_owned());
    }

    pub(super) fn missing(&self, name: &str) -> WeightsError {
        WeightsError::Missing {
            file: self.name().to_owned(),
            tensor: name.to_owned(),
            nearest: self.nearest(name),
        }
    }

    /// The most similar name, and what the file calls it.
    pub(super) fn nearest(&self, name: &str) -> Option<TensorName> {
        nearest(name, self.names()).map(|name| self.named(name))
    }

    /// A tensor's name, and what the file calls it.
    pub(super) fn named(&self, name: &str) -> TensorName {
        let stored = self.entries.get(name).map_or(name, |entry| &entry.stored);
        TensorName::new(name, stored)
    }
}
