//! Test clips of textured layers that move in known ways.

use crate::Clip;

/// A textured layer from `top` (fraction of the frame's height) down. `view` gives, for a time in
/// seconds, the shift right and down in sqrt(frame area), and the scale.
pub struct Layer<'a> {
    pub top: f32,
    pub view: &'a dyn Fn(f32) -> [f32; 3],
    pub seed: u32,
}

/// Draws layers back to front, `[t, h, w, 3]` at 24 fps.
pub fn layers(size: (u32, u32), count: usize, layers: &[Layer]) -> Clip {
    let (width, height) = size;
    let unit = ((width * height) as f32).sqrt();
    let mut frames = Vec::with_capacity(count * (width * height * 3) as usize);
    for i in 0..count {
        let t = i as f32 / 24.0;
        for y in 0..height {
            let layer = layers
                .iter()
                .rev()
                .find(|l| y as f32 >= l.top * height as f32);
            let layer = layer.expect("a layer from the top of the frame");
            let [dx, dy, scale] = (layer.view)(t);
            for x in 0..width {
                let px = ((x as f32 - width as f32 / 2.0) / unit - dx) / scale;
                let py = ((y as f32 - height as f32 / 2.0) / unit - dy) / scale;
                frames.extend([texture(px, py, layer.seed); 3]);
            }
        }
    }
    Clip {
        width,
        height,
        fps: 24,
        frames,
    }
}

/// Smooth noise: bumps of several sizes.
fn texture(x: f32, y: f32, seed: u32) -> u8 {
    let mut sum = 0.0;
    for (octave, weight) in [(7.0, 45.0), (17.0, 35.0), (37.0, 20.0)] {
        sum += weight * value_noise(x * octave + 100.0, y * octave + 100.0, seed);
    }
    (78.0 + sum) as u8
}

fn value_noise(x: f32, y: f32, seed: u32) -> f32 {
    let (x0, y0) = (x.floor(), y.floor());
    let smooth = |f: f32| f * f * (3.0 - 2.0 * f);
    let (fx, fy) = (smooth(x - x0), smooth(y - y0));
    let at = |dx: u32, dy: u32| hash(x0 as u32 + dx, y0 as u32 + dy, seed);
    let top = at(0, 0) + (at(1, 0) - at(0, 0)) * fx;
    let bottom = at(0, 1) + (at(1, 1) - at(0, 1)) * fx;
    top + (bottom - top) * fy
}

fn hash(x: u32, y: u32, seed: u32) -> f32 {
    let mut h = x.wrapping_mul(0x9E37_79B1) ^ y.wrapping_mul(0x85EB_CA77) ^ seed.wrapping_mul(77);
    h = (h ^ (h >> 15)).wrapping_mul(0x2C1B_3C6D);
    h = (h ^ (h >> 12)).wrapping_mul(0x297A_2D39);
    (h >> 8) as f32 / (1 << 24) as f32
}
