//! The words of a report. They equal the names of the film set's vocabulary, which this crate does
//! not know; a test of the `train` crate holds the two together.

/// Places.
pub const SETTINGS: &[&str] = &[
    "harbor",
    "beach",
    "sea",
    "wheat field",
    "mountains",
    "desert",
    "snow village",
    "city street",
    "skyline",
    "forest",
];

/// Hours.
pub const TIMES: &[&str] = &["dawn", "morning", "noon", "golden hour", "dusk", "night"];

/// States of the air.
pub const WEATHERS: &[&str] = &["clear", "overcast", "fog", "rain", "snow"];

/// Kinds of subject; the first [`FIGURES`] are people.
pub const KINDS: &[&str] = &[
    "man",
    "woman",
    "child",
    "dog",
    "birds",
    "sailboat",
    "fishing boat",
    "hot-air balloon",
    "train",
    "ball",
    "kite",
    "lighthouse",
];

/// How many of [`KINDS`] are people.
pub const FIGURES: usize = 3;

/// Colours of subjects.
pub const COLORS: &[&str] = &[
    "red", "orange", "yellow", "green", "teal", "blue", "purple", "pink", "brown", "white", "grey",
    "black",
];

/// Moves of the camera.
pub const CAMERA_MOVES: &[&str] = &[
    "static",
    "push in",
    "pull back",
    "pan left",
    "pan right",
    "tilt up",
    "tilt down",
    "crane up",
    "crane down",
    "tracking",
    "handheld",
];

/// Directions of a subject's motion.
pub const DIRECTIONS: &[&str] = &[
    "to the left",
    "to the right",
    "toward the camera",
    "away from the camera",
];
