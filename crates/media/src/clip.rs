//! Reading the pictures of a clip, one at a time.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use shiguredo_mp4::TrackKind;
use shiguredo_mp4::boxes::{Avc1Box, SampleEntry};
use shiguredo_mp4::demux::{Input, Mp4FileDemuxer};

use crate::boxes::Reader;
use crate::decoder::{Decoded, Decoder};
use crate::error::{MediaError, Result};

/// Longest header that is read: far beyond that of an hour of video.
const MAX_HEADER_BYTES: usize = 64 << 20;
/// Largest encoded picture that is read.
const MAX_SAMPLE_BYTES: usize = 16 << 20;
/// Most pictures of a clip.
const MAX_FRAMES: usize = 1 << 20;
/// Most samples of all tracks together; sound may have thousands a second.
const MAX_SAMPLES: usize = 1 << 25;
const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// The pictures of an MP4 file in the order they are shown, decoded as they are asked for.
///
/// Any H.264 video of 8 bits and 4:2:0 is read, not only this crate's; it is taken to be BT.709 of
/// limited range, as almost all is. Sound is passed over.
///
/// ```no_run
/// let mut clip = kinora_media::ClipReader::open("harbour.mp4")?;
/// while let Some(rgb) = clip.next_frame()? {
///     println!("{} bytes of {}x{}", rgb.len(), clip.width(), clip.height());
/// }
/// # Ok::<(), kinora_media::MediaError>(())
/// ```
pub struct ClipReader {
    path: PathBuf,
    file: BufReader<File>,
    samples: VecDeque<Sample>,
    /// Length of the field in front of each unit, 1 to 4 bytes.
    length_bytes: usize,
    /// The parameter sets behind start codes, put in front of the first picture.
    sets: Vec<u8>,
    decoder: Decoder,
    width: u32,
    height: u32,
    fps: f64,
    frames: usize,
}

struct Sample {
    offset: u64,
    bytes: usize,
}

impl ClipReader {
    /// Opens a clip. Safe on untrusted files: what is read into memory is bounded.
    ///
    /// # Errors
    /// [`MediaError::Io`], and [`MediaError::BadMp4`] for a file that is damaged, has no video or
    /// another kind of it than H.264.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_path_buf();
        let (mut reader, root) = Reader::open(&path)?;
        let moov = reader.find(root, *b"moov")?;
        if moov.is_none_or(|moov| moov.len() > MAX_HEADER_BYTES as u64) {
            return Err(reader.bad("its header is missing or too long"));
        }
        let mut file = reader.input;
        let mut demuxer = Mp4FileDemuxer::new();
        feed(&path, &mut file, root.end, &mut demuxer)?;
        let track = Track::of(&path, &mut demuxer, root.end)?;
        let config = &track.entry.avcc_box;
        let mut sets = Vec::new();
        for set in config.sps_list.iter().chain(&config.pps_list) {
            sets.extend_from_slice(&START_CODE);
            sets.extend_from_slice(set);
        }
        let decoder = Decoder::new().map_err(|reason| bad(&path, reason))?;
        Ok(Self {
            file,
            length_bytes: usize::from(config.length_size_minus_one.get()) + 1,
            sets,
            decoder,
            width: u32::from(track.entry.visual.width),
            height: u32::from(track.entry.visual.height),
            fps: track.fps,
            frames: track.samples.len(),
            samples: track.samples.into(),
            path,
        })
    }

    /// Width in pixels.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Frames a second, in the mean.
    pub fn fps(&self) -> f64 {
        self.fps
    }

    /// Number of frames.
    pub fn frames(&self) -> usize {
        self.frames
    }

    /// The next picture, `[height, width, 3]`; `None` behind the last.
    ///
    /// # Errors
    /// [`MediaError::Io`], and [`MediaError::BadMp4`] for a picture that cannot be decoded or has
    /// another size than the clip says.
    pub fn next_frame(&mut self) -> Result<Option<Vec<u8>>> {
        while let Some(sample) = self.samples.pop_front() {
            let units = self.units(&sample)?;
            let decoded = self.decoder.decode(&units);
            if let Some(picture) = decoded.map_err(|reason| bad(&self.path, reason))? {
                return self.picture(picture).map(Some);
            }
        }
        let last = self.decoder.flush();
        last.map_err(|reason| bad(&self.path, reason))?
            .map(|picture| self.picture(picture))
            .transpose()
    }

    fn picture(&self, picture: Decoded) -> Result<Vec<u8>> {
        if (picture.width, picture.height) == (self.width, self.height) {
            return Ok(picture.rgb);
        }
        let (found, said) = ((picture.width, picture.height), (self.width, self.height));
        let reason = format!(
            "a picture is {}x{}, the clip {}x{}",
            found.0, found.1, said.0, said.1
        );
        Err(bad(&self.path, reason))
    }

    /// The units of a picture, with start codes instead of lengths.
    fn units(&mut self, sample: &Sample) -> Result<Vec<u8>> {
        let mut bytes = vec![0; sample.bytes];
        read_at(&self.path, &mut self.file, sample.offset, &mut bytes)?;
        let mut units = std::mem::take(&mut self.sets);
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let unit = rest.split_at_checked(self.length_bytes);
            let unit = unit.and_then(|(length, rest)| {
                let length = length
                    .iter()
                    .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
                rest.split_at_checked(length)
            });
            let (unit, behind) = unit.ok_or_else(|| bad(&self.path, "a picture is cut off"))?;
            units.extend_from_slice(&START_CODE);
            units.extend_from_slice(unit);
            rest = behind;
        }
        Ok(units)
    }
}

