//! Dogs: four legs that walk a foot after another or gallop in pairs, and a tail.

use super::canvas::{Canvas, Tones};
use super::gait::{self, Foot};
use super::palette::{hex, rgb};
use super::path::{Point, between};
use super::skeleton::{Joint, View, swing};
use super::{Brush, Pose};
use crate::program::{Action, Subject, SubjectKind};
use std::f32::consts::TAU;

/// Metres of a dog's body: shoulders and hips ahead of its middle, their height, leg length.
const SHOULDER: f32 = 0.22;
const HIP: f32 = -0.24;
const BACK: f32 = 0.43;

struct Dog<'a> {
    pose: &'a Pose,
    view: View,
    /// Middle of the body's motion: height gained, and pitch with the head up.
    lift: f32,
    pitch: f32,
    coat: Tones,
    coat_far: Tones,
    dark: Tones,
}

/// Draws a dog.
pub fn draw(subject: &Subject, pose: &Pose, mut brush: Brush, canvas: &mut Canvas) {
    let color = rgb(subject.color);
    let turn = TAU * pose.phase;
    let (lift, pitch) = match pose.action {
        Action::Run => (0.045 * (turn + 0.6).sin(), 0.13 * (turn + 2.0).sin()),
        Action::Walk => (0.008 * (2.0 * turn).cos(), 0.02 * turn.sin()),
        Action::Jump => {
            let jump = gait::jump(SubjectKind::Dog, pose.action_t);
            (
                jump.lift - 0.10 * jump.crouch,
                0.25 * jump.reach.max(0.0) * (jump.lift / 0.2).min(1.0),
            )
        }
        _ => (0.004 * swing(pose, 0.5, 61), 0.0),
    };
    let dog = Dog {
        pose,
        view: View::of(pose),
        lift,
        pitch,
        coat: brush.light.tones(color),
        coat_far: brush.light.tones(color.map(|v| v * 0.76)),
        dark: brush.light.tones(hex(0x22_1E_20)),
    };
    dog.print(&mut brush, canvas);
}

