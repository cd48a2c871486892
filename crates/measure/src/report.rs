//! All detectors on one clip.

use crate::{
    Clip,
    camera::CameraPath,
    camera_net::CameraNet,
    flicker::flicker,
    flow::Flow,
    heading::{heading, own_motion},
    labels::{CAMERA_MOVES, COLORS, DIRECTIONS, KINDS, SETTINGS, TIMES, WEATHERS},
    net::{Weights, WeightsError, argmax},
    scene::SceneNet,
    subject::{Seen, subjects},
};
use serde::{Deserialize, Serialize};

/// Trained weights of the appearance and camera networks.
const WEIGHTS: &[u8] = include_bytes!("../weights/detectors.safetensors");

/// Presence from which a kind of subject is reported.
const REPORTED: f32 = 0.35;

/// A word and how sure the detector is of it, 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Named {
    /// One of [`crate::labels`].
    pub label: String,
    /// Probability.
    pub confidence: f32,
}

impl Named {
    fn best(labels: &[&str], p: &[f32]) -> Self {
        let best = argmax(p);
        Self {
            label: labels[best].to_string(),
            confidence: p[best],
        }
    }
}

/// One kind of subject in a clip.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SubjectReport {
    /// What it is.
    pub kind: Named,
    /// Its colours, most of it first, at most two.
    pub colors: Vec<Named>,
    /// How many of them.
    pub count: u8,
    /// Share of the picture, 0 to 1.
    pub area: f32,
    /// Where it moves over the ground; where it faces when it stands.
    pub direction: Named,
    /// Speed over the ground across the picture in own sizes (square root of its area) a second.
    pub speed: f32,
}

/// What a clip shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The place.
    pub setting: Named,
    /// The hour.
    pub time: Named,
    /// The air.
    pub weather: Named,
    /// Subjects, the strongest first.
    pub subjects: Vec<SubjectReport>,
    /// The camera's move.
    pub camera: Named,
    /// The camera's path in numbers.
    pub path: CameraPath,
    /// Flicker of what stands still, grey levels; `None` when nothing does.
    pub flicker: Option<f32>,
}

/// Why a clip cannot be measured.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum MeasureError {
    /// The clip has no pixels or too few frames to see motion in.
    #[error("a clip of {frames} frames of {width}x{height} cannot be measured (at least 3 frames)")]
    Empty {
        /// Whole frames.
        frames: usize,
        /// Pixels across.
        width: u32,
        /// Pixels down.
        height: u32,
    },
}

/// All detectors, loaded.
#[derive(Debug, Clone)]
pub struct Detectors {
    scene: SceneNet,
    camera: CameraNet,
}

impl Detectors {
    /// The detectors that are built into this crate.
    pub fn embedded() -> Self {
        Self::read(WEIGHTS).expect("the embedded weights fit the networks, as a test shows")
    }

    /// Detectors with other weights, a safetensors file of `oracle/train_detectors.py`.
    ///
    /// # Errors
    /// A tensor is missing, unread or misshapen.
    pub fn read(bytes: &[u8]) -> Result<Self, WeightsError> {
        let mut weights = Weights::read(bytes)?;
        let scene = SceneNet::load(&mut weights)?;
        let camera = CameraNet::load(&mut weights)?;
        weights.finish()?;
        Ok(Self { scene, camera })
    }

    /// Measures a clip.
    ///
    /// # Errors
    /// The clip has fewer than three frames.
    pub fn measure(&self, clip: &Clip) -> Result<Report, MeasureError> {
        let frames = clip.len();
        if frames < 3 {
            return Err(MeasureError::Empty {
                frames,
                width: clip.width,
                height: clip.height,
            });
        }
        let flow = Flow::of(clip);
        let look = self.scene.look(clip);
        let path = CameraPath::of(&flow);
        let camera = Named::best(CAMERA_MOVES, &self.camera.name(&flow, &path));
        let swept = if camera.label == "tracking" {
            path.shear_x
        } else {
            0.0
        };
        let subjects = subjects(&look.frames, &flow, frames)
            .into_iter()
            .filter(|seen| seen.presence >= REPORTED)
            .map(|seen| subject_report(&seen, &flow, swept))
            .collect();
        Ok(Report {
            setting: Named::best(SETTINGS, &look.setting),
            time: Named::best(TIMES, &look.time),
            weather: Named::best(WEATHERS, &look.weather),
            subjects,
            camera,
            path,
            flicker: flicker(clip, &flow),
        })
    }
}

fn subject_report(seen: &Seen, flow: &Flow, swept: f32) -> SubjectReport {
    let mut order: Vec<usize> = (0..COLORS.len()).collect();
    order.sort_by(|&a, &b| seen.colors[b].total_cmp(&seen.colors[a]));
    let colors = order[..2]
        .iter()
        .map(|&c| Named {
            label: COLORS[c].to_string(),
            confidence: seen.colors[c],
        })
        .collect();
    let motion = own_motion(&seen.track, flow);
    SubjectReport {
        kind: Named {
            label: KINDS[seen.kind].to_string(),
            confidence: seen.presence,
        },
        colors,
        count: seen.count as u8,
        area: seen.area,
        direction: Named::best(DIRECTIONS, &heading(&seen.facing, motion, swept)),
        speed: motion.map_or(0.0, |m| m.across.hypot(m.down)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::{Layer, layers};

    #[test]
    fn embedded_weights_load_and_measure_a_clip() {
        let still = |_: f32| [0.0, 0.0, 1.0];
        let clip = layers(
            (288, 160),
            25,
            &[Layer {
                top: 0.0,
                view: &still,
                seed: 5,
            }],
        );
        let detectors = Detectors::embedded();
        let report = detectors.measure(&clip).expect("a whole clip");
        assert!(report.flicker.is_some_and(|f| f < 0.01));
        assert_eq!(report, detectors.measure(&clip).expect("the same clip"));
        let json = serde_json::to_string(&report).expect("plain data");
        assert_eq!(
            serde_json::from_str::<Report>(&json)
                .expect("plain data")
                .setting,
            report.setting
        );
    }

    #[test]
    fn too_short_a_clip_is_refused() {
        let clip = Clip {
            width: 8,
            height: 8,
            fps: 24,
            frames: vec![0; 8 * 8 * 3 * 2],
        };
        let error = Detectors::embedded()
            .measure(&clip)
            .expect_err("two frames")
            .to_string();
        assert_eq!(
            error,
            "a clip of 2 frames of 8x8 cannot be measured (at least 3 frames)"
        );
    }
}
