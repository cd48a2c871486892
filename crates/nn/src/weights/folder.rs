//! The folder of one component of a published model: one file of weights, or shards and an index.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use serde::Deserialize;

use super::{WeightFile, WeightsError};

/// The names that diffusers and transformers give to weights.
const STEMS: [&str; 2] = ["diffusion_pytorch_model", "model"];

/// `*.safetensors.index.json`: the shard of each tensor.
#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

impl WeightFile {
    /// Opens the weights of a component's folder, as diffusers' and transformers'
    /// `save_pretrained` write it: `diffusion_pytorch_model.safetensors` or `model.safetensors`,
    /// or shards and `NAME.safetensors.index.json`, which lists them.
    ///
    /// # Errors
    /// When the folder holds no such file, the index names a file outside of the folder, a shard
    /// lacks a tensor that the index promises, or as [`WeightFile::open_all`].
    pub fn open_folder(folder: &Path) -> Result<Self, WeightsError> {
        let mut sought = Vec::new();
        for stem in STEMS {
            let (file, index) = (
                format!("{stem}.safetensors"),
                format!("{stem}.safetensors.index.json"),
            );
            if folder.join(&file).exists() {
                return Self::open(&folder.join(file));
            }
            if folder.join(&index).exists() {
                return open_shards(folder, &folder.join(index));
            }
            sought.extend([file, index]);
        }
        Err(WeightsError::Folder {
            folder: folder.display().to_string(),
            sought,
        })
    }

    /// Opens one part of a model of ours, such as its codec: the file of its name in `folder`, or its shards.
    ///
    /// # Errors
    /// When there is none, or as [`WeightFile::open_all`].
    pub fn open_part(folder: &Path, part: &str) -> Result<Self, WeightsError> {
        let names = fs::read_dir(folder).into_iter().flatten().flatten();
        let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let mut files: Vec<String> = names.filter(|name| is_file_of(part, name)).collect();
        if files.is_empty() {
            return Err(WeightsError::Folder {
                folder: folder.display().to_string(),
                sought: vec![format!("{part}.safetensors")],
            });
        }
        files.sort_unstable();
        let paths: Vec<PathBuf> = files.iter().map(|file| folder.join(file)).collect();
        Self::open_all(&paths)
    }
}

/// Whether a file of a model's folder holds weights of `part`: `PART.safetensors`, or one of the shards
/// `PART-00001-of-00002.safetensors`.
pub fn is_file_of(part: &str, name: &str) -> bool {
    let shard = |rest: &str| {
        let numbers = rest.strip_prefix('-')?.split_once("-of-")?;
        let number = |text: &str| text.len() == 5 && text.bytes().all(|b| b.is_ascii_digit());
        Some(number(numbers.0) && number(numbers.1))
    };
    let rest = name.strip_prefix(part);
    let rest = rest.and_then(|rest| rest.strip_suffix(".safetensors"));
    rest.is_some_and(|rest| rest.is_empty() || shard(rest) == Some(true))
}

fn open_shards(folder: &Path, index: &Path) -> Result<WeightFile, WeightsError> {
    let file = || index.display().to_string();
    let wrong = |reason| WeightsError::Format {
        file: file(),
        format: "shard index",
        reason,
    };
    let text = fs::read(index).map_err(|source| WeightsError::Open {
        file: file(),
        source,
    })?;
    let Index { weight_map } =
        serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
    let shards: BTreeSet<&String> = weight_map.values().collect();
    if shards.is_empty() {
        return Err(wrong("it names no shard".to_owned()));
    }
    if let Some(shard) = shards.iter().find(|shard| !is_file_name(shard)) {
        return Err(wrong(format!(
            "the shard `{shard}` is not a file of its folder"
        )));
    }
    let paths: Vec<PathBuf> = shards.iter().map(|shard| folder.join(shard)).collect();
    let weights = WeightFile::open_all(&paths)?;
    weights.check_index(&weight_map)?;
    Ok(weights)
}

/// Whether a name is one plain segment of a path.
fn is_file_name(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    let plain = matches!(parts.next(), Some(Component::Normal(_))) && parts.next().is_none();
    plain && !name.contains(['/', '\\'])
}

#[cfg(test)]
mod tests {
    use kinora_tensor::Precision;
    use safetensors::tensor::{Dtype, TensorView};

