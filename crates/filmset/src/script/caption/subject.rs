//! The subject layer: who, in what, doing what, where to.

use super::number::spelled;
use super::verbs::{Verb, adverbs, verbs};
use super::words::{self, Names};
use super::writer::{Writer, with_article};
use crate::program::{
    Action, Color, Direction, Headwear, Pace, Place, Subject, SubjectKind, Weather,
};
use crate::script::casting::turn_seconds;
use crate::script::slots::Slot;

/// A subject as a sentence needs it.
#[derive(Debug, Clone)]
pub struct Noun {
    /// "a woman in a red coat"
    pub text: String,
    /// Whether verbs take the plural.
    pub plural: bool,
    /// "she"
    pub pronoun: &'static str,
    /// "her"
    pub possessive: &'static str,
}

impl Noun {
    /// "a woman in a red coat walks": the noun before what it does.
    pub fn before(&self, verb: &str) -> String {
        let comma = if self.text.contains(", ") { "," } else { "" };
        format!("{}{comma} {verb}", self.text)
    }
}

fn pronouns(kind: SubjectKind, plural: bool) -> (&'static str, &'static str) {
    match kind {
        _ if plural => ("they", "their"),
        SubjectKind::Man => ("he", "his"),
        SubjectKind::Woman => ("she", "her"),
        SubjectKind::Child => ("the child", "the child's"),
        _ => ("it", "its"),
    }
}

/// The word for a colour: mostly the plain one.
pub fn color_word(w: &mut Writer, color: Color) -> &'static str {
    let names = words::colors(color);
    if w.rng.chance(0.8) {
        names[0]
    } else {
        w.pick(names)
    }
}

fn noun_pair(w: &mut Writer, names: Names) -> (&'static str, &'static str) {
    if w.rng.chance(0.55) {
        names[0]
    } else {
        w.rng.pick(names)
    }
}

/// The main subject; `None` in a landscape.
pub fn main_noun(w: &mut Writer, always_color: bool) -> Option<Noun> {
    let subject = w.main()?;
    let plural = subject.count > 1 || subject.kind == SubjectKind::Birds;
    let (pronoun, possessive) = pronouns(subject.kind, plural);
    let unnamed =
        matches!(subject.kind, SubjectKind::Man | SubjectKind::Woman) && w.rng.chance(0.06);
    let noun = if unnamed {
        w.rng.pick(&[("person", "people"), ("figure", "figures")])
    } else {
        w.say(Slot::Kind);
        noun_pair(w, words::kind_names(subject, w.program.setting))
    };
    let color = always_color || w.rng.chance(0.5 + w.detail * 0.6);
    let text = if subject.kind.is_figure() {
        let bare = counted(w, subject, noun, None);
        format!("{bare}{}", clothes(w, subject, color))
    } else if color {
        w.say(Slot::Color);
        let word = color_word(w, subject.color);
        counted(w, subject, noun, Some(word))
    } else {
        counted(w, subject, noun, None)
    };
    let (pronoun, possessive) = if unnamed && !plural {
        ("the figure", "the figure's")
    } else {
        (pronoun, possessive)
    };
    Some(Noun {
        text,
        plural,
        pronoun,
        possessive,
    })
}

/// "a dog", "three red boats", "a flock of white gulls".
fn counted(
    w: &mut Writer,
    subject: &Subject,
    (singular, plural): (&'static str, &'static str),
    color: Option<&str>,
) -> String {
    let colored = |noun: &str| color.map_or_else(|| noun.to_owned(), |c| format!("{c} {noun}"));
    if subject.kind == SubjectKind::Birds {
        return match w.rng.below(4) {
            0 => colored(plural),
            1 => format!("several {}", colored(plural)),
            _ => format!("a flock of {}", colored(plural)),
        };
    }
    w.say(Slot::Count);
    if subject.count == 1 {
        return with_article(&colored(singular));
    }
    let count = u32::from(subject.count);
    let number = if w.rng.chance(0.75) {
        spelled(count)
    } else {
        count.to_string()
    };
    format!("{number} {}", colored(plural))
}

