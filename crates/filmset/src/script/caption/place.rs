//! The setting layer: where, when, in what weather.

use super::number;
use super::scenery::{in_air, names, on_land, on_water};
use super::writer::Writer;
use crate::program::{Setting, SubjectKind, TimeOfDay, Weather};
use crate::script::slots::{BREEZE, STRONG_WIND, Slot};

/// Where a subject is in the setting.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ground {
    Land,
    Water,
    Air,
}

fn ground(kind: SubjectKind, setting: Setting) -> Ground {
    match kind {
        SubjectKind::Birds | SubjectKind::Balloon | SubjectKind::Kite => Ground::Air,
        SubjectKind::Sailboat | SubjectKind::FishingBoat => Ground::Water,
        SubjectKind::Lighthouse if setting == Setting::Sea => Ground::Water,
        _ => Ground::Land,
    }
}

/// "on a wooden dock": where the main subject is.
pub fn whereabouts(w: &mut Writer) -> String {
    w.say(Slot::Setting);
    let setting = w.program.setting;
    let kind = w.main().map(|s| s.kind);
    let phrases = match kind.map(|kind| ground(kind, setting)) {
        Some(Ground::Air) => in_air(setting),
        Some(Ground::Water) => on_water(setting),
        _ => on_land(setting),
    };
    if w.program.wind.abs() < BREEZE && phrases == on_water(Setting::Sea) && w.rng.chance(0.4) {
        w.say(Slot::Wind);
        return w
            .pick(&["on a calm sea", "on calm water", "on a smooth sea"])
            .to_owned();
    }
    w.pick(phrases).to_owned()
}

/// "a harbor": the setting as a noun.
pub fn name(w: &mut Writer) -> &'static str {
    w.say(Slot::Setting);
    let setting = w.program.setting;
    w.pick(names(setting))
}

/// "at dawn".
pub fn when(w: &mut Writer) -> &'static str {
    w.say(Slot::Time);
    let clear = w.program.weather == Weather::Clear;
    let phrases: &[&'static str] = match w.program.time {
        TimeOfDay::Dawn => &[
            "at dawn",
            "at dawn",
            "at sunrise",
            "at first light",
            "at daybreak",
            "at early dawn",
        ],
        TimeOfDay::Morning => &[
            "in the morning",
            "in the morning",
            "on a morning",
            "in mid-morning",
            "by morning",
        ],
        TimeOfDay::Noon if clear => &[
            "at noon",
            "at midday",
            "at high noon",
            "at bright noon",
            "in the noon sun",
        ],
        TimeOfDay::Noon => &["at noon", "at midday", "in the middle of the day"],
        TimeOfDay::GoldenHour if clear => &[
            "at golden hour",
            "at golden hour",
            "in late golden light",
            "at the golden hour",
            "at sunset",
            "in the late afternoon",
            "in golden evening light",
        ],
        TimeOfDay::GoldenHour => &[
            "at golden hour",
            "at the golden hour",
            "in the late afternoon",
            "at golden hour",
        ],
        TimeOfDay::Dusk => &[
            "at dusk",
            "at dusk",
            "at blue hour",
            "at twilight",
            "after sunset",
            "at nightfall",
            "in the blue hour",
        ],
        TimeOfDay::Night if clear => &[
            "at night",
            "at night",
            "by night",
            "after dark",
            "under a night sky",
            "late at night",
        ],
        TimeOfDay::Night => &[
            "at night",
            "at night",
            "by night",
            "after dark",
            "late at night",
        ],
    };
    w.pick(phrases)
}

/// "dawn": the hour as a tag.
pub fn hour(w: &mut Writer) -> &'static str {
    w.say(Slot::Time);
    let phrases: &[&'static str] = match w.program.time {
        TimeOfDay::Dawn => &["dawn", "sunrise", "daybreak", "first light"],
        TimeOfDay::Morning => &["morning", "mid-morning", "morning light"],
        TimeOfDay::Noon => &["noon", "midday", "noon light"],
        TimeOfDay::GoldenHour => &["golden hour", "late golden light", "golden light", "sunset"],
        TimeOfDay::Dusk => &["dusk", "blue hour", "twilight", "nightfall"],
        TimeOfDay::Night => &["night", "nighttime", "night scene"],
    };
    w.pick(phrases)
}

