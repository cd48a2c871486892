//! Format words: what a prompt says about the file and not about the picture.
//!
//! "Vertical, eight seconds: a kite" asks for 9:16 and 8 s. Only a clause made of nothing but
//! format words counts, or format words before "clip", "video" or "film": "over 4 seconds" is the
//! length of a move, "a town square" a place, "one turn every four seconds" a rhythm.

use serde::Serialize;

use super::words::Word;
use crate::size::{Aspect, Resolution};

/// What was read, and from which words.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Format {
    /// Shape of the picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aspect: Option<Aspect>,
    /// Length in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// Named resolution.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolution: Option<Resolution>,
    /// Frames per second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fps: Option<u32>,
    /// The words that length was read from, for messages.
    #[serde(skip)]
    pub seconds_text: String,
}

impl Format {
    /// Whether nothing was read.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Reads the format and tells which of `words` it was read from.
pub(super) fn read(words: &[Word]) -> (Format, Vec<bool>) {
    let mut format = Format::default();
    let mut used = vec![false; words.len()];
    for start in (0..words.len()).filter(|&i| words[i].opens_clause) {
        // A ratio such as 16:9 is split by its colon: it may run over a clause's end.
        let end = (start + 1..words.len()).find(|&i| words[i].opens_clause && !is_ratio(words, i));
        if words[start].opens_clause && is_ratio(words, start) {
            continue;
        }
        let clause = start..end.unwrap_or(words.len());
        if let Some(n) = clause_format(&words[clause.clone()], &mut format) {
            used[start..start + n].fill(true);
        }
    }
    (format, used)
}

/// Whether word `i` is the second number of a ratio.
fn is_ratio(words: &[Word], i: usize) -> bool {
    i > 0
        && words[i].start == words[i - 1].end + 1
        && aspect_of(words[i - 1].number, words[i].number).is_some()
}

/// The number of words at the start of `clause` that are format, if they are all of it or a word
/// for a clip follows.
fn clause_format(clause: &[Word], format: &mut Format) -> Option<usize> {
    let mut read = format.clone();
    let mut at = usize::from(matches!(
        clause[0].text.to_lowercase().as_str(),
        "a" | "an" | "in"
    ));
    let mut found = false;
    while at < clause.len() {
        let Some(n) = one(&clause[at..], &mut read) else {
            break;
        };
        at += n;
        found = true;
    }
    let named = |i: usize| {
        clause.get(i).is_some_and(|word| {
            matches!(
                word.text.to_lowercase().as_str(),
                "clip" | "video" | "film" | "movie" | "format"
            )
        })
    };
    while named(at) {
        at += 1;
        if clause
            .get(at)
            .is_some_and(|word| word.text.eq_ignore_ascii_case("of"))
        {
            at += 1;
        }
    }
    let whole = at >= clause.len();
    let before_clip = at > 0 && (named(at - 1) || (at > 1 && named(at - 2)));
    (found && (whole || before_clip)).then(|| {
        *format = read;
        at
    })
}

/// Reads one format phrase; the number of its words.
fn one(words: &[Word], format: &mut Format) -> Option<usize> {
    let text = |i: usize| {
        words
            .get(i)
            .map_or(String::new(), |word| word.text.to_lowercase())
    };
    let shape = match text(0).as_str() {
        "vertical" | "upright" | "portrait" => Some(Aspect::new(9, 16)),
        "square" => Some(Aspect::new(1, 1)),
        "horizontal" | "widescreen" => Some(Aspect::new(16, 9)),
        _ => None,
    };
    if shape.is_some() {
        format.aspect = shape;
        return Some(if text(1) == "format" { 2 } else { 1 });
    }
    let number = words[0].number?;
    if let Some(aspect) = words
        .get(1)
        .and_then(|next| aspect_of(Some(number), next.number))
    {
        format.aspect = Some(aspect);
        return Some(2);
    }
    let (resolution, unit) = (resolution_of(number), text(1));
    match unit.as_str() {
        "p" if resolution.is_some() => format.resolution = resolution,
        "fps" => format.fps = Some(number as u32),
        "seconds" | "second" | "sec" | "secs" | "s" => {
            format.seconds = Some(number);
            format.seconds_text = format!("{} {}", words[0].text, words[1].text);
            return Some(if text(2) == "long" { 3 } else { 2 });
        }
        "frames" if text(2) == "per" && text(3) == "second" => {
            format.fps = Some(number as u32);
            return Some(4);
        }
        _ => return None,
    }
    Some(2)
}

/// The shapes that are written as ratios.
fn aspect_of(width: Option<f64>, height: Option<f64>) -> Option<Aspect> {
    const KNOWN: [(u32, u32); 9] = [
        (16, 9),
        (9, 16),
        (1, 1),
        (4, 3),
        (3, 4),
        (3, 2),
        (2, 3),
        (4, 5),
        (21, 9),
    ];
    let pair = (width? as u32, height? as u32);
    KNOWN.contains(&pair).then(|| Aspect::new(pair.0, pair.1))
}

fn resolution_of(lines: f64) -> Option<Resolution> {
    match lines as u32 {
        480 => Some(Resolution::P480),
        720 => Some(Resolution::P720),
        1080 => Some(Resolution::P1080),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::words::words;
    use super::*;

    fn check(prompt: &str, aspect: Option<(u32, u32)>, seconds: Option<f64>, rest: &str) {
        let words = words(prompt);
        let (format, used) = read(&words);
        assert_eq!(
            format.aspect,
            aspect.map(|(w, h)| Aspect::new(w, h)),
            "{prompt}"
        );
        assert_eq!(format.seconds, seconds, "{prompt}");
        let first = words
            .iter()
            .zip(&used)
            .find(|(_, used)| !**used)
            .map_or("", |(w, _)| &w.text);
        assert_eq!(first, rest, "first word that is no format in `{prompt}`");
    }

    #[test]
    fn format_words_are_read_where_they_stand_alone() {
        check(
            "Vertical, eight seconds: a paper kite",
            Some((9, 16)),
            Some(8.0),
            "a",
        );
        check(
            "Square, five seconds: hot-air balloons",
            Some((1, 1)),
            Some(5.0),
            "hot",
        );
        check("16:9, 4 s, a red boat", Some((16, 9)), Some(4.0), "a");
        check("A vertical video of a dog", Some((9, 16)), None, "a");
        check("A 3-second clip of a dog", None, Some(3.0), "a");
        check("a dog runs, 2.5 seconds long", None, Some(2.5), "a");
        check("a dog runs, portrait format", Some((9, 16)), None, "a");
        check("vertical 9:16", Some((9, 16)), None, "");
    }

    #[test]
    fn other_numbers_and_squares_are_content() {
        for prompt in [
            "slow push in over 4 seconds",
            "a lighthouse, one turn every four seconds",
            "a ball stops exactly at second three",
            "a town square at noon",
            "a vertical pan over a tower",
            "a portrait of a woman",
            "a dog, after two seconds she stops",
            "sunlight at 45 degrees, 85mm",
        ] {
            let words = words(prompt);
            let (format, used) = read(&words);
            assert!(
                format.is_empty() && !used.contains(&true),
                "{prompt}: {format:?}"
            );
        }
    }

    #[test]
    fn resolution_and_rate_are_read() {
        let (format, _) = read(&words("720p, 12 fps: a boat"));
        assert_eq!(
            (format.resolution, format.fps),
            (Some(Resolution::P720), Some(12))
        );
    }
}
