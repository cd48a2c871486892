//! Bodies and their joints in three dimensions: x ahead of the body, y up, z to its right.

use super::gait::{self, Foot, ease};
use super::path::Point;
use super::{Brush, Pose};
use crate::program::{Action, Subject, SubjectKind};
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
            SubjectKind::Man => [0.146, 0.808, 0.094, 0.500, 0.050, 0.172],
            SubjectKind::Woman => [0.148, 0.806, 0.076, 0.510, 0.048, 0.162],
            _ => [0.205, 0.738, 0.086, 0.450, 0.052, 0.150],
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

/// An arm in a vertical plane.
#[derive(Debug, Clone, Copy)]
pub struct Arm {
    /// Heading of the plane: ahead and to the right of the body.
    pub plane: [f32; 2],
    /// Angle of the upper arm from hanging, radians, positive along the plane's heading.
    pub upper: f32,
    /// Angle of the forearm from the upper arm.
    pub bend: f32,
}

/// What a body does with itself, before bones make joints of it. Right comes before left.
#[derive(Debug, Clone, Copy)]
pub struct Stance {
    /// Height of the hips over the feet's ground.
    pub pelvis: f32,
    /// Metres that the whole body is off the ground.
    pub lift: f32,
    /// Forward lean of the trunk, radians.
    pub lean: f32,
    /// Turn of the shoulders against the hips, radians, positive with the right one ahead.
    pub twist: f32,
    pub feet: [Foot; 2],
    pub arms: [Arm; 2],
}

/// The stance of a figure, passing smoothly from what it did before its event.
pub fn stance(subject: &Subject, pose: &Pose, body: &Body) -> Stance {
    let now = stance_of(subject, pose.action, pose, body);
    let changed = subject
        .event
        .filter(|e| e.action == pose.action && pose.t >= e.at_seconds);
    let weight = ease(pose.action_t / 0.4);
    if changed.is_none() || weight >= 1.0 {
        return now;
    }
    let earlier = Pose {
        action: subject.action,
        action_t: pose.t,
        speed: subject.speed,
        ..*pose
    };
    blend(
        &stance_of(subject, subject.action, &earlier, body),
        &now,
        weight,
    )
}

fn blend(a: &Stance, b: &Stance, t: f32) -> Stance {
    let mix = |x: f32, y: f32| x + (y - x) * t;
    let arm = |i: usize| Arm {
        plane: [0, 1].map(|k| mix(a.arms[i].plane[k], b.arms[i].plane[k])),
        upper: mix(a.arms[i].upper, b.arms[i].upper),
        bend: mix(a.arms[i].bend, b.arms[i].bend),
    };
    let foot = |i: usize| Foot {
        x: mix(a.feet[i].x, b.feet[i].x),
        y: mix(a.feet[i].y, b.feet[i].y),
        pitch: mix(a.feet[i].pitch, b.feet[i].pitch),
        planted: b.feet[i].planted,
    };
    Stance {
        pelvis: mix(a.pelvis, b.pelvis),
        lift: mix(a.lift, b.lift),
        lean: mix(a.lean, b.lean),
        twist: mix(a.twist, b.twist),
        feet: [foot(0), foot(1)],
        arms: [arm(0), arm(1)],
    }
}

fn stance_of(subject: &Subject, action: Action, pose: &Pose, body: &Body) -> Stance {
    let kind = subject.kind;
    match action {
        Action::Walk => walk(kind, pose, body),
        Action::Run => run(kind, pose, body),
        Action::Wave => wave(pose, body),
        Action::Turn => turn(gait::turn_seconds(subject.pace), pose, body),
        Action::Jump => jump(kind, pose, body),
        Action::Haul => haul(pose, body),
        _ => stand(pose, body),
    }
}

fn stand(pose: &Pose, body: &Body) -> Stance {
    let breath = (TAU * (pose.t * 0.27 + pose.chance(1))).sin();
    let sway = (TAU * (pose.t * 0.11 + pose.chance(2))).sin();
    let arm = |side: f32| Arm {
        plane: [1.0, side * 0.9],
        upper: 0.10 + 0.015 * breath,
        bend: 0.16 + 0.02 * sway,
    };
    let foot = |x: f32| Foot {
        x: x * body.tall,
        planted: true,
        ..Foot::default()
    };
    Stance {
        pelvis: body.hip_height * 0.992 + 0.002 * breath,
        lift: 0.0,
        lean: 0.01 + 0.012 * sway,
        twist: 0.02 * sway,
        feet: [foot(0.022), foot(-0.030)],
        arms: [arm(1.0), arm(-1.0)],
    }
}

fn walk(kind: SubjectKind, pose: &Pose, body: &Body) -> Stance {
    let turn = TAU * pose.phase;
    let pace = (pose.speed / 1.3).clamp(0.5, 1.5);
    let arm = |side: f32| {
        let swing = -side * (turn - 0.15).cos();
        let amplitude = 0.42 * pace.sqrt();
        Arm {
            plane: [1.0, side * 0.14],
            upper: amplitude * swing + 0.02,
            bend: 0.24 + 0.20 * (0.5 + 0.5 * swing),
        }
    };
    Stance {
        pelvis: body.hip_height * (0.958 + 0.017 * (2.0 * (turn - TAU * 0.30)).cos()),
        lift: 0.0,
        lean: 0.035 + 0.02 * pace,
        twist: -0.16 * turn.cos(),
        feet: gait::foot_contacts(kind, Action::Walk, pose.phase, pose.speed),
        arms: [arm(1.0), arm(-1.0)],
    }
}

