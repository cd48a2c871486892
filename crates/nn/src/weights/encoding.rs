//! How the elements of a tensor are stored, and how they become numbers.

mod blocks;
mod k_blocks;

use std::fmt;

use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};
use kinora_tensor::{DType, Element, Tensor};

/// The type of a tensor's elements in a file.
///
/// Reference of the block types: `ggml/src/ggml-common.h` and `ggml-quants.c` of `ggml-org/ggml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    F32,
    F16,
    Bf16,
    F8E4m3,
    F8E5m2,
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q8_0,
    Q2K,
    Q3K,
    Q4K,
    Q5K,
    Q6K,
    /// A type that no layer takes, by its name in the file.
    Unknown(String),
}

/// Why stored elements did not become a tensor.
#[derive(Debug, PartialEq)]
pub(super) enum DecodeError {
    Unknown(String),
    NotFinite { value: f32, index: usize },
}

/// Elements decoded at a time: they stay in the first cache between the steps, and are whole blocks
/// of every encoding.
const CHUNK: usize = 4096;
/// Elements that a thread decodes before it asks for more.
const SHARE: usize = 16 * CHUNK;

impl Encoding {
    /// The type that a safetensors header names.
    pub(super) fn of_safetensors(dtype: &str) -> Self {
        match dtype {
            "F32" => Self::F32,
            "F16" => Self::F16,
            "BF16" => Self::Bf16,
            "F8_E4M3" => Self::F8E4m3,
            "F8_E5M2" => Self::F8E5m2,
            other => Self::Unknown(other.to_owned()),
        }
    }

    /// The type of the number that GGUF gives it.
    pub(super) fn of_gguf(number: u32) -> Self {
        match number {
            0 => Self::F32,
            1 => Self::F16,
            2 => Self::Q4_0,
            3 => Self::Q4_1,
            6 => Self::Q5_0,
            7 => Self::Q5_1,
            8 => Self::Q8_0,
            10 => Self::Q2K,
            11 => Self::Q3K,
            12 => Self::Q4K,
            13 => Self::Q5K,
            14 => Self::Q6K,
            30 => Self::Bf16,
            other => Self::Unknown(format!("GGUF type {other}")),
        }
    }

    /// Elements of one block, and its bytes; `None` for an unknown type.
    pub(super) fn block(&self) -> Option<(usize, usize)> {
        Some(match self {
            Self::F32 => (1, 4),
            Self::F16 | Self::Bf16 => (1, 2),
            Self::F8E4m3 | Self::F8E5m2 => (1, 1),
            Self::Q4_0 => (32, 18),
            Self::Q4_1 => (32, 20),
            Self::Q5_0 => (32, 22),
            Self::Q5_1 => (32, 24),
            Self::Q8_0 => (32, 34),
            Self::Q2K => (256, 84),
            Self::Q3K => (256, 110),
            Self::Q4K => (256, 144),
            Self::Q5K => (256, 176),
            Self::Q6K => (256, 210),
            Self::Unknown(_) => return None,
        })
    }

    /// The type of a tensor that holds the elements as exactly as the file does.
    pub(super) fn dtype(&self) -> DType {
        match self {
            Self::Bf16 => DType::Bf16,
            _ => DType::F32,
        }
    }

    /// Decodes whole blocks: as many as fill `out`.
    fn decode(&self, data: &[u8], out: &mut [f32]) {
        match self {
            Self::F32 => each(data, out, f32::from_le_bytes),
            Self::Bf16 => each(data, out, |b| Element::to_f32(bf16::from_le_bytes(b))),
            Self::F16 => f16s(data, out),
            Self::F8E4m3 => each(data, out, |[b]| E4M3[usize::from(b)]),
            Self::F8E5m2 => each(data, out, |[b]| E5M2[usize::from(b)]),
            Self::Q4_0 => blocks::decode(data, out, blocks::q4_0),
            Self::Q4_1 => blocks::decode(data, out, blocks::q4_1),
            Self::Q5_0 => blocks::decode(data, out, blocks::q5_0),
            Self::Q5_1 => blocks::decode(data, out, blocks::q5_1),
            Self::Q8_0 => blocks::decode(data, out, blocks::q8_0),
            Self::Q2K => blocks::decode(data, out, k_blocks::q2_k),
            Self::Q3K => blocks::decode(data, out, k_blocks::q3_k),
            Self::Q4K => blocks::decode(data, out, k_blocks::q4_k),
            Self::Q5K => blocks::decode(data, out, k_blocks::q5_k),
            Self::Q6K => blocks::decode(data, out, k_blocks::q6_k),
            Self::Unknown(_) => out.fill(f32::NAN),
        }
    }

