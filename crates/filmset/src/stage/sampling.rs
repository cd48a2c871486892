//! The inner loops of every frame: reading a card between its pixels, and laying it down.

use super::bitmap::{HALF, LANES, over, pack, spread};

/// Mixes two rows; `weight` of the second, 0 to 256.
pub fn mix_rows(a: &[u32], b: &[u32], weight: u16, out: &mut [u32]) {
    if weight == 0 {
        out.copy_from_slice(a);
        return;
    }
    let (a, b): (&[u8], &[u8]) = (bytemuck::cast_slice(a), bytemuck::cast_slice(b));
    let out: &mut [u8] = bytemuck::cast_slice_mut(out);
    for ((o, &a), &b) in out.iter_mut().zip(a).zip(b) {
        *o = ((u16::from(a) * (256 - weight) + u16::from(b) * weight + 128) >> 8) as u8;
    }
}

/// Samples a fetched row at `from + x * step` (+ bend) for every `x` of `out`.
pub fn sample(line: &[u32], from: f32, step: f32, bend: Option<(&[f32], f32)>, out: &mut [u32]) {
    const ONE: f32 = 65536.0;
    let base = (from * ONE) as i64;
    let step = (f64::from(step) * f64::from(ONE)).round() as i64;
    let limit = ((line.len() - 2) as i64) << 16;
    if let Some((table, amount)) = bend {
        for (x, pixel) in out.iter_mut().enumerate() {
            let bent = (table[x] * amount).clamp(-46.0, 46.0) * ONE;
            let at = base + x as i64 * step + bent as i64;
            *pixel = between(line, at.clamp(0, limit));
        }
    } else if step == 1 << 16 {
        let first = (base >> 16) as usize;
        let sources = &line[first..=first + out.len()];
        let weight = ((base >> 8) & 255) as u16;
        mix_rows(&sources[..out.len()], &sources[1..], weight, out);
    } else {
        let mut at = base;
        for pixel in out {
            *pixel = between(line, at.min(limit));
            at += step;
        }
    }
}

/// The pixel at `at`, in 1/65536 of a pixel.
#[inline(always)]
#[expect(clippy::inline_always, reason = "the innermost step of every frame")]
fn between(line: &[u32], at: i64) -> u32 {
    let weight = ((at >> 8) & 255) as u64;
    let &[a, b] = line[(at >> 16) as usize..].first_chunk().unwrap_or(&[0, 0]);
    if a == b {
        return a;
    }
    pack(((spread(a) * (256 - weight) + spread(b) * weight + HALF) >> 8) & LANES)
}

/// Lays sources over `row`. Where no source is brighter than its alpha nothing can overflow, and
/// the loop without branches is the faster one.
pub fn composite(sources: &[u32], adds_light: bool, row: &mut [u32]) {
    for (pixel, &source) in row.iter_mut().zip(sources) {
        *pixel = if adds_light {
            over(source, *pixel)
        } else {
            over_plain(source, *pixel)
        };
    }
}

/// [`over`] for a source whose channels are at most its alpha: two bytes a multiplication.
fn over_plain(source: u32, below: u32) -> u32 {
    let a = source >> 24;
    let keep = 256 - (a + (a >> 7));
    let even = (((below & 0x00FF_00FF) * keep + 0x0080_0080) >> 8) & 0x00FF_00FF;
    let odd = (((below >> 8) & 0x00FF_00FF) * keep + 0x0080_0080) & 0xFF00_FF00;
    source + (even | odd)
}