    use super::*;

    fn write(folder: &Path, file: &str, tensor: &str) {
        let data = 1.0_f32.to_le_bytes();
        let view = TensorView::new(Dtype::F32, vec![1], &data).unwrap();
        let bytes = safetensors::serialize([(tensor, view)], None).unwrap();
        fs::write(folder.join(file), bytes).unwrap();
    }

    /// A folder of two shards and an index of `weight_map`.
    fn shards(weight_map: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "model-00001-of-00002.safetensors", "a");
        write(folder.path(), "model-00002-of-00002.safetensors", "b");
        let index = format!(r#"{{"metadata": {{}}, "weight_map": {weight_map}}}"#);
        fs::write(folder.path().join("model.safetensors.index.json"), index).unwrap();
        folder
    }

    fn check(weight_map: &str, message: &str) {
        let folder = shards(weight_map);
        let error = WeightFile::open_folder(folder.path())
            .err()
            .unwrap()
            .to_string();
        let place = folder.path().display().to_string();
        assert_eq!(error.replace(&place, "FOLDER"), message);
    }

    #[test]
    fn a_part_is_a_file_or_its_shards() {
        for (name, is) in [
            ("codec.safetensors", true),
            ("codec-00001-of-00002.safetensors", true),
            ("codec-2.safetensors", false),
            ("codec-00001-of-../x.safetensors", false),
            ("codecs.safetensors", false),
            ("text.safetensors", false),
        ] {
            assert_eq!(is_file_of("codec", name), is, "{name}");
        }
        let folder = shards("{}");
        let file = WeightFile::open_part(folder.path(), "model").unwrap();
        assert_eq!(file.names().collect::<Vec<_>>(), ["a", "b"]);
        let error = WeightFile::open_part(folder.path(), "codec").err().unwrap();
        assert!(error.to_string().contains("codec.safetensors"), "{error}");
    }

    #[test]
    fn shards_are_one_model() {
        let folder = shards(
            r#"{"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}"#,
        );
        let file = WeightFile::open_folder(folder.path()).unwrap();
        for name in ["a", "b"] {
            assert!(file.weights(Precision::F32).tensor(name, [1]).is_ok());
        }
        file.finish().unwrap();
        write(folder.path(), "model.safetensors", "c");
        let file = WeightFile::open_folder(folder.path()).unwrap();
        assert_eq!(file.names().collect::<Vec<_>>(), ["c"]);
    }

    #[test]
    fn an_index_that_lies_is_refused() {
        check(
            r#"{"a": "../x.safetensors"}"#,
            "FOLDER/model.safetensors.index.json: not a whole shard index file: \
             the shard `../x.safetensors` is not a file of its folder",
        );
        check(
            r#"{"a": "/x.safetensors"}"#,
            "FOLDER/model.safetensors.index.json: not a whole shard index file: \
             the shard `/x.safetensors` is not a file of its folder",
        );
        check(
            "{}",
            "FOLDER/model.safetensors.index.json: not a whole shard index file: \
             it names no shard",
        );
        check(
            r#"{"a": "model-00003.safetensors"}"#,
            "FOLDER/model-00003.safetensors: cannot be read",
        );
        check(
            r#"{"a": "model-00001-of-00002.safetensors", "ab": "model-00001-of-00002.safetensors"}"#,
            "FOLDER/model-00001-of-00002.safetensors: no tensor `ab`, the nearest is `a`",
        );
    }

    #[test]
    fn two_shards_never_hold_one_tensor() {
        let folder = shards("{}");
        let path = |n| {
            folder
                .path()
                .join(format!("model-0000{n}-of-00002.safetensors"))
        };
        let error = WeightFile::open_all(&[path(1), path(1)]).err().unwrap();
        assert!(matches!(error, WeightsError::Twice { tensor, .. } if tensor == "a"));
        assert!(WeightFile::open_all(&[path(1), path(2)]).is_ok());
    }

    #[test]
    fn a_folder_without_weights_says_what_was_sought() {
        let folder = tempfile::tempdir().unwrap();
        let error = WeightFile::open_folder(folder.path())
            .err()
            .unwrap()
            .to_string();
        assert!(
            error.contains("no weights") && error.contains("model.safetensors"),
            "{error}"
        );
    }
}
