//! The motion layer: events, wind in things, smoke, birds, lamps, and what is absent.

use super::number;
use super::subject::{Form, Noun, color_word, second_doing, second_noun};
use super::writer::Writer;
use crate::program::{
    Action, Exclusion, Garment, Headwear, Setting, SubjectKind, TimeOfDay, Weather,
};
use crate::script::slots::{BREEZE, STRONG_WIND, Slot, exclusion_slot};

/// "after two seconds she stops"; `None` without an event.
pub fn event(w: &mut Writer, noun: &Noun) -> Option<String> {
    let subject = w.main()?;
    let event = subject.event?;
    w.say(Slot::EventAction);
    w.say(Slot::EventSecond);
    let verbs: &[(&'static str, &'static str)] = match event.action {
        Action::Stand if subject.speed > 0.0 => &[
            ("stops", "stop"),
            ("comes to a stop", "come to a stop"),
            ("stands still", "stand still"),
            ("stops", "stop"),
            ("halts", "halt"),
        ],
        Action::Stand => &[("stops", "stop"), ("stands still", "stand still")],
        Action::Walk => &[
            ("starts to walk", "start to walk"),
            ("begins to walk", "begin to walk"),
            ("starts walking", "start walking"),
        ],
        Action::Run => &[
            ("starts to run", "start to run"),
            ("begins to run", "begin to run"),
            ("breaks into a run", "break into a run"),
        ],
        Action::Wave => &[
            ("waves", "wave"),
            ("starts to wave", "start to wave"),
            ("begins waving", "begin waving"),
        ],
        Action::Turn => &[
            ("turns around", "turn around"),
            ("turns", "turn"),
            ("spins around", "spin around"),
        ],
        Action::Jump => &[
            ("jumps", "jump"),
            ("leaps up", "leap up"),
            ("starts jumping", "start jumping"),
        ],
        Action::Rise => &[
            ("starts to rise", "start to rise"),
            ("begins to climb", "begin to climb"),
            ("rises", "rise"),
        ],
        _ => return None,
    };
    let (third, plural) = w.rng.pick(verbs);
    let verb = if noun.plural { plural } else { third };
    let pronoun = noun.pronoun;
    Some(match w.rng.below(6) {
        0 => format!(
            "at second {} {pronoun} {verb}",
            number::second_number(w, event.at_seconds)
        ),
        1 => format!(
            "{pronoun} {verb} at second {}",
            number::second_number(w, event.at_seconds)
        ),
        2 => {
            let exactly = w.pick(&["", "exactly "]);
            let time = number::seconds(w, event.at_seconds);
            format!("{pronoun} {verb} {exactly}after {time}")
        }
        3 => format!(
            "{pronoun} {verb} {} into the shot",
            number::seconds(w, event.at_seconds)
        ),
        _ => format!(
            "after {}, {pronoun} {verb}",
            number::seconds(w, event.at_seconds)
        ),
    })
}

/// What the wind does to things that are in the picture; `None` when it is still.
pub fn wind_effect(w: &mut Writer, noun: Option<&Noun>) -> Option<String> {
    let speed = w.program.wind.abs();
    if speed < BREEZE {
        return None;
    }
    let mut effects: Vec<String> = noun.map_or_else(Vec::new, |noun| on_clothes(w, noun));
    if w.program.setting == Setting::WheatField {
        effects.extend(
            ["the wheat sways in the wind", "wheat swaying in the wind"].map(str::to_owned),
        );
    } else if w.program.setting == Setting::Forest && speed >= STRONG_WIND {
        effects.push("the treetops sway in the wind".to_owned());
    }
    if effects.is_empty() {
        return None;
    }
    let index = w.rng.below(effects.len());
    let effect = effects.swap_remove(index);
    if effect.contains("wheat") {
        w.say(Slot::Setting);
    }
    Some(effect)
}

