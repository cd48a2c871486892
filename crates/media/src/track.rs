//! Reading back the only track of a clip that this crate wrote: its parameter sets, the sizes of
//! its frames and where they lie.

use std::io::{Read, Seek};
use std::path::Path;

use crate::boxes::{Boxes, Reader, Span};
use crate::error::Result;
use crate::h264::ParameterSets;
use crate::mp4::FrameInfo;

/// Most frames of a clip: more than eleven hours at 24 a second, and 4 MB of sizes.
const MAX_FRAMES: u32 = 1 << 20;
/// Longest `avcC` box: two parameter sets of at most 64 KiB.
const MAX_AVCC_BYTES: usize = 1 << 17;
/// Bytes of a visual sample entry in front of its boxes.
const VISUAL_BYTES: u64 = 78;

/// What it takes to put the frames of a clip into another file.
#[derive(Debug)]
pub(crate) struct Track {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) fps: u32,
    pub(crate) sets: ParameterSets,
    pub(crate) frames: Vec<FrameInfo>,
    /// Where the frames lie, one behind the other.
    pub(crate) start: u64,
    pub(crate) bytes: u64,
}

impl Track {
    /// Reads the track of a clip.
    ///
    /// Safe on untrusted files: counts are checked against the boxes that hold them before
    /// anything is allocated.
    ///
    /// # Errors
    /// [`MediaError::Io`](crate::MediaError::Io), and
    /// [`MediaError::BadMp4`](crate::MediaError::BadMp4) for a file that is damaged or not laid
    /// out as this crate does: one track of H.264 without reordering, all frames in one piece.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let (mut reader, root) = Reader::open(path)?;
        let r = &mut reader;
        let moov = require(r, root, *b"moov")?;
        let trak = only_track(r, moov)?;
        let mdia = require(r, trak, *b"mdia")?;
        let timescale = timescale(r, mdia)?;
        let minf = require(r, mdia, *b"minf")?;
        let table = require(r, minf, *b"stbl")?;
        if r.find(table, *b"ctts")?.is_some() {
            return Err(r.bad("its frames are reordered"));
        }
        let (width, height, sets) = sample_entry(r, table)?;
        let sizes = sizes(r, table)?;
        let fps = frame_rate(r, table, timescale, sizes.len() as u32)?;
        let frames = frames(r, table, &sizes)?;
        let start = only_chunk(r, table)?;
        let bytes = sizes.iter().map(|&size| u64::from(size)).sum();
        if start.checked_add(bytes).is_none_or(|end| end > root.end) {
            return Err(r.bad("its frames lie beyond its end"));
        }
        Ok(Self {
            width,
            height,
            fps,
            sets,
            frames,
            start,
            bytes,
        })
    }
}

fn require<R: Read + Seek>(
    reader: &mut Reader<'_, R>,
    parent: Span,
    kind: [u8; 4],
) -> Result<Span> {
    let found = reader.find(parent, kind)?;
    found.ok_or_else(|| {
        let name = String::from_utf8_lossy(&kind).into_owned();
        reader.bad(&format!("it has no {name} box"))
    })
}

/// A sound or a second picture would be lost by a cut, so a clip has to have one track.
fn only_track<R: Read + Seek>(reader: &mut Reader<'_, R>, moov: Span) -> Result<Span> {
    let mut track = None;
    let mut boxes = Boxes::of(moov);
    while let Some((kind, content)) = boxes.next(reader)? {
        if &kind == b"trak" && track.replace(content).is_some() {
            return Err(reader.bad("it has more than one track"));
        }
    }
    track.ok_or_else(|| reader.bad("it has no track"))
}

/// The payload of a full box with `least` to `most` bytes behind its version and flags.
fn table<R: Read + Seek>(
    reader: &mut Reader<'_, R>,
    parent: Span,
    kind: [u8; 4],
    least: usize,
    most: usize,
) -> Result<Vec<u8>> {
    let content = require(reader, parent, kind)?;
    let bytes = reader.read_after(content, 4, most)?;
    if bytes.len() < least {
        let name = String::from_utf8_lossy(&kind).into_owned();
        return Err(reader.bad(&format!("its {name} box has a wrong length")));
    }
    Ok(bytes)
}

fn number(bytes: &[u8], at: usize) -> u32 {
    let word = bytes.get(at..at + 4).and_then(|word| word.try_into().ok());
    word.map_or(0, u32::from_be_bytes)
}

fn timescale<R: Read + Seek>(reader: &mut Reader<'_, R>, mdia: Span) -> Result<u32> {
    // Version 1 has times of 64 bits, and so is longer.
    let header = table(reader, mdia, *b"mdhd", 20, 32)?;
    let at = if header.len() == 32 { 16 } else { 8 };
    match number(&header, at) {
        0 => Err(reader.bad("its clock stands still")),
        timescale => Ok(timescale),
    }
}

