//! Kites: a diamond that sways on its string, and a tail that waves.

use super::canvas::Canvas;
use super::palette::{hex, rgb, stripe};
use super::path::{Point, between};
use super::skeleton::swing;
use super::{Brush, Ink, Pose};
use crate::program::Subject;
use std::f32::consts::{PI, TAU};

/// Metres of a kite's string below the kite.
pub const STRING: f32 = 11.0;

/// Where the wind blows to, as a sign; a calm counts as blowing to the right.
fn lean(pose: &Pose) -> f32 {
    if pose.wind < 0.0 { -1.0 } else { 1.0 }
}

/// Draws a kite; the point on the ground is its lower tip, the string runs down from there.
pub fn draw(subject: &Subject, pose: &Pose, mut brush: Brush, canvas: &mut Canvas) {
    let sway = 0.10 * swing(pose, 0.31, 101) + 0.05 * swing(pose, 0.83, 102);
    let (sin, cos) = (lean(pose) * 0.26 + sway).sin_cos();
    let float = [0.16 * swing(pose, 0.23, 103), 0.12 * swing(pose, 0.37, 104)];
    let place = brush.place;
    let put = |x: f32, y: f32| place.at(float[0] + x * cos + y * sin, float[1] + y * cos - x * sin);
    string(pose, put(0.0, 1.25), &mut brush, canvas);
    tail(subject, pose, put(0.0, 0.0), &mut brush, canvas);
    let [top, right, low, left, center] = [
        (0.0, 2.30),
        (0.78, 1.52),
        (0.0, 0.0),
        (-0.78, 1.52),
        (0.0, 1.52),
    ]
    .map(|(x, y)| put(x, y));
    let color = rgb(subject.color);
    let tones = brush.light.tones(color);
    brush.path.polygon(&[top, right, low, left]);
    brush.print(canvas, &Ink::flat(tones.base));
    // Facets: the half away from the sun and the lower cheeks are darker.
    let away = if brush.light.toward_sun()[0] < 0.0 {
        right
    } else {
        left
    };
    brush.path.polygon(&[top, away, low]);
    brush.print(canvas, &Ink::flat(tones.shade).with_alpha(0.75).atop());
    brush
        .path
        .polygon(&[center, left, low])
        .polygon(&[center, right, low]);
    let cheek = brush.light.flat(color.map(|v| v * 0.86));
    brush.print(canvas, &cheek.with_alpha(0.45).atop());
    let thick = (0.022 * brush.ppm).max(0.35);
    for spar in [[top, low], [left, right]] {
        brush.path.ribbon(&spar, |_| thick);
    }
    let ink = brush.light.flat(stripe(subject.color));
    brush.print(canvas, &ink);
}

/// The string from the bridle down to whoever holds it.
fn string(pose: &Pose, bridle: Point, brush: &mut Brush, canvas: &mut Canvas) {
    let m = brush.ppm;
    let pull = pose.wind.abs().max(3.0);
    let ground = brush.at(-lean(pose) * (2.4 + 0.15 * pull), -STRING);
    let low = between(bridle, ground, 0.65);
    let sag = [between(bridle, ground, 0.55)[0], low[1] + 0.25 * m];
    let line: Vec<Point> = (0..=12)
        .map(|i| {
            let t = i as f32 / 12.0;
            between(between(bridle, sag, t), between(sag, ground, t), t)
        })
        .collect();
    brush.path.ribbon(&line, |_| (0.012 * m).max(0.34));
    let ink = brush.light.flat(hex(0xEE_E8_DA)).with_alpha(0.85);
    brush.print(canvas, &ink);
}

/// The kite's tail: a wave that runs down it, with bows.
fn tail(subject: &Subject, pose: &Pose, start: Point, brush: &mut Brush, canvas: &mut Canvas) {
    const PIECES: usize = 16;
    let m = brush.ppm;
    let level = 1.0 - (-pose.wind.abs().max(2.0) / 7.0).exp();
    let mut spine = vec![start];
    for i in 1..=PIECES {
        let s = i as f32 / PIECES as f32;
        let ripple = (TAU * (pose.t * 1.05 - 1.15 * s + pose.chance(105))).sin();
        let angle = (1.0 - level) * 0.46 * PI + 0.12 + ripple * (0.30 + 0.45 * s);
        let last = spine[i - 1];
        let piece = 2.6 / PIECES as f32 * m;
        spine.push([
            last[0] + lean(pose) * angle.cos() * piece,
            last[1] + angle.sin() * piece,
        ]);
    }
    brush
        .path
        .ribbon(&spine, |s| m * (0.045 - 0.02 * s).max(0.4 / m));
    let color = rgb(subject.color);
    let ink = brush.light.flat(color.map(|v| v * 0.85));
    brush.print(canvas, &ink);
    for i in [4, 8, 12, 16] {
        let (a, b) = (spine[i - 1], spine[i]);
        let length = (b[0] - a[0]).hypot(b[1] - a[1]).max(1e-3);
        let across = [-(b[1] - a[1]) / length, (b[0] - a[0]) / length];
        let along = [(b[0] - a[0]) / length, (b[1] - a[1]) / length];
        for side in [-1.0, 1.0] {
            let corner = |along_by: f32| {
                [0, 1].map(|k| b[k] + (side * across[k] * 0.20 + along[k] * along_by) * m)
            };
            brush.path.polygon(&[b, corner(-0.10), corner(0.10)]);
        }
    }
    let ink = brush.light.flat(color);
    brush.print(canvas, &ink);
}
