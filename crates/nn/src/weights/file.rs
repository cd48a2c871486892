//! One safetensors file, and the account of what was read from it.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use half::{bf16, f16};
use kinora_tensor::{Precision, Tensor};
use memmap2::Mmap;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, Metadata};
use sha2::{Digest, Sha256};

use super::{Weights, WeightsError};

/// A weight file in memory or mapped.
pub struct WeightFile {
    name: String,
    bytes: Bytes,
    metadata: Metadata,
    header_bytes: usize,
    read: Mutex<BTreeSet<String>>,
}

enum Bytes {
    Static(&'static [u8]),
    Owned(Vec<u8>),
    Mapped(Mmap),
}

impl Bytes {
    fn as_slice(&self) -> &[u8] {
        match self {
            Self::Static(bytes) => bytes,
            Self::Owned(bytes) => bytes,
            Self::Mapped(map) => map,
        }
    }
}

impl WeightFile {
    /// Maps the file at `path`.
    ///
    /// # Errors
    /// When it cannot be read or is not safetensors.
    #[expect(
        unsafe_code,
        reason = "a mapping changes when another process writes the file"
    )]
    pub fn open(path: &Path) -> Result<Self, WeightsError> {
        let name = path.display().to_string();
        let failed = |source| WeightsError::Open {
            file: name.clone(),
            source,
        };
        let file = File::open(path).map_err(failed)?;
        // SAFETY: weight files are written once and renamed into place; one that another process
        // cuts short while it is read ends this process with SIGBUS, it does not corrupt it.
        let map = unsafe { Mmap::map(&file) }.map_err(failed)?;
        Self::new(name, Bytes::Mapped(map))
    }

    /// Reads a file embedded in the program. `name` appears in errors.
    ///
    /// # Errors
    /// When it is not safetensors.
    pub fn from_static(name: &str, bytes: &'static [u8]) -> Result<Self, WeightsError> {
        Self::new(name.to_owned(), Bytes::Static(bytes))
    }

    /// Reads a file from memory. `name` appears in errors.
    ///
    /// # Errors
    /// When it is not safetensors.
    pub fn from_bytes(name: &str, bytes: Vec<u8>) -> Result<Self, WeightsError> {
        Self::new(name.to_owned(), Bytes::Owned(bytes))
    }

    fn new(name: String, bytes: Bytes) -> Result<Self, WeightsError> {
        let header = SafeTensors::read_metadata(bytes.as_slice());
        let (header, metadata) = header.map_err(|source| WeightsError::Format {
            file: name.clone(),
            source,
        })?;
        let header_bytes = header + size_of::<u64>();
        Ok(Self {
            name,
            bytes,
            metadata,
            header_bytes,
            read: Mutex::default(),
        })
    }

    /// The root of the file's names, for layers that compute in `precision`.
    pub fn weights(&self, precision: Precision) -> Weights<'_> {
        Weights::new(self, precision)
    }

    /// All bytes of the file.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.as_slice()
    }

    /// Ends loading.
    ///
    /// # Errors
    /// When the file holds tensors that were not read.
    pub fn finish(&self) -> Result<(), WeightsError> {
        self.finish_without(&[])
    }

    /// Ends loading of a part of the model: tensors of the `others`, prefixes such as `encoder.`,
    /// are somebody else's to read.
    ///
    /// # Errors
    /// When the file holds tensors that were not read and belong to nobody.
    pub fn finish_without(&self, others: &[&str]) -> Result<(), WeightsError> {
        let read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let mut tensors: Vec<String> = self
            .metadata
            .tensors()
            .into_keys()
            .filter(|name| !read.contains(name))
            .filter(|name| !others.iter().any(|prefix| name.starts_with(prefix)))
            .collect();
        if tensors.is_empty() {
            return Ok(());
        }
        tensors.sort_unstable();
        Err(WeightsError::Unread {
            file: self.name.clone(),
            tensors,
        })
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.metadata.info(name).is_some()
    }

    pub(super) fn tensor(&self, name: &str, shape: &[usize]) -> Result<Tensor, WeightsError> {
        let (file, tensor) = (|| self.name.clone(), || name.to_owned());
        let Some(info) = self.metadata.info(name) else {
            let nearest = self.nearest(name);
            return Err(WeightsError::Missing {
                file: file(),
                tensor: tensor(),
                nearest,
            });
        };
        if info.shape != shape {
            let (expected, found) = (shape.to_vec(), info.shape.clone());
            return Err(WeightsError::Shape {
                file: file(),
                tensor: tensor(),
                expected,
                found,
            });
        }
        let (start, end) = info.data_offsets;
        let data = &self.bytes.as_slice()[self.header_bytes + start..self.header_bytes + end];
        let Some(result) = decode(info.dtype, data, shape) else {
            let dtype = format!("{:?}", info.dtype);
            return Err(WeightsError::Dtype {
                file: file(),
                tensor: tensor(),
                dtype,
            });
        };
        self.read
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(tensor());
        Ok(result)
    }

    fn nearest(&self, name: &str) -> Option<String> {
        let names = self.metadata.tensors().into_keys();
        names.min_by_key(|other| (distance(name, other), other.clone()))
    }
}

