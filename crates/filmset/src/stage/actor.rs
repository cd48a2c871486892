//! The subjects on the stage: where each is at every instant, and how it is drawn and lit.

use super::camera::{Pose, View};
use super::noise::Rng;
use crate::cast;
use crate::program::{Action, Direction, Place, Program, Shot, Subject, SubjectKind};

/// Size of a kind in metres (width, height), and its share of the frame's height in a wide shot,
/// a medium shot and a close-up.
#[derive(Debug, Clone, Copy)]
pub struct Framing {
    /// Width, metres.
    pub width: f32,
    /// Height, metres.
    pub height: f32,
    /// Share of the frame's height: wide, medium, close.
    pub shares: [f32; 3],
    /// Row of its foot (share of the frame's height): wide, medium, close.
    pub feet: [f32; 3],
    /// Metres between its foot and its lower edge.
    pub lift: f32,
    /// Whether it floats or flies, so that its foot row lies above the horizon.
    pub airborne: bool,
}

/// How a kind is framed.
pub fn framing(kind: SubjectKind) -> Framing {
    let framing = |width, height, shares, feet, airborne| Framing {
        width,
        height,
        shares,
        feet,
        lift: 0.0,
        airborne,
    };
    match kind {
        SubjectKind::Man => framing(0.8, 1.78, [0.27, 0.48, 0.80], [0.80, 0.88, 0.97], false),
        SubjectKind::Woman => framing(0.8, 1.66, [0.27, 0.48, 0.80], [0.80, 0.88, 0.97], false),
        SubjectKind::Child => framing(0.6, 1.15, [0.21, 0.37, 0.62], [0.80, 0.88, 0.96], false),
        SubjectKind::Dog => framing(0.9, 0.68, [0.20, 0.34, 0.52], [0.80, 0.86, 0.92], false),
        SubjectKind::Ball => framing(0.56, 0.56, [0.13, 0.19, 0.26], [0.80, 0.87, 0.93], false),
        SubjectKind::Sailboat => framing(7.0, 9.0, [0.34, 0.50, 0.72], [0.62, 0.70, 0.82], false),
        SubjectKind::FishingBoat => {
            framing(10.0, 6.0, [0.27, 0.38, 0.52], [0.62, 0.70, 0.82], false)
        }
        SubjectKind::Train => framing(40.0, 4.0, [0.15, 0.22, 0.32], [0.72, 0.78, 0.84], false),
        SubjectKind::Lighthouse => {
            framing(8.0, 19.8, [0.44, 0.60, 0.80], [0.62, 0.70, 0.90], false)
        }
        SubjectKind::Balloon => framing(14.0, 19.0, [0.36, 0.54, 0.80], [0.50, 0.64, 0.90], true),
        SubjectKind::Birds => framing(6.4, 4.2, [0.30, 0.42, 0.58], [0.42, 0.50, 0.62], true),
        SubjectKind::Kite => framing(2.0, 2.8, [0.26, 0.38, 0.52], [0.42, 0.48, 0.60], true),
    }
}

/// Index of a shot into the shares of a [`Framing`].
pub const fn shot_index(shot: Shot) -> usize {
    match shot {
        Shot::Wide => 0,
        Shot::Medium => 1,
        Shot::Close => 2,
    }
}

/// What lies under a subject, which decides whether it throws a shadow or a reflection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Floor {
    /// Dry ground: shadows.
    Land,
    /// Wet ground: faint shadows and a reflection.
    Wet,
    /// Water: a reflection.
    Water,
    /// Nothing: it flies, or stands in tall crops.
    None,
}

/// One subject as placed on the stage; a subject of count 3 is three actors.
#[derive(Debug, Clone)]
pub struct Actor {
    /// Number of the subject in the program.
    pub index: usize,
    /// What it is and does.
    pub subject: Subject,
    /// Floor under it.
    pub floor: Floor,
    /// Point below it on the ground (or its lowest point in the air) on the first frame.
    pub foot: (f32, f32),
    /// Depth on the first frame, metres.
    pub z: f32,
    /// Metres a second to the right, away, and up, while it moves.
    pub velocity: [f32; 3],
    /// Second from which the event's action holds.
    pub event_at: f32,
    /// Metres a second its action asks for; [`Actor::velocity`] may be less.
    nominal: f32,
    seed: u64,
    wind: f32,
}

