//! Super-blocks of 256 elements: parts of 16 or 32 with a small factor each, and one factor of those.

use super::blocks::half;

/// Factors and offsets of eight parts, 6 bits each in 12 bytes: the lower four parts stand whole in
/// bytes 0..8, the upper four have their low halves in bytes 8..12 and their high bits in the free
/// upper bits of the first eight.
fn scale_and_min(packed: &[u8], part: usize) -> (f32, f32) {
    let (scale, min) = if part < 4 {
        (packed[part] & 63, packed[part + 4] & 63)
    } else {
        let low = packed[part + 4];
        let (scale, min) = (packed[part - 4] >> 6, packed[part] >> 6);
        (low & 15 | scale << 4, low >> 4 | min << 4)
    };
    (f32::from(scale), f32::from(min))
}

/// `[16 x (scale, min), 64 bytes, d, dmin]`: `d scale q - dmin min`, parts of 16.
pub(super) fn q2_k(block: &[u8; 84], out: &mut [f32; 256]) {
    let (d, dmin) = (half(block, 80), half(block, 82));
    let (scales, bits) = (&block[..16], &block[16..80]);
    for (i, out) in out.iter_mut().enumerate() {
        let scale = scales[i / 16];
        let q = bits[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3;
        *out = d * f32::from(scale & 15) * f32::from(q) - dmin * f32::from(scale >> 4);
    }
}

/// `[256 bits, 64 bytes, 16 scales of 6 bits, d]`: `d (scale - 32) (q - 4)` with the third bit of
/// `q` first, parts of 16.
pub(super) fn q3_k(block: &[u8; 110], out: &mut [f32; 256]) {
    let d = half(block, 108);
    let (high, bits, scales) = (&block[..32], &block[32..96], &block[96..108]);
    for (i, out) in out.iter_mut().enumerate() {
        let part = i / 16;
        let low = scales[part % 8] >> (part / 8 * 4) & 15;
        let scale = low | (scales[8 + part % 4] >> (part / 4 * 2) & 3) << 4;
        let q = bits[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3;
        let q = q | (high[i % 32] >> (i / 32) & 1) << 2;
        *out = d * (i32::from(scale) - 32) as f32 * (i32::from(q) - 4) as f32;
    }
}

/// `[d, dmin, 12 bytes of scales and mins, 128 bytes]`: `d scale q - dmin min`, parts of 32. A byte
/// holds an element of one part and of the next.
pub(super) fn q4_k(block: &[u8; 144], out: &mut [f32; 256]) {
    let (d, dmin) = (half(block, 0), half(block, 2));
    for (part, out) in out.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        let (scale, min) = scale_and_min(&block[4..16], part);
        let (scale, min) = (d * scale, dmin * min);
        let bytes = &block[16 + part / 2 * 32..][..32];
        for (out, byte) in out.iter_mut().zip(bytes) {
            let q = byte >> (part % 2 * 4) & 15;
            *out = scale * f32::from(q) - min;
        }
    }
}

/// `[d, dmin, 12 bytes of scales and mins, 256 bits, 128 bytes]`: as [`q4_k`] with a fifth bit.
pub(super) fn q5_k(block: &[u8; 176], out: &mut [f32; 256]) {
    let (d, dmin) = (half(block, 0), half(block, 2));
    let high = &block[16..48];
    for (part, out) in out.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        let (scale, min) = scale_and_min(&block[4..16], part);
        let (scale, min) = (d * scale, dmin * min);
        let bytes = &block[48 + part / 2 * 32..][..32];
        for ((out, byte), high) in out.iter_mut().zip(bytes).zip(high) {
            let q = byte >> (part % 2 * 4) & 15 | (high >> part & 1) << 4;
            *out = scale * f32::from(q) - min;
        }
    }
}

/// `[128 bytes, 64 bytes, 16 signed scales, d]`: `d scale (q - 32)`, parts of 16. Half a block has
/// its low halves in 64 bytes and its upper two bits in 32.
pub(super) fn q6_k(block: &[u8; 210], out: &mut [f32; 256]) {
    let d = half(block, 208);
    for (part, out) in out.as_chunks_mut::<16>().0.iter_mut().enumerate() {
        let scale = d * f32::from(block[192 + part] as i8);
        let (half, quarter, first) = (part / 8, part % 8 / 2, part % 2 * 16);
        let low = &block[half * 64 + quarter % 2 * 32 + first..][..16];
        let high = &block[128 + half * 32 + first..][..16];
        for ((out, low), high) in out.iter_mut().zip(low).zip(high) {
            let q = low >> (quarter / 2 * 4) & 15 | (high >> (quarter * 2) & 3) << 4;
            *out = scale * (i32::from(q) - 32) as f32;
        }
    }
}
