//! What a caption can say, as a table of slots.
//!
//! A caption's slot is 0 when the text does not say it and k when it says value k - 1. The text
//! encoder learns to fill the table from the words alone, which is how coverage of a prompt is
//! reported.

use crate::program::{
    Action, CameraMove, Color, Direction, Exclusion, Garment, Headwear, LightQuality, LightTone,
    Pace, Place, Program, Setting, Shot, Subject, SubjectKind, TimeOfDay, Weather,
};

/// One thing a caption can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlotSpec {
    /// Stable name.
    pub name: &'static str,
    /// Names of the values 1..=len; 0 always means "not said".
    pub values: &'static [&'static str],
}

macro_rules! slots {
    ($($slot:ident = $name:literal : $values:expr),+ $(,)?) => {
        /// Index into [`SLOTS`] and into every vector of slot values.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Slot { $(#[doc = $name] $slot),+ }

        /// Every slot, in the order of the vectors of slot values.
        pub const SLOTS: &[SlotSpec] = &[$(SlotSpec { name: $name, values: $values }),+];
    };
}

const YES: &[&str] = &["yes"];

slots! {
    Setting = "setting": Setting::NAMES,
    Time = "time": TimeOfDay::NAMES,
    Weather = "weather": Weather::NAMES,
    Wind = "wind": &["calm", "breeze", "strong"],
    LightQuality = "light quality": LightQuality::NAMES,
    LightTone = "light tone": LightTone::NAMES,
    Backlight = "backlight": YES,
    CameraMove = "camera move": CameraMove::NAMES,
    CameraPace = "camera pace": Pace::NAMES,
    Shot = "shot": Shot::NAMES,
    Lens = "lens": &["wide", "normal", "tele"],
    Aperture = "aperture": &["shallow", "deep"],
    Kind = "subject kind": SubjectKind::NAMES,
    Color = "color": Color::NAMES,
    Garment = "garment": Garment::NAMES,
    Headwear = "headwear": Headwear::NAMES,
    Scarf = "scarf": Color::NAMES,
    Action = "action": Action::NAMES,
    Direction = "direction": Direction::NAMES,
    Pace = "pace": Pace::NAMES,
    Place = "place": Place::NAMES,
    Count = "count": &["1", "2", "3", "4", "5"],
    EventAction = "event action": Action::NAMES,
    EventSecond = "event second": &["0.5", "1", "1.5", "2", "2.5", "3", "3.5"],
    SecondKind = "second kind": SubjectKind::NAMES,
    SecondColor = "second color": Color::NAMES,
    SecondAction = "second action": Action::NAMES,
    Birds = "birds": YES,
    Smoke = "smoke": YES,
    Lamps = "lamps": YES,
    WithoutBirds = "without birds": YES,
    WithoutPeople = "without people": YES,
    WithoutClouds = "without clouds": YES,
    WithoutBoats = "without boats": YES,
    WithoutShake = "without camera shake": YES,
    WithoutSun = "without sun": YES,
    WithoutTrees = "without trees": YES,
    Visibility = "visibility": &["thick", "moderate", "light"],
    WindSide = "wind side": &["from the left", "from the right"],
    SunHeight = "sun height": &["low", "middle", "high"],
}

/// The slot of an exclusion.
pub const fn exclusion_slot(exclusion: Exclusion) -> Slot {
    match exclusion {
        Exclusion::Birds => Slot::WithoutBirds,
        Exclusion::People => Slot::WithoutPeople,
        Exclusion::Clouds => Slot::WithoutClouds,
        Exclusion::Boats => Slot::WithoutBoats,
        Exclusion::Shake => Slot::WithoutShake,
        Exclusion::Sun => Slot::WithoutSun,
        Exclusion::Trees => Slot::WithoutTrees,
    }
}