/// "her scarf flutters in the wind": of things the caption has named, or that are always there.
fn on_clothes(w: &Writer, noun: &Noun) -> Vec<String> {
    let Some(subject) = w.main().filter(|s| s.kind.is_figure() && !noun.plural) else {
        return Vec::new();
    };
    let mut effects: Vec<&str> = Vec::new();
    if subject.scarf.is_some() && w.has_said(Slot::Scarf) {
        effects.extend(["scarf flutters in the wind", "scarf trails in the wind"]);
    }
    if w.has_said(Slot::Garment) {
        effects.extend(match subject.garment {
            Some(Garment::Coat) => ["coat flutters in the wind", "coat moves in the wind"],
            Some(Garment::Dress) => ["dress flutters in the wind", "dress sways in the breeze"],
            _ => ["clothes flutter in the wind", "clothes move in the wind"],
        });
    }
    if subject.kind == SubjectKind::Woman && subject.headwear != Some(Headwear::Hood) {
        effects.extend(["hair moves in the wind", "hair sways in the breeze"]);
        if subject.speed > 0.0 {
            effects.push("hair swings with every step");
        }
    }
    effects
        .iter()
        .map(|effect| format!("{} {effect}", noun.possessive))
        .collect()
}

/// Smoke, birds and lamps that the program shows.
pub fn extras(w: &mut Writer) -> Vec<String> {
    let mut said = Vec::new();
    if w.program.smoke && w.wants() {
        w.say(Slot::Smoke);
        said.push(smoke(w).to_owned());
    }
    if w.program.birds && w.wants() {
        w.say(Slot::Birds);
        said.push(
            w.pick(&[
                "birds in the sky",
                "a few birds in the sky",
                "distant birds",
                "a flock of birds in the distance",
                "birds fly in the distance",
                "birds circle far away",
            ])
            .to_owned(),
        );
    }
    if w.program.lamps && w.wants() {
        w.say(Slot::Lamps);
        let lamps = lamps(w);
        if ["street", "harbor", "pier"]
            .iter()
            .any(|place| lamps.contains(place))
        {
            w.say(Slot::Setting);
        }
        said.push(lamps.to_owned());
    }
    said
}

fn smoke(w: &mut Writer) -> &'static str {
    match w.main().map(|s| s.kind) {
        Some(SubjectKind::Train) => w.pick(&[
            "smoke trails behind",
            "the smoke trails behind",
            "a plume of smoke above the engine",
            "smoke from the funnel",
        ]),
        Some(SubjectKind::FishingBoat) => w.pick(&[
            "smoke from the funnel",
            "a little smoke rises from the funnel",
        ]),
        _ if w.program.setting == Setting::Skyline => {
            w.pick(&["smoke rises from a chimney", "smoke above the roofs"])
        }
        _ if w.program.setting == Setting::SnowVillage => w.pick(&[
            "smoke drifts from a chimney",
            "smoke rises from a chimney",
            "chimney smoke",
            "smoke from the chimneys",
        ]),
        _ => w.pick(&["smoke drifts through the air", "smoke rises"]),
    }
}

fn lamps(w: &mut Writer) -> &'static str {
    let wet_night = w.program.weather == Weather::Rain
        && matches!(w.program.time, TimeOfDay::Night | TimeOfDay::Dusk);
    match w.program.setting {
        Setting::Street if wet_night && w.rng.chance(0.4) => w.pick(&[
            "lights reflect on the wet road",
            "neon reflections on the road",
        ]),
        Setting::Street => w.pick(&[
            "street lamps glow",
            "lit windows",
            "glowing street lamps",
            "lit shop windows",
            "a shop window glows warm",
            "windows glow",
        ]),
        Setting::Skyline => w.pick(&[
            "lit windows",
            "windows light up",
            "city lights",
            "the windows are lit",
            "lights in the windows",
        ]),
        Setting::Harbor => w.pick(&[
            "harbor lights",
            "lamps glow",
            "lit windows",
            "lamps on the pier",
        ]),
        _ => w.pick(&[
            "lit windows",
            "windows glow",
            "glowing windows",
            "lamps are lit",
        ]),
    }
}

