//! The bytes of a weight file: embedded, in memory, or mapped.

use std::fs::File;
use std::ops::Range;
use std::path::Path;

use memmap2::Mmap;

use super::WeightsError;

/// A file's bytes.
pub(super) enum Bytes {
    Static(&'static [u8]),
    Owned(Vec<u8>),
    Mapped(Mmap),
    /// There are none: see [`super::WeightFile::shapes_only`].
    Absent,
}

impl Bytes {
    /// Maps the file at `path`.
    #[expect(
        unsafe_code,
        reason = "a mapping changes when another process writes the file"
    )]
    pub(super) fn map(path: &Path) -> Result<Self, WeightsError> {
        let failed = |source| WeightsError::Open {
            file: path.display().to_string(),
            source,
        };
        let file = File::open(path).map_err(failed)?;
        // SAFETY: weight files are written once and renamed into place; one that another process
        // cuts short while it is read ends this process with SIGBUS, it does not corrupt it.
        let map = unsafe { Mmap::map(&file) }.map_err(failed)?;
        Ok(Self::Mapped(map))
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Static(bytes) => bytes,
            Self::Owned(bytes) => bytes,
            Self::Mapped(map) => map,
            Self::Absent => &[],
        }
    }

    /// Whether all elements are zero, as in a file of shapes alone.
    pub(super) fn are_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// Tells the system that `range` was read and will not be soon again. Without it every page of
    /// a mapped file stays in the process's resident memory beside the weights made from it.
    #[cfg_attr(
        unix,
        expect(unsafe_code, reason = "memmap2 cannot know what kind of mapping it is")
    )]
    pub(super) fn release(&self, range: Range<usize>) {
        #[cfg(unix)]
        if let Self::Mapped(map) = self
            && range.len() >= RELEASED_BYTES
        {
            let advice = memmap2::UncheckedAdvice::DontNeed;
            // SAFETY: the mapping is of a file and never written, so a dropped page is read from
            // the file again, with the same content. Advice that fails changes nothing.
            let _ = unsafe { map.unchecked_advise_range(advice, range.start, range.len()) };
        }
        #[cfg(not(unix))]
        let _ = range;
    }
}

/// Smaller tensors share their pages with neighbours that are read next.
#[cfg(unix)]
const RELEASED_BYTES: usize = 1 << 20;
