//! What kinora-1 reads of a prompt, and how a clip is staged by that.

use std::sync::Arc;

use kinora_models::native::{
    Blocking, CameraPath, Course, Directions, Length, Mark, Staging, TextEncoder, TextStates, Word,
};
use kinora_tensor::Precision;

use super::{Native, Parts};
use crate::bundle::TEXT;
use crate::error::Result;
use crate::model::Reading;
use crate::noise::mix;

/// Who is where in clips of the training film, of a model that can be told.
const BLOCKING: &str = "blocking.json";
/// Readings below this probability are not told.
const LEAST_PROBABILITY: f64 = 0.5;
/// Actions of subjects that move.
const MOVES: [&str; 9] = [
    "walks", "runs", "sails", "flies", "rises", "rolls", "bounces", "crosses", "drifts",
];

/// The model's text encoder, which also names what a prompt says.
pub(crate) struct Reader {
    parts: Arc<Parts>,
    text: TextEncoder,
    blocking: Blocking,
}

impl Native {
    /// Reads the text encoder, and who may be where, alone.
    ///
    /// # Errors
    /// [`crate::Error::Model`] for a damaged file.
    pub(crate) fn reader(&self) -> Result<Reader> {
        let Parts { bundle, config, .. } = &*self.parts;
        let file = bundle.weights(TEXT)?;
        let encoder = TextEncoder::load(&file.weights(Precision::F32), &config.text);
        let encoder = encoder.and_then(|encoder| file.finish().map(|()| encoder));
        let text = encoder.map_err(|error| bundle.weights_error(TEXT, &error))?;
        let blocking = if config.transformer.marks {
            Blocking::from_json(&bundle.verified_text(BLOCKING)?)
                .map_err(|error| bundle.failed(BLOCKING, error))?
        } else {
            Blocking::default()
        };
        Ok(Reader {
            parts: Arc::clone(&self.parts),
            text,
            blocking,
        })
    }
}

impl Reader {
    pub(super) fn encode(&self, text: &str) -> TextStates {
        let tokens = self.parts.tokenizer.encode(text).tokens.into_iter();
        let words: Vec<Word> = tokens.map(Word::from).collect();
        self.text.encode(&words)
    }

    /// How a clip is staged whose `held` latent frames are given. Its camera moves as its prompt says, or not at all
    /// where the first and the last are given, as a loop's are. Where subjects are is known of none that is given
    /// a frame.
    pub(super) fn staging(
        &self,
        prompt: &TextStates,
        length: &Length,
        held: &[usize],
        seed: u64,
    ) -> Staging {
        let said = Said(self.classes(prompt));
        let cast = match held {
            [] => self.cast(&said, length, seed),
            _ => None,
        };
        let loops = [0, length.frames - 1].iter().all(|f| held.contains(f));
        let directions = Directions {
            motion: said.value("camera move"),
            pace: said.value("camera pace"),
            subject: said.value("direction"),
        };
        let lead = cast.as_ref().and_then(|cast| cast.first());
        let camera = if loops {
            CameraPath::new()
        } else {
            directions.path(length, lead)
        };
        let mark = |course: &Course| {
            let [kind, color] = if course.is_second() {
                ["second kind", "second color"]
            } else {
                ["subject kind", "color"]
            };
            course.mark(length, said.class(kind), said.class(color), &camera)
        };
        let marks: Option<Vec<Mark>> = cast.map(|cast| cast.iter().map(mark).collect());
        Staging { camera, marks }
    }

    /// Who is in a clip, and how they go through it.
    fn cast(&self, said: &Said, length: &Length, seed: u64) -> Option<Vec<Course>> {
        let moves = |action: Option<&str>| action.is_some_and(|action| MOVES.contains(&action));
        let [action, event] = ["action", "event action"].map(|slot| said.value(slot));
        let at = said.value("event second").and_then(|at| at.parse().ok());
        let (acts, moving) = match at {
            Some(at) if moves(event) && !moves(action) => ("event action", [at, f64::INFINITY]),
            Some(at) if event.is_some() && !moves(event) => ("action", [0.0, at]),
            _ => ("action", [0.0, f64::INFINITY]),
        };
        let class = |slot: &str| said.class(if slot == "action" { acts } else { slot });
        let cast = self
            .blocking
            .cast(class, length.shape, |scene| mix(seed ^ mix(scene)))?;
        let followed = said.value("camera move") == Some("tracking");
        let course = |&member| Course::new(member, length, moving, followed);
        Some(cast.iter().map(course).collect())
    }

    /// What a text says, surest first.
    pub(crate) fn read(&self, text: &str) -> Vec<Reading> {
        self.readings(&self.encode(text))
    }

