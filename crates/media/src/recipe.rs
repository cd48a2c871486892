//! Reading the recipe back from a file that anyone may have written.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use crate::error::{MediaError, Result};
use crate::settings::MAX_RECIPE_BYTES;
use crate::tags::{RECIPE_DOMAIN, RECIPE_NAME, UTF8};

/// Boxes looked at side by side before giving up: bounds the time a hostile file can take.
const MAX_BOXES: usize = 1 << 16;

/// Reads the recipe that [`Tags::recipe`](crate::Tags::recipe) stored in an MP4 file.
///
/// Safe on untrusted files: every size is checked against its parent's, only the recipe itself is
/// held in memory, and it is at most [`MAX_RECIPE_BYTES`] long.
///
/// # Errors
/// [`MediaError::Io`] if the file cannot be read, [`MediaError::BadMp4`] if it is no MP4 file or
/// a damaged one, [`MediaError::NoRecipe`] if it carries none.
pub fn read_recipe(path: impl AsRef<Path>) -> Result<String> {
    let path = path.as_ref();
    let file = File::open(path).map_err(MediaError::io("open", path))?;
    let length = file.metadata().map_err(MediaError::io("read", path))?.len();
    let mut reader = Reader {
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
    let mut span = root;
    for kind in [*b"moov", *b"udta", *b"meta"] {
        span = reader.find(span, kind)?.ok_or_else(|| reader.none())?;
    }
    span = span
        .skip(4)
        .ok_or_else(|| reader.bad("its meta box is too short"))?;
    span = reader.find(span, *b"ilst")?.ok_or_else(|| reader.none())?;

    let mut items = Boxes::of(span);
    while let Some((kind, item)) = items.next(&mut reader)? {
        if &kind == b"----"
            && let Some(recipe) = reader.recipe(item)?
        {
            return Ok(recipe);
        }
    }
    Err(reader.none())
}

/// A range of bytes in the file: the content of a box.
#[derive(Debug, Clone, Copy)]
struct Span {
    start: u64,
    end: u64,
}

impl Span {
    fn len(self) -> u64 {
        self.end - self.start
    }

    /// The span without its first `bytes`, if it has as many.
    fn skip(self, bytes: u64) -> Option<Self> {
        (self.len() >= bytes).then(|| Self {
            start: self.start + bytes,
            end: self.end,
        })
    }
}

struct Reader<'a, R> {
    input: R,
    path: &'a Path,
}

impl<R: Read + Seek> Reader<'_, R> {
    /// The content of the first child of this kind.
    fn find(&mut self, parent: Span, wanted: [u8; 4]) -> Result<Option<Span>> {
        let mut boxes = Boxes::of(parent);
        while let Some((kind, content)) = boxes.next(self)? {
            if kind == wanted {
                return Ok(Some(content));
            }
        }
        Ok(None)
    }

    /// The text of a freeform item, if the item is the recipe.
    fn recipe(&mut self, item: Span) -> Result<Option<String>> {
        let mut domain = Vec::new();
        let mut name = Vec::new();
        let mut text = None;
        let mut parts = Boxes::of(item);
        while let Some((kind, content)) = parts.next(self)? {
            match &kind {
                b"mean" => domain = self.read_after(content, 4, RECIPE_DOMAIN.len())?,
                b"name" => name = self.read_after(content, 4, RECIPE_NAME.len())?,
                b"data" => text = Some(content),
                _ => {}
            }
        }
        let Some(text) = text.filter(|_| domain == RECIPE_DOMAIN && name == RECIPE_NAME) else {
            return Ok(None);
        };
        let indicator = self.read_after(
            Span {
                end: text.end.min(text.start + 4),
                ..text
            },
            0,
            4,
        )?;
        if indicator != UTF8.to_be_bytes() || text.len() < 8 {
            return Err(self.bad("its recipe is not text"));
        }
        if text.len() - 8 > MAX_RECIPE_BYTES as u64 {
            return Err(self.bad("its recipe is too long"));
        }
        let bytes = self.read_after(text, 8, MAX_RECIPE_BYTES)?;
        String::from_utf8(bytes)
            .map(Some)
            .map_err(|_| self.bad("its recipe is not UTF-8"))
    }

    /// The bytes of `content` behind the first `skip`; empty if there are fewer, or more than
    /// `limit`.
    fn read_after(&mut self, content: Span, skip: u64, limit: usize) -> Result<Vec<u8>> {
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

    fn bad(&self, reason: &str) -> MediaError {
        MediaError::BadMp4 {
            path: self.path.to_path_buf(),
            reason: reason.to_string(),
        }
    }

    fn none(&self) -> MediaError {
        MediaError::NoRecipe {
            path: self.path.to_path_buf(),
        }
    }
}

/// Walks the boxes of one parent.
struct Boxes {
    rest: Span,
    seen: usize,
}

impl Boxes {
    fn of(parent: Span) -> Self {
        Self {
            rest: parent,
            seen: 0,
        }
    }

    /// The next box's kind and content; `None` at the end of the parent.
    fn next<R: Read + Seek>(
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Tags;
    use crate::tags;
    use shiguredo_mp4::Encode;

    /// A file of `ftyp`, an unrelated box and `moov` with the tags.
    fn file(recipe: Option<&str>) -> Vec<u8> {
        let tags = Tags {
            title: Some("Harbour".into()),
            recipe: recipe.map(String::from),
            ..Tags::default()
        };
        let moov = [
            boxed(*b"mvhd", &[7; 100]),
            tags::user_data(&tags).encode_to_vec().unwrap(),
        ];
        [
            boxed(*b"ftyp", b"isom"),
            boxed(*b"free", &[]),
            boxed(*b"moov", &moov.concat()),
        ]
        .concat()
    }

    fn boxed(kind: [u8; 4], payload: &[u8]) -> Vec<u8> {
        [
            &(8 + payload.len() as u32).to_be_bytes()[..],
            &kind,
            payload,
        ]
        .concat()
    }

    fn read(bytes: &[u8]) -> Result<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clip.mp4");
        std::fs::write(&path, bytes).unwrap();
        read_recipe(&path)
    }

    #[test]
    fn finds_the_recipe_and_says_when_there_is_none() {
        assert_eq!(read(&file(Some("{\"seed\":1}"))).unwrap(), "{\"seed\":1}");
        assert!(matches!(
            read(&file(None)),
            Err(MediaError::NoRecipe { .. })
        ));
        assert!(matches!(
            read(b"\x89PNG\r\n\x1a\nrest"),
            Err(MediaError::BadMp4 { .. })
        ));
        assert!(matches!(read(b""), Err(MediaError::BadMp4 { .. })));
    }

    #[test]
    fn damaged_files_are_errors_and_never_panics() {
        let whole = file(Some("{\"prompt\":\"a red boat\"}"));
        for length in 0..whole.len() {
            assert!(
                read(&whole[..length]).is_err(),
                "{length} of {} bytes",
                whole.len()
            );
        }
        for position in 0..whole.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut damaged = whole.clone();
                damaged[position] = value;
                let _ = read(&damaged); // may still be readable; must return
            }
        }
    }

    #[test]
    fn a_giant_declared_size_is_refused_before_memory_is_taken() {
        let mut large = file(Some(&"x".repeat(100)));
        let at = large.windows(4).rposition(|kind| kind == b"data").unwrap() - 4;
        large[at..at + 4].copy_from_slice(&u32::MAX.to_be_bytes());
        assert!(matches!(read(&large), Err(MediaError::BadMp4 { .. })));
    }
}
