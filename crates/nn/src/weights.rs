//! Weight files: safetensors, read whole or refused.
//!
//! A [`WeightFile`] counts what is read from it. Loading a model ends with
//! [`WeightFile::finish`], so a tensor that the model does not know is an error like one that it
//! misses.

mod error;
mod file;

pub use error::WeightsError;
pub use file::{WeightFile, sha256_hex};

use kinora_tensor::{Precision, Tensor};

/// A place in a weight file: a prefix of tensor names, and the precision layers compute in.
#[derive(Clone)]
pub struct Weights<'a> {
    file: &'a WeightFile,
    prefix: String,
    precision: Precision,
}

impl<'a> Weights<'a> {
    pub(crate) fn new(file: &'a WeightFile, precision: Precision) -> Self {
        Self {
            file,
            prefix: String::new(),
            precision,
        }
    }

    /// The place `name` below this one.
    #[must_use]
    pub fn at(&self, name: impl std::fmt::Display) -> Self {
        Self {
            prefix: self.full(name),
            ..self.clone()
        }
    }

    /// The precision of layers loaded from here.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// The same place, for layers that compute in `precision`.
    #[must_use]
    pub fn in_precision(&self, precision: Precision) -> Self {
        Self {
            precision,
            ..self.clone()
        }
    }

    /// Whether there is a tensor `name` here.
    pub fn has(&self, name: &str) -> bool {
        self.file.has(&self.full(name))
    }

    /// Reads the tensor `name`, in the dtype of the file.
    ///
    /// # Errors
    /// When it is missing, or its shape or dtype is another.
    pub fn tensor<const N: usize>(
        &self,
        name: &str,
        shape: [usize; N],
    ) -> Result<Tensor, WeightsError> {
        self.file.tensor(&self.full(name), &shape)
    }

    fn full(&self, name: impl std::fmt::Display) -> String {
        if self.prefix.is_empty() {
            name.to_string()
        } else {
            format!("{}.{name}", self.prefix)
        }
    }
}
