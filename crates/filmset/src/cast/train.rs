//! A steam train: black engine and tender, wagons in the colour, on the rail.

use super::canvas::{Canvas, Tones};
use super::palette::{hex, rgb};
use super::path::Point;
use super::{Brush, Pose, WHEEL_RADIUS};
use crate::program::{Color, Subject};
use std::f32::consts::TAU;

/// Metres from the train's middle to the end of its engine.
const HALF: f32 = 20.0;
/// Where wagons begin behind the engine's front, and how long they are.
const FIRST_WAGON: f32 = 13.2;
const WAGON: f32 = 8.6;
const SMALL_WHEEL: f32 = 0.42;

/// Metres right of and over the middle of the train's rail where its funnel ends.
pub fn funnel(pose: &Pose) -> (f32, f32) {
    (side(pose) * (HALF - 1.55), 4.25)
}

fn side(pose: &Pose) -> f32 {
    if pose.facing < 0.0 { -1.0 } else { 1.0 }
}

struct Train<'a> {
    pose: &'a Pose,
    side: f32,
    black: Tones,
    dark: Tones,
    steel: Tones,
    brass: Tones,
    body: Tones,
    trim: Tones,
}

/// Draws a train whose middle stands over the point on the ground.
pub fn train(subject: &Subject, pose: &Pose, mut brush: Brush, canvas: &mut Canvas) {
    let tones = |color: [f32; 3]| brush.light.tones(color);
    let light = matches!(
        subject.color,
        Color::White | Color::Yellow | Color::Pink | Color::Orange
    );
    let train = Train {
        pose,
        side: side(pose),
        black: tones(hex(0x2C_2D_33)),
        dark: tones(hex(0x1B_1C_20)),
        steel: tones(hex(0x9A_A0_A6)),
        brass: tones(hex(0xC9_A0_50)),
        body: tones(rgb(subject.color)),
        trim: tones(if light {
            hex(0x5A_3E_2E)
        } else {
            hex(0xEA_DF_C4)
        }),
    };
    let mut back = FIRST_WAGON;
    while back + WAGON < 2.0 * HALF + 1.0 {
        train.wagon(back, &mut brush, canvas);
        back += WAGON + 0.45;
    }
    train.tender(&mut brush, canvas);
    train.engine(&mut brush, canvas);
}

