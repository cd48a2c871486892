//! The cast: every subject of a scene program, drawn as vector shapes in three printed tones.
//!
//! A drawing is a pure function of the subject, its [`Pose`] and the light. Nothing is kept
//! between frames: what hangs and follows (hair, scarf, hem, tail) is written as a delayed
//! function of the gait phase, of time and of the seconds since the action began.

mod ball;
mod balloon;
mod birds;
mod boats;
mod canvas;
mod dog;
mod figure;
pub mod gait;
mod garments;
mod head;
mod kite;
mod lighthouse;
mod palette;
mod path;
mod raster;
mod ribbon;
mod skeleton;
mod stances;
#[cfg(test)]
mod tests;
mod train;

pub use canvas::{Canvas, Ink, Tones};
pub use gait::{Foot, foot_contacts, stride};
pub use kite::STRING as KITE_STRING;
pub use lighthouse::LAMP;
pub use palette::{CastLight, PALETTE, oklab, rgb};
pub use path::{Path, Point};
pub use train::funnel;

use crate::program::{Action, Subject, SubjectKind};

/// Radius of a ball in metres.
pub const BALL_RADIUS: f32 = 0.28;
/// Radius of a steam engine's driving wheel in metres.
pub const WHEEL_RADIUS: f32 = 0.72;

/// What a subject looks like at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pose {
    /// Seconds since the first frame.
    pub t: f32,
    /// What it does now.
    pub action: Action,
    /// Seconds since it began to do so.
    pub action_t: f32,
    /// Gait phase in cycles: distance covered over [`stride`].
    pub phase: f32,
    /// Where it faces: -1 left, 0 toward (or away from) the camera, 1 right.
    pub facing: f32,
    /// Whether it shows its back.
    pub away: bool,
    /// Wind in metres per second along x.
    pub wind: f32,
    /// Decides what no field names: hair, skin, phases of secondary motion.
    pub seed: u64,
    /// Speed over ground in metres per second.
    pub speed: f32,
}

impl Pose {
    /// A number from 0 to 1 that depends on the seed and on `salt` only.
    pub(crate) fn chance(&self, salt: u64) -> f32 {
        let mut x = self.seed ^ salt.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((x ^ (x >> 31)) >> 40) as f32 / (1_u64 << 24) as f32
    }

    /// Picks one of `choices` by the seed.
    pub(crate) fn pick<T: Copy>(&self, salt: u64, choices: &[T]) -> T {
        choices[(self.chance(salt) * choices.len() as f32) as usize % choices.len()]
    }
}

/// Draws a subject. `foot` is the pixel of the point on the ground below it (the waterline below
/// a boat, the rail below a train, the ground below a kite).
pub fn draw(
    subject: &Subject,
    pose: &Pose,
    light: &CastLight,
    pixels_per_meter: f32,
    canvas: &mut Canvas,
    foot: (f32, f32),
) {
    let place = Place {
        foot: [foot.0, foot.1],
        ppm: pixels_per_meter,
    };
    let brush = Brush {
        light,
        ppm: pixels_per_meter,
        place,
        path: Path::new(),
    };
    canvas.begin();
    let pose = &gait::turned(subject, pose);
    match subject.kind {
        SubjectKind::Man | SubjectKind::Woman | SubjectKind::Child => {
            figure::draw(subject, pose, brush, canvas);
        }
        SubjectKind::Dog => dog::draw(subject, pose, brush, canvas),
        SubjectKind::Birds => birds::draw(subject, pose, brush, canvas),
        SubjectKind::Sailboat => boats::sailboat(subject, pose, brush, canvas),
        SubjectKind::FishingBoat => boats::fishing_boat(subject, pose, brush, canvas),
        SubjectKind::Balloon => balloon::draw(subject, pose, brush, canvas),
        SubjectKind::Train => train::train(subject, pose, brush, canvas),
        SubjectKind::Ball => ball::draw(subject, pose, brush, canvas),
        SubjectKind::Kite => kite::draw(subject, pose, brush, canvas),
        SubjectKind::Lighthouse => lighthouse::draw(subject, brush, canvas),
    }
    // The rim never gets thinner than can be seen.
    let width = (0.016 * gait::height(subject.kind).min(4.0) * pixels_per_meter).clamp(0.7, 3.5);
    let (color, strength) = light.rim();
    canvas.rim(color, light.toward_sun().map(|step| step * width), strength);
}