/// Where an actor is at one instant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spot {
    /// Foot on the frame, pixels.
    pub foot: (f32, f32),
    /// Pixels a metre.
    pub per_meter: f32,
    /// Depth from the first frame's camera, metres.
    pub z: f32,
}

impl Actor {
    /// Places every member of subject number `index` of `program` on `floor`.
    pub fn cast(program: &Program, view: &View, index: usize, floor: Floor) -> Vec<Self> {
        let count = usize::from(program.subjects[index].count.clamp(1, 5));
        (0..count)
            .map(|member| Self::new(program, view, (index, floor), (member, count)))
            .collect()
    }

    fn new(
        program: &Program,
        view: &View,
        (index, floor): (usize, Floor),
        (member, count): (usize, usize),
    ) -> Self {
        let subject = program.subjects[index].clone();
        let mut rng = Rng::new(program.seed, 0xAC70 + index as u64);
        let frame = framing(subject.kind);
        let shot = shot_index(program.camera.shot);
        let place = match subject.place {
            Place::Left => 0.27,
            Place::Center => 0.5,
            Place::Right => 0.73,
        };
        let u = view.width * (place + rng.range(-0.025, 0.025));
        let z = if index == 0 {
            view.subject_z
        } else {
            beside(program, view, &frame, &mut rng)
        };
        let (u, z) = stand(view, &frame, (u, z), (member, count));
        let shot = if index == 0 { shot } else { 0 };
        let v = if frame.airborne {
            view.height * frame.feet[shot]
        } else {
            view.ground_row(z)
        };
        let event_at = subject.event.map_or(f32::INFINITY, |e| e.at_seconds);
        let mut actor = Self {
            index,
            floor,
            foot: (u, v),
            z,
            velocity: [0.0; 3],
            event_at,
            nominal: subject.speed,
            seed: program.seed ^ ((index * 8 + member) as u64).wrapping_mul(0xA24B_AED4_963E_E407),
            wind: program.wind,
            subject,
        };
        actor.velocity = actor.pick_velocity(program, view);
        if actor.nominal <= 0.0 {
            actor.nominal = actor.velocity[0].abs();
        }
        // The cast passes from the first gait to the next one; it must know how fast the first was.
        actor.subject.speed = actor.speed_of(actor.subject.action);
        actor
    }

    /// Speed in each direction, cut so that the subject stays in the picture.
    fn pick_velocity(&self, program: &Program, view: &View) -> [f32; 3] {
        let s = &self.subject;
        let seconds = program.seconds().max(0.1);
        let tracking = program.camera.motion == crate::program::CameraMove::Tracking;
        if !moves(s.action) && !s.event.is_some_and(|e| moves(e.action)) {
            return [0.0; 3];
        }
        let mut wanted = s.speed;
        if wanted <= 0.0 {
            let moving = if moves(s.action) {
                s.action
            } else {
                s.event.map_or(s.action, |e| e.action)
            };
            wanted = cast::gait::usual_speed(s.kind, moving);
        }
        if s.action == Action::Rise {
            let room = (self.foot.1 - view.height * 0.62).max(view.height * 0.14);
            let limit = room / view.per_meter(self.z) / seconds;
            return [program.wind * 0.03, 0.0, wanted.max(0.4).min(limit)];
        }
        match s.direction {
            Direction::Left | Direction::Right => {
                let sign = if s.direction == Direction::Left {
                    -1.0
                } else {
                    1.0
                };
                let edge = if sign < 0.0 {
                    self.foot.0
                } else {
                    view.width - self.foot.0
                };
                let half = framing(s.kind).width * 0.5 * view.per_meter(self.z);
                let room = (edge - half.min(edge * 0.4)).max(view.width * 0.15);
                let limit = room / view.per_meter(self.z) / seconds;
                let speed = if tracking { wanted } else { wanted.min(limit) };
                [sign * speed, 0.0, 0.0]
            }
            Direction::Toward => [0.0, -wanted.min(self.z * 0.32 / seconds), 0.0],
            Direction::Away => [0.0, wanted.min(self.z * 0.8 / seconds), 0.0],
        }
    }

    /// What it does at `t` seconds, and for how long it has done so.
    pub fn action(&self, t: f32) -> (Action, f32) {
        match self.subject.event {
            Some(event) if t >= self.event_at => (event.action, t - self.event_at),
            _ => (self.subject.action, t),
        }
    }

