//! Which texts look like mojibake: sequences of characters that hardly stand side by side in a text
//! that somebody wrote, but often in UTF-8 that was read in a single-byte encoding.
//!
//! Reference: `BADNESS_RE` and `MOJIBAKE_CATEGORIES` of `ftfy.badness`, as a table of sequences.

use std::collections::HashMap;
use std::sync::LazyLock;

use unicode_normalization::char::is_combining_mark;

use super::is_space;

/// A set of kinds of characters.
type Kinds = u32;

const C1: Kinds = 1;
const BAD: Kinds = 1 << 1;
const LAW: Kinds = 1 << 2;
const CURRENCY: Kinds = 1 << 3;
const START: Kinds = 1 << 4;
const END: Kinds = 1 << 5;
const NUMERIC: Kinds = 1 << 6;
const KAOMOJI: Kinds = 1 << 7;
const UPPER: Kinds = 1 << 8;
const LOWER: Kinds = 1 << 9;
const UPPER_COMMON: Kinds = 1 << 10;
const LOWER_COMMON: Kinds = 1 << 11;
const BOX: Kinds = 1 << 12;
const COMMON: Kinds = 1 << 13;
/// What follows is not in [`SETS`] but a property of characters.
const ASCII_LOWER: Kinds = 1 << 14;
const ASCII_UPPER: Kinds = 1 << 15;
const SPACE: Kinds = 1 << 16;
const WORD: Kinds = 1 << 17;
const NO_LETTER: Kinds = 1 << 18;
const IN_LINE: Kinds = 1 << 19;

const ASCII: Kinds = ASCII_LOWER | ASCII_UPPER;

/// Characters of each kind; `a-z` is a range.
const SETS: &[(Kinds, &str)] = &[
    (COMMON, "\u{a0}\u{ad}·´–—―…’"),
    (C1, "\u{80}-\u{9f}"),
    (BAD, "¦¤¨¬¯¸ƒˆˇ˘˛˜†‡‰⌐◊\u{fffd}ªº"),
    (LAW, "¶§"),
    (CURRENCY, "¢£¥₧€"),
    (START, "¡«¿©΄΅‘‚“„•‹\u{f8ff}"),
    (END, "®»˝”›™"),
    (NUMERIC, "²³¹±¼½¾×µ÷⁄∂∆∏∑√∞∩∫≈≠≡≤≥№"),
    (KAOMOJI, "Ò-ÖÙ-Üò-öø-üŐŌŪŲ°"),
    (UPPER, "À-ÑØÜÝĂĀĄĆČĎĐĘĚĒĖĞĢİĪĶĹĽŁĻŃŇŅŒŘŚŞŠŢŤŮŰŸŹŻŽҐ"),
    (LOWER, "ßà-ñăąāćčďđęěēėğģįīķĺľłļœŕśşšťüźżžґﬁﬂ"),
    (UPPER_COMMON, "ÞΑ-ΩΆΈΉΊΌΎΏΪΫЁ-Я"),
    (LOWER_COMMON, "α-ωάέήίΰа-џ"),
    (BOX, "│┌┐┘├┤┬┼═-╬▀▄█▌▐░▒▓"),
];

static KINDS: LazyLock<HashMap<char, Kinds>> = LazyLock::new(|| {
    let mut all = HashMap::new();
    for &(kind, set) in SETS {
        let mut rest = set.chars().peekable();
        while let Some(first) = rest.next() {
            let last = match rest.next_if_eq(&'-') {
                Some(_) => rest.next().unwrap_or(first),
                None => first,
            };
            for c in first..=last {
                *all.entry(c).or_default() |= kind;
            }
        }
    }
    all
});

fn kinds(c: char) -> Kinds {
    let property = |is: bool, kind: Kinds| if is { kind } else { 0 };
    KINDS.get(&c).copied().unwrap_or_default()
        | property(c.is_ascii_lowercase(), ASCII_LOWER)
        | property(c.is_ascii_uppercase(), ASCII_UPPER)
        | property(is_space(c), SPACE)
        | property(is_word(c), WORD)
        | property(!c.is_ascii_alphabetic(), NO_LETTER)
        | property(c != '\n', IN_LINE)
}

/// What Python's `\w` matches.
fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric() && !is_combining_mark(c)
}

