//! Heads: face, hair, headwear, and long hair that swings behind.

use super::Brush;
use super::canvas::Canvas;
use super::figure::Figure;
use super::path::Point;
use super::skeleton::{gait_wave, swing};
use crate::program::{Action, Headwear, SubjectKind};

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
            rx: ry * if figure.subject.kind == SubjectKind::Child { 0.88 } else { 0.80 },
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
    let size = figure.body.head;
    hair_cap(figure, &skull, brush, canvas);
    if skull.toward > -0.75 {
        face(figure, &skull, brush, canvas);
    }
    if skull.toward > -0.2 && figure.wear.headwear == Headwear::Bare {
        fringe(figure, &skull, brush, canvas);
    }
    match figure.wear.headwear {
        Headwear::Bare => {}
        Headwear::WideHat => wide_hat(figure, &skull, brush, canvas),
        Headwear::Cap => cap(figure, &skull, brush, canvas),
        Headwear::Hood => hood(figure, &skull, brush, canvas),
        Headwear::Beanie => beanie(figure, &skull, brush, canvas),
    }
    let _ = size;
}

fn hair_cap(figure: &Figure, skull: &Skull, brush: &mut Brush, canvas: &mut Canvas) {
    let back = -skull.ahead * 0.16;
    let puff = if figure.wear.headwear == Headwear::Bare { 1.10 } else { 1.0 };
    let center = skull.at(back, 0.10);
    brush.path.ellipse(center, skull.rx * puff * 1.02, skull.ry * puff * 0.96, 0.0);
    let ink = brush.ink(figure.wear.hair, 0.03, 0.014);
    brush.print(canvas, &ink);
}

fn face(figure: &Figure, skull: &Skull, brush: &mut Brush, canvas: &mut Canvas) {
    let side = skull.ahead;
    let show = ((skull.toward + 0.75) / 0.75).clamp(0.0, 1.0);
    let width = (0.80 - 0.14 * side.abs()) * (0.4 + 0.6 * show);
    let x = side * 0.34;
    let knots = [
        skull.at(x - width, 0.05),
        skull.at(x - width * 0.72, 0.62),
        skull.at(x + width * 0.72, 0.62),
        skull.at(x + width, 0.05),
        skull.at(x + width * 0.78 + side * 0.04, -0.62),
        skull.at(x + side * 0.22, -1.0),
        skull.at(x - width * 0.74 + side * 0.04, -0.60),
    ];
    brush.path.blob(&knots);
    if side.abs() > 0.5 {
        let nose = side.signum() * (side.abs() - 0.5) * 2.0;
        let edge = x + side.signum() * width * 0.90;
        brush.path.polygon(&[
            skull.at(edge, 0.18),
            skull.at(edge + nose * 0.26, -0.18),
            skull.at(edge - nose * 0.05, -0.30),
        ]);
    }
    let ink = brush.ink(figure.wear.skin, figure.body.head * 0.22, figure.body.head * 0.05);
    brush.print(canvas, &ink);
    if skull.ry > 9.0 && skull.toward > -0.1 {
        let dot = skull.ry * 0.075;
        for eye in [-1.0, 1.0] {
            let x = side * 0.62 + eye * 0.34 * skull.toward;
            if skull.toward > 0.3 || (eye * side) >= 0.0 {
                brush.path.ellipse(skull.at(x, -0.02), dot, dot * 1.25, 0.0);
            }
        }
        let ink = super::Ink::flat(figure.wear.ink.base);
        brush.print(canvas, &ink);
    }
}

/// Hair over the forehead.
fn fringe(figure: &Figure, skull: &Skull, brush: &mut Brush, canvas: &mut Canvas) {
    let side = skull.ahead;
    let knots = [
        skull.at(side * -0.2 - 0.95, 0.25),
        skull.at(side * -0.1 - 0.70, 0.90),
        skull.at(side * 0.1, 1.14),
        skull.at(side * 0.1 + 0.72, 0.88),
        skull.at(side * 0.16 + 0.93, 0.35),
        skull.at(side * 0.22 + 0.50, 0.52),
        skull.at(side * 0.10 - 0.30, 0.58),
    ];
    brush.path.blob(&knots);
    let ink = brush.ink(figure.wear.hair, 0.02, 0.014);
    brush.print(canvas, &ink);
}

