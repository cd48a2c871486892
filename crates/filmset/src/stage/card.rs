//! A card: a picture painted once, that stands at a true depth and is laid into every frame.

use std::f32::consts::TAU;

use super::bitmap::Bitmap;
use super::camera::{Pose, View};
use super::frame::Frame;
use super::noise::smooth_noise;
use super::sampling::{composite, mix_rows, sample};

/// How a card moves by itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Motion {
    /// Not at all.
    Still,
    /// Along x, pixels a second on the first frame.
    Drift(f32),
    /// Bends with the wind, most at the top: pixels of lean at rest, pixels a gust adds, metres
    /// a second of the wind, and the seed of the gusts.
    Sway {
        /// Lean at the top without a gust, pixels to the right.
        lean: f32,
        /// Further lean at the top in a full gust, pixels.
        gust: f32,
        /// Pixels a second that gusts travel.
        speed: f32,
        /// Seed of the gusts; cards of one field share it.
        seed: u64,
    },
    /// Goes up and down by this many pixels, as a boat at its mooring; the second number is its
    /// phase in turns.
    Bob(f32, f32),
    /// Wobbles row by row as a reflection on water, by this many pixels at the bottom.
    Ripple(f32),
}

/// A picture at a depth.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "five facts of a card that do not depend on each other"
)]
pub struct Card {
    /// What is painted on it.
    pub bitmap: Bitmap,
    /// Column of its left edge on the first frame.
    pub left: f32,
    /// Row of its top edge on the first frame.
    pub top: f32,
    /// Depth in metres; infinite for the sky.
    pub z: f32,
    /// Whether it repeats to both sides.
    pub periodic: bool,
    /// Whether it lies on the ground: each row has the depth of the ground seen there.
    pub plane: bool,
    /// Whether its last row goes on below it.
    pub extend_below: bool,
    /// Whether its first row goes on above it.
    pub extend_above: bool,
    /// Its own motion.
    pub motion: Motion,
    /// First row from which it hides everything behind, in its own rows.
    opaque_from: usize,
    /// Rows with anything on them: first, and one past the last.
    painted: (usize, usize),
    /// Whether a pixel is brighter than its alpha, and so adds light to what is behind it.
    adds_light: bool,
}

impl Card {
    /// A card that repeats in x and goes on below.
    pub fn periodic(bitmap: Bitmap, top: f32, z: f32) -> Self {
        Self::new(bitmap, (0.0, top), z, true)
    }

    /// A card that stands alone, its top left corner at `corner` of the first frame.
    pub fn single(bitmap: Bitmap, corner: (f32, f32), z: f32) -> Self {
        Self::new(bitmap, corner, z, false)
    }

    fn new(bitmap: Bitmap, (left, top): (f32, f32), z: f32, periodic: bool) -> Self {
        let mut card = Self {
            bitmap,
            left,
            top,
            z,
            periodic,
            plane: false,
            extend_below: periodic,
            extend_above: false,
            motion: Motion::Still,
            opaque_from: 0,
            painted: (0, 0),
            adds_light: false,
        };
        card.measure();
        card
    }

    /// Lays the card on the ground.
    #[must_use]
    pub fn on_ground(mut self) -> Self {
        self.plane = true;
        self
    }

    /// Gives it a motion.
    #[must_use]
    pub fn moving(mut self, motion: Motion) -> Self {
        self.motion = motion;
        self
    }

    /// Ends it at its last row instead of going on below.
    #[must_use]
    pub fn ending(mut self) -> Self {
        self.extend_below = false;
        self.find_opaque();
        self
    }

    /// Lets its first row go on above it, as trunks that leave the frame do.
    #[must_use]
    pub fn rising(mut self) -> Self {
        self.extend_above = true;
        self
    }

    /// Notes once what is painted where.
    fn measure(&mut self) {
        let bitmap = &self.bitmap;
        self.adds_light = bitmap.pixels.iter().any(|p| {
            let [r, g, b, a] = p.to_le_bytes();
            r.max(g).max(b) > a
        });
        let blank = |y: &usize| bitmap.row(*y).iter().all(|p| *p == 0);
        let first = (0..bitmap.height).take_while(blank).count();
        let after = (first..bitmap.height).rev().take_while(blank).count();
        self.painted = (first, bitmap.height - after);
        self.find_opaque();
    }