fn run(kind: SubjectKind, pose: &Pose, body: &Body) -> Stance {
    let turn = TAU * pose.phase;
    let arm = |side: f32| {
        let swing = -side * (turn - 0.2).cos();
        Arm {
            plane: [1.0, side * 0.20],
            upper: 0.86 * swing - 0.12,
            bend: 1.55 + 0.3 * swing,
        }
    };
    let middle = TAU * gait::duty(Action::Run) * 0.5;
    Stance {
        pelvis: body.hip_height * (0.955 - 0.040 * (2.0 * (turn - middle)).cos()),
        lift: 0.0,
        lean: 0.15 + 0.025 * pose.speed.min(6.0),
        twist: -0.30 * turn.cos(),
        feet: gait::foot_contacts(kind, Action::Run, pose.phase, pose.speed),
        arms: [arm(1.0), arm(-1.0)],
    }
}

/// Heading of the picture plane in the body's frame, pointing to `side` of the picture.
fn picture_plane(pose: &Pose, side: f32) -> [f32; 2] {
    let view = View::of(pose);
    [view.ahead * side, -view.toward * side]
}

fn wave(pose: &Pose, body: &Body) -> Stance {
    let mut stance = stand(pose, body);
    let raise = ease(pose.action_t / 0.45);
    let swing = (TAU * 1.6 * pose.action_t).sin();
    // The arm that is farther out on the side it faces, so that the hand clears the head.
    let view = View::of(pose);
    let side = if pose.facing >= 0.0 { 1.0 } else { -1.0 };
    let arm = usize::from(view.toward * side > 0.0);
    stance.arms[arm] = Arm {
        plane: picture_plane(pose, side),
        upper: 0.10 + raise * (2.28 + 0.08 * swing),
        bend: 0.16 + raise * (0.14 + 0.46 * swing),
    };
    stance.lean += 0.02 * raise * swing;
    stance
}

fn turn(seconds: f32, pose: &Pose, body: &Body) -> Stance {
    let mut stance = stand(pose, body);
    // Short steps on the spot while the body comes round.
    let busy = ease(pose.action_t / 0.15) * (1.0 - ease((pose.action_t - seconds + 0.2) / 0.25));
    for (i, foot) in stance.feet.iter_mut().enumerate() {
        let lift = (TAU * (pose.action_t / 0.62 + 0.5 * i as f32))
            .sin()
            .max(0.0);
        foot.y = 0.045 * body.tall * lift * busy;
        foot.pitch = -0.5 * lift * busy;
        foot.planted = foot.y < 1e-3;
    }
    stance.pelvis -= 0.012 * busy * body.tall;
    for arm in &mut stance.arms {
        arm.upper += 0.16 * busy;
        arm.bend += 0.3 * busy;
    }
    stance
}

fn jump(kind: SubjectKind, pose: &Pose, body: &Body) -> Stance {
    let mut stance = stand(pose, body);
    let jump = gait::jump(kind, pose.action_t);
    stance.lift = jump.lift;
    stance.pelvis -= 0.34 * body.hip_height * jump.crouch;
    stance.lean = 0.45 * jump.crouch + 0.03;
    let up = jump.reach.max(0.0);
    let back = (-jump.reach).max(0.0);
    for (side, arm) in [1.0, -1.0].into_iter().zip(&mut stance.arms) {
        // Sideways where the body faces the camera, ahead where it is seen from the side.
        arm.plane = [pose.facing.abs(), side * (1.15 - pose.facing.abs())];
        arm.upper = 0.12 - 0.9 * back + (2.45 - 0.65 * pose.facing.abs()) * up;
        arm.bend = 0.2 + 0.25 * jump.crouch + 0.1 * up;
    }
    let air = (jump.lift / 0.3).min(1.0);
    for foot in &mut stance.feet {
        foot.pitch = -0.75 * air;
        foot.planted = jump.lift <= 0.0;
    }
    stance
}

/// Seconds in which one hand pulls once.
pub const PULL_SECONDS: f32 = 1.25;

fn haul(pose: &Pose, body: &Body) -> Stance {
    let phase = pose.action_t / PULL_SECONDS;
    let arm = |i: usize| {
        let u = (phase + 0.5 * i as f32).rem_euclid(1.0);
        // Six tenths of the cycle pull toward the chest, the rest reaches ahead again.
        let out = if u < 0.6 {
            1.0 - ease(u / 0.6)
        } else {
            ease((u - 0.6) / 0.4)
        };
        Arm {
            plane: [1.0, if i == 0 { 0.10 } else { -0.10 }],
            upper: -0.35 + 1.30 * out,
            bend: 1.75 - 1.45 * out,
        }
    };
    let heave = (TAU * 2.0 * phase).sin();
    let foot = |x: f32| Foot {
        x: x * body.tall,
        planted: true,
        ..Foot::default()
    };
    Stance {
        pelvis: body.hip_height * (0.925 - 0.012 * heave),
        lift: 0.0,
        lean: -0.15 - 0.08 * heave,
        twist: 0.22 * (TAU * phase).cos(),
        feet: [foot(0.19), foot(-0.16)],
        arms: [arm(0), arm(1)],
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
        let arm = &stance.arms[i];
        let length = arm.plane[0].hypot(arm.plane[1]).max(1e-4);
        let reach = |from: Joint, angle: f32, bone: f32| {
            let (s, c) = (angle + 0.5 * stance.lean).sin_cos();
            let out = s * bone / length;
            [
                from[0] + out * arm.plane[0],
                from[1] - c * bone,
                from[2] + out * arm.plane[1],
            ]
        };
        joints.elbows[i] = reach(shoulders[i], arm.upper, body.upper_arm);
        joints.wrists[i] = reach(joints.elbows[i], arm.upper + arm.bend, body.forearm);
    }
    joints
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
