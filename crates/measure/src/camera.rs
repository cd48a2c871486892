//! The camera's path, read from the motion of the background.
//!
//! Every pair of frames gives an affine field `u = a0 + a1 x + a2 y`, `v = b0 + b2 y`, fitted
//! robustly so that what moves on its own does not count. With true depth behind it, the field
//! tells the moves apart: a pan or tilt shifts all depths alike (`a0`, `b0`), tracking and crane
//! shift the near ground at the foot of the frame more than the horizon (`a2`, `b2` without `a1`),
//! a push or pull spreads the picture (`a1` and `b2`).

use crate::flow::{Flow, GRID, Motion};
use serde::{Deserialize, Serialize};

/// Numbers of [`CameraPath::features`].
pub const PATH_FEATURES: usize = 7;

/// Affine motion field: rows `[constant, by x, by y]` for u and v; lengths in sqrt(frame area),
/// time in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Affine {
    /// `u` to the right.
    pub u: [f32; 3],
    /// `v` down.
    pub v: [f32; 3],
}

/// The camera's path over a clip; rates are means over the clip.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct CameraPath {
    /// Shift of the picture, sqrt(frame area) a second: positive when the camera pans left.
    pub shift_x: f32,
    /// Shift of the picture: positive when the camera tilts up.
    pub shift_y: f32,
    /// Growth of the picture a second: 0.1 is ten percent; positive when pushing in.
    pub zoom: f32,
    /// How much faster the foot of the picture shifts sideways than its head.
    pub shear_x: f32,
    /// Vertical stretch that is no zoom: positive when the camera rises on a crane.
    pub shear_y: f32,
    /// Root mean square of the shake: shift a second that is left when slow motion is taken out.
    pub shake: f32,
    /// Turns of the shake's direction a second.
    pub shake_rate: f32,
}

impl CameraPath {
    /// Reads the path from a clip's flow.
    pub fn of(flow: &Flow) -> Self {
        let fields: Vec<Affine> = flow.pairs.iter().map(|p| fit(flow, p)).collect();
        if fields.is_empty() {
            return Self::default();
        }
        let parts: Vec<Affine> = flow.parts.iter().map(|p| fit(flow, p)).collect();
        let n = parts.len() as f32;
        let mean = |f: fn(&Affine) -> f32| parts.iter().map(f).sum::<f32>() / n;
        let (shake, shake_rate) = shake(&fields, flow.pair_seconds);
        Self {
            shift_x: mean(|a| a.u[0]),
            shift_y: mean(|a| a.v[0]),
            zoom: mean(|a| a.u[1]),
            shear_x: mean(|a| a.u[2]),
            shear_y: mean(|a| a.v[2] - a.u[1]),
            shake,
            shake_rate,
        }
    }

    /// The path as numbers of order one, for a classifier.
    pub fn features(&self) -> [f32; PATH_FEATURES] {
        [
            self.shift_x * 10.0,
            self.shift_y * 10.0,
            self.zoom * 10.0,
            self.shear_x * 10.0,
            self.shear_y * 10.0,
            (self.shake * 1e3 + 1.0).ln() * 0.5,
            self.shake_rate * 0.2,
        ]
    }
}

/// Strength and pace of the fast part of the global shift.
fn shake(fields: &[Affine], pair_seconds: f32) -> (f32, f32) {
    let reach = (0.35 / pair_seconds).round() as usize;
    // What a line through the neighbourhood does not explain is fast.
    let fast = |f: fn(&Affine) -> f32| -> Vec<f32> {
        (0..fields.len())
            .map(|i| {
                let near = i.saturating_sub(reach)..(i + reach + 1).min(fields.len());
                let points = near.map(|k| (k as f32 - i as f32, (f(&fields[k]), 1.0)));
                f(&fields[i]) - line(points)[0]
            })
            .collect()
    };
    let (x, y) = (fast(|a| a.u[0]), fast(|a| a.v[0]));
    let energy = x.iter().chain(&y).map(|e| e * e).sum::<f32>() / fields.len() as f32;
    let turns = |s: &[f32]| s.windows(2).filter(|w| w[0] * w[1] < 0.0).count() as f32;
    let seconds = fields.len() as f32 * pair_seconds;
    (energy.sqrt(), (turns(&x) + turns(&y)) * 0.5 / seconds)
}

