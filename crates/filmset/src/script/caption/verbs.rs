//! What subjects do, in words.

use crate::program::{Action, Pace, SubjectKind};

/// A verb phrase in the forms a sentence may need.
#[derive(Debug, Clone, Copy)]
pub struct Verb {
    /// "walks"
    pub third: &'static str,
    /// "walk"
    pub plural: &'static str,
    /// "walking"
    pub ing: &'static str,
    /// The pace the verb alone tells.
    pub pace: Option<Pace>,
}

const fn v(third: &'static str, plural: &'static str, ing: &'static str) -> Verb {
    Verb {
        third,
        plural,
        ing,
        pace: None,
    }
}

const fn paced(third: &'static str, plural: &'static str, ing: &'static str, pace: Pace) -> Verb {
    Verb {
        third,
        plural,
        ing,
        pace: Some(pace),
    }
}

const WALK: &[Verb] = &[
    v("walks", "walk", "walking"),
    v("walks along", "walk along", "walking along"),
];
const STROLL: &[Verb] = &[
    v("walks", "walk", "walking"),
    paced("strolls", "stroll", "strolling", Pace::Slow),
    paced("wanders", "wander", "wandering", Pace::Slow),
    paced("walks slowly", "walk slowly", "walking slowly", Pace::Slow),
];
const STRIDE: &[Verb] = &[
    v("walks", "walk", "walking"),
    paced(
        "walks briskly",
        "walk briskly",
        "walking briskly",
        Pace::Fast,
    ),
    paced("strides", "stride", "striding", Pace::Fast),
    paced("hurries", "hurry", "hurrying", Pace::Fast),
];
const JOG: &[Verb] = &[
    v("runs", "run", "running"),
    paced("jogs", "jog", "jogging", Pace::Slow),
    paced("runs slowly", "run slowly", "running slowly", Pace::Slow),
];
const RUN: &[Verb] = &[v("runs", "run", "running")];
const SPRINT: &[Verb] = &[
    v("runs", "run", "running"),
    paced("sprints", "sprint", "sprinting", Pace::Fast),
    paced("dashes", "dash", "dashing", Pace::Fast),
    paced("runs fast", "run fast", "running fast", Pace::Fast),
];
const STAND: &[Verb] = &[
    v("stands", "stand", "standing"),
    v("stands still", "stand still", "standing still"),
    v(
        "stands motionless",
        "stand motionless",
        "standing motionless",
    ),
    v("waits", "wait", "waiting"),
];
const TOWER: &[Verb] = &[v("stands", "stand", "standing")];
const WAVE: &[Verb] = &[
    v("waves", "wave", "waving"),
    v("waves a hand", "wave a hand", "waving a hand"),
    v(
        "waves with one arm",
        "wave with one arm",
        "waving with one arm",
    ),
];
const TURN: &[Verb] = &[
    v("turns around", "turn around", "turning around"),
    v("turns", "turn", "turning"),
    v("spins around", "spin around", "spinning around"),
];
const JUMP: &[Verb] = &[
    v("jumps", "jump", "jumping"),
    v("leaps", "leap", "leaping"),
    v(
        "jumps up and down",
        "jump up and down",
        "jumping up and down",
    ),
    v("hops", "hop", "hopping"),
];
const HAUL: &[Verb] = &[
    v("hauls a net", "haul a net", "hauling a net"),
    v(
        "hauls in a fishing net",
        "haul in a fishing net",
        "hauling in a fishing net",
    ),
    v("pulls in a net", "pull in a net", "pulling in a net"),
    v(
        "pulls a fishing net",
        "pull a fishing net",
        "pulling a fishing net",
    ),
];
const SAIL: &[Verb] = &[
    v("sails", "sail", "sailing"),
    v("sails past", "sail past", "sailing past"),
    v("sails by", "sail by", "sailing by"),
    v(
        "glides over the water",
        "glide over the water",
        "gliding over the water",
    ),
];
const MOTOR: &[Verb] = &[
    v("sails", "sail", "sailing"),
    v("chugs along", "chug along", "chugging along"),
    v(
        "moves through the water",
        "move through the water",
        "moving through the water",
    ),
];
const FLOCK: &[Verb] = &[
    v("fly", "fly", "flying"),
    v("fly past", "fly past", "flying past"),
    v(
        "beat their wings",
        "beat their wings",
        "beating their wings",
    ),
];
const SOAR: &[Verb] = &[
    v("flies", "fly", "flying"),
    v(
        "dances in the air",
        "dance in the air",
        "dancing in the air",
    ),
    v(
        "flutters in the sky",
        "flutter in the sky",
        "fluttering in the sky",
    ),
];
const RISE: &[Verb] = &[
    v("rises", "rise", "rising"),
    v("climbs", "climb", "climbing"),
    v("lifts", "lift", "lifting"),
    v("ascends", "ascend", "ascending"),
    v("floats upward", "float upward", "floating upward"),
];
const BOUNCE: &[Verb] = &[
    v("bounces", "bounce", "bouncing"),
    v(
        "bounces up and down",
        "bounce up and down",
        "bouncing up and down",
    ),
    v("bounces along", "bounce along", "bouncing along"),
];
const ROLL: &[Verb] = &[
    v("rolls", "roll", "rolling"),
    v("rolls along", "roll along", "rolling along"),
];
const RIDE: &[Verb] = &[
    v("crosses", "cross", "crossing"),
    v("passes", "pass", "passing"),
    v("passes by", "pass by", "passing by"),
    v("rolls past", "roll past", "rolling past"),
    v("rides past", "ride past", "riding past"),
];
const DRIFT: &[Verb] = &[
    v("drifts", "drift", "drifting"),
    v("floats", "float", "floating"),
    v("drifts along", "drift along", "drifting along"),
];
const SWEEP: &[Verb] = &[
    v("sweeps its beam", "sweep their beams", "sweeping its beam"),
    v("turns its beam", "turn their beams", "turning its beam"),
    v(
        "casts a sweeping beam",
        "cast sweeping beams",
        "casting a sweeping beam",
    ),
];

