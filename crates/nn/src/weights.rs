//! Weight files, read whole or refused.
//!
//! A [`WeightFile`] counts what is read from it. Loading a model ends with
//! [`WeightFile::finish`], so a tensor that the model does not know is an error like one that it
//! misses. A published layout becomes the model's own by a table of [`Rule`]s.
//!
//! ```text
//! open, open_all, open_folder      safetensors or GGUF, by its first bytes; shards
//!   .without_prefix(..)            names as the model's authors gave them
//!   .with_rules(..)                or by a key map
//!   .with_lora(..)                 what adapters add, when a tensor is read
//!   .weights(precision)            decoded, checked, merged, rounded: tensor by tensor
//!   .finish()                      nothing is left over
//! ```

mod bytes;
mod encoding;
mod entry;
mod error;
mod file;
mod folder;
mod gguf;
mod hash;
mod lora;
mod nearest;
mod random;
mod reading;
mod rules;
mod safetensors;
mod scaled;
mod shapes;
mod value;

pub use error::{TensorName, WeightsError};
pub use file::WeightFile;
pub use folder::is_file_of;
pub use hash::{hex, sha256_hex};
pub use lora::{Lora, LoraReport};
pub use rules::Rule;
pub use value::Value;

use kinora_tensor::{DType, Precision, Tensor};

/// A place in a weight file: a prefix of tensor names, and the precision layers compute in.
#[derive(Clone)]
pub struct Weights<'a> {
    file: &'a WeightFile,
    prefix: String,
    precision: Precision,
    packs: bool,
}

impl<'a> Weights<'a> {
    pub(crate) fn new(file: &'a WeightFile, precision: Precision) -> Self {
        Self {
            file,
            prefix: String::new(),
            precision,
            packs: false,
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

    /// The same place, for layers that are not held in eight bits.
    #[must_use]
    pub fn whole(&self) -> Self {
        self.in_precision(self.precision.whole())
    }

    /// The same place, for layers that pack each weight while they are loaded and not on first use:
    /// no more than one is in memory as the file has it.
    #[must_use]
    pub fn packed(&self) -> Self {
        Self {
            packs: true,
            ..self.clone()
        }
    }

    /// Whether layers pack their weights while they are loaded.
    pub(crate) fn packs(&self) -> bool {
        self.packs
    }

    /// Whether there is a tensor `name` here.
    pub fn has(&self, name: &str) -> bool {
        self.shape(name).is_some()
    }

    /// The shape of the tensor `name`, if there is one here.
    pub fn shape(&self, name: &str) -> Option<&'a [usize]> {
        self.file.shape(&self.full(name))
    }

    /// Reads the tensor `name`: in Bf16 if the file holds BF16, else in F32.
    ///
    /// # Errors
    /// When it is missing, its shape or dtype is another, or an element is NaN or infinite.
    pub fn tensor<const N: usize>(
        &self,
        name: &str,
        shape: [usize; N],
    ) -> Result<Tensor, WeightsError> {
        self.file.tensor(&self.full(name), &shape, None)
    }

    /// [`Weights::tensor`] with any number of axes.
    ///
    /// # Errors
    /// As [`Weights::tensor`].
    pub fn any(&self, name: &str, shape: &[usize]) -> Result<Tensor, WeightsError> {
        self.file.tensor(&self.full(name), shape, None)
    }

    /// Reads the tensor `name` as a factor of matrix products in this place's precision. With
    /// [`Precision::Bf16`] or [`Precision::Int8`] it is rounded to bf16 while it is read, and never stands in memory as F32.
    ///
    /// # Errors
    /// As [`Weights::tensor`].
    pub fn factor<const N: usize>(
        &self,
        name: &str,
        shape: [usize; N],
    ) -> Result<Tensor, WeightsError> {
        self.file
            .tensor(&self.full(name), &shape, self.factor_dtype())
    }

    /// Some rows of what [`Weights::factor`] reads, in their order. All are checked; those that are
    /// not asked for are in memory a part at a time.
    ///
    /// # Errors
    /// As [`Weights::tensor`].
    ///
    /// # Panics
    /// When there is no such row.
    pub fn factor_rows(
        &self,
        name: &str,
        shape: [usize; 2],
        rows: &[u32],
    ) -> Result<Tensor, WeightsError> {
        self.file
            .rows(&self.full(name), shape, self.factor_dtype(), rows)
    }

    fn factor_dtype(&self) -> Option<DType> {
        match self.precision {
            Precision::F32 => None,
            Precision::Bf16 | Precision::Int8 => Some(DType::Bf16),
        }
    }

    fn full(&self, name: impl std::fmt::Display) -> String {
        if self.prefix.is_empty() {
            name.to_string()
        } else {
            format!("{}.{name}", self.prefix)
        }
    }
}
