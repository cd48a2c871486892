//! Captions say what their slots record, and nothing else about the main facts.

use kinora_filmset::program::Program;
use kinora_filmset::script::random::Rng;
use kinora_filmset::script::{Caption, Recipe, SLOTS, Slot, Split, Style, caption, sample, truth};

const MANY: u64 = 12_000;

fn captions(split: Split) -> impl Iterator<Item = (Program, Caption)> {
    let recipe = Recipe {
        aspect: None,
        split,
        ..Recipe::default()
    };
    (0..MANY).map(move |seed| {
        let program = sample(seed, &recipe);
        let mut rng = Rng::new(seed);
        let style = Style::mixed(&mut rng);
        let caption = caption(&program, style, split, &mut rng);
        (program, caption)
    })
}

/// Words of which a caption must hold one when it says `value` of `slot`; written from how people
/// speak, apart from the generator's own tables.
#[expect(clippy::too_many_lines, reason = "one table, read line by line")]
fn evidence(slot: Slot, value: &str) -> Option<&'static [&'static str]> {
    Some(match (slot, value) {
        (Slot::Setting, "harbor") => {
            &["harbor", "harbour", "port", "pier", "dock", "quay", "jetty"]
        }
        (Slot::Setting, "beach") => &["beach", "shore", "sand by the sea"],
        (Slot::Setting, "sea") => &["sea", "ocean", "open water", "calm water"],
        (Slot::Setting, "wheat field") => &["wheat", "field"],
        (Slot::Setting, "mountains") => &["mountain"],
        (Slot::Setting, "desert") => &["desert", "dune"],
        (Slot::Setting, "snow village") => &["village"],
        (Slot::Setting, "city street") => &["street"],
        (Slot::Setting, "skyline") => &["skyline", "towers of a city"],
        (Slot::Setting, "forest") => &["forest", "wood", "trees"],
        (Slot::Time, "dawn") => &["dawn", "sunrise", "daybreak", "first light"],
        (Slot::Time, "morning") => &["morning"],
        (Slot::Time, "noon") => &["noon", "midday", "middle of the day"],
        (Slot::Time, "golden hour") => &["golden", "sunset", "late afternoon"],
        (Slot::Time, "dusk") => &[
            "dusk",
            "blue hour",
            "twilight",
            "after sunset",
            "nightfall",
            "evening",
        ],
        (Slot::Time, "night") => &["night", "after dark"],
        (Slot::Weather, "clear") => &["clear", "cloudless"],
        (Slot::Weather, "overcast") => &["overcast", "cloud"],
        (Slot::Weather, "fog") => &["fog", "mist", "haze"],
        (Slot::Weather, "rain") => &["rain"],
        (Slot::Weather, "snow") => &["snow"],
        (Slot::LightTone, "warm") => &["warm", "amber"],
        (Slot::LightTone, "cold") => &["cold", "cool", "icy"],
        (Slot::LightTone, "neutral") => &["neutral", "natural"],
        (Slot::LightQuality, "hard light") => &["hard", "harsh", "crisp", "sharp"],
        (Slot::LightQuality, "soft light") => &["soft", "diffuse", "gentle", "no hard"],
        (Slot::Backlight, _) => &["backl", "rim ", "behind", "against the light"],
        (Slot::CameraMove, "static") => &[
            "static",
            "locked",
            "tripod",
            "fixed",
            "still",
            "does not move",
        ],
        (Slot::CameraMove, "push in") => &[
            "push",
            "dolly in",
            "dollies in",
            "closer",
            "track in",
            "zoom in",
            "move in",
            "moves in",
        ],
        (Slot::CameraMove, "pull back") => &[
            "pull",
            "dolly out",
            "dollies out",
            "dolly back",
            "zoom out",
            "back",
            "retreat",
        ],
        (Slot::CameraMove, "pan left") => &[
            "pan left",
            "pan to the left",
            "left pan",
            "pans left",
            "pans to the left",
            "turns left",
            "left",
        ],
        (Slot::CameraMove, "pan right") => &["pan right", "right"],
        (Slot::CameraMove, "tilt up" | "tilt down") => &["tilt", "looks up", "looks down"],
        (Slot::CameraMove, "crane up" | "crane down") => &[
            "crane",
            "boom",
            "pedestal",
            "jib",
            "moves upward",
            "moves downward",
            "upward",
            "downward",
        ],
        (Slot::CameraMove, "tracking") => &["track", "follow", "alongside"],
        (Slot::CameraMove, "handheld") => &["handheld", "hand-held"],
        (Slot::Shot, "wide shot") => &["wide", "long shot", "establishing"],
        (Slot::Shot, "medium shot") => &["medium", "mid shot"],
        (Slot::Shot, "close-up") => &["close", "tight"],
        (Slot::Aperture, "shallow") => &["shallow", "bokeh", "blur", "f1", "f2", "f/", "f "],
        (Slot::Aperture, "deep") => &[
            "deep",
            "everything in focus",
            "large depth",
            "f1",
            "f/",
            "f ",
            "f8",
            "f9",
        ],
        (Slot::Lens, _) => &["mm", "millimeter", "lens", "wide angle"],
        (Slot::Kind | Slot::SecondKind, kind) => return kind_evidence(kind),
        (Slot::Color | Slot::SecondColor | Slot::Scarf, color) => return color_evidence(color),
        (Slot::Garment, "coat") => &["coat"],
        (Slot::Garment, "dress") => &["dress", "gown"],
        (Slot::Garment, "raincoat") => &["raincoat", "rain coat", "oilskin", "slicker"],
        (Slot::Garment, "jacket") => &["jacket", "windbreaker"],
        (Slot::Garment, "sweater") => &["sweater", "pullover", "jumper"],
        (Slot::Headwear, "bare head") => &["bareheaded", "without a hat", "no hat"],
        (Slot::Headwear, "wide hat") => &["hat"],
        (Slot::Headwear, "cap") => &["cap"],
        (Slot::Headwear, "hood") => &["hood"],
        (Slot::Headwear, "beanie") => &["beanie"],
        (Slot::Wind, _) => &["wind", "breeze", "air", "calm", "smooth sea"],
        (Slot::Smoke, _) => &["smoke"],
        (Slot::Birds, _) => &["birds"],
        (Slot::Lamps, _) => &["lamp", "light", "window", "reflect"],
        (Slot::WithoutBirds, _) => &["no birds", "without birds", "without any birds"],
        (Slot::WithoutPeople, _) => &["people", "persons"],
        (Slot::WithoutClouds, _) => &["clouds"],
        (Slot::WithoutBoats, _) => &["boats", "ships"],
        (Slot::WithoutShake, _) => &["shak"],
        (Slot::WithoutTrees, _) => &["trees"],
        (Slot::Visibility, _) => &["fog", "mist", "haze", "visibility", "see about"],
        (Slot::WithoutSun | Slot::SunHeight, _) => &["sun"],
        (Slot::EventSecond, _) => &["second", "sec", " s", "s,", "s."],
        (Slot::Place, "on the left") => &["left"],
        (Slot::Place, "in the center") => &["center", "middle"],
        (Slot::Place, "on the right") => &["right"],
        _ => return None,
    })
}