impl Dog<'_> {
    /// A point of the body that pitches and rises with it.
    fn body(&self, x: f32, y: f32, z: f32) -> Joint {
        let (s, c) = self.pitch.sin_cos();
        [
            x * c - (y - BACK) * s,
            BACK + self.lift + x * s + (y - BACK) * c,
            z,
        ]
    }

    fn print(&self, brush: &mut Brush, canvas: &mut Canvas) {
        let near = if self.view.ahead >= 0.0 { 1.0 } else { -1.0 };
        let away = self.view.toward < -0.3;
        if away {
            self.head(brush, canvas);
        } else {
            self.tail(brush, canvas);
        }
        for far in [true, false] {
            let z = if far { -near } else { near } * 0.075;
            for (hind, x) in [(false, SHOULDER), (true, HIP)] {
                self.leg(hind, [x, z], far, brush, canvas);
            }
        }
        self.trunk(brush, canvas);
        if away {
            self.tail(brush, canvas);
        } else {
            self.head(brush, canvas);
        }
    }

    fn foot(&self, hind: bool, right: bool) -> Foot {
        let stride = gait::stride(SubjectKind::Dog, self.pose.action, self.pose.speed);
        // Walk: each foot a quarter of a cycle after the last. Gallop: hind pair, then fore pair.
        let shift = match (self.pose.action, hind, right) {
            (Action::Run, true, right) => {
                if right {
                    0.0
                } else {
                    0.09
                }
            }
            (Action::Run, false, right) => {
                if right {
                    0.50
                } else {
                    0.59
                }
            }
            (_, true, false) => 0.0,
            (_, false, false) => 0.75,
            (_, true, true) => 0.5,
            (_, false, true) => 0.25,
        };
        match self.pose.action {
            Action::Walk | Action::Run => {
                let u = (self.pose.phase + shift).rem_euclid(1.0);
                gait::step(self.pose.action, u, stride, 0.52)
            }
            Action::Jump => {
                let jump = gait::jump(SubjectKind::Dog, self.pose.action_t);
                let air = (jump.lift / 0.2).min(1.0);
                Foot {
                    x: if hind { -0.16 } else { 0.14 } * air,
                    y: jump.lift,
                    ..Foot::default()
                }
            }
            _ => Foot {
                x: if right { 0.02 } else { -0.03 },
                planted: true,
                ..Foot::default()
            },
        }
    }

    fn leg(&self, hind: bool, [x, z]: [f32; 2], far: bool, brush: &mut Brush, canvas: &mut Canvas) {
        let foot = self.foot(hind, z > 0.0);
        let top = self.body(x, if hind { 0.42 } else { 0.38 }, z);
        let paw = [x + foot.x, foot.y + 0.03, z];
        let (upper, lower) = if hind { (0.21, 0.215) } else { (0.18, 0.19) };
        let (knee, paw) = gait::bend(top, paw, [upper, lower], if hind { -1.0 } else { 0.6 });
        let [a, b, c] = [top, knee, paw].map(|p| self.view.at(brush, p));
        let toe = self.view.at(brush, [paw[0] + 0.045, paw[1] - 0.006, z]);
        let m = brush.ppm;
        let thick = if hind { 0.080 } else { 0.058 };
        brush.path.capsule(a, thick * m, b, 0.034 * m);
        brush.path.capsule(b, 0.034 * m, c, 0.024 * m);
        brush.path.capsule(c, 0.028 * m, toe, 0.022 * m);
        let ink = brush.ink(if far { self.coat_far } else { self.coat }, 0.02);
        brush.print(canvas, &ink);
    }

    fn trunk(&self, brush: &mut Brush, canvas: &mut Canvas) {
        let [chest, waist, loin, neck, nape] = [
            self.body(SHOULDER - 0.02, 0.40, 0.0),
            self.body(-0.10, 0.437, 0.0),
            self.body(HIP, 0.43, 0.0),
            self.body(SHOULDER + 0.06, 0.48, 0.0),
            self.head_at(),
        ]
        .map(|p| self.view.at(brush, p));
        let m = brush.ppm;
        // A deep chest, and a belly that is drawn up behind it.
        brush.path.capsule(chest, 0.128 * m, waist, 0.088 * m);
        brush.path.capsule(waist, 0.088 * m, loin, 0.096 * m);
        brush
            .path
            .capsule(neck, 0.085 * m, between(neck, nape, 0.9), 0.058 * m);
        let ink = brush.ink(self.coat, 0.05);
        brush.print(canvas, &ink);
    }

    /// Centre of the head.
    fn head_at(&self) -> Joint {
        let nod = match self.pose.action {
            Action::Walk => 0.012 * (2.0 * TAU * self.pose.phase).sin(),
            Action::Run => 0.02 * (TAU * self.pose.phase).sin(),
            _ => 0.012 * swing(self.pose, 0.3, 62),
        };
        let low = if self.pose.action == Action::Run {
            0.06
        } else {
            0.0
        };
        self.body(SHOULDER + 0.17 + low, 0.645 - low + nod, 0.0)
    }

    fn head(&self, brush: &mut Brush, canvas: &mut Canvas) {
        let m = brush.ppm;
        let at = self.head_at();
        let put = |x: f32, y: f32, z: f32| self.view.at(brush, [at[0] + x, at[1] + y, at[2] + z]);
        let (skull, muzzle) = (put(0.0, 0.0, 0.0), put(0.145, -0.035, 0.0));
        let nose = put(0.175, -0.018, 0.0);
        let flap = 0.02 * swing(self.pose, 1.3, 63)
            + if self.pose.action == Action::Run {
                0.03
            } else {
                0.0
            };
        let ears: [[Point; 3]; 2] = [-1.0, 1.0].map(|z| {
            [
                put(0.0, 0.075, z * 0.05),
                put(-0.05, 0.05, z * 0.085),
                put(-0.065, -0.05 + flap, z * 0.10),
            ]
        });
        let eye = put(
            0.065,
            0.028,
            if self.view.ahead > 0.0 { 0.05 } else { -0.05 },
        );
        brush.path.capsule(skull, 0.078 * m, muzzle, 0.040 * m);
        let ink = brush.ink(self.coat, 0.05);
        brush.print(canvas, &ink);
        for ear in ears {
            brush
                .path
                .ribbon(&ear, |s| m * (0.022 + 0.05 * s * (1.15 - s)));
        }
        let ink = brush.ink(self.coat_far, 0.02);
        brush.print(canvas, &ink);
        if self.view.toward > -0.5 {
            brush.path.ellipse(nose, 0.023 * m, 0.019 * m, 0.0);
            if m > 45.0 {
                brush.path.ellipse(eye, 0.013 * m, 0.014 * m, 0.0);
            }
            let ink = super::Ink::flat(self.dark.base);
            brush.print(canvas, &ink);
        }
    }

    fn tail(&self, brush: &mut Brush, canvas: &mut Canvas) {
        let running = self.pose.action == Action::Run;
        let hertz = if running { 2.0 } else { 2.6 };
        let spine: Vec<Point> = (0..7)
            .map(|i| {
                let s = i as f32 / 6.0;
                let wag = (TAU * (self.pose.t * hertz - 0.18 * s)).sin() * s;
                let up = if running {
                    0.12 * s
                } else {
                    0.10 * s + 0.22 * s * s
                };
                let back = if running { 0.34 } else { 0.26 };
                let p = self.body(HIP - 0.07 - back * s, 0.47 + up + 0.03 * wag, 0.09 * wag);
                self.view.at(brush, p)
            })
            .collect();
        let m = brush.ppm;
        brush.path.ribbon(&spine, |s| m * (0.030 - 0.016 * s));
        let ink = brush.ink(self.coat, 0.012);
        brush.print(canvas, &ink);
    }
}
