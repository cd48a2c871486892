//! Fixtures, and how close to them we must be.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use kinora_nn::WeightFile;
use kinora_tensor::{Precision, Tensor};
use serde_json::{Map, Value};

pub use crate::close::assert_close;

/// Largest error allowed, relative to the largest value: f32 sums in another order.
pub const F32_BOUND: f32 = 2e-5;
/// The same for bf16 matrices (8 bits of mantissa, weights exact, through a dozen layers).
pub const BF16_BOUND: f32 = 3e-2;

pub fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/ltx")
        .join(name)
}

pub fn text(name: &str) -> String {
    fs::read_to_string(path(name)).expect("a fixture")
}

pub fn open(name: &str) -> WeightFile {
    WeightFile::open(&path(&format!("{name}.safetensors"))).expect("a fixture")
}

/// A tensor of any shape.
pub fn read(file: &WeightFile, name: &str) -> Tensor {
    let weights = file.weights(Precision::F32);
    let shape = file
        .shape(name)
        .unwrap_or_else(|| panic!("no tensor {name}"));
    match *shape {
        [a] => weights.tensor(name, [a]),
        [a, b] => weights.tensor(name, [a, b]),
        [a, b, c, d] => weights.tensor(name, [a, b, c, d]),
        _ => panic!("{name} is {shape:?}"),
    }
    .expect("a named intermediate")
}

/// The weights of a fixture as a file of the original layout: only tensors under `weights.`, which
/// get the names that `names` maps to theirs.
pub fn in_original_layout(fixture: &str, names: &str) -> WeightFile {
    let bytes = fs::read(path(&format!("{fixture}.safetensors"))).expect("a fixture");
    let names: BTreeMap<String, String> = serde_json::from_str(&text(names)).expect("names");
    let (length, rest) = bytes.split_at(8);
    let length = u64::from_le_bytes(length.try_into().expect("8 bytes")) as usize;
    let header: Map<String, Value> = serde_json::from_slice(&rest[..length]).expect("a header");
    let data = &rest[length..];
    let (mut renamed, mut kept) = (Map::new(), Vec::new());
    for (original, name) in names {
        let mut entry = header[&format!("weights.{name}")].clone();
        let offsets: [usize; 2] =
            serde_json::from_value(entry["data_offsets"].clone()).expect("offsets");
        let start = kept.len();
        kept.extend_from_slice(&data[offsets[0]..offsets[1]]);
        entry["data_offsets"] = Value::from(vec![start, kept.len()]);
        renamed.insert(original, entry);
    }
    let header = serde_json::to_vec(&renamed).expect("a header");
    let length = (header.len() as u64).to_le_bytes();
    WeightFile::from_bytes("original layout", [&length[..], &header, &kept].concat())
        .expect("a file")
}
