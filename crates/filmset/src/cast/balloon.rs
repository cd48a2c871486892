//! Hot-air balloons: a striped envelope, a basket that swings, a burner that speaks now and then.

use super::canvas::Canvas;
use super::palette::{hex, rgb, stripe};
use super::path::Point;
use super::skeleton::swing;
use super::{Brush, Ink, Place, Pose};
use crate::program::Subject;
use std::f32::consts::{PI, TAU};

/// Height over the basket's floor and radius of the envelope, metres.
const ENVELOPE: [[f32; 2]; 9] = [
    [4.1, 0.9],
    [5.6, 2.6],
    [7.4, 4.4],
    [9.4, 5.9],
    [11.6, 6.75],
    [13.8, 6.6],
    [16.0, 5.2],
    [17.7, 2.9],
    [18.4, 0.5],
];

/// The envelope, which leans about its middle while the basket swings below.
struct Envelope {
    place: Place,
    sin: f32,
    cos: f32,
}

impl Envelope {
    fn at(&self, x: f32, y: f32) -> Point {
        let y = y - 10.0;
        self.place.at(
            x * self.cos + y * self.sin,
            10.0 + y * self.cos - x * self.sin,
        )
    }

    /// Adds the part between two angles around the balloon, 0 facing the camera.
    fn gore(&self, brush: &mut Brush, from: f32, to: f32) {
        let edge = |angle: f32| ENVELOPE.map(|[y, radius]| self.at(radius * angle.sin(), y));
        let (left, mut right) = (edge(from), edge(to));
        right.reverse();
        brush.path.spline(&left).spline(&right).close();
    }
}

/// Draws a hot-air balloon; the point on the ground is the floor of its basket.
pub fn draw(subject: &Subject, pose: &Pose, mut brush: Brush, canvas: &mut Canvas) {
    let tilt = 0.025 * swing(pose, 0.13, 91) + (pose.wind * 0.003).clamp(-0.04, 0.04);
    let (sin, cos) = tilt.sin_cos();
    let envelope = Envelope {
        place: brush.place,
        sin,
        cos,
    };
    let color = rgb(subject.color);
    envelope.gore(&mut brush, -PI / 2.0, PI / 2.0);
    let ink = brush.light.flat(color);
    brush.print(canvas, &ink);
    // Narrow pale gores between the coloured ones turn slowly with the balloon.
    let spin = pose.t * 0.05 + pose.chance(92) * TAU;
    let step = TAU / 10.0;
    for i in 0..10 {
        let from = (spin + i as f32 * step).rem_euclid(TAU) - PI;
        let to = from + step * 0.36;
        if to > -PI / 2.0 && from < PI / 2.0 {
            envelope.gore(&mut brush, from.max(-PI / 2.0), to.min(PI / 2.0));
        }
    }
    let ink = brush.light.flat(stripe(subject.color)).atop();
    brush.print(canvas, &ink);
    let dark = if brush.light.toward_sun()[0] < 0.0 {
        1.0
    } else {
        -1.0
    };
    envelope.gore(&mut brush, dark * 0.42, dark * PI / 2.0);
    let ink = brush
        .light
        .flat(color.map(|v| v * 0.42))
        .with_alpha(0.30)
        .atop();
    brush.print(canvas, &ink);
    let skirt =
        [(-0.9, 4.15), (-0.62, 3.5), (0.62, 3.5), (0.9, 4.15)].map(|(x, y)| envelope.at(x, y));
    brush.path.polygon(&skirt);
    let ink = brush.light.flat(color.map(|v| v * 0.62));
    brush.print(canvas, &ink);
    basket(pose, envelope.at(0.0, 3.5), &mut brush, canvas);
}

fn basket(pose: &Pose, mouth: Point, brush: &mut Brush, canvas: &mut Canvas) {
    let m = brush.ppm;
    let x = 0.10 * swing(pose, 0.17, 93);
    for side in [-0.72, -0.25, 0.25, 0.72] {
        let top = [mouth[0] + side * 0.85 * m, mouth[1]];
        let low = brush.at(x + side, 1.45);
        brush.path.ribbon(&[top, low], |_| (0.03 * m).max(0.32));
    }
    let ink = brush.light.flat(hex(0x4A_38_2C));
    brush.print(canvas, &ink);
    let corners =
        [(-0.85, 1.5), (-0.72, 0.0), (0.72, 0.0), (0.85, 1.5)].map(|(dx, y)| brush.at(x + dx, y));
    brush.path.polygon(&corners);
    let ink = brush.ink(brush.light.tones(hex(0x9A_6A_3C)), 0.35);
    brush.print(canvas, &ink);
    let rim = [brush.at(x - 0.9, 1.5), brush.at(x + 0.9, 1.5)];
    brush.path.ribbon(&rim, |_| (0.13 * m).max(0.5));
    let ink = brush.light.flat(hex(0x5C_3C_24));
    brush.print(canvas, &ink);
    // The burner speaks for a second now and then.
    let cycle = (pose.t * 0.28 + pose.chance(94)).fract();
    if cycle < 0.3 {
        let flame = (cycle / 0.3 * PI).sin() * (0.85 + 0.15 * swing(pose, 9.0, 95));
        let (low, high) = (brush.at(x, 2.15), brush.at(x, 2.3 + 1.1 * flame));
        brush.path.capsule(low, 0.20 * flame * m, high, 0.05 * m);
        brush.print(canvas, &Ink::flat(hex(0xFF_D0_70)));
    }
}
