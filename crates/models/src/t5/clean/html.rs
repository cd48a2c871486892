//! HTML entities.

use std::collections::HashMap;
use std::sync::LazyLock;

use entities::ENTITIES;

use super::charmap::WINDOWS_1252;

/// Characters by the name of their entity: `&amp;`, and `&amp` for the few that stand without the
/// semicolon too.
static NAMED: LazyLock<HashMap<&str, &str>> = LazyLock::new(|| {
    let pairs = ENTITIES
        .iter()
        .map(|entity| (entity.entity, entity.characters));
    pairs.collect()
});

/// The longest name that is looked at, without `&` and semicolon.
const LONGEST_NAME: usize = 32;
/// The same for [`unescape_unambiguous`].
const LONGEST_PLAIN_NAME: usize = 24;

/// `html.unescape` of Python: every entity, also without its semicolon, then by its longest name.
///
/// Reference: WHATWG HTML, "character reference state"; `_replace_charref` of Python's `html`.
pub(super) fn unescape(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('&') {
        result.push_str(&rest[..start]);
        rest = &rest[start..];
        let length = reference_length(rest);
        let (reference, after) = rest.split_at(length);
        if reference == "&" {
            result.push('&');
        } else if reference.starts_with("&#") {
            result.extend(numbered(reference));
        } else {
            push_named(reference, &mut result);
        }
        rest = after;
    }
    result + rest
}

/// Bytes of the character reference that `text` begins with, 1 for an `&` alone.
fn reference_length(text: &str) -> usize {
    let body = |prefix: &str, is_part: fn(char) -> bool, most: usize| {
        let rest = text.strip_prefix(prefix)?;
        let parts = rest.chars().take(most).take_while(|&c| is_part(c));
        let length: usize = parts.map(char::len_utf8).sum();
        let semicolon = usize::from(rest[length..].starts_with(';'));
        (length > 0).then_some(prefix.len() + length + semicolon)
    };
    let is_digit = |c: char| c.is_ascii_digit();
    let is_hex = |c: char| c.is_ascii_hexdigit();
    let is_name = |c: char| !matches!(c, '\t' | '\n' | '\u{c}' | ' ' | '<' | '&' | '#' | ';');
    body("&#", is_digit, usize::MAX)
        .or_else(|| body("&#x", is_hex, usize::MAX))
        .or_else(|| body("&#X", is_hex, usize::MAX))
        .or_else(|| body("&", is_name, LONGEST_NAME))
        .unwrap_or(1)
}

/// The character of `&#65;` or `&#x41;`, nothing for a number without one.
fn numbered(reference: &str) -> Option<char> {
    let digits = reference.trim_start_matches("&#").trim_end_matches(';');
    let (digits, radix) = match digits.strip_prefix(['x', 'X']) {
        Some(digits) => (digits, 16),
        None => (digits, 10),
    };
    let number = u32::from_str_radix(digits, radix).unwrap_or(u32::MAX);
    match number {
        0 | 0x11_0000.. => Some('\u{fffd}'),
        0x0d => Some('\r'),
        0x80..=0x9f => Some(WINDOWS_1252.decode(number as u8)),
        0x01..=0x08 | 0x0b | 0x0e..=0x1f | 0x7f | 0xfdd0..=0xfdef => None,
        _ if number & 0xfffe == 0xfffe => None,
        _ => Some(char::from_u32(number).unwrap_or('\u{fffd}')),
    }
}

/// The characters of a name, or of its longest beginning that is one.
fn push_named(reference: &str, result: &mut String) {
    if let Some(characters) = NAMED.get(reference) {
        result.push_str(characters);
        return;
    }
    let beginnings = reference
        .char_indices()
        .rev()
        .map(|(end, _)| reference.split_at(end));
    // Names have two letters at least.
    let mut beginnings = beginnings.take_while(|(name, _)| name.chars().count() > 2);
    let found = beginnings.find_map(|(name, rest)| Some((NAMED.get(name)?, rest)));
    match found {
        Some((characters, rest)) => {
            result.push_str(characters);
            result.push_str(rest);
        }
        None => result.push_str(reference),
    }
}

/// `unescape_html` of ftfy: entities that end with a semicolon, and names that somebody wrote in
/// capitals.
pub(super) fn unescape_unambiguous(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('&') {
        result.push_str(&rest[..start]);
        rest = &rest[start..];
        let mark = if rest.starts_with("&#") { 2 } else { 1 };
        let is_part = |c: &char| c.is_ascii_alphanumeric();
        let length = rest[mark..].chars().take_while(is_part).count();
        let is_reference =
            (1..=LONGEST_PLAIN_NAME).contains(&length) && rest[mark + length..].starts_with(';');
        let end = if is_reference { mark + length + 1 } else { 1 };
        let (reference, after) = rest.split_at(end);
        match plain(reference).filter(|_| is_reference) {
            Some(characters) => result.push_str(&characters),
            None => result.push_str(reference),
        }
        rest = after;
    }
    result + rest
}

fn plain(reference: &str) -> Option<String> {
    if let Some(characters) = NAMED.get(reference) {
        return Some((*characters).to_owned());
    }
    if reference.starts_with("&#") {
        let unescaped = unescape(reference);
        return (!unescaped.contains(';')).then_some(unescaped);
    }
    let lower = reference.to_ascii_lowercase();
    let characters = NAMED.get(lower.as_str())?;
    let in_capitals = lower.to_ascii_uppercase() == reference && unescape(reference) == reference;
    in_capitals.then(|| characters.to_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_entities_are_those_of_python() {
        let mut names: Vec<&str> = ENTITIES.iter().map(|entity| entity.entity).collect();
        names.sort_unstable();
        let lines = names
            .iter()
            .map(|name| format!("{}={}\n", &name, unescape(name)));
        let digest = kinora_nn::sha256_hex([lines.collect::<String>().as_bytes()]);
        let expected = include_str!("../../../fixtures/t5/entities.sha256");
        assert_eq!(digest, expected.trim());
    }

    #[test]
    fn the_longest_name_counts_without_a_semicolon() {
        assert_eq!(unescape("&notit; &notin; &amp&ampx; &x"), "¬it; ∉ &&x; &x");
        assert_eq!(unescape("&#x41;&#65&#; &#x; & &"), "AA&#; &#x; & &");
    }
}
