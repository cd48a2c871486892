//! What the parity tests of Wan share.
#![allow(dead_code, reason = "each test file takes its part")]

mod close;

use std::path::{Path, PathBuf};

use kinora_nn::WeightFile;
use kinora_tensor::{Precision, Tensor};

pub use close::assert_close;

/// Largest error allowed in f32, relative to the largest value: sums in another order.
pub const F32_BOUND: f32 = 2e-5;
/// The same after several steps of a sampler and a decoder.
pub const PIPELINE_BOUND: f32 = 2e-4;
/// Allowed in bf16 against the reference in f32: the root mean square of the error relative to
/// that of the values. The reference's own bf16 is off by 0.6 % in the transformer and by 1.0 and
/// 1.6 % in the decoders, whose narrow tiny maps norms make worse than published ones.
pub const BF16_BOUND: f64 = 3e-2;

pub fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/wan")
        .join(name)
}

pub fn open(name: &str) -> WeightFile {
    WeightFile::open(&path(&format!("{name}.safetensors"))).expect("a fixture")
}

pub fn config(name: &str) -> String {
    std::fs::read_to_string(path(&format!("{name}.json"))).expect("a config")
}

pub fn read<const N: usize>(file: &WeightFile, name: &str, shape: [usize; N]) -> Tensor {
    file.weights(Precision::F32)
        .tensor(name, shape)
        .expect("a named intermediate")
}

/// Checks against the bound of a precision.
#[track_caller]
pub fn assert_parity(what: &str, ours: &Tensor, reference: &Tensor, precision: Precision) {
    let bound = match precision {
        Precision::F32 => return assert_close(what, ours, reference, F32_BOUND),
        Precision::Bf16 | Precision::Int8 => BF16_BOUND,
    };
    assert_eq!(ours.shape(), reference.shape(), "{what}");
    let power = |x: &Tensor| {
        x.to_vec()
            .iter()
            .map(|&x| f64::from(x).powi(2))
            .sum::<f64>()
    };
    let error = (power(&ours.to_dtype(reference.dtype()).sub(reference)) / power(reference)).sqrt();
    assert!(error <= bound, "{what}: off by {error} on average");
}
