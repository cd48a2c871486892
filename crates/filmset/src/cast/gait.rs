//! How bodies move over ground: strides, the paths of feet, jumps and bounces.
//!
//! A gait's phase counts cycles (two steps): `phase = distance / stride`. While a foot is planted
//! it moves backwards under the body exactly as fast as the body moves forwards.

use super::Pose;
use crate::program::{Action, Pace, Subject, SubjectKind};
use std::f32::consts::{PI, TAU};

/// Gravity in metres per second squared.
pub const GRAVITY: f32 = 9.81;

/// Height in metres of a standing figure or animal; other kinds return the height of what is drawn.
pub fn height(kind: SubjectKind) -> f32 {
    match kind {
        SubjectKind::Man => 1.78,
        SubjectKind::Woman => 1.66,
        SubjectKind::Child => 1.15,
        SubjectKind::Dog => 0.68,
        _ => super::bounds(kind).1,
    }
}

/// Distance in metres that one gait cycle covers at `speed` metres per second.
///
/// For wheels and balls it is the circumference: the phase counts turns.
pub fn stride(kind: SubjectKind, action: Action, speed: f32) -> f32 {
    let tall = height(kind);
    match kind {
        SubjectKind::Ball => TAU * super::BALL_RADIUS,
        SubjectKind::Train => TAU * super::WHEEL_RADIUS,
        SubjectKind::Dog if action == Action::Run => 1.5,
        SubjectKind::Dog => 0.82,
        _ if action == Action::Run => tall * (1.0 + 0.11 * speed).clamp(1.0, 1.5),
        _ => tall * (0.5 + 0.19 * speed).clamp(0.55, 0.84),
    }
}

/// Usual speed in metres per second of an action at normal pace.
pub fn usual_speed(kind: SubjectKind, action: Action) -> f32 {
    let small = if kind == SubjectKind::Child {
        0.72
    } else {
        1.0
    };
    match (kind, action) {
        (SubjectKind::Dog, Action::Run) => 4.0,
        (_, Action::Walk) => 1.3 * small,
        (_, Action::Run) => 3.3 * small,
        (SubjectKind::Birds, Action::Fly) => 7.0,
        (SubjectKind::Train, Action::Ride) => 9.0,
        (_, Action::Sail) => 2.4,
        (_, Action::Drift) => 0.5,
        (_, Action::Roll) => 1.6,
        _ => 0.0,
    }
}

/// Share of the cycle during which one foot is on the ground.
pub fn duty(action: Action) -> f32 {
    match action {
        Action::Run => 0.34,
        _ => 0.62,
    }
}

/// A foot relative to the point on the ground below the body.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Foot {
    /// Metres ahead of the body, of the flat foot's ankle.
    pub x: f32,
    /// Metres over the ground, of the sole.
    pub y: f32,
    /// Pitch in radians, positive with the toes up.
    pub pitch: f32,
    /// Whether the foot stands on the ground.
    pub planted: bool,
}

/// Both feet (right, left) of a walking or running figure at a gait phase.
pub fn foot_contacts(kind: SubjectKind, action: Action, phase: f32, speed: f32) -> [Foot; 2] {
    let stride = stride(kind, action, speed);
    let tall = height(kind);
    [0.0, 0.5].map(|shift| step(action, (phase + shift).rem_euclid(1.0), stride, tall))
}

/// One foot at `u` of its cycle; 0 is the touch of the heel.
pub(crate) fn step(action: Action, u: f32, stride: f32, tall: f32) -> Foot {
    let run = action == Action::Run;
    let duty = duty(action);
    let reach = duty * stride;
    let front = reach * if run { 0.42 } else { 0.43 };
    let (touch, push) = if run { (0.10, -1.05) } else { (0.34, -0.85) };
    if u < duty {
        let q = u / duty;
        let pitch = if q < 0.16 {
            touch * (1.0 - q / 0.16)
        } else {
            push * ease(((q - 0.58) / 0.42).clamp(0.0, 1.0))
        };
        return Foot {
            x: front - q * reach,
            y: 0.0,
            pitch,
            planted: true,
        };
    }
    let q = (u - duty) / (1.0 - duty);
    // Leaves and lands at the speed of the ground, so that neither end jerks.
    let slope = -reach * (1.0 - duty) / duty;
    let (q2, q3) = (q * q, q * q * q);
    let x = (2.0 * q3 - 3.0 * q2 + 1.0) * (front - reach)
        + (q3 - 2.0 * q2 + q) * slope
        + (-2.0 * q3 + 3.0 * q2) * front
        + (q3 - q2) * slope;
    let (y, pitch) = if run {
        let lift = tall * (0.215 * (PI * q.powf(0.72)).sin() + 0.05 * (PI * q).sin());
        (
            lift,
            push + (touch - push) * ease(q) - 0.75 * (PI * q.powf(0.6)).sin(),
        )
    } else {
        let lift = tall * 0.035 * (PI * q).sin();
        (lift, push + (touch - push) * ease((q * 1.15).min(1.0)))
    };
    Foot {
        x,
        y,
        pitch,
        planted: false,
    }
}

/// Middle joint and reachable end of a limb of two bones from `root` toward `end` (ahead, up,
/// right); `side` says how far the joint points ahead, from -1 (back) to 1.
pub(crate) fn bend(
    root: [f32; 3],
    end: [f32; 3],
    [upper, lower]: [f32; 2],
    side: f32,
) -> ([f32; 3], [f32; 3]) {
    let (dx, dy) = (end[0] - root[0], end[1] - root[1]);
    let distance = dx.hypot(dy).max(1e-3);
    let reach = distance.min((upper + lower) * 0.999);
    let end = [
        root[0] + dx * reach / distance,
        root[1] + dy * reach / distance,
        end[2],
    ];
    let cos = (upper.powi(2) + reach.powi(2) - lower.powi(2)) / (2.0 * upper * reach);
    // Zero when the limb hangs straight down, positive ahead.
    let angle = dx.atan2(-dy) + side * cos.clamp(-1.0, 1.0).acos();
    let (s, c) = angle.sin_cos();
    (
        [
            root[0] + upper * s,
            root[1] - upper * c,
            (root[2] + end[2]) * 0.5,
        ],
        end,
    )
}

