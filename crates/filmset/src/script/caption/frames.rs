//! Sentence frames: how the five layers are put together.

use super::layers::{air_tags, camera_tags, circumstances, light_tags, motion_tags, place_tag};
use super::subject::{self, Form, Noun};
use super::writer::{Writer, capitalised};
use super::{Style, camera, light, motion, number, place};
use crate::program::Aspect;
use crate::script::recipe::Split;
use crate::script::slots::Slot;

/// A way to put the layers together.
type Frame = fn(&mut Writer) -> String;

/// Writes the whole caption.
pub fn write(w: &mut Writer, style: Style, split: Split) -> String {
    let body = match split {
        Split::Train => train_frame(w, style),
        Split::HeldOut => held_out_frame(w),
    };
    let text = match format_words(w) {
        Some(format) => format!("{format}: {body}"),
        None => capitalised(&body),
    };
    if style == Style::Short && w.rng.chance(0.3) {
        return text.trim_end_matches('.').to_lowercase();
    }
    text
}

fn train_frame(w: &mut Writer, style: Style) -> String {
    let weights: &[(Frame, f32)] = match style {
        Style::Dense => &[
            (director, 0.3),
            (sentences, 0.22),
            (camera_first, 0.14),
            (tags, 0.1),
            (labelled, 0.06),
            (setting_first, 0.18),
        ],
        Style::Medium | Style::Short => &[
            (director, 0.4),
            (camera_first, 0.2),
            (tags, 0.15),
            (setting_first, 0.25),
        ],
    };
    w.rng.weighted(weights)(w)
}

fn held_out_frame(w: &mut Writer) -> String {
    let frame: fn(&mut Writer) -> String = w.rng.pick(&[
        we_see as fn(&mut Writer) -> String,
        semicolons,
        while_camera,
    ]);
    frame(w)
}

/// The clause of the main subject or of the bare landscape.
struct Opening {
    text: String,
    noun: Option<Noun>,
}

/// Who does what, where and when, as one clause.
fn opening(w: &mut Writer, form: Form) -> Opening {
    let Some(main) = w.main() else {
        let text = landscape(w);
        return Opening { text, noun: None };
    };
    let noun = match motion::alike(w) {
        Some(noun) => noun,
        None => subject::main_noun(w, false).expect("a main subject"),
    };
    let mut text = noun.text.clone();
    let acts = w.rng.chance(0.55 + 0.5 * w.detail);
    if acts {
        let relative = form == Form::Participle && w.rng.chance(0.4);
        let form = if relative { Form::Finite } else { form };
        let doing = subject::doing(w, main, noun.plural, form);
        let doing = if relative {
            format!("{} {doing}", w.pick(&["that", "who"]))
        } else {
            doing
        };
        text = noun.before(&doing);
    } else if form == Form::Finite && w.rng.chance(0.3) {
        text = format!("there {} {text}", if noun.plural { "are" } else { "is" });
    }
    if w.rng.chance(0.75 + 0.3 * w.detail) {
        let whereabouts = place::whereabouts(w);
        text = format!("{text} {whereabouts}");
    }
    text.push_str(&circumstances(w));
    Opening {
        text,
        noun: Some(noun),
    }
}

/// "a harbor at dawn".
fn landscape(w: &mut Writer) -> String {
    let name = place::name(w);
    let lead = match w.rng.below(6) {
        0 => "a view of ",
        1 => "a landscape: ",
        2 => "an empty scene: ",
        _ => "",
    };
    let circumstances = circumstances(w);
    format!("{lead}{name}{circumstances}")
}

fn join(parts: &[String]) -> String {
    format!("{}.", parts.join(", "))
}

fn sentence(text: &str) -> String {
    format!("{}.", capitalised(text))
}

/// "A woman in a red coat walks on a pier at dawn, fog, slow push in, 85mm, soft light."
fn director(w: &mut Writer) -> String {
    let Opening { text, noun } = opening(w, Form::Finite);
    let mut groups = [
        air_tags(w),
        camera_tags(w),
        light_tags(w, noun.as_ref()),
        motion_tags(w, noun.as_ref()),
    ];
    w.rng.shuffle(&mut groups);
    let mut parts = vec![text];
    parts.extend(place_tag(w));
    parts.extend(groups.into_iter().flatten());
    parts.extend(motion::absences(w));
    join(&parts)
}

/// A paragraph: each layer a sentence.
fn sentences(w: &mut Writer) -> String {
    let Opening { text, noun } = opening(w, Form::Finite);
    let mut layers: Vec<String> = Vec::new();
    let mut first = vec![sentence(&text)];
    let single = w.main().filter(|main| main.count == 1);
    if let (Some(main), Some(noun), true) = (single, &noun, w.wants_rarely()) {
        let position = subject::position(w, main);
        let verb = if noun.plural { "are" } else { "is" };
        first.push(sentence(&format!("{} {verb} {position}", noun.pronoun)));
    }
    let motion: Vec<String> = motion_tags(w, noun.as_ref());
    layers.extend(motion.iter().map(|clause| sentence(clause)));
    layers.extend(air_sentence(w));
    layers.extend(camera_sentence(w));
    layers.extend(light_sentence(w, noun.as_ref()));
    w.rng.shuffle(&mut layers);
    let absences = motion::absences(w);
    if !absences.is_empty() {
        layers.push(sentence(&subject::listed(&absences)));
    }
    first.extend(layers);
    first.join(" ")
}