impl Train<'_> {
    /// Pixel of a point `back` metres behind the engine's front and `y` over the rail.
    fn at(&self, brush: &Brush, back: f32, y: f32) -> Point {
        brush.at(self.side * (HALF - back), y)
    }

    fn block(&self, brush: &mut Brush, [from, to]: [f32; 2], [low, high]: [f32; 2]) {
        let corners = [(from, low), (from, high), (to, high), (to, low)]
            .map(|(back, y)| self.at(brush, back, y));
        brush.path.polygon(&corners);
    }

    fn paint(brush: &mut Brush, canvas: &mut Canvas, tones: Tones, shade: f32) {
        let ink = brush.ink(tones, shade);
        brush.print(canvas, &ink);
    }

    /// Turn of a wheel of this radius in radians.
    fn turn(&self, radius: f32) -> f32 {
        self.side * TAU * self.pose.phase * WHEEL_RADIUS / radius
    }

    fn wheel(&self, back: f32, radius: f32, rim: Tones, brush: &mut Brush, canvas: &mut Canvas) {
        let m = brush.ppm;
        let hub = self.at(brush, back, radius);
        brush.path.ellipse(hub, radius * m, radius * m, 0.0);
        Self::paint(brush, canvas, rim, 0.0);
        if radius * m < 3.0 {
            return;
        }
        brush
            .path
            .ellipse(hub, radius * 0.80 * m, radius * 0.80 * m, 0.0);
        Self::paint(brush, canvas, self.dark, 0.0);
        let turn = self.turn(radius);
        for i in 0..4 {
            let (s, c) = (turn + TAU * i as f32 / 8.0).sin_cos();
            let reach = radius * 0.84 * m;
            let spoke = [
                [hub[0] - c * reach, hub[1] - s * reach],
                [hub[0] + c * reach, hub[1] + s * reach],
            ];
            brush.path.ribbon(&spoke, |_| (0.045 * m).max(0.35));
        }
        brush.path.ellipse(hub, 0.14 * m, 0.14 * m, 0.0);
        Self::paint(brush, canvas, rim, 0.0);
    }

    fn wagon(&self, back: f32, brush: &mut Brush, canvas: &mut Canvas) {
        let end = back + WAGON;
        for wheel in [0.9, 2.1, WAGON - 2.1, WAGON - 0.9] {
            self.wheel(back + wheel, SMALL_WHEEL, self.steel, brush, canvas);
        }
        self.block(brush, [back - 0.5, end + 0.1], [0.72, 0.95]);
        Self::paint(brush, canvas, self.dark, 0.0);
        self.block(brush, [back, end], [0.90, 3.25]);
        let mut ink = brush.ink(self.body, 0.25);
        ink.gradient = 0.12;
        brush.print(canvas, &ink);
        let roof = [
            (back - 0.12, 3.18),
            (back + 0.3, 3.58),
            (end - 0.3, 3.58),
            (end + 0.12, 3.18),
        ]
        .map(|(x, y)| self.at(brush, x, y));
        brush.path.polygon(&roof);
        Self::paint(brush, canvas, self.black, 0.1);
        self.block(brush, [back, end], [1.50, 1.66]);
        Self::paint(brush, canvas, self.trim, 0.0);
        for i in 0..6 {
            let x = back + 0.55 + i as f32 * (WAGON - 1.1) / 6.0 + 0.12;
            self.block(brush, [x, x + 0.95], [2.02, 2.82]);
        }
        let lit = brush.light.night;
        let ink = if lit {
            super::Ink::flat(hex(0xFF_D9_8C))
        } else {
            brush.light.flat(hex(0xCF_DD_E2))
        };
        brush.print(canvas, &ink);
    }

    fn tender(&self, brush: &mut Brush, canvas: &mut Canvas) {
        for back in [9.6, 10.9, 12.1] {
            self.wheel(back, SMALL_WHEEL + 0.08, self.steel, brush, canvas);
        }
        let shape = [(9.0, 0.85), (9.0, 2.75), (12.7, 2.55), (12.7, 0.85)]
            .map(|(x, y)| self.at(brush, x, y));
        brush.path.polygon(&shape);
        Self::paint(brush, canvas, self.black, 0.25);
        let coal: Vec<Point> = [
            (9.3, 2.6),
            (9.9, 3.05),
            (10.7, 2.95),
            (11.5, 3.10),
            (12.4, 2.5),
        ]
        .map(|(x, y)| self.at(brush, x, y))
        .to_vec();
        brush.path.spline(&coal).close();
        Self::paint(brush, canvas, self.dark, 0.2);
        self.block(brush, [9.0, 12.7], [1.55, 1.70]);
        Self::paint(brush, canvas, self.body, 0.0);
        self.block(brush, [12.6, 13.4], [0.80, 0.95]);
        Self::paint(brush, canvas, self.dark, 0.0);
    }

    fn engine(&self, brush: &mut Brush, canvas: &mut Canvas) {
        let m = brush.ppm;
        self.block(brush, [0.5, 9.1], [0.78, 1.15]);
        Self::paint(brush, canvas, self.dark, 0.0);
        // Boiler, smoke box, cab.
        let (a, b) = (self.at(brush, 1.5, 2.15), self.at(brush, 6.6, 2.15));
        brush.path.capsule(a, 0.92 * m, b, 0.92 * m);
        self.block(brush, [6.4, 8.7], [1.0, 3.35]);
        let mut ink = brush.ink(self.black, 0.30);
        ink.gradient = 0.30;
        brush.print(canvas, &ink);
        let roof =
            [(6.1, 3.30), (6.4, 3.62), (8.8, 3.62), (9.2, 3.30)].map(|(x, y)| self.at(brush, x, y));
        brush.path.polygon(&roof);
        Self::paint(brush, canvas, self.dark, 0.1);
        self.block(brush, [7.0, 8.1], [2.25, 3.0]);
        let pane = if brush.light.night {
            super::Ink::flat(hex(0xFF_B8_5C))
        } else {
            brush.light.flat(hex(0x8E_A4_AC))
        };
        brush.print(canvas, &pane);
        self.fittings(brush, canvas);
        for back in [1.2, 2.2] {
            self.wheel(back, SMALL_WHEEL, self.steel, brush, canvas);
        }
        for back in [3.55, 5.15, 6.75] {
            self.wheel(back, WHEEL_RADIUS, self.body, brush, canvas);
        }
        self.rods(brush, canvas);
    }

    /// Funnel, domes, bands, lamp and cow catcher.
    fn fittings(&self, brush: &mut Brush, canvas: &mut Canvas) {
        let m = brush.ppm;
        let stack = [
            (1.28, 2.9),
            (1.18, 3.75),
            (0.98, 4.2),
            (2.12, 4.2),
            (1.92, 3.75),
            (1.82, 2.9),
        ]
        .map(|(x, y)| self.at(brush, x, y));
        brush.path.polygon(&stack);
        let catcher = [(-0.35, 0.15), (0.75, 1.1), (1.0, 1.1), (1.0, 0.15)]
            .map(|(x, y)| self.at(brush, x, y));
        brush.path.polygon(&catcher);
        Self::paint(brush, canvas, self.black, 0.22);
        for (x, height) in [(3.3, 0.42), (4.9, 0.52)] {
            let (low, high) = (self.at(brush, x, 2.9), self.at(brush, x, 3.0 + height));
            brush.path.capsule(low, 0.36 * m, high, 0.26 * m);
        }
        Self::paint(brush, canvas, self.brass, 0.16);
        for x in [2.35, 3.95, 5.6] {
            self.block(brush, [x, x + 0.11], [1.24, 3.06]);
        }
        self.block(brush, [0.98, 2.12], [4.08, 4.24]);
        Self::paint(brush, canvas, self.brass, 0.0);
        self.block(brush, [6.5, 8.6], [1.35, 2.0]);
        Self::paint(brush, canvas, self.body, 0.1);
        let lamp = self.at(brush, 0.62, 2.55);
        brush.path.ellipse(lamp, 0.24 * m, 0.24 * m, 0.0);
        let ink = super::Ink::flat(hex(0xFF_E9_B0));
        brush.print(canvas, &ink);
    }

    /// Coupling rod between the drivers, and the piston that drives it.
    fn rods(&self, brush: &mut Brush, canvas: &mut Canvas) {
        let m = brush.ppm;
        let (s, c) = self.turn(WHEEL_RADIUS).sin_cos();
        let pin = |back: f32, brush: &Brush| {
            let hub = self.at(brush, back, WHEEL_RADIUS);
            [hub[0] + 0.40 * c * m, hub[1] + 0.40 * s * m]
        };
        let ends = [pin(3.55, brush), pin(6.75, brush)];
        brush.path.ribbon(&ends, |_| (0.075 * m).max(0.5));
        let cross = self.at(brush, 2.75 - 0.40 * c * self.side, WHEEL_RADIUS + 0.12);
        let middle = pin(5.15, brush);
        brush
            .path
            .ribbon(&[cross, middle], |_| (0.06 * m).max(0.45));
        self.block(brush, [1.55, 2.75], [0.52, 1.08]);
        Self::paint(brush, canvas, self.steel, 0.0);
    }
}
