//! The scene program: everything a clip shows, as data.
//!
//! A program is what a caption describes and what the truth of a clip is read from. Whatever a
//! caption can name stands here as a field; everything it cannot (layout, phases, small shapes)
//! follows from [`Program::seed`].
//!
//! Units: metres, seconds, degrees, millimetres (focal length on 36 mm film), metres per second.
//! The world's x points to the right of the first frame, y up, z away from the camera.

use serde::{Deserialize, Serialize};

/// Frames per second of every clip of the film set.
pub const FPS: u32 = 24;

/// Declares a closed vocabulary: an enum with all its values and a stable name for each.
macro_rules! vocabulary {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $(#[doc = $text] $(#[$vmeta])* $variant),+ }

        impl $name {
            /// Every value, in declaration order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name of every value, in declaration order.
            pub const NAMES: &'static [&'static str] = &[$($text),+];

            /// The plain English name, as truth files and reports print it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }
    };
}

vocabulary! {
    /// The place a clip is set in.
    Setting {
        Harbor = "harbor",
        Beach = "beach",
        Sea = "sea",
        WheatField = "wheat field",
        Mountains = "mountains",
        Desert = "desert",
        SnowVillage = "snow village",
        Street = "city street",
        Skyline = "skyline",
        Forest = "forest",
    }
}

vocabulary! {
    /// The hour, which decides the sky, the sun and the palette.
    TimeOfDay {
        Dawn = "dawn",
        Morning = "morning",
        Noon = "noon",
        GoldenHour = "golden hour",
        Dusk = "dusk",
        Night = "night",
    }
}

vocabulary! {
    /// The state of the air. Wind is a field of its own.
    Weather {
        Clear = "clear",
        Overcast = "overcast",
        Fog = "fog",
        Rain = "rain",
        Snow = "snow",
    }
}

vocabulary! {
    /// What a subject is. Kinds up to `Child` are figures.
    SubjectKind {
        Man = "man",
        Woman = "woman",
        Child = "child",
        Dog = "dog",
        Birds = "birds",
        Sailboat = "sailboat",
        FishingBoat = "fishing boat",
        Balloon = "hot-air balloon",
        Train = "train",
        Ball = "ball",
        Kite = "kite",
        Lighthouse = "lighthouse",
    }
}

impl SubjectKind {
    /// Whether the subject is a person, who wears clothes and has limbs.
    pub const fn is_figure(self) -> bool {
        matches!(self, Self::Man | Self::Woman | Self::Child)
    }
}

vocabulary! {
    /// A named colour of a subject (the garment of a figure, the hull or sail of a boat, ...).
    Color {
        Red = "red",
        Orange = "orange",
        Yellow = "yellow",
        Green = "green",
        Teal = "teal",
        Blue = "blue",
        Purple = "purple",
        Pink = "pink",
        Brown = "brown",
        White = "white",
        Grey = "grey",
        Black = "black",
    }
}

vocabulary! {
    /// What a figure wears in the subject's colour.
    Garment {
        Coat = "coat",
        Dress = "dress",
        Raincoat = "raincoat",
        Jacket = "jacket",
        Sweater = "sweater",
    }
}

vocabulary! {
    /// What a figure has on its head.
    Headwear {
        Bare = "bare head",
        WideHat = "wide hat",
        Cap = "cap",
        Hood = "hood",
        Beanie = "beanie",
    }
}

vocabulary! {
    /// What a subject does.
    Action {
        Stand = "stands",
        Walk = "walks",
        Run = "runs",
        Wave = "waves",
        Turn = "turns around",
        Jump = "jumps",
        Haul = "hauls a net",
        /// Boats.
        Sail = "sails",
        /// Birds, kites.
        Fly = "flies",
        /// Balloons, kites.
        Rise = "rises",
        /// Balls.
        Bounce = "bounces",
        /// Balls.
        Roll = "rolls",
        /// Trains.
        Ride = "crosses",
        /// Boats and balloons at rest.
        Drift = "drifts",
        /// Lighthouse beams.
        Sweep = "sweeps",
    }
}

vocabulary! {
    /// Where a subject moves to, or faces, in the picture.
    Direction {
        Left = "to the left",
        Right = "to the right",
        Toward = "toward the camera",
        Away = "away from the camera",
    }
}

vocabulary! {
    /// How fast something happens.
    Pace {
        Slow = "slow",
        Normal = "normal",
        Fast = "fast",
    }
}

vocabulary! {
    /// Where in the frame a subject stands on the first frame.
    Place {
        Left = "on the left",
        Center = "in the center",
        Right = "on the right",
    }
}

vocabulary! {
    /// The move of the camera.
    CameraMove {
        Static = "static",
        PushIn = "push in",
        PullBack = "pull back",
        PanLeft = "pan left",
        PanRight = "pan right",
        TiltUp = "tilt up",
        TiltDown = "tilt down",
        CraneUp = "crane up",
        CraneDown = "crane down",
        Tracking = "tracking",
        Handheld = "handheld",
    }
}

vocabulary! {
    /// How much of the frame the subject fills: a standing figure's height over the frame's is
    /// about 0.2 (wide), 0.42 (medium), 0.8 (close).
    Shot {
        Wide = "wide shot",
        Medium = "medium shot",
        Close = "close-up",
    }
}

