//! What the beginning of a weight file says.

use std::collections::BTreeMap;
use std::ops::Range;

use super::encoding::Encoding;
use super::value::Value;
use super::{WeightsError, gguf, safetensors, scaled};

/// Most axes of a tensor: four in GGUF's own text, five in files of video models.
pub(super) const MAX_AXES: usize = 6;

/// How many elements a shape has; `None` when a computer cannot count those of its axes that are not
/// empty, some of which are joined to rows and columns when it is read.
pub(super) fn elements(shape: &[usize]) -> Option<usize> {
    let axes = shape.iter().filter(|&&axis| axis > 0);
    let all = axes.copied().try_fold(1_usize, usize::checked_mul)?;
    Some(if shape.contains(&0) { 0 } else { all })
}

/// A tensor of a file.
pub(super) struct Entry {
    pub(super) part: usize,
    /// Its name in the file.
    pub(super) stored: String,
    pub(super) encoding: Encoding,
    pub(super) shape: Vec<usize>,
    /// Its bytes in the file.
    pub(super) range: Range<usize>,
    /// A factor of the whole tensor or of each row, itself a tensor of the file.
    pub(super) scale: Option<Box<Entry>>,
}

impl Entry {
    pub(super) fn new(
        stored: String,
        encoding: Encoding,
        shape: Vec<usize>,
        range: Range<usize>,
    ) -> Self {
        Self {
            part: 0,
            stored,
            encoding,
            shape,
            range,
            scale: None,
        }
    }

    /// The same tensor, of the file `part` of a model.
    pub(super) fn in_part(self, part: usize) -> Self {
        let scale = self.scale.map(|scale| Box::new(scale.in_part(part)));
        Self {
            part,
            scale,
            ..self
        }
    }
}

/// What the beginning of a file says.
#[derive(Default)]
pub(super) struct Header {
    pub(super) entries: Vec<Entry>,
    pub(super) metadata: BTreeMap<String, Value>,
}

impl Header {
    /// Reads the beginning of a file in the format that its first bytes name.
    ///
    /// # Errors
    /// When the file is not whole.
    pub(super) fn read(file: &str, bytes: &[u8]) -> Result<Self, WeightsError> {
        let (format, header) = if bytes.starts_with(gguf::MAGIC) {
            ("GGUF", gguf::read(bytes))
        } else {
            (
                "safetensors",
                other(bytes).and_then(|()| safetensors::read(bytes)),
            )
        };
        let joined = header.and_then(|header| {
            Ok(Self {
                entries: scaled::join(header.entries)?,
                ..header
            })
        });
        joined.map_err(|reason| WeightsError::Format {
            file: file.to_owned(),
            format,
            reason,
        })
    }
}

/// Says what a file is that people mistake for safetensors.
fn other(bytes: &[u8]) -> Result<(), String> {
    let known: [(&[u8], &str); 4] = [
        (
            b"PK\x03\x04",
            "a PyTorch checkpoint; convert it to safetensors",
        ),
        (b"\x80\x02", "a pickle; convert it to safetensors"),
        (
            b"version https://git-lfs",
            "a Git LFS pointer; the file itself was not downloaded",
        ),
        (b"<!", "a web page; the download was answered with an error"),
    ];
    match known.iter().find(|(start, _)| bytes.starts_with(start)) {
        Some((_, what)) => Err(format!("it is {what}")),
        None => Ok(()),
    }
}
