//! The layers as lists of tags, each said as often as the style wants.

use super::subject::{self, Noun};
use super::writer::{Writer, with_article};
use super::{camera, light, motion, place, scenery};
use crate::program::Weather;
use crate::script::slots::Slot;

/// " at dawn in thick fog": hour and weather, each if wanted.
pub fn circumstances(w: &mut Writer) -> String {
    let mut text = String::new();
    let weathered = w.program.weather != Weather::Clear;
    let time = w.rng.chance(0.6 + 0.45 * w.detail) && !w.has_said(Slot::Time);
    let weather = w
        .rng
        .chance(if weathered { 0.4 } else { 0.15 } + 0.25 * w.detail)
        && !w.has_said(Slot::Weather);
    let adjective = weather_adjective(w.program.weather);
    let part_of_day = scenery::part_of_day(w.program.time);
    if let (true, true, Some(hours)) = (time, weather && w.rng.chance(0.3), part_of_day) {
        w.say(Slot::Weather);
        w.say(Slot::Time);
        let adjective = w.pick(adjective);
        let preposition = w.pick(&["on", "on", "during"]);
        let hour = w.pick(hours);
        return format!(" {preposition} {} {hour}", with_article(adjective));
    }
    let mut parts: Vec<String> = Vec::new();
    if time {
        parts.push(place::when(w).to_owned());
    }
    if weather {
        parts.push(place::in_weather(w));
    }
    w.rng.shuffle(&mut parts);
    for part in parts {
        text = format!("{text} {part}");
    }
    text
}

const fn weather_adjective(weather: Weather) -> &'static [&'static str] {
    match weather {
        Weather::Clear => &["clear", "cloudless"],
        Weather::Overcast => &["overcast", "cloudy"],
        Weather::Fog => &["foggy", "misty"],
        Weather::Rain => &["rainy", "rainy"],
        Weather::Snow => &["snowy", "snowy"],
    }
}

/// The camera layer as tags.
pub fn camera_tags(w: &mut Writer) -> Vec<String> {
    let mut tags = Vec::new();
    let lead = 0.35 + 0.7 * w.detail;
    let motion = w.rng.chance(lead) && !w.has_said(Slot::CameraMove);
    let shot = w.rng.chance(lead * 0.8) && !w.has_said(Slot::Shot);
    if motion && shot && w.rng.chance(0.5) {
        tags.push(camera::shot_and_move(w));
    } else {
        if motion {
            tags.push(camera::move_tag(w));
        }
        if shot && !w.has_said(Slot::Shot) {
            tags.push(camera::shot_tag(w).to_owned());
        }
    }
    if w.wants() && w.rng.chance(0.7) {
        tags.push(camera::lens(w));
    }
    if w.wants() && w.rng.chance(0.6) {
        tags.push(camera::aperture(w));
    }
    tags
}

/// The light layer as tags.
pub fn light_tags(w: &mut Writer, noun: Option<&Noun>) -> Vec<String> {
    let mut tags = Vec::new();
    if w.rng.chance(0.15 + 0.8 * w.detail) {
        tags.push(light::tag(w));
    }
    let object = match noun.map(|noun| noun.pronoun) {
        Some("she") => "her",
        Some("he") => "him",
        Some("they") => "them",
        Some("it") => "it",
        Some(_) => "the figure",
        None => "the scene",
    };
    if w.rng.chance(0.1 + 0.8 * w.detail) {
        tags.extend(light::backlight(w, object));
    }
    if w.wants_rarely() {
        tags.extend(light::sun(w));
    }
    tags
}

/// Weather, wind and water not yet said, as tags.
pub fn air_tags(w: &mut Writer) -> Vec<String> {
    let mut tags = Vec::new();
    if !w.has_said(Slot::Time) && w.wants() {
        tags.push(place::hour(w).to_owned());
    }
    let weathered = w.program.weather != Weather::Clear;
    if !w.has_said(Slot::Weather) && (w.wants() || (weathered && w.rng.chance(0.5))) {
        tags.push(place::air(w));
    }
    if w.program.visibility_meters.is_some() && w.wants() && w.rng.chance(0.6) {
        tags.extend(place::visibility(w));
    }
    if !w.has_said(Slot::Wind) && w.wants() && w.rng.chance(0.75) {
        tags.push(place::wind(w));
    }
    if w.wants_rarely() {
        tags.extend(motion::water(w).map(str::to_owned));
    }
    if w.wants_rarely() && w.has_said(Slot::Setting) && w.rng.chance(0.6) {
        tags.push(
            scenery::detail(w.program).map_or_else(String::new, |all| w.pick(all).to_owned()),
        );
    }
    tags.retain(|tag| !tag.is_empty());
    tags
}

/// The motion layer as tags: events, the second subject, smoke, birds.
pub fn motion_tags(w: &mut Writer, noun: Option<&Noun>) -> Vec<String> {
    let mut tags = Vec::new();
    if let Some(noun) = noun.filter(|_| w.rng.chance(0.6 + 0.4 * w.detail)) {
        tags.extend(motion::event(w, noun));
    }
    if !w.has_said(Slot::SecondKind) && w.rng.chance(0.5 + 0.6 * w.detail) {
        tags.extend(motion::second(w));
    }
    if w.wants() {
        tags.extend(motion::wind_effect(w, noun));
    }
    tags.extend(motion::extras(w));
    tags
}

/// "on the left of the frame", now and then, of a single subject.
pub fn place_tag(w: &mut Writer) -> Option<String> {
    let main = w.main()?;
    let said = main.count == 1 && w.wants_rarely();
    said.then(|| subject::position(w, main).to_owned())
}