/// Affine field of one grid of motions, robust against what moves on its own: every row of points
/// gives its median motion and its median sideways growth, and a line is laid through the rows.
fn fit(flow: &Flow, grid: &[Motion]) -> Affine {
    let rows: Vec<Row> = (0..GRID).map(|r| Row::of(flow, grid, r)).collect();
    let [u0, u2] = line(rows.iter().map(|r| (r.y, r.u)));
    let [v0, v2] = line(rows.iter().map(|r| (r.y, r.v)));
    let growth = weighted_median(rows.iter().map(|r| r.growth));
    Affine {
        u: [u0, growth, u2],
        v: [v0, 0.0, v2],
    }
}

/// Motion of row `row` of a grid where it is not `covered`: medians, so that single moving things
/// do not count. `None` when nothing of the row is left.
pub(crate) fn row_motion(
    flow: &Flow,
    grid: &[Motion],
    row: usize,
    covered: &[bool],
) -> Option<RowMotion> {
    let free = |p: usize| {
        if covered[p] {
            Motion::default()
        } else {
            grid[p]
        }
    };
    let open: Vec<Motion> = (0..grid.len()).map(free).collect();
    let row = Row::of(flow, &open, row);
    (row.u.1 > 0.0).then_some(RowMotion {
        u: row.u.0,
        v: row.v.0,
        growth: row.growth.0,
    })
}

/// Background motion at one height of the frame, sqrt(frame area) and seconds.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RowMotion {
    pub u: f32,
    pub v: f32,
    /// Slope of `u` along x.
    pub growth: f32,
}

/// Motion of one row of grid points; each value with its weight.
struct Row {
    y: f32,
    u: (f32, f32),
    v: (f32, f32),
    /// Slope of `u` along x.
    growth: (f32, f32),
}

impl Row {
    fn of(flow: &Flow, grid: &[Motion], row: usize) -> Self {
        let points: Vec<(f32, Motion)> = (row * GRID..(row + 1) * GRID)
            .map(|p| (flow.position(p).0, grid[p]))
            .collect();
        let u = weighted_median(points.iter().map(|(_, m)| (m.u, m.trust_u)));
        let v = weighted_median(points.iter().map(|(_, m)| (m.v, m.trust_v)));
        let trust_u: f32 = points.iter().map(|(_, m)| m.trust_u).sum();
        let trust_v: f32 = points.iter().map(|(_, m)| m.trust_v).sum();
        // Theil-Sen over pairs at least a third of the frame apart.
        let apart = GRID / 3;
        let slopes = (0..GRID)
            .flat_map(|i| (i + apart..GRID).map(move |j| (i, j)))
            .map(|(i, j)| {
                let ((xa, a), (xb, b)) = (points[i], points[j]);
                (
                    (b.u - a.u) / (xb - xa),
                    a.trust_u.min(b.trust_u) * (xb - xa),
                )
            });
        let growth = weighted_median(slopes);
        Self {
            y: flow.position(row * GRID).1,
            u: (u, trust_u),
            v: (v, trust_v),
            growth: (growth, trust_u),
        }
    }
}

/// Weighted least squares line through `(y, (value, weight))`: value at zero and slope.
fn line(rows: impl Iterator<Item = (f32, (f32, f32))>) -> [f32; 2] {
    let [mut n, mut y1, mut y2, mut z, mut zy] = [1e-6f32, 0.0, 0.0, 0.0, 0.0];
    for (y, (value, weight)) in rows {
        n += weight;
        y1 += weight * y;
        y2 += weight * y * y;
        z += weight * value;
        zy += weight * value * y;
    }
    // A little ridge on the slope: without texture there is no evidence of a slope.
    let determinant = n * (y2 + 0.02) - y1 * y1;
    let slope = (n * zy - y1 * z) / determinant;
    [(z - slope * y1) / n, slope]
}

