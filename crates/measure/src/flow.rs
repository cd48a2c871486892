//! Motion of the picture: pyramidal Lucas-Kanade on a grid of points.
//!
//! Reference: Bouguet, "Pyramidal implementation of the Lucas Kanade feature tracker" (2001), with
//! the mean of each window taken out, so that a change of light is not a motion.

use crate::{
    Clip,
    image::{Plane, median},
};

/// Points across and down, whatever the picture's shape.
pub const GRID: usize = 12;

/// Frames between the two pictures of a pair.
pub const STEP: usize = 2;

/// Equal parts of a clip that are also measured from end to end.
pub const PARTS: usize = 6;

/// Way in sqrt(frame area) by which a long measurement may leave the sum of the short ones; beyond,
/// it has lost its place.
const AGREES: f32 = 0.03;

const LEVELS: usize = 3;
const RADIUS: isize = 6;
const ITERATIONS: usize = 3;
/// Gradient energy a pixel (squared grey levels) below which a window says nothing.
const FLAT_ENERGY: f32 = 1.0;

/// Motion at one grid point: velocity in units of sqrt(frame area) a second, and how far each
/// component can be trusted, 0 to 1 (an edge tells only the motion across it).
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Motion {
    /// To the right.
    pub u: f32,
    /// Down.
    pub v: f32,
    /// Trust in `u`.
    pub trust_u: f32,
    /// Trust in `v`.
    pub trust_v: f32,
}

/// Motion of a whole clip.
#[derive(Debug, Clone)]
pub struct Flow {
    /// One grid `[GRID, GRID]`, row-major, for every pair of frames.
    pub pairs: Vec<Vec<Motion>>,
    /// One grid for each of [`PARTS`] equal parts of the clip, measured between the part's ends;
    /// empty when there are no pairs.
    pub parts: Vec<Vec<Motion>>,
    /// Seconds from one pair to the next.
    pub pair_seconds: f32,
    /// Frame width and height in units of sqrt(frame area).
    pub extent: (f32, f32),
}

impl Flow {
    /// Follows the grid through a clip. A clip of one frame has no pairs.
    pub fn of(clip: &Clip) -> Self {
        let pair_seconds = STEP as f32 / clip.fps.max(1) as f32;
        let area = (clip.width * clip.height) as f32;
        let extent = (
            clip.width as f32 / area.sqrt(),
            clip.height as f32 / area.sqrt(),
        );
        let pictures: Vec<Plane> = (0..clip.len())
            .step_by(STEP)
            .map(|i| clip.motion_plane(i))
            .collect();
        let last = pictures.len().saturating_sub(1);
        // Rain and snow are gone from a place a moment later: the median does not see them.
        let pyramids: Vec<Pyramid> = (0..pictures.len())
            .map(|i| {
                let (before, after) = (i.saturating_sub(1), (i + 1).min(last));
                Pyramid::new(median(&pictures[before], &pictures[i], &pictures[after]))
            })
            .collect();
        let still = vec![Motion::default(); GRID * GRID];
        let pairs: Vec<Vec<Motion>> = pyramids
            .windows(2)
            .map(|pair| grid_motion(&pair[0], &pair[1], pair_seconds, &still))
            .collect();
        let mut flow = Self {
            pairs,
            parts: Vec::new(),
            pair_seconds,
            extent,
        };
        flow.parts = flow.long_motion(&pyramids);
        flow
    }

    /// Motion between the ends of each of [`PARTS`] equal parts of the clip. Over a longer time a
    /// slow move stands out from noise; the mean of the pairs tells where to look.
    fn long_motion(&self, pyramids: &[Pyramid]) -> Vec<Vec<Motion>> {
        let n = self.pairs.len();
        let part = |s: usize| {
            let start = (s * n / PARTS).min(n - 1);
            start..((s + 1) * n / PARTS).max(start + 1)
        };
        let parts = (0..if n == 0 { 0 } else { PARTS }).map(part);
        parts
            .map(|range| {
                let seconds = range.len() as f32 * self.pair_seconds;
                let guess = self.mean(range.clone());
                let long = grid_motion(
                    &pyramids[range.start],
                    &pyramids[range.end],
                    seconds,
                    &guess,
                );
                long.into_iter()
                    .zip(guess)
                    .map(|(long, guess)| {
                        let agrees = (long.u - guess.u).hypot(long.v - guess.v) * seconds < AGREES;
                        if agrees { long } else { guess }
                    })
                    .collect()
            })
            .collect()
    }

    /// Mean motion over the pairs of `range`, each component weighted by its trust.
    pub fn mean(&self, range: std::ops::Range<usize>) -> Vec<Motion> {
        let pairs = &self.pairs[range];
        (0..GRID * GRID)
            .map(|p| {
                let mut sum = Motion::default();
                for m in pairs.iter().map(|pair| pair[p]) {
                    sum.u += m.u * m.trust_u;
                    sum.v += m.v * m.trust_v;
                    sum.trust_u += m.trust_u;
                    sum.trust_v += m.trust_v;
                }
                let n = pairs.len().max(1) as f32;
                Motion {
                    u: sum.u / sum.trust_u.max(1e-6),
                    v: sum.v / sum.trust_v.max(1e-6),
                    trust_u: sum.trust_u / n,
                    trust_v: sum.trust_v / n,
                }
            })
            .collect()
    }

    /// Where grid point `p` lies, in units of sqrt(frame area) from the frame's centre.
    pub fn position(&self, p: usize) -> (f32, f32) {
        let at = |i: usize| (i as f32 + 0.5) / GRID as f32 - 0.5;
        (at(p % GRID) * self.extent.0, at(p / GRID) * self.extent.1)
    }
}

