//! The cast: every subject of a scene program, drawn as vector shapes in three printed tones.
//!
//! A drawing is a pure function of the subject, its [`Pose`] and the light. Nothing is kept
//! between frames: what hangs and follows (hair, scarf, hem, tail) is written as a delayed
//! function of the gait phase, of time and of the seconds since the action began.

mod canvas;
mod figure;
pub mod gait;
mod garments;
mod head;
mod palette;
mod path;
mod ribbon;
mod skeleton;

pub use canvas::{Canvas, Ink, Tones};
pub use gait::{Foot, foot_contacts, stride};
pub use palette::{CastLight, PALETTE, oklab, rgb};
pub use path::{Path, Point};

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
    let stage = Brush {
        light,
        ppm: pixels_per_meter,
        foot: [foot.0, foot.1],
        path: Path::new(),
    };
    canvas.begin();
    figure::draw(subject, pose, stage, canvas);
    // The rim never gets thinner than can be seen.
    let width = (0.016 * gait::height(subject.kind).min(2.5) * pixels_per_meter).clamp(0.7, 4.0);
    let (color, strength) = light.rim();
    canvas.rim(color, light.toward_sun().map(|step| step * width), strength);
}

/// Width and height in metres that hold every pose of a kind; the point on the ground stands in
/// the middle of the lower edge.
pub fn bounds(kind: SubjectKind) -> (f32, f32) {
    match kind {
        SubjectKind::Man | SubjectKind::Woman => (4.4, 2.5),
        _ => (3.0, 1.8),
    }
}

/// What every drawing needs: light, scale, place and a path to reuse.
pub(crate) struct Brush<'a> {
    pub light: &'a CastLight,
    /// Pixels per metre.
    pub ppm: f32,
    /// Pixel of the point on the ground.
    pub foot: Point,
    pub path: Path,
}

impl Brush<'_> {
    /// Pixel of a point `x` metres right of and `y` metres over the point on the ground.
    pub fn at(&self, x: f32, y: f32) -> Point {
        [self.foot[0] + x * self.ppm, self.foot[1] - y * self.ppm]
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
