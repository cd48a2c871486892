//! What a remote sends as a video: kept only when it is one, and not too large.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Duration;

use kinora_engine::Cancel;
use ureq::Body;

use super::failure::Failure;

/// Bytes that are passed on at once.
const PIECE: usize = 1 << 16;
/// Most boxes of a file that are looked at.
const MOST_BOXES: usize = 1 << 16;

/// Writes a body to a file that appears whole or not at all.
///
/// # Errors
/// [`Failure`].
pub fn keep(body: Body, target: &Path, most_bytes: u64, stop: &Cancel) -> Result<(), Failure> {
    // The ending is one that a lost try is cleared of.
    let part = target.with_extension("mp4.part");
    let kept = write(body, &part, most_bytes, stop)
        .and_then(|()| fs::rename(&part, target).map_err(|error| not_written(&error)));
    if kept.is_err() {
        let _ = fs::remove_file(&part);
    }
    kept
}

fn write(body: Body, part: &Path, most_bytes: u64, stop: &Cancel) -> Result<(), Failure> {
    let mut file = File::create_new(part).map_err(|error| not_written(&error))?;
    let too_large = || {
        let message = format!(
            "its video is larger than {most_bytes} bytes; limits.download_bytes in kinora.toml \
             says how large one may be"
        );
        Failure::lasting("remote_too_large", message)
    };
    if body
        .content_length()
        .is_some_and(|bytes| bytes > most_bytes)
    {
        return Err(too_large());
    }
    let mut reader = body.into_reader();
    let (mut piece, mut written) = (vec![0; PIECE], 0);
    loop {
        let count = reader.read(&mut piece).map_err(|error| broken(&error))?;
        if count == 0 {
            break;
        }
        written += count as u64;
        if written > most_bytes {
            return Err(too_large());
        }
        if stop.is_cancelled() {
            return Err(Failure::lasting("cancelled", "nobody waits for it"));
        }
        file.write_all(&piece[..count])
            .map_err(|error| not_written(&error))?;
    }
    file.sync_all().map_err(|error| not_written(&error))?;
    let is_mp4 = File::open(part).and_then(|file| is_mp4(file, written));
    if is_mp4.map_err(|error| not_written(&error))? {
        Ok(())
    } else {
        let message = "what it sent is no MP4 file";
        Err(Failure::lasting("remote_not_mp4", message))
    }
}

/// Whether a file of this length is made of whole boxes (ISO/IEC 14496-12, 4.2): its kind first, a
/// header and media behind.
fn is_mp4(mut file: impl Read + Seek, length: u64) -> io::Result<bool> {
    let (mut at, mut has_header, mut has_media) = (0, false, false);
    for index in 0..MOST_BOXES {
        if at == length {
            return Ok(has_header && has_media);
        }
        let Some((kind, bytes)) = next_box(&mut file, at, length - at)? else {
            return Ok(false);
        };
        if (index == 0) != (&kind == b"ftyp") {
            return Ok(false);
        }
        has_header |= &kind == b"moov";
        has_media |= &kind == b"mdat";
        at += bytes;
    }
    Ok(false)
}

/// Kind and length of the box at a place, if it is whole within what is left.
fn next_box(
    file: &mut (impl Read + Seek),
    at: u64,
    left: u64,
) -> io::Result<Option<([u8; 4], u64)>> {
    let mut head = [0; 16];
    let known = usize::try_from(left.min(16)).expect("16 at most");
    if known < 8 {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(&mut head[..known])?;
    let [a, b, c, d, kind @ .., _, _, _, _, _, _, _, _] = head;
    let bytes = match u32::from_be_bytes([a, b, c, d]) {
        0 => left, // to the end
        1 if known == 16 => u64::from_be_bytes(*head.last_chunk().expect("8 bytes")),
        bytes => bytes.into(),
    };
    Ok((8..=left).contains(&bytes).then_some((kind, bytes)))
}

fn broken(error: &io::Error) -> Failure {
    Failure {
        again: Some(Duration::ZERO),
        ..Failure::lasting(
            "remote_unavailable",
            format!("its video broke off: {error}"),
        )
    }
}

fn not_written(error: &io::Error) -> Failure {
    Failure::lasting(
        "media_failed",
        format!("its video cannot be written here: {error}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxes(parts: &[(&[u8; 4], usize)]) -> Vec<u8> {
        let one = |&(kind, bytes): &(&[u8; 4], usize)| {
            let mut whole = (bytes as u32 + 8).to_be_bytes().to_vec();
            whole.extend_from_slice(kind);
            whole.resize(bytes + 8, 0);
            whole
        };
        parts.iter().flat_map(one).collect()
    }

    #[test]
    fn only_whole_files_of_boxes_are_mp4() {
        let check = |bytes: &[u8], expected: bool| {
            let found = is_mp4(io::Cursor::new(bytes), bytes.len() as u64);
            assert_eq!(found.expect("memory is read"), expected, "{bytes:?}");
        };
        let whole = boxes(&[(b"ftyp", 8), (b"free", 0), (b"mdat", 9), (b"moov", 3)]);
        check(&whole, true);
        check(&whole[..whole.len() - 1], false);
        check(&[&whole[..], b"junk"].concat(), false);
        check(&boxes(&[(b"ftyp", 8), (b"moov", 3)]), false);
        check(&boxes(&[(b"moov", 3), (b"mdat", 3)]), false);
        check(b"<html><body>Sign in</body></html>", false);
        check(b"", false);
        let mut to_the_end = whole.clone();
        to_the_end.extend_from_slice(&[0, 0, 0, 0]);
        to_the_end.extend_from_slice(b"mdat and more");
        check(&to_the_end, true);
        let mut wide = whole.clone();
        wide.extend_from_slice(&[0, 0, 0, 1]);
        wide.extend_from_slice(b"mdat");
        wide.extend_from_slice(&20_u64.to_be_bytes());
        wide.extend_from_slice(b"four");
        check(&wide, true);
        wide.truncate(whole.len() + 12);
        check(&wide, false);
    }
}