fn air_sentence(w: &mut Writer) -> Option<String> {
    let mut parts: Vec<String> = Vec::new();
    if !w.has_said(Slot::Weather) && w.rng.chance(0.6) {
        parts.extend(motion::weather_clause(w).map(str::to_owned));
    }
    parts.extend(air_tags(w));
    (!parts.is_empty()).then(|| sentence(&parts.join(", ")))
}

fn camera_sentence(w: &mut Writer) -> Option<String> {
    if w.rng.chance(0.4) {
        let tags = camera_tags(w);
        return (!tags.is_empty()).then(|| sentence(&tags.join(", ")));
    }
    let mut parts = Vec::new();
    if w.wants() && !w.has_said(Slot::CameraMove) {
        parts.push(camera::move_clause(w));
    }
    parts.extend(camera_tags(w));
    (!parts.is_empty()).then(|| sentence(&parts.join(", ")))
}

fn light_sentence(w: &mut Writer, noun: Option<&Noun>) -> Option<String> {
    if !w.has_said(Slot::LightTone) && w.rng.chance(0.5) && w.wants() {
        return Some(sentence(&light::clause(w)));
    }
    let tags = light_tags(w, noun);
    (!tags.is_empty()).then(|| sentence(&tags.join(", ")))
}

/// "Slow crane up over a city skyline at dusk": the camera leads.
fn camera_first(w: &mut Writer) -> String {
    let lead = match w.rng.below(3) {
        0 => camera::shot_tag(w).to_owned(),
        _ => camera::move_tag(w),
    };
    let bare = w.main().is_none();
    let link = if lead.ends_with("move") || lead.contains("tripod") || lead.starts_with("the ") {
        ": "
    } else if lead.ends_with("shot") || lead.ends_with("view") || lead.contains("close") {
        w.pick(&[" of ", ", ", ": "])
    } else if bare {
        w.pick(&[" over ", ", ", ": "])
    } else {
        w.pick(&[" on ", ", ", ": "])
    };
    let form = if link.trim().len() > 1 {
        Form::Participle
    } else {
        Form::Finite
    };
    let Opening { text, noun } = opening(w, form);
    let mut parts = vec![format!("{lead}{link}{text}")];
    let mut groups = [
        air_tags(w),
        camera_tags(w),
        light_tags(w, noun.as_ref()),
        motion_tags(w, noun.as_ref()),
    ];
    w.rng.shuffle(&mut groups);
    parts.extend(groups.into_iter().flatten());
    parts.extend(motion::absences(w));
    join(&parts)
}

/// "woman in a red coat, walking, harbor, dawn, slow push in": nothing but tags.
fn tags(w: &mut Writer) -> String {
    let mut parts = Vec::new();
    let noun = if w.main().is_some() {
        subject::main_noun(w, false)
    } else {
        None
    };
    if let (Some(noun), Some(main)) = (&noun, w.main()) {
        let bare = noun
            .text
            .strip_prefix("a ")
            .or_else(|| noun.text.strip_prefix("an "));
        parts.push(
            bare.filter(|_| w.rng.chance(0.5))
                .unwrap_or(&noun.text)
                .to_owned(),
        );
        if w.rng.chance(0.5 + 0.5 * w.detail) {
            parts.push(subject::doing(w, main, noun.plural, Form::Participle));
        }
        parts.extend(place_tag(w));
    }
    if noun.is_none() || w.rng.chance(0.75 + 0.3 * w.detail) {
        let name = place::name(w);
        let bare = ["a ", "an ", "the "]
            .iter()
            .find_map(|article| name.strip_prefix(article));
        parts.push(bare.unwrap_or(name).to_owned());
    }
    if w.rng.chance(0.5 + 0.5 * w.detail) {
        parts.push(place::hour(w).to_owned());
    }
    let mut groups = [
        air_tags(w),
        camera_tags(w),
        light_tags(w, noun.as_ref()),
        motion_tags(w, noun.as_ref()),
    ];
    w.rng.shuffle(&mut groups);
    parts.extend(groups.into_iter().flatten());
    parts.extend(motion::absences(w));
    parts.join(", ")
}

