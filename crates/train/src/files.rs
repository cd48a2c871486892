//! Files that appear whole or not at all.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};

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
