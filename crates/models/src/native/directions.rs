//! From what a prompt says of the camera to the usual path of such a move.

use super::blocking::{Course, Length};
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
}

impl Directions<'_> {
    /// The path through a clip, as the training film's are in the mean. A camera that pushes in, pulls back or
    /// tracks does so with its `lead`, the first subject, where that is known.
    pub fn path(&self, length: &Length, lead: Option<&Course>) -> CameraPath {
        let Some(motion) = self.motion else {
            return CameraPath::new();
        };
        let [width, height] = length.sides();
        let clip = Clip {
            pace: match self.pace {
                Some("slow") => 0.08,
                Some("fast") => 0.29,
                _ => 0.155,
            },
            seconds: length.seconds(),
            width,
            height,
            left: self.subject == Some("to the left"),
            lead,
        };
        let view = |i: usize| clip.view(motion, length.middle(i)).map(|x| x as f32);
        (0..length.frames).map(|i| View::from(view(i))).collect()
    }
}

/// How much a move has to do, and in what time.
struct Clip<'a> {
    /// Share of the frame that passes in a second.
    pace: f64,
    seconds: f64,
    /// Of a frame.
    width: f64,
    height: f64,
    /// Whether the subject goes there, and not to the right.
    left: bool,
    lead: Option<&'a Course>,
}

impl Clip<'_> {
    /// The numbers of a [`View`] at `second`.
    fn view(&self, motion: &str, second: f64) -> [f64; 5] {
        let zoom = 1.4 * self.passed(0.52, second);
        let pan = self.width * self.passed(0.35, second);
        let tilt = self.height * self.passed(0.27, second);
        let crane = |most: f64| self.height * self.passed(most, second);
        // What is near passes as fast as its subject goes.
        let follow = match self.lead {
            Some(lead) => lead.place(0.0)[0] - lead.place(second)[0],
            None if self.left => 0.5 * second,
            None => -0.5 * second,
        };
        match motion {
            "push in" => self.dolly(zoom),
            "pull back" => self.dolly(-zoom),
            "pan left" => [0.0, pan, 0.0, pan, 0.0],
            "pan right" => [0.0, -pan, 0.0, -pan, 0.0],
            "tilt up" => [0.0, 0.0, tilt, 0.0, tilt],
            "tilt down" => [0.0, 0.0, -tilt, 0.0, -tilt],
            "crane up" => [0.0, 0.0, 0.38 * crane(0.2), 0.0, -0.62 * crane(0.2)],
            "crane down" => [0.0, 0.0, -0.38 * crane(0.12), 0.0, 0.62 * crane(0.12)],
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

    /// Growing around the lead, which comes nearer to the middle so that it does not outgrow the frame.
    fn dolly(&self, zoom: f64) -> [f64; 5] {
        let place = self.lead.map_or([0.0; 2], |lead| lead.place(0.0));
        let grown = zoom.exp();
        let toward = (1.0 - grown.recip()).max(0.0) * 0.9;
        let [x, y] = place.map(|x| x * (1.0 - toward - grown));
        [zoom, x, y, x, y]
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
    use super::super::blocking::Member;
    use super::*;

    fn length(frames: usize) -> Length {
        Length {
            frames,
            step: 1.0 / 3.0,
            shape: 1.8,
        }
    }

    #[test]
    fn a_dolly_keeps_its_lead_in_the_picture_and_a_tracking_camera_beside_it() {
        let length = length(13);
        let lead = Member {
            second: false,
            place: [0.4, 0.1],
            size: [0.1, 0.4],
            speed: [0.3, 0.0],
            growth: 0.0,
        };
        let whole = [0.0, f64::INFINITY];
        let boxes = |motion: &'static str, lead: &Course| {
            let motion = Some(motion);
            let directions = Directions {
                motion,
                pace: Some("fast"),
                subject: None,
            };
            let path = directions.path(&length, Some(lead));
            lead.mark(&length, 1, 0, &path).boxes
        };
        let stands = Member {
            speed: [0.0; 2],
            ..lead
        };
        let stands = Course::new(stands, &length, whole, false);
        let middle = |b: &[f32; 4]| f32::midpoint(b[0], b[2]);
        let pulled = boxes("pull back", &stands);
        assert!(pulled.iter().all(|b| (middle(b) - 0.4).abs() < 1e-5));
        assert!(pulled[12][3] - pulled[12][1] < 0.25);
        let pushed = boxes("push in", &stands);
        assert!((0.1..0.3).contains(&middle(&pushed[12])), "{pushed:?}");
        assert!(pushed[12][3] - pushed[12][1] > 0.6);
        let runs = Course::new(lead, &length, whole, true);
        let tracked = boxes("tracking", &runs);
        assert!(tracked.iter().all(|b| (middle(b) - 0.4).abs() < 1e-5));
    }

    #[test]
    fn moves_begin_at_rest_and_end_before_the_picture_is_lost() {
        let path = |motion, pace, t| {
            let motion = Some(motion);
            let directions = Directions {
                motion,
                pace,
                subject: None,
            };
            directions.path(&length(t), None)
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
        assert!(Directions::default().path(&length(13), None).is_empty());
    }
}