/// The value a slot has in `program`, said or not; 0 where the program has none.
///
/// # Shapes
/// One value a slot, `SLOTS.len()` in all.
pub fn truth(program: &Program) -> Vec<u8> {
    let mut slots = vec![0; SLOTS.len()];
    let mut set = |slot: Slot, value: usize| slots[slot as usize] = value as u8 + 1;
    set(Slot::Setting, program.setting as usize);
    set(Slot::Time, program.time as usize);
    set(Slot::Weather, program.weather as usize);
    set(Slot::Wind, wind_class(program.wind));
    if program.wind.abs() >= BREEZE {
        set(Slot::WindSide, usize::from(program.wind < 0.0));
    }
    if let Some(meters) = program.visibility_meters {
        set(Slot::Visibility, visibility_class(meters));
    }
    let light = &program.light;
    set(Slot::LightQuality, light.quality as usize);
    set(Slot::LightTone, light.tone as usize);
    if light.backlight {
        set(Slot::Backlight, 0);
    }
    if program.time != TimeOfDay::Night {
        set(Slot::SunHeight, sun_class(light.elevation_degrees));
    }
    let camera = &program.camera;
    set(Slot::CameraMove, camera.motion as usize);
    if !matches!(camera.motion, CameraMove::Static | CameraMove::Handheld) {
        set(Slot::CameraPace, camera.pace as usize);
    }
    set(Slot::Shot, camera.shot as usize);
    set(Slot::Lens, lens_class(camera.focal_mm));
    if let Some(class) = aperture_class(camera.f_number) {
        set(Slot::Aperture, class);
    }
    if let Some(subject) = program.subjects.first() {
        main_subject(subject, &mut set);
    }
    if let Some(second) = program.subjects.get(1) {
        set(Slot::SecondKind, second.kind as usize);
        set(Slot::SecondColor, second.color as usize);
        set(Slot::SecondAction, second.action as usize);
    }
    for (shown, slot) in [
        (program.birds, Slot::Birds),
        (program.smoke, Slot::Smoke),
        (program.lamps, Slot::Lamps),
    ] {
        if shown {
            set(slot, 0);
        }
    }
    for &exclusion in &program.without {
        set(exclusion_slot(exclusion), 0);
    }
    slots
}

fn main_subject(subject: &Subject, set: &mut impl FnMut(Slot, usize)) {
    set(Slot::Kind, subject.kind as usize);
    set(Slot::Color, subject.color as usize);
    if let Some(garment) = subject.garment {
        set(Slot::Garment, garment as usize);
    }
    if let Some(headwear) = subject.headwear {
        set(Slot::Headwear, headwear as usize);
    }
    if let Some(scarf) = subject.scarf {
        set(Slot::Scarf, scarf as usize);
    }
    set(Slot::Action, subject.action as usize);
    set(Slot::Direction, subject.direction as usize);
    set(Slot::Pace, subject.pace as usize);
    set(Slot::Place, subject.place as usize);
    set(Slot::Count, subject.count.clamp(1, 5) as usize - 1);
    if let Some(event) = subject.event {
        set(Slot::EventAction, event.action as usize);
        set(
            Slot::EventSecond,
            ((event.at_seconds * 2.0).round() as usize).clamp(1, 7) - 1,
        );
    }
}

/// Below this the air is still, metres per second.
pub const BREEZE: f32 = 2.0;
/// From this on the wind is strong, metres per second.
pub const STRONG_WIND: f32 = 7.0;

/// 0 calm, 1 breeze, 2 strong.
pub fn wind_class(wind: f32) -> usize {
    usize::from(wind.abs() >= BREEZE) + usize::from(wind.abs() >= STRONG_WIND)
}

/// 0 thick fog (below 35 m), 1 fog, 2 light fog and haze (from 120 m).
pub fn visibility_class(meters: f32) -> usize {
    usize::from(meters >= 35.0) + usize::from(meters >= 120.0)
}

/// 0 low (below 15 degrees), 1 middle, 2 high (from 50 degrees).
pub fn sun_class(degrees: f32) -> usize {
    usize::from(degrees >= 15.0) + usize::from(degrees >= 50.0)
}

/// 0 wide (below 32 mm), 1 normal, 2 tele (from 65 mm).
pub fn lens_class(focal_mm: f32) -> usize {
    usize::from(focal_mm >= 32.0) + usize::from(focal_mm >= 65.0)
}

/// 0 shallow depth of field (up to f/2.9), 1 deep (from f/7.9), none between.
pub fn aperture_class(f_number: f32) -> Option<usize> {
    if f_number <= 2.9 {
        Some(0)
    } else if f_number >= 7.9 {
        Some(1)
    } else {
        None
    }
}
