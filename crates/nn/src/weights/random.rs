//! A file that holds whatever a model asks of it, for measuring the speed of models whose weights are not
//! here.

use std::collections::BTreeMap;
use std::convert::Infallible;

use half::bf16;
use kinora_tensor::{DType, Element, Tensor};

use super::WeightFile;

/// Elements that a thread makes before it asks for more; a multiple of [`DRAWN`].
const SHARE: usize = 1 << 16;
/// Elements made of one random number of 64 bits.
const DRAWN: usize = 4;

impl WeightFile {
    /// A file that has every tensor it is asked for, in the shape it is asked for: the configuration
    /// of a model is all that loading one takes. A tensor is made when it is read, in bf16 unless
    /// the layer wants another type, and kept by the layer alone.
    ///
    /// The numbers are uniform around 0 and the same for the same name on every machine, with
    /// variance 1 over the number of inputs of an output, so that what goes through many layers
    /// neither vanishes nor overflows.
    ///
    /// [`Weights::has`](super::Weights::has) finds nothing: a model that tells its layout by it takes
    /// that of a file without the tensor.
    pub fn random(name: &str) -> Self {
        Self {
            is_random: true,
            ..Self::of_tensors(name, BTreeMap::new())
        }
    }
}

/// The tensor of this name, its first axis the outputs.
pub(super) fn tensor(name: &str, shape: &[usize], dtype: DType) -> Tensor {
    match dtype {
        DType::F32 => fill::<f32>(name, shape),
        DType::Bf16 => fill::<bf16>(name, shape),
    }
}

fn fill<T: Element>(name: &str, shape: &[usize]) -> Tensor {
    let seed = name
        .bytes()
        .fold(0, |seed, byte| mix(seed ^ u64::from(byte)));
    let inputs = shape.iter().skip(1).product::<usize>().max(1);
    // Uniform in [-1, 1] has a variance of a third; 2^15 steps make that of 16 bits.
    let step = (3.0 / inputs as f32).sqrt() / 32_768.0;
    let filled = Tensor::try_fill(shape, SHARE, |first, out: &mut [T]| {
        for (i, out) in (first / DRAWN..).zip(out.chunks_mut(DRAWN)) {
            let bits = mix(seed.wrapping_add(i as u64));
            for (lane, out) in out.iter_mut().enumerate() {
                *out = T::from_f32(f32::from((bits >> (16 * lane)) as i16) * step);
            }
        }
        Ok::<(), Infallible>(())
    });
    match filled {
        Ok(tensor) => tensor,
        Err(never) => match never {},
    }
}

/// Scatters the bits of `x` (the finaliser of `SplitMix64`).
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use kinora_tensor::Precision;

    use super::*;

    #[test]
    fn what_is_asked_for_is_there_and_keeps_the_size_of_what_goes_through() {
        let file = WeightFile::random("made up");
        let weights = file.weights(Precision::Bf16);
        let a = weights.factor("a.weight", [30, 3000]).unwrap();
        assert_eq!(a.dtype(), DType::Bf16);
        let values = a.to_vec();
        let sum = |f: fn(f32) -> f32| values.iter().map(|&x| f(x)).sum::<f32>();
        let (mean, variance) = (sum(|x| x) / 9e4, sum(|x| x * x) / 9e4);
        assert!(mean.abs() < 1e-3, "{mean}");
        assert!((variance * 3000.0 - 1.0).abs() < 0.05, "{variance}");

        let again = weights.factor("a.weight", [30, 3000]).unwrap();
        let other = weights.factor("b.weight", [30, 3000]).unwrap();
        assert_eq!(again.to_vec(), values);
        assert_ne!(other.to_vec(), values);
        assert!(!weights.has("a.weight"));
        file.finish().unwrap();
    }
}
