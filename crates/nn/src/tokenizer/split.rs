//! Text to lower-case words, numbers and signs, each with its place in the text.

use std::ops::Range;

/// A word, a number in digits or a single sign, folded, with its bytes in the original text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Lower-case text with typographic variants folded.
    pub text: String,
    /// Bytes of the original text it was read from.
    pub span: Range<usize>,
}

/// One folded character and the bytes it came from.
struct Letter {
    letter: char,
    span: Range<usize>,
}

/// Splits `text` into pieces.
///
/// Letters and digits part ("85mm" gives "85", "mm"), a hyphen between letters or digits parts
/// and vanishes ("hot-air" reads like "hot air"), an apostrophe begins a piece ("child's" gives
/// "child", "'s"), a decimal number is one piece, every other sign is a piece of its own.
/// Typographic quotes and dashes, full-width letters, Latin ligatures and accents are folded.
pub fn split(text: &str) -> Vec<Piece> {
    let letters = fold(text);
    let mut pieces = Vec::new();
    let mut at = 0;
    while let Some(first) = letters.get(at) {
        let next = |offset: usize| letters.get(at + offset).map(|l| l.letter);
        let end = match first.letter {
            c if c.is_whitespace() => {
                at += 1;
                continue;
            }
            '-' if at > 0 && joins(letters[at - 1].letter) && next(1).is_some_and(joins) => {
                at += 1;
                continue;
            }
            '\'' if next(1).is_some_and(char::is_alphabetic) => {
                run(&letters, at + 1, char::is_alphabetic)
            }
            c if c.is_alphabetic() => run(&letters, at, char::is_alphabetic),
            c if c.is_ascii_digit() => decimal(&letters, at),
            _ => at + 1,
        };
        pieces.push(Piece {
            text: letters[at..end].iter().map(|l| l.letter).collect(),
            span: first.span.start..letters[end - 1].span.end,
        });
        at = end;
    }
    pieces
}

fn joins(c: char) -> bool {
    c.is_alphanumeric()
}

fn run(letters: &[Letter], start: usize, keep: fn(char) -> bool) -> usize {
    start
        + letters[start..]
            .iter()
            .take_while(|l| keep(l.letter))
            .count()
}

/// End of a number: digits, and once a point or comma that digits follow.
fn decimal(letters: &[Letter], start: usize) -> usize {
    let digit = |c: char| c.is_ascii_digit();
    let end = run(letters, start, digit);
    let is_point = letters
        .get(end)
        .is_some_and(|l| matches!(l.letter, '.' | ','));
    let digits_follow = letters.get(end + 1).is_some_and(|l| digit(l.letter));
    if is_point && digits_follow {
        run(letters, end + 1, digit)
    } else {
        end
    }
}

/// The text as folded characters; marks that nobody reads vanish.
fn fold(text: &str) -> Vec<Letter> {
    let mut letters = Vec::with_capacity(text.len());
    for (start, c) in text.char_indices() {
        let span = start..start + c.len_utf8();
        let mut push = |letter: char| {
            letters.push(Letter {
                letter,
                span: span.clone(),
            });
        };
        match c {
            'a'..='z' | '0'..='9' | ' ' => push(c),
            _ if is_mark(c) => {}
            '\u{2018}' | '\u{2019}' | '\u{02bc}' | '`' => push('\''),
            '\u{201c}' | '\u{201d}' | '\u{00ab}' | '\u{00bb}' => push('"'),
            '\u{2010}'..='\u{2015}' | '\u{2212}' => push('-'),
            '\u{2044}' => push('/'),
            '\u{00ba}' | '\u{02da}' => push('°'),
            '\u{00a0}' => push(' '),
            '\u{ff01}'..='\u{ff5e}' => {
                let ascii = char::from_u32(c as u32 - 0xfee0).unwrap_or(c);
                push(ascii.to_ascii_lowercase());
            }
            'ﬁ' => ['f', 'i'].into_iter().for_each(push),
            'ﬂ' => ['f', 'l'].into_iter().for_each(push),
            'ß' => ['s', 's'].into_iter().for_each(push),
            'ƒ' => push('f'),
            _ if c.is_control() => push(' '),
            _ => c
                .to_lowercase()
                .filter(|c| !is_mark(*c))
                .map(without_accent)
                .for_each(push),
        }
    }
    letters
}

/// Joiners, variation selectors and combining marks, which belong to the sign before.
const fn is_mark(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{fe00}'..='\u{fe0f}' | '\u{0300}'..='\u{036f}')
        || matches!(c, '\u{feff}' | '\u{00ad}')
}

/// The plain letter under a Latin accent.
const fn without_accent(c: char) -> char {
    match c {
        'à'..='å' => 'a',
        'ç' => 'c',
        'è'..='ë' => 'e',
        'ì'..='ï' => 'i',
        'ñ' => 'n',
        'ò'..='ö' | 'ø' => 'o',
        'ù'..='ü' => 'u',
        'ý' | 'ÿ' => 'y',
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let pieces = split(text);
        let texts: Vec<&str> = pieces.iter().map(|piece| piece.text.as_str()).collect();
        assert_eq!(texts, expected, "{text:?}");
        let mut end = 0;
        for piece in &pieces {
            assert!(
                piece.span.start >= end && text.get(piece.span.clone()).is_some(),
                "{piece:?}"
            );
            end = piece.span.end;
        }
    }

    #[test]
    fn words_numbers_and_signs_part() {
        check("A man, 85mm.", &["a", "man", ",", "85", "mm", "."]);
        check("f/1.8 at 45°", &["f", "/", "1.8", "at", "45", "°"]);
        check(
            "hot-air close-up 45-degree - end",
            &["hot", "air", "close", "up", "45", "degree", "-", "end"],
        );
        check("16:9, 2.", &["16", ":", "9", ",", "2", "."]);
        check("the child's hat", &["the", "child", "'s", "hat"]);
    }

    #[test]
    fn odd_input_is_folded_and_never_lost_track_of() {
        check("", &[]);
        check(" \t\n\u{200b}", &[]);
        check("CAFÉ — “Noir”", &["cafe", "-", "\"", "noir", "\""]);
        check("ＷＩＤＥ ﬁlm\u{a0}½", &["wide", "film", "½"]);
        check("🐕\u{fe0f}🏖 dog", &["🐕", "🏖", "dog"]);
        check("海辺の犬 İ", &["海辺の犬", "i"]);
        check(&"x".repeat(5000), &[&"x".repeat(5000)]);
    }

    #[test]
    fn spans_name_the_bytes_of_the_original() {
        let text = "Ein Café, 85 mm";
        let pieces = split(text);
        assert_eq!(&text[pieces[1].span.clone()], "Café");
        assert_eq!(&text[pieces[3].span.clone()], "85");
    }
}
