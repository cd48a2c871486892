//! Files that are here because somebody needs them as files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempPath;

/// Age at which what a killed process fetched is nobody's any more.
const OLD: Duration = Duration::from_hours(24);

/// A file of this machine.
#[derive(Debug)]
pub enum LocalFile {
    /// It stays.
    Kept(PathBuf),
    /// It was fetched, and goes with this value.
    Fetched(TempPath),
}

impl LocalFile {
    /// Where it is.
    pub fn path(&self) -> &Path {
        match self {
            Self::Kept(path) => path,
            Self::Fetched(path) => path,
        }
    }
}

/// Removes what killed processes fetched into a folder. Others may use it, and what is theirs is young.
pub fn sweep(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let age = entry.metadata()?.modified()?.elapsed();
        if age.is_ok_and(|age| age > OLD) {
            let _ = fs::remove_file(entry.path()); // another process was faster
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn only_what_is_old_is_swept() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let [old, young] = ["old", "young"].map(|name| folder.path().join(name));
        for path in [&old, &young] {
            fs::write(path, "film").expect("a file");
        }
        let file = File::options().append(true).open(&old).expect("the file");
        file.set_modified(SystemTime::now() - 2 * OLD)
            .expect("a time");
        sweep(folder.path()).expect("a folder");
        assert!(!old.exists() && young.exists());
    }
}
