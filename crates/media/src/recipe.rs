//! Reading the recipe back from a file that anyone may have written.

use std::io::{Read, Seek};
use std::path::Path;

use crate::boxes::{Boxes, Reader, Span};
use crate::error::{MediaError, Result};
use crate::settings::MAX_RECIPE_BYTES;
use crate::tags::{RECIPE_DOMAIN, RECIPE_NAME, UTF8};

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
    let (mut reader, root) = Reader::open(path)?;
    let mut span = root;
    for kind in [*b"moov", *b"udta", *b"meta"] {
        span = reader.find(span, kind)?.ok_or_else(|| none(path))?;
    }
    span = span
        .skip(4)
        .ok_or_else(|| reader.bad("its meta box is too short"))?;
    span = reader.find(span, *b"ilst")?.ok_or_else(|| none(path))?;

    let mut items = Boxes::of(span);
    while let Some((kind, item)) = items.next(&mut reader)? {
        if &kind == b"----"
            && let Some(recipe) = recipe_of(&mut reader, item)?
        {
            return Ok(recipe);
        }
    }
    Err(none(path))
}

/// The text of a freeform item, if the item is the recipe.
fn recipe_of<R: Read + Seek>(reader: &mut Reader<'_, R>, item: Span) -> Result<Option<String>> {
    let mut domain = Vec::new();
    let mut name = Vec::new();
    let mut text = None;
    let mut parts = Boxes::of(item);
    while let Some((kind, content)) = parts.next(reader)? {
        match &kind {
            b"mean" => domain = reader.read_after(content, 4, RECIPE_DOMAIN.len())?,
            b"name" => name = reader.read_after(content, 4, RECIPE_NAME.len())?,
            b"data" => text = Some(content),
            _ => {}
        }
    }
    let Some(text) = text.filter(|_| domain == RECIPE_DOMAIN && name == RECIPE_NAME) else {
        return Ok(None);
    };
    let indicator = reader.read_after(
        Span {
            end: text.end.min(text.start + 4),
            ..text
        },
        0,
        4,
    )?;
    if indicator != UTF8.to_be_bytes() || text.len() < 8 {
        return Err(reader.bad("its recipe is not text"));
    }
    if text.len() - 8 > MAX_RECIPE_BYTES as u64 {
        return Err(reader.bad("its recipe is too long"));
    }
    let bytes = reader.read_after(text, 8, MAX_RECIPE_BYTES)?;
    String::from_utf8(bytes)
        .map(Some)
        .map_err(|_| reader.bad("its recipe is not UTF-8"))
}

fn none(path: &Path) -> MediaError {
    MediaError::NoRecipe {
        path: path.to_path_buf(),
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