    /// Elements as a tensor, times `scale`: nothing, one number for all, or one for each row. `data`
    /// is as long as the shape says.
    ///
    /// Every element is checked to be a number. Measured, this costs an eighth of the decoding:
    /// about 0.1 ns an element on one core.
    pub(super) fn tensor(
        &self,
        data: &[u8],
        scale: &[f32],
        shape: &[usize],
        dtype: DType,
    ) -> Result<Tensor, DecodeError> {
        match dtype {
            DType::F32 => self.fill::<f32>(data, scale, shape),
            DType::Bf16 => self.fill::<bf16>(data, scale, shape),
        }
    }

    fn fill<T: Element>(
        &self,
        data: &[u8],
        scale: &[f32],
        shape: &[usize],
    ) -> Result<Tensor, DecodeError> {
        let Some((elements, bytes)) = self.block() else {
            return Err(DecodeError::Unknown(self.to_string()));
        };
        let count: usize = shape.iter().product();
        let row = count.div_ceil(scale.len().max(1)).max(1);
        Tensor::try_fill(shape, SHARE, |first, out: &mut [T]| {
            let mut buffer = [0.0_f32; CHUNK];
            let data = &data[first / elements * bytes..];
            let pieces = data.chunks(CHUNK / elements * bytes);
            for (i, (data, out)) in pieces.zip(out.chunks_mut(CHUNK)).enumerate() {
                let (chunk, first) = (&mut buffer[..out.len()], first + i * CHUNK);
                self.decode(data, chunk);
                scale_rows(chunk, first, scale, row);
                check_finite(chunk, first)?;
                for (out, &x) in out.iter_mut().zip(&*chunk) {
                    *out = T::from_f32(x);
                }
            }
            Ok(())
        })
    }
}

/// Multiplies elements by the factor of all or by that of their row. `first` is the index of the
/// first.
fn scale_rows(elements: &mut [f32], first: usize, scale: &[f32], row: usize) {
    match scale {
        [] => {}
        [scale] => elements.iter_mut().for_each(|x| *x *= scale),
        scales => {
            for (i, x) in elements.iter_mut().enumerate() {
                *x *= scales[(first + i) / row];
            }
        }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::Bf16 => "BF16",
            Self::F8E4m3 => "F8_E4M3",
            Self::F8E5m2 => "F8_E5M2",
            Self::Q4_0 => "Q4_0",
            Self::Q4_1 => "Q4_1",
            Self::Q5_0 => "Q5_0",
            Self::Q5_1 => "Q5_1",
            Self::Q8_0 => "Q8_0",
            Self::Q2K => "Q2_K",
            Self::Q3K => "Q3_K",
            Self::Q4K => "Q4_K",
            Self::Q5K => "Q5_K",
            Self::Q6K => "Q6_K",
            Self::Unknown(name) => name,
        })
    }
}

/// Decodes elements of `N` bytes each.
fn each<const N: usize>(data: &[u8], out: &mut [f32], number: impl Fn([u8; N]) -> f32) {
    for (out, &bytes) in out.iter_mut().zip(data.as_chunks().0) {
        *out = number(bytes);
    }
}

/// Decodes halves through the half crate's slices, which use the processor's own conversion.
fn f16s(data: &[u8], out: &mut [f32]) {
    const STEP: usize = 256;
    let mut halves = [f16::ZERO; STEP];
    for (data, out) in data.chunks(2 * STEP).zip(out.chunks_mut(STEP)) {
        let halves = &mut halves[..out.len()];
        for (half, &bytes) in halves.iter_mut().zip(data.as_chunks().0) {
            *half = f16::from_le_bytes(bytes);
        }
        halves.convert_to_f32_slice(out);
    }
}

/// The numbers of 8-bit floats with 4 bits of exponent: no infinity, one NaN of each sign.
static E4M3: [f32; 256] = eight_bits(4);
/// The numbers of 8-bit floats with 5 bits of exponent: the upper byte of an F16.
static E5M2: [f32; 256] = eight_bits(5);

/// The number of each byte of an 8-bit float.
///
/// Reference: Micikevicius et al., "FP8 formats for deep learning", arXiv 2209.05433, table 1.
const fn eight_bits(exponent_bits: u32) -> [f32; 256] {
    let mantissa_bits = 7 - exponent_bits;
    let bias = (1 << (exponent_bits - 1)) - 1;
    let mut numbers = [0.0; 256];
    let mut byte = 0_usize;
    while byte < 256 {
        let exponent = (byte as u32 & 0x7f) >> mantissa_bits;
        let mantissa = byte as u32 & ((1 << mantissa_bits) - 1);
        // A number is `significand * 2^(e - bias - mantissa bits)`; that power of two as an f32.
        let (significand, e) = match exponent {
            0 => (mantissa, 1),
            e => (mantissa | 1 << mantissa_bits, e),
        };
        let power = f32::from_bits((e + 127 - bias - mantissa_bits) << 23);
        let number = if exponent_bits == 5 && exponent == 31 {
            if mantissa == 0 {
                f32::INFINITY
            } else {
                f32::NAN
            }
        } else if exponent_bits == 4 && byte & 0x7f == 0x7f {
            f32::NAN
        } else {
            significand as f32 * power
        };
        numbers[byte] = if byte >= 128 { -number } else { number };
        byte += 1;
    }
    numbers
}

