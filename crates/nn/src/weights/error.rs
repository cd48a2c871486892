//! What can be wrong with a weight file.

use std::fmt;

/// A tensor by the model's name for it, and by the file's where that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorName {
    /// The name that the model asks for.
    pub name: String,
    /// The name in the file, when a rule renamed the tensor.
    pub stored: Option<Box<str>>,
}

impl TensorName {
    pub(super) fn new(name: &str, stored: &str) -> Self {
        Self {
            name: name.to_owned(),
            stored: (stored != name).then(|| stored.into()),
        }
    }
}

impl fmt::Display for TensorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.name)?;
        match &self.stored {
            Some(stored) => write!(f, " (in the file `{stored}`)"),
            None => Ok(()),
        }
    }
}

/// Why a weight file was refused.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// The file cannot be read.
    #[error("{file}: cannot be read")]
    Open {
        /// The file.
        file: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file is not what its beginning promises.
    #[error("{file}: not a whole {format} file: {reason}")]
    Format {
        /// The file.
        file: String,
        /// The format it was read as.
        format: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// A folder holds no weights under a known name.
    #[error("{folder}: no weights; looked for {}", sought.join(", "))]
    Folder {
        /// The folder.
        folder: String,
        /// The file names that were looked for.
        sought: Vec<String>,
    },
    /// A tensor stands in two files of one model.
    #[error("{file}: `{tensor}` stands in {other} too")]
    Twice {
        /// The second file.
        file: String,
        /// The first file.
        other: String,
        /// The tensor's name in both.
        tensor: String,
    },
    /// The model needs a tensor that the file lacks.
    #[error("{file}: no tensor `{tensor}`{}", hint(nearest.as_ref()))]
    Missing {
        /// The file.
        file: String,
        /// The tensor's name.
        tensor: String,
        /// The most similar name in the file.
        nearest: Option<TensorName>,
    },
    /// A tensor has another shape than the model needs.
    #[error("{file}: {tensor} is {found:?}, the model needs {expected:?}")]
    Shape {
        /// The file.
        file: String,
        /// The tensor.
        tensor: TensorName,
        /// The model's shape.
        expected: Vec<usize>,
        /// The file's shape.
        found: Vec<usize>,
    },
    /// A tensor's elements are of a type that no layer takes.
    #[error("{file}: {tensor} holds {dtype}, which Kinora does not read")]
    Dtype {
        /// The file.
        file: String,
        /// The tensor.
        tensor: TensorName,
        /// The file's type.
        dtype: String,
    },
    /// A tensor holds a number that no trained model has: the file is damaged.
    #[error("{file}: {tensor} holds {value} at element {index}: the file is damaged")]
    NotFinite {
        /// The file.
        file: String,
        /// The tensor.
        tensor: TensorName,
        /// The number, NaN or infinite.
        value: f32,
        /// Its place, row-major.
        index: usize,
    },
    /// A LoRA changes nothing of the model: it was made for another.
    #[error("{file}: no layer of the LoRA is one of {model}: it has `{key}`{}", hint(nearest.as_ref()))]
    LoraUnmatched {
        /// The LoRA's file.
        file: String,
        /// The model's file.
        model: String,
        /// The first of its layers.
        key: String,
        /// The most similar name of the model.
        nearest: Option<TensorName>,
    },
    /// A LoRA's layer does not fit the model's: it was made for another.
    #[error("{file}: `{key}` is for another model: {tensor} is {expected:?}, it changes {found:?}")]
    LoraShape {
        /// The LoRA's file.
        file: String,
        /// The LoRA's tensor.
        key: String,
        /// The model's tensor.
        tensor: Box<TensorName>,
        /// The model's shape.
        expected: Vec<usize>,
        /// The shape that the LoRA's tensor changes, or those of the two whose product it is.
        found: Vec<Vec<usize>>,
    },
    /// The file holds tensors that the model does not know.
    #[error("{file}: {} unknown to the model: {}", count(tensors.len()), list(tensors))]
    Unread {
        /// The file.
        file: String,
        /// Their names in the file, in order.
        tensors: Vec<String>,
    },
}

fn hint(nearest: Option<&TensorName>) -> String {
    nearest
        .map(|name| format!(", the nearest is {name}"))
        .unwrap_or_default()
}

fn count(tensors: usize) -> String {
    if tensors == 1 {
        "one tensor is".to_owned()
    } else {
        format!("{tensors} tensors are")
    }
}

fn list(tensors: &[String]) -> String {
    let shown = tensors
        .iter()
        .take(5)
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>();
    let more = if tensors.len() > 5 { ", ..." } else { "" };
    shown.join(", ") + more
}
