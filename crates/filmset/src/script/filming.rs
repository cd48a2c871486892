//! How a clip is filmed: framing, lens and move, fitted to what the subject does.

use crate::program::{
    Action, Aspect, CameraMove, CameraRig, Direction, Pace, Place, Shot, Subject, SubjectKind,
};
use crate::script::random::Rng;
use crate::stage::actor::{framing, shot_index};

const LENSES: &[f32] = &[18.0, 24.0, 28.0, 35.0, 50.0, 85.0, 100.0, 135.0];
const STOPS: &[f32] = &[1.4, 1.8, 2.0, 2.8, 4.0, 5.6, 8.0, 11.0, 16.0];

/// The framing: close only on what can fill a frame and stay in it.
pub fn shot_of(subject: Option<&Subject>, rng: &mut Rng) -> Shot {
    let Some(subject) = subject else {
        return Shot::Wide;
    };
    let close = match subject.kind {
        _ if subject.count > 1 => 0.0,
        kind if kind.is_figure() => 0.38,
        SubjectKind::Dog | SubjectKind::Ball => 0.3,
        SubjectKind::Train => 0.0,
        _ => 0.18,
    };
    rng.weighted(&[
        (Shot::Wide, 0.38),
        (Shot::Medium, 0.36),
        (Shot::Close, close),
    ])
}

/// Width of the frame in metres at the depth of a subject.
fn frame_width(subject: &Subject, shot: Shot, aspect: Aspect) -> f32 {
    let framing = framing(subject.kind);
    let (w, h) = aspect.size();
    framing.height / framing.shares[shot_index(shot)] * w as f32 / h as f32
}

/// Turns or slows a subject that would leave the frame of a camera that does not follow it.
///
/// Returns whether the camera has to follow, because the subject still covers more ground than
/// the frame shows.
pub fn keep_in_frame(
    subject: &mut Subject,
    shot: Shot,
    aspect: Aspect,
    seconds: f32,
    rng: &mut Rng,
) -> bool {
    let grounded =
        subject.kind.is_figure() || matches!(subject.kind, SubjectKind::Dog | SubjectKind::Ball);
    if !grounded || subject.speed == 0.0 {
        return false;
    }
    let width = frame_width(subject, shot, aspect);
    let travel = subject.speed * seconds;
    let sideways = matches!(subject.direction, Direction::Left | Direction::Right);
    if sideways && travel <= 0.7 * width {
        // Walks across the frame: begin on the side it comes from when the way is long.
        if travel > 0.3 * width {
            let from_left = subject.direction == Direction::Right;
            subject.place = if from_left { Place::Left } else { Place::Right };
        }
        return false;
    }
    if sideways {
        let sideways_only = matches!(subject.kind, SubjectKind::Ball | SubjectKind::Dog);
        if sideways_only || rng.chance(0.5) {
            return true;
        }
        subject.direction = Direction::Away;
    }
    // Toward the lens there is room for about half the distance to it.
    if subject.direction == Direction::Toward && travel > 0.8 * width {
        subject.direction = Direction::Away;
    }
    false
}

/// A camera for a shot of `subject`, which `follow` obliges to track; moves the subject to where
/// the camera keeps it in the frame.
pub fn rig(
    mut subject: Option<&mut Subject>,
    shot: Shot,
    follow: bool,
    aspect: Aspect,
    seconds: f32,
    rng: &mut Rng,
) -> CameraRig {
    let motion = if follow {
        CameraMove::Tracking
    } else {
        motion_of(subject.as_deref(), shot, rng)
    };
    let pace = rng.weighted(&[(Pace::Slow, 0.4), (Pace::Normal, 0.35), (Pace::Fast, 0.25)]);
    let focal_mm = lens(rng);
    let f_number = if rng.chance(0.6) {
        rng.pick(STOPS)
    } else {
        rng.log_range(1.4, 16.0)
    };
    if let Some(subject) = &mut subject {
        subject.place = place_for(motion, subject.place, rng);
    }
    let most = reach(motion, shot, subject.as_deref());
    let (amount, over_seconds) = travel(motion, pace, most, (focal_mm, aspect), seconds, rng);
    CameraRig {
        motion,
        pace,
        shot,
        focal_mm,
        f_number,
        amount,
        over_seconds,
    }
}

fn lens(rng: &mut Rng) -> f32 {
    if rng.chance(0.6) {
        rng.pick(LENSES)
    } else {
        rng.log_range(18.0, 135.0).round()
    }
}

