//! Joining clips into one file without encoding anything again.

use std::path::{Path, PathBuf};

use crate::error::{MediaError, Result};
use crate::mp4;
use crate::settings::{Tags, VideoSettings};
use crate::track::Track;

/// A file that begins with [`Cut::head`] and goes on with the bytes of its parts in order.
///
/// It is planned, not written, so that it can be sent while it is read: the clips may be larger
/// than memory. The same clips and tags give the same bytes.
///
/// ```no_run
/// use kinora_media::{Cut, Tags};
///
/// let cut = Cut::plan(&["harbour.mp4", "street.mp4"], Tags::default())?;
/// println!("{} frames, {} bytes", cut.frames, cut.bytes());
/// # Ok::<(), kinora_media::MediaError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// Everything in front of the frames.
    pub head: Vec<u8>,
    /// Where the frames are.
    pub parts: Vec<Part>,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Frames a second.
    pub fps: u32,
    /// Number of frames.
    pub frames: u32,
}

/// A range of bytes in a clip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The clip.
    pub path: PathBuf,
    /// The first byte.
    pub start: u64,
    /// How many bytes.
    pub bytes: u64,
}

impl Cut {
    /// Plans the file of `clips` in order, each a file that [`Mp4Writer`](crate::Mp4Writer) wrote.
    ///
    /// # Errors
    /// [`MediaError::NothingToJoin`] without clips; [`MediaError::DoesNotFit`] for the first clip
    /// whose size, frame rate or H.264 parameter sets are not those of the first one;
    /// [`MediaError::BadMp4`] and [`MediaError::Io`] for one that cannot be read;
    /// [`MediaError::TagTooLong`].
    pub fn plan<P: AsRef<Path>>(clips: &[P], tags: Tags) -> Result<Self> {
        let (first_path, rest) = clips.split_first().ok_or(MediaError::NothingToJoin)?;
        let mut first = Track::open(first_path.as_ref())?;
        let settings = VideoSettings {
            tags,
            ..VideoSettings::new(first.width, first.height, first.fps)
        };
        settings.check()?;
        let mut frames = std::mem::take(&mut first.frames);
        let mut parts = vec![part(first_path.as_ref(), &first)];
        for path in rest {
            let path = path.as_ref();
            let clip = Track::open(path)?;
            fits(path, &clip, &first)?;
            parts.push(part(path, &clip));
            frames.extend(clip.frames);
        }
        // Each clip begins with a keyframe that drops all earlier pictures, so the frames of one
        // never look at those of another.
        let head = mp4::head(&settings, &first.sets, &frames)?;
        Ok(Self {
            head,
            parts,
            width: first.width,
            height: first.height,
            fps: first.fps,
            frames: frames.len() as u32,
        })
    }

    /// Size of the file in bytes.
    pub fn bytes(&self) -> u64 {
        let parts: u64 = self.parts.iter().map(|part| part.bytes).sum();
        self.head.len() as u64 + parts
    }
}

fn part(path: &Path, clip: &Track) -> Part {
    Part {
        path: path.to_path_buf(),
        start: clip.start,
        bytes: clip.bytes,
    }
}

/// A player reads size, clock and parameter sets once for the whole file.
fn fits(path: &Path, clip: &Track, first: &Track) -> Result<()> {
    let shape = |clip: &Track| {
        format!(
            "{}x{} at {} frames a second",
            clip.width, clip.height, clip.fps
        )
    };
    let (own, wanted) = (shape(clip), shape(first));
    let reason = if own != wanted {
        format!("it is {own}, the first clip {wanted}")
    } else if clip.sets != first.sets {
        "it was encoded in another way than the first clip".to_owned()
    } else {
        return Ok(());
    };
    Err(MediaError::DoesNotFit {
        path: path.to_path_buf(),
        reason,
    })
}