fn kind_evidence(kind: &str) -> Option<&'static [&'static str]> {
    Some(match kind {
        "man" => &["man", "men", "runner", "farmer", "hiker", "guy"],
        "woman" => &["woman", "women", "lady", "ladies"],
        "child" => &["child", "kid", "girl", "boy"],
        "dog" => &["dog", "pupp", "hound"],
        "birds" => &["birds", "gulls"],
        "sailboat" => &["sailboat", "sailing boat", "yacht"],
        "fishing boat" => &["boat", "trawler", "vessel"],
        "hot-air balloon" => &["balloon"],
        "train" => &["train", "locomotive"],
        "ball" => &["ball"],
        "kite" => &["kite"],
        "lighthouse" => &["lighthouse", "light house"],
        _ => return None,
    })
}

fn color_evidence(color: &str) -> Option<&'static [&'static str]> {
    Some(match color {
        "red" => &["red", "crimson", "scarlet"],
        "orange" => &["orange", "tangerine"],
        "yellow" => &["yellow"],
        "green" => &["green", "emerald"],
        "teal" => &["teal", "turquoise", "blue-green"],
        "blue" => &["blue", "cobalt"],
        "purple" => &["purple", "violet"],
        "pink" => &["pink", "rose"],
        "brown" => &["brown", "chestnut"],
        "white" => &["white"],
        "grey" => &["grey", "gray"],
        "black" => &["black"],
        _ => return None,
    })
}

