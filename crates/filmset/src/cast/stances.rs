//! What a body does with itself: one stance a moment of every action.

use super::Pose;
use super::gait::{self, Foot, ease};
use super::skeleton::{Body, View};
use crate::program::{Action, Subject, SubjectKind};
use std::f32::consts::TAU;

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
    let foot = |i: usize| {
        let (from, to) = (a.feet[i], b.feet[i]);
        // A foot that has to go somewhere else is lifted there.
        let step = 0.9 * t * (1.0 - t) * (to.x - from.x).abs();
        Foot {
            x: mix(from.x, to.x),
            y: mix(from.y, to.y) + step,
            pitch: mix(from.pitch, to.pitch),
            planted: to.planted && step < 1e-3,
        }
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
        upper: 0.10 + raise * (1.98 + 0.08 * swing),
        bend: 0.16 + raise * (0.42 + 0.46 * swing),
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
        foot.y = 0.034 * body.tall * lift * busy;
        foot.pitch = -0.22 * lift * busy;
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
