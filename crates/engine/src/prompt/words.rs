//! Words of a prompt, with their places in the text and their stems.

/// One word of a prompt.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Word {
    /// As written.
    pub(crate) text: String,
    /// Byte range in the prompt.
    pub(crate) start: usize,
    /// End of the byte range.
    pub(crate) end: usize,
    /// What forms of the same word share.
    pub(crate) stem: String,
    /// Its value, when the word is a number.
    pub(crate) number: Option<f64>,
    /// Whether a comma, full stop, colon, ... stands between this word and the one before.
    pub(crate) opens_clause: bool,
}

/// Splits a text into words; letters and digits part (`85mm` is two words), `1.8` is one.
pub(crate) fn words(text: &str) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let mut opens_clause = true;
    let mut chars = text.char_indices().peekable();
    while let Some((start, c)) = chars.next() {
        let kind = Kind::of(c);
        if kind == Kind::Other {
            opens_clause |= matches!(c, ',' | ';' | ':' | '.' | '!' | '?' | '(' | ')' | '\n');
            continue;
        }
        let mut end = start + c.len_utf8();
        while let Some(&(at, next)) = chars.peek() {
            let mut ahead = text[at..].chars().skip(1);
            let inner = match next {
                '.' => kind == Kind::Digit && ahead.next().is_some_and(|c| c.is_ascii_digit()),
                '\'' | '\u{2019}' => {
                    kind == Kind::Letter && ahead.next().is_some_and(char::is_alphabetic)
                }
                // "4k" is one word, "85mm" two.
                'k' | 'K' if kind == Kind::Digit => {
                    !ahead.next().is_some_and(char::is_alphanumeric)
                }
                _ => Kind::of(next) == kind && kind != Kind::Degree,
            };
            if !inner {
                break;
            }
            end = at + next.len_utf8();
            chars.next();
        }
        words.push(Word::new(&text[start..end], start, opens_clause));
        opens_clause = false;
    }
    words
}

#[derive(PartialEq, Clone, Copy)]
enum Kind {
    Letter,
    Digit,
    Degree,
    Other,
}

impl Kind {
    fn of(c: char) -> Self {
        match c {
            '#' => Self::Letter,
            '\u{b0}' => Self::Degree,
            c if c.is_ascii_digit() => Self::Digit,
            c if c.is_alphabetic() => Self::Letter,
            _ => Self::Other,
        }
    }
}

impl Word {
    fn new(text: &str, start: usize, opens_clause: bool) -> Self {
        let plain = text.to_lowercase();
        let number = number(&plain);
        let stem = if number.is_some() {
            "#".into()
        } else {
            stem(&plain)
        };
        Self {
            text: text.into(),
            start,
            end: start + text.len(),
            stem,
            number,
            opens_clause,
        }
    }
}

/// The number that a word states, in digits or up to ninety in words.
fn number(word: &str) -> Option<f64> {
    if word == "half" {
        return Some(0.5);
    }
    // "infinity" and "nan" are words here, not numbers.
    let digits = word
        .starts_with(|c: char| c.is_ascii_digit())
        .then(|| word.parse().ok())
        .flatten();
    digits.or_else(|| kinora_nn::tokenizer::word_value(word).map(f64::from))
}

/// What the forms of an English word share: `walks`, `walking`, `walked` -> `walk`.
pub(crate) fn stem(word: &str) -> String {
    let word = word.trim_end_matches("'s").trim_end_matches("\u{2019}s");
    let word = match word {
        "\u{b0}" => "degrees",
        "towards" => "toward",
        "metre" | "metres" | "m" => "meter",
        "millimetre" | "millimetres" => "millimeter",
        "sec" | "secs" | "s" => "second",
        "centre" => "center",
        other => other,
    };
    let strip = |suffix: &str, keep: usize| {
        word.strip_suffix(suffix)
            .filter(|rest| rest.chars().count() >= keep)
    };
    let base = if let Some(rest) = strip("ies", 2) {
        format!("{rest}y")
    } else if let Some(rest) = strip("ing", 3).or_else(|| strip("ed", 3)) {
        undouble(rest).to_owned()
    } else if let Some(rest) = strip("es", 3).filter(|rest| rest.ends_with(['s', 'x', 'z', 'h'])) {
        rest.to_owned()
    } else if word.ends_with("ss") || word.ends_with("us") || word.ends_with("is") {
        word.to_owned()
    } else {
        strip("s", 3).unwrap_or(word).to_owned()
    };
    match base.strip_suffix('e') {
        Some(rest) if rest.chars().count() >= 3 => rest.to_owned(),
        _ => base,
    }
}

/// `runn` -> `run`, but `pass` stays.
fn undouble(word: &str) -> &str {
    let mut last = word.chars().rev();
    match (last.next(), last.next()) {
        (Some(a), Some(b))
            if a == b && matches!(a, 'b' | 'd' | 'g' | 'm' | 'n' | 'p' | 'r' | 't') =>
        {
            &word[..word.len() - a.len_utf8()]
        }
        _ => word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_a_word_share_their_stem() {
        for forms in [
            &["walk", "walks", "walking", "walked"][..],
            &["run", "runs", "running"],
            &["wave", "waves", "waving", "waved"],
            &["cross", "crosses", "crossing"],
            &["fly", "flies", "flying"],
            &["rise", "rises", "rising"],
            &["meter", "metres", "meters"],
            &["hat", "hats"],
        ] {
            let stems: Vec<String> = forms.iter().map(|form| stem(form)).collect();
            assert!(
                stems.iter().all(|s| *s == stems[0]),
                "{forms:?} -> {stems:?}"
            );
        }
        assert_ne!(stem("dress"), stem("dres"));
    }

    #[test]
    fn numbers_units_and_clauses_are_read() {
        let words = words("Vertical, eight seconds: 85mm at f/1.8, 45\u{b0}, it's 2.5 s, 4k");
        let texts: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
        let expected = [
            "Vertical", "eight", "seconds", "85", "mm", "at", "f", "1.8", "45", "\u{b0}", "it's",
            "2.5", "s", "4k",
        ];
        assert_eq!(texts, expected);
        let opens: Vec<&str> = words
            .iter()
            .filter(|word| word.opens_clause)
            .map(|word| word.text.as_str())
            .collect();
        assert_eq!(opens, ["Vertical", "eight", "85", "45", "it's", "4k"]);
        let numbers: Vec<f64> = words.iter().filter_map(|word| word.number).collect();
        assert_eq!(numbers, [8.0, 85.0, 1.8, 45.0, 2.5]);
        assert!(
            super::words("infinity and nan")
                .iter()
                .all(|word| word.number.is_none())
        );
    }
}
