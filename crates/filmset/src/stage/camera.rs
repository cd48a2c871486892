//! The lens and the move: from the world in metres to pixels of a frame.
//!
//! Reference frame of all cards is the first frame: a point of the scene is known by where it
//! falls there, (u, v) in pixels, and by its depth z in metres. The camera looks level along z
//! and composes by shifting the film, so horizons stay straight under every move.

use super::color::smoothstep;
use super::noise::smooth_noise;
use crate::program::{CameraMove, Pace, Program};

/// The picture before the camera moves.
#[derive(Debug, Clone, Copy)]
pub struct View {
    /// Frame width, pixels.
    pub width: f32,
    /// Frame height, pixels.
    pub height: f32,
    /// Focal length in pixels; the long side of the frame is 36 mm of film.
    pub focal: f32,
    /// Row of the horizon on the first frame.
    pub horizon: f32,
    /// Height of the camera over the ground, metres.
    pub eye: f32,
    /// Depth of the main subject, metres.
    pub subject_z: f32,
    /// Length that is one pixel when the frame has the area of 576x320.
    pub unit: f32,
    /// Focal length over that of a 35 mm lens.
    pub zoom: f32,
}

impl View {
    /// Pixels a metre spans at depth `z`.
    pub fn per_meter(&self, z: f32) -> f32 {
        self.focal / z
    }

    /// Row on the first frame where level ground at depth `z` lies.
    pub fn ground_row(&self, z: f32) -> f32 {
        self.horizon + self.focal * self.eye / z
    }

    /// Depth of the level ground seen at `row` of the first frame, which must be below the horizon.
    pub fn ground_z(&self, row: f32) -> f32 {
        self.focal * self.eye / (row - self.horizon).max(0.05)
    }

    /// How much larger far things look than through a 35 mm lens; less than the full ratio, as a
    /// photographer with a long lens also looks for a farther place.
    pub fn far_scale(&self) -> f32 {
        self.zoom.powf(0.55)
    }
}

/// Where the camera is at one instant, relative to the first frame.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Pose {
    /// Metres to the right.
    pub x: f32,
    /// Metres up.
    pub y: f32,
    /// Metres forward.
    pub z: f32,
    /// Pixels everything shifts to the right (pan, shake).
    pub shift_x: f32,
    /// Pixels everything shifts down (tilt, shake).
    pub shift_y: f32,
}

impl Pose {
    /// Scale of a card at depth `z` over its size on the first frame; 0 when it is behind.
    pub fn scale(&self, z: f32) -> f32 {
        if z.is_infinite() {
            return 1.0;
        }
        let ahead = z - self.z;
        if ahead < 0.04 * z { 0.0 } else { z / ahead }
    }

    /// Where a point that fell on (u, v) of the first frame falls now.
    pub fn project(&self, view: &View, (u, v): (f32, f32), z: f32) -> (f32, f32) {
        let k = self.scale(z);
        let per_meter = view.focal * k / z; // 0 at infinity
        let center = view.width * 0.5;
        (
            center + (u - center) * k - self.x * per_meter + self.shift_x,
            view.horizon + (v - view.horizon) * k + self.y * per_meter + self.shift_y,
        )
    }
}

/// What a move made of the first frame's picture, in pixels from the middle of the frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moved {
    /// How many times larger things at the subject's depth are.
    pub zoom: f32,
    /// How far they were shifted to the right and down, after they grew around the middle.
    pub near: [f32; 2],
    /// How far things at infinity were shifted.
    pub far: [f32; 2],
}

impl Moved {
    /// From one pose to another.
    pub fn between(view: &View, first: &Pose, now: &Pose) -> Self {
        let shift = |pose: &Pose, z| {
            let (x, y) = pose.project(view, (view.width * 0.5, view.height * 0.5), z);
            [x - view.width * 0.5, y - view.height * 0.5]
        };
        let plane = |z| {
            let k = now.scale(z) / first.scale(z);
            let (from, to) = (shift(first, z), shift(now, z));
            (k, [0, 1].map(|i| to[i] - k * from[i]))
        };
        let (zoom, near) = plane(view.subject_z);
        Self {
            zoom,
            near,
            far: plane(f32::INFINITY).1,
        }
    }
}

/// The move of one clip.
#[derive(Debug, Clone)]
pub struct Camera {
    motion: CameraMove,
    amount: f32,
    over: f32,
    pace: f32,
    seed: u64,
    view: View,
    /// Where the subject's middle stands on the first frame, which push and pull keep in view.
    anchor: (f32, f32),
    shake: bool,
    /// Whether there is a subject to keep in the frame.
    follows: bool,
}

