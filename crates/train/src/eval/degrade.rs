//! Spoils true renders the way a codec or a model may, so that detectors do not rely on sharpness.

use kinora_filmset::script::random::Rng;
use kinora_measure::{Clip, image::Plane, image::area_resize};

/// Leaves half of all clips alone; blurs, quiets, brightens or dirties the others.
pub fn degrade(clip: &mut Clip, rng: &mut Rng) {
    if rng.chance(0.5) {
        return;
    }
    let shrink = if rng.chance(0.7) {
        rng.range(1.2, 2.6)
    } else {
        1.0
    };
    let noise = if rng.chance(0.4) {
        rng.range(1.0, 6.0)
    } else {
        0.0
    };
    let wobble = if rng.chance(0.4) {
        rng.range(0.5, 2.5)
    } else {
        0.0
    };
    let (w, h) = (clip.width as usize, clip.height as usize);
    for (i, frame) in clip.frames.chunks_exact_mut(w * h * 3).enumerate() {
        if shrink > 1.0 {
            blur(frame, (w, h), shrink);
        }
        // A causal codec changes a little with every latent frame, which is eight frames long.
        let light = wobble * (((i / 8) * 37 % 11) as f32 / 5.0 - 1.0);
        if noise > 0.0 || light != 0.0 {
            for byte in frame {
                let grain = rng.range(-1.0, 1.0) + rng.range(-1.0, 1.0);
                *byte = (f32::from(*byte) + light + noise * grain).clamp(0.0, 255.0) as u8;
            }
        }
    }
}

/// Shrinks by `factor` and stretches back.
fn blur(frame: &mut [u8], (w, h): (usize, usize), factor: f32) {
    let small = ((w as f32 / factor) as usize, (h as f32 / factor) as usize);
    let pixels = area_resize(frame, (w, h), 3, small);
    let planes: Vec<Plane> = (0..3)
        .map(|c| {
            let channel = pixels.iter().skip(c).step_by(3).copied().collect();
            Plane::new(small.0, small.1, channel)
        })
        .collect();
    let (sx, sy) = (small.0 as f32 / w as f32, small.1 as f32 / h as f32);
    for (p, pixel) in frame.chunks_exact_mut(3).enumerate() {
        let x = ((p % w) as f32 + 0.5) * sx - 0.5;
        let y = ((p / w) as f32 + 0.5) * sy - 0.5;
        for (byte, plane) in pixel.iter_mut().zip(&planes) {
            *byte = plane.sample(x, y).round() as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blur_spreads_a_point_and_keeps_the_mean() {
        let mut frame = vec![0u8; 32 * 32 * 3];
        frame[(16 * 32 + 16) * 3..][..3].fill(200);
        blur(&mut frame, (32, 32), 2.0);
        assert!(frame.iter().filter(|&&b| b > 0).count() > 3 * 6);
        let sum: u32 = frame.iter().map(|&b| u32::from(b)).sum();
        assert!((450..750).contains(&sum), "{sum}");
    }
}
