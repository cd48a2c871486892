//! Mojibake undone: text that is UTF-8 read in a single-byte encoding, in whole or in places.
//!
//! Reference: `fix_encoding` of ftfy and the fixes that it uses.

use super::badness::is_bad;
use super::charmap::{ALL, LATIN_1, LIKE_LATIN_1, WINDOWS_1252};

/// `text` as it was before it was misread, once or several times.
pub(super) fn fix_encoding(text: &str) -> String {
    let mut text = text.to_owned();
    loop {
        let fixed = fix_once(&text);
        if fixed == text {
            return text;
        }
        text = fixed;
    }
}

fn fix_once(text: &str) -> String {
    if text.is_ascii() || !is_bad(text) {
        return text.to_owned();
    }
    for map in ALL {
        let Some(mut bytes) = map.encode_all(text) else {
            continue;
        };
        if !map.keeps_spaces && ALTERED.iter().any(|p| contains(&bytes, p)) {
            bytes = restore_no_break_spaces(&bytes);
        }
        if map.sloppy {
            bytes = replace(&bytes, LOSSY, |_| "\u{fffd}".as_bytes().to_vec());
        }
        if let Some(fixed) = decode_utf8(&bytes) {
            return fixed;
        }
    }
    let fixed = fix_places(text);
    if fixed != text {
        return fixed;
    }
    // Latin-1 that was meant to be Windows-1252, whose quotation marks are control characters.
    if let Some(bytes) = LATIN_1.encode_all(text)
        && !bytes
            .iter()
            .any(|byte| matches!(byte, 0x81 | 0x8d | 0x8f | 0x90 | 0x9d))
    {
        let fixed: String = bytes.into_iter().map(decode_windows_1252).collect();
        if fixed != text {
            return fixed;
        }
    }
    fix_c1_controls(text)
}

/// Control characters 80 to 9F as the characters that Windows-1252 has there.
pub(super) fn fix_c1_controls(text: &str) -> String {
    let fix = |c: char| match c {
        '\u{80}'..='\u{9f}' => decode_windows_1252(c as u8),
        _ => c,
    };
    text.chars().map(fix).collect()
}

fn decode_windows_1252(byte: u8) -> char {
    // Byte 1A stands for the replacement character only where that was encoded.
    if byte < 0x80 {
        char::from(byte)
    } else {
        WINDOWS_1252.decode(byte)
    }
}

/// Ranges of bytes.
type Bytes = &'static [(u8, u8)];

const SPACE: Bytes = &[(0x20, 0x20)];
const CONTINUATION: Bytes = &[(0x80, 0xbf)];
/// Without the ellipsis and the no-break space.
const LIKELY_CONTINUATION: Bytes = &[(0x80, 0x84), (0x86, 0x9f), (0xa1, 0xbf)];
const LOST: Bytes = &[(0x1a, 0x1a)];
const LOST_OR_MARK: Bytes = &[(0x1a, 0x1a), (0x3f, 0x3f)];
const MAYBE_LOST: Bytes = &[(0x1a, 0x1a), (0x80, 0xbf)];
const ANY_LOST: Bytes = &[(0x1a, 0x1a), (0x3f, 0x3f), (0x80, 0xbf)];
const FOUR: Bytes = &[(0xf0, 0xf0)];
const FIRST_OF_TWO: Bytes = &[
    (0xc2, 0xc3),
    (0xc5, 0xc5),
    (0xce, 0xce),
    (0xd0, 0xd0),
    (0xd9, 0xd9),
];
const HIGH_SURROGATE: Bytes = &[(0xa0, 0xaf)];
const LOW_SURROGATE: Bytes = &[(0xb0, 0xbf)];
const ED: Bytes = &[(0xed, 0xed)];
const THREE: Bytes = &[(0xe0, 0xef)];
const FOURS: Bytes = &[(0xf0, 0xf4)];

/// UTF-8 in which a no-break space became a space.
const ALTERED: &[&[Bytes]] = &[
    &[FIRST_OF_TWO, SPACE],
    &[&[(0xe2, 0xe3)], SPACE, LIKELY_CONTINUATION],
    &[&[(0xe0, 0xe3)], LIKELY_CONTINUATION, SPACE],
    &[FOUR, SPACE, CONTINUATION, CONTINUATION],
    &[FOUR, CONTINUATION, SPACE, CONTINUATION],
    &[FOUR, CONTINUATION, CONTINUATION, SPACE],
];

/// UTF-8 in which a byte became the replacement character or a question mark.
const LOSSY: &[&[Bytes]] = &[
    &[&[(0xc2, 0xdf)], LOST],
    &[&[(0xc2, 0xc3)], &[(0x3f, 0x3f)]],
    &[
        ED,
        HIGH_SURROGATE,
        LOST_OR_MARK,
        ED,
        LOW_SURROGATE,
        ANY_LOST,
    ],
    &[
        ED,
        HIGH_SURROGATE,
        ANY_LOST,
        ED,
        LOW_SURROGATE,
        LOST_OR_MARK,
    ],
    &[THREE, LOST_OR_MARK, MAYBE_LOST],
    &[THREE, MAYBE_LOST, LOST_OR_MARK],
    &[FOURS, LOST_OR_MARK, MAYBE_LOST, MAYBE_LOST],
    &[FOURS, MAYBE_LOST, LOST_OR_MARK, MAYBE_LOST],
    &[FOURS, MAYBE_LOST, MAYBE_LOST, LOST_OR_MARK],
    &[LOST],
];