/// Checks that no element is NaN or infinite. `first` is the index of the first.
pub(super) fn check_finite(elements: &[f32], first: usize) -> Result<(), DecodeError> {
    const LANES: usize = 16;
    // Zero times a number is zero, zero times anything else NaN, and a NaN stays in its lane's sum.
    let (whole, rest) = elements.as_chunks::<LANES>();
    let mut sums = [0.0_f32; LANES];
    for chunk in whole {
        for (sum, x) in sums.iter_mut().zip(chunk) {
            *sum += x * 0.0;
        }
    }
    if !sums.iter().chain(rest).any(|x| !x.is_finite()) {
        return Ok(());
    }
    let index = elements.iter().position(|x| !x.is_finite()).unwrap_or(0);
    Err(DecodeError::NotFinite {
        value: elements[index],
        index: first + index,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(encoding: &Encoding, data: &[u8], scale: &[f32]) -> Result<Vec<f32>, DecodeError> {
        let (elements, bytes) = encoding.block().unwrap();
        let count = data.len() / bytes * elements;
        let tensor = encoding.tensor(data, scale, &[count], DType::F32)?;
        Ok(tensor.to_vec())
    }

    fn decoded(encoding: &Encoding, data: &[u8]) -> Vec<f32> {
        read(encoding, data, &[]).unwrap()
    }

    #[test]
    fn eight_bit_floats_are_those_of_the_paper() {
        // Table 1: the largest, the smallest normal and the smallest subnormal number.
        let e4m3 = decoded(&Encoding::F8E4m3, &[0x7e, 0x08, 0x01, 0x38, 0xb8, 0]);
        let (normal, subnormal) = (f32::powi(2.0, -6), f32::powi(2.0, -9));
        assert_eq!(e4m3, [448.0, normal, subnormal, 1.0, -1.0, 0.0]);
        let e5m2 = decoded(&Encoding::F8E5m2, &[0x7b, 0x04, 0x01, 0x3c, 0xbc, 0]);
        let (normal, subnormal) = (f32::powi(2.0, -14), f32::powi(2.0, -16));
        assert_eq!(e5m2, [57344.0, normal, subnormal, 1.0, -1.0, 0.0]);
        for byte in 0..=255_u8 {
            let half = f16::from_bits(u16::from(byte) << 8).to_f32();
            let ours = E5M2[usize::from(byte)];
            let alike = ours.to_bits() == half.to_bits() || ours.is_nan() && half.is_nan();
            assert!(alike, "{byte}");
        }
    }

    #[test]
    fn eight_bit_floats_that_are_no_numbers_are_refused() {
        for (encoding, byte) in [
            (Encoding::F8E4m3, 0x7f),
            (Encoding::F8E4m3, 0xff),
            (Encoding::F8E5m2, 0x7c),
            (Encoding::F8E5m2, 0xff),
        ] {
            let result = read(&encoding, &[0, byte], &[]);
            assert!(matches!(
                result,
                Err(DecodeError::NotFinite { index: 1, .. })
            ));
        }
    }

    #[test]
    fn no_element_escapes_the_check() {
        for length in [1, 16, 17, 100] {
            for place in 0..length {
                for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                    let mut elements = vec![f32::MAX; length];
                    assert_eq!(check_finite(&elements, 0), Ok(()));
                    elements[place] = value;
                    let found = check_finite(&elements, 5);
                    let index = place + 5;
                    assert!(
                        matches!(found, Err(DecodeError::NotFinite { index: i, .. }) if i == index)
                    );
                }
            }
        }
    }

    #[test]
    fn rows_have_a_scale_each() {
        let data: Vec<u8> = (1..=6_u8)
            .flat_map(|x| f32::from(x).to_le_bytes())
            .collect();
        let scaled = |scale: &[f32]| read(&Encoding::F32, &data, scale).unwrap();
        assert_eq!(scaled(&[2.0, 10.0]), [2.0, 4.0, 6.0, 40.0, 50.0, 60.0]);
        assert_eq!(scaled(&[0.5]), [0.5, 1.0, 1.5, 2.0, 2.5, 3.0]);
    }

    #[test]
    fn long_tensors_are_read_in_chunks() {
        let numbers: Vec<f32> = (0..3 * SHARE + CHUNK + 7)
            .map(|i| (i % 2048) as f32)
            .collect();
        let data: Vec<u8> = numbers
            .iter()
            .flat_map(|&x| f16::from_f32(x).to_le_bytes())
            .collect();
        assert_eq!(decoded(&Encoding::F16, &data), numbers);
    }
}
