//! The camera layer: framing, move, lens, aperture.

use super::number;
use super::writer::{Writer, with_article};
use crate::program::{CameraMove, Pace, Shot, SubjectKind};
use crate::script::slots::Slot;

/// "slow push in from medium to close", "locked camera".
pub fn move_tag(w: &mut Writer) -> String {
    w.say(Slot::CameraMove);
    let rig = w.program.camera;
    let phrases: &[&'static str] = match rig.motion {
        CameraMove::Static => &[
            "static camera",
            "locked camera",
            "static shot",
            "locked-off shot",
            "camera on a tripod",
            "tripod",
            "fixed camera",
            "the camera does not move",
            "still camera",
        ],
        CameraMove::PushIn => &[
            "push in",
            "dolly in",
            "push-in",
            "camera move closer",
            "track in",
            "zoom in",
        ],
        CameraMove::PullBack => &[
            "pull back",
            "dolly out",
            "pull-back",
            "pull out",
            "dolly back",
            "zoom out",
        ],
        CameraMove::PanLeft => &["pan left", "pan to the left", "left pan", "camera pan left"],
        CameraMove::PanRight => &[
            "pan right",
            "pan to the right",
            "right pan",
            "camera pan right",
        ],
        CameraMove::TiltUp => &["tilt up", "upward tilt", "camera tilt up"],
        CameraMove::TiltDown => &["tilt down", "downward tilt", "camera tilt down"],
        CameraMove::CraneUp => &[
            "crane up",
            "crane shot up",
            "boom up",
            "pedestal up",
            "jib up",
        ],
        CameraMove::CraneDown => &[
            "crane down",
            "crane shot down",
            "boom down",
            "pedestal down",
            "jib down",
        ],
        CameraMove::Tracking => &[
            "tracking shot",
            "tracking shot from the side",
            "side tracking shot",
            "follow shot",
            "tracking camera",
        ],
        CameraMove::Handheld => &[
            "handheld",
            "handheld camera",
            "hand-held camera",
            "handheld shot",
            "shaky handheld camera",
        ],
    };
    let mut text = w.pick(phrases).to_owned();
    if paced(rig.motion)
        && (w.wants() || w.rng.chance(0.4))
        && let Some(word) = pace_word(w, rig.pace)
    {
        text = format!("{word} {text}");
    }
    text.push_str(&extent(w));
    text
}

const fn paced(motion: CameraMove) -> bool {
    !matches!(
        motion,
        CameraMove::Static | CameraMove::Handheld | CameraMove::Tracking
    )
}

fn pace_word(w: &mut Writer, pace: Pace) -> Option<&'static str> {
    let phrases: &[&'static str] = match pace {
        Pace::Slow => &["slow", "slow", "gentle", "very slow", "slow and smooth"],
        Pace::Normal => &["steady", "medium-speed", "even"],
        Pace::Fast => &["fast", "quick", "rapid", "swift"],
    };
    if pace == Pace::Normal && w.rng.chance(0.45) {
        return None;
    }
    w.say(Slot::CameraPace);
    Some(w.pick(phrases))
}

/// " from medium to close over 3 seconds", " by 20 degrees": how far and how long.
fn extent(w: &mut Writer) -> String {
    let rig = w.program.camera;
    let mut text = String::new();
    let closer = rig.motion == CameraMove::PushIn && rig.amount >= 1.6;
    let farther = rig.motion == CameraMove::PullBack && rig.amount <= 0.62;
    if w.main().is_some() && (closer || farther) && w.rng.chance(0.5) {
        let path = match (rig.shot, closer) {
            (Shot::Wide, true) => Some(" from wide to medium"),
            (Shot::Medium, true) => Some(" from medium to close"),
            (Shot::Close, false) => Some(" from close to medium"),
            (Shot::Medium, false) => Some(" from medium to wide"),
            _ => None,
        };
        if let Some(path) = path {
            w.say(Slot::Shot);
            text.push_str(path);
        }
    }
    let turns = matches!(
        rig.motion,
        CameraMove::PanLeft | CameraMove::PanRight | CameraMove::TiltUp | CameraMove::TiltDown
    );
    if turns && w.wants_rarely() && w.rng.chance(0.4) {
        let angle = number::degrees(w, rig.amount);
        text = format!("{text} by {angle}");
    }
    if paced(rig.motion) && rig.over_seconds >= 1.0 && w.wants_rarely() && w.rng.chance(0.6) {
        let time = number::seconds(w, rig.over_seconds);
        text = format!("{text} over {time}");
    }
    text
}

