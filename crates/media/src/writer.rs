//! Frames in, one finished MP4 file out.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread::{self, JoinHandle};

use crate::color::Yuv420;
use crate::error::{MediaError, Result, check_rgb};
use crate::h264::Encoder;
use crate::mp4::{self, FrameInfo};
use crate::publish::PendingFile;
use crate::seal::Seal;
use crate::settings::VideoSettings;

/// Frames waiting for the encoder before [`Mp4Writer::write_frame`] waits too.
const QUEUE: usize = 8;
/// More threads than this do not help with so few slices.
const MAX_THREADS: usize = 4;

/// Writes a video file frame by frame.
///
/// Encoding happens on a thread of its own, so that the caller computes the next frame meanwhile.
/// The bytes depend only on the frames and the settings, not on timing, threads or the file's
/// name. The encoded frames (about 1 MB a clip of four seconds at 576x320) stay in memory until
/// [`Mp4Writer::finish`]; dropped before that, the writer leaves no file behind.
///
/// ```no_run
/// use kinora_media::{Mp4Writer, VideoSettings};
///
/// let mut writer = Mp4Writer::create("clip.mp4", VideoSettings::new(576, 320, 24))?;
/// for _ in 0..97 {
///     writer.write_frame(&vec![0; 576 * 320 * 3])?;
/// }
/// println!("{} bytes", writer.finish()?.bytes);
/// # Ok::<(), kinora_media::MediaError>(())
/// ```
pub struct Mp4Writer {
    settings: VideoSettings,
    file: PendingFile,
    /// `None` once the worker has failed.
    worker: Option<Worker>,
}

/// A file that [`Mp4Writer::finish`] put into place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Where it is.
    pub path: PathBuf,
    /// Number of frames.
    pub frames: u32,
    /// Size of the file in bytes.
    pub bytes: u64,
}

impl Mp4Writer {
    /// Starts a file that will appear at `path` when finished.
    ///
    /// # Errors
    /// [`MediaError::UnsupportedSize`], [`MediaError::UnsupportedFrameRate`] and
    /// [`MediaError::TagTooLong`] for the settings; [`MediaError::AlreadyExists`] unless
    /// overwriting was asked for; [`MediaError::Io`] where the folder cannot be written to.
    pub fn create(path: impl AsRef<Path>, settings: VideoSettings) -> Result<Self> {
        settings.check()?;
        let file = PendingFile::create(path.as_ref(), settings.overwrite)?;
        let worker = Some(Worker::start(&settings)?);
        Ok(Self {
            settings,
            file,
            worker,
        })
    }

    /// Adds one frame, `rgb` `[height, width, 3]` in sRGB.
    ///
    /// Returns before the frame is encoded, so an encoder's failure shows at a later call.
    ///
    /// # Errors
    /// [`MediaError::WrongLength`] for a frame of another size; [`MediaError::Encoder`] if an
    /// earlier frame could not be encoded, after which the writer is of no more use.
    pub fn write_frame(&mut self, rgb: &[u8]) -> Result<()> {
        check_rgb(rgb.len(), self.settings.width, self.settings.height)?;
        let worker = self.worker.as_mut().ok_or_else(stopped)?;
        if worker.send(rgb) {
            return Ok(());
        }
        let worker = self.worker.take().ok_or_else(stopped)?;
        Err(worker.join().err().unwrap_or_else(stopped))
    }

    /// Encodes what is left, writes the file to the disk and moves it into place.
    ///
    /// # Errors
    /// [`MediaError::NoFrames`]; [`MediaError::AlreadyExists`] if the target has appeared since
    /// [`Mp4Writer::create`]; [`MediaError::Io`], such as a full disk; [`MediaError::Encoder`].
    /// In every case no file is left.
    pub fn finish(self) -> Result<Written> {
        self.finish_sealed(None)
    }