/// " in a red coat and a wide hat, with a blue scarf"; may be empty.
fn clothes(w: &mut Writer, subject: &Subject, color: bool) -> String {
    let plural = subject.count > 1;
    let Some(garment) = subject.garment else {
        return String::new();
    };
    let mut worn = Vec::new();
    if color {
        w.say(Slot::Color);
        let word = color_word(w, subject.color);
        if w.rng.chance(0.55 + 0.45 * w.detail) {
            w.say(Slot::Garment);
            worn.push(piece(w, Some(word), words::garments(garment), plural));
        } else {
            worn.push(word.to_owned());
        }
    } else if w.wants() {
        w.say(Slot::Garment);
        worn.push(piece(w, None, words::garments(garment), plural));
    }
    let mut behind = head(w, subject, &mut worn);
    if let Some(scarf) = subject.scarf.filter(|_| w.wants()) {
        w.say(Slot::Scarf);
        let word = color_word(w, scarf);
        let scarf = if plural {
            format!("{word} scarves")
        } else {
            with_article(&format!("{word} scarf"))
        };
        if behind.is_empty() && w.rng.chance(0.5) {
            behind = format!(", with {scarf}");
        } else {
            worn.push(scarf);
        }
    }
    if worn.is_empty() {
        return behind;
    }
    let verb = if w.rng.chance(0.7) {
        "in"
    } else {
        w.pick(&["wearing", "dressed in"])
    };
    format!(" {verb} {}{behind}", listed(&worn))
}

/// Adds what is on the head to the clothes, or returns it as an addition: ", hood up".
fn head(w: &mut Writer, subject: &Subject, worn: &mut Vec<String>) -> String {
    let plural = subject.count > 1;
    let Some(headwear) = subject.headwear.filter(|_| w.wants()) else {
        return String::new();
    };
    if headwear == Headwear::Bare {
        if !w.rng.chance(0.4) {
            return String::new();
        }
        w.say(Slot::Headwear);
        return w
            .pick(&[", bareheaded", ", without a hat", ", no hat"])
            .to_owned();
    }
    w.say(Slot::Headwear);
    if headwear == Headwear::Hood && !plural && w.rng.chance(0.5) {
        return w.pick(&[", hood up", ", with the hood up"]).to_owned();
    }
    worn.push(piece(w, None, words::headwear(headwear), plural));
    String::new()
}

fn piece(w: &mut Writer, color: Option<&str>, names: Names, plural: bool) -> String {
    let (one, many) = noun_pair(w, names);
    let noun = if plural { many } else { one };
    let phrase = color.map_or_else(|| noun.to_owned(), |c| format!("{c} {noun}"));
    if plural {
        phrase
    } else {
        with_article(&phrase)
    }
}

/// "a, b and c".
pub fn listed(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// The second subject in a few words: "a brown dog", "a child in a green coat".
pub fn second_noun(w: &mut Writer, subject: &Subject) -> Noun {
    w.say(Slot::SecondKind);
    let noun = noun_pair(w, words::kind_names(subject, w.program.setting)).0;
    let color = color_word(w, subject.color);
    w.say(Slot::SecondColor);
    let text = match subject.garment {
        Some(garment) => {
            let worn = piece(w, Some(color), words::garments(garment), false);
            format!("{} in {worn}", with_article(noun))
        }
        None if subject.kind == SubjectKind::Birds => format!("a flock of {color} {noun}"),
        None => with_article(&format!("{color} {noun}")),
    };
    let plural = subject.kind == SubjectKind::Birds;
    let (pronoun, possessive) = pronouns(subject.kind, plural);
    Noun {
        text,
        plural,
        pronoun,
        possessive,
    }
}

/// The grammatical form of a verb phrase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// "walks"
    Finite,
    /// "walking"
    Participle,
}

fn inflect(verb: Verb, form: Form, plural: bool) -> &'static str {
    match form {
        Form::Participle => verb.ing,
        Form::Finite if plural => verb.plural,
        Form::Finite => verb.third,
    }
}

