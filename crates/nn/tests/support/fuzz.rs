//! Files that nobody would write, made from those of a corpus by random edits, and a ceiling on the
//! memory that reading one takes.
//!
//! `BOLERO_RANDOM_ITERATIONS` sets how many are read, `BOLERO_RANDOM_SEED` repeats them.

#![allow(dead_code, reason = "each test binary uses a part")]

use std::fs;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bolero::TypeGenerator;
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Bytes that a reader may hold for each byte of its file, the file itself not counted. The densest
/// that a file can hold is a JSON object of one member, 7 bytes that become a node of 640.
pub const TIMES: usize = 128;
/// What it may hold whatever the file: names of types, messages, prompts, sentinels.
pub const SLACK: usize = 256 << 10;

/// Bytes at the beginning that are damaged more often than others: those of headers.
const BEGINNING: usize = 1200;

/// Held by a test that measures: the allocator counts for the whole program.
pub fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs a reader of a file of `bytes`, and checks what it held at the most.
#[track_caller]
pub fn bounded<T>(bytes: usize, read: impl FnOnce() -> T) -> T {
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    let result = read();
    let held = MEMORY.peak_usage().saturating_sub(before);
    let most = TIMES * bytes + SLACK;
    assert!(
        held <= most,
        "{held} bytes held for a file of {bytes}, allowed {most}"
    );
    result
}

/// The files of a folder whose names end so, in order.
pub fn corpus(folder: &Path, extensions: &[&str]) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(folder).expect("the corpus");
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("a file").path())
        .filter(|path| {
            let extension = path.extension().and_then(|end| end.to_str());
            extension.is_some_and(|end| extensions.contains(&end))
        })
        .collect();
    paths.sort();
    let seeds = paths.iter().map(|path| fs::read(path).expect("a seed"));
    seeds.collect()
}

/// A seed of the corpus and what is done to it.
#[derive(Debug, Clone, TypeGenerator)]
pub struct Recipe {
    seed: u8,
    /// How many edits are made, and a coin.
    dice: u8,
    edits: [Edit; 4],
}

/// A place in a file, three of four times in its beginning.
#[derive(Debug, Clone, Copy, TypeGenerator)]
struct Place(u32);

#[derive(Debug, Clone, TypeGenerator)]
enum Edit {
    /// Another byte here.
    Put(Place, u8),
    /// One bit turned.
    Flip(Place, u8),
    /// Another letter or digit in the place of the next: text stays text.
    Letter(Place, u8),
    /// One byte more.
    Insert(Place, u8),
    /// So many fewer.
    Cut(Place, u8),
    /// The end.
    End(Place),
    /// A piece once more, elsewhere.
    Repeat(Place, Place, u8),
    /// A power of two, or one less, in 1, 4 or 8 bytes.
    Power(Place, u8, bool, u8),
    /// Another number in the place of the next digits: a power of two, or one less.
    Digits(Place, u8, bool),
}

impl Recipe {
    /// A coin that falls with the recipe.
    pub fn is_even(&self) -> bool {
        self.dice & 4 == 0
    }

    /// The damaged file.
    pub fn cook(&self, corpus: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = corpus[usize::from(self.seed) % corpus.len()].clone();
        for edit in &self.edits[..[1, 1, 2, 4][usize::from(self.dice % 4)]] {
            edit.apply(&mut bytes);
        }
        bytes
    }
}

impl Place {
    /// An index of `bytes`, or its length.
    fn of(self, bytes: &[u8]) -> usize {
        let within = match self.0 & 3 {
            0 => bytes.len(),
            _ => bytes.len().min(BEGINNING),
        };
        (self.0 >> 2) as usize % (within + 1)
    }
}

impl Edit {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match *self {
            Self::Put(place, byte) => {
                let place = place.of(bytes);
                if let Some(old) = bytes.get_mut(place) {
                    *old = byte;
                }
            }
            Self::Flip(place, bit) => {
                let place = place.of(bytes);
                if let Some(old) = bytes.get_mut(place) {
                    *old ^= 1 << (bit % 8);
                }
            }
            Self::Letter(place, byte) => {
                let after = place.of(bytes);
                let mut next = bytes[after..]
                    .iter_mut()
                    .filter(|byte| byte.is_ascii_alphanumeric());
                if let Some(old) = next.next() {
                    *old = b"abkoqvAB0123456789"[usize::from(byte % 18)];
                }
            }
            Self::Insert(place, byte) => bytes.insert(place.of(bytes), byte),
            Self::Cut(place, length) => {
                let begin = place.of(bytes);
                let end = bytes.len().min(begin + usize::from(length));
                bytes.drain(begin..end);
            }
            Self::End(place) => bytes.truncate(place.of(bytes)),
            Self::Repeat(from, to, length) => {
                let begin = from.of(bytes);
                let end = bytes.len().min(begin + usize::from(length));
                let (piece, to) = (bytes[begin..end].to_vec(), to.of(bytes));
                bytes.splice(to..to, piece);
            }
            Self::Power(place, power, less, width) => {
                let begin = place.of(bytes);
                let width = [1, 4, 8][usize::from(width % 3)].min(bytes.len() - begin);
                let number = number(power, less).to_le_bytes();
                bytes[begin..begin + width].copy_from_slice(&number[..width]);
            }
            Self::Digits(place, power, less) => {
                let after = place.of(bytes);
                let digit = bytes[after..].iter().position(u8::is_ascii_digit);
                let begin = after + digit.unwrap_or_default();
                let digits = bytes[begin..]
                    .iter()
                    .take_while(|byte| byte.is_ascii_digit());
                let end = begin + digits.count();
                bytes.splice(begin..end, number(power, less).to_string().into_bytes());
            }
        }
    }
}

/// A number that readers are known to stumble over.
fn number(power: u8, less: bool) -> u64 {
    (1_u64 << (power % 64)).wrapping_sub(u64::from(less))
}
