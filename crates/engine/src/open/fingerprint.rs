//! The identity of a model whose files are too large to be hashed whole before every clip.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use kinora_nn::hex;
use sha2::{Digest, Sha256};

/// Files up to this size are hashed whole.
const WHOLE_BYTES: u64 = 1 << 20;
/// How many pieces of a larger file are hashed, evenly spread, the first and the last among them.
const PIECES: u64 = 64;
/// Bytes of a piece; the first holds a safetensors header's beginning.
const PIECE_BYTES: u64 = 16 << 10;

/// SHA-256 over names, sizes and contents; of a large file over pieces of its content.
///
/// Two files of one size that differ in a few weights only can look alike. It tells models apart, it
/// does not vouch for them: downloads are compared with the hub's SHA-256 of the whole file.
#[derive(Default)]
pub(crate) struct Fingerprint {
    hash: Sha256,
}

impl Fingerprint {
    /// Adds a text.
    pub(crate) fn text(&mut self, text: &str) {
        self.hash.update((text.len() as u64).to_le_bytes());
        self.hash.update(text);
    }

    /// Adds a file.
    pub(crate) fn file(&mut self, path: &Path) -> io::Result<()> {
        let name = path.file_name().unwrap_or_default();
        self.text(&name.to_string_lossy());
        let mut file = File::open(path)?;
        let bytes = file.metadata()?.len();
        self.hash.update(bytes.to_le_bytes());
        let mut content = Vec::new();
        if bytes <= WHOLE_BYTES {
            file.read_to_end(&mut content)?;
        } else {
            for piece in 0..PIECES {
                let start = (bytes - PIECE_BYTES) * piece / (PIECES - 1);
                file.seek(SeekFrom::Start(start))?;
                (&mut file).take(PIECE_BYTES).read_to_end(&mut content)?;
            }
        }
        self.hash.update(&content);
        Ok(())
    }

    /// In hexadecimal.
    pub(crate) fn finish(self) -> String {
        hex(&self.hash.finalize())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn of(bytes: &[u8]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights");
        fs::write(&path, bytes).unwrap();
        let mut print = Fingerprint::default();
        print.file(&path).unwrap();
        print.finish()
    }

    #[test]
    fn size_beginning_and_end_of_a_large_file_count() {
        let plain = vec![7; 3 << 20];
        let mut first = plain.clone();
        first[0] = 8;
        let mut last = plain.clone();
        *last.last_mut().unwrap() = 8;
        let longer = vec![7; (3 << 20) + 1];
        let prints = [&plain, &first, &last, &longer].map(|bytes| of(bytes));
        assert_eq!(prints[0], of(&plain));
        for (i, print) in prints.iter().enumerate() {
            assert!(!prints[i + 1..].contains(print), "{i}");
        }
        assert_ne!(of(b"ab"), of(b"ac"));
    }
}
