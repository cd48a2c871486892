//! How close to a reference a tensor must be, for all parity tests.

use kinora_tensor::Tensor;

/// Checks that no element is off by more than `bound` times the largest value of the reference.
#[track_caller]
pub fn assert_close(what: &str, ours: &Tensor, reference: &Tensor, bound: f32) {
    assert_eq!(ours.shape(), reference.shape(), "{what}");
    let (ours, reference) = (ours.to_vec(), reference.to_vec());
    let scale = largest(reference.iter().map(|x| x.abs()));
    let error = largest(ours.iter().zip(&reference).map(|(a, b)| (a - b).abs()));
    println!("{what}: {}", error / scale);
    assert!(
        error <= bound * scale,
        "{what}: off by {error}, allowed {} of {scale}",
        bound * scale
    );
}

/// The largest of numbers that are not negative, and NaN where one of them is: `f32::max` would pass
/// over it.
fn largest(values: impl Iterator<Item = f32>) -> f32 {
    values.fold(0.0, |most, x| if x > most || x.is_nan() { x } else { most })
}
