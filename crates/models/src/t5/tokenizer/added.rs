//! Tokens that are found in a text before it is cut into pieces, such as `</s>`.
//!
//! Reference: `AddedVocabulary` of the crate tokenizers.

use serde::Deserialize;

/// One such token, as `tokenizer.json` describes it.
#[derive(Clone, Debug, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the fields of the file's own format"
)]
pub(super) struct AddedToken {
    pub id: u32,
    pub content: String,
    /// Not between letters or digits.
    #[serde(default)]
    pub single_word: bool,
    /// Takes the white space before it.
    #[serde(default)]
    pub lstrip: bool,
    /// Takes the white space after it.
    #[serde(default)]
    pub rstrip: bool,
    /// Is looked for in the normalised text.
    #[serde(default)]
    pub normalized: bool,
}

/// A part of a text.
#[derive(Debug, PartialEq)]
pub(super) enum Part<'t> {
    Text(&'t str),
    Token(u32),
}

impl AddedToken {
    /// A token that is found in the text as it came.
    pub(super) fn plain(id: u32, content: &str) -> Self {
        Self {
            id,
            content: content.to_owned(),
            single_word: false,
            lstrip: false,
            rstrip: false,
            normalized: false,
        }
    }
}

/// Cuts `text` at the tokens: the first place wins, there the longest token.
pub(super) fn split<'t>(text: &'t str, tokens: &[AddedToken]) -> Vec<Part<'t>> {
    let mut parts = Vec::new();
    let mut done = 0;
    let mut from = 0;
    while let Some((start, token)) = find(text, from, tokens) {
        let mut start = start;
        let mut end = start + token.content.len();
        from = end;
        let word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        let before = text[..start].chars().next_back();
        if token.single_word && (word(before) || word(text[end..].chars().next())) {
            continue;
        }
        if token.lstrip {
            start = done.max(text[..start].trim_end().len());
        }
        if token.rstrip {
            end = text.len() - text[end..].trim_start().len();
        }
        if done < start {
            parts.push(Part::Text(&text[done..start]));
        }
        parts.push(Part::Token(token.id));
        done = end;
        from = from.max(end);
    }
    if done < text.len() {
        parts.push(Part::Text(&text[done..]));
    }
    parts
}

fn find<'a>(text: &str, from: usize, tokens: &'a [AddedToken]) -> Option<(usize, &'a AddedToken)> {
    text[from..].char_indices().find_map(|(place, _)| {
        let rest = &text[from + place..];
        let fits = |token: &&AddedToken| {
            !token.content.is_empty() && rest.starts_with(token.content.as_str())
        };
        let longest = tokens
            .iter()
            .filter(fits)
            .max_by_key(|token| token.content.len());
        longest.map(|token| (from + place, token))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[Part]) {
        let tokens = [
            AddedToken::plain(1, "<a>"),
            AddedToken::plain(2, "<a><b>"),
            AddedToken {
                lstrip: true,
                rstrip: true,
                ..AddedToken::plain(3, "<c>")
            },
            AddedToken {
                single_word: true,
                ..AddedToken::plain(4, "word")
            },
        ];
        assert_eq!(split(text, &tokens), expected, "{text:?}");
    }

    #[test]
    fn texts_are_cut_at_tokens() {
        use Part::{Text, Token};
        check("", &[]);
        check("plain <b>", &[Text("plain <b>")]);
        check("é<a>x", &[Text("é"), Token(1), Text("x")]);
        check("<a><b><a>", &[Token(2), Token(1)]);
        check("x <c>  <c> y", &[Text("x"), Token(3), Token(3), Text("y")]);
        check("word words sword", &[Token(4), Text(" words sword")]);
    }
}