fn check_said(split: Split) {
    for (program, caption) in captions(split) {
        let text = caption.text.to_lowercase();
        let truth = truth(&program);
        assert_eq!(caption.slots.len(), SLOTS.len());
        for (index, spec) in SLOTS.iter().enumerate() {
            let said = caption.slots[index];
            if said == 0 {
                continue;
            }
            assert_eq!(said, truth[index], "{} is not so: {text}", spec.name);
            let value = spec.values[said as usize - 1];
            let slot = SLOT_OF[index];
            if let Some(words) = evidence(slot, value) {
                assert!(
                    words.iter().any(|w| text.contains(w)),
                    "no {value} in: {text}"
                );
            }
        }
    }
}

/// Every slot by index, in the order of [`SLOTS`].
const SLOT_OF: [Slot; 40] = [
    Slot::Setting,
    Slot::Time,
    Slot::Weather,
    Slot::Wind,
    Slot::LightQuality,
    Slot::LightTone,
    Slot::Backlight,
    Slot::CameraMove,
    Slot::CameraPace,
    Slot::Shot,
    Slot::Lens,
    Slot::Aperture,
    Slot::Kind,
    Slot::Color,
    Slot::Garment,
    Slot::Headwear,
    Slot::Scarf,
    Slot::Action,
    Slot::Direction,
    Slot::Pace,
    Slot::Place,
    Slot::Count,
    Slot::EventAction,
    Slot::EventSecond,
    Slot::SecondKind,
    Slot::SecondColor,
    Slot::SecondAction,
    Slot::Birds,
    Slot::Smoke,
    Slot::Lamps,
    Slot::WithoutBirds,
    Slot::WithoutPeople,
    Slot::WithoutClouds,
    Slot::WithoutBoats,
    Slot::WithoutShake,
    Slot::WithoutSun,
    Slot::WithoutTrees,
    Slot::Visibility,
    Slot::WindSide,
    Slot::SunHeight,
];

#[test]
fn what_is_said_is_true_and_stands_in_the_text() {
    assert!(
        SLOT_OF
            .iter()
            .enumerate()
            .all(|(index, &slot)| slot as usize == index)
    );
    assert_eq!(SLOT_OF.len(), SLOTS.len());
    check_said(Split::Train);
    check_said(Split::HeldOut);
}

#[test]
fn what_is_not_said_does_not_stand_in_the_text() {
    // Words that can only mean this one thing.
    let telltale: &[(Slot, &[&str])] = &[
        (
            Slot::Setting,
            &[
                "harbor", "beach", "wheat", "mountain", "desert", "village", "street", "skyline",
                "forest",
            ],
        ),
        (
            Slot::Weather,
            &[
                "overcast",
                "fog",
                "mist",
                "raining",
                "snowfall",
                "cloudless",
            ],
        ),
        (
            Slot::CameraMove,
            &[
                "handheld", "tripod", "pedestal", "tracking", "tilt", "dolly",
            ],
        ),
        (Slot::Garment, &["raincoat", "sweater", "jacket", "gown"]),
        (Slot::Headwear, &["beanie", "hat,", " cap ", "hood"]),
        (Slot::Scarf, &["scarf", "scarves"]),
        (Slot::Lens, &["millimeter", "telephoto", "wide-angle"]),
        (Slot::Aperture, &["depth of field", "bokeh"]),
        (Slot::Smoke, &["smoke"]),
        (Slot::Backlight, &["backl", "rim light"]),
        (
            Slot::EventAction,
            &["after one second", "at second", "into the shot"],
        ),
        (Slot::LightTone, &["icy", "amber", "neutral"]),
        (Slot::WithoutShake, &["no shak", "no camera shake"]),
    ];
    for (program, caption) in captions(Split::Train) {
        let text = caption.text.to_lowercase();
        let second_dressed = program.subjects.get(1).is_some_and(|s| s.garment.is_some());
        for (slot, words) in telltale {
            let of_the_second = *slot == Slot::Garment && second_dressed;
            if caption.slots[*slot as usize] == 0 && !of_the_second {
                let found = words.iter().find(|word| text.contains(*word));
                // "without a hat" is headwear; a hooded second subject does not exist.
                assert!(
                    found.is_none(),
                    "{slot:?} is unsaid but {found:?} stands in: {text}"
                );
            }
        }
    }
}

