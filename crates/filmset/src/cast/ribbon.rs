//! What is tied to figures: scarf, collar, rope and net.

use super::Brush;
use super::canvas::Canvas;
use super::figure::Figure;
use super::gait::ease;
use super::palette::hex;
use super::path::{Point, between};
use super::skeleton::mid;
use super::stances::PULL_SECONDS;
use crate::program::Garment;
use std::f32::consts::{PI, TAU};

/// Metres per second along x of the air that a figure feels, as cloth feels it `delay` seconds late.
pub fn felt_air(figure: &Figure, delay: f32) -> f32 {
    let pose = figure.pose;
    let now = pose.wind - pose.facing * pose.speed;
    let changed = figure
        .subject
        .event
        .filter(|e| e.action == pose.action && pose.t >= e.at_seconds);
    if changed.is_none() {
        return now;
    }
    let before = pose.wind - pose.facing * figure.subject.speed;
    let share = (-(pose.action_t - delay).max(0.0) / 0.35).exp();
    now + (before - now) * share
}

/// Pieces of the scarf's free end.
const SEGMENTS: usize = 12;

/// The free end of the scarf: it flies with the air, a wave running along it.
pub fn scarf(figure: &Figure, brush: &mut Brush, canvas: &mut Canvas) {
    let Some(tones) = figure.wear.scarf else {
        return;
    };
    let pose = figure.pose;
    let tall = figure.body.tall;
    let nape = mid(figure.joints.chest, figure.joints.head, 0.34);
    let start = figure.view.at(brush, nape);
    // A scarf that hangs folds short.
    let stretched = 1.0 - (-felt_air(figure, 0.2).abs() / 2.5).exp();
    let length = (0.26 + 0.22 * stretched) * tall / SEGMENTS as f32 * brush.ppm;
    let hertz = 1.15 + 0.06 * pose.wind.abs();
    let mut spine: Vec<Point> = vec![start];
    for i in 1..=SEGMENTS {
        let s = i as f32 / SEGMENTS as f32;
        let air = felt_air(figure, 0.35 * s);
        let side = if air.abs() > 0.4 {
            air.signum()
        } else {
            -pose.facing
        };
        // From hanging (quarter turn down) toward the horizontal as the air gets faster.
        let level = 1.0 - (-(air.abs() / 3.2)).exp();
        let droop = (1.0 - level) * PI * 0.47 + 0.10;
        let ripple = (TAU * (pose.t * hertz - s * 0.9 + pose.chance(51))).sin();
        let amplitude = (0.10 + 0.62 * level) * (0.25 + 0.75 * s);
        let angle = droop - ripple * amplitude - 0.18 * level;
        let last = spine[i - 1];
        spine.push([
            last[0] + side * angle.cos() * length,
            last[1] + angle.sin() * length,
        ]);
    }
    let wide = 0.030 * tall * brush.ppm;
    brush.path.ribbon(&spine, |s| wide * (0.72 + 0.5 * s));
    let ink = brush.ink(tones, 0.020 * tall);
    brush.print(canvas, &ink);
}

/// The scarf's short end, which hangs over the chest.
pub fn scarf_front(figure: &Figure, brush: &mut Brush, canvas: &mut Canvas) {
    let Some(tones) = figure.wear.scarf else {
        return;
    };
    if figure.view.toward < 0.15 {
        return;
    }
    let tall = figure.body.tall;
    let deep = 0.05 * tall;
    let knot = mid(figure.joints.chest, figure.joints.head, 0.24);
    let start = figure
        .view
        .at(brush, [knot[0] + deep, knot[1], -0.02 * tall]);
    let length = 0.19 * tall * brush.ppm;
    let air = felt_air(figure, 0.2).clamp(-8.0, 8.0);
    let spine: Vec<Point> = (0..6)
        .map(|i| {
            let s = i as f32 / 5.0;
            let wave = (TAU * (figure.pose.t * 0.8 - 0.4 * s + figure.pose.chance(52))).sin();
            let aside = (0.035 * air + 0.035 * wave) * s * s + 0.12 * s;
            [start[0] + aside * length, start[1] + s * length]
        })
        .collect();
    let wide = 0.024 * tall * brush.ppm;
    brush.path.ribbon(&spine, |s| wide * (0.8 + 0.35 * s));
    let ink = brush.ink(tones, 0.014 * tall);
    brush.print(canvas, &ink);
}

