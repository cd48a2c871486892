//! Element types.

#![allow(
    clippy::inline_always,
    reason = "kernels must be compiled for their instruction set"
)]

use half::bf16;

/// The type of a tensor's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DType {
    /// 32-bit IEEE float.
    F32,
    /// The upper half of an `F32`: 8 bits of exponent, 8 of mantissa.
    Bf16,
}

impl DType {
    /// Bytes of one element.
    pub fn size_bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::Bf16 => 2,
        }
    }
}

/// A Rust type that a tensor can hold.
pub trait Element: Copy + Send + Sync + Default + PartialEq + sealed::Sealed + 'static {
    /// The type's name at run time.
    const DTYPE: DType;

    /// Widens to f32, exactly.
    fn to_f32(self) -> f32;

    /// Rounds to the nearest value, ties to even.
    fn from_f32(value: f32) -> Self;
}

impl Element for f32 {
    const DTYPE: DType = DType::F32;

    #[inline(always)]
    fn to_f32(self) -> f32 {
        self
    }

    #[inline(always)]
    fn from_f32(value: f32) -> Self {
        value
    }
}

impl Element for bf16 {
    const DTYPE: DType = DType::Bf16;

    #[inline(always)]
    fn to_f32(self) -> f32 {
        f32::from_bits(u32::from(self.to_bits()) << 16)
    }

    /// Branch-free, so that loops over it vectorise. A NaN stays a NaN unless its payload sits
    /// only in the lowest bits, which arithmetic never produces.
    #[inline(always)]
    fn from_f32(value: f32) -> Self {
        let bits = value.to_bits();
        let rounded = bits.wrapping_add(0x7fff + ((bits >> 16) & 1));
        Self::from_bits((rounded >> 16) as u16)
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for half::bf16 {}
}

/// Calls a generic function with the Rust type that a [`DType`] names.
macro_rules! with_element {
    ($dtype:expr, $element:ident => $body:expr) => {
        match $dtype {
            $crate::DType::F32 => {
                type $element = f32;
                $body
            }
            $crate::DType::Bf16 => {
                type $element = half::bf16;
                $body
            }
        }
    };
}
pub(crate) use with_element;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bf16_rounding_matches_the_half_crate() {
        let mut bits = 0_u32;
        for _ in 0..100_000 {
            bits = bits.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let value = f32::from_bits(bits);
            if !value.is_nan() {
                let ours = <bf16 as Element>::from_f32(value);
                assert_eq!(ours, bf16::from_f32(value), "{value}");
            }
        }
    }
}