struct Level {
    picture: Plane,
    gx: Plane,
    gy: Plane,
}

struct Pyramid {
    /// Finest first.
    levels: Vec<Level>,
}

impl Pyramid {
    fn new(finest: Plane) -> Self {
        let mut levels = Vec::with_capacity(LEVELS);
        let mut picture = finest;
        for _ in 0..LEVELS {
            let half = picture.halved();
            let (gx, gy) = picture.gradients();
            levels.push(Level { picture, gx, gy });
            picture = half;
        }
        Self { levels }
    }
}

/// Motion of every grid point from one picture to another, `seconds` later, begun at `guess`.
fn grid_motion(from: &Pyramid, to: &Pyramid, seconds: f32, guess: &[Motion]) -> Vec<Motion> {
    let (w, h) = (
        from.levels[0].picture.width as f32,
        from.levels[0].picture.height as f32,
    );
    let pixels = (w * h).sqrt() * seconds;
    (0..GRID * GRID)
        .map(|p| {
            let x = ((p % GRID) as f32 + 0.5) / GRID as f32 * w - 0.5;
            let y = ((p / GRID) as f32 + 0.5) / GRID as f32 * h - 0.5;
            let m = track(from, to, (x, y), (guess[p].u * pixels, guess[p].v * pixels));
            Motion {
                u: m.u / pixels,
                v: m.v / pixels,
                ..m
            }
        })
        .collect()
}

/// Motion in pixels of the finest level of the window around `(x, y)`, coarse to fine.
fn track(from: &Pyramid, to: &Pyramid, (x, y): (f32, f32), guess: (f32, f32)) -> Motion {
    let mut motion = Motion::default();
    let coarsest = 1.0 / (1 << (LEVELS - 1)) as f32;
    let (mut u, mut v) = (guess.0 * coarsest, guess.1 * coarsest);
    for (k, (from, to)) in from.levels.iter().zip(&to.levels).enumerate().rev() {
        let scale = 1.0 / (1 << k) as f32;
        let window = Window::new(from, x * scale, y * scale);
        for _ in 0..ITERATIONS {
            let (du, dv) = window.improve(&to.picture, u, v);
            u += du;
            v += dv;
            if du.abs().max(dv.abs()) < 0.01 {
                break;
            }
        }
        (motion.u, motion.v) = (u, v);
        (motion.trust_u, motion.trust_v) = window.trust();
        (u, v) = (u * 2.0, v * 2.0);
    }
    motion
}

/// One pixel of a window: position, gradient (mean taken out), value.
struct Tap {
    x: f32,
    y: f32,
    gx: f32,
    gy: f32,
    value: f32,
}

struct Window {
    taps: Vec<Tap>,
    /// Gradient energies a pixel: xx, xy, yy.
    tensor: [f32; 3],
}

impl Window {
    fn new(level: &Level, x: f32, y: f32) -> Self {
        let (cx, cy) = (x.round() as isize, y.round() as isize);
        let (w, h) = (level.picture.width as isize, level.picture.height as isize);
        let mut taps = Vec::with_capacity(((2 * RADIUS + 1) * (2 * RADIUS + 1)) as usize);
        for py in (cy - RADIUS).max(0)..=(cy + RADIUS).min(h - 1) {
            for px in (cx - RADIUS).max(0)..=(cx + RADIUS).min(w - 1) {
                let i = (py * w + px) as usize;
                let (gx, gy) = (level.gx.data[i], level.gy.data[i]);
                let value = level.picture.data[i];
                taps.push(Tap {
                    x: px as f32,
                    y: py as f32,
                    gx,
                    gy,
                    value,
                });
            }
        }
        let n = taps.len().max(1) as f32;
        let mean_x = taps.iter().map(|t| t.gx).sum::<f32>() / n;
        let mean_y = taps.iter().map(|t| t.gy).sum::<f32>() / n;
        let mut tensor = [0.0f32; 3];
        for tap in &mut taps {
            tap.gx -= mean_x;
            tap.gy -= mean_y;
            tensor[0] += tap.gx * tap.gx / n;
            tensor[1] += tap.gx * tap.gy / n;
            tensor[2] += tap.gy * tap.gy / n;
        }
        Self { taps, tensor }
    }

    /// One Gauss-Newton step from the motion `(u, v)`.
    fn improve(&self, to: &Plane, u: f32, v: f32) -> (f32, f32) {
        let n = self.taps.len().max(1) as f32;
        let (mut bx, mut by) = (0.0f32, 0.0f32);
        for tap in &self.taps {
            let miss = tap.value - to.sample(tap.x + u, tap.y + v);
            bx += tap.gx * miss;
            by += tap.gy * miss;
        }
        let [xx, xy, yy] = self.tensor;
        // Damping keeps a flat window still and an edge from sliding along itself.
        let (xx, yy) = (xx + 0.1 * FLAT_ENERGY, yy + 0.1 * FLAT_ENERGY);
        let determinant = xx * yy - xy * xy;
        let (bx, by) = (bx / n, by / n);
        let du = (yy * bx - xy * by) / determinant;
        let dv = (xx * by - xy * bx) / determinant;
        (du.clamp(-2.0, 2.0), dv.clamp(-2.0, 2.0))
    }

    /// Trust in either component: the gradient energy left when the other is unknown.
    fn trust(&self) -> (f32, f32) {
        let [xx, xy, yy] = self.tensor;
        let left_x = (xx - xy * xy / (yy + 1e-3)).max(0.0);
        let left_y = (yy - xy * xy / (xx + 1e-3)).max(0.0);
        (
            left_x / (left_x + FLAT_ENERGY),
            left_y / (left_y + FLAT_ENERGY),
        )
    }
}