/// What lies around the neck: the scarf's wrap, or the garment's collar.
pub fn collar(figure: &Figure, brush: &mut Brush, canvas: &mut Canvas) {
    let tall = figure.body.tall;
    let unit = tall * brush.ppm;
    let center = figure
        .view
        .at(brush, mid(figure.joints.chest, figure.joints.head, 0.27));
    let (tones, rx, ry) = match (figure.wear.scarf, figure.wear.garment) {
        (Some(tones), _) => (tones, 0.062, 0.030),
        (None, Garment::Raincoat) => (figure.wear.cloth, 0.060, 0.026),
        (None, Garment::Coat | Garment::Sweater | Garment::Jacket) => {
            (figure.wear.cloth, 0.046, 0.020)
        }
        (None, Garment::Dress) => return,
    };
    brush
        .path
        .ellipse(center, rx * unit, ry * unit, -0.12 * figure.pose.facing);
    let ink = brush.ink(tones, 0.016 * tall);
    brush.print(canvas, &ink);
}

/// The rope from the hands to the net, which comes closer as it is pulled in.
pub fn rope(figure: &Figure, brush: &mut Brush, canvas: &mut Canvas) {
    let pose = figure.pose;
    let side = if pose.facing < 0.0 { -1.0 } else { 1.0 };
    let wrists = figure
        .joints
        .wrists
        .map(|wrist| figure.view.at(brush, wrist));
    let first = usize::from((wrists[1][0] - wrists[0][0]) * side > 0.0);
    let (ahead, behind) = (wrists[first], wrists[1 - first]);
    let pulls = pose.action_t / PULL_SECONDS;
    let gained = 0.10 * (2.0 * pulls).floor() + 0.10 * ease((2.0 * pulls).fract() / 0.8);
    let distance = (1.85 - gained).max(1.05);
    let net = brush.at(side * distance, 0.02);
    let thick = (0.016 * brush.ppm).max(0.7);
    let sag = [
        ahead[0] + (net[0] - ahead[0]) * 0.55,
        net[1] - (net[1] - ahead[1]) * 0.28,
    ];
    let mut line: Vec<Point> = vec![behind];
    line.extend((0..=10).map(|i| {
        let t = i as f32 / 10.0;
        between(between(ahead, sag, t), between(sag, net, t), t)
    }));
    brush.path.ribbon(&line, |_| thick);
    let tail = brush.at(-side * 0.22, 0.02);
    let slack: Vec<Point> = (0..=6)
        .map(|i| {
            let t = i as f32 / 6.0;
            let knee = [tail[0], behind[1] + 0.3 * brush.ppm];
            between(between(behind, knee, t), between(knee, tail, t), t)
        })
        .collect();
    brush.path.ribbon(&slack, |_| thick);
    let ink = brush.light.flat(hex(0xD9_B8_7C));
    brush.print(canvas, &ink);
    mesh(net, side, brush, canvas);
}

/// A heap of net: a mound with a mesh and floats.
fn mesh(corner: Point, side: f32, brush: &mut Brush, canvas: &mut Canvas) {
    let put = |x: f32, y: f32| [corner[0] + side * x * brush.ppm, corner[1] - y * brush.ppm];
    let mound = [
        put(0.0, 0.0),
        put(0.10, 0.20),
        put(0.36, 0.27),
        put(0.62, 0.12),
        put(0.70, -0.02),
    ];
    let tones = brush.light.tones(hex(0x5E_6B_5C));
    let threads: Vec<[Point; 3]> = (0..5)
        .flat_map(|i| {
            let x = 0.10 + 0.13 * i as f32;
            [
                [put(x - 0.12, 0.02), put(x, 0.13), put(x + 0.07, 0.22)],
                [put(x + 0.12, 0.02), put(x, 0.13), put(x - 0.05, 0.22)],
            ]
        })
        .collect();
    let floats = [put(0.12, 0.18), put(0.36, 0.26), put(0.60, 0.12)];
    brush.path.spline(&mound).close();
    let ink = brush.ink(tones, 0.06);
    brush.print(canvas, &ink);
    let thick = (0.006 * brush.ppm).max(0.35);
    for thread in &threads {
        brush.path.ribbon(thread, |_| thick);
    }
    let ink = brush.light.flat(hex(0xB9_B0_8E)).with_alpha(0.7).atop();
    brush.print(canvas, &ink);
    let radius = 0.035 * brush.ppm;
    for float in floats {
        brush.path.ellipse(float, radius, radius, 0.0);
    }
    let ink = brush.light.flat(hex(0xD8_8A_4A));
    brush.print(canvas, &ink);
}
