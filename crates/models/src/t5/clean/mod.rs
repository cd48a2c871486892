//! The cleaning of prompts before Wan's text encoder sees them.
//!
//! Own code instead of the crate plsfix: on the prompts of the fixture that differs from ftfy 6.3.1
//! in eleven of 409, and it brings in 120 crates.

mod badness;
mod charmap;
mod encoding;
mod html;

use unicode_normalization::UnicodeNormalization;

use encoding::{fix_c1_controls, fix_encoding};

/// A prompt as Wan's pipelines clean it: mended by the rules of ftfy, HTML entities decoded twice,
/// white space collapsed.
///
/// Reference: `prompt_clean`, `diffusers/pipelines/wan/pipeline_wan.py`; ftfy 6.3.1.
pub fn clean_wan(prompt: &str) -> String {
    let fixed = fix_text(prompt);
    let plain = html::unescape(&html::unescape(&fixed));
    let words = plain.split(is_space).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

/// What Python's `str.isspace` says.
fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

/// `fix_text` of ftfy: each line until nothing changes any more.
fn fix_text(text: &str) -> String {
    let mut has_tags = false;
    let lines = text.split_inclusive('\n').map(|line| {
        // Entities are meant where there are tags, from there on.
        has_tags |= line.contains('<');
        fix_line(line, !has_tags)
    });
    lines.collect()
}

fn fix_line(line: &str, unescape: bool) -> String {
    let mut text = line.to_owned();
    loop {
        let before = text.clone();
        if unescape && !before.contains('<') {
            text = html::unescape_unambiguous(&text);
        }
        text = fix_c1_controls(&fix_encoding(&text));
        text = text.chars().fold(String::new(), push_plain);
        text = text.replace("\r\n", "\n");
        text = text.replace(['\r', '\u{2028}', '\u{2029}', '\u{85}'], "\n");
        text = remove_terminal_escapes(&text);
        text.retain(|c| !is_control(c));
        text = text.nfc().collect();
        if text == before {
            return text;
        }
    }
}

/// A character without ligature, unusual width or curl.
fn push_plain(mut text: String, c: char) -> String {
    let ligature = LIGATURES.iter().find(|(ligature, _)| *ligature == c);
    match (ligature, c) {
        (Some((_, letters)), _) => text.push_str(letters),
        (_, '\u{3000}') => text.push(' '),
        (_, '\u{ff01}'..='\u{ffef}') => text.extend(std::iter::once(c).nfkc()),
        (_, '\u{2bc}' | '\u{2018}'..='\u{201b}') => text.push('\''),
        (_, '\u{201c}'..='\u{201f}') => text.push('"'),
        _ => text.push(c),
    }
    text
}

const LIGATURES: &[(char, &str)] = &[
    ('Ĳ', "IJ"),
    ('ĳ', "ij"),
    ('ŉ', "ʼn"),
    ('Ǳ', "DZ"),
    ('ǲ', "Dz"),
    ('ǳ', "dz"),
    ('Ǆ', "DŽ"),
    ('ǅ', "Dž"),
    ('ǆ', "dž"),
    ('Ǉ', "LJ"),
    ('ǈ', "Lj"),
    ('ǉ', "lj"),
    ('Ǌ', "NJ"),
    ('ǋ', "Nj"),
    ('ǌ', "nj"),
    ('ﬀ', "ff"),
    ('ﬁ', "fi"),
    ('ﬂ', "fl"),
    ('ﬃ', "ffi"),
    ('ﬄ', "ffl"),
    ('ﬅ', "ſt"),
    ('ﬆ', "st"),
];

/// Without sequences such as the escape character and `[31m`.
fn remove_terminal_escapes(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("\u{1b}[") {
        let numbers = &rest[start + 2..];
        let end = numbers.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';');
        let is_escape = end.starts_with(|c: char| c.is_ascii_alphabetic());
        let after = if is_escape { &end[1..] } else { numbers };
        let kept = if is_escape { start } else { start + 2 };
        result.push_str(&rest[..kept]);
        rest = after;
    }
    result + rest
}

fn is_control(c: char) -> bool {
    matches!(
        c,
        '\0'..='\u{8}'
            | '\u{b}'
            | '\u{e}'..='\u{1f}'
            | '\u{7f}'
            | '\u{206a}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffc}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_are_cleaned_as_by_the_reference() {
        let cases: Vec<(String, String)> =
            serde_json::from_str(include_str!("../../../fixtures/t5/clean.json")).expect("pairs");
        assert!(cases.len() > 400, "only {} prompts", cases.len());
        for (prompt, expected) in &cases {
            assert_eq!(&clean_wan(prompt), expected, "{prompt:?}");
        }
    }

    #[test]
    fn terminal_escapes_go_and_others_stay() {
        let text = "a\u{1b}[1;31mb\u{1b}[mc\u{1b}[x?\u{1b}[?25h\u{1b}";
        assert_eq!(remove_terminal_escapes(text), "abc?\u{1b}[?25h\u{1b}");
    }
}