/// How far a drawing may reach from its point on the ground, in metres.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Extent {
    /// To either side.
    pub side: f32,
    /// Upwards.
    pub up: f32,
    /// Downwards.
    pub down: f32,
}

/// What holds every pose of a kind.
pub const fn extent(kind: SubjectKind) -> Extent {
    let (side, up, down) = match kind {
        SubjectKind::Man => (2.75, 2.75, 0.15),
        SubjectKind::Woman => (2.75, 2.6, 0.15),
        SubjectKind::Child => (2.7, 1.9, 0.12),
        SubjectKind::Dog => (0.75, 1.1, 0.08),
        SubjectKind::Birds => (3.4, 4.2, 0.8),
        SubjectKind::Sailboat => (5.4, 9.2, 1.1),
        SubjectKind::FishingBoat => (7.2, 6.3, 0.9),
        SubjectKind::Balloon => (8.2, 19.0, 0.4),
        SubjectKind::Train => (20.8, 4.5, 0.1),
        SubjectKind::Ball => (0.42, 2.2, 0.06),
        SubjectKind::Kite => (5.4, 2.8, 11.4),
        SubjectKind::Lighthouse => (4.3, 19.8, 0.5),
    };
    Extent { side, up, down }
}

/// Width and height in metres of [`extent`].
pub const fn bounds(kind: SubjectKind) -> (f32, f32) {
    let Extent { side, up, down } = extent(kind);
    (2.0 * side, up + down)
}

impl Canvas {
    /// Makes the canvas transparent and lays it around every pose of a subject that stands at
    /// `foot`, cut to a frame of `frame` (width, height)
    /// pixels and a small margin. Its size is zero when the subject
    /// lies outside.
    pub fn reset_around(
        &mut self,
        kind: SubjectKind,
        pixels_per_meter: f32,
        foot: (f32, f32),
        frame: (usize, usize),
    ) {
        let Extent { side, up, down } = extent(kind);
        let [side, up, down] = [side, up, down].map(|m| m * pixels_per_meter + 2.0);
        // A little beyond the frame, so that no rim is lit along its edge.
        let cut = |v: f32, limit: usize| v.clamp(-4.0, limit as f32 + 4.0) as i32;
        let (left, right) = (cut(foot.0 - side, frame.0), cut(foot.0 + side, frame.0));
        let (top, bottom) = (cut(foot.1 - up, frame.1), cut(foot.1 + down, frame.1));
        self.reset(
            (right - left) as usize,
            (bottom - top) as usize,
            [left, top],
        );
    }
}

/// Where metres lie in the picture.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    /// Pixel of the point on the ground.
    pub foot: Point,
    /// Pixels per metre.
    pub ppm: f32,
}

impl Place {
    /// Pixel of a point `x` metres right of and `y` metres over the point on the ground.
    pub fn at(self, x: f32, y: f32) -> Point {
        [self.foot[0] + x * self.ppm, self.foot[1] - y * self.ppm]
    }
}

/// What every drawing needs: light, scale, place and a path to reuse.
pub(crate) struct Brush<'a> {
    pub light: &'a CastLight,
    /// Pixels per metre.
    pub ppm: f32,
    pub place: Place,
    pub path: Path,
}

impl Brush<'_> {
    /// Pixel of a point `x` metres right of and `y` metres over the point on the ground.
    pub fn at(&self, x: f32, y: f32) -> Point {
        self.place.at(x, y)
    }

    /// Ink whose shaded side is `shade` metres wide.
    pub fn ink(&self, tones: Tones, shade: f32) -> Ink {
        self.light.ink(tones, shade * self.ppm)
    }

    /// Prints the path built so far and begins a new one.
    pub fn print(&mut self, canvas: &mut Canvas, ink: &Ink) {
        canvas.fill(&self.path, ink);
        self.path.clear();
    }
}
