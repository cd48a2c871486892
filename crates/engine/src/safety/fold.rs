//! Folding: every way of writing a word becomes one plain lower-case word.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_security::confusable_detection::skeleton;

/// A text as plain words.
pub(super) struct Folded {
    /// ` word word word `: single spaces, one before and one after every word.
    pub(super) words: String,
    /// Runs of single letters put together, in which word borders are unknown.
    pub(super) spelled: Vec<String>,
}

/// Folded words as a careless or a cunning writer may have meant them: every double letter single, and
/// `u` for `v`.
pub(super) struct Loose {
    pub(super) words: String,
    /// What was changed at each byte of `words`: letters left out before it, or another letter.
    pub(super) changes: Vec<u8>,
}

impl Loose {
    pub(super) fn new(words: &str) -> Self {
        let mut loose = Self {
            words: String::with_capacity(words.len()),
            changes: Vec::with_capacity(words.len()),
        };
        let mut last = None;
        for c in words.chars() {
            let meant = if c == 'v' { 'u' } else { c };
            if last == Some(meant) {
                if let Some(changes) = loose.changes.last_mut() {
                    *changes = changes.saturating_add(1);
                }
                continue;
            }
            loose.words.push(meant);
            let changed = u8::from(meant != c);
            loose.changes.resize(loose.words.len(), changed);
            last = Some(meant);
        }
        loose
    }
}

impl Folded {
    pub(super) fn new(text: &str) -> Self {
        let words = tokens(&plain(text))
            .into_iter()
            .map(|word| squeeze(&unleet(&word)));
        let (mut folded, mut spelled) = (String::from(" "), Vec::new());
        let list: Vec<String> = words.collect();
        for group in list.chunk_by(|a, b| is_letter(a) && is_letter(b)) {
            if group.len() >= 3 && is_letter(&group[0]) {
                spelled.push(group.concat());
            }
            for word in group {
                folded.push_str(word);
                folded.push(' ');
            }
        }
        Self {
            words: folded,
            spelled,
        }
    }
}

fn is_letter(word: &str) -> bool {
    word.chars().count() == 1
}

/// Lower case without accents, full-width forms, look-alikes of other scripts or invisible marks.
fn plain(text: &str) -> String {
    text.nfkd()
        .filter(|c| !is_combining_mark(*c) && !is_invisible(*c))
        .flat_map(|c| {
            // The skeleton of an ASCII letter may be another one (m -> rn): leave those alone.
            let shape: String = if c.is_ascii() {
                c.into()
            } else {
                skeleton(&c.to_string()).collect()
            };
            let shape = if shape.is_ascii() {
                shape
            } else {
                c.to_string()
            };
            shape.to_lowercase().chars().collect::<Vec<_>>()
        })
        .collect()
}

/// Soft hyphen, zero-width characters, direction marks.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
}

/// Words of letters and digits; a sign that stands for a letter counts when a letter follows.
fn tokens(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let mut words = vec![String::new()];
    for (i, &c) in chars.iter().enumerate() {
        let next = chars.get(i + 1).is_some_and(|next| next.is_alphanumeric());
        if c.is_alphanumeric() || (matches!(c, '@' | '$' | '!' | '|') && next) {
            words.last_mut().expect("never empty").push(c);
        } else if c != '\'' && !words.last().expect("never empty").is_empty() {
            words.push(String::new());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Digits and signs inside a word of letters become the letters that they imitate.
fn unleet(word: &str) -> String {
    if !word.chars().any(char::is_alphabetic) {
        return word.to_owned();
    }
    let letter = |c| match c {
        '0' => 'o',
        '1' | '!' | '|' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        '8' => 'b',
        other => other,
    };
    word.chars().map(letter).collect()
}

/// Three or more of the same letter become one; a word of one letter alone keeps three, so that it
/// is not taken for the letter.
fn squeeze(word: &str) -> String {
    let chars: Vec<char> = word.chars().collect();
    let run = |c: &[char]| match c.len() {
        all if all == chars.len() => all.min(3),
        3.. => 1,
        few => few,
    };
    chars
        .chunk_by(|a, b| a == b)
        .flat_map(|same| same[..run(same)].iter())
        .collect()
}

/// Every age that the text states: "15 year old", "aged 9", "14yo", "twelve-year-old".
pub(super) fn ages(text: &str) -> impl Iterator<Item = u32> {
    let plain = plain(text);
    let split = |c: char| !c.is_alphanumeric();
    let words: Vec<String> = plain
        .split(split)
        .filter(|w| !w.is_empty())
        .map(Into::into)
        .collect();
    (0..words.len()).filter_map(move |i| {
        let word = words[i].as_str();
        let next = |n: usize| words.get(i + n).map_or(String::new(), |word| unleet(word));
        let (digits, unit) = word.split_at(
            word.find(|c: char| !c.is_ascii_digit())
                .unwrap_or(word.len()),
        );
        if matches!(unit, "yo" | "yrs" | "yr") {
            return digits.parse().ok();
        }
        let number = number(word)?;
        let years = matches!(&*next(1), "year" | "years" | "yr" | "yrs") && next(2) == "old";
        let short = next(1) == "yo" || (next(1) == "y" && next(2) == "o");
        let aged = i > 0 && matches!(words[i - 1].as_str(), "aged" | "age");
        (years || short || aged).then_some(number)
    })
}

/// A whole number in one word, or in digits.
fn number(word: &str) -> Option<u32> {
    let spelled = || kinora_nn::tokenizer::word_value(word).map(|value| value as u32);
    word.parse().ok().or_else(spelled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_keeps_ordinary_text() {
        let check =
            |text: &str, folded: &str| assert_eq!(Folded::new(text).words, folded, "{text}");
        check("A red ball, 85mm!", " a red ball bsmm ");
        check("It's I. A. Smith", " its i a smith ");
        check("caf\u{e9} \u{2014} na\u{ef}ve", " cafe naive ");
        assert_eq!(Folded::new("a s e v e n boats").spelled, ["aseven"]);
        check("", " ");
    }

    #[test]
    fn loose_words_know_where_they_were_changed() {
        let Loose { words, changes } = Loose::new(" seexx in trvmpet ");
        assert_eq!(words, " sex in trumpet ");
        let changed: Vec<usize> = (0..words.len()).filter(|&i| changes[i] > 0).collect();
        assert_eq!(changed, [2, 3, 10], "e, x and u");
    }

    #[test]
    fn ages_are_read_in_digits_and_words() {
        let read = |text: &str| ages(text).collect::<Vec<_>>();
        assert_eq!(
            read("a 15 year old and a twelve-year-old, aged 9, 14yo, 16 y/o"),
            [15, 12, 9, 14, 16]
        );
        assert_eq!(
            read("at 24 fps for 4 seconds, 85mm, 2000 years of history"),
            [0u32; 0]
        );
    }
}
