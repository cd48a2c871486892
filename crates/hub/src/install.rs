//! Where models lie, and what says that one is whole.
//!
//! A model is a folder of the models' folder, named as it is pulled. `kinora-model.json` in it is
//! written last: a folder without one is a download that did not end.

use std::env;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::download::{self, Phase, Progress};
use crate::{HubError, Variant};

/// What says that a folder is whole.
const MANIFEST: &str = "kinora-model.json";

/// A model that is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installed {
    /// The name that it was pulled by.
    pub name: String,
    /// The repository it came from.
    pub repo: String,
    /// The branch or commit.
    pub revision: String,
    /// The name of its licence.
    pub licence: String,
    /// Where the licence's text stands.
    pub licence_url: String,
    /// Its files.
    pub files: Vec<InstalledFile>,
    /// Where it lies.
    #[serde(skip)]
    pub folder: PathBuf,
}

/// A file of an installed model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstalledFile {
    /// Its path in the folder, `/` between folders.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// The digest of what was received.
    pub sha256: String,
}

/// The folder of all models: `KINORA_MODELS`, else `kinora/models` where the platform keeps an
/// application's data.
///
/// # Errors
/// When there is no home folder either.
pub fn models_dir() -> Result<PathBuf, HubError> {
    let variable = |name| {
        env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    if let Some(folder) = variable("KINORA_MODELS") {
        return Ok(folder);
    }
    let data = if cfg!(windows) {
        variable("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        variable("HOME").map(|home| home.join("Library/Application Support"))
    } else {
        variable("XDG_DATA_HOME").or_else(|| variable("HOME").map(|home| home.join(".local/share")))
    };
    let data = data.ok_or(HubError::NoFolder)?;
    Ok(data.join("kinora").join("models"))
}

/// All models whose download was completed, by name. A folder that does not exist has none.
pub fn installed(models: &Path) -> Vec<Installed> {
    let folders = fs::read_dir(models).into_iter().flatten().flatten();
    let mut found: Vec<Installed> = folders
        .filter_map(|folder| Installed::read(&folder.path()))
        .collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

/// The model of a variant, if its download was completed.
pub fn installed_variant(models: &Path, variant: &Variant) -> Option<Installed> {
    Installed::read(&models.join(variant.name))
}

impl Installed {
    /// The bytes of all its files.
    pub fn bytes(&self) -> u64 {
        let sizes = self.files.iter().map(|file| file.size);
        sizes.fold(0, u64::saturating_add)
    }

    /// Reads every file and compares its digest with the one that was installed.
    ///
    /// # Errors
    /// When one is damaged or missing, or `on_progress` breaks.
    pub fn verify(
        &self,
        mut on_progress: impl FnMut(&Progress) -> ControlFlow<()>,
    ) -> Result<(), HubError> {
        let (mut before, size) = (0, self.bytes());
        for file in &self.files {
            let mut report = |phase: Phase, bytes: u64| {
                on_progress(&Progress {
                    phase,
                    file: &file.path,
                    file_bytes: bytes,
                    file_size: file.size,
                    bytes: u64::saturating_add(before, bytes),
                    size,
                })
            };
            let path = self.folder.join(&file.path);
            let found = download::digest(&path, &mut report)?;
            if found != file.sha256 {
                let reason = format!("its SHA-256 is {found}, installed was {}", file.sha256);
                return Err(HubError::Damaged { path, reason });
            }
            before = u64::saturating_add(before, file.size);
        }
        Ok(())
    }

    /// The model of a folder whose manifest can be read and whose files are all there.
    fn read(folder: &Path) -> Option<Self> {
        let text = fs::read(folder.join(MANIFEST)).ok()?;
        let manifest: Self = serde_json::from_slice(&text).ok()?;
        let there = |file: &InstalledFile| {
            let found = fs::metadata(folder.join(&file.path));
            found.is_ok_and(|found| found.len() == file.size)
        };
        manifest.files.iter().all(there).then(|| Self {
            folder: folder.to_owned(),
            ..manifest
        })
    }

    /// Writes the manifest: the last step of a download.
    pub(crate) fn write(&self) -> Result<(), HubError> {
        let path = self.folder.join(MANIFEST);
        let part = download::part_of(&path);
        let text = serde_json::to_vec_pretty(self).expect("plain data is JSON");
        fs::write(&part, text).map_err(|source| download::io(&part, source))?;
        fs::rename(&part, &path).map_err(|source| download::io(&path, source))
    }
}