fn fits(bytes: &[u8], pattern: &[Bytes]) -> bool {
    let within = |(byte, ranges): (&u8, &Bytes)| {
        ranges
            .iter()
            .any(|(first, last)| (first..=last).contains(&byte))
    };
    bytes.len() >= pattern.len() && bytes.iter().zip(pattern).all(within)
}

fn contains(bytes: &[u8], pattern: &[Bytes]) -> bool {
    (0..bytes.len()).any(|i| fits(&bytes[i..], pattern))
}

/// Every sequence that fits a pattern, the first pattern that does, by `with` of it.
fn replace(bytes: &[u8], patterns: &[&[Bytes]], with: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let mut result = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        let pattern = patterns.iter().find(|pattern| fits(rest, pattern));
        if let Some(pattern) = pattern {
            let (found, after) = rest.split_at(pattern.len());
            result.extend(with(found));
            rest = after;
        } else {
            result.push(*first);
            rest = after;
        }
    }
    result
}

/// Puts no-break spaces back where they make UTF-8.
fn restore_no_break_spaces(bytes: &[u8]) -> Vec<u8> {
    // "à" as a word of its own lost its second byte to the space that follows; not so the
    // Portuguese words that begin with it.
    const WITHIN_WORDS: [&[u8]; 5] = [b" ", b"quele", b"quela", b"quilo", b"s "];
    let mut words = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        words.push(*first);
        rest = after;
        if *first == 0xc3
            && let Some(word) = after.strip_prefix(b" ")
            && !WITHIN_WORDS.iter().any(|start| word.starts_with(start))
        {
            words.extend(b"\xa0 ");
            rest = word;
        }
    }
    replace(&words, ALTERED, |found| {
        let restore = |&byte: &u8| if byte == b' ' { 0xa0 } else { byte };
        found.iter().map(restore).collect()
    })
}

/// UTF-8, also with pairs of surrogates (CESU-8) and Java's way to write NUL.
fn decode_utf8(bytes: &[u8]) -> Option<String> {
    const PAIR: &[Bytes] = &[
        ED,
        HIGH_SURROGATE,
        CONTINUATION,
        ED,
        LOW_SURROGATE,
        CONTINUATION,
    ];
    let mut result = String::with_capacity(bytes.len());
    let mut rest = bytes;
    while !rest.is_empty() {
        let special =
            (0..rest.len()).find(|&i| rest[i..].starts_with(b"\xc0\x80") || fits(&rest[i..], PAIR));
        let (plain, after) = rest.split_at(special.unwrap_or(rest.len()));
        result.push_str(std::str::from_utf8(plain).ok()?);
        rest = match after {
            [] => after,
            [0xc0, ..] => {
                result.push('\0');
                &after[2..]
            }
            [_, high, middle, _, low, last, rest @ ..] => {
                let bits = |byte: &u8, mask: u8, shift: u32| u32::from(byte & mask) << shift;
                let code = bits(high, 0x0f, 16)
                    | bits(middle, 0x3f, 10)
                    | bits(low, 0x0f, 6)
                    | bits(last, 0x3f, 0);
                result.push(char::from_u32(code + 0x1_0000)?);
                rest
            }
            _ => return None,
        };
    }
    Some(result)
}

/// Mends the sequences within `text` that look like UTF-8 of their own.
fn fix_places(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let mut result = String::with_capacity(text.len());
    let mut i = 0;
    while i < characters.len() {
        let inside = i > 0 && has_byte(characters[i - 1], is_strict_continuation);
        let length = if inside {
            0
        } else {
            misread_length(&characters[i..])
        };
        if length == 0 {
            result.push(characters[i]);
            i += 1;
            continue;
        }
        let found: String = characters[i..i + length].iter().collect();
        if length < characters.len() && is_bad(&found) {
            result.push_str(&fix_encoding(&found));
        } else {
            result.push_str(&found);
        }
        i += length;
    }
    result
}

/// How many characters at the beginning look like misread UTF-8 of non-ASCII characters.
fn misread_length(characters: &[char]) -> usize {
    let mut length = 0;
    loop {
        let rest = &characters[length..];
        let sequence = |is_first: fn(char, u8) -> bool, count: usize| {
            let (first, others) = rest.get(..count)?.split_first()?;
            let continues = |&c: &char| c == ' ' || has_byte(c, is_continuation);
            (has_byte(*first, is_first) && others.iter().all(continues)).then_some(count)
        };
        let next = sequence(|_, byte| matches!(byte, 0xc2..=0xdf), 2)
            .or_else(|| sequence(|_, byte| matches!(byte, 0xe0..=0xef), 3))
            // Of the others only unassigned characters come.
            .or_else(|| sequence(|_, byte| matches!(byte, 0xf0 | 0xf3), 4));
        match next {
            Some(count) => length += count,
            None => return length,
        }
    }
}

/// Whether a character is such a byte in one of the encodings that resemble Latin-1.
fn has_byte(c: char, is: fn(char, u8) -> bool) -> bool {
    let mut bytes = ALL[..LIKE_LATIN_1].iter().filter_map(|map| map.encode(c));
    bytes.any(|byte| is(c, byte))
}

fn is_continuation(_: char, byte: u8) -> bool {
    matches!(byte, 0x80..=0xbf)
}

/// Without characters that often stand for themselves beside mojibake.
fn is_strict_continuation(c: char, byte: u8) -> bool {
    is_continuation(c, byte) && !"–—―‘’‚“”„•…".contains(c)
}
