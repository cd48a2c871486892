//! Street lamps, lanterns and other lights with a halo.

use super::camera::{Pose, View};
use super::color::Rgb;
use super::frame::Frame;
use super::noise::smooth_noise;
use super::scene::Live;

/// A light at a point of the first frame: bright core, wide halo, and below it, on wet ground or
/// water, a streak.
pub struct Lamp {
    /// Where, on the first frame.
    pub at: (f32, f32),
    /// Depth, metres.
    pub z: f32,
    /// Colour.
    pub color: Rgb,
    /// Radius of the halo, pixels.
    pub halo: f32,
    /// Strength of the halo, 0 to 1.
    pub strength: f32,
    /// Strength of the bright core, 0 to 1.
    pub core: f32,
    /// Row of the ground below it on the first frame and strength of its streak there, 0 to 1.
    pub streak: Option<(f32, f32)>,
    /// Seed of its faint flicker.
    pub seed: u64,
}

impl Live for Lamp {
    fn z(&self) -> f32 {
        self.z
    }

    fn draw(&self, view: &View, pose: &Pose, t: f32, frame: &mut Frame) {
        let k = pose.scale(self.z);
        let center = pose.project(view, self.at, self.z);
        let flicker = 1.0 + 0.06 * smooth_noise(self.seed, t * 2.3);
        let halo = self.halo * k;
        if center.0 < -halo || center.0 > view.width + halo {
            return;
        }
        let glow = self.strength * flicker;
        frame.puff(center, (halo, halo), (self.color, 0.34 * glow), false);
        frame.puff(
            center,
            (halo * 0.7, halo * 0.7),
            (self.color, 0.22 * glow),
            true,
        );
        let core = halo * 0.3;
        frame.puff(
            center,
            (core, core),
            (self.color.mix(WHITE, 0.4), self.core * glow),
            true,
        );
        let Some((row, strength)) = self.streak else {
            return;
        };
        let ground = pose.project(view, (self.at.0, row), self.z).1;
        let wobble = view.unit * 1.5 * (t * 3.1 + self.at.0).sin();
        let long = (ground - center.1).max(halo * 0.5) * 0.85;
        let middle = (center.0 + wobble * 0.3, ground + long * 0.55);
        frame.puff(
            middle,
            (halo * 0.34, long * 0.62),
            (self.color, 0.55 * strength * flicker),
            false,
        );
        for i in 0..4 {
            let y = ground + long * (0.12 + 0.26 * i as f32);
            let shift = wobble * (1.0 + i as f32 * 0.5) * if i % 2 == 0 { 1.0 } else { -1.0 };
            let radii = (halo * (0.30 - 0.04 * i as f32), view.unit * 2.4);
            let alpha = 0.5 * strength * (1.0 - 0.2 * i as f32);
            frame.puff(
                (center.0 + shift, y),
                radii,
                (self.color.mix(WHITE, 0.25), alpha),
                false,
            );
        }
    }
}

const WHITE: Rgb = Rgb([1.0, 1.0, 1.0]);
