//! Quantities in digits and in words.

use super::writer::Writer;

const SMALL: &[&str] = &[
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
    "", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
];

/// A whole number below a thousand in words.
pub fn spelled(n: u32) -> String {
    match n {
        0..=19 => SMALL[n as usize].to_owned(),
        20..=99 if n.is_multiple_of(10) => TENS[n as usize / 10].to_owned(),
        20..=99 => format!("{}-{}", TENS[n as usize / 10], SMALL[n as usize % 10]),
        _ if n.is_multiple_of(100) => format!("{} hundred", SMALL[n as usize / 100]),
        _ => format!("{} hundred {}", SMALL[n as usize / 100], spelled(n % 100)),
    }
}

/// A value rounded to halves: "2", "two", "2.5", "two and a half".
fn halves(value: f32, words: bool) -> String {
    let rounded = (value * 2.0).round() / 2.0;
    let whole = rounded.floor();
    match (rounded > whole, words) {
        (false, false) => format!("{whole:.0}"),
        (false, true) => spelled(whole as u32),
        (true, false) => format!("{rounded:.1}"),
        (true, true) if whole == 0.0 => "half a".to_owned(),
        (true, true) => format!("{} and a half", spelled(whole as u32)),
    }
}

/// "2 seconds", "two seconds", "2.5 s", "two and a half seconds".
pub fn seconds(w: &mut Writer, value: f32) -> String {
    let words = w.rng.chance(0.5);
    let number = halves(value, words);
    if !words && w.rng.chance(0.2) {
        return format!("{number}{}", w.pick(&["s", " s", " sec"]));
    }
    let single = matches!(number.as_str(), "1" | "one" | "half a");
    format!("{number} second{}", if single { "" } else { "s" })
}

/// The number of a second: "two", "3", "2.5".
pub fn second_number(w: &mut Writer, value: f32) -> String {
    let words = w.rng.chance(0.5) && value.fract() == 0.0;
    halves(value, words)
}

/// A whole number of a unit, in digits or words.
fn whole(w: &mut Writer, value: f32, short: &str, long: &[&'static str]) -> String {
    let value = value.round().max(1.0) as u32;
    let long = w.pick(long);
    match w.rng.below(4) {
        0 => format!("{value}{short}"),
        1 => format!("{} {long}", spelled(value)),
        _ => format!("{value} {long}"),
    }
}

/// "45 degrees", "forty-five degrees", "45°".
pub fn degrees(w: &mut Writer, value: f32) -> String {
    whole(w, value, "°", &["degrees"])
}

/// "20 meters", "twenty metres", "20 m".
pub fn meters(w: &mut Writer, value: f32) -> String {
    whole(w, value, " m", &["meters", "meters", "metres"])
}

/// "85mm", "85 mm", "eighty-five millimeters".
pub fn millimeters(w: &mut Writer, value: f32) -> String {
    let value = value.round() as u32;
    match w.rng.below(8) {
        0 => format!("{value} millimeter"),
        1 => format!("{} millimeter", spelled(value)),
        2 | 3 => format!("{value} mm"),
        _ => format!("{value}mm"),
    }
}

/// "f/1.8", "f2.8", "f/8".
pub fn f_number(w: &mut Writer, value: f32) -> String {
    let rounded = (value * 10.0).round() / 10.0;
    let number = if rounded.fract() == 0.0 {
        format!("{rounded:.0}")
    } else {
        format!("{rounded:.1}")
    };
    let prefix = w.pick(&["f/", "f/", "f/", "f", "f "]);
    format!("{prefix}{number}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_spelled_as_people_write_them() {
        for (n, text) in [
            (0, "zero"),
            (13, "thirteen"),
            (20, "twenty"),
            (45, "forty-five"),
            (100, "one hundred"),
            (135, "one hundred thirty-five"),
        ] {
            assert_eq!(spelled(n), text);
        }
        assert_eq!(halves(2.4, true), "two and a half");
        assert_eq!(halves(2.6, false), "2.5");
        assert_eq!(halves(0.5, true), "half a");
    }
}