    /// Notes from which row on the card hides everything.
    fn find_opaque(&mut self) {
        let bitmap = &self.bitmap;
        let solid = |y: &usize| bitmap.row(*y).iter().all(|p| p >> 24 == 255);
        let rows = if self.extend_below && self.periodic {
            (0..bitmap.height).rev().take_while(solid).count()
        } else {
            0
        };
        self.opaque_from = bitmap.height - rows;
    }

    /// First row of the frame from which this card hides everything behind it.
    pub fn hides_from(&self, view: &View, pose: &Pose) -> usize {
        let k = pose.scale(self.z);
        if self.opaque_from >= self.bitmap.height || k == 0.0 {
            return usize::MAX;
        }
        let source = self.top + self.opaque_from as f32 + 1.0;
        let row = if self.plane {
            let ahead = view.ground_z(source) - pose.z;
            if ahead <= 0.0 {
                return usize::MAX;
            }
            view.horizon + pose.shift_y + view.focal * (view.eye + pose.y) / ahead
        } else {
            pose.project(view, (0.0, source), self.z).1
        };
        (row.ceil().max(0.0) as usize).saturating_add(1)
    }

    /// Lays the card into rows 0 to `bottom` of `frame`, `t` seconds into the clip.
    pub fn draw(&self, view: &View, pose: &Pose, t: f32, bottom: usize, frame: &mut Frame) {
        if !self.plane && pose.scale(self.z) == 0.0 {
            return;
        }
        let lean = self.lean_table(frame.width, pose, t);
        let bob = match self.motion {
            Motion::Bob(size, phase) => size * (TAU * (0.28 * t + phase)).sin(),
            _ => 0.0,
        };
        let mut line = std::mem::take(&mut frame.scratch);
        let mut shifted = std::mem::take(&mut frame.shifted);
        for y in 0..bottom.min(frame.height) {
            let Some((scale, shift, source)) = self.row_map(view, pose, y) else {
                continue;
            };
            let source = source - bob;
            let Some((r0, r1, weight)) = self.source_rows(source) else {
                continue;
            };
            let drift = match self.motion {
                Motion::Drift(speed) => speed * t,
                Motion::Ripple(size) => self.ripple(size, source, t, view.unit),
                _ => 0.0,
            };
            let center = view.width * 0.5;
            let start = center + (0.5 - center - shift) / scale - self.left - drift - 0.5;
            let bend = lean.as_ref().map(|table| {
                let height = 1.0 - (source / self.bitmap.height as f32).clamp(0.0, 1.0);
                (table.as_slice(), height * height)
            });
            let spare = if bend.is_some() { BEND } else { 1 };
            let span = (start.floor() as i64 - spare as i64, 1.0 / scale, spare);
            self.fetch(&mut line, span, frame.width, (r0, r1, weight));
            let from = start - span.0 as f32;
            shifted.resize(frame.width, 0);
            sample(&line, from, 1.0 / scale, bend, &mut shifted);
            composite(&shifted, self.adds_light, frame.row_mut(y));
        }
        (frame.scratch, frame.shifted) = (line, shifted);
    }

    /// Scale, shift of columns and source row of row `y` of the frame.
    fn row_map(&self, view: &View, pose: &Pose, y: usize) -> Option<(f32, f32, f32)> {
        let row = y as f32 + 0.5;
        if !self.plane {
            let k = pose.scale(self.z);
            let per_meter = if self.z.is_finite() {
                view.focal * k / self.z
            } else {
                0.0
            };
            let v = (row - view.horizon - pose.shift_y - pose.y * per_meter) / k + view.horizon;
            return Some((k, pose.shift_x - pose.x * per_meter, v - self.top - 0.5));
        }
        let drop = row - view.horizon - pose.shift_y;
        if drop <= 0.0 {
            return None;
        }
        let ahead = view.focal * (view.eye + pose.y) / drop;
        // Ground nearer than was ever painted is stretched from the nearest row.
        let nearest = view.ground_z(self.top + self.bitmap.height as f32);
        let z = (ahead + pose.z).max(nearest);
        let v = view.ground_row(z);
        Some((
            z / ahead,
            pose.shift_x - pose.x * view.focal / ahead,
            v - self.top - 0.5,
        ))
    }

