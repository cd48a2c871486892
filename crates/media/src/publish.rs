//! Files that appear whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{MediaError, Result};
use crate::seal::Seal;

static NEXT: AtomicU64 = AtomicU64::new(0);

/// A file being written beside its target under a temporary name.
///
/// [`PendingFile::publish`] moves it into place; dropped before that, it is removed.
pub(crate) struct PendingFile {
    file: Option<File>,
    temporary: PathBuf,
    target: PathBuf,
    overwrite: bool,
}

impl PendingFile {
    /// Creates the temporary file, and fails early where the target could not be published.
    pub(crate) fn create(target: &Path, overwrite: bool) -> Result<Self> {
        let folder = folder_of(target);
        if target.file_name().is_none() || target.is_dir() {
            let source = io::Error::from(io::ErrorKind::IsADirectory);
            return Err(MediaError::io("create", target)(source));
        }
        // `symlink_metadata` also sees a dangling link, which publishing would run into.
        if !overwrite && fs::symlink_metadata(target).is_ok() {
            return Err(MediaError::AlreadyExists {
                path: target.to_path_buf(),
            });
        }
        loop {
            // The name must not contain the target's: that may already be as long as is allowed.
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let temporary = folder.join(format!(".kinora-{}-{number}.part", process::id()));
            match OpenOptions::new()
                .read(true) // a seal reads what it has written
                .write(true)
                .create_new(true)
                .open(&temporary)
            {
                Ok(file) => {
                    let target = target.to_path_buf();
                    return Ok(Self {
                        file: Some(file),
                        temporary,
                        target,
                        overwrite,
                    });
                }
                // Left by a killed process that had our id, or by one in another container.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(MediaError::io("create", target)(error)),
            }
        }
    }

    /// Where the file will appear.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// Appends `bytes`.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let file = self.file.as_mut().expect("open until published");
        file.write_all(bytes)
            .map_err(MediaError::io("write", &self.target))
    }

    /// Passes what was written on through a seal, into another file for the same target.
    pub(crate) fn sealed(mut self, seal: &dyn Seal) -> Result<Self> {
        self.file = None; // closed, so that the seal reads all of it
        let mut sealed = Self::create(&self.target, self.overwrite)?;
        let file = sealed.file.as_mut().expect("open until published");
        seal.seal(&self.temporary, file)
            .map_err(|source| MediaError::Seal {
                path: self.target.clone(),
                source,
            })?;
        Ok(sealed)
    }

    /// How many bytes were written.
    pub(crate) fn bytes(&self) -> Result<u64> {
        let file = self.file.as_ref().expect("open until published");
        let about = file
            .metadata()
            .map_err(MediaError::io("read", &self.target))?;
        Ok(about.len())
    }

    /// Brings the bytes to the disk, then makes the file appear under its name.
    ///
    /// Without `overwrite` nothing is ever replaced, not even a file created since.
    pub(crate) fn publish(mut self) -> Result<PathBuf> {
        let file = self.file.take().expect("open until published");
        file.sync_all()
            .map_err(MediaError::io("write", &self.target))?;
        drop(file);
        if self.overwrite {
            self.replace()?;
        } else {
            self.link()?;
        }
        sync_folder(folder_of(&self.target));
        Ok(self.target.clone())
    }

    fn replace(&self) -> Result<()> {
        fs::rename(&self.temporary, &self.target).map_err(MediaError::io("rename", &self.target))
    }

    /// A hard link fails if the name is taken, which a rename does not.
    fn link(&self) -> Result<()> {
        match fs::hard_link(&self.temporary, &self.target) {
            Ok(()) => Ok(()), // the temporary name goes when `self` is dropped
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => self.taken(),
            // No hard links here (FAT, some network folders): claim the name, then replace
            // our own empty file.
            Err(_) => match OpenOptions::new()
                .write(true)
                .create_new(true)
                .open(&self.target)
            {
                Ok(_) => self.replace().inspect_err(|_| {
                    let _ = fs::remove_file(&self.target);
                }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => self.taken(),
                Err(error) => Err(MediaError::io("create", &self.target)(error)),
            },
        }
    }

    fn taken(&self) -> Result<()> {
        Err(MediaError::AlreadyExists {
            path: self.target.clone(),
        })
    }
}

impl Drop for PendingFile {
    fn drop(&mut self) {
        self.file = None; // Windows removes closed files only
        let _ = fs::remove_file(&self.temporary);
    }
}

/// Writes `bytes` as the whole content of `target`.
pub(crate) fn write_file(target: &Path, overwrite: bool, bytes: &[u8]) -> Result<()> {
    let mut file = PendingFile::create(target, overwrite)?;
    file.write(bytes)?;
    file.publish().map(drop)
}

fn folder_of(target: &Path) -> &Path {
    match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Makes the new name survive a power cut. Not every system can; the file is whole either way.
fn sync_folder(folder: &Path) {
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
}
