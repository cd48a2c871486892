//! From what a prompt says of its subjects to where they are: as in a clip of the training film of which the
//! same could be said.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use super::camera::CameraPath;
use super::marks::Mark;

/// What must be alike if it can, and what counts how much if clips differ. Classes of the text encoder's slots.
const ALIKE: [(&str, u32); 10] = [
    ("subject kind", 10_000),
    ("second kind", 2_000),
    ("count", 500),
    ("direction", 60),
    ("shot", 40),
    ("action", 30),
    ("place", 20),
    ("camera move", 12),
    ("setting", 8),
    ("pace", 6),
];
/// What a prompt means that says nothing of it: nobody else, one, and a camera that rests.
const UNSAID: [(&str, u8); 3] = [("second kind", 0), ("count", 1), ("camera move", 1)];
/// Of the logarithm of the ratio of two shapes.
const SHAPE: f64 = 20.0;
/// A member is cut off by its speed at the frame's edge: what is left of it, in shares of the frame's width and
/// height, as the film set does it.
const LEAST_ROOM: [f64; 2] = [0.15, 0.14];
const RISES_TO: f64 = 0.12;
/// The most that a member who comes nearer grows in a clip, and that one shrinks who goes away, as logarithms.
const GROWTH: [f64; 2] = [-0.588, 0.386];

/// Who is where in clips of the training film, as `blocking.json` beside the weights holds it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blocking {
    /// Names of the slots that [`Scene::says`] lists.
    pub slots: Vec<String>,
    /// The clips.
    pub scenes: Vec<Scene>,
}

/// The cast of one clip.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scene {
    /// Width over height, in thousandths.
    pub shape: u16,
    /// What can be said of it, a class of each slot.
    pub says: Vec<u8>,
    /// Everybody.
    pub cast: Vec<Member>,
}

/// Somebody of the cast, seen by a camera that rests. In JSON eight whole numbers: whether it is a second
/// subject; then in thousandths the middle of its box on the first frame, the box's width and height, how far
/// the middle moves in a second, and the logarithm of how many times the box grows in one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "[i32; 8]", into = "[i32; 8]")]
pub struct Member {
    /// Whether it is of the second subject.
    pub second: bool,
    /// Middle of its box.
    pub place: [f64; 2],
    /// Width and height.
    pub size: [f64; 2],
    /// A second.
    pub speed: [f64; 2],
    /// A second.
    pub growth: f64,
}

impl From<[i32; 8]> for Member {
    fn from(numbers: [i32; 8]) -> Self {
        let [second, x, y, width, height, right, down, growth] = numbers;
        let [x, y, width, height, right, down, growth] =
            [x, y, width, height, right, down, growth].map(|x| f64::from(x) / 1000.0);
        Self {
            second: second != 0,
            place: [x, y],
            size: [width.max(1e-3), height.max(1e-3)],
            speed: [right, down],
            growth,
        }
    }
}

impl From<Member> for [i32; 8] {
    fn from(member: Member) -> Self {
        let Member {
            second,
            place: [x, y],
            size: [width, height],
            speed: [right, down],
            growth,
        } = member;
        let thousandths = |x: f64| (x * 1000.0).round() as i32;
        let [x, y, width, height, right, down, growth] =
            [x, y, width, height, right, down, growth].map(thousandths);
        [i32::from(second), x, y, width, height, right, down, growth]
    }
}

/// A clip to be made.
#[derive(Clone, Copy, Debug)]
pub struct Length {
    /// Latent frames.
    pub frames: usize,
    /// Seconds between two of them.
    pub step: f64,
    /// Width over height.
    pub shape: f64,
}

impl Length {
    /// Of the whole clip.
    pub(super) fn seconds(&self) -> f64 {
        self.step * (self.frames - 1) as f64
    }

    /// The middle, in seconds, of the frames that a latent frame stands for; the first stands for one.
    pub fn middle(&self, frame: usize) -> f64 {
        (frame as f64 - 0.44).max(0.0) * self.step
    }

    /// Width and height of a frame.
    pub(super) fn sides(&self) -> [f64; 2] {
        [self.shape.sqrt(), self.shape.sqrt().recip()]
    }
}

impl Blocking {
    /// Parses `blocking.json`.
    ///
    /// # Errors
    /// When it is not one, or a scene says more or less than there are slots.
    pub fn from_json(json: &str) -> Result<Self, String> {
        let blocking: Self = serde_json::from_str(json).map_err(|error| error.to_string())?;
        let slots = blocking.slots.len();
        match blocking.scenes.iter().position(|s| s.says.len() != slots) {
            Some(scene) => Err(format!("scene {scene} does not speak of {slots} slots")),
            None => Ok(blocking),
        }
    }

