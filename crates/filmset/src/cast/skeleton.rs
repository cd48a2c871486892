//! Bodies and their joints in three dimensions: x ahead of the body, y up, z to its right.

use super::gait::{self, Foot};
use super::path::Point;
use super::stances::{Arm, Stance};
use super::{Brush, Pose};
use crate::program::SubjectKind;
use std::f32::consts::{PI, TAU};

/// A point of the body in metres: ahead, up, to its right.
pub type Joint = [f32; 3];

/// Point between two joints.
pub fn mid(a: Joint, b: Joint, t: f32) -> Joint {
    [0, 1, 2].map(|k| a[k] + (b[k] - a[k]) * t)
}

/// Measures of a body in metres.
#[derive(Debug, Clone, Copy)]
pub struct Body {
    pub tall: f32,
    /// Chin to crown.
    pub head: f32,
    pub shoulder_height: f32,
    pub shoulder_half: f32,
    pub hip_height: f32,
    pub hip_half: f32,
    pub ankle: f32,
    pub thigh: f32,
    pub shin: f32,
    pub upper_arm: f32,
    pub forearm: f32,
}

impl Body {
    /// The measures of a figure.
    pub fn of(kind: SubjectKind) -> Self {
        let tall = gait::height(kind);
        let [head, shoulder, shoulder_half, hip, hip_half, arm] = match kind {
            SubjectKind::Man => [0.142, 0.812, 0.112, 0.500, 0.052, 0.172],
            SubjectKind::Woman => [0.148, 0.806, 0.070, 0.510, 0.046, 0.162],
            _ => [0.262, 0.686, 0.082, 0.410, 0.052, 0.140],
        }
        .map(|share| share * tall);
        let ankle = 0.045 * tall;
        let leg = hip - ankle;
        Self {
            tall,
            head,
            shoulder_height: shoulder,
            shoulder_half,
            hip_height: hip,
            hip_half,
            ankle,
            thigh: leg * 0.51,
            shin: leg * 0.495,
            upper_arm: arm,
            forearm: arm * 0.92,
        }
    }
}

/// The joints of a figure. Right comes before left.
#[derive(Debug, Clone, Copy)]
pub struct Joints {
    pub pelvis: Joint,
    pub chest: Joint,
    /// Centre of the head.
    pub head: Joint,
    pub hips: [Joint; 2],
    pub knees: [Joint; 2],
    pub ankles: [Joint; 2],
    pub pitches: [f32; 2],
    pub shoulders: [Joint; 2],
    pub elbows: [Joint; 2],
    pub wrists: [Joint; 2],
}

/// Puts the bones of `body` into `stance`.
pub fn solve(body: &Body, stance: &Stance) -> Joints {
    let pelvis = [0.0, stance.pelvis + stance.lift, 0.0];
    let trunk = body.shoulder_height - body.hip_height;
    let (sin, cos) = stance.lean.sin_cos();
    let chest = [trunk * sin, pelvis[1] + trunk * cos, 0.0];
    // The head stays more upright than the trunk.
    let (nod_sin, nod_cos) = (stance.lean * 0.55).sin_cos();
    let neck = body.tall - body.shoulder_height - body.head * 0.5;
    let head = [
        chest[0] + neck * nod_sin + 0.012 * body.tall,
        chest[1] + neck * nod_cos,
        0.0,
    ];
    let sides = [1.0_f32, -1.0];
    let hips = sides.map(|side| {
        [
            -0.25 * stance.twist * side * body.hip_half,
            pelvis[1],
            side * body.hip_half,
        ]
    });
    let shoulders = sides.map(|side| {
        let (s, c) = stance.twist.sin_cos();
        let half = side * body.shoulder_half;
        [chest[0] + half * s, chest[1] - 0.030 * body.tall, half * c]
    });
    let mut joints = Joints {
        pelvis,
        chest,
        head,
        hips,
        knees: hips,
        ankles: hips,
        pitches: stance.feet.map(|foot| foot.pitch),
        shoulders,
        elbows: shoulders,
        wrists: shoulders,
    };
    for i in 0..2 {
        let ankle = ankle_of(body, &stance.feet[i], hips[i][2] * 1.06, stance.lift);
        (joints.knees[i], joints.ankles[i]) =
            gait::bend(hips[i], ankle, [body.thigh, body.shin], 1.0);
        [joints.elbows[i], joints.wrists[i]] =
            raise_arm(body, shoulders[i], &stance.arms[i], stance.lean);
    }
    joints
}

/// Elbow and wrist of an arm; half of the trunk's lean goes into its angles.
fn raise_arm(body: &Body, shoulder: Joint, arm: &Arm, lean: f32) -> [Joint; 2] {
    let length = arm.plane[0].hypot(arm.plane[1]).max(1e-4);
    let reach = |from: Joint, angle: f32, bone: f32| {
        let (s, c) = (angle + 0.5 * lean).sin_cos();
        let out = s * bone / length;
        [
            from[0] + out * arm.plane[0],
            from[1] - c * bone,
            from[2] + out * arm.plane[1],
        ]
    };
    let elbow = reach(shoulder, arm.upper, body.upper_arm);
    [elbow, reach(elbow, arm.upper + arm.bend, body.forearm)]
}

/// The ankle over a foot that rolls over its heel or its ball.
fn ankle_of(body: &Body, foot: &Foot, z: f32, lift: f32) -> Joint {
    let pivot = if foot.pitch > 0.0 { -0.03 } else { 0.085 } * body.tall;
    let (sin, cos) = foot.pitch.sin_cos();
    let (x, y) = (-pivot, body.ankle);
    [
        foot.x + pivot + x * cos - y * sin,
        foot.y + lift + x * sin + y * cos,
        z,
    ]
}

/// How a turned body is seen: a little from above, and never quite edge-on.
#[derive(Debug, Clone, Copy)]
pub struct View {
    /// Picture x of a metre ahead of the body.
    pub ahead: f32,
    /// Depth toward the camera of a metre ahead of the body, -1 to 1.
    pub toward: f32,
    /// The same, kept off zero so that both shoulders show in profile.
    open: f32,
}

impl View {
    /// The view of a posed body.
    pub fn of(pose: &Pose) -> Self {
        let ahead = pose.facing.clamp(-1.0, 1.0);
        let sign = if pose.away { -1.0 } else { 1.0 };
        let toward = (1.0 - ahead * ahead).sqrt();
        Self {
            ahead,
            toward: sign * toward,
            open: sign * toward.max(0.30),
        }
    }

    /// Pixel of a joint.
    pub fn at(&self, brush: &Brush, p: Joint) -> Point {
        brush.at(
            p[0] * self.ahead - p[2] * self.open,
            p[1] - 0.10 * self.depth(p),
        )
    }

    /// Metres by which a joint is closer to the camera than the body's axis.
    pub fn depth(&self, p: Joint) -> f32 {
        p[0] * self.toward + p[2] * self.ahead
    }

    /// Half the width in metres of a slice of the body, an ellipse `side` wide and `front` deep.
    pub fn half_width(&self, side: f32, front: f32) -> f32 {
        (side * self.open).hypot(front * self.ahead)
    }
}

/// Radians of a slow, seeded swing.
pub fn swing(pose: &Pose, hertz: f32, salt: u64) -> f32 {
    (TAU * (pose.t * hertz + pose.chance(salt))).sin()
}

/// Half a turn as a wave, for cloth that follows the gait `delay` cycles late.
pub fn gait_wave(pose: &Pose, per_cycle: f32, delay: f32) -> f32 {
    (2.0 * PI * per_cycle * (pose.phase - delay)).sin()
}
