//! How a clip is staged: where its camera takes the picture, and where its subjects are. Tokens stand
//! accordingly.

use kinora_tensor::Tensor;

use super::camera::{self, CameraPath};
use super::marks::{self, Mark, Seen, Token};

/// What is known of a clip before it is made.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Staging {
    /// How the camera moves.
    pub camera: CameraPath,
    /// All subjects, or `None` where nobody knows them.
    pub marks: Option<Vec<Mark>>,
}

/// A token of a staged clip.
pub(super) struct Spot<'a> {
    pub(super) token: Token,
    /// Where the token is in its frame, and where what it shows was on the first frame if it is as near as
    /// the subject, or far away.
    pub(super) places: [[f64; 2]; 3],
    /// Whether its clip's subjects are known.
    known: bool,
    /// The subject that covers most of it.
    seen: Option<Seen<'a>>,
}

/// Where the tokens of some clips are.
pub(super) struct Places<'a> {
    /// Latent frames, and rows and columns of tokens.
    pub(super) dims: [usize; 3],
    /// One for all clips if nothing is known of any.
    pub(super) stagings: &'a [Staging],
}

impl<'a> Places<'a> {
    pub(super) fn new(dims: [usize; 3], stagings: &'a [Staging]) -> Self {
        const UNKNOWN: &[Staging] = &[Staging {
            camera: Vec::new(),
            marks: None,
        }];
        let unknown = stagings.iter().all(|staging| *staging == UNKNOWN[0]);
        let stagings = if unknown { UNKNOWN } else { stagings };
        Self { dims, stagings }
    }

    /// Visits each token of each clip.
    pub(super) fn each(&self, mut visit: impl FnMut(&Spot)) {
        let [t, rows, columns] = self.dims;
        let side = self.side();
        let centred = |i: usize, count: usize| (i as f64 - (count as f64 - 1.0) / 2.0) * side;
        for staging in self.stagings {
            for frame in 0..t {
                let view = staging.camera.get(frame).copied().unwrap_or_default();
                for y in 0..rows {
                    for x in 0..columns {
                        let place = [centred(x, columns), centred(y, rows)];
                        let token = Token { frame, place, side };
                        let marks = staging.marks.as_deref();
                        let seen = marks.and_then(|marks| marks::seen(marks, &token));
                        let mut places = view.places(place);
                        let first = seen.as_ref().and_then(|seen| seen.first_place(&token));
                        if let Some(first) = first {
                            places[1] = first;
                        }
                        visit(&Spot {
                            token,
                            places,
                            known: marks.is_some(),
                            seen,
                        });
                    }
                }
            }
        }
    }

    /// The side of a token.
    fn side(&self) -> f64 {
        let [_, rows, columns] = self.dims;
        1.0 / ((rows * columns) as f64).sqrt()
    }

    /// How far what the tokens of `b` clips show has moved, F32 `[b, n, camera::FEATURES]`.
    pub(super) fn moved(&self, b: usize) -> Tensor {
        let side = self.side();
        self.features(b, |spot| camera::features(&spot.places, side))
    }

    /// What the tokens of `b` clips are told of subjects, F32 `[b, n, marks::FEATURES]`; zeros where nothing is
    /// known.
    pub(super) fn marked(&self, b: usize) -> Tensor {
        self.features(b, |spot| {
            if spot.known {
                marks::features(spot.seen.as_ref(), &spot.token)
            } else {
                [0.0; marks::FEATURES]
            }
        })
    }

    fn features<const N: usize>(&self, b: usize, of: impl Fn(&Spot) -> [f32; N]) -> Tensor {
        let n: usize = self.dims.iter().product();
        let mut all = Vec::new();
        self.each(|spot| all.extend(of(spot)));
        let all = all.repeat(b / self.stagings.len());
        Tensor::from_f32(&all, &[b, n, N])
    }
}
