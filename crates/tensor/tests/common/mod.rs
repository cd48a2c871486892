//! What the kernel tests share.

use kinora_tensor::{DType, Isa, Tensor, with_isa};

/// The greatest difference from the reference, relative to the size of the values: sums in another
/// order for F32, one rounding of the result more or less for Bf16.
pub fn tolerance(dtype: DType) -> f32 {
    match dtype {
        DType::F32 => 2e-5,
        DType::Bf16 => 1e-2,
    }
}

/// Numbers from a small congruential generator, roughly uniform in [-1, 1].
pub fn random(dims: &[usize], dtype: DType, seed: u32) -> Tensor {
    let mut state = seed.wrapping_mul(747_796_405).wrapping_add(1);
    let tensor = Tensor::from_fn(dims, |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    });
    tensor.to_dtype(dtype)
}

/// Runs `f` with every instruction set of this machine and compares with the reference.
pub fn check(what: &str, f: impl Fn() -> Tensor) {
    let expected = with_isa(Isa::Reference, &f);
    let values = expected.to_vec();
    let size = values.iter().fold(1e-3_f32, |size, x| size.max(x.abs()));
    for isa in Isa::available() {
        let result = with_isa(isa, &f);
        assert_eq!(result.shape(), expected.shape(), "{what} on {}", isa.name());
        assert_eq!(result.dtype(), expected.dtype(), "{what} on {}", isa.name());
        for (i, (x, y)) in result.to_vec().iter().zip(&values).enumerate() {
            let difference = (x - y).abs() / size;
            assert!(
                difference <= tolerance(expected.dtype()),
                "{what} on {}: {x} for {y} at {i} of {:?}",
                isa.name(),
                expected.shape()
            );
        }
    }
}
