//! One file: from a hub into a folder, whole or not at all.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use sha2::{Digest, Sha256};
use ureq::Body;
use ureq::http::{Response, header};

use crate::digest::hex;
use crate::{Hub, HubError, RemoteFile};

/// Bytes moved between two reports.
const PIECE: usize = 1 << 20;
/// How long a wait goes on without a report.
const BLINK: Duration = Duration::from_millis(100);

/// What a pull is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Reading what is on the disk already, to compute its digest.
    Checking,
    /// Receiving.
    Downloading,
    /// Waiting to try again.
    Waiting,
}

/// How far a pull is.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// What is being done.
    pub phase: Phase,
    /// The file, by its path in the repository.
    pub file: &'a str,
    /// Bytes of the file that are there or checked.
    pub file_bytes: u64,
    /// Its size.
    pub file_size: u64,
    /// Bytes of all files that are there.
    pub bytes: u64,
    /// The size of all.
    pub size: u64,
}

/// Told of the phase and the file's bytes; answers whether to go on.
pub(crate) type Report<'a> = dyn FnMut(Phase, u64) -> ControlFlow<()> + 'a;

/// A file to be downloaded.
pub(crate) struct Download<'a> {
    pub(crate) hub: &'a Hub,
    pub(crate) url: String,
    pub(crate) file: &'a RemoteFile,
    /// Where it belongs.
    pub(crate) path: PathBuf,
}

/// How one try ended that did not fail for good.
enum End {
    Whole,
    /// The connection broke; what came is written.
    Broken(HubError),
}

impl Download<'_> {
    /// Receives the file into `*.part`, going on where an earlier download ended, checks its
    /// digest, gives it its name and tells the digest.
    pub(crate) fn run(&self, report: &mut Report) -> Result<String, HubError> {
        let part = part_of(&self.path);
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder).map_err(|source| io(folder, source))?;
        }
        let mut resumed = self.receive(&part, report)?;
        loop {
            let found = digest(&part, report)?;
            let expected = self.file.sha256.clone().unwrap_or_else(|| found.clone());
            if found == expected {
                fs::rename(&part, &self.path).map_err(|source| io(&self.path, source))?;
                return Ok(found);
            }
            fs::remove_file(&part).map_err(|source| io(&part, source))?;
            if !resumed {
                return Err(HubError::Hash {
                    path: self.path.clone(),
                    expected,
                    found,
                });
            }
            // What stood there may have been of another version: once more from the beginning.
            resumed = self.receive(&part, report)?;
        }
    }

    /// Receives until the part is whole. Says whether it began with bytes of an earlier download.
    fn receive(&self, part: &Path, report: &mut Report) -> Result<bool, HubError> {
        let mut file = open(part)?;
        let before = length(&file, part)?;
        let (mut tries, mut wait, mut furthest) = (0, self.hub.wait, before);
        loop {
            let error = match self.receive_once(&mut file, part, report)? {
                End::Whole => break,
                End::Broken(error) => error,
            };
            let now = length(&file, part)?;
            if now > furthest {
                (tries, wait, furthest) = (0, self.hub.wait, now);
            }
            if tries == self.hub.tries {
                return Err(error);
            }
            tries += 1;
            pause(wait, now, report)?;
            wait *= 2;
        }
        file.sync_all().map_err(|source| io(part, source))?;
        Ok(before > 0)
    }

    /// One request: from the end of the part to the end of the file.
    fn receive_once(
        &self,
        file: &mut File,
        part: &Path,
        report: &mut Report,
    ) -> Result<End, HubError> {
        let mut at = length(file, part)?;
        if at > self.file.size {
            at = restart(file, part)?;
        }
        if at == self.file.size {
            return Ok(End::Whole);
        }
        let mut response = match self.hub.get(&self.url, (at > 0).then_some(at)) {
            Ok(response) => response,
            Err(error) if is_passing(&error) => return Ok(End::Broken(error)),
            Err(error) => return Err(error),
        };
        match response.status().as_u16() {
            206 if starts_at(&response) == Some(at) => {}
            200 if at == 0 => {}
            200 => at = restart(file, part)?,
            // The hub's idea of the file is another than that of the part.
            status => {
                restart(file, part)?;
                let url = self.url.clone();
                return Ok(End::Broken(HubError::Status { url, status }));
            }
        }
        file.seek(SeekFrom::Start(at))
            .map_err(|source| io(part, source))?;
        self.copy(response.body_mut(), file, part, at, report)
    }

    fn copy(
        &self,
        body: &mut Body,
        file: &mut File,
        part: &Path,
        mut at: u64,
        report: &mut Report,
    ) -> Result<End, HubError> {
        let mut reader = body.as_reader();
        let mut piece = vec![0; PIECE];
        loop {
            go_on(report(Phase::Downloading, at))?;
            let count = match reader.read(&mut piece) {
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => 0,
            };
            if count == 0 {
                break;
            }
            if at + count as u64 > self.file.size {
                restart(file, part)?;
                return Err(HubError::Listing {
                    url: self.url.clone(),
                    reason: format!(
                        "the file is longer than the {} bytes listed",
                        self.file.size
                    ),
                });
            }
            file.write_all(&piece[..count])
                .map_err(|source| self.full(part, at, source))?;
            at += count as u64;
        }
        Ok(if at == self.file.size {
            End::Whole
        } else {
            End::Broken(HubError::Cut {
                url: self.url.clone(),
                received: at,
                size: self.file.size,
            })
        })
    }

    fn full(&self, part: &Path, at: u64, source: std::io::Error) -> HubError {
        match source.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                HubError::DiskFull {
                    path: self.path.clone(),
                    missing: self.file.size - at,
                }
            }
            _ => io(part, source),
        }
    }
}

