//! Latents and frames as safetensors files, for comparing implementations.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use kinora_tensor::Tensor;
use safetensors::{Dtype, SafeTensors};

use crate::error::{Error, Result};

/// Writes one F32 array as a safetensors file, piece by piece: beside its name, renamed when whole.
pub struct ArrayWriter {
    path: PathBuf,
    part: PathBuf,
    file: Option<BufWriter<File>>,
    left: usize,
}

impl ArrayWriter {
    /// Starts a file that will hold the array `name` of `shape`.
    ///
    /// # Errors
    /// [`Error::Array`] when the file exists and may not be replaced, or cannot be created.
    pub fn create(path: &Path, name: &str, shape: &[usize], overwrite: bool) -> Result<Self> {
        if path.exists() && !overwrite {
            return Err(failed(path, "it exists, and --force was not given"));
        }
        let left = shape.iter().product::<usize>();
        let offsets = [0, left * size_of::<f32>()];
        let header =
            serde_json::json!({ name: {"dtype": "F32", "shape": shape, "data_offsets": offsets} });
        let mut header = header.to_string();
        while !header.len().is_multiple_of(8) {
            header.push(' ');
        }
        let mut part = path.as_os_str().to_owned();
        part.push(format!(".{}.part", std::process::id()));
        let part = PathBuf::from(part);
        let file = File::create(&part).map_err(|error| failed(path, error))?;
        let file = Some(BufWriter::new(file));
        let mut writer = Self {
            path: path.to_path_buf(),
            part,
            file,
            left,
        };
        writer.put(&(header.len() as u64).to_le_bytes())?;
        writer.put(header.as_bytes())?;
        Ok(writer)
    }

    /// Adds values of the array.
    ///
    /// # Errors
    /// [`Error::Array`], such as a full disk.
    pub fn write(&mut self, values: impl ExactSizeIterator<Item = f32>) -> Result<()> {
        assert!(
            values.len() <= self.left,
            "more values than the array's shape holds"
        );
        self.left -= values.len();
        values
            .map(f32::to_le_bytes)
            .try_for_each(|bytes| self.put(&bytes))
    }

    /// Moves the whole file into place.
    ///
    /// # Errors
    /// [`Error::Array`], such as a full disk.
    pub fn finish(mut self) -> Result<()> {
        assert_eq!(self.left, 0, "an array is written whole");
        let file = self.file.take().expect("open until here");
        let whole = file.into_inner().map_err(io::IntoInnerError::into_error);
        whole
            .and_then(|file| file.sync_all())
            .and_then(|()| fs::rename(&self.part, &self.path))
            .map_err(|error| failed(&self.path, error))
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        let file = self.file.as_mut().expect("open until finished");
        file.write_all(bytes)
            .map_err(|error| failed(&self.path, error))
    }
}

impl Drop for ArrayWriter {
    fn drop(&mut self) {
        // After a rename there is nothing left to remove.
        let _ = fs::remove_file(&self.part);
    }
}

/// The array that holds latents.
const LATENTS: &str = "latents";

/// Writes latents F32 `[t, h, w, c]` as `[1, c, t, h, w]`, the order of other programs.
///
/// # Errors
/// As [`ArrayWriter::create`] and [`ArrayWriter::finish`].
pub fn save_latents(path: &Path, latents: &Tensor, overwrite: bool) -> Result<()> {
    let [t, h, w, c] = latents.dims();
    let channels_first = latents.permute([3, 0, 1, 2]).reshape(&[1, c, t, h, w]);
    save(path, LATENTS, &channels_first, overwrite)
}

/// Writes an F32 tensor as the array `name`.
///
/// # Errors
/// As [`ArrayWriter::create`] and [`ArrayWriter::finish`].
pub fn save(path: &Path, name: &str, tensor: &Tensor, overwrite: bool) -> Result<()> {
    let mut writer = ArrayWriter::create(path, name, tensor.shape(), overwrite)?;
    writer.write(tensor.as_f32().iter().copied())?;
    writer.finish()
}

