//! Where a subject goes: its track and its own pixels against the background, and its looks.

use crate::{
    camera::{RowMotion, row_motion},
    flow::{Flow, GRID, STEP},
    net::softmax,
};

/// Where a subject is on one frame; lengths in units of sqrt(frame area), from the frame's centre.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// Frame number.
    pub frame: usize,
    /// Centre, to the right.
    pub x: f32,
    /// Centre, down.
    pub y: f32,
    /// Lowest point, down.
    pub foot: f32,
    /// Square root of the covered area.
    pub size: f32,
    /// Whether it reaches beyond the left or right edge of the frame.
    pub cut: bool,
    /// Grid points of the flow that lie on it or next to it, `[GRID, GRID]`.
    pub covered: Vec<bool>,
    /// Grid points that lie on it.
    pub inside: Vec<usize>,
}

/// Motion over the ground, the camera's own taken out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OwnMotion {
    /// To the right, own sizes a second.
    pub across: f32,
    /// Down, own sizes a second.
    pub down: f32,
    /// Growth a second beyond the picture's: positive when coming nearer.
    pub growth: f32,
}

/// Motion of a track over the ground: the screen's motion less the background's at its foot. A
/// subject that the frame cuts is followed by its own pixels instead of by its middle.
/// `None` for fewer than two places.
pub fn own_motion(track: &[Place], flow: &Flow) -> Option<OwnMotion> {
    let (first, last) = (track.first()?, track.last()?);
    if last.frame == first.frame || flow.pairs.is_empty() {
        return None;
    }
    let seconds = |frame: usize| frame as f32 / STEP as f32 * flow.pair_seconds;
    // Places with the background's way since the first one taken out.
    let (mut shift_x, mut shift_y, mut growth) = (0.0, 0.0, 0.0);
    let mut free = vec![[seconds(first.frame), first.x, first.y, first.size.ln()]];
    for pair in track.windows(2) {
        for k in pair[0].frame / STEP..(pair[1].frame / STEP).min(flow.pairs.len()) {
            let ground = ground(&pair[0], k, flow);
            shift_x += (ground.u + ground.growth * pair[0].x) * flow.pair_seconds;
            shift_y += ground.v * flow.pair_seconds;
            growth += ground.growth * flow.pair_seconds;
        }
        let p = &pair[1];
        free.push([
            seconds(p.frame),
            p.x - shift_x,
            p.y - shift_y,
            p.size.ln() - growth,
        ]);
    }
    let size = free.iter().map(|f| f[3].exp()).sum::<f32>() / free.len() as f32;
    let own: Vec<f32> = track.iter().filter_map(|p| own_shift(p, flow)).collect();
    let cut = track.iter().filter(|p| p.cut).count() * 2 >= track.len();
    let growth = slope(&free, 3);
    let across = if cut && !own.is_empty() {
        own.iter().sum::<f32>() / own.len() as f32
    } else {
        // What comes or goes off the axis also slides from or to the middle of the picture.
        let off_axis = track.iter().map(|p| p.x).sum::<f32>() / track.len() as f32;
        slope(&free, 1) - growth * off_axis
    };
    Some(OwnMotion {
        across: across / size,
        down: slope(&free, 2) / size,
        growth,
    })
}

/// Motion of the ground for pair `k`: in the row of the subject's foot, beside it, or else in the
/// next rows down and up that it leaves free. Zero when it hides the whole frame.
fn ground(place: &Place, k: usize, flow: &Flow) -> RowMotion {
    let foot = (place.foot / flow.extent.1 + 0.5) * GRID as f32;
    let foot = (foot as usize).min(GRID - 1);
    let rows = (foot..GRID).chain((0..foot).rev());
    let mut free = rows.filter_map(|row| row_motion(flow, &flow.pairs[k], row, &place.covered));
    free.next().unwrap_or_default()
}

/// Shift of a subject's own pixels over the ground a second. Windows at its edges see half of the
/// background, so the faster half of its points speaks.
fn own_shift(place: &Place, flow: &Flow) -> Option<f32> {
    let k = (place.frame / STEP).min(flow.pairs.len().checked_sub(1)?);
    let ground = ground(place, k, flow).u;
    let on = place
        .inside
        .iter()
        .map(|&p| flow.pairs[k][p])
        .filter(|m| m.trust_u > 0.2);
    let mut shifts: Vec<f32> = on.map(|m| m.u - ground).collect();
    shifts.sort_by(|a, b| b.abs().total_cmp(&a.abs()));
    shifts.truncate(shifts.len().div_ceil(2));
    (!shifts.is_empty()).then(|| shifts.iter().sum::<f32>() / shifts.len() as f32)
}

/// Slope of value `i` over time, value 0.
fn slope(points: &[[f32; 4]], i: usize) -> f32 {
    let n = points.len() as f32;
    let mean = |i: usize| points.iter().map(|p| p[i]).sum::<f32>() / n;
    let (t, z) = (mean(0), mean(i));
    let covariance: f32 = points.iter().map(|p| (p[0] - t) * (p[i] - z)).sum();
    covariance
        / points
            .iter()
            .map(|p| (p[0] - t).powi(2))
            .sum::<f32>()
            .max(1e-6)
}

/// Probabilities over [`crate::labels::DIRECTIONS`] of where a subject goes: what it looks to head
/// for, weighed with what its motion shows. Motion tells sides surely, and nearness only by a slow
/// growth. `swept` is the shear of the picture under a camera that follows (0 under others): the
/// ground then goes where the subject does not.
pub fn heading(facing: &[f32], motion: Option<OwnMotion>, swept: f32) -> Vec<f32> {
    let (across, growth) = motion.map_or((0.0, 0.0), |m| (m.across, m.growth));
    let side = (across / 0.25 - swept / 0.1).clamp(-2.0, 2.0);
    let near = (growth / 0.1).clamp(-1.0, 1.0);
    let evidence = [
        -side,
        side,
        near - side.abs() * 0.5,
        -near - side.abs() * 0.5,
    ];
    let logits: Vec<f32> = facing
        .iter()
        .zip(evidence)
        .map(|(p, e)| p.max(0.01).ln() + e)
        .collect();
    softmax(&logits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{labels::DIRECTIONS, net::argmax};

    #[test]
    fn motion_outweighs_uncertain_looks() {
        let named = |facing: [f32; 4], across, growth, swept| {
            let motion = OwnMotion {
                across,
                down: 0.0,
                growth,
            };
            DIRECTIONS[argmax(&heading(&facing, Some(motion), swept))]
        };
        assert_eq!(named([0.25; 4], -0.5, 0.0, 0.0), "to the left");
        assert_eq!(named([0.25; 4], 0.02, 0.1, 0.0), "toward the camera");
        assert_eq!(
            named([0.05, 0.05, 0.05, 0.85], 0.1, 0.02, 0.0),
            "away from the camera"
        );
        assert_eq!(named([0.4, 0.6, 0.0, 0.0], -0.6, 0.0, 0.0), "to the left");
        assert_eq!(named([0.25; 4], 0.0, 0.0, 0.3), "to the left");
    }
}
