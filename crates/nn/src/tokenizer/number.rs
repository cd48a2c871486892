//! What numbers in a text are worth, and of what: "85mm", "twenty meters", "second two".

use super::split::Piece;

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Unit {
    /// No unit stated.
    #[default]
    None = 0,
    /// Seconds; minutes are converted.
    Seconds = 1,
    /// Degrees of an angle.
    Degrees = 2,
    /// Millimetres of focal length.
    Millimeters = 3,
    /// Metres; feet, centimetres and kilometres are converted.
    Meters = 4,
    /// An f-number.
    FNumber = 5,
    /// A number of things.
    Count = 6,
    /// Percent.
    Percent = 7,
}

/// Value and unit of each piece that is part of a number; `None` elsewhere.
pub fn numbers(pieces: &[Piece]) -> Vec<Option<(f32, Unit)>> {
    let mut found = vec![None; pieces.len()];
    let mut used_as_unit = vec![false; pieces.len()];
    let mut at = 0;
    while at < pieces.len() {
        let Some((value, end)) = group(pieces, at) else {
            at += 1;
            continue;
        };
        let (unit, factor, unit_at) = unit_after(pieces, end, value)
            .or_else(|| unit_before(pieces, at, &used_as_unit))
            .unwrap_or_else(|| (count_before(pieces, end, value), 1.0, at));
        if unit_at >= end {
            used_as_unit[unit_at] = true;
        }
        for (slot, piece) in found[at..end].iter_mut().zip(&pieces[at..end]) {
            if !matches!(piece.text.as_str(), "and" | "a") {
                *slot = Some((value * factor, unit));
            }
        }
        at = end;
    }
    found
}

/// The number that begins at `at` and the piece behind it: "25", "twenty five",
/// "one hundred and twenty", "two and a half".
fn group(pieces: &[Piece], at: usize) -> Option<(f32, usize)> {
    let text = |i: usize| pieces.get(i).map(|piece| piece.text.as_str());
    let first = text(at)?;
    let (mut value, mut end) = match digits(first) {
        Some(value) => (value, at + 1),
        None => spelled(pieces, at)?,
    };
    if [text(end), text(end + 1), text(end + 2)] == [Some("and"), Some("a"), Some("half")] {
        value += 0.5;
        end += 3;
    }
    Some((value, end))
}

/// "1.8"; a comma before three digits parts thousands, before others it is a decimal point.
fn digits(text: &str) -> Option<f32> {
    if !text.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let value = match text.split_once(',') {
        Some((whole, thousands)) if thousands.len() == 3 => format!("{whole}{thousands}").parse(),
        Some((whole, rest)) => format!("{whole}.{rest}").parse(),
        None => text.parse::<f32>(),
    };
    value.ok().filter(|value| value.is_finite())
}

fn spelled(pieces: &[Piece], at: usize) -> Option<(f32, usize)> {
    let word = |i: usize| pieces.get(i).and_then(|piece| word_value(&piece.text));
    let small = |i: usize| -> Option<(f32, usize)> {
        let value = word(i)?;
        let tens = (20.0..100.0).contains(&value);
        match word(i + 1) {
            Some(ones) if tens && (1.0..10.0).contains(&ones) => Some((value + ones, i + 2)),
            _ => Some((value, i + 1)),
        }
    };
    if pieces[at].text == "half" {
        return Some((0.5, at + 1));
    }
    let (mut value, mut end) = small(at)?;
    if pieces.get(end).is_some_and(|piece| piece.text == "hundred") {
        value *= 100.0;
        end += 1;
        let and = usize::from(pieces.get(end).is_some_and(|piece| piece.text == "and"));
        if let Some((rest, after)) = small(end + and) {
            value += rest;
            end = after;
        }
    }
    Some((value, end))
}

/// The value of one number word below a hundred, such as `twelve` or `ninety`.
pub fn word_value(word: &str) -> Option<f32> {
    const WORDS: &[&str] = &[
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
    ];
    const TENS: &[&str] = &[
        "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
    ];
    if let Some(n) = WORDS.iter().position(|&w| w == word) {
        return Some(n as f32);
    }
    TENS.iter()
        .position(|&w| w == word)
        .map(|n| (n as f32 + 2.0) * 10.0)
}

