//! Walking the boxes of an MP4 file that anyone may have written: every size is checked against its
//! parent's, and nothing is read into memory unless its length was.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use crate::error::{MediaError, Result};

/// Boxes looked at side by side before giving up: bounds the time a hostile file can take.
const MAX_BOXES: usize = 1 << 16;

/// A range of bytes in the file: the content of a box.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(crate) start: u64,
    pub(crate) end: u64,
}

impl Span {
    pub(crate) fn len(self) -> u64 {
        self.end - self.start
    }

    /// The span without its first `bytes`, if it has as many.
    pub(crate) fn skip(self, bytes: u64) -> Option<Self> {
        (self.len() >= bytes).then(|| Self {
            start: self.start + bytes,
            end: self.end,
        })
    }
}

/// The file being read, with its name for errors.
pub(crate) struct Reader<'a, R> {
    pub(crate) input: R,
    pub(crate) path: &'a Path,
}

impl<'a> Reader<'a, BufReader<File>> {
    /// Opens an MP4 file, with the span of all its boxes.
    pub(crate) fn open(path: &'a Path) -> Result<(Self, Span)> {
        let file = File::open(path).map_err(MediaError::io("open", path))?;
        let length = file.metadata().map_err(MediaError::io("read", path))?.len();
        let mut reader = Self {
            input: BufReader::new(file),
            path,
        };
        let root = Span {
            start: 0,
            end: length,
        };
        let first = Boxes::of(root).next(&mut reader)?;
        if first.is_none_or(|(kind, _)| &kind != b"ftyp") {
            return Err(reader.bad("it does not start with an ftyp box"));
        }
        Ok((reader, root))
    }
}

impl<R: Read + Seek> Reader<'_, R> {
    /// The content of the first child of this kind.
    pub(crate) fn find(&mut self, parent: Span, wanted: [u8; 4]) -> Result<Option<Span>> {
        let mut boxes = Boxes::of(parent);
        while let Some((kind, content)) = boxes.next(self)? {
            if kind == wanted {
                return Ok(Some(content));
            }
        }
        Ok(None)
    }

    /// The bytes of `content` behind the first `skip`; empty if there are fewer, or more than
    /// `limit`.
    pub(crate) fn read_after(&mut self, content: Span, skip: u64, limit: usize) -> Result<Vec<u8>> {
        let Some(span) = content.skip(skip).filter(|span| span.len() <= limit as u64) else {
            return Ok(Vec::new());
        };
        let mut bytes = vec![0; span.len() as usize];
        self.read_at(span.start, &mut bytes)?;
        Ok(bytes)
    }

    fn read_at(&mut self, position: u64, bytes: &mut [u8]) -> Result<()> {
        self.input
            .seek(SeekFrom::Start(position))
            .and_then(|_| self.input.read_exact(bytes))
            .map_err(MediaError::io("read", self.path))
    }

    pub(crate) fn bad(&self, reason: &str) -> MediaError {
        MediaError::BadMp4 {
            path: self.path.to_path_buf(),
            reason: reason.to_string(),
        }
    }
}

/// Walks the boxes of one parent.
pub(crate) struct Boxes {
    rest: Span,
    seen: usize,
}

impl Boxes {
    pub(crate) fn of(parent: Span) -> Self {
        Self {
            rest: parent,
            seen: 0,
        }
    }

    /// The next box's kind and content; `None` at the end of the parent.
    pub(crate) fn next<R: Read + Seek>(
        &mut self,
        reader: &mut Reader<'_, R>,
    ) -> Result<Option<([u8; 4], Span)>> {
        let start = self.rest.start;
        // Some writers end a list with a 32-bit zero, which is no box.
        if self.rest.len() < 8 {
            return Ok(None);
        }
        if self.seen == MAX_BOXES {
            return Err(reader.bad("it has too many boxes"));
        }
        let mut header = [0; 16];
        reader.read_at(start, &mut header[..8])?;
        let [a, b, c, d, kind @ ..] = *header.first_chunk::<8>().expect("16 bytes");
        let (header_bytes, size) = match u32::from_be_bytes([a, b, c, d]) {
            0 => (8, self.rest.len()), // to the end of the file
            1 if self.rest.len() >= 16 => {
                reader.read_at(start + 8, &mut header[8..])?;
                (
                    16,
                    u64::from_be_bytes(*header.last_chunk().expect("16 bytes")),
                )
            }
            size => (8, u64::from(size)),
        };
        if size < header_bytes || size > self.rest.len() {
            return Err(reader.bad(&format!("the box at byte {start} has a wrong size")));
        }
        self.rest.start = start + size;
        self.seen += 1;
        Ok(Some((
            kind,
            Span {
                start: start + header_bytes,
                end: start + size,
            },
        )))
    }
}