fn motion_of(subject: Option<&Subject>, shot: Shot, rng: &mut Rng) -> CameraMove {
    use CameraMove as M;
    let moves = subject.is_some_and(|s| {
        let sideways = matches!(s.direction, Direction::Left | Direction::Right);
        let travels = matches!(
            s.action,
            Action::Walk | Action::Run | Action::Sail | Action::Fly | Action::Roll | Action::Ride
        );
        sideways && travels && s.kind != SubjectKind::Kite
    });
    // A pan or tilt of a close-up loses the subject at once.
    let turn = if shot == Shot::Close { 0.4 } else { 1.1 };
    let pull = if shot == Shot::Wide { 0.8 } else { 1.2 };
    let push = if shot == Shot::Close { 0.8 } else { 1.1 };
    rng.weighted(&[
        (M::Static, 2.3),
        (M::PushIn, push),
        (M::PullBack, pull),
        (M::PanLeft, turn),
        (M::PanRight, turn),
        (M::TiltUp, turn),
        (M::TiltDown, turn),
        (M::CraneUp, 1.0),
        (M::CraneDown, 1.0),
        (M::Tracking, if moves { 1.3 } else { 0.0 }),
        (M::Handheld, 1.0),
    ])
}

/// Where the subject should stand so that a pan keeps it in the frame.
fn place_for(motion: CameraMove, place: Place, rng: &mut Rng) -> Place {
    match (motion, place) {
        (CameraMove::PanLeft, Place::Right) => rng.pick(&[Place::Left, Place::Center]),
        (CameraMove::PanRight, Place::Left) => rng.pick(&[Place::Right, Place::Center]),
        _ => place,
    }
}

/// The share of the frame that may pass before the subject leaves it.
fn reach(motion: CameraMove, shot: Shot, subject: Option<&Subject>) -> f32 {
    use CameraMove as M;
    let Some(subject) = subject else {
        return if matches!(motion, M::CraneUp | M::CraneDown) {
            0.9
        } else {
            0.55
        };
    };
    let close = shot == Shot::Close;
    // What stands high in the frame is lost over its upper edge first.
    let high = matches!(
        subject.kind,
        SubjectKind::Balloon | SubjectKind::Kite | SubjectKind::Birds | SubjectKind::Lighthouse
    );
    match motion {
        M::PanLeft | M::PanRight if close => 0.22,
        M::PanLeft | M::PanRight if subject.place == Place::Center => 0.32,
        M::PanLeft | M::PanRight => 0.5,
        M::TiltDown | M::CraneDown if close => 0.1,
        M::TiltDown | M::CraneDown if high => 0.14,
        M::TiltUp | M::TiltDown | M::CraneUp | M::CraneDown => 0.28,
        _ => 0.6,
    }
}

/// Amount and duration of a move; the pace is the share of the frame that passes per second, of
/// which there are `most` in all.
fn travel(
    motion: CameraMove,
    pace: Pace,
    most: f32,
    (focal_mm, aspect): (f32, Aspect),
    seconds: f32,
    rng: &mut Rng,
) -> (f32, f32) {
    use CameraMove as M;
    let share = match pace {
        Pace::Slow => rng.range(0.06, 0.1),
        Pace::Normal => rng.range(0.13, 0.18),
        Pace::Fast => rng.range(0.24, 0.34),
    };
    let mut over = seconds.min(most / share);
    if pace != Pace::Slow {
        over *= rng.range(0.7, 1.0);
    }
    // Whole and half seconds are what captions state.
    if rng.chance(0.6) && over >= 1.0 {
        over = (over * 2.0).round() / 2.0;
    }
    let over = over.min(seconds).max(0.5_f32.min(seconds));
    let frames = share * over;
    let (w, h) = aspect.size();
    let film = |side: u32| 36.0 * side as f32 / w.max(h) as f32;
    let view = |side: u32| 2.0 * (film(side) / 2.0 / focal_mm).atan().to_degrees();
    let amount = match motion {
        M::Static | M::Tracking | M::Handheld => return (0.0, seconds),
        M::PushIn => (frames * 1.4).exp().min(2.3),
        M::PullBack => (-frames * 1.4).exp().max(0.43),
        M::PanLeft | M::PanRight => frames * view(w),
        M::TiltUp | M::TiltDown => frames * view(h),
        M::CraneUp | M::CraneDown => frames,
    };
    (amount, over)
}