vocabulary! {
    /// Whether shadows have an edge.
    LightQuality {
        Hard = "hard light",
        Soft = "soft light",
    }
}

vocabulary! {
    /// The cast of the grade.
    LightTone {
        Neutral = "neutral light",
        Warm = "warm light",
        Cold = "cold light",
    }
}

vocabulary! {
    /// What a clip must not show; a caption says "without X".
    Exclusion {
        Birds = "birds",
        People = "people",
        Clouds = "clouds",
        Boats = "boats",
        Shake = "camera shake",
        Sun = "sun",
        Trees = "trees",
    }
}

/// The picture's shape: the five latent buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aspect {
    /// 16:9, 576x320.
    Wide,
    /// 9:16, 320x576.
    Tall,
    /// 1:1, 448x448.
    Square,
    /// 4:3, 512x384.
    Classic,
    /// 3:4, 384x512.
    Portrait,
}

impl Aspect {
    /// Every bucket.
    pub const ALL: &'static [Self] = &[
        Self::Wide,
        Self::Tall,
        Self::Square,
        Self::Classic,
        Self::Portrait,
    ];

    /// Width and height in pixels of the decoder's output.
    pub const fn size(self) -> (u32, u32) {
        match self {
            Self::Wide => (576, 320),
            Self::Tall => (320, 576),
            Self::Square => (448, 448),
            Self::Classic => (512, 384),
            Self::Portrait => (384, 512),
        }
    }
}

/// Sun or lamp light on the scene.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Light {
    /// Edge of shadows.
    pub quality: LightQuality,
    /// Cast of the grade.
    pub tone: LightTone,
    /// Whether the sun stands behind the subject and rims it.
    pub backlight: bool,
    /// Elevation of the sun, degrees above the horizon, -6 to 80.
    pub elevation_degrees: f32,
    /// Where the sun stands: -1 left edge of the frame, 1 right edge.
    pub azimuth: f32,
}

/// The camera and its move. The move eases in and out over [`CameraRig::over_seconds`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CameraRig {
    /// The move.
    pub motion: CameraMove,
    /// Pace of the move.
    pub pace: Pace,
    /// Framing of the main subject on the first frame.
    pub shot: Shot,
    /// Focal length on 36 mm film, 18 to 135 mm.
    pub focal_mm: f32,
    /// Aperture, f-number 1.4 to 16: small means shallow depth of field.
    pub f_number: f32,
    /// Size of the move: degrees (pan, tilt), ratio of the subject's size (push, pull), frame
    /// heights (crane); 0 when static.
    pub amount: f32,
    /// Seconds the move takes from the start of the clip.
    pub over_seconds: f32,
}

/// A change that begins at a stated second.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Seconds from the first frame.
    pub at_seconds: f32,
    /// What the subject does from then on (`Stand` means: it stops).
    pub action: Action,
}

/// One thing the clip is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Subject {
    /// What it is.
    pub kind: SubjectKind,
    /// Its colour.
    pub color: Color,
    /// Clothing in the subject's colour; figures only.
    pub garment: Option<Garment>,
    /// Headwear; figures only.
    pub headwear: Option<Headwear>,
    /// Colour of a scarf; figures only.
    pub scarf: Option<Color>,
    /// What it does from the first frame.
    pub action: Action,
    /// Where it moves or faces.
    pub direction: Direction,
    /// How fast it does so.
    pub pace: Pace,
    /// Speed over ground in metres per second that follows from action and pace; 0 at rest.
    pub speed: f32,
    /// Where it stands on the first frame.
    pub place: Place,
    /// How many of them, 1 to 5 (a flock of birds counts as 1).
    pub count: u8,
    /// A change at a stated second.
    pub event: Option<Event>,
}

/// A whole clip as data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Program {
    /// Decides everything that no field names.
    pub seed: u64,
    /// Shape of the picture.
    pub aspect: Aspect,
    /// Number of frames, 1 + 8k.
    pub frames: u32,
    /// The place.
    pub setting: Setting,
    /// The hour.
    pub time: TimeOfDay,
    /// The air.
    pub weather: Weather,
    /// Wind in metres per second along x, -14 to 14.
    pub wind: f32,
    /// Distance in metres at which fog swallows a thing; `None` without fog.
    pub visibility_meters: Option<f32>,
    /// The light.
    pub light: Light,
    /// The camera.
    pub camera: CameraRig,
    /// Main subject first; empty for pure landscapes. At most two.
    pub subjects: Vec<Subject>,
    /// A flock in the sky beside the subjects.
    pub birds: bool,
    /// Smoke from a chimney or funnel, where the setting has one.
    pub smoke: bool,
    /// Lit windows or lamps, where the setting has them.
    pub lamps: bool,
    /// What the caption says is absent, and the scene therefore never shows.
    pub without: Vec<Exclusion>,
}

impl Program {
    /// Length of the clip in seconds: time of its last frame.
    pub fn seconds(&self) -> f32 {
        (self.frames - 1) as f32 / FPS as f32
    }
}