    /// The two source rows and the weight of the second, 0 to 256; `None` outside.
    fn source_rows(&self, source: f32) -> Option<(usize, usize, u16)> {
        let last = self.bitmap.height as i64 - 1;
        let floor = source.floor();
        let (i, weight) = (floor as i64, ((source - floor) * 256.0).round() as u16);
        if (i < -1 && !self.extend_above) || (i > last && !self.extend_below) {
            return None;
        }
        let (r0, r1) = (i.clamp(0, last) as usize, (i + 1).clamp(0, last) as usize);
        let (first, end) = self.painted;
        let blank = r1 < first || (r0 >= end && !self.extend_below);
        (!blank).then_some((r0, r1, weight))
    }

    /// Wobble of a reflection: two trains of waves, wider toward the viewer.
    fn ripple(&self, size: f32, source: f32, t: f32, unit: f32) -> f32 {
        let y = source / unit;
        let near = (source / self.bitmap.height as f32).clamp(0.0, 1.0);
        let a = (TAU * (y / 9.0 - 0.7 * t)).sin() + 0.6 * (TAU * (y / 5.3 + 0.9 * t)).sin();
        size * (0.25 + 0.75 * near) * a
    }

    /// How far the top of the card leans at each column of the frame.
    fn lean_table(&self, width: usize, pose: &Pose, t: f32) -> Option<Vec<f32>> {
        let Motion::Sway {
            lean,
            gust,
            speed,
            seed,
        } = self.motion
        else {
            return None;
        };
        let k = pose.scale(self.z);
        let wave = 90.0f32.max(speed.abs() * 0.5);
        let at = |x: usize| {
            let u = x as f32 / k - pose.shift_x;
            let strong = 0.5 + 0.5 * smooth_noise(seed, (u - speed * t) / wave);
            let flutter = (TAU * (1.1 * t + u / 61.0)).sin() * 0.12;
            lean + gust * (strong + flutter)
        };
        // Gusts are wide: every eighth column is computed, the others lie between.
        let coarse: Vec<f32> = (0..width / 8 + 2).map(|i| at(i * 8)).collect();
        let between = |x: usize| {
            let (i, f) = (x / 8, (x % 8) as f32 / 8.0);
            -(coarse[i] + (coarse[i + 1] - coarse[i]) * f)
        };
        Some((0..width).map(between).collect())
    }

    /// Puts the source pixels a row needs into `line`: two rows mixed, periodic ends unrolled,
    /// clear outside, from column `first`, for `width` steps with `spare` pixels on both sides.
    fn fetch(
        &self,
        line: &mut Vec<u32>,
        (first, step, spare): (i64, f32, usize),
        width: usize,
        (r0, r1, weight): (usize, usize, u16),
    ) {
        let count = (width as f32 * step).ceil() as usize + 2 + 2 * spare;
        line.resize(count, 0);
        if !self.periodic {
            line.fill(0);
        }
        let w = self.bitmap.width as i64;
        let (a, b) = (self.bitmap.row(r0), self.bitmap.row(r1));
        let mut done = 0;
        while done < count {
            let at = first + done as i64;
            let (from, run) = if self.periodic {
                let from = at.rem_euclid(w);
                (from, w - from)
            } else if at < 0 {
                done += (-at) as usize;
                continue;
            } else if at >= w {
                break;
            } else {
                (at, w - at)
            };
            let run = (run as usize).min(count - done);
            let range = from as usize..from as usize + run;
            mix_rows(
                &a[range.clone()],
                &b[range],
                weight,
                &mut line[done..done + run],
            );
            done += run;
        }
    }
}

/// Spare pixels on both sides of a fetched row that bends.
const BEND: usize = 48;