    /// As [`Mp4Writer::finish`], with a seal that the whole file passes before it appears.
    ///
    /// # Errors
    /// As [`Mp4Writer::finish`], and [`MediaError::Seal`].
    pub fn finish_sealed(mut self, seal: Option<&dyn Seal>) -> Result<Written> {
        let stream = self.worker.take().ok_or_else(stopped)?.join()?;
        let Some(sets) = &stream.parameters else {
            return Err(MediaError::NoFrames {
                path: self.file.target().to_path_buf(),
            });
        };
        let head = mp4::head(&self.settings, sets, &stream.frames)?;
        self.file.write(&head)?;
        self.file.write(&stream.data)?;
        let file = match seal {
            Some(seal) => self.file.sealed(seal)?,
            None => self.file,
        };
        let bytes = file.bytes()?;
        Ok(Written {
            path: file.publish()?,
            frames: stream.frames.len() as u32,
            bytes,
        })
    }
}

/// Everything encoded so far.
#[derive(Default)]
struct Stream {
    parameters: Option<crate::h264::ParameterSets>,
    frames: Vec<FrameInfo>,
    data: Vec<u8>,
}

/// The encoding thread.
struct Worker {
    frames: SyncSender<Vec<u8>>,
    /// Buffers come back here to be filled again.
    used: Receiver<Vec<u8>>,
    thread: JoinHandle<Result<Stream>>,
}

impl Worker {
    /// Returns once the encoder is ready, so that its refusal reaches the caller of `create`.
    fn start(settings: &VideoSettings) -> Result<Self> {
        let (frames, incoming) = mpsc::sync_channel::<Vec<u8>>(QUEUE);
        let (give_back, used) = mpsc::channel();
        let (ready, started) = mpsc::channel();
        let settings = settings.clone();
        let thread = thread::Builder::new()
            .name("kinora-encode".into())
            .spawn(move || {
                let threads = thread::available_parallelism().map_or(1, usize::from);
                let encoder = match Encoder::new(&settings, threads.min(MAX_THREADS) as u16) {
                    Ok(encoder) => encoder,
                    Err(error) => {
                        let _ = ready.send(Err(error));
                        return Ok(Stream::default());
                    }
                };
                let _ = ready.send(Ok(()));
                encode_all(encoder, &settings, &incoming, &give_back)
            })
            .map_err(|error| MediaError::Encoder {
                reason: format!("start a thread: {error}"),
            })?;
        started.recv().map_err(|_| stopped())??;
        Ok(Self {
            frames,
            used,
            thread,
        })
    }

    /// Queues a copy of `rgb`; `false` if the thread is gone.
    fn send(&mut self, rgb: &[u8]) -> bool {
        let mut frame = self.used.try_recv().unwrap_or_default();
        frame.clear();
        frame.extend_from_slice(rgb);
        self.frames.send(frame).is_ok()
    }

    /// Ends the stream and waits for it.
    fn join(self) -> Result<Stream> {
        drop(self.frames);
        self.thread.join().map_err(|_| stopped())?
    }
}

fn encode_all(
    mut encoder: Encoder,
    settings: &VideoSettings,
    incoming: &Receiver<Vec<u8>>,
    give_back: &mpsc::Sender<Vec<u8>>,
) -> Result<Stream> {
    let mut picture = Yuv420::new(settings.width, settings.height);
    let mut stream = Stream::default();
    for rgb in incoming {
        picture.fill(&rgb);
        let _ = give_back.send(rgb);
        let start = stream.data.len();
        let keyframe = encoder.encode(&mut picture, &mut stream.data)?;
        stream.frames.push(FrameInfo {
            bytes: stream.data.len() - start,
            keyframe,
        });
    }
    stream.parameters = encoder.parameters().cloned();
    Ok(stream)
}

fn stopped() -> MediaError {
    MediaError::Encoder {
        reason: "the encoding thread has stopped".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_writer_may_move_to_another_thread() {
        fn is_send<T: Send>() {}
        is_send::<Mp4Writer>();
    }
}
