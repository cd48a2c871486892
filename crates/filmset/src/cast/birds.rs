//! A flock of birds that keeps together, banks together and beats each its own wings.

use super::canvas::{Canvas, Tones};
use super::palette::{hex, rgb};
use super::path::Point;
use super::{Brush, Pose};
use crate::program::{Color, Subject};
use std::f32::consts::TAU;

/// Draws five to nine birds; the point on the ground lies below the lowest of them.
pub fn draw(subject: &Subject, pose: &Pose, mut brush: Brush, canvas: &mut Canvas) {
    let count = 5 + (pose.chance(71) * 5.0) as usize % 5;
    let color = rgb(subject.color);
    let tip = if subject.color == Color::Black {
        hex(0x55_58_60)
    } else {
        color.map(|v| v * 0.42)
    };
    let plumage = Plumage {
        near: brush.light.tones(color),
        far: brush.light.tones(color.map(|v| v * 0.72)),
        tip: brush.light.tones(tip),
    };
    for i in 0..count {
        Bird::new(pose, i, count).print(&plumage, &mut brush, canvas);
    }
}

struct Plumage {
    near: Tones,
    far: Tones,
    tip: Tones,
}

/// One bird at one moment.
struct Bird {
    /// Metres right of and over the point on the ground.
    place: [f32; 2],
    size: f32,
    /// Where the beak points: -1 left, 1 right.
    ahead: f32,
    bank: f32,
    /// Angles of the inner and the outer wing over the horizontal, radians.
    inner: f32,
    outer: f32,
}

impl Bird {
    fn new(pose: &Pose, i: usize, count: usize) -> Self {
        let salt = 300 + i as u64 * 5;
        // All follow the same slow turns, each a little later than the one ahead.
        let late = pose.t - 0.15 * i.div_ceil(2) as f32;
        let hertz = 2.3 + 0.5 * pose.chance(salt);
        let beat = TAU * (pose.t * hertz + pose.chance(salt + 1));
        // A glide now and then stills the wings.
        let glide = (TAU * (pose.t * 0.21 + pose.chance(salt + 2))).sin();
        let work = (0.55 + 0.9 * glide).clamp(0.4, 1.0);
        let inner = 0.42 + 0.62 * work * beat.sin();
        let [x, y] = place(pose, i, count);
        Self {
            // The body sinks while the wings rise.
            place: [x, y - 0.05 * work * beat.sin()],
            size: 1.08 + 0.22 * pose.chance(salt + 3),
            ahead: pose.facing,
            bank: 0.45 * (TAU * (late * 0.16 + pose.chance(72))).sin(),
            inner,
            outer: inner - 0.62 + 0.55 * work * (beat - 1.1).sin(),
        }
    }

    /// Pixel of a point ahead of, over and to the right of the bird's middle.
    fn at(&self, brush: &Brush, [x, y, z]: [f32; 3]) -> Point {
        let sign = if self.ahead < 0.0 { -1.0 } else { 1.0 };
        let open = (1.0 - self.ahead * self.ahead).max(0.0).sqrt().max(0.55) * sign;
        let along = x * (self.ahead.abs() * 0.85 + 0.15) * sign;
        // The near wing hangs lower in the picture than the far one.
        let y = y + z * (0.35 * self.bank - 0.26 * self.ahead);
        brush.at(
            self.place[0] + (along - z * open * 0.72) * self.size,
            self.place[1] + y * self.size,
        )
    }

    /// Outline of the wing on `side` (1 right), and of its tip.
    fn wing(&self, side: f32, brush: &Brush) -> ([Point; 7], [Point; 3]) {
        let elbow = [0.36 * self.inner.cos(), 0.36 * self.inner.sin()];
        let end = [
            elbow[0] + 0.46 * self.outer.cos(),
            elbow[1] + 0.46 * self.outer.sin(),
        ];
        let middle = [0, 1].map(|k| (elbow[k] + end[k]) * 0.5);
        let put =
            |x: f32, [out, up]: [f32; 2], lift: f32| self.at(brush, [x, up * lift, side * out]);
        let root = [0.02, 0.0];
        let tip = [
            put(0.06, middle, 1.0),
            put(-0.12, end, 1.0),
            put(-0.16, middle, 0.95),
        ];
        let outline = [
            put(0.16, root, 1.0),
            put(0.21, elbow, 1.0),
            tip[0],
            tip[1],
            tip[2],
            put(-0.13, elbow, 0.85),
            put(-0.16, root, 1.0),
        ];
        (outline, tip)
    }

    fn print(&self, plumage: &Plumage, brush: &mut Brush, canvas: &mut Canvas) {
        let m = brush.ppm * self.size;
        let [beak, chest, rump, tail] = [
            [0.36, 0.03, 0.0],
            [0.20, 0.01, 0.0],
            [-0.20, 0.0, 0.0],
            [-0.40, 0.02, 0.0],
        ]
        .map(|p| self.at(brush, p));
        for (side, tones) in [(1.0, plumage.far), (-1.0, plumage.near)] {
            let (outline, tip) = self.wing(side, brush);
            if side < 0.0 {
                brush.path.capsule(chest, 0.075 * m, rump, 0.055 * m);
                brush.path.capsule(rump, 0.055 * m, tail, 0.035 * m);
                brush.path.capsule(chest, 0.062 * m, beak, 0.012 * m);
            }
            brush.path.polygon(&outline);
            let ink = brush.ink(tones, 0.03);
            brush.print(canvas, &ink);
            brush.path.polygon(&tip);
            brush.print(canvas, &super::Ink::flat(plumage.tip.base).atop());
        }
    }
}

/// Place of a bird in the flock in metres: a loose wedge behind the first.
fn place(pose: &Pose, i: usize, count: usize) -> [f32; 2] {
    let side = if i.is_multiple_of(2) { 1.0 } else { -1.0 };
    let rank = i.div_ceil(2) as f32;
    let salt = 100 + i as u64 * 7;
    let drift = |k: u64, hertz: f32| (TAU * (pose.t * hertz + pose.chance(salt + k))).sin();
    let back = if pose.facing < 0.0 { 1.0 } else { -1.0 };
    let ranks = (count / 2) as f32;
    let x = back * (rank - ranks * 0.5) * (3.0 / ranks) + 0.30 * (pose.chance(salt) - 0.5);
    let y = 1.45 + side * rank * (1.05 / ranks) + 0.35 * (pose.chance(salt + 1) - 0.5);
    [x + 0.12 * drift(2, 0.17), y + 0.10 * drift(3, 0.23)]
}
