//! Files that appear whole or not at all.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use kinora_tensor::{Element, Tensor, bf16};
use safetensors::Dtype;
use safetensors::tensor::TensorView;

/// Puts `bytes` in the place of what is at `path`.
///
/// # Errors
/// When they cannot be written, as on a full disk; what was there before stays.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let temporary = path.with_extension("part");
    let written = File::create(&temporary).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written
        .and_then(|()| fs::rename(&temporary, path))
        .inspect_err(|_| drop(fs::remove_file(&temporary)))
        .with_context(|| {
            let path = path.display();
            format!("cannot write {path}; what was there before is unchanged")
        })
}

/// Writes tensors as `T`, in place of what is at `path`.
///
/// # Errors
/// When the file cannot be written; what was there before stays.
pub fn write_tensors<T: Bytes>(
    path: &Path,
    tensors: &[(String, Tensor)],
    metadata: Option<HashMap<String, String>>,
) -> Result<()> {
    let data: Vec<Vec<u8>> = tensors.iter().map(|(_, tensor)| T::bytes(tensor)).collect();
    let views = tensors.iter().zip(&data).map(|((name, tensor), data)| {
        let view = TensorView::new(T::NAME, tensor.shape().to_vec(), data);
        view.map(|view| (name.as_str(), view))
    });
    let views: Vec<_> = views.collect::<Result<_, _>>()?;
    let bytes = safetensors::serialize(views, metadata)?;
    replace(path, &bytes)
}

/// How elements lie in a file.
pub trait Bytes: Element {
    /// In a file's header.
    const NAME: Dtype;

    /// Little endian.
    fn bytes(tensor: &Tensor) -> Vec<u8>;
}

impl Bytes for f32 {
    const NAME: Dtype = Dtype::F32;

    fn bytes(tensor: &Tensor) -> Vec<u8> {
        tensor
            .as_f32()
            .iter()
            .flat_map(|x| x.to_le_bytes())
            .collect()
    }
}

impl Bytes for bf16 {
    const NAME: Dtype = Dtype::BF16;

    fn bytes(tensor: &Tensor) -> Vec<u8> {
        let rounded = |x: &f32| <Self as Element>::from_f32(*x).to_le_bytes();
        tensor.as_f32().iter().flat_map(rounded).collect()
    }
}