/// What the main subject does from the first frame: "walks briskly to the left".
pub fn doing(w: &mut Writer, subject: &Subject, plural: bool, form: Form) -> String {
    w.say(Slot::Action);
    let verb = w
        .rng
        .pick(verbs(subject.kind, subject.action, subject.pace));
    let mut text = inflect(verb, form, plural).to_owned();
    let moves = subject.speed > 0.0 && subject.action != Action::Drift;
    let turns = subject.action == Action::Sweep;
    if verb.pace.is_some() {
        w.say(Slot::Pace);
    } else if (moves || turns) && w.wants() && (subject.pace != Pace::Normal || w.rng.chance(0.35))
    {
        w.say(Slot::Pace);
        text = format!("{text} {}", w.pick(adverbs(subject.pace)));
    }
    if turns && w.wants_rarely() {
        w.say(Slot::Pace);
        let period = super::number::seconds(w, turn_seconds(subject.pace));
        text = format!("{text}, one turn every {period}");
    }
    if w.wants() || (moves && w.rng.chance(0.4)) {
        text.push_str(&heading(w, subject));
    }
    text
}

/// " from left to right", ", facing the camera".
fn heading(w: &mut Writer, subject: &Subject) -> String {
    let sides = matches!(subject.direction, Direction::Left | Direction::Right);
    let hangs = matches!(subject.action, Action::Rise | Action::Bounce);
    if matches!(subject.action, Action::Sweep | Action::Haul | Action::Turn)
        || subject.kind == SubjectKind::Lighthouse
        || (hangs && (!sides || w.rng.chance(0.6)))
    {
        return String::new();
    }
    w.say(Slot::Direction);
    let moves = subject.speed > 0.0;
    let toward = matches!(subject.direction, Direction::Toward | Direction::Away);
    if w.program.weather == Weather::Fog && moves && toward && w.rng.chance(0.35) {
        w.say(Slot::Weather);
        let out = subject.direction == Direction::Toward;
        return if out {
            " out of the fog"
        } else {
            " into the fog"
        }
        .to_owned();
    }
    let phrases: &[&'static str] = match (subject.direction, moves) {
        (Direction::Left, true) => &[
            " to the left",
            " toward the left",
            " from right to left",
            " right to left",
            " leftward",
            " towards the left",
        ],
        (Direction::Right, true) => &[
            " to the right",
            " toward the right",
            " from left to right",
            " left to right",
            " rightward",
            " towards the right",
        ],
        (Direction::Toward, true) => &[
            " toward the camera",
            " towards the camera",
            " toward us",
            " closer to the camera",
        ],
        (Direction::Away, true) => &[
            " away from the camera",
            " away from us",
            " into the distance",
            " away into the distance",
        ],
        (Direction::Left, false) => &[
            ", facing left",
            ", looking to the left",
            ", facing the left",
        ],
        (Direction::Right, false) => &[
            ", facing right",
            ", looking to the right",
            ", facing the right",
        ],
        (Direction::Toward, false) => &[
            ", facing the camera",
            ", looking at the camera",
            ", facing us",
        ],
        (Direction::Away, false) => &[
            ", facing away",
            ", seen from behind",
            ", facing away from the camera",
            ", looking away from the camera",
        ],
    };
    w.pick(phrases).to_owned()
}

/// "on the left of the frame".
pub fn position(w: &mut Writer, subject: &Subject) -> &'static str {
    w.say(Slot::Place);
    let phrases: &[&'static str] = match subject.place {
        Place::Left => &[
            "on the left",
            "on the left side of the frame",
            "on the left of the frame",
            "frame left",
        ],
        Place::Center => &[
            "in the center",
            "in the middle of the frame",
            "in the center of the frame",
            "centered",
        ],
        Place::Right => &[
            "on the right",
            "on the right side of the frame",
            "on the right of the frame",
            "frame right",
        ],
    };
    w.pick(phrases)
}

/// What the second subject does: "runs", "standing".
pub fn second_doing(w: &mut Writer, subject: &Subject, plural: bool, form: Form) -> String {
    w.say(Slot::SecondAction);
    let plain = verbs(subject.kind, subject.action, Pace::Normal);
    inflect(w.rng.pick(plain), form, plural).to_owned()
}