    /// The cast of the scene that fits best what a prompt says, a class of each slot by its name, 0 if nothing.
    /// Of several that fit the one with the greatest `lot` is taken: a number for each scene, by its own. `None` for
    /// a prompt that names nobody who is known.
    pub fn cast(
        &self,
        said: impl Fn(&str) -> u8,
        shape: f64,
        lot: impl Fn(u64) -> u64,
    ) -> Option<&[Member]> {
        if said("subject kind") == 0 {
            return None;
        }
        // What is asked for, if anything is, and what it costs to show something else.
        let asked = |slot: &String| {
            let weight = ALIKE.iter().find(|(name, _)| name == slot);
            let weight = weight.map_or(0, |(_, weight)| *weight);
            let usual = UNSAID.iter().find(|(name, _)| name == slot);
            let class = Some(said(slot)).filter(|class| *class > 0);
            (class.or(usual.map(|(_, class)| *class)), weight)
        };
        let asked: Vec<(Option<u8>, u32)> = self.slots.iter().map(asked).collect();
        let cost = |scene: &Scene| {
            let slots = scene.says.iter().zip(&asked);
            let unlike = slots.filter(|(shown, (asked, _))| asked.is_some_and(|a| a != **shown));
            let ratio = (f64::from(scene.shape) / 1000.0 / shape).ln().abs();
            unlike.map(|(_, (_, weight))| weight).sum::<u32>() + (SHAPE * ratio) as u32
        };
        let scenes = (0..).zip(&self.scenes);
        let (_, best) = scenes.min_by_key(|(i, scene)| (cost(scene), Reverse(lot(*i))))?;
        Some(&best.cast)
    }
}

/// How one member goes through a clip.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Course {
    member: Member,
    /// From when to when it moves, in seconds.
    moving: [f64; 2],
}

impl Course {
    /// A member who moves in a part of a clip, and no faster than it stays in the picture, unless the camera
    /// follows.
    pub fn new(member: Member, length: &Length, moving: [f64; 2], followed: bool) -> Self {
        let end = length.seconds().max(length.step);
        let seconds = (moving[1].min(end) - moving[0].max(0.0)).max(length.step);
        let [width, height] = length.sides();
        let Member {
            place,
            size,
            mut speed,
            mut growth,
            ..
        } = member;
        if growth == 0.0 {
            let edge = width / 2.0 - place[0] * speed[0].signum();
            let half = (size[0] / 2.0).min(edge * 0.4);
            let room = (edge - half).max(LEAST_ROOM[0] * width);
            if !followed {
                speed[0] = speed[0].clamp(-room / seconds, room / seconds);
            }
            let rise = place[1] + size[1] / 2.0 - RISES_TO * height;
            let rise = rise.max(LEAST_ROOM[1] * height);
            speed[1] = speed[1].max(-rise / seconds);
        } else {
            let slower = growth.clamp(GROWTH[0] / seconds, GROWTH[1] / seconds) / growth;
            speed = speed.map(|speed| speed * slower);
            growth *= slower;
        }
        Self {
            member: Member {
                speed,
                growth,
                ..member
            },
            moving,
        }
    }

    /// Seconds of movement until `second`.
    fn moved(&self, second: f64) -> f64 {
        (second.min(self.moving[1]) - self.moving[0]).max(0.0)
    }

    /// Middle of its box at `second`, for a camera that rests.
    pub(super) fn place(&self, second: f64) -> [f64; 2] {
        let Member { place, speed, .. } = self.member;
        [0, 1].map(|axis| place[axis] + speed[axis] * self.moved(second))
    }

    /// The member as a mark, of a kind and a colour, seen by a camera that moves.
    pub fn mark(&self, length: &Length, kind: u8, color: u8, camera: &CameraPath) -> Mark {
        let bounds = |frame: usize| {
            let second = length.middle(frame);
            let view = camera.get(frame).copied().unwrap_or_default();
            let zoom = f64::from(view.zoom).exp();
            let grown = zoom * (self.member.growth * self.moved(second)).exp();
            let place = self.place(second);
            let [x, y] = [0, 1].map(|i| place[i] * zoom + f64::from(view.near[i]));
            let [width, height] = self.member.size.map(|side| side * grown / 2.0);
            [x - width, y - height, x + width, y + height].map(|x| x as f32)
        };
        Mark {
            kind,
            color,
            second: self.member.second,
            boxes: (0..length.frames).map(bounds).collect(),
        }
    }