    /// Seconds of travel until `t`.
    pub fn traveled(&self, t: f32) -> f32 {
        let before = if moves(self.subject.action) {
            t.min(self.event_at)
        } else {
            0.0
        };
        let after = match self.subject.event {
            Some(event) if moves(event.action) => (t - self.event_at).max(0.0),
            _ => 0.0,
        };
        before + after
    }

    /// Metres to the right, away and up of where it began.
    pub fn offset(&self, t: f32) -> [f32; 3] {
        let seconds = self.traveled(t);
        self.velocity.map(|v| v * seconds)
    }

    /// Where it is on the frame at `t` seconds.
    pub fn spot(&self, view: &View, pose: &Pose, t: f32) -> Spot {
        let [dx, dz, dy] = self.offset(t);
        let z = self.z + dz;
        let start = view.per_meter(self.z);
        let now = view.per_meter(z);
        let center = view.width * 0.5;
        let u = center + (self.foot.0 - center) / start * now + dx * now;
        let v = view.horizon + (self.foot.1 - view.horizon) / start * now - dy * now;
        let foot = pose.project(view, (u, v), z);
        Spot {
            foot,
            per_meter: now * pose.scale(z),
            z,
        }
    }

    /// How it stands at `t` seconds.
    pub fn pose(&self, t: f32) -> cast::Pose {
        let (action, action_t) = self.action(t);
        let kind = self.subject.kind;
        let phase = |action: Action, seconds: f32| {
            let speed = self.speed_of(action);
            if moves(action) {
                speed * seconds / cast::stride(kind, action, speed)
            } else {
                0.0
            }
        };
        let first = phase(self.subject.action, t.min(self.event_at));
        let then = self
            .subject
            .event
            .map_or(0.0, |e| phase(e.action, (t - self.event_at).max(0.0)));
        cast::Pose {
            t,
            action,
            action_t,
            phase: first + then,
            facing: match self.subject.direction {
                Direction::Left => -1.0,
                Direction::Right => 1.0,
                _ => 0.0,
            },
            away: self.subject.direction == Direction::Away,
            wind: self.wind,
            seed: self.seed,
            speed: self.speed_of(action),
        }
    }

    /// Metres a second over ground while it does `action`.
    pub fn speed_of(&self, action: Action) -> f32 {
        let [x, z, _] = self.velocity;
        let slow = if x == 0.0 {
            1.0
        } else {
            x.abs() / self.nominal.max(0.01)
        };
        let usual = cast::gait::usual_speed(self.subject.kind, action);
        match () {
            () if !moves(action) => 0.0,
            () if action == self.subject.action && z == 0.0 => self.nominal * slow,
            () if action == self.subject.action => self.nominal,
            () => usual * slow,
        }
    }
}

/// Depth of a second subject: beside the first where both have one scale, else where it has the
/// size of a wide shot.
fn beside(program: &Program, view: &View, frame: &Framing, rng: &mut Rng) -> f32 {
    let ratio = frame.height / framing(program.subjects[0].kind).height;
    if (0.3..2.4).contains(&ratio) && !frame.airborne {
        return view.subject_z * rng.range(1.03, 1.12);
    }
    let own = view.focal * frame.height / (frame.shares[0] * view.height);
    // Not so near that its foot leaves the frame.
    own.max(view.ground_z(view.height * 0.96))
}

/// Column and depth of one of `count` members: side by side, every other one a little behind,
/// the group shifted so that all of it is in the frame.
fn stand(
    view: &View,
    frame: &Framing,
    (u, z): (f32, f32),
    (member, count): (usize, usize),
) -> (f32, f32) {
    if count < 2 {
        return (u, z);
    }
    let gap = frame.width.max(frame.height * 0.55) * 1.15 * view.per_meter(z);
    let gap = gap.min(view.width * 0.86 / count as f32);
    let half = gap * (count - 1) as f32 * 0.5;
    let edge = half + gap * 0.45;
    let middle = u.clamp(
        edge.min(view.width * 0.5),
        (view.width - edge).max(view.width * 0.5),
    );
    let behind = 1.0 + 0.07 * ((member * 2) % 3) as f32;
    let center = view.width * 0.5;
    let column = middle - half + gap * member as f32;
    (center + (column - center) / behind.sqrt(), z * behind)
}

/// Whether an action carries its subject along.
pub const fn moves(action: Action) -> bool {
    matches!(
        action,
        Action::Walk
            | Action::Run
            | Action::Sail
            | Action::Fly
            | Action::Rise
            | Action::Roll
            | Action::Bounce
            | Action::Ride
            | Action::Drift
    )
}
