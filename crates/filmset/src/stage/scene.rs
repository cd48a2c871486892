//! What a setting fills: a view, a palette, and a pile of layers.

use super::bitmap::Bitmap;
use super::camera::{Pose, View};
use super::card::Card;
use super::frame::Frame;
use super::look::Look;
use super::noise::Rng;
use crate::program::{Exclusion, Program};

/// Something drawn fresh into every frame. It must be a pure function of its arguments.
pub trait Live: Send + Sync {
    /// Depth in metres, which decides what covers what.
    fn z(&self) -> f32;

    /// Draws into `frame`, `t` seconds into the clip.
    fn draw(&self, view: &View, pose: &Pose, t: f32, frame: &mut Frame);
}

/// One layer of a scene.
pub enum Layer {
    /// Painted once.
    Card(Card),
    /// Cards that a camera at rest always sees in the same way, laid into one picture.
    Still {
        /// All of them as one card that fills the frame.
        picture: Card,
        /// They themselves, farthest first, which know their depths.
        cards: Vec<Card>,
    },
    /// Drawn every frame.
    Live(Box<dyn Live>),
}

impl Layer {
    /// Depth in metres. The ground counts as lying behind all that stands on it.
    pub fn z(&self) -> f32 {
        match self {
            Self::Card(card) | Self::Still { picture: card, .. } => card.z,
            Self::Live(live) => live.z(),
        }
    }
}

/// A scene in the making. A setting's `build` adds layers in any order; the stage sorts them by
/// depth, farthest first, and layers of equal depth stay in the order they were added.
pub struct Scene<'a> {
    /// What to show.
    pub program: &'a Program,
    /// Through which lens.
    pub view: View,
    /// In which colours.
    pub look: Look,
    /// Chance for layout.
    pub rng: Rng,
    /// Pixels of pan and tilt the camera will make, so that single cards can be wide enough.
    pub margin: (f32, f32),
    /// Nearest and farthest depth that subjects on the ground reach in the clip, metres; `None`
    /// when nobody stands on the ground. Boats are on the water and do not count.
    pub land: Option<(f32, f32)>,
    /// The layers so far.
    pub layers: Vec<Layer>,
}

impl Scene<'_> {
    /// Adds a card.
    pub fn card(&mut self, card: Card) {
        self.layers.push(Layer::Card(card));
    }

    /// Adds something drawn every frame.
    pub fn live(&mut self, live: impl Live + 'static) {
        self.layers.push(Layer::Live(Box::new(live)));
    }

    /// A clear picture one period wide (about one and a half frames) and `height` pixels high.
    pub fn strip(&self, height: f32) -> Bitmap {
        Bitmap::new(
            (self.view.width * 1.6) as usize,
            height.ceil().max(1.0) as usize,
        )
    }

    /// Pixels for `n` pixels of a 576x320 frame.
    pub fn px(&self, n: f32) -> f32 {
        n * self.view.unit
    }

    /// Whether the caption promises that `what` is absent.
    pub fn without(&self, what: Exclusion) -> bool {
        self.program.without.contains(&what)
    }

    /// Standard deviation, in pixels, of the blur a thing at depth `z` has out of focus. The
    /// circle of confusion of a thin lens, enlarged so that a shallow depth of field can be seen
    /// on a small frame as it would be on a large screen.
    pub fn defocus(&self, z: f32) -> f32 {
        let rig = &self.program.camera;
        let focus = self.view.subject_z;
        let nearness = if z.is_finite() {
            (1.0 - focus / z).abs()
        } else {
            1.0
        };
        let on_film = rig.focal_mm * rig.focal_mm / (rig.f_number * focus * 1000.0) * nearness;
        let blur = on_film / 36.0 * self.view.width.max(self.view.height) * 1.1;
        if blur < 0.8 {
            0.0
        } else {
            blur.min(self.px(7.0))
        }
    }
}