/// Gives the demuxer the pieces of the file that it asks for.
fn feed(
    path: &Path,
    file: &mut BufReader<File>,
    end: u64,
    demuxer: &mut Mp4FileDemuxer,
) -> Result<()> {
    while let Some(wanted) = demuxer.required_input() {
        let left = end.saturating_sub(wanted.position);
        let bytes = wanted.size.map_or(left, |size| left.min(size as u64));
        if bytes > MAX_HEADER_BYTES as u64 {
            return Err(bad(path, "its header is too long"));
        }
        let mut data = vec![0; bytes as usize];
        read_at(path, file, wanted.position, &mut data)?;
        demuxer.handle_input(Input {
            position: wanted.position,
            data: &data,
        });
    }
    Ok(())
}

/// What the header says of the pictures.
struct Track {
    entry: Avc1Box,
    samples: Vec<Sample>,
    fps: f64,
}

impl Track {
    fn of(path: &Path, demuxer: &mut Mp4FileDemuxer, end: u64) -> Result<Self> {
        let mut entry: Option<Avc1Box> = None;
        let mut samples = Vec::new();
        let (mut ticks, mut timescale) = (0, 1);
        let mut seen = 0;
        while let Some(sample) = demuxer
            .next_sample()
            .map_err(|error| bad(path, error.to_string()))?
        {
            seen += 1;
            if seen > MAX_SAMPLES {
                return Err(bad(path, format!("it has more than {MAX_SAMPLES} samples")));
            }
            if sample.track.kind != TrackKind::Video {
                continue;
            }
            match sample.sample_entry {
                None => {}
                Some(SampleEntry::Avc1(avc1)) if entry.is_none() => entry = Some(avc1.clone()),
                Some(SampleEntry::Avc1(avc1)) if entry.as_ref() == Some(avc1) => {}
                Some(SampleEntry::Avc1(_)) => {
                    return Err(bad(path, "its pictures change their format on the way"));
                }
                Some(_) => return Err(bad(path, "its video is not H.264")),
            }
            let beyond = sample.data_offset.checked_add(sample.data_size as u64);
            if sample.data_size > MAX_SAMPLE_BYTES || beyond.is_none_or(|beyond| beyond > end) {
                return Err(bad(path, "a picture is too large, or lies beyond its end"));
            }
            if samples.len() == MAX_FRAMES {
                return Err(bad(path, format!("it has more than {MAX_FRAMES} pictures")));
            }
            timescale = sample.track.timescale.get();
            ticks += u64::from(sample.duration);
            samples.push(Sample {
                offset: sample.data_offset,
                bytes: sample.data_size,
            });
        }
        let entry = entry.ok_or_else(|| bad(path, "it has no video"))?;
        let fps = samples.len() as f64 * f64::from(timescale) / ticks.max(1) as f64;
        Ok(Self {
            entry,
            samples,
            fps,
        })
    }
}

fn read_at(path: &Path, file: &mut BufReader<File>, at: u64, bytes: &mut [u8]) -> Result<()> {
    file.seek(SeekFrom::Start(at))
        .and_then(|_| file.read_exact(bytes))
        .map_err(MediaError::io("read", path))
}

fn bad(path: &Path, reason: impl Into<String>) -> MediaError {
    MediaError::BadMp4 {
        path: path.to_path_buf(),
        reason: reason.into(),
    }
}
