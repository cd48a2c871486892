//! Text states on disk: the text encoder is the largest part of many models, and a prompt that was
//! encoded once need not be encoded again.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use kinora_tensor::Tensor;

use super::fingerprint::Fingerprint;
use crate::arrays;

/// Folder of the cache in place of the user's own; empty: nothing is kept.
pub const CACHE_VARIABLE: &str = "KINORA_CACHE";
/// How many prompts are kept; the oldest go first.
const MOST_PROMPTS: usize = 64;
/// The array in a file.
const STATES: &str = "states";

/// The cache. What it cannot read or write it forgets: it only saves time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Embeddings {
    folder: Option<PathBuf>,
}

impl Embeddings {
    /// The user's cache.
    pub(crate) fn of_user() -> Self {
        Self {
            folder: user_folder().map(|folder| folder.join("embeddings")),
        }
    }

    /// A cache in `folder`; without one nothing is kept.
    pub(crate) fn at(folder: Option<PathBuf>) -> Self {
        Self { folder }
    }

    /// The states `[rows, width]` of what `print` identifies, computed when they are not known.
    pub(crate) fn get<E>(
        &self,
        print: Fingerprint,
        [rows, width]: [usize; 2],
        compute: impl FnOnce() -> Result<Tensor, E>,
    ) -> Result<Tensor, E> {
        let name = format!("{}.safetensors", print.finish());
        let Some(folder) = &self.folder else {
            return compute();
        };
        let file = folder.join(name);
        if let Ok(states) = arrays::load(&file, STATES, &[rows, width]) {
            return Ok(states);
        }
        let states = compute()?;
        if fs::create_dir_all(folder).is_ok() && arrays::save(&file, STATES, &states, true).is_ok()
        {
            prune(folder);
        }
        Ok(states)
    }
}

/// Removes the oldest files beyond [`MOST_PROMPTS`].
fn prune(folder: &Path) {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<(SystemTime, PathBuf)> = files
        .filter_map(|file| Some((file.metadata().ok()?.modified().ok()?, file.path())))
        .collect();
    files.sort_unstable();
    for (_, file) in files.iter().rev().skip(MOST_PROMPTS) {
        // Another process may have removed it already.
        let _ = fs::remove_file(file);
    }
}

/// Where the platform keeps what can be made again.
fn user_folder() -> Option<PathBuf> {
    let variable = |name| env::var_os(name).map(PathBuf::from);
    if let Some(folder) = variable(CACHE_VARIABLE) {
        return Some(folder).filter(|folder| !folder.as_os_str().is_empty());
    }
    let folder = if cfg!(windows) {
        variable("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        variable("HOME").map(|home| home.join("Library/Caches"))
    } else {
        let own = variable("XDG_CACHE_HOME").filter(|folder| folder.is_absolute());
        own.or_else(|| variable("HOME").map(|home| home.join(".cache")))
    };
    folder.map(|folder| folder.join("kinora"))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn print(text: &str) -> Fingerprint {
        let mut print = Fingerprint::default();
        print.text(text);
        print
    }

    fn states(value: f32) -> Tensor {
        Tensor::full(value, &[2, 3], kinora_tensor::DType::F32)
    }

    #[test]
    fn a_prompt_is_encoded_once_and_a_damaged_file_is_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Embeddings::at(Some(folder.path().to_path_buf()));
        let get = |text: &str, value: f32| {
            let computed = || Ok::<_, Infallible>(states(value));
            cache.get(print(text), [2, 3], computed).unwrap().to_vec()[0] as i32
        };
        assert_eq!((get("a", 1.0), get("a", 2.0), get("b", 3.0)), (1, 1, 3));
        for file in fs::read_dir(folder.path()).unwrap() {
            fs::write(file.unwrap().path(), b"no tensors").unwrap();
        }
        assert_eq!(get("a", 4.0), 4);
    }

    #[test]
    fn the_cache_does_not_grow_without_end() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Embeddings::at(Some(folder.path().to_path_buf()));
        for i in 0..MOST_PROMPTS + 3 {
            let computed = || Ok::<_, Infallible>(states(0.0));
            let _ = cache.get(print(&i.to_string()), [2, 3], computed).unwrap();
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), MOST_PROMPTS);
    }
}
