//! Where the camera's move takes the picture, which the transformer is told of each latent frame.
//!
//! A token's place is three places: where it is in its frame, and where what it shows was on the first
//! frame if it is as near as the subject, or far away. Tokens that show the same thing from frame to frame
//! are then at the same place, however the camera moves.
//!
//! Lengths are in units of the square root of the frame's area, from its middle, to the right and down.

use std::f64::consts::TAU;

use kinora_tensor::Tensor;
use serde::{Deserialize, Serialize};

/// What a move made of the first frame's picture. In JSON `[zoom, near x, near y, far x, far y]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "[f32; 5]", into = "[f32; 5]")]
pub struct View {
    /// Logarithm of how many times larger things at the subject's distance look.
    pub zoom: f32,
    /// How far they were shifted, after they grew around the middle.
    pub near: [f32; 2],
    /// How far things far away were shifted.
    pub far: [f32; 2],
}

/// The camera of a clip: one view a latent frame, or none for one that rests.
pub type CameraPath = Vec<View>;

/// Numbers of [`View::features`].
pub(super) const FEATURES: usize = 20;

impl From<[f32; 5]> for View {
    fn from([zoom, near_x, near_y, far_x, far_y]: [f32; 5]) -> Self {
        Self {
            zoom,
            near: [near_x, near_y],
            far: [far_x, far_y],
        }
    }
}

impl From<View> for [f32; 5] {
    fn from(View { zoom, near, far }: View) -> Self {
        [zoom, near[0], near[1], far[0], far[1]]
    }
}

impl View {
    /// Where what is seen at `place` was on the first frame: as it is in its own, near and far.
    pub(super) fn places(&self, place: [f64; 2]) -> [[f64; 2]; 3] {
        let shrink = f64::from(-self.zoom).exp();
        let back = |i: usize, shift: [f32; 2]| place[i] - f64::from(shift[i]);
        [
            place,
            [0, 1].map(|i| back(i, self.near) * shrink),
            [0, 1].map(|i| back(i, self.far)),
        ]
    }

    /// How far both planes moved under `place`, in tokens of `unit`, with their phases in a token and in
    /// half of one: zeros for a camera that rests.
    fn features(&self, place: [f64; 2], unit: f64) -> [f32; FEATURES] {
        let [here, near, far] = self.places(place);
        let planes = [near, far];
        let moved = planes.as_flattened().iter().zip(here.iter().cycle());
        let mut features = [0.0; FEATURES];
        let parts = features.as_chunks_mut::<5>().0;
        for (part, (there, here)) in parts.iter_mut().zip(moved) {
            let tokens = (there - here) / unit;
            let (sin, cos) = (TAU * tokens).sin_cos();
            let (sin2, cos2) = (2.0 * TAU * tokens).sin_cos();
            *part = [tokens / 4.0, sin, cos - 1.0, sin2, cos2 - 1.0].map(|x| x as f32);
        }
        features
    }
}

/// Where the tokens of some clips are.
pub(super) struct Places<'a> {
    /// Latent frames, and rows and columns of tokens.
    pub(super) dims: [usize; 3],
    /// One for all clips if all rest.
    pub(super) cameras: &'a [CameraPath],
}

impl<'a> Places<'a> {
    pub(super) fn new(dims: [usize; 3], cameras: &'a [CameraPath]) -> Self {
        const REST: &[CameraPath] = &[Vec::new()];
        let rests = cameras.iter().all(Vec::is_empty);
        let cameras = if rests { REST } else { cameras };
        Self { dims, cameras }
    }

    /// Visits each token of each clip: its frame's view, its latent frame, and where it is in its frame.
    pub(super) fn each(&self, mut visit: impl FnMut(&View, usize, [f64; 2])) {
        let [t, rows, columns] = self.dims;
        let unit = self.unit();
        let centred = |i: usize, count: usize| (i as f64 - (count as f64 - 1.0) / 2.0) * unit;
        for camera in self.cameras {
            for frame in 0..t {
                let view = camera.get(frame).copied().unwrap_or_default();
                for y in 0..rows {
                    for x in 0..columns {
                        visit(&view, frame, [centred(x, columns), centred(y, rows)]);
                    }
                }
            }
        }
    }

    /// The side of a token.
    fn unit(&self) -> f64 {
        let [_, rows, columns] = self.dims;
        1.0 / ((rows * columns) as f64).sqrt()
    }

    /// [`View::features`] of all tokens of `b` clips, F32 `[b, n, features]`.
    pub(super) fn features(&self, b: usize) -> Tensor {
        let (n, unit) = (self.dims.iter().product::<usize>(), self.unit());
        let mut all = Vec::new();
        self.each(|view, _, place| all.extend(view.features(place, unit)));
        let all = all.repeat(b / self.cameras.len());
        Tensor::from_f32(&all, &[b, n, FEATURES])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_that_rests_says_nothing() {
        let rest = View::default();
        let place = [0.3, -0.1];
        assert_eq!(rest.places(place), [place; 3]);
        let features = rest.features(place, 0.15);
        assert!(features.iter().all(|x| *x == 0.0), "{features:?}");
    }

    #[test]
    fn places_lead_back_to_the_first_frame() {
        let view = View::from([0.5, 0.2, -0.1, 0.05, 0.02]);
        let first = [0.3, -0.1];
        let grown = first.map(|x| x * 0.5_f64.exp());
        let [_, near, _] = view.places([grown[0] + 0.2, grown[1] - 0.1]);
        let [_, _, far] = view.places([first[0] + 0.05, first[1] + 0.02]);
        for found in [near, far] {
            let error = (found[0] - first[0]).abs().max((found[1] - first[1]).abs());
            assert!(error < 1e-6, "{found:?} for {first:?}");
        }
    }

    #[test]
    fn phases_of_whole_tokens_are_those_of_rest() {
        let unit = 0.15;
        let pan = View::from([0.0, 2.0 * 0.15, 0.0, 2.0 * 0.15, 0.0]);
        let features = pan.features([0.0, 0.0], unit);
        let [shift, phases @ ..] = features.as_chunks::<5>().0[0];
        assert!(
            (shift + 0.5).abs() < 1e-6,
            "two tokens to the left: {shift}"
        );
        assert!(phases.iter().all(|phase| phase.abs() < 1e-5), "{phases:?}");
    }
}
