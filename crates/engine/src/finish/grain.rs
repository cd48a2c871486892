//! Film grain: one tile of soft noise, laid at another place in every frame.

use crate::noise::{Gaussian, mix};

/// Side of the tile; a power of two.
const TILE: usize = 256;
/// Standard deviation of the grain in the mid tones, of 255.
const STRENGTH: f32 = 5.0;

pub(super) struct Grain {
    /// Soft noise, standard deviation 16, row-major.
    tile: Vec<i8>,
    /// Strength a tone: nothing in black and white, most in the mid tones, in 1/2048.
    weight: [i32; 256],
    seed: u64,
}

impl Grain {
    pub(super) fn new(seed: u64) -> Self {
        let mut gaussian = Gaussian::new(seed);
        let raw: Vec<f32> = (0..TILE * TILE).map(|_| gaussian.next()).collect();
        // A small blur gives the grain a size; 4/8 + 4 x 1/8 keeps 5/16 of the variance.
        let at = |x: usize, y: usize| raw[(y % TILE) * TILE + x % TILE];
        let tile = (0..TILE * TILE)
            .map(|i| {
                let (x, y) = (i % TILE + TILE, i / TILE + TILE);
                let around = at(x - 1, y) + at(x + 1, y) + at(x, y - 1) + at(x, y + 1);
                let soft = (at(x, y) * 0.5 + around * 0.125) / (5.0f32 / 16.0).sqrt();
                (soft * 16.0).round().clamp(-127.0, 127.0) as i8
            })
            .collect();
        let weight = std::array::from_fn(|tone| {
            let x = tone as f32 / 255.0;
            (4.0 * x * (1.0 - x) * STRENGTH / 16.0 * 2048.0) as i32
        });
        Self { tile, weight, seed }
    }

    pub(super) fn apply(&self, frame: &mut [u8], width: usize, index: u32) {
        let place = mix(self.seed.wrapping_add(u64::from(index)));
        let (left, top) = (place as usize % TILE, (place >> 32) as usize % TILE);
        for (y, row) in frame.chunks_exact_mut(width * 3).enumerate() {
            let line = &self.tile[(y + top) % TILE * TILE..][..TILE];
            for (x, pixel) in row.as_chunks_mut::<3>().0.iter_mut().enumerate() {
                let noise = i32::from(line[(x + left) % TILE]);
                *pixel = pixel.map(|value| {
                    let change = (noise * self.weight[usize::from(value)] + 1024) >> 11;
                    (i32::from(value) + change).clamp(0, 255) as u8
                });
            }
        }
    }
}
