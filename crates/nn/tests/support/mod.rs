//! What the tests of weight files share.

#![allow(dead_code, reason = "each test binary uses a part")]

use std::path::PathBuf;

use kinora_nn::{WeightFile, Weights};
use kinora_tensor::{Precision, Tensor};

/// The path of a fixture, written by `oracle/open_models/files.py`.
pub fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(name)
}

/// A fixture that is a whole file.
pub fn open(name: &str) -> WeightFile {
    WeightFile::open(&fixture(name)).unwrap()
}

/// The tensor `name` in the shape that the file has.
pub fn read(file: &WeightFile, name: &str) -> Tensor {
    tensor(&file.weights(Precision::F32), name).unwrap()
}

/// The tensor `name` in the shape that the file has, if it can be read.
pub fn tensor(weights: &Weights, name: &str) -> Result<Tensor, kinora_nn::WeightsError> {
    fn sized<const N: usize>(
        weights: &Weights,
        name: &str,
        shape: &[usize],
    ) -> Result<Tensor, kinora_nn::WeightsError> {
        weights.tensor::<N>(name, shape.try_into().unwrap())
    }
    let shape = weights.shape(name).unwrap_or_default();
    match shape.len() {
        0 => sized::<0>(weights, name, shape),
        1 => sized::<1>(weights, name, shape),
        2 => sized::<2>(weights, name, shape),
        3 => sized::<3>(weights, name, shape),
        4 => sized::<4>(weights, name, shape),
        5 => sized::<5>(weights, name, shape),
        _ => sized::<6>(weights, name, shape),
    }
}

/// Every tensor of `truth` is in `file`, exactly so.
pub fn check_equal(file: &WeightFile, truth: &WeightFile) {
    for name in truth.names() {
        let (ours, theirs) = (read(file, name), read(truth, name));
        assert_eq!(ours.shape(), theirs.shape(), "{name}");
        let pairs = ours.to_vec().into_iter().zip(theirs.to_vec());
        let wrong = pairs
            .map(|(a, b)| a - b)
            .position(|off| off.abs() > 0.0 || off.is_nan());
        assert_eq!(wrong, None, "{name}: first element that differs");
    }
}
