//! Reading tensors: find, decode, scale, merge, check.

use std::ops::Range;
use std::sync::PoisonError;

use kinora_tensor::{DType, Tensor};

use super::encoding::{DecodeError, Encoding, check_finite};
use super::entry::Entry;
use super::error::TensorName;
use super::lora::Delta;
use super::nearest::nearest;
use super::{WeightFile, WeightsError, random};

/// Bytes of a file that are decoded at a time where some rows of a large matrix are wanted.
const PART_BYTES: usize = 16 << 20;

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

    /// Rows of the matrix `name`, of which a part at a time is decoded.
    pub(super) fn rows(
        &self,
        name: &str,
        shape: [usize; 2],
        dtype: Option<DType>,
        rows: &[u32],
    ) -> Result<Tensor, WeightsError> {
        let Some((entry, row_bytes)) = self.by_row(name, shape) else {
            return Ok(self.tensor(name, &shape, dtype)?.gather(rows));
        };
        let dtype = dtype.unwrap_or(entry.encoding.dtype());
        let mut wanted = rows.to_vec();
        wanted.sort_unstable();
        wanted.dedup();
        let mut found = Vec::new();
        let count = (PART_BYTES / row_bytes).max(1);
        for start in (0..shape[0]).step_by(count) {
            let end = shape[0].min(start + count);
            let part = self.decode_rows(name, entry, start..end, dtype)?;
            let after = |row: usize| wanted.partition_point(|&wanted| (wanted as usize) < row);
            let here = wanted[after(start)..after(end)].iter();
            let here: Vec<u32> = here.map(|row| row - start as u32).collect();
            if !here.is_empty() {
                found.push(part.gather(&here));
            }
        }
        self.mark_read(name);
        let place = |row| wanted.partition_point(|wanted| wanted < row) as u32;
        let order: Vec<u32> = rows.iter().map(place).collect();
        Ok(Tensor::concat(&found.iter().collect::<Vec<_>>(), 0).gather(&order))
    }

    /// The matrix `name` of this shape and the bytes of a row, if it can be decoded row by row.
    fn by_row(&self, name: &str, shape: [usize; 2]) -> Option<(&Entry, usize)> {
        let entry = self.entries.get(name)?;
        let is_plain = entry.shape == shape
            && entry.scale.is_none()
            && !self.deltas.contains_key(name)
            && !self.held.contains_key(&entry.stored)
            && !self.parts[entry.part].bytes.are_absent();
        let (block, bytes) = entry.encoding.block()?;
        (is_plain && shape[1] > 0 && shape[1].is_multiple_of(block))
            .then(|| (entry, shape[1] / block * bytes))
    }

    fn decode_rows(
        &self,
        name: &str,
        entry: &Entry,
        rows: Range<usize>,
        dtype: DType,
    ) -> Result<Tensor, WeightsError> {
        let bytes = &self.parts[entry.part].bytes;
        let (height, width) = (entry.shape[0], entry.shape[1]);
        let row_bytes = entry.range.len() / height;
        let range =
            entry.range.start + rows.start * row_bytes..entry.range.start + rows.end * row_bytes;
        let data = &bytes.as_slice()[range.clone()];
        let shape = [rows.len(), width];
        let part = entry.encoding.tensor(data, &[], &shape, dtype);
        bytes.release(range);
        part.map_err(|error| {
            let error = match error {
                DecodeError::NotFinite { value, index } => DecodeError::NotFinite {
                    value,
                    index: rows.start * width + index,
                },
                other @ DecodeError::Unknown(_) => other,
            };
            self.decode_error(name, entry, error)
        })
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