fn weighted_median(values: impl Iterator<Item = (f32, f32)>) -> f32 {
    let mut values: Vec<(f32, f32)> = values.filter(|v| v.1 > 0.0).collect();
    values.sort_by(|a, b| a.0.total_cmp(&b.0));
    let half = values.iter().map(|v| v.1).sum::<f32>() * 0.5;
    let mut sum = 0.0;
    for (value, weight) in values {
        sum += weight;
        if sum >= half {
            return value;
        }
    }
    0.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::{Layer, layers};

    /// A far layer fills the upper half of the frame and a near one the lower half.
    fn path(far: impl Fn(f32) -> [f32; 3], near: impl Fn(f32) -> [f32; 3]) -> CameraPath {
        let clip = layers(
            (192, 112),
            25,
            &[
                Layer {
                    top: 0.0,
                    view: &far,
                    seed: 1,
                },
                Layer {
                    top: 0.5,
                    view: &near,
                    seed: 2,
                },
            ],
        );
        CameraPath::of(&Flow::of(&clip))
    }

    #[test]
    fn still_camera_reads_zero() {
        let p = path(|_| [0.0, 0.0, 1.0], |_| [0.0, 0.0, 1.0]);
        let most = p
            .shift_x
            .abs()
            .max(p.shift_y.abs())
            .max(p.zoom.abs())
            .max(p.shake);
        assert!(most < 2e-3, "{p:?}");
    }

    #[test]
    fn pan_shifts_all_depths_alike() {
        let move_ = |t: f32| [-0.2 * t, 0.0, 1.0];
        let p = path(move_, move_);
        assert!((p.shift_x + 0.2).abs() < 0.02, "{p:?}");
        assert!(
            p.shear_x.abs() < 0.03 && p.zoom.abs() < 0.03 && p.shift_y.abs() < 0.01,
            "{p:?}"
        );
    }

    #[test]
    fn tracking_shears_and_crane_stretches() {
        let p = path(|t| [-0.03 * t, 0.0, 1.0], |t| [-0.3 * t, 0.0, 1.0]);
        assert!(p.shear_x < -0.2 && p.zoom.abs() < 0.05, "{p:?}");
        let p = path(|t| [0.0, 0.02 * t, 1.0], |t| [0.0, 0.2 * t, 1.0]);
        assert!(
            p.shear_y > 0.1 && p.shift_y > 0.03 && p.shift_x.abs() < 0.02,
            "{p:?}"
        );
    }

    #[test]
    fn push_in_grows_the_picture() {
        let grow = |t: f32| [0.0, 0.0, 1.0 + 0.2 * t];
        let p = path(grow, grow);
        assert!((p.zoom - 0.18).abs() < 0.04, "{p:?}");
        assert!(p.shear_y.abs() < 0.06, "{p:?}");
        let p = path(
            |t| [0.0, 0.0, 1.0 / (1.0 + 0.2 * t)],
            |t| [0.0, 0.0, 1.0 / (1.0 + 0.2 * t)],
        );
        assert!(p.zoom < -0.12, "{p:?}");
    }

    #[test]
    fn shake_is_fast_and_a_pan_is_not_shake() {
        let hand = |t: f32| [0.01 * (t * 13.0).sin(), 0.01 * (t * 17.0 + 1.0).sin(), 1.0];
        let shaky = path(hand, hand);
        let pan = path(|t| [-0.2 * t * t, 0.0, 1.0], |t| [-0.2 * t * t, 0.0, 1.0]);
        assert!(shaky.shake > 0.05, "{shaky:?}");
        assert!(pan.shake < 0.02, "{pan:?}");
    }
}