/// Long hair: a lock from the nape that follows late.
pub fn hair_fall(figure: &Figure, brush: &mut Brush, canvas: &mut Canvas) {
    let long = match figure.subject.kind {
        SubjectKind::Woman => 1.75,
        SubjectKind::Child => 0.55,
        _ => return,
    };
    let long = if figure.wear.headwear == Headwear::Hood { 0.4 } else { long };
    let skull = Skull::of(figure, brush);
    let pose = figure.pose;
    let moving = matches!(pose.action, Action::Walk | Action::Run);
    let wave = |delay: f32| {
        if moving { gait_wave(pose, 2.0, delay) * 0.16 } else { swing(pose, 0.35, 41) * 0.06 }
    };
    let air = (pose.wind * 0.05 - skull.ahead * pose.speed * 0.10).clamp(-0.9, 0.9);
    let start = [-skull.ahead * 0.42, 0.25];
    let spine: Vec<Point> = (0..6)
        .map(|i| {
            let s = i as f32 / 5.0;
            let x = start[0] - skull.ahead * 0.18 * s + (air * s + wave(0.10 + 0.12 * s) * s) * long;
            skull.at(x, start[1] - s * long * (1.0 - 0.35 * air.abs() * s))
        })
        .collect();
    let open = 0.98 - 0.34 * skull.ahead.abs();
    let rx = skull.rx;
    brush.path.ribbon(&spine, |s| rx * open * (1.0 - 0.62 * s * s));
    let ink = brush.ink(figure.wear.hair, 0.03, 0.012);
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
    brush.path.ellipse(brow, skull.rx * 2.0, skull.ry * 0.30, tilt);
    let ink = brush.ink(figure.wear.hat, size * 0.10, size * 0.06);
    brush.print(canvas, &ink);
    brush.path.spline(&crown).close();
    let ink = brush.ink(figure.wear.hat, size * 0.34, size * 0.06);
    brush.print(canvas, &ink);
    let band = [skull.at(-0.91, 0.62), skull.at(0.0, 0.50), skull.at(0.91, 0.62)];
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
    let ink = brush.ink(figure.wear.hat, size * 0.30, size * 0.06);
    brush.print(canvas, &ink);
}

fn cap(figure: &Figure, skull: &Skull, brush: &mut Brush, canvas: &mut Canvas) {
    dome(figure, skull, 0.34, brush, canvas);
    if skull.toward > -0.5 {
        let tip = skull.at(skull.ahead * 1.62, 0.30 - 0.10 * skull.toward);
        let root = skull.at(skull.ahead * 0.5, 0.40);
        let (wide, thin) = (skull.rx * (0.30 + 0.55 * skull.toward.max(0.0)), skull.ry * 0.10);
        brush.path.capsule(root, thin * 1.6, tip, thin);
        brush.path.ellipse(skull.at(skull.ahead * 0.6, 0.32), wide, thin * 1.7, 0.0);
        let ink = brush.ink(figure.wear.band, 0.01, 0.008);
        brush.print(canvas, &ink);
    }
}

fn beanie(figure: &Figure, skull: &Skull, brush: &mut Brush, canvas: &mut Canvas) {
    let knob = skull.at(-skull.ahead * 0.12, 1.30);
    let radius = skull.ry * 0.26;
    brush.path.ellipse(knob, radius, radius, 0.0);
    let ink = brush.ink(figure.wear.hat, 0.02, 0.010);
    brush.print(canvas, &ink);
    dome(figure, skull, 0.40, brush, canvas);
    let x = -skull.ahead * 0.06;
    let fold = [skull.at(x - 1.06, 0.48), skull.at(x, 0.40), skull.at(x + 1.06, 0.48)];
    let thick = skull.ry * 0.16;
    brush.path.ribbon(&fold, |_| thick);
    let ink = brush.ink(figure.wear.band, 0.02, 0.008);
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
    let ink = brush.ink(figure.wear.hat, size * 0.40, size * 0.07);
    brush.print(canvas, &ink);
    if skull.toward > -0.45 {
        let show = ((skull.toward + 0.45) / 0.45).clamp(0.0, 1.0);
        let (rx, ry) = (skull.rx * (0.74 - 0.26 * skull.ahead.abs()) * show, skull.ry * 0.80);
        brush.path.ellipse(skull.at(skull.ahead * 0.62, -0.08), rx, ry, 0.0);
        let ink = brush.ink(figure.wear.skin, size * 0.20, size * 0.03);
        brush.print(canvas, &ink);
    }
}