/// Width, height and parameter sets of the only `avc1` entry.
fn sample_entry<R: Read + Seek>(
    reader: &mut Reader<'_, R>,
    table: Span,
) -> Result<(u32, u32, ParameterSets)> {
    let stsd = require(reader, table, *b"stsd")?;
    let entries = stsd
        .skip(8)
        .ok_or_else(|| reader.bad("its stsd box is too short"))?;
    let mut boxes = Boxes::of(entries);
    let Some((kind, entry)) = boxes.next(reader)? else {
        return Err(reader.bad("it has no sample entry"));
    };
    if &kind != b"avc1" || boxes.next(reader)?.is_some() {
        return Err(reader.bad("its only sample entry must be avc1"));
    }
    let inner = entry.skip(VISUAL_BYTES);
    let inner = inner.ok_or_else(|| reader.bad("its avc1 box is too short"))?;
    let visual = Span {
        end: inner.start,
        ..entry
    };
    let visual = reader.read_after(visual, 0, VISUAL_BYTES as usize)?;
    let sides = number(&visual, 24);
    let config = require(reader, inner, *b"avcC")?;
    let config = reader.read_after(config, 0, MAX_AVCC_BYTES)?;
    let sets = parameter_sets(&config)
        .ok_or_else(|| reader.bad("its avcC box must hold one parameter set of each kind"))?;
    Ok((sides >> 16, sides & 0xffff, sets))
}

/// Version 1, four-byte lengths, one sequence and one picture parameter set.
fn parameter_sets(config: &[u8]) -> Option<ParameterSets> {
    let set = |at: usize| -> Option<&[u8]> {
        let length = u16::from_be_bytes(config.get(at..at + 2)?.try_into().ok()?);
        config.get(at + 2..at + 2 + usize::from(length))
    };
    let is_ours = config.first() == Some(&1) && config.get(4)? & 3 == 3;
    let sequence = set(6).filter(|_| is_ours && config[5] & 31 == 1)?;
    let next = 8 + sequence.len();
    let picture = set(next + 1).filter(|_| config[next] == 1)?;
    Some(ParameterSets {
        sequence: sequence.to_vec(),
        picture: picture.to_vec(),
    })
}

/// The bytes of each frame.
fn sizes<R: Read + Seek>(reader: &mut Reader<'_, R>, table_span: Span) -> Result<Vec<u32>> {
    let most = 8 + 4 * MAX_FRAMES as usize;
    let bytes = table(reader, table_span, *b"stsz", 8, most)?;
    let (same, count) = (number(&bytes, 0), number(&bytes, 4));
    let expected = if same == 0 { u64::from(count) * 4 } else { 0 };
    if count == 0 || count > MAX_FRAMES || expected != bytes.len() as u64 - 8 {
        return Err(reader.bad("its stsz box has a wrong count"));
    }
    Ok((0..count as usize)
        .map(|index| {
            if same == 0 {
                number(&bytes, 8 + 4 * index)
            } else {
                same
            }
        })
        .collect())
}

/// Frames a second: the same for all `count` frames, and a whole number.
fn frame_rate<R: Read + Seek>(
    reader: &mut Reader<'_, R>,
    table_span: Span,
    timescale: u32,
    count: u32,
) -> Result<u32> {
    let bytes = table(reader, table_span, *b"stts", 12, 12)?;
    let [entries, frames, duration] = [0, 4, 8].map(|at| number(&bytes, at));
    let is_constant = entries == 1 && frames == count && duration > 0;
    if is_constant && timescale.is_multiple_of(duration) {
        Ok(timescale / duration)
    } else {
        Err(reader.bad("its frame rate is not constant, or no whole number"))
    }
}

/// Sizes with keyframes; without a list of those, every frame is one.
fn frames<R: Read + Seek>(
    reader: &mut Reader<'_, R>,
    table_span: Span,
    sizes: &[u32],
) -> Result<Vec<FrameInfo>> {
    let mut frames: Vec<FrameInfo> = sizes
        .iter()
        .map(|&bytes| FrameInfo {
            bytes: bytes as usize,
            keyframe: false,
        })
        .collect();
    if reader.find(table_span, *b"stss")?.is_none() {
        for frame in &mut frames {
            frame.keyframe = true;
        }
        return Ok(frames);
    }
    let bytes = table(reader, table_span, *b"stss", 4, 4 + 4 * MAX_FRAMES as usize)?;
    for index in 1..bytes.len() / 4 {
        let frame = number(&bytes, 4 * index).checked_sub(1);
        let frame = frame.and_then(|frame| frames.get_mut(frame as usize));
        frame
            .ok_or_else(|| reader.bad("a keyframe lies beyond its end"))?
            .keyframe = true;
    }
    if frames[0].keyframe {
        Ok(frames)
    } else {
        Err(reader.bad("it does not begin with a keyframe"))
    }
}

/// Where the only chunk begins.
fn only_chunk<R: Read + Seek>(reader: &mut Reader<'_, R>, table_span: Span) -> Result<u64> {
    let is_long = reader.find(table_span, *b"stco")?.is_none();
    let (kind, length) = if is_long {
        (*b"co64", 12)
    } else {
        (*b"stco", 8)
    };
    let bytes = table(reader, table_span, kind, 8, length)?;
    if bytes.len() != length || number(&bytes, 0) != 1 {
        return Err(reader.bad("its frames are not in one piece"));
    }
    let high = if is_long { number(&bytes, 4) } else { 0 };
    Ok((u64::from(high) << 32) | u64::from(number(&bytes, length - 4)))
}