    fn readings(&self, text: &TextStates) -> Vec<Reading> {
        let mut readings: Vec<Reading> = self.classes(text).into_iter().map(|(_, r)| r).collect();
        readings.sort_by(|a, b| b.probability.total_cmp(&a.probability));
        readings
    }

    /// What a text says, with the classes of what is read.
    fn classes(&self, text: &TextStates) -> Vec<(u8, Reading)> {
        let belief = text.belief.to_vec();
        let mut at = 0;
        let mut readings = Vec::new();
        for slot in self.text.slots() {
            let classes = &belief[at..at + slot.num_classes()];
            at += classes.len();
            let surest = classes.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
            let Some((class, &probability)) = surest.filter(|(class, _)| *class > 0) else {
                continue;
            };
            let probability = f64::from(probability);
            if probability >= LEAST_PROBABILITY {
                let reading = Reading {
                    slot: slot.name.clone(),
                    value: slot.values[class - 1].clone(),
                    probability,
                };
                readings.push((class as u8, reading));
            }
        }
        readings
    }
}

/// What a prompt says.
struct Said(Vec<(u8, Reading)>);

impl Said {
    fn of(&self, slot: &str) -> Option<&(u8, Reading)> {
        self.0.iter().find(|(_, reading)| reading.slot == slot)
    }

    fn value(&self, slot: &str) -> Option<&str> {
        self.of(slot).map(|(_, reading)| reading.value.as_str())
    }

    /// Of a slot; 0 if nothing is said.
    fn class(&self, slot: &str) -> u8 {
        self.of(slot).map_or(0, |(class, _)| *class)
    }
}

#[cfg(test)]
mod tests {
    use kinora_models::native::{Member, Scene, View};

    use super::*;
    use crate::bundle::Bundle;

    const LENGTH: Length = Length {
        frames: 13,
        step: 1.0 / 3.0,
        shape: 1.8,
    };

    #[test]
    fn a_subject_stops_when_it_is_told_and_nobody_is_placed_in_given_frames() {
        let bundle = Bundle::embedded().next().expect("kinora-1");
        let native = Native::open(bundle).expect("a model");
        let mut reader = native.reader().expect("a text encoder");
        let goes = Member {
            second: false,
            place: [0.4, 0.1],
            size: [0.1, 0.4],
            speed: [-0.1, 0.0],
            growth: 0.0,
        };
        reader.blocking = Blocking {
            slots: vec!["subject kind".into()],
            scenes: vec![Scene {
                shape: 1800,
                says: vec![2],
                cast: vec![goes],
            }],
        };
        let marks = |prompt: &str, held: &[usize]| {
            let text = reader.encode(prompt);
            reader.staging(&text, &LENGTH, held, 1).marks
        };
        let left = |prompt: &str| {
            let marks = marks(prompt, &[]).expect("somebody is named");
            assert_eq!((marks.len(), marks[0].kind), (1, 2));
            [0, 6, 12].map(|frame| marks[0].boxes[frame][0])
        };
        let walks = "a woman in a red coat walks to the left on a beach at noon";
        let [first, later, last] = left(walks);
        assert!(later < first - 0.1 && last < later - 0.1);
        let [first, later, last] = left(&format!("{walks}, she stops at second 1"));
        assert!((first - later - 0.1).abs() < 1e-3 && (later - last).abs() < 1e-6);
        assert!(marks(walks, &[0]).is_none());
        assert!(marks("waves on a beach at noon", &[]).is_none());
    }

    #[test]
    fn the_camera_moves_as_the_prompt_says() {
        let bundle = Bundle::embedded().next().expect("kinora-1");
        let native = Native::open(bundle).expect("a model");
        let reader = native.reader().expect("a text encoder");
        let path = |prompt: &str, held: &[usize]| {
            reader
                .staging(&reader.encode(prompt), &LENGTH, held, 1)
                .camera
        };
        let pan = "a lighthouse at noon, slow pan left";
        let last = path(pan, &[0]).pop().expect("a view a latent frame");
        let shift = [last.near[0], 0.0];
        let turned = View {
            zoom: 0.0,
            near: shift,
            far: shift,
        };
        assert!(shift[0] > 0.3, "{last:?}");
        assert_eq!(last, turned, "a pan moves near and far alike");
        let push = path("a lighthouse at noon, the camera pushes in", &[]);
        assert_eq!(push.len(), 13);
        assert!(push[12].zoom > 0.6, "{push:?}");
        assert!(path("a lighthouse at noon", &[]).is_empty());
        assert!(path(pan, &[0, 12]).is_empty(), "a loop ends where it began");
    }
}