/// "in thick fog": the weather behind a clause; empty when nothing is said.
pub fn in_weather(w: &mut Writer) -> String {
    let weather = w.program.weather;
    w.say(Slot::Weather);
    match weather {
        Weather::Clear => w
            .pick(&[
                "under a clear sky",
                "in clear weather",
                "under clear skies",
                "in clear air",
            ])
            .to_owned(),
        Weather::Overcast => w
            .pick(&[
                "under an overcast sky",
                "under heavy clouds",
                "in overcast weather",
                "under a cloudy sky",
                "beneath a closed layer of clouds",
            ])
            .to_owned(),
        Weather::Rain => w
            .pick(&[
                "in the rain",
                "in heavy rain",
                "in steady rain",
                "through the rain",
                "in pouring rain",
                "through heavy rain",
            ])
            .to_owned(),
        Weather::Snow => w
            .pick(&[
                "in falling snow",
                "in the snow",
                "in snowfall",
                "through falling snow",
                "while it snows",
                "in light snowfall",
            ])
            .to_owned(),
        Weather::Fog => fog(w, true),
    }
}

/// "thick fog": the weather as a tag.
pub fn air(w: &mut Writer) -> String {
    let weather = w.program.weather;
    w.say(Slot::Weather);
    match weather {
        Weather::Clear => w
            .pick(&["clear sky", "clear weather", "clear air", "a clear sky"])
            .to_owned(),
        Weather::Overcast => w
            .pick(&[
                "overcast",
                "overcast sky",
                "cloudy sky",
                "heavy clouds",
                "cloudy",
            ])
            .to_owned(),
        Weather::Rain => w
            .pick(&[
                "rain",
                "heavy rain",
                "rainy weather",
                "steady rain",
                "it is raining",
            ])
            .to_owned(),
        Weather::Snow => w
            .pick(&[
                "falling snow",
                "snowfall",
                "it is snowing",
                "snow falls",
                "snowflakes",
            ])
            .to_owned(),
        Weather::Fog => fog(w, false),
    }
}

/// "in thick ground fog" or, without preposition, "haze on the horizon, visibility 150 meters".
fn fog(w: &mut Writer, preposition: bool) -> String {
    let meters = w.program.visibility_meters.unwrap_or(60.0);
    if meters >= 120.0 && !preposition && w.rng.chance(0.4) {
        w.say(Slot::Visibility);
        let skyline = w.program.setting == Setting::Skyline;
        let phrases: &[&'static str] = if skyline {
            &["haze between the towers"]
        } else {
            &["haze on the horizon", "haze in the distance"]
        };
        return w.pick(phrases).to_owned();
    }
    let text = if w.rng.chance(0.65) {
        w.say(Slot::Visibility);
        if meters < 35.0 {
            w.pick(&["thick fog", "dense fog", "thick ground fog", "heavy fog"])
        } else if meters < 120.0 {
            w.pick(&["moderate fog", "fog banks", "drifting fog"])
        } else {
            w.pick(&[
                "light fog",
                "haze",
                "thin mist",
                "light haze",
                "a light mist",
            ])
        }
    } else if meters < 120.0 {
        w.pick(&["fog", "fog", "mist"])
    } else {
        w.pick(&["fog", "mist"])
    };
    if preposition {
        format!("in {text}")
    } else {
        text.to_owned()
    }
}

/// "visibility twenty meters"; only in fog.
pub fn visibility(w: &mut Writer) -> Option<String> {
    let meters = w.program.visibility_meters?;
    w.say(Slot::Visibility);
    // People give round numbers; the nearest one is still what the scene shows.
    let step = if meters < 30.0 {
        1.0
    } else if meters < 100.0 {
        5.0
    } else {
        10.0
    };
    let distance = number::meters(w, (meters / step).round() * step);
    Some(match w.rng.below(4) {
        0 => format!("visibility of {distance}"),
        1 => format!("you can see about {distance} far"),
        _ => format!("visibility {distance}"),
    })
}

/// "a strong wind from the left".
pub fn wind(w: &mut Writer) -> String {
    w.say(Slot::Wind);
    let speed = w.program.wind.abs();
    if speed < BREEZE {
        return w
            .pick(&[
                "no wind",
                "still air",
                "calm air",
                "windless",
                "calm, no wind",
            ])
            .to_owned();
    }
    let mut text = if speed < STRONG_WIND {
        w.pick(&[
            "a light breeze",
            "a breeze",
            "a gentle breeze",
            "light wind",
            "a soft wind",
        ])
    } else {
        w.pick(&[
            "a strong wind",
            "strong wind",
            "gusts of wind",
            "a stiff wind",
            "high wind",
        ])
    }
    .to_owned();
    if w.rng.chance(0.25) {
        let meters = number::meters(w, speed);
        text = format!("{text} of {meters} per second");
    }
    if w.rng.chance(0.4) {
        w.say(Slot::WindSide);
        let left = w.program.wind > 0.0;
        text.push_str(if left {
            " from the left"
        } else {
            " from the right"
        });
    }
    text
}