/// The SHA-256 of a file.
pub(crate) fn digest(path: &Path, report: &mut Report) -> Result<String, HubError> {
    let failed = |source| io(path, source);
    let mut file = File::open(path).map_err(failed)?;
    let (mut digest, mut piece, mut at) = (Sha256::new(), vec![0; PIECE], 0);
    loop {
        go_on(report(Phase::Checking, at))?;
        match file.read(&mut piece) {
            Ok(0) => return Ok(hex(digest)),
            Ok(count) => {
                digest.update(&piece[..count]);
                at += count as u64;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(error)),
        }
    }
}

/// `FILE.part`, beside the file.
pub(crate) fn part_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    PathBuf::from(name)
}

/// Opens the part for this process alone.
fn open(part: &Path) -> Result<File, HubError> {
    let mut options = OpenOptions::new();
    let options = options.read(true).write(true).create(true).truncate(false);
    let file = options.open(part).map_err(|source| io(part, source))?;
    // A file system without locks lets two downloads meet; their digest tells.
    if let Err(TryLockError::WouldBlock) = file.try_lock() {
        let path = part.to_owned();
        return Err(HubError::Busy { path });
    }
    Ok(file)
}

fn length(file: &File, part: &Path) -> Result<u64, HubError> {
    Ok(file.metadata().map_err(|source| io(part, source))?.len())
}

fn restart(file: &mut File, part: &Path) -> Result<u64, HubError> {
    file.set_len(0).map_err(|source| io(part, source))?;
    Ok(0)
}

/// The first byte that `Content-Range: bytes FIRST-LAST/SIZE` names.
fn starts_at(response: &Response<Body>) -> Option<u64> {
    let range = response
        .headers()
        .get(header::CONTENT_RANGE)?
        .to_str()
        .ok()?;
    range
        .strip_prefix("bytes ")?
        .split_once('-')?
        .0
        .parse()
        .ok()
}

/// Whether another try may end otherwise.
fn is_passing(error: &HubError) -> bool {
    match error {
        HubError::Network { source, .. } => matches!(
            **source,
            ureq::Error::Io(_)
                | ureq::Error::Timeout(_)
                | ureq::Error::HostNotFound
                | ureq::Error::ConnectionFailed
                | ureq::Error::Protocol(_)
        ),
        HubError::Status { status, .. } => *status == 429 || *status >= 500,
        _ => false,
    }
}

/// Waits, and looks every now and then whether to go on.
fn pause(wait: Duration, at: u64, report: &mut Report) -> Result<(), HubError> {
    let mut left = wait;
    while !left.is_zero() {
        go_on(report(Phase::Waiting, at))?;
        let step = left.min(BLINK);
        thread::sleep(step);
        left -= step;
    }
    Ok(())
}

fn go_on(answer: ControlFlow<()>) -> Result<(), HubError> {
    match answer {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(HubError::Stopped),
    }
}

pub(crate) fn io(path: &Path, source: std::io::Error) -> HubError {
    HubError::Io {
        path: path.to_owned(),
        source,
    }
}
