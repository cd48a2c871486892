//! Heads: face, hair, headwear, and long hair that swings behind.

use super::Brush;
use super::canvas::Canvas;
use super::figure::Figure;
use super::path::Point;
use super::skeleton::{gait_wave, swing};
use crate::program::{Action, Headwear, SubjectKind};
use std::f32::consts::PI;

/// The head in pixels, with axes that turn with the body.
struct Skull {
    center: Point,
    /// Half width and half height.
    rx: f32,
    ry: f32,
    /// Where the face looks: picture x, and how much of it shows, -1 (back) to 1.
    ahead: f32,
    toward: f32,
}

impl Skull {
    fn of(figure: &Figure, brush: &Brush) -> Self {
        let ry = figure.body.head * 0.5 * brush.ppm;
        Self {
            center: figure.view.at(brush, figure.joints.head),
            rx: ry
                * if figure.subject.kind == SubjectKind::Child {
                    0.88
                } else {
                    0.80
                },
            ry,
            ahead: figure.view.ahead,
            toward: figure.view.toward,
        }
    }

    /// Pixel at shares of the half axes, `x` to the right and `y` up.
    fn at(&self, x: f32, y: f32) -> Point {
        [self.center[0] + x * self.rx, self.center[1] - y * self.ry]
    }
}

/// Prints the head with hair and headwear.
pub fn draw(figure: &Figure, brush: &mut Brush, canvas: &mut Canvas) {
    let skull = Skull::of(figure, brush);
    face(figure, &skull, brush, canvas);
    if figure.wear.headwear != Headwear::Hood {
        hair(figure, &skull, brush, canvas);
    }
    match figure.wear.headwear {
        Headwear::Bare => {}
        Headwear::WideHat => wide_hat(figure, &skull, brush, canvas),
        Headwear::Cap => cap(figure, &skull, brush, canvas),
        Headwear::Hood => hood(figure, &skull, brush, canvas),
        Headwear::Beanie => beanie(figure, &skull, brush, canvas),
    }
}

/// Skull, jaw, nose and eyes.
fn face(figure: &Figure, skull: &Skull, brush: &mut Brush, canvas: &mut Canvas) {
    let side = skull.ahead;
    let jaw = if figure.subject.kind == SubjectKind::Man {
        0.62
    } else {
        0.52
    };
    brush.path.blob(&[
        skull.at(-0.96, 0.16),
        skull.at(-0.70, 0.78),
        skull.at(0.0, 1.0),
        skull.at(0.70, 0.78),
        skull.at(0.96, 0.16),
        skull.at(jaw + 0.20 + side * 0.16, -0.44),
        skull.at(0.30 + side * 0.46, -0.95),
        skull.at(-0.30 + side * 0.46, -0.95),
        skull.at(-jaw - 0.20 + side * 0.16, -0.44),
    ]);
    // The nose leaves the outline only in profile.
    let out = side.abs() * 0.30 - 0.12;
    if out > 0.0 && skull.toward > -0.5 {
        let edge = side.signum() * 0.86;
        let tip = side.signum() * (0.98 + out);
        brush.path.polygon(&[
            skull.at(edge, 0.22),
            skull.at(tip, -0.20),
            skull.at(edge, -0.34),
        ]);
    }
    let ink = brush.ink(figure.wear.skin, figure.body.head * 0.20);
    brush.print(canvas, &ink);
    if figure.subject.kind == SubjectKind::Man && skull.toward > -0.3 {
        beard(figure, skull, brush, canvas);
    }
    if skull.ry > 8.0 {
        let dot = skull.ry * 0.085;
        let heading = skull.ahead.atan2(skull.toward);
        for eye in [-0.42_f32, 0.42] {
            let (x, depth) = (heading + eye).sin_cos();
            if depth > 0.12 {
                brush.path.ellipse(
                    skull.at(x * 0.90, -0.02),
                    dot * depth.max(0.5),
                    dot * 1.3,
                    0.0,
                );
            }
        }
        let ink = super::Ink::flat(figure.wear.ink.base);
        brush.print(canvas, &ink);
    }
}

/// A beard around the jaw; it turns with the face.
fn beard(figure: &Figure, skull: &Skull, brush: &mut Brush, canvas: &mut Canvas) {
    let side = skull.ahead;
    let x = |x: f32| x * (1.0 - 0.30 * side.abs()) + side * 0.34;
    brush.path.blob(&[
        skull.at(x(-0.86), -0.10),
        skull.at(x(-0.46), -0.44),
        skull.at(x(0.0), -0.48),
        skull.at(x(0.46), -0.44),
        skull.at(x(0.86), -0.10),
        skull.at(x(0.74), -0.66),
        skull.at(x(0.34), -1.12),
        skull.at(x(-0.34), -1.12),
        skull.at(x(-0.74), -0.66),
    ]);
    let ink = brush.ink(figure.wear.hair, figure.body.head * 0.08);
    brush.print(canvas, &ink);
}

