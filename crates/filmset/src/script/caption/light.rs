//! The light layer: quality, tone, backlight, height of the sun.

use super::number;
use super::writer::Writer;
use crate::program::{LightQuality, LightTone, TimeOfDay, Weather};
use crate::script::slots::{Slot, sun_class};

fn tone(w: &mut Writer) -> &'static str {
    w.say(Slot::LightTone);
    let phrases: &[&'static str] = match w.program.light.tone {
        LightTone::Warm => &["warm", "warm", "amber", "golden-warm"],
        LightTone::Cold => &["cold", "cold", "cool", "cold blue", "icy"],
        LightTone::Neutral => &["neutral", "natural"],
    };
    w.pick(phrases)
}

fn quality(w: &mut Writer) -> &'static str {
    w.say(Slot::LightQuality);
    let phrases: &[&'static str] = match w.program.light.quality {
        LightQuality::Hard => &["hard", "hard", "harsh", "crisp"],
        LightQuality::Soft => &["soft", "soft", "diffuse", "gentle"],
    };
    w.pick(phrases)
}

fn source(w: &mut Writer) -> &'static str {
    let sun = w.program.weather == Weather::Clear
        && matches!(
            w.program.time,
            TimeOfDay::Morning | TimeOfDay::Noon | TimeOfDay::GoldenHour
        );
    let overcast = w.program.weather == Weather::Overcast;
    match w.program.time {
        TimeOfDay::Night if w.program.weather == Weather::Clear && w.rng.chance(0.3) => "moonlight",
        _ if sun && w.rng.chance(0.35) => "sunlight",
        TimeOfDay::Night => "light",
        _ if overcast && w.rng.chance(0.25) => {
            w.say(Slot::Weather);
            "overcast light"
        }
        _ => "light",
    }
}

/// "soft overcast light", "hard sunlight at 45 degrees", "warm tones".
pub fn tag(w: &mut Writer) -> String {
    let both = w.rng.chance(0.35 + 0.3 * w.detail);
    let text = if both {
        let (tone, quality) = (tone(w), quality(w));
        let source = source(w);
        if w.rng.chance(0.5) {
            format!("{quality} {tone} {source}")
        } else {
            format!("{tone}, {quality} {source}")
        }
    } else if w.rng.chance(0.5) {
        w.say(Slot::LightQuality);
        let hard = w.program.light.quality == LightQuality::Hard;
        match w.rng.below(4) {
            0 if hard => w
                .pick(&["sharp shadows", "hard shadows", "crisp shadows"])
                .to_owned(),
            0 => w
                .pick(&["soft shadows", "no hard shadows", "diffuse shadows"])
                .to_owned(),
            _ => format!("{} {}", quality(w), source(w)),
        }
    } else if w.rng.chance(0.3) {
        w.say(Slot::LightTone);
        let phrases: &[&'static str] = match w.program.light.tone {
            LightTone::Warm => &[
                "warm tones",
                "warm colors",
                "a warm color grade",
                "warm palette",
            ],
            LightTone::Cold => &[
                "cold tones",
                "cool colors",
                "a cold color grade",
                "cold palette",
            ],
            LightTone::Neutral => &["neutral colors", "natural colors", "neutral tones"],
        };
        w.pick(phrases).to_owned()
    } else {
        format!("{} {}", tone(w), source(w))
    };
    if text.ends_with("sunlight") && w.rng.chance(0.3) {
        w.say(Slot::SunHeight);
        let angle = number::degrees(w, w.program.light.elevation_degrees);
        return format!("{text} at {angle}");
    }
    text
}

/// "the light is soft and warm": the layer as a clause.
pub fn clause(w: &mut Writer) -> String {
    match w.rng.below(4) {
        0 => {
            let (quality, tone) = (quality(w), tone(w));
            format!("the light is {quality} and {tone}")
        }
        1 => {
            let tone = tone(w);
            let quality = quality(w);
            format!("{quality}, {tone} light falls on the scene")
        }
        2 => format!("the scene is lit by {}", tag(w)),
        _ => tag(w),
    }
}

/// "backlit, the sun low behind her"; only where the program has backlight.
pub fn backlight(w: &mut Writer, object: &str) -> Option<String> {
    if !w.program.light.backlight {
        return None;
    }
    w.say(Slot::Backlight);
    let sun = w.program.time == TimeOfDay::GoldenHour;
    Some(match w.rng.below(6) {
        0 => w
            .pick(&["backlit", "backlight", "against the light"])
            .to_owned(),
        1 => w
            .pick(&["rim light", "a rim of light", "glowing rim light"])
            .to_owned(),
        2 if w.program.light.tone == LightTone::Warm => {
            w.say(Slot::LightTone);
            "warm backlight halo".to_owned()
        }
        3 if sun => {
            w.say(Slot::SunHeight);
            format!("the sun low behind {object}")
        }
        4 => format!("light from behind {object}"),
        _ => w
            .pick(&["backlight", "in the backlight", "a halo of backlight"])
            .to_owned(),
    })
}

/// "sun at 45 degrees", "low sun"; only where the sun can be seen.
pub fn sun(w: &mut Writer) -> Option<String> {
    let elevation = w.program.light.elevation_degrees;
    if w.program.weather != Weather::Clear || elevation < 3.0 || w.program.time == TimeOfDay::Night
    {
        return None;
    }
    w.say(Slot::SunHeight);
    if w.rng.chance(0.55) {
        let angle = number::degrees(w, elevation);
        return Some(match w.rng.below(3) {
            0 => format!("the sun stands {angle} above the horizon"),
            _ => format!("sun at {angle}"),
        });
    }
    let phrases: &[&'static str] = match sun_class(elevation) {
        0 => &[
            "low sun",
            "the sun is low",
            "sun low over the horizon",
            "a low sun",
        ],
        1 => &["sun at medium height", "half-high sun"],
        _ => &[
            "high sun",
            "the sun is high",
            "the sun high above",
            "a high sun",
        ],
    };
    Some(w.pick(phrases).to_owned())
}