#[test]
fn every_value_of_every_slot_is_said_somewhere() {
    let mut seen: Vec<Vec<u32>> = SLOTS.iter().map(|s| vec![0; s.values.len() + 1]).collect();
    for (_, caption) in captions(Split::Train) {
        for (slot, &value) in seen.iter_mut().zip(&caption.slots) {
            slot[value as usize] += 1;
        }
    }
    // What no subject begins with, or no event leads to.
    let never: &[(&str, &[&str])] = &[(
        "event action",
        &[
            "hauls a net",
            "sails",
            "flies",
            "bounces",
            "rolls",
            "crosses",
            "drifts",
            "sweeps",
        ],
    )];
    for (spec, counts) in SLOTS.iter().zip(&seen) {
        assert!(counts[0] > 0, "{} is always said", spec.name);
        for (value, &count) in spec.values.iter().zip(&counts[1..]) {
            let excused = never
                .iter()
                .any(|(slot, values)| *slot == spec.name && values.contains(value));
            assert!(
                excused || count >= 3,
                "{} = {value} is said {count} times",
                spec.name
            );
        }
    }
}

#[test]
fn styles_differ_in_length_and_frames_of_the_splits_differ() {
    let recipe = Recipe::default();
    let mean = |style| {
        let words: usize = (0..2000)
            .map(|seed| {
                let program = sample(seed, &recipe);
                let caption = caption(&program, style, Split::Train, &mut Rng::new(seed));
                caption.text.split_whitespace().count()
            })
            .sum();
        words / 2000
    };
    let (dense, medium, short) = (mean(Style::Dense), mean(Style::Medium), mean(Style::Short));
    assert!(
        dense > medium + 8 && medium > short + 4,
        "{dense} {medium} {short}"
    );
    let held =
        |text: &str| text.starts_with("We see") || text.contains("; ") || text.contains("while a");
    assert!(
        captions(Split::Train)
            .take(3000)
            .all(|(_, c)| !held(&c.text))
    );
    assert!(
        captions(Split::HeldOut)
            .take(500)
            .filter(|(_, c)| held(&c.text))
            .count()
            > 150
    );
}

#[test]
fn captions_are_well_formed() {
    for (_, caption) in captions(Split::Train).chain(captions(Split::HeldOut)) {
        let text = &caption.text;
        for flaw in [
            "  ", " ,", ",,", "..", " .", "#", "{", ", .", ": .", " a a ", " an an ",
        ] {
            assert!(!text.contains(flaw), "{flaw:?} in {text:?}");
        }
        for wrong in [
            " a orange",
            " a overcast",
            " a emerald",
            " an yellow",
            " a 85",
            " a 18mm",
        ] {
            assert!(!text.contains(wrong), "{wrong:?} in {text:?}");
        }
        assert!(
            text.len() > 4 && text.len() < 1200 && text.trim() == text,
            "{text:?}"
        );
    }
}

#[test]
fn the_same_seed_writes_the_same_caption() {
    let program = sample(3, &Recipe::default());
    let write = |seed| caption(&program, Style::Dense, Split::Train, &mut Rng::new(seed));
    assert_eq!(write(1), write(1));
    let different: std::collections::HashSet<String> =
        (0..40).map(|seed| write(seed).text).collect();
    assert!(different.len() > 35, "{}", different.len());
}