/// Height of the hairline at an angle from the face, -1 chin to 1 crown.
fn hairline(kind: SubjectKind, angle: f32) -> f32 {
    // Angle in degrees from the face, height for a man, a woman, a child.
    const KNOTS: [(f32, [f32; 3]); 7] = [
        (0.0, [0.56, 0.50, 0.40]),
        (40.0, [0.50, 0.36, 0.36]),
        (66.0, [0.28, -0.05, 0.10]),
        (88.0, [-0.14, -0.46, -0.30]),
        (112.0, [-0.02, -0.66, -0.40]),
        (140.0, [-0.46, -0.72, -0.50]),
        (180.0, [-0.58, -0.74, -0.56]),
    ];
    let column = match kind {
        SubjectKind::Man => 0,
        SubjectKind::Woman => 1,
        _ => 2,
    };
    let degrees = angle.abs().to_degrees().min(180.0);
    let next = KNOTS
        .iter()
        .position(|k| k.0 >= degrees)
        .unwrap_or(6)
        .max(1);
    let ((d0, a), (d1, b)) = (KNOTS[next - 1], KNOTS[next]);
    let t = super::gait::ease((degrees - d0) / (d1 - d0));
    a[column] + (b[column] - a[column]) * t
}

/// The hair as a cap over the head, its lower edge the visible part of the hairline.
fn hair(figure: &Figure, skull: &Skull, brush: &mut Brush, canvas: &mut Canvas) {
    let puff = match (figure.wear.headwear, figure.subject.kind) {
        (Headwear::Bare, SubjectKind::Man) => 1.07,
        (Headwear::Bare, _) => 1.13,
        _ => 1.02,
    };
    let heading = skull.ahead.atan2(skull.toward);
    let round = |y: f32| (1.0 - (y * 0.94).powi(2)).max(0.0).sqrt();
    let line: Vec<Point> = (0..=12)
        .map(|i| {
            let across = PI * (i as f32 / 12.0 - 0.5);
            let angle = (across - heading + 3.0 * PI).rem_euclid(std::f32::consts::TAU) - PI;
            let y = hairline(figure.subject.kind, angle);
            skull.at(across.sin() * round(y) * puff, y)
        })
        .collect();
    let edge = |p: Point| (skull.center[1] - p[1]) / skull.ry;
    let (left, right) = (edge(line[0]), edge(line[12]));
    // Over the crown from right to left along the outline of the head.
    let (from, to) = (
        right.clamp(-0.9, 0.9).asin(),
        PI - left.clamp(-0.9, 0.9).asin(),
    );
    let crown: Vec<Point> = (1..12)
        .map(|i| {
            let (s, c) = (from + (to - from) * i as f32 / 12.0).sin_cos();
            skull.at(c * 0.99 * puff - skull.ahead * 0.04, s * puff)
        })
        .collect();
    brush.path.spline(&line).spline(&crown).close();
    let ink = brush.ink(figure.wear.hair, figure.body.head * 0.16);
    brush.print(canvas, &ink);
}

/// Long hair: a lock from the nape that follows late.
pub fn hair_fall(figure: &Figure, brush: &mut Brush, canvas: &mut Canvas) {
    let (long, full) = match figure.subject.kind {
        SubjectKind::Woman => (2.5, 1.42),
        SubjectKind::Child => (0.55, 0.98),
        _ => return,
    };
    // Out of a hood only the ends fall.
    let long = if figure.wear.headwear == Headwear::Hood {
        0.8 * long
    } else {
        long
    };
    let skull = Skull::of(figure, brush);
    let pose = figure.pose;
    let moving = matches!(pose.action, Action::Walk | Action::Run);
    let wave = |delay: f32| {
        if moving {
            gait_wave(pose, 2.0, delay) * 0.16
        } else {
            swing(pose, 0.35, 41) * 0.06
        }
    };
    let air = (pose.wind * 0.08 - skull.ahead * pose.speed * 0.10).clamp(-0.9, 0.9);
    let start = [-skull.ahead * 0.42, 0.25];
    let spine: Vec<Point> = (0..6)
        .map(|i| {
            let s = i as f32 / 5.0;
            let x =
                start[0] - skull.ahead * 0.18 * s + (air * s + wave(0.10 + 0.12 * s) * s) * long;
            skull.at(x, start[1] - s * long * (1.0 - 0.35 * air.abs() * s))
        })
        .collect();
    let open = full - 0.34 * skull.ahead.abs();
    let rx = skull.rx;
    // Over the crown it lies close, over the shoulders it is fullest.
    let fullness = |s: f32| (0.72 + 0.9 * s).min(1.0) * (1.0 - 0.50 * s * s);
    brush.path.ribbon(&spine, |s| rx * open * fullness(s));
    let ink = brush.ink(figure.wear.hair, 0.03);
    brush.print(canvas, &ink);
}