/// The verbs for an action at a pace.
pub const fn verbs(kind: SubjectKind, action: Action, pace: Pace) -> &'static [Verb] {
    match (action, pace) {
        (Action::Walk, Pace::Slow) => STROLL,
        (Action::Walk, Pace::Normal) => WALK,
        (Action::Walk, Pace::Fast) => STRIDE,
        (Action::Run, Pace::Slow) => JOG,
        (Action::Run, Pace::Normal) => RUN,
        (Action::Run, Pace::Fast) => SPRINT,
        (Action::Stand, _) if matches!(kind, SubjectKind::Lighthouse) => TOWER,
        (Action::Stand, _) => STAND,
        (Action::Wave, _) => WAVE,
        (Action::Turn, _) => TURN,
        (Action::Jump, _) => JUMP,
        (Action::Haul, _) => HAUL,
        (Action::Sail, _) if matches!(kind, SubjectKind::FishingBoat) => MOTOR,
        (Action::Sail, _) => SAIL,
        (Action::Fly, _) if matches!(kind, SubjectKind::Birds) => FLOCK,
        (Action::Fly, _) => SOAR,
        (Action::Rise, _) => RISE,
        (Action::Bounce, _) => BOUNCE,
        (Action::Roll, _) => ROLL,
        (Action::Ride, _) => RIDE,
        (Action::Drift, _) => DRIFT,
        (Action::Sweep, _) => SWEEP,
    }
}

/// Words for a pace that stand behind a verb.
pub const fn adverbs(pace: Pace) -> &'static [&'static str] {
    match pace {
        Pace::Slow => &["slowly", "at a slow pace", "unhurriedly", "leisurely"],
        Pace::Normal => &["at a normal pace", "at a steady pace", "at an even pace"],
        Pace::Fast => &[
            "quickly",
            "fast",
            "at a fast pace",
            "rapidly",
            "at high speed",
        ],
    }
}
