//! How the elements of a tensor are stored, and how they become numbers.

use std::fmt;

use half::{bf16, f16};
use kinora_tensor::{DType, Element, Tensor};

/// The type of a tensor's elements in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    F32,
    F16,
    Bf16,
    /// A type that no layer takes, by its name in the file.
    Unknown(String),
}

/// Why stored elements did not become a tensor.
#[derive(Debug, PartialEq)]
pub(super) enum DecodeError {
    Unknown(String),
    NotFinite { value: f32, index: usize },
}

/// Elements decoded at a time: they stay in the first cache between the steps, and are whole blocks
/// of every encoding.
const CHUNK: usize = 4096;

impl Encoding {
    /// The type that a safetensors header names.
    pub(super) fn of_safetensors(dtype: &str) -> Self {
        match dtype {
            "F32" => Self::F32,
            "F16" => Self::F16,
            "BF16" => Self::Bf16,
            other => Self::Unknown(other.to_owned()),
        }
    }

    /// Elements of one block, and its bytes; `None` for an unknown type.
    pub(super) fn block(&self) -> Option<(usize, usize)> {
        match self {
            Self::F32 => Some((1, 4)),
            Self::F16 | Self::Bf16 => Some((1, 2)),
            Self::Unknown(_) => None,
        }
    }

    /// The type of a tensor that holds the elements as exactly as the file does.
    fn dtype(&self) -> DType {
        match self {
            Self::Bf16 => DType::Bf16,
            _ => DType::F32,
        }
    }

    /// Decodes whole blocks: as many as `out` takes elements.
    fn decode(&self, blocks: &[u8], out: &mut [f32]) {
        match self {
            Self::F32 => {
                for (out, &b) in out.iter_mut().zip(blocks.as_chunks().0) {
                    *out = f32::from_le_bytes(b);
                }
            }
            Self::F16 => {
                for (out, &b) in out.iter_mut().zip(blocks.as_chunks().0) {
                    *out = f16::from_le_bytes(b).to_f32();
                }
            }
            Self::Bf16 => {
                for (out, &b) in out.iter_mut().zip(blocks.as_chunks().0) {
                    *out = Element::to_f32(bf16::from_le_bytes(b));
                }
            }
            Self::Unknown(_) => out.fill(f32::NAN),
        }
    }

    /// Elements as a tensor, in `dtype` or in the nearest to the file's.
    ///
    /// Every element is checked to be a number. In the loop that converts it anyway this costs an
    /// and, a compare and an or for each vector.
    pub(super) fn read(
        &self,
        data: &[u8],
        shape: &[usize],
        dtype: Option<DType>,
    ) -> Result<Tensor, DecodeError> {
        match dtype.unwrap_or(self.dtype()) {
            DType::F32 => Ok(Tensor::from_slice(&self.elements::<f32>(data)?, shape)),
            DType::Bf16 => Ok(Tensor::from_slice(&self.elements::<bf16>(data)?, shape)),
        }
    }

    /// All elements of `data`, whose length is a whole number of blocks.
    pub(super) fn elements<T: Element>(&self, data: &[u8]) -> Result<Vec<T>, DecodeError> {
        let Some((elements, bytes)) = self.block() else {
            return Err(DecodeError::Unknown(self.to_string()));
        };
        let mut all = Vec::with_capacity(data.len() / bytes * elements);
        let mut buffer = [0.0_f32; CHUNK];
        for blocks in data.chunks(CHUNK / elements * bytes) {
            let chunk = &mut buffer[..blocks.len() / bytes * elements];
            self.decode(blocks, chunk);
            check_finite(chunk, all.len())?;
            all.extend(chunk.iter().map(|&x| T::from_f32(x)));
        }
        Ok(all)
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::Bf16 => "BF16",
            Self::Unknown(name) => name,
        })
    }
}

/// Checks that no element is NaN or infinite. `first` is the index of the first.
pub(super) fn check_finite(elements: &[f32], first: usize) -> Result<(), DecodeError> {
    let all = elements.iter().fold(true, |all, x| all & x.is_finite());
    if all {
        return Ok(());
    }
    let index = elements.iter().position(|x| !x.is_finite()).unwrap_or(0);
    Err(DecodeError::NotFinite {
        value: elements[index],
        index: first + index,
    })
}
