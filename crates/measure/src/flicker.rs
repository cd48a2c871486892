//! Flicker: how much what stands still changes from frame to frame.

use crate::{
    Clip,
    flow::{Flow, GRID},
    image::Plane,
};

/// Speed in sqrt(frame area) a second below which a part of the picture counts as still.
const STILL: f32 = 0.02;

/// Frames from one looked-at triple to the next.
const STRIDE: usize = 4;

/// Mean absolute second difference in time, in grey levels (0 to 255), of the median still part of
/// the picture; `None` when nothing stands still or there are fewer than three frames.
///
/// The second difference leaves out light that changes evenly and motion slower than a pixel.
pub fn flicker(clip: &Clip, flow: &Flow) -> Option<f32> {
    let still: Vec<usize> = flow
        .mean(0..flow.pairs.len())
        .iter()
        .enumerate()
        .filter(|(_, m)| (m.u * m.trust_u).hypot(m.v * m.trust_v) < STILL)
        .map(|(p, _)| p)
        .collect();
    let middles: Vec<usize> = (1..clip.len().saturating_sub(1)).step_by(STRIDE).collect();
    if still.is_empty() || middles.is_empty() {
        return None;
    }
    let mut unrest = vec![0.0f32; still.len()];
    for &i in &middles {
        let [before, now, after] = [i - 1, i, i + 1].map(|k| clip.motion_plane(k));
        for (sum, &p) in unrest.iter_mut().zip(&still) {
            *sum += second_difference(&before, &now, &after, p) / middles.len() as f32;
        }
    }
    unrest.sort_by(f32::total_cmp);
    Some(unrest[unrest.len() / 2])
}

/// Mean over grid cell `p`.
fn second_difference(before: &Plane, now: &Plane, after: &Plane, p: usize) -> f32 {
    let (w, h) = (now.width, now.height);
    let (column, row) = (p % GRID, p / GRID);
    let (mut sum, mut n) = (0.0, 0.0);
    for y in row * h / GRID..(row + 1) * h / GRID {
        for i in y * w + column * w / GRID..y * w + (column + 1) * w / GRID {
            sum += (before.data[i] - 2.0 * now.data[i] + after.data[i]).abs();
            n += 1.0;
        }
    }
    sum / n
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::{Layer, layers};

    fn scene(brightness: impl Fn(usize) -> i16) -> Clip {
        let still = |_: f32| [0.0, 0.0, 1.0];
        let mut clip = layers(
            (96, 64),
            17,
            &[Layer {
                top: 0.0,
                view: &still,
                seed: 3,
            }],
        );
        let bytes = 96 * 64 * 3;
        for (i, byte) in clip.frames.iter_mut().enumerate() {
            *byte = (i16::from(*byte) + brightness(i / bytes)).clamp(0, 255) as u8;
        }
        clip
    }

    #[test]
    fn flicker_is_measured_in_grey_levels() {
        let measure = |clip: &Clip| flicker(clip, &Flow::of(clip)).expect("a still scene");
        assert!(measure(&scene(|_| 0)) < 0.01);
        // A slow fade is not flicker; a frame brighter by three every other frame is one of 6.
        assert!(measure(&scene(|i| i as i16)) < 0.01);
        let got = measure(&scene(|i| 3 * (i as i16 % 2)));
        assert!((got - 6.0).abs() < 0.3, "{got}");
    }

    #[test]
    fn a_moving_picture_has_no_still_part() {
        let pan = |t: f32| [0.3 * t, 0.0, 1.0];
        let clip = layers(
            (96, 64),
            17,
            &[Layer {
                top: 0.0,
                view: &pan,
                seed: 3,
            }],
        );
        assert_eq!(flicker(&clip, &Flow::of(&clip)), None);
    }
}