    /// Whether it is of the second subject.
    pub fn is_second(&self) -> bool {
        self.member.second
    }
}

#[cfg(test)]
mod tests {
    use super::super::camera::View;
    use super::*;

    const FILM: Length = Length {
        frames: 13,
        step: 1.0 / 3.0,
        shape: 1.8,
    };

    fn member(x: f64, speed: f64) -> Member {
        Member {
            second: false,
            place: [x, 0.1],
            size: [0.1, 0.4],
            speed: [speed, 0.0],
            growth: 0.0,
        }
    }

    fn blocking() -> Blocking {
        let scene = |says: [u8; 3], cast: &[Member]| Scene {
            shape: 1800,
            says: says.to_vec(),
            cast: cast.to_vec(),
        };
        Blocking {
            slots: ["subject kind", "count", "place"].map(str::to_owned).into(),
            scenes: vec![
                scene([1, 1, 1], &[member(-0.3, 0.0)]),
                scene([1, 1, 3], &[member(0.3, 0.0)]),
                scene([1, 2, 3], &[member(0.3, 0.0), member(0.1, 0.0)]),
                scene([2, 1, 2], &[member(0.0, 0.5)]),
            ],
        }
    }

    #[test]
    fn the_cast_is_of_a_scene_that_fits() {
        let blocking = blocking();
        let json = serde_json::to_string(&blocking).unwrap();
        assert_eq!(Blocking::from_json(&json).as_ref(), Ok(&blocking));
        let cast = |kind: u8, count: u8, place: u8, seed| {
            let said = |slot: &str| match slot {
                "subject kind" => kind,
                "count" => count,
                _ => place,
            };
            blocking.cast(said, 1.8, |scene| (scene * 5 + seed) % 7)
        };
        assert_eq!(cast(1, 0, 3, 5), Some(&blocking.scenes[1].cast[..]));
        assert_eq!(cast(1, 2, 1, 5), Some(&blocking.scenes[2].cast[..]), "two");
        assert_eq!(cast(2, 3, 1, 5), Some(&blocking.scenes[3].cast[..]), "kind");
        assert_eq!(cast(0, 1, 1, 5), None);
        let chosen: Vec<_> = (0..20).map(|seed| cast(1, 0, 0, seed)).collect();
        assert!(chosen.iter().any(|cast| *cast != chosen[0]), "seeds choose");
        assert!(chosen.iter().all(|cast| cast.unwrap().len() == 1));
    }

    #[test]
    fn scenes_must_speak_of_all_slots() {
        let mut blocking = blocking();
        blocking.scenes[1].says.pop();
        let json = serde_json::to_string(&blocking).unwrap();
        let error = Blocking::from_json(&json).unwrap_err();
        assert!(error.contains("scene 1"), "{error}");
    }

    #[test]
    fn nobody_walks_out_of_the_picture_unless_followed() {
        let whole = [0.0, f64::INFINITY];
        let last = |speed: f64, followed: bool| {
            let course = Course::new(member(0.2, speed), &FILM, whole, followed);
            course.place(FILM.seconds())[0]
        };
        let edge = FILM.sides()[0] / 2.0;
        assert!((last(0.02, false) - 0.28).abs() < 1e-9);
        assert!(last(0.9, false) < edge && last(-0.9, false) > -edge);
        assert!(last(0.9, true) > 3.0);
    }

    #[test]
    fn a_box_goes_with_its_member_and_with_the_camera() {
        let stops = Course::new(member(0.0, 0.1), &FILM, [0.0, 2.0], false);
        let mark = stops.mark(&FILM, 3, 5, &CameraPath::new());
        let middle = |b: &[f32; 4]| f32::midpoint(b[0], b[2]);
        assert_eq!((mark.boxes.len(), mark.kind, mark.color), (13, 3, 5));
        assert!(
            (middle(&mark.boxes[12]) - 0.2).abs() < 1e-5,
            "it has stopped"
        );
        let view = View {
            zoom: 2.0_f32.ln(),
            near: [0.3, 0.0],
            far: [0.0; 2],
        };
        let filmed = stops.mark(&FILM, 3, 5, &vec![view; 13]);
        assert!((middle(&filmed.boxes[12]) - 0.7).abs() < 1e-5);
        let [left, top, right, bottom] = filmed.boxes[0];
        assert!((right - left - 0.2).abs() < 1e-5 && (bottom - top - 0.8).abs() < 1e-5);
    }
}