/// Elements of the file, which may lie at any address, as a tensor.
fn decode(dtype: Dtype, data: &[u8], shape: &[usize]) -> Option<Tensor> {
    let words = |data: &[u8]| -> Vec<u16> {
        data.chunks_exact(2)
            .map(|b| u16::from_le_bytes([b[0], b[1]]))
            .collect()
    };
    Some(match dtype {
        Dtype::F32 => {
            let values: Vec<f32> = data
                .chunks_exact(4)
                .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
                .collect();
            Tensor::from_f32(&values, shape)
        }
        Dtype::BF16 => {
            let values: Vec<bf16> = words(data).into_iter().map(bf16::from_bits).collect();
            Tensor::from_slice(&values, shape)
        }
        Dtype::F16 => {
            let values: Vec<f32> = words(data)
                .into_iter()
                .map(|bits| f16::from_bits(bits).to_f32())
                .collect();
            Tensor::from_f32(&values, shape)
        }
        _ => return None,
    })
}

/// Levenshtein's edit distance in bytes.
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let changed = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// SHA-256 of files one after the other, in hexadecimal: the name of a model's exact weights.
pub fn sha256_hex<'a>(files: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hash = Sha256::new();
    for file in files {
        hash.update(file);
    }
    hash.finalize()
        .iter()
        .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use safetensors::tensor::TensorView;

    use super::*;

    /// A file with `a.weight` [2, 3] in F32 and `a.bias` [2] in BF16.
    fn file() -> WeightFile {
        let weight: Vec<u8> = (0..6_u8).flat_map(|i| f32::from(i).to_le_bytes()).collect();
        let bias: Vec<u8> = [1.5, -2.0]
            .iter()
            .flat_map(|&x| bf16::from_f32(x).to_le_bytes())
            .collect();
        let tensors = [
            (
                "a.weight",
                TensorView::new(Dtype::F32, vec![2, 3], &weight).unwrap(),
            ),
            (
                "a.bias",
                TensorView::new(Dtype::BF16, vec![2], &bias).unwrap(),
            ),
        ];
        let bytes = safetensors::serialize(tensors, None).unwrap();
        WeightFile::from_bytes("tiny", bytes).unwrap()
    }

    fn check(result: Result<Tensor, WeightsError>, message: &str) {
        assert_eq!(result.unwrap_err().to_string(), message);
    }

    #[test]
    fn tensors_are_read_and_accounted_for() {
        let file = file();
        let weights = file.weights(Precision::F32).at("a");
        assert_eq!(
            weights.tensor("weight", [2, 3]).unwrap().as_f32(),
            [0., 1., 2., 3., 4., 5.]
        );
        let unread = file.finish().unwrap_err().to_string();
        assert_eq!(unread, "tiny: one tensor is unknown to the model: `a.bias`");
        assert!(file.finish_without(&["b."]).is_err());
        assert!(file.finish_without(&["a."]).is_ok());
        assert_eq!(weights.tensor("bias", [2]).unwrap().to_vec(), [1.5, -2.0]);
        file.finish().unwrap();
    }

    #[test]
    fn errors_name_file_tensor_and_shapes() {
        let file = file();
        let root = file.weights(Precision::F32);
        check(
            root.at("a").tensor("wieght", [2, 3]),
            "tiny: no tensor `a.wieght`, the nearest is `a.weight`",
        );
        check(
            root.tensor("a.weight", [3, 2]),
            "tiny: `a.weight` is [2, 3], the model needs [3, 2]",
        );
        let broken = WeightFile::from_bytes("broken", vec![1, 2, 3]);
        assert_eq!(
            broken.err().unwrap().to_string(),
            "broken: not a safetensors file"
        );
    }

    #[test]
    fn the_hash_is_that_of_the_files_joined() {
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256_hex([&b"a"[..], b"bc"]), abc);
    }
}
