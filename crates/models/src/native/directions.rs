//! From what a prompt says of the camera to the usual path of such a move.

use super::camera::{CameraPath, View};

/// What a prompt says of the camera, by the names of the text encoder's slots and values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Directions<'a> {
    /// `camera move`.
    pub motion: Option<&'a str>,
    /// `camera pace`.
    pub pace: Option<&'a str>,
    /// `direction`, which a camera that tracks shares with its subject.
    pub subject: Option<&'a str>,
    /// Whether there is nobody that the camera keeps in the picture.
    pub is_landscape: bool,
}

impl Directions<'_> {
    /// The path through a clip of `t` latent frames, `seconds` apart, whose frames are `aspect` times as wide
    /// as high, as the training film's are in the mean.
    pub fn path(&self, t: usize, seconds: f64, aspect: f64) -> CameraPath {
        let Some(motion) = self.motion else {
            return CameraPath::new();
        };
        let clip = Clip {
            pace: match self.pace {
                Some("slow") => 0.08,
                Some("fast") => 0.29,
                _ => 0.155,
            },
            seconds: seconds * (t - 1) as f64,
            width: aspect.sqrt(),
            height: aspect.sqrt().recip(),
            left: self.subject == Some("to the left"),
            is_landscape: self.is_landscape,
        };
        // The middle of the frames that a latent frame stands for; the first stands for one.
        let middle = |i: usize| (i as f64 - 0.44).max(0.0) * seconds;
        let view = |i: usize| clip.view(motion, middle(i)).map(|x| x as f32);
        (0..t).map(|i| View::from(view(i))).collect()
    }
}

/// How much a move has to do, and in what time.
struct Clip {
    /// Share of the frame that passes in a second.
    pace: f64,
    seconds: f64,
    /// Of a frame.
    width: f64,
    height: f64,
    /// Whether the subject goes there, and not to the right.
    left: bool,
    is_landscape: bool,
}

impl Clip {
    /// The numbers of a [`View`] at `second`.
    fn view(&self, motion: &str, second: f64) -> [f64; 5] {
        let zoom = 1.4 * self.passed(0.52, second);
        let pan = self.width * self.passed(0.35, second);
        let tilt = self.height * self.passed(0.27, second);
        let rise = if self.is_landscape { 0.9 } else { 0.2 };
        // What is near passes as fast as its subject goes.
        let follow = if self.left { 0.5 } else { -0.5 } * second;
        match motion {
            "push in" => self.dolly(zoom),
            "pull back" => self.dolly(-zoom),
            "pan left" => [0.0, pan, 0.0, pan, 0.0],
            "pan right" => [0.0, -pan, 0.0, -pan, 0.0],
            "tilt up" => [0.0, 0.0, tilt, 0.0, tilt],
            "tilt down" => [0.0, 0.0, -tilt, 0.0, -tilt],
            "crane up" => self.crane(self.passed(rise, second)),
            "crane down" => self.crane(-self.passed(0.12, second)),
            "tracking" => [0.0, follow, 0.0, 0.0, 0.0],
            "handheld" => {
                let sway = |rate: f64, phase: f64| (second * rate + phase).sin() - phase.sin();
                let x = 0.007 * (sway(3.1, 0.4) + 0.35 * sway(10.3, 1.0));
                let y = 0.006 * (sway(3.5, 2.0) + 0.35 * sway(11.7, 0.0));
                [0.0, x, y, x, y]
            }
            _ => [0.0; 5],
        }
    }

    /// What is near grows by e to the power of `zoom`, around a subject in the middle, or around the ground of a
    /// landscape, which comes nearer to the middle meanwhile.
    fn dolly(&self, zoom: f64) -> [f64; 5] {
        if !self.is_landscape {
            return [zoom, 0.0, 0.0, 0.0, 0.0];
        }
        let [below_middle, below_horizon, most] =
            [0.22, 0.16, 0.18].map(|share| share * self.height);
        let grown = zoom.exp();
        let nearer = most * (1.0 - grown.recip()).max(0.0);
        let shift = |below: f64| below * (1.0 - grown) - nearer;
        [zoom, 0.0, shift(below_middle), 0.0, shift(below_horizon)]
    }

    /// Rises until what is near has gone down by `share` of the frame; where there is a subject, it tilts, so
    /// that the subject goes down by less than half of it.
    fn crane(&self, share: f64) -> [f64; 5] {
        let tilt = if self.is_landscape { 0.0 } else { -0.62 };
        let [near, far] = [1.0 + tilt, tilt].map(|factor| factor * share * self.height);
        [0.0, 0.0, near, 0.0, far]
    }

    /// The share of the frame that has passed at `second`: a move eases in and out, and ends with the clip or
    /// before more than `most` has passed, which would lose what the picture is of.
    fn passed(&self, most: f64, second: f64) -> f64 {
        let share = most.min(self.pace * self.seconds);
        let done = (second * self.pace / share.max(f64::MIN_POSITIVE)).clamp(0.0, 1.0);
        share * done * done * (3.0 - 2.0 * done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moves_begin_at_rest_and_end_before_the_picture_is_lost() {
        let path = |motion, pace, t| {
            let motion = Some(motion);
            let directions = Directions {
                motion,
                pace,
                subject: None,
                is_landscape: false,
            };
            directions.path(t, 1.0 / 3.0, 1.8)
        };
        for motion in ["push in", "pan right", "tilt up", "crane down", "tracking"] {
            let views = path(motion, None, 13);
            assert_eq!(views[0], View::default(), "{motion}");
            assert_ne!(views[12], View::default(), "{motion}");
        }
        let shift = |pace, t: usize| path("pan left", pace, t)[t - 1].near[0];
        assert!(shift(Some("slow"), 4) < shift(None, 4) && shift(None, 4) < shift(Some("fast"), 4));
        let long = shift(None, 61);
        assert!((long - 0.35 * 1.8_f32.sqrt()).abs() < 1e-5, "{long}");
        assert_eq!(path("static", None, 13), vec![View::default(); 13]);
        assert!(Directions::default().path(13, 1.0 / 3.0, 1.8).is_empty());
    }
}