/// "the camera slowly creeps closer": the move as a clause.
pub fn move_clause(w: &mut Writer) -> String {
    w.say(Slot::CameraMove);
    let rig = w.program.camera;
    let phrases: &[&'static str] = match rig.motion {
        CameraMove::Static => &[
            "the camera is static",
            "the camera stays locked",
            "the camera does not move",
            "the camera stands still on a tripod",
            "the camera holds still",
            "the camera is fixed",
        ],
        CameraMove::PushIn => &[
            "the camera # pushes in",
            "the camera # creeps closer",
            "the camera # moves closer",
            "the camera # dollies in",
            "the camera # moves in",
            "we # move in",
        ],
        CameraMove::PullBack => &[
            "the camera # pulls back",
            "the camera # dollies out",
            "the camera # moves back",
            "the camera # retreats",
            "we # pull away",
        ],
        CameraMove::PanLeft => &[
            "the camera # pans left",
            "the camera # pans to the left",
            "the camera # turns left",
            "we # pan left",
        ],
        CameraMove::PanRight => &[
            "the camera # pans right",
            "the camera # pans to the right",
            "the camera # turns right",
            "we # pan right",
        ],
        CameraMove::TiltUp => &[
            "the camera # tilts up",
            "the camera # tilts upward",
            "the camera # looks up",
            "we # tilt up",
        ],
        CameraMove::TiltDown => &[
            "the camera # tilts down",
            "the camera # tilts downward",
            "the camera # looks down",
            "we # tilt down",
        ],
        CameraMove::CraneUp => &[
            "the camera # cranes up",
            "the camera # rises on a crane",
            "the camera # booms up",
            "the camera # moves upward",
        ],
        CameraMove::CraneDown => &[
            "the camera # cranes down",
            "the camera # sinks on a crane",
            "the camera # booms down",
            "the camera # moves downward",
        ],
        CameraMove::Tracking => &[
            "the camera tracks alongside",
            "the camera follows from the side",
            "the camera tracks the subject",
            "the camera travels alongside",
        ],
        CameraMove::Handheld => &[
            "the camera is handheld",
            "a handheld camera sways slightly",
            "the camera is hand-held",
            "filmed with a handheld camera",
        ],
    };
    let phrase = w.pick(phrases);
    let adverb = if phrase.contains('#') && w.wants() {
        pace_adverb(w, rig.pace)
    } else {
        None
    };
    let mut text = match adverb {
        Some(adverb) => phrase.replace('#', adverb),
        None => phrase.replace("# ", ""),
    };
    text.push_str(&extent(w));
    text
}

fn pace_adverb(w: &mut Writer, pace: Pace) -> Option<&'static str> {
    let phrases: &[&'static str] = match pace {
        Pace::Slow => &["slowly", "gently", "very slowly", "gradually"],
        Pace::Normal => &["steadily", "evenly"],
        Pace::Fast => &["quickly", "rapidly", "swiftly"],
    };
    if pace == Pace::Normal && w.rng.chance(0.5) {
        return None;
    }
    w.say(Slot::CameraPace);
    Some(w.pick(phrases))
}

/// "wide shot".
pub fn shot_tag(w: &mut Writer) -> &'static str {
    w.say(Slot::Shot);
    let small = w.main().is_some_and(|subject| {
        subject.kind.is_figure()
            || matches!(
                subject.kind,
                SubjectKind::Dog | SubjectKind::Ball | SubjectKind::Kite
            )
    });
    let phrases: &[&'static str] = match w.program.camera.shot {
        Shot::Wide if !small && w.rng.chance(0.12) => {
            &["wide drone shot", "wide aerial shot", "establishing shot"]
        }
        Shot::Wide => &[
            "wide shot",
            "wide shot",
            "long shot",
            "wide view",
            "wide frame",
        ],
        Shot::Medium => &["medium shot", "medium shot", "mid shot", "medium framing"],
        Shot::Close => &[
            "close-up",
            "close up",
            "close shot",
            "closeup",
            "tight shot",
        ],
    };
    w.pick(phrases)
}

/// "static wide shot": move and framing in one tag.
pub fn shot_and_move(w: &mut Writer) -> String {
    let motion = w.program.camera.motion;
    let adjective = match motion {
        CameraMove::Static => Some(w.pick(&["static", "locked", "locked-off", "fixed", "still"])),
        CameraMove::Handheld => Some("handheld"),
        CameraMove::Tracking => Some("tracking"),
        _ => None,
    };
    let shot = shot_tag(w);
    match adjective {
        Some(adjective) => {
            w.say(Slot::CameraMove);
            format!("{adjective} {shot}")
        }
        None => format!("{shot}, {}", move_tag(w)),
    }
}

/// "85mm lens", "shot on a long lens"; the class is said whenever a number or name is.
pub fn lens(w: &mut Writer) -> String {
    w.say(Slot::Lens);
    let focal = w.program.camera.focal_mm;
    if w.rng.chance(0.7) {
        let length = number::millimeters(w, focal);
        return match w.rng.below(4) {
            0 | 1 => length,
            2 => format!("{length} lens"),
            _ => format!("shot on {} lens", with_article(&length)),
        };
    }
    let phrases: &[&'static str] = if focal < 32.0 {
        &["wide-angle lens", "wide lens", "wide angle"]
    } else if focal < 65.0 {
        &["normal lens", "standard lens"]
    } else {
        &["telephoto lens", "long lens", "tele lens"]
    };
    w.pick(phrases).to_owned()
}

/// "f/1.8, shallow depth of field".
pub fn aperture(w: &mut Writer) -> String {
    let f = w.program.camera.f_number;
    let words: &[&'static str] = match crate::script::slots::aperture_class(f) {
        Some(0) => &[
            "shallow depth of field",
            "shallow focus",
            "bokeh",
            "blurred background",
            "soft background blur",
        ],
        Some(_) => &[
            "deep focus",
            "deep depth of field",
            "everything in focus",
            "large depth of field",
        ],
        None => return number::f_number(w, f),
    };
    w.say(Slot::Aperture);
    let text = w.pick(words);
    match w.rng.below(5) {
        0 => number::f_number(w, f),
        1 => format!("{}, {text}", number::f_number(w, f)),
        _ => text.to_owned(),
    }
}