fn wide_hat(figure: &Figure, skull: &Skull, brush: &mut Brush, canvas: &mut Canvas) {
    let size = figure.body.head;
    let brow = skull.at(skull.ahead * -0.02, 0.52);
    let tilt = -0.10 * skull.ahead;
    let crown = [
        skull.at(-0.92, 0.50),
        skull.at(-0.80, 1.12),
        skull.at(-0.40, 1.42),
        skull.at(0.40, 1.42),
        skull.at(0.80, 1.12),
        skull.at(0.92, 0.50),
    ];
    brush
        .path
        .ellipse(brow, skull.rx * 2.0, skull.ry * 0.30, tilt);
    let ink = brush.ink(figure.wear.hat, size * 0.10);
    brush.print(canvas, &ink);
    brush.path.spline(&crown).close();
    let ink = brush.ink(figure.wear.hat, size * 0.34);
    brush.print(canvas, &ink);
    let band = [
        skull.at(-0.91, 0.62),
        skull.at(0.0, 0.50),
        skull.at(0.91, 0.62),
    ];
    let thick = skull.ry * 0.11;
    brush.path.ribbon(&band, |_| thick);
    let ink = super::Ink::flat(figure.wear.band.base);
    brush.print(canvas, &ink);
}

fn dome(figure: &Figure, skull: &Skull, low: f32, brush: &mut Brush, canvas: &mut Canvas) {
    let x = -skull.ahead * 0.08;
    let knots = [
        skull.at(x - 1.08, low),
        skull.at(x - 1.02, 0.72),
        skull.at(x - 0.55, 1.16),
        skull.at(x + 0.55, 1.16),
        skull.at(x + 1.02, 0.72),
        skull.at(x + 1.08, low),
    ];
    brush.path.spline(&knots).close();
    let size = figure.body.head;
    let ink = brush.ink(figure.wear.hat, size * 0.30);
    brush.print(canvas, &ink);
}

fn cap(figure: &Figure, skull: &Skull, brush: &mut Brush, canvas: &mut Canvas) {
    dome(figure, skull, 0.34, brush, canvas);
    if skull.toward > -0.5 {
        let tip = skull.at(skull.ahead * 1.62, 0.30 - 0.10 * skull.toward);
        let root = skull.at(skull.ahead * 0.5, 0.40);
        let (wide, thin) = (
            skull.rx * (0.30 + 0.55 * skull.toward.max(0.0)),
            skull.ry * 0.10,
        );
        brush.path.capsule(root, thin * 1.6, tip, thin);
        brush
            .path
            .ellipse(skull.at(skull.ahead * 0.6, 0.32), wide, thin * 1.7, 0.0);
        let ink = brush.ink(figure.wear.band, 0.01);
        brush.print(canvas, &ink);
    }
}

fn beanie(figure: &Figure, skull: &Skull, brush: &mut Brush, canvas: &mut Canvas) {
    let knob = skull.at(-skull.ahead * 0.12, 1.30);
    let radius = skull.ry * 0.26;
    brush.path.ellipse(knob, radius, radius, 0.0);
    let ink = brush.ink(figure.wear.hat, 0.02);
    brush.print(canvas, &ink);
    dome(figure, skull, 0.40, brush, canvas);
    let x = -skull.ahead * 0.06;
    let fold = [
        skull.at(x - 1.06, 0.48),
        skull.at(x, 0.40),
        skull.at(x + 1.06, 0.48),
    ];
    let thick = skull.ry * 0.16;
    brush.path.ribbon(&fold, |_| thick);
    let ink = brush.ink(figure.wear.band, 0.02);
    brush.print(canvas, &ink);
}

/// A hood: a shell around the head, open where the face looks.
fn hood(figure: &Figure, skull: &Skull, brush: &mut Brush, canvas: &mut Canvas) {
    let x = -skull.ahead * 0.16;
    let size = figure.body.head;
    brush.path.blob(&[
        skull.at(x - 1.22, 0.10),
        skull.at(x - 0.95, 0.92),
        skull.at(x - skull.ahead * 0.25, 1.36),
        skull.at(x + 0.95, 0.92),
        skull.at(x + 1.22, 0.10),
        skull.at(x + 0.95, -1.02),
        skull.at(x - 0.95, -1.02),
    ]);
    let ink = brush.ink(figure.wear.hat, size * 0.40);
    brush.print(canvas, &ink);
    if skull.toward > -0.45 {
        let show = ((skull.toward + 0.45) / 0.45).clamp(0.0, 1.0);
        let (rx, ry) = (
            skull.rx * (0.74 - 0.26 * skull.ahead.abs()) * show,
            skull.ry * 0.80,
        );
        brush
            .path
            .ellipse(skull.at(skull.ahead * 0.62, -0.08), rx, ry, 0.0);
        let ink = brush.ink(figure.wear.skin, size * 0.20);
        brush.print(canvas, &ink);
    }
}