/// The second subject as a clause of its own: "on the right a brown dog runs".
pub fn second(w: &mut Writer) -> Option<String> {
    let subject = w.second()?;
    let noun = second_noun(w, subject);
    let verb = second_doing(w, subject, noun.plural, Form::Finite);
    let lead = w.pick(&["", "", "nearby ", "close by ", "also in the frame: "]);
    Some(format!("{lead}{} {verb}", noun.text))
}

/// "two children in green and yellow coats": both subjects in one noun, where they are alike.
pub fn alike(w: &mut Writer) -> Option<Noun> {
    let (main, second) = (w.main()?, w.second()?);
    let same = main.kind == second.kind && main.garment == second.garment;
    if !same || main.action != second.action {
        return None;
    }
    let garment = super::words::garments(main.garment?)[0].1;
    let people = match main.kind {
        SubjectKind::Man => "men",
        SubjectKind::Woman => "women",
        _ => "children",
    };
    for slot in [
        Slot::Kind,
        Slot::Color,
        Slot::Garment,
        Slot::SecondKind,
        Slot::SecondColor,
        Slot::SecondAction,
    ] {
        w.say(slot);
    }
    let (first, other) = (color_word(w, main.color), color_word(w, second.color));
    Some(Noun {
        text: format!("two {people} in {first} and {other} {garment}"),
        plural: true,
        pronoun: "they",
        possessive: "their",
    })
}

/// "without birds", "no camera shake": everything the program names as absent.
pub fn absences(w: &mut Writer) -> Vec<String> {
    let mut said = Vec::new();
    for &exclusion in &w.program.without {
        if !w.rng.chance(0.5 + 0.6 * w.detail) {
            continue;
        }
        w.say(exclusion_slot(exclusion));
        let things: &[&'static str] = match exclusion {
            Exclusion::Birds => &["birds", "any birds"],
            Exclusion::People => &["people", "any people", "persons"],
            Exclusion::Clouds => &["clouds", "any clouds"],
            Exclusion::Boats => &["boats", "ships", "any boats"],
            Exclusion::Shake => &["camera shake", "shaking", "shake"],
            Exclusion::Sun => &["sun", "visible sun"],
            Exclusion::Trees => &["trees", "any trees"],
        };
        let thing = w.pick(things);
        let bare = thing.strip_prefix("any ").unwrap_or(thing);
        said.push(match w.rng.below(5) {
            0..=2 => format!("no {bare}"),
            3 => format!("without {thing}"),
            _ => format!("without {bare}"),
        });
    }
    said
}

/// Waves, glitter: what water does in the picture.
pub fn water(w: &mut Writer) -> Option<&'static str> {
    let program = w.program;
    let speed = program.wind.abs();
    let low_sun = program.weather == Weather::Clear
        && matches!(program.time, TimeOfDay::Dawn | TimeOfDay::GoldenHour);
    match program.setting {
        Setting::Sea | Setting::Beach | Setting::Harbor if low_sun && w.rng.chance(0.6) => {
            Some(w.pick(&[
                "glitter on the water",
                "the water glitters",
                "sun glitter on the sea",
            ]))
        }
        Setting::Sea if speed >= STRONG_WIND => {
            Some(w.pick(&["rough waves", "choppy sea", "high waves"]))
        }
        Setting::Sea | Setting::Beach => Some(w.pick(&[
            "small waves",
            "gentle waves",
            "waves roll in",
            "waves splash on the shore",
        ])),
        _ => None,
    }
}

/// Weather that moves, as a clause of its own.
pub fn weather_clause(w: &mut Writer) -> Option<&'static str> {
    let phrases: &[&'static str] = match w.program.weather {
        Weather::Rain => &[
            "rain falls",
            "it is raining",
            "rain streaks through the air",
            "rain pours down",
        ],
        Weather::Snow => &[
            "snow falls",
            "it is snowing",
            "snowflakes drift down",
            "snow drifts down",
        ],
        Weather::Fog => &[
            "fog drifts",
            "fog hangs in the air",
            "fog lies over the scene",
        ],
        Weather::Clear | Weather::Overcast => return None,
    };
    w.say(Slot::Weather);
    Some(w.pick(phrases))
}
