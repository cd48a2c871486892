//! Rain, snow and smoke.

use super::camera::{Pose, View};
use super::color::Rgb;
use super::frame::Frame;
use super::noise::{Rng, smooth_noise};
use super::scene::{Live, Scene};
use crate::program::Weather;

/// Adds the weather's particles in three depths: behind, around and before the subject.
pub fn fall(scene: &mut Scene) {
    let weather = scene.program.weather;
    if !matches!(weather, Weather::Rain | Weather::Snow) {
        return;
    }
    let bright = scene.look.horizon.mix(Rgb::hex(0xFF_FF_FF), 0.6);
    let focus = scene.view.subject_z;
    for (layer, depth) in [2.6f32, 0.9, 0.4].into_iter().enumerate() {
        let mut rng = Rng::new(scene.program.seed, 0xFA11 + layer as u64);
        let count = [110, 60, 26][layer];
        let drops = (0..count)
            .map(|_| [rng.unit(), rng.unit(), rng.unit()])
            .collect();
        let near = 1.0 / depth.powf(0.55);
        scene.live(Fall {
            z: focus * depth,
            snow: weather == Weather::Snow,
            drops,
            near,
            wind: scene.program.wind,
            color: bright,
            seed: scene.program.seed,
            alpha: if weather == Weather::Snow { 0.85 } else { 0.34 },
        });
    }
}

struct Fall {
    z: f32,
    snow: bool,
    drops: Vec<[f32; 3]>,
    near: f32,
    wind: f32,
    color: Rgb,
    seed: u64,
    alpha: f32,
}

impl Live for Fall {
    fn z(&self) -> f32 {
        self.z
    }

    fn draw(&self, view: &View, pose: &Pose, t: f32, frame: &mut Frame) {
        let u = view.unit;
        let (w, h) = (view.width * 1.2, view.height * 1.15);
        let (origin_x, origin_y) = pose.project(view, (0.0, 0.0), self.z);
        let fall = if self.snow { 62.0 } else { 820.0 } * self.near * u;
        let side = self.wind * if self.snow { 10.0 } else { 26.0 } * self.near * u;
        for (i, &[a, b, c]) in self.drops.iter().enumerate() {
            let speed = 0.8 + 0.4 * c;
            let flutter = if self.snow {
                smooth_noise(self.seed ^ i as u64, t * 0.9) * 9.0 * u * self.near
            } else {
                0.0
            };
            let x = (a * w + side * speed * t + flutter + origin_x).rem_euclid(w) - 0.1 * w;
            let y = (b * h + fall * speed * t + origin_y).rem_euclid(h) - 0.08 * h;
            if self.snow {
                let r = (1.5 + 1.1 * c) * self.near * u;
                frame.puff((x, y), (r, r), (self.color, self.alpha), false);
            } else {
                let length = (11.0 + 7.0 * c) * self.near * u;
                let lean = side / fall * length;
                let width = (0.75 * self.near * u).max(0.6);
                frame.streak(
                    (x - lean, y - length),
                    (x, y),
                    width,
                    (self.color, self.alpha),
                );
            }
        }
    }
}

/// Smoke from a chimney or funnel: puffs that rise, widen, thin out and go with the wind.
pub struct Smoke {
    /// Where it comes out, on the first frame.
    pub at: (f32, f32),
    /// Depth, metres.
    pub z: f32,
    /// Size of a puff at the mouth, pixels.
    pub size: f32,
    /// Pixels a second it goes to the right.
    pub side: f32,
    /// Pixels a second it rises.
    pub rise: f32,
    /// Colour and greatest opacity.
    pub paint: (Rgb, f32),
    /// Seed of its wandering.
    pub seed: u64,
}

/// Seconds a puff lives, and how many are in the air.
const PUFF_LIFE: f32 = 5.0;
const PUFFS: i64 = 22;

impl Live for Smoke {
    fn z(&self) -> f32 {
        self.z
    }

    fn draw(&self, view: &View, pose: &Pose, t: f32, frame: &mut Frame) {
        let k = pose.scale(self.z);
        let every = PUFF_LIFE / PUFFS as f32;
        let newest = (t / every).floor() as i64;
        for i in (newest - PUFFS + 1)..=newest {
            let age = t - i as f32 * every;
            let share = age / PUFF_LIFE;
            let wander = smooth_noise(self.seed ^ 0x5A0C, i as f32 * 0.7 + age * 0.5);
            let slow = 1.0 - 0.35 * share; // it rises fast while warm
            let u = self.at.0
                + self.side * age * (0.4 + 0.6 * share)
                + wander * self.size * 2.2 * share;
            let v = self.at.1 - self.rise * age * slow;
            let center = pose.project(view, (u, v), self.z);
            let radius = self.size * (0.7 + 3.4 * share) * k;
            let alpha = self.paint.1 * (share * 12.0).min(1.0) * (1.0 - share).powf(1.3);
            frame.puff(
                center,
                (radius * 1.15, radius),
                (self.paint.0, alpha),
                false,
            );
        }
    }
}