/// Reads latents `[1, c, t, h, w]` as `[t, h, w, c]`, which must be `shape`.
///
/// # Errors
/// As [`load`].
pub fn load_latents(path: &Path, shape: [usize; 4]) -> Result<Tensor> {
    let [t, h, w, c] = shape;
    let latents = load(path, LATENTS, &[1, c, t, h, w])?;
    Ok(latents.reshape(&[c, t, h, w]).permute([1, 2, 3, 0]))
}

/// Reads the F32 array `name` of `shape`; it must be finite.
///
/// # Errors
/// [`Error::Array`] when the file or the array is not that.
pub fn load(path: &Path, name: &str, shape: &[usize]) -> Result<Tensor> {
    let bytes = fs::read(path).map_err(|error| failed(path, error))?;
    let file = SafeTensors::deserialize(&bytes)
        .map_err(|error| failed(path, format!("not a safetensors file ({error})")))?;
    let array = file.tensor(name).map_err(|_| {
        failed(
            path,
            format!("holds no array `{name}` but {}", file.names().join(", ")),
        )
    })?;
    if array.dtype() != Dtype::F32 || array.shape() != shape {
        let (dtype, found) = (array.dtype(), array.shape());
        return Err(failed(
            path,
            format!("`{name}` is {dtype:?} {found:?}, this clip needs F32 {shape:?}"),
        ));
    }
    let values: Vec<f32> = array
        .data()
        .as_chunks()
        .0
        .iter()
        .map(|b| f32::from_le_bytes(*b))
        .collect();
    if values.iter().any(|value| !value.is_finite()) {
        return Err(failed(
            path,
            format!("`{name}` holds values that are no numbers"),
        ));
    }
    Ok(Tensor::from_f32(&values, shape))
}

fn failed(path: &Path, reason: impl std::fmt::Display) -> Error {
    Error::Array {
        path: path.to_path_buf(),
        reason: reason.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("kinora-arrays-{}-{name}", std::process::id()))
    }

    #[test]
    fn latents_round_trip_and_wrong_ones_are_refused() {
        let file = path("latents");
        let tensor = Tensor::from_fn(&[2, 1, 3, 2], |i| i as f32 - 2.5);
        save_latents(&file, &tensor, false).unwrap();
        let read = load_latents(&file, [2, 1, 3, 2]).unwrap();
        assert_eq!(read.to_vec(), tensor.to_vec());
        // Channels come first in the file: element 1 of the file is the next frame's or column's.
        let stored = load(&file, LATENTS, &[1, 2, 2, 1, 3]).unwrap();
        assert_eq!(stored.to_vec()[..4], [-2.5, -0.5, 1.5, 3.5]);
        assert!(load_latents(&file, [2, 1, 3, 4]).is_err(), "another shape");
        assert!(
            load(&file, "noise", &[1, 2, 2, 1, 3]).is_err(),
            "another name"
        );
        assert!(
            save_latents(&file, &tensor, false).is_err(),
            "not replaced unasked"
        );
        let holes = Tensor::full(f32::NAN, &[1, 1, 1, 1], kinora_tensor::DType::F32);
        save_latents(&file, &holes, true).unwrap();
        assert!(load_latents(&file, [1, 1, 1, 1]).is_err(), "no numbers");
        fs::write(&file, b"no tensors").unwrap();
        assert!(load_latents(&file, [1, 1, 1, 1]).is_err(), "no safetensors");
        fs::remove_file(&file).unwrap();
    }

    #[test]
    fn an_abandoned_file_leaves_nothing() {
        let file = path("abandoned");
        let mut writer = ArrayWriter::create(&file, "frames", &[2, 3], false).unwrap();
        writer.write([1.0, 2.0, 3.0].into_iter()).unwrap();
        let part = writer.part.clone();
        assert!(part.exists());
        drop(writer);
        assert!(!part.exists() && !file.exists());
    }
}