impl Camera {
    /// The move of `program` seen through `view`; `anchor` is the subject's middle on the first
    /// frame.
    pub fn new(program: &Program, view: View, anchor: (f32, f32)) -> Self {
        let rig = &program.camera;
        let pace = match rig.pace {
            Pace::Slow => 0.7,
            Pace::Normal => 1.0,
            Pace::Fast => 1.5,
        };
        Self {
            motion: rig.motion,
            amount: rig.amount,
            over: if rig.over_seconds > 0.0 {
                rig.over_seconds
            } else {
                program.seconds()
            }
            .max(0.1),
            pace,
            seed: program.seed,
            view,
            anchor,
            follows: !program.subjects.is_empty(),
            shake: !program.without.contains(&crate::program::Exclusion::Shake),
        }
    }

    /// Whether the picture never moves.
    pub fn is_static(&self) -> bool {
        self.motion == CameraMove::Static || (self.motion == CameraMove::Handheld && !self.shake)
    }

    /// Whether the camera follows the main subject.
    pub fn tracks(&self) -> bool {
        self.motion == CameraMove::Tracking
    }

    /// The pose at `t` seconds; a tracking camera also goes where its subject goes.
    pub fn at(&self, t: f32) -> Pose {
        let e = smoothstep(0.0, self.over, t);
        let v = &self.view;
        let mut pose = Pose::default();
        let degrees = |sign: f32| sign * v.focal * (self.amount.abs() * e).to_radians().tan();
        match self.motion {
            CameraMove::PushIn => self.dolly(&mut pose, self.ratio(), e),
            CameraMove::PullBack => self.dolly(&mut pose, 1.0 / self.ratio(), e),
            CameraMove::PanLeft => pose.shift_x = degrees(1.0),
            CameraMove::PanRight => pose.shift_x = degrees(-1.0),
            CameraMove::TiltUp => pose.shift_y = degrees(1.0) - 0.5 * self.whole_tilt(),
            CameraMove::TiltDown => pose.shift_y = degrees(-1.0) + 0.5 * self.whole_tilt(),
            CameraMove::CraneUp => self.lift(&mut pose, self.crane(), e),
            CameraMove::CraneDown => self.lift(&mut pose, (-self.crane()).max(-0.8 * v.eye), e),
            CameraMove::Handheld if self.shake => self.handheld(&mut pose, t),
            CameraMove::Static | CameraMove::Tracking | CameraMove::Handheld => {}
        }
        pose
    }

    fn ratio(&self) -> f32 {
        let a = self.amount.abs().clamp(0.05, 8.0);
        a.max(1.0 / a)
    }

    /// Pixels of the whole tilt. Half of it lies before the first frame, so that what the picture
    /// is composed around passes through it instead of leaving it.
    fn whole_tilt(&self) -> f32 {
        self.view.focal * self.amount.abs().to_radians().tan()
    }

    /// Rises by `meters`, and tilts so that a subject goes down (or up) by less than half as much.
    fn lift(&self, pose: &mut Pose, meters: f32, e: f32) {
        pose.y = meters * e;
        if self.follows {
            pose.shift_y = -0.62 * pose.y * self.view.per_meter(self.view.subject_z);
        }
    }

    fn crane(&self) -> f32 {
        self.amount.abs() * self.view.height / self.view.per_meter(self.view.subject_z)
    }

    /// Moves along z until the subject has `ratio` times its size, turning so that it stays put.
    fn dolly(&self, pose: &mut Pose, ratio: f32, e: f32) {
        let v = &self.view;
        let k = ratio.powf(e); // even growth reads as an even move
        pose.z = v.subject_z * (1.0 - 1.0 / k);
        // What grows also comes nearer to the middle, so that it does not outgrow the frame.
        let toward = (1.0 - 1.0 / k).max(0.0) * 0.9;
        let (x, y) = self.anchor;
        let target = (
            x + (v.width * 0.5 - x) * toward,
            y + (v.height * 0.52 - y) * toward,
        );
        pose.shift_x = target.0 - v.width * 0.5 - (x - v.width * 0.5) * k;
        pose.shift_y = target.1 - v.horizon - (y - v.horizon) * k;
    }

    fn handheld(&self, pose: &mut Pose, t: f32) {
        let size = self.view.height * 0.016 * (0.6 + 0.4 * self.pace);
        let wander = |salt: u64, rate: f32| smooth_noise(self.seed ^ salt, t * rate + 7.0);
        pose.shift_x = size * (wander(0x51, 0.8) + 0.35 * wander(0x52, 2.6));
        pose.shift_y = size * (0.8 * wander(0x53, 0.9) + 0.3 * wander(0x54, 2.9));
    }
}