/// Smooth step from 0 to 1 without speed at its ends.
pub fn ease(t: f32) -> f32 {
    let t = t.clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// Seconds that a body takes to turn around.
pub fn turn_seconds(pace: Pace) -> f32 {
    match pace {
        Pace::Slow => 2.0,
        Pace::Normal => 1.3,
        Pace::Fast => 0.8,
    }
}

/// The pose with its heading brought round while it turns around: from one side through the
/// front to the other, from front to back, or from back to front.
///
/// Figures and dogs turn. One that turns from the first frame ends as it faces in `pose`; one
/// that turns at its event begins so.
pub fn turned(subject: &Subject, pose: &Pose) -> Pose {
    let can = subject.kind.is_figure() || subject.kind == SubjectKind::Dog;
    if pose.action != Action::Turn || !can {
        return *pose;
    }
    let share = ease(pose.action_t / turn_seconds(subject.pace));
    let toward = (1.0 - pose.facing * pose.facing).max(0.0).sqrt();
    let heading = pose.facing.atan2(if pose.away { -toward } else { toward });
    // Through the front: right to left the one way round, left to right the other.
    let way = if heading > 0.0 { -PI } else { PI };
    let angle = if subject.action == Action::Turn {
        heading + way * (1.0 - share)
    } else {
        heading + way * share
    };
    Pose {
        facing: angle.sin(),
        away: angle.cos() < -1e-3,
        ..*pose
    }
}

/// Where a jumping body is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Jump {
    /// Metres of the feet over the ground.
    pub lift: f32,
    /// How deep the knees are bent, 0 to 1.
    pub crouch: f32,
    /// -1 while gathering, 0 at rest, 1 in the air.
    pub reach: f32,
}

/// Seconds of one jump with its crouch, flight, landing and rest.
pub const JUMP_PERIOD: f32 = 1.7;
const CROUCH_SECONDS: f32 = 0.36;

/// Speed in metres per second with which a body leaves the ground.
pub fn jump_speed(kind: SubjectKind) -> f32 {
    match kind {
        SubjectKind::Child => 2.2,
        SubjectKind::Dog => 2.1,
        _ => 2.6,
    }
}

/// Where a body is, `action_t` seconds after it began to jump; it jumps again every
/// [`JUMP_PERIOD`] seconds.
pub fn jump(kind: SubjectKind, action_t: f32) -> Jump {
    let t = action_t.rem_euclid(JUMP_PERIOD);
    let speed = jump_speed(kind);
    let flight = 2.0 * speed / GRAVITY;
    let air = t - CROUCH_SECONDS;
    if air < 0.0 {
        // Down slowly, up fast.
        let q = t / CROUCH_SECONDS;
        let crouch = if q < 0.7 {
            ease(q / 0.7)
        } else {
            1.0 - ease((q - 0.7) / 0.3)
        };
        return Jump {
            lift: 0.0,
            crouch,
            reach: if q < 0.7 { -crouch } else { 1.0 - 2.0 * crouch },
        };
    }
    if air < flight {
        let tuck = (PI * air / flight).sin();
        return Jump {
            lift: speed * air - 0.5 * GRAVITY * air * air,
            crouch: 0.25 * tuck,
            reach: 1.0,
        };
    }
    let q = (air - flight) / 0.42;
    let sink = if q < 1.0 {
        (PI * q.powf(0.6)).sin().max(0.0)
    } else {
        0.0
    };
    Jump {
        lift: 0.0,
        crouch: 0.75 * sink,
        reach: 1.0 - ease(q * 1.2),
    }
}

/// Where a bouncing ball is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounce {
    /// Metres of the ball's lowest point over the ground.
    pub lift: f32,
    /// Height over width, 1 at rest and less while it is pressed.
    pub squash: f32,
}

/// Height in metres from which a ball begins to fall.
pub const DROP_HEIGHT: f32 = 1.5;
/// Share of the speed that a bounce keeps.
pub const RESTITUTION: f32 = 0.78;
const PRESS_SECONDS: f32 = 0.05;

/// Where a ball is, `action_t` seconds after it was let go at [`DROP_HEIGHT`].
pub fn bounce(action_t: f32) -> Bounce {
    let fall = (2.0 * DROP_HEIGHT / GRAVITY).sqrt();
    if action_t < fall {
        return Bounce {
            lift: DROP_HEIGHT - 0.5 * GRAVITY * action_t * action_t,
            squash: 1.0,
        };
    }
    let mut since = action_t - fall;
    let mut speed = GRAVITY * fall;
    while speed > 0.35 {
        if since < PRESS_SECONDS {
            let press = (PI * since / PRESS_SECONDS).sin() * (speed / (GRAVITY * fall));
            return Bounce {
                lift: 0.0,
                squash: 1.0 - 0.32 * press,
            };
        }
        since -= PRESS_SECONDS;
        speed *= RESTITUTION;
        let flight = 2.0 * speed / GRAVITY;
        if since < flight {
            return Bounce {
                lift: speed * since - 0.5 * GRAVITY * since * since,
                squash: 1.0,
            };
        }
        since -= flight;
    }
    Bounce {
        lift: 0.0,
        squash: 1.0,
    }
}
