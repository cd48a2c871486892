//! Files that lie, each in one way, and files that are damaged at random.

mod support;

use std::fs;

use kinora_nn::{Lora, WeightFile};
use kinora_tensor::Precision;
use support::{fixture, tensor};

fn check(name: &str, reason: &str) {
    let bytes = fs::read(fixture("broken").join(name)).unwrap();
    let error = WeightFile::from_bytes(name, bytes).err();
    let message = error
        .unwrap_or_else(|| panic!("{name} was read"))
        .to_string();
    assert!(
        message.starts_with(&format!("{name}: not a whole ")),
        "{message}"
    );
    assert!(message.contains(reason), "{name}: {message}");
}

#[test]
fn gguf_files_that_lie_are_refused_with_a_reason() {
    let cases = [
        ("magic", "safetensors file: a header of"),
        ("version", "its version is 1, 2 and 3 are read"),
        ("big_endian", "big-endian"),
        (
            "cut_header",
            "it ends within 8 bytes from byte 16, it has 20",
        ),
        ("cut_name", "it ends within 8 bytes from byte 32, it has 36"),
        (
            "cut_data",
            "`a.weight` of [2, 2] in F32: it does not lie within the file",
        ),
        ("tensor_count", "it ends within"),
        ("value_count", "it ends within"),
        ("text_length", "it ends within 9223372036854775808 bytes"),
        ("utf8", "the text at byte 32 is not UTF-8"),
        ("value_type", "`key`: a value of the unknown type 99"),
        ("truth", "`key`: 2 is no truth value"),
        ("list_length", "a list of 1099511627776 values is too long"),
        ("list_depth", "lists within more than 3 lists"),
        ("value_twice", "`key` is described twice"),
        ("tensor_twice", "the tensor `a` stands in it twice"),
        ("alignment", "not a power of two"),
        ("alignment_zero", "not a power of two"),
        ("axes", "`a` has 7 axes"),
        ("product", "more elements than a computer counts"),
        ("rows", "`a` of [40] in Q8_0: its rows are not whole blocks"),
        ("offset", "it does not lie within the file"),
        ("misaligned", "it is not where the alignment puts it"),
        ("original_shape", "its original shape is"),
    ];
    for (name, reason) in cases {
        check(&format!("{name}.gguf"), reason);
    }
    assert_eq!(count("gguf"), cases.len());
}

#[test]
fn safetensors_files_that_lie_are_refused_with_a_reason() {
    let cases = [
        ("empty", "no room for the length of a header"),
        ("length", "a header of 18446744073709551615 bytes"),
        ("length_long", "a header of 1000000000 bytes"),
        ("not_json", "the header is not JSON"),
        ("utf8", "the header is not JSON"),
        ("deep", "the header is not JSON"),
        ("no_shape", "`a`: missing field `shape`"),
        ("negative", "`a`: invalid value"),
        ("reversed", "outside of the file"),
        ("outside", "`a` lies at 0..16, outside of the file"),
        ("short", "`a` of [3] in F32 does not fill 8 bytes"),
        ("product", "in F32 does not fill 8 bytes"),
        ("wraps", "outside of the file"),
        ("overlap", "its tensors overlap or leave a gap"),
        ("gap", "its tensors overlap or leave a gap"),
        ("cut", "`a` lies at 0..8, outside of the file"),
        ("trailing", "its tensors end at byte"),
        ("metadata", "`__metadata__`: invalid type"),
        (
            "scale",
            "`a.scale_weight` of [3] in F32 beside `a.weight` of [2, 2]",
        ),
        ("checkpoint", "it is a PyTorch checkpoint"),
        ("pointer", "it is a Git LFS pointer"),
    ];
    for (name, reason) in cases {
        check(&format!("{name}.safetensors"), reason);
    }
    assert_eq!(count("safetensors"), cases.len());
}

/// Files of the broken corpus that end so.
fn count(extension: &str) -> usize {
    let files = fs::read_dir(fixture("broken")).unwrap();
    files
        .filter(|file| file.as_ref().unwrap().path().extension() == Some(extension.as_ref()))
        .count()
}

/// A linear congruential generator: the same damage on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % limit.max(1)
    }

    /// A number that readers are known to stumble over.
    fn number(&mut self) -> u64 {
        let powers = [
            0,
            1,
            31,
            32,
            255,
            1 << 31,
            1 << 32,
            1 << 33,
            1 << 62,
            1 << 63,
            u64::MAX,
        ];
        powers[self.below(powers.len())].wrapping_sub(self.below(2) as u64)
    }

    /// Damages a file in one to four places, most of them in its header.
    fn damage(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(4) {
            let within = if self.below(4) == 0 {
                bytes.len()
            } else {
                bytes.len().min(1200)
            };
            let at = self.below(within);
            match self.below(6) {
                0 => bytes.truncate(at),
                1 => bytes.extend_from_slice(&[0; 9]),
                2 | 3 => {
                    let number = self.number().to_le_bytes();
                    let width = [1, 4, 8][self.below(3)].min(bytes.len() - at);
                    bytes[at..at + width].copy_from_slice(&number[..width]);
                }
                4 if at < bytes.len() => {
                    let removed = self.below(9).min(bytes.len() - at);
                    bytes.drain(at..at + removed);
                }
                _ if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
                _ => {}
            }
        }
    }
}

/// Reads whatever can be read of a file, as a model and as a LoRA.
fn read_all(bytes: Vec<u8>) -> bool {
    let Ok(file) = WeightFile::from_bytes("damaged", bytes.clone()) else {
        return false;
    };
    let weights = file.weights(Precision::Bf16);
    let names: Vec<&str> = file.names().collect();
    for name in names {
        let _ = tensor(&weights, name);
        let _ = file.embedded_file(name);
    }
    let _ = file.finish();
    if let Ok(lora) = WeightFile::from_bytes("damaged", bytes) {
        let model = support::open("lora_model.safetensors");
        if let Ok((model, _)) = model.with_lora(&Lora::new(lora), 1.0, &[]) {
            let weights = model.weights(Precision::F32);
            for name in model.names() {
                let _ = tensor(&weights, name);
            }
        }
    }
    true
}

/// The corpus: whole files, and those that lie.
fn seeds() -> Vec<Vec<u8>> {
    let whole = ["", "broken"].iter().flat_map(|folder| {
        let files = fs::read_dir(fixture(folder)).unwrap();
        files
            .map(|file| file.unwrap().path())
            .filter(|path| path.is_file())
    });
    let mut paths: Vec<_> = whole.collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

#[test]
fn damaged_files_are_read_or_refused_and_never_end_the_program() {
    let seeds = seeds();
    let rounds = std::env::var("KINORA_FUZZ_ROUNDS").ok();
    let rounds = rounds.and_then(|rounds| rounds.parse().ok()).unwrap_or(400);
    let mut random = Random(5);
    let mut read = 0;
    for seed in &seeds {
        for _ in 0..rounds {
            let mut bytes = seed.clone();
            random.damage(&mut bytes);
            read += usize::from(read_all(bytes));
        }
    }
    assert!(
        read > rounds,
        "the damage is too heavy to test what lies behind the header"
    );
}
