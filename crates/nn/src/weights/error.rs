//! What can be wrong with a weight file.

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
    /// The file is not safetensors.
    #[error("{file}: not a safetensors file")]
    Format {
        /// The file.
        file: String,
        /// The reader's reason.
        source: safetensors::SafeTensorError,
    },
    /// The model needs a tensor that the file lacks.
    #[error("{file}: no tensor `{tensor}`{}", hint(nearest.as_deref()))]
    Missing {
        /// The file.
        file: String,
        /// The tensor's name.
        tensor: String,
        /// The most similar name in the file.
        nearest: Option<String>,
    },
    /// A tensor has another shape than the model needs.
    #[error("{file}: `{tensor}` is {found:?}, the model needs {expected:?}")]
    Shape {
        /// The file.
        file: String,
        /// The tensor's name.
        tensor: String,
        /// The model's shape.
        expected: Vec<usize>,
        /// The file's shape.
        found: Vec<usize>,
    },
    /// A tensor's elements are of a type that no layer takes.
    #[error("{file}: `{tensor}` holds {dtype}, known are F32, BF16 and F16")]
    Dtype {
        /// The file.
        file: String,
        /// The tensor's name.
        tensor: String,
        /// The file's type.
        dtype: String,
    },
    /// The file holds tensors that the model does not know.
    #[error("{file}: {} unknown to the model: {}", count(tensors.len()), list(tensors))]
    Unread {
        /// The file.
        file: String,
        /// Their names, in order.
        tensors: Vec<String>,
    },
}

fn hint(nearest: Option<&str>) -> String {
    nearest
        .map(|name| format!(", the nearest is `{name}`"))
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
