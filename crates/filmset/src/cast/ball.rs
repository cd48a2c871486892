//! Balls that bounce, roll and rest.

use super::canvas::Canvas;
use super::gait;
use super::palette::{rgb, stripe};
use super::path::Point;
use super::{BALL_RADIUS, Brush, Ink, Pose};
use crate::program::{Action, Subject};
use std::f32::consts::{PI, TAU};

/// Where the ball is; one told to stop in the air still has to come down.
fn state(subject: &Subject, pose: &Pose) -> gait::Bounce {
    match (pose.action, subject.action) {
        (Action::Bounce, _) => gait::bounce(pose.action_t),
        (_, Action::Bounce) => gait::bounce(pose.t),
        _ => gait::Bounce {
            lift: 0.0,
            squash: 1.0,
        },
    }
}

/// Draws a ball.
pub fn draw(subject: &Subject, pose: &Pose, mut brush: Brush, canvas: &mut Canvas) {
    let state = state(subject, pose);
    let radius = BALL_RADIUS * brush.ppm;
    let (wide, tall) = (radius * state.squash.powf(-0.5), radius * state.squash);
    let side = if pose.facing < 0.0 { -1.0 } else { 1.0 };
    // A dropped ball turns slowly in the air; a rolling one turns with its way.
    let spin = if subject.action == Action::Bounce {
        0.35 * pose.t.min(4.4)
    } else {
        0.0
    };
    let turn = side * TAU * (pose.phase + spin) + pose.chance(111) * TAU;
    let center = brush.at(0.0, state.lift + BALL_RADIUS * state.squash);
    let put = |angle: f32, share: f32| {
        let (s, c) = angle.sin_cos();
        [center[0] + c * wide * share, center[1] + s * tall * share]
    };
    let tones = brush.light.tones(rgb(subject.color));
    brush.path.ellipse(center, wide, tall, 0.0);
    brush.print(canvas, &Ink::flat(tones.base));
    wedges(turn, &put, &mut brush);
    brush
        .path
        .ellipse(put(turn + 0.4, 0.22), radius * 0.15, radius * 0.15, 0.0);
    let ink = brush.light.flat(stripe(subject.color)).atop();
    brush.print(canvas, &ink);
    // Shade over the pattern: a crescent away from the sun.
    let [sx, sy] = brush.light.toward_sun();
    let dark = sy.atan2(sx) + PI;
    for i in 0..=10 {
        brush
            .path
            .line_to(put(dark + PI * (i as f32 / 10.0 - 0.5), 1.03));
    }
    brush
        .path
        .quad_to(put(dark, 0.42), put(dark - PI * 0.5, 1.03))
        .close();
    let ink = Ink::flat(tones.shade.map(|v| v * 0.8));
    brush.print(canvas, &ink.with_alpha(0.42).atop());
}

/// Two pale wedges that make the turning visible.
fn wedges(turn: f32, put: &impl Fn(f32, f32) -> Point, brush: &mut Brush) {
    let pole = put(turn + 0.4, 0.22);
    for start in [turn, turn + PI] {
        brush
            .path
            .line_to(pole)
            .quad_to(put(start - 0.12, 0.55), put(start, 1.02));
        for i in 1..=6 {
            brush.path.line_to(put(start + 0.62 * i as f32 / 6.0, 1.02));
        }
        brush.path.quad_to(put(start + 0.74, 0.55), pole).close();
    }
}