/// Unit and factor to its base of a word.
fn unit_of(word: &str) -> Option<(Unit, f32)> {
    Some(match word {
        "s" | "sec" | "secs" | "second" | "seconds" => (Unit::Seconds, 1.0),
        "min" | "minute" | "minutes" => (Unit::Seconds, 60.0),
        "°" | "deg" | "degree" | "degrees" => (Unit::Degrees, 1.0),
        "mm" | "millimeter" | "millimeters" | "millimetre" | "millimetres" => {
            (Unit::Millimeters, 1.0)
        }
        "m" | "meter" | "meters" | "metre" | "metres" => (Unit::Meters, 1.0),
        "km" | "kilometer" | "kilometers" | "kilometre" | "kilometres" => (Unit::Meters, 1000.0),
        "cm" | "centimeter" | "centimeters" | "centimetre" | "centimetres" => (Unit::Meters, 0.01),
        "ft" | "foot" | "feet" => (Unit::Meters, 0.3048),
        "%" | "percent" => (Unit::Percent, 1.0),
        _ => return None,
    })
}

type Found = (Unit, f32, usize);

/// The unit behind a number; "half a second" has an article between.
fn unit_after(pieces: &[Piece], end: usize, value: f32) -> Option<Found> {
    let article = usize::from(value < 1.0 && pieces.get(end).is_some_and(|p| p.text == "a"));
    let at = end + article;
    let (unit, factor) = unit_of(&pieces.get(at)?.text)?;
    Some((unit, factor, at))
}

/// "second two", "f/1.8", "f 2".
fn unit_before(pieces: &[Piece], at: usize, used_as_unit: &[bool]) -> Option<Found> {
    let before = at.checked_sub(1)?;
    match pieces[before].text.as_str() {
        "second" if !used_as_unit[before] => Some((Unit::Seconds, 1.0, before)),
        "f" => Some((Unit::FNumber, 1.0, before)),
        "/" if before > 0 && pieces[before - 1].text == "f" => Some((Unit::FNumber, 1.0, before)),
        _ => None,
    }
}

/// Whole numbers before a word count things.
fn count_before(pieces: &[Piece], end: usize, value: f32) -> Unit {
    let word = pieces
        .get(end)
        .is_some_and(|p| p.text.starts_with(char::is_alphabetic));
    if word && value.fract() == 0.0 {
        Unit::Count
    } else {
        Unit::None
    }
}

#[cfg(test)]
mod tests {
    use super::super::split::split;
    use super::*;

    /// `expected`: the distinct numbers of the text in order.
    fn check(text: &str, expected: &[(f32, Unit)]) {
        let mut found: Vec<(f32, Unit)> = numbers(&split(text)).into_iter().flatten().collect();
        found.dedup();
        assert_eq!(found, expected, "{text:?}");
    }

    #[test]
    fn units_are_read_from_words_and_suffixes() {
        check(
            "85mm, 35 mm, eighty-five millimeter lens",
            &[
                (85.0, Unit::Millimeters),
                (35.0, Unit::Millimeters),
                (85.0, Unit::Millimeters),
            ],
        );
        check("sun at 45° or forty-five degrees", &[(45.0, Unit::Degrees)]);
        check(
            "visibility twenty meters, 20 ft",
            &[(20.0, Unit::Meters), (6.096, Unit::Meters)],
        );
        check(
            "f/1.8 and f2.8",
            &[(1.8, Unit::FNumber), (2.8, Unit::FNumber)],
        );
        check("50% or fifty percent", &[(50.0, Unit::Percent)]);
    }

    #[test]
    fn times_are_read_in_every_phrasing() {
        check("after 2 seconds, she stops", &[(2.0, Unit::Seconds)]);
        check("stops exactly at second three", &[(3.0, Unit::Seconds)]);
        check("over two and a half seconds", &[(2.5, Unit::Seconds)]);
        check("after half a second", &[(0.5, Unit::Seconds)]);
        check(
            "after one second two birds",
            &[(1.0, Unit::Seconds), (2.0, Unit::Count)],
        );
        check("2.5s, 4 s", &[(2.5, Unit::Seconds), (4.0, Unit::Seconds)]);
    }

    #[test]
    fn counts_and_plain_numbers() {
        check(
            "Two children and 3 dogs",
            &[(2.0, Unit::Count), (3.0, Unit::Count)],
        );
        check("16:9", &[(16.0, Unit::None), (9.0, Unit::None)]);
        check(
            "one hundred and thirty-five mm",
            &[(135.0, Unit::Millimeters)],
        );
        check(
            "1,000 birds, 1,5 m",
            &[(1000.0, Unit::Count), (1.5, Unit::Meters)],
        );
        check(&format!("{}m", "9".repeat(60)), &[]);
    }
}
