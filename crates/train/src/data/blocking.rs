//! Who is where in the training film, for the model's `blocking.json`.

use kinora_filmset::program::{Aspect, FPS, Program};
use kinora_filmset::script::{Slot, Split, truth};
use kinora_filmset::{Track, staging};
use kinora_models::native::{Blocking, LATENT_STRIDE, Length, Mark, Member, Scene, View};

use super::example::Source;

/// What a scene is chosen by.
const SLOTS: [(&str, Slot); 10] = [
    ("setting", Slot::Setting),
    ("camera move", Slot::CameraMove),
    ("shot", Slot::Shot),
    ("subject kind", Slot::Kind),
    ("action", Slot::Action),
    ("direction", Slot::Direction),
    ("pace", Slot::Pace),
    ("place", Slot::Place),
    ("count", Slot::Count),
    ("second kind", Slot::SecondKind),
];
/// Metres a second below which nothing moves.
const STILL: f32 = 0.01;

/// The blocking of `count` clips of training film, half of them 16:9.
pub fn build_blocking(count: u64) -> Blocking {
    let shares = Aspect::ALL.iter().map(|&aspect| match aspect {
        Aspect::Wide => (aspect, count.div_ceil(2)),
        _ => (aspect, count.div_ceil(8)),
    });
    let scenes = shares.flat_map(|(aspect, count)| {
        let source = Source::new(25, Some(aspect), Split::Train);
        (0..)
            .filter_map(move |seed| scene(&source, seed))
            .take(count as usize)
    });
    Blocking {
        slots: SLOTS.iter().map(|(name, _)| (*name).to_owned()).collect(),
        scenes: scenes.collect(),
    }
}

/// The scene of a clip with subjects who do one thing.
fn scene(source: &Source, seed: u64) -> Option<Scene> {
    let example = source.draw(seed);
    let program = &example.program;
    if program.subjects.is_empty() || program.subjects.iter().any(|s| s.event.is_some()) {
        return None;
    }
    let staged = example.staging();
    let marks = staged.marks.unwrap_or_default();
    let view = |frame: usize| staged.camera.get(frame).copied().unwrap_or_default();
    let last = marks.first()?.boxes.len() - 1;
    let length = Length {
        frames: last + 1,
        step: LATENT_STRIDE as f64 / f64::from(FPS),
        shape: f64::from(shape(program)) / 1000.0,
    };
    let seconds = length.middle(last) - length.middle(0);
    let tracks = staging(program, program.aspect.size()).tracks;
    let members = marks.iter().zip(&tracks);
    Some(Scene {
        shape: shape(program),
        says: says(program),
        cast: members
            .map(|(mark, track)| member(mark, track, [view(0), view(last)], seconds))
            .collect(),
    })
}

fn shape(program: &Program) -> u16 {
    let (width, height) = program.aspect.size();
    (f64::from(width) / f64::from(height) * 1000.0).round() as u16
}

fn says(program: &Program) -> Vec<u8> {
    let all = truth(program);
    SLOTS.iter().map(|(_, slot)| all[*slot as usize]).collect()
}

/// What a member would do before a camera that rests, of what it does in so many seconds. What goes to and fro, as a ball that bounces, goes nowhere.
fn member(mark: &Mark, track: &Track, views: [View; 2], seconds: f64) -> Member {
    let ends = [mark.boxes[0], mark.boxes[mark.boxes.len() - 1]];
    let [first, last] = [0, 1].map(|i| at_rest(ends[i], &views[i]));
    let [right, away, up] = track.velocity.map(|v| v.abs() > STILL);
    let speed = |axis: usize, moves: bool| {
        if moves {
            (last.0[axis] - first.0[axis]) / seconds
        } else {
            0.0
        }
    };
    Member {
        second: mark.second,
        place: first.0,
        size: first.1,
        speed: [speed(0, right || away), speed(1, away || up)],
        growth: if away {
            (last.1[1] / first.1[1]).ln() / seconds
        } else {
            0.0
        },
    }
}

/// Middle and size of a box as if the camera had not moved.
fn at_rest(bounds: [f32; 4], view: &View) -> ([f64; 2], [f64; 2]) {
    let [left, top, right, bottom] = bounds.map(f64::from);
    let shrink = f64::from(-view.zoom).exp();
    let middle = [f64::midpoint(left, right), f64::midpoint(top, bottom)];
    let place = [0, 1].map(|i| (middle[i] - f64::from(view.near[i])) * shrink);
    (
        place,
        [right - left, bottom - top].map(|side| side * shrink),
    )
}