/// "Subject: ... Setting: ... Camera: ... Light: ... Motion: ...".
fn labelled(w: &mut Writer) -> String {
    let noun = if w.main().is_some() {
        subject::main_noun(w, true)
    } else {
        None
    };
    let mut layers = Vec::new();
    if let (Some(noun), Some(main)) = (&noun, w.main()) {
        let doing = subject::doing(w, main, noun.plural, Form::Participle);
        layers.push(format!("subject: {}, {doing}.", noun.text));
    }
    let mut setting = vec![place::name(w).to_owned(), place::hour(w).to_owned()];
    setting.extend(air_tags(w));
    layers.push(format!("setting: {}.", setting.join(", ")));
    let groups = [
        ("camera", camera_tags(w)),
        ("light", light_tags(w, noun.as_ref())),
        ("motion", motion_tags(w, noun.as_ref())),
    ];
    for (label, tags) in groups {
        if !tags.is_empty() {
            layers.push(format!("{label}: {}.", tags.join(", ")));
        }
    }
    let absences = motion::absences(w);
    if !absences.is_empty() {
        layers.push(sentence(&absences.join(", ")));
    }
    let layers: Vec<String> = layers.iter().map(|layer| capitalised(layer)).collect();
    layers.join(" ")
}

/// "A harbor at dawn in thick fog. A woman in a red coat walks to the left."
fn setting_first(w: &mut Writer) -> String {
    let Some(main) = w.main() else {
        return director(w);
    };
    let name = place::name(w);
    let circumstances = circumstances(w);
    let noun = match motion::alike(w) {
        Some(noun) => noun,
        None => subject::main_noun(w, false).expect("a main subject"),
    };
    let doing = subject::doing(w, main, noun.plural, Form::Finite);
    let (stop, capital) = if w.rng.chance(0.6) {
        (".", true)
    } else {
        (":", false)
    };
    let clause = noun.before(&doing);
    let clause = if capital {
        capitalised(&clause)
    } else {
        clause
    };
    let mut parts = vec![format!("{name}{circumstances}{stop} {clause}")];
    parts.extend(place_tag(w));
    let mut groups = [
        air_tags(w),
        camera_tags(w),
        light_tags(w, Some(&noun)),
        motion_tags(w, Some(&noun)),
    ];
    w.rng.shuffle(&mut groups);
    parts.extend(groups.into_iter().flatten());
    parts.extend(motion::absences(w));
    join(&parts)
}

/// Held out: "We see a woman in a red coat walking on a pier at dawn. ..."
fn we_see(w: &mut Writer) -> String {
    let Opening { text, noun } = opening(w, Form::Participle);
    let lead = w.pick(&["we see", "the shot shows", "the picture shows"]);
    let mut parts = Vec::new();
    parts.extend(camera_tags(w));
    parts.extend(light_tags(w, noun.as_ref()));
    parts.extend(air_tags(w));
    parts.extend(motion_tags(w, noun.as_ref()));
    parts.extend(motion::absences(w));
    let first = format!("{lead} {text}.");
    if parts.is_empty() {
        first
    } else {
        format!("{first} {}", capitalised(&join(&parts)))
    }
}

/// Held out: layers in reverse order, parted by semicolons.
fn semicolons(w: &mut Writer) -> String {
    let noun = if w.main().is_some() {
        subject::main_noun(w, true)
    } else {
        None
    };
    let mut parts = light_tags(w, noun.as_ref());
    parts.extend(camera_tags(w));
    parts.extend(air_tags(w));
    let mut scene = format!("{} {}", place::name(w), place::when(w));
    if let (Some(noun), Some(main)) = (&noun, w.main()) {
        let doing = subject::doing(w, main, noun.plural, Form::Participle);
        scene = format!("{scene}; {}", noun.before(&doing));
    }
    parts.push(scene);
    parts.extend(motion_tags(w, noun.as_ref()));
    parts.extend(motion::absences(w));
    format!("{}.", parts.join("; "))
}

/// Held out: "The camera slowly pans left while a woman in a red coat walks on a pier at dawn."
fn while_camera(w: &mut Writer) -> String {
    let camera = camera::move_clause(w);
    let Opening { text, noun } = opening(w, Form::Finite);
    let link = if noun.is_some() { "while" } else { "across" };
    let mut parts = vec![format!("{camera} {link} {text}")];
    parts.extend(light_tags(w, noun.as_ref()));
    parts.extend(camera_tags(w));
    parts.extend(air_tags(w));
    parts.extend(motion_tags(w, noun.as_ref()));
    parts.extend(motion::absences(w));
    join(&parts)
}

/// "Vertical, four seconds": shape and length, now and then, as people put it in front.
fn format_words(w: &mut Writer) -> Option<String> {
    if !w.rng.chance(0.07) {
        return None;
    }
    let shape = match w.program.aspect {
        Aspect::Wide => w.pick(&["Widescreen", "16:9", "Horizontal"]),
        Aspect::Tall => w.pick(&["Vertical", "9:16", "Vertical video"]),
        Aspect::Square => w.pick(&["Square", "1:1"]),
        Aspect::Classic => "4:3",
        Aspect::Portrait => w.pick(&["3:4", "Portrait format"]),
    };
    if w.rng.chance(0.5) {
        let seconds = number::seconds(w, w.program.seconds());
        return Some(format!("{shape}, {seconds}"));
    }
    Some(shape.to_owned())
}
