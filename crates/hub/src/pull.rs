//! A model's download: planned, so that its size and licence can be shown first, then run.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use crate::download::{Download, Phase, Progress, digest, part_of};
use crate::install::{InstalledFile, installed_variant};
use crate::{Hub, HubError, Installed, RemoteFile, Variant, glob};

/// A download that is ready to run.
pub struct Pull {
    variant: &'static Variant,
    files: Vec<RemoteFile>,
    folder: PathBuf,
    /// What an earlier pull of the same model installed.
    before: Option<Installed>,
}

impl Pull {
    /// Asks the hub which files a model has and how large they are.
    ///
    /// # Errors
    /// When the hub refuses or cannot be reached, or has no file where the model needs one.
    pub fn plan(hub: &Hub, variant: &'static Variant, models: &Path) -> Result<Self, HubError> {
        let all = hub.list(variant.repo, variant.revision)?;
        for pattern in variant.files {
            if !all.iter().any(|file| glob::matches(pattern, &file.path)) {
                return Err(HubError::NoFile {
                    repo: variant.repo.to_owned(),
                    pattern: (*pattern).to_owned(),
                });
            }
        }
        let wanted = |file: &RemoteFile| {
            let mut patterns = variant.files.iter();
            patterns.any(|pattern| glob::matches(pattern, &file.path))
        };
        Ok(Self {
            variant,
            files: all.into_iter().filter(wanted).collect(),
            folder: models.join(variant.name),
            before: installed_variant(models, variant),
        })
    }

    /// The model.
    pub fn variant(&self) -> &'static Variant {
        self.variant
    }

    /// Its files.
    pub fn files(&self) -> &[RemoteFile] {
        &self.files
    }

    /// Where it will lie.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The bytes of all files.
    pub fn bytes(&self) -> u64 {
        let sizes = self.files.iter().map(|file| file.size);
        sizes.fold(0, u64::saturating_add)
    }

    /// The bytes that have yet to come.
    pub fn bytes_left(&self) -> u64 {
        let left = self.files.iter().map(|file| {
            let path = self.folder.join(&file.path);
            let there = length(&path).filter(|&length| length == file.size);
            file.size
                - there
                    .or_else(|| length(&part_of(&path)))
                    .unwrap_or(0)
                    .min(file.size)
        });
        left.fold(0, u64::saturating_add)
    }

    /// Downloads what is missing, and says at last that the model is whole.
    ///
    /// `on_progress` is called about every MiB and while waiting; when it breaks, the download
    /// stops and what came is kept.
    ///
    /// # Errors
    /// When the hub refuses, the connection breaks too often, a digest is wrong, the disk is full,
    /// or `on_progress` breaks.
    pub fn run(
        &self,
        hub: &Hub,
        mut on_progress: impl FnMut(&Progress) -> ControlFlow<()>,
    ) -> Result<Installed, HubError> {
        let (mut before, size) = (0, self.bytes());
        let mut files = Vec::new();
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
            files.push(self.file(hub, file, &mut report)?);
            before = u64::saturating_add(before, file.size);
        }
        let installed = Installed {
            name: self.variant.name.to_owned(),
            repo: self.variant.repo.to_owned(),
            revision: self.variant.revision.to_owned(),
            licence: self.variant.licence.name.to_owned(),
            licence_url: self.variant.licence.url.to_owned(),
            files,
            folder: self.folder.clone(),
        };
        installed.write()?;
        Ok(installed)
    }

    /// One file: kept if it is the hub's, else downloaded.
    fn file(
        &self,
        hub: &Hub,
        file: &RemoteFile,
        report: &mut dyn FnMut(Phase, u64) -> ControlFlow<()>,
    ) -> Result<InstalledFile, HubError> {
        let path = self.folder.join(&file.path);
        if let Some(known) = self.known(file) {
            return Ok(known.clone());
        }
        if length(&path) == Some(file.size) && file.sha256.is_some() {
            let found = digest(&path, report)?;
            if file.sha256.as_ref() == Some(&found) {
                return Ok(installed_file(file, found));
            }
        }
        let url = hub.address(self.variant.repo, self.variant.revision, &file.path);
        let download = Download {
            hub,
            url,
            file,
            path,
        };
        let found = download.run(report)?;
        Ok(installed_file(file, found))
    }

    /// The file as an earlier pull installed it, if the hub still lists that one.
    fn known(&self, file: &RemoteFile) -> Option<&InstalledFile> {
        let known = self.before.as_ref()?.files.iter();
        let known = known.filter(|known| known.path == file.path && known.size == file.size);
        let mut same = known.filter(|known| file.sha256.as_ref() == Some(&known.sha256));
        same.next()
    }
}

fn installed_file(file: &RemoteFile, sha256: String) -> InstalledFile {
    InstalledFile {
        path: file.path.clone(),
        size: file.size,
        sha256,
    }
}

fn length(path: &Path) -> Option<u64> {
    fs::metadata(path).ok().map(|found| found.len())
}