/// One place of a sequence: a character of one of the kinds, or one of those listed.
struct Place(Kinds, &'static str);

const fn of(kinds: Kinds) -> Place {
    Place(kinds, "")
}

const fn one(characters: &'static str) -> Place {
    Place(0, characters)
}

const ACCENTED: Kinds = LOWER | UPPER;
const QUOTES: Kinds = START | END;
/// What stands beside a bad character in mojibake.
const SUSPICIOUS: Kinds = ACCENTED | BOX | QUOTES | CURRENCY | NUMERIC | LAW;
const ARABIC_SECOND: Place = Place(COMMON | CURRENCY | BAD | NUMERIC | START, "ŸŠ®°µ»");

const SEQUENCES: &[&[Place]] = &[
    &[of(C1)],
    &[of(BAD | SUSPICIOUS), of(BAD)],
    &[of(ASCII), of(LOWER_COMMON | UPPER_COMMON), of(BAD)],
    &[of(BAD), of(SUSPICIOUS)],
    &[
        of(LOWER | LOWER_COMMON | BOX | END | CURRENCY | NUMERIC),
        of(UPPER),
    ],
    &[of(BOX | END | CURRENCY | NUMERIC), of(LOWER)],
    &[of(LOWER | BOX | END), of(CURRENCY)],
    &[of(SPACE), of(UPPER), of(CURRENCY)],
    &[of(UPPER | BOX), of(NUMERIC | LAW)],
    &[of(ACCENTED | BOX | CURRENCY | END), of(START), of(NUMERIC)],
    &[
        of(ACCENTED | CURRENCY | NUMERIC | BOX | LAW),
        of(END),
        of(START),
    ],
    &[of(CURRENCY | NUMERIC | BOX), of(START)],
    &[of(ASCII_LOWER), of(UPPER), of(START | CURRENCY)],
    &[of(BOX), of(KAOMOJI | END)],
    &[of(ACCENTED | CURRENCY | NUMERIC | QUOTES | LAW), of(BOX)],
    &[of(ACCENTED), of(QUOTES), of(WORD)],
    &[one("Œœ"), of(NO_LETTER)],
    &[of(UPPER), one("°")],
    // Windows-1252.
    &[one("ÂÃÎÐ"), Place(QUOTES, "€œŠš¢£Ÿž\u{a0}\u{ad}®©°·»–—´")],
    &[one("×"), one("²³")],
    &[one("ØÙ"), ARABIC_SECOND, one("ØÙ"), ARABIC_SECOND],
    &[one("à"), one("²µ¹¼½¾")],
    // Mac Roman.
    &[one("√"), one("±∂†≠®™´≤≥¥µø")],
    &[one("≈"), one("°¢")],
    &[one("‚"), one("Ä"), one("ìîïòôúùû†°¢π")],
    &[one("‚"), one("âó"), one("àä°ê")],
    // Windows-1251.
    &[one("в"), one("Ђ")],
    &[
        one("ВГРС"),
        Place(C1 | BAD | QUOTES | CURRENCY, "°µ"),
        one("ВГРС"),
    ],
    &[
        one("Г"),
        one("ў"),
        one("В"),
        one("Ђ"),
        one("В"),
        of(IN_LINE),
        Place(ASCII, " "),
    ],
    // `Ã` and `Â` before a space that was a no-break space, or before what they encode.
    &[one("Ã"), one("\u{a0}¡")],
    &[of(ASCII_LOWER), one("ÃÂ"), one(" ")],
    &[of(ASCII_LOWER), of(SPACE), one("ÃÂ"), one(" ")],
    &[
        Place(ASCII_LOWER | END, ".,?!"),
        one("Â"),
        Place(QUOTES, " "),
    ],
    // Windows-1253.
    &[one("β"), one("€"), one("™\u{a0}Ά\u{ad}®°")],
    &[
        one("ΒΓΞΟ"),
        Place(C1 | BAD | QUOTES | CURRENCY, "°"),
        one("ΒΓΞΟ"),
    ],
    // Windows-1257.
    &[one("ā"), one("€")],
];

/// Whether `text` looks like mojibake.
pub(super) fn is_bad(text: &str) -> bool {
    let characters: Vec<(char, Kinds)> = text.chars().map(|c| (c, kinds(c))).collect();
    let fits = |rest: &[(char, Kinds)], sequence: &[Place]| {
        let place = |((c, kinds), place): (&(char, Kinds), &Place)| {
            kinds & place.0 != 0 || place.1.contains(*c)
        };
        rest.len() >= sequence.len() && rest.iter().zip(sequence).all(place)
    };
    let begins = matches!(characters[..], [('Ã' | 'Â', _), (' ', _), ..]);
    begins
        || (0..characters.len()).any(|i| {
            SEQUENCES
                .iter()
                .any(|sequence| fits(&characters[i..], sequence))
        })
}
