//! Blocks of 32 elements that share a factor, and some an offset.

use half::f16;

/// Decodes blocks of `BYTES` bytes to `ELEMENTS` numbers each.
pub(super) fn decode<const BYTES: usize, const ELEMENTS: usize>(
    data: &[u8],
    out: &mut [f32],
    block: fn(&[u8; BYTES], &mut [f32; ELEMENTS]),
) {
    for (data, out) in data.as_chunks().0.iter().zip(out.as_chunks_mut().0) {
        block(data, out);
    }
}

/// The half at byte `at`.
pub(super) fn half(block: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([block[at], block[at + 1]]).to_f32()
}

/// `[d, 16 bytes]`: `d (q - 8)`. A byte holds elements `i` and `i + 16`.
pub(super) fn q4_0(block: &[u8; 18], out: &mut [f32; 32]) {
    let d = half(block, 0);
    for (i, byte) in block[2..].iter().enumerate() {
        out[i] = d * (i32::from(byte & 15) - 8) as f32;
        out[i + 16] = d * (i32::from(byte >> 4) - 8) as f32;
    }
}

/// `[d, m, 16 bytes]`: `d q + m`.
pub(super) fn q4_1(block: &[u8; 20], out: &mut [f32; 32]) {
    let (d, m) = (half(block, 0), half(block, 2));
    for (i, byte) in block[4..].iter().enumerate() {
        out[i] = d * f32::from(byte & 15) + m;
        out[i + 16] = d * f32::from(byte >> 4) + m;
    }
}

/// The 5-bit numbers `i` and `i + 16`: the fifth bits stand together in 32 bits before the bytes.
fn five_bits(bits: &[u8], i: usize) -> [u8; 2] {
    let (high, byte) = (&bits[..4], bits[4 + i]);
    let fifth = |i: usize| (high[i / 8] >> (i % 8) & 1) << 4;
    [byte & 15 | fifth(i), byte >> 4 | fifth(i + 16)]
}

/// `[d, 32 bits, 16 bytes]`: `d (q - 16)`.
pub(super) fn q5_0(block: &[u8; 22], out: &mut [f32; 32]) {
    let d = half(block, 0);
    for i in 0..16 {
        let [low, high] = five_bits(&block[2..], i).map(|q| d * (i32::from(q) - 16) as f32);
        (out[i], out[i + 16]) = (low, high);
    }
}

/// `[d, m, 32 bits, 16 bytes]`: `d q + m`.
pub(super) fn q5_1(block: &[u8; 24], out: &mut [f32; 32]) {
    let (d, m) = (half(block, 0), half(block, 2));
    for i in 0..16 {
        let [low, high] = five_bits(&block[4..], i).map(|q| d * f32::from(q) + m);
        (out[i], out[i + 16]) = (low, high);
    }
}

/// `[d, 32 signed bytes]`: `d q`.
pub(super) fn q8_0(block: &[u8; 34], out: &mut [f32; 32]) {
    let d = half(block, 0);
    for (out, &byte) in out.iter_mut().zip(&block[2..]) {
        *out = d * f32::from(byte as i8);
    }
}
