//! What happens to a text before it is cut into pieces: normalisation and cutting into words.

use super::charsmap::Charsmap;

pub(super) enum Normalizer {
    Charsmap(Charsmap),
    Strip {
        left: bool,
        right: bool,
    },
    Replace {
        from: String,
        to: String,
    },
    /// Two spaces or more.
    Spaces {
        to: String,
    },
}

#[derive(Clone, Copy)]
pub(super) enum Splitter {
    /// At white space, which is dropped.
    Whitespace,
    /// Spaces become `mark`, with `prefix` one is put in front, with `split` it begins words.
    Metaspace {
        mark: char,
        prefix: bool,
        split: bool,
    },
}

impl Splitter {
    /// What `T5Tokenizer` uses, whatever the file says.
    pub(super) const T5: [Self; 2] = [
        Self::Whitespace,
        Self::Metaspace {
            mark: '▁',
            prefix: true,
            split: true,
        },
    ];
}

impl Normalizer {
    /// By how much a text can grow at most.
    pub(super) fn growth(&self) -> f64 {
        let times = |to: &str, from: usize| (to.len() as f64 / from as f64).max(1.0);
        match self {
            // Maps hold what they put in place; a published one turns three bytes into 33.
            Self::Charsmap(_) | Self::Strip { .. } => 1.0,
            Self::Replace { from, to } => times(to, from.len()),
            Self::Spaces { to } => times(to, 2),
        }
    }

    pub(super) fn apply(&self, text: &str) -> String {
        match self {
            Self::Charsmap(map) => map.normalize(text),
            Self::Strip { left, right } => {
                let text = if *left { text.trim_start() } else { text };
                let text = if *right { text.trim_end() } else { text };
                text.to_owned()
            }
            Self::Replace { from, to } => text.replace(from.as_str(), to),
            Self::Spaces { to } => {
                let mut result = String::with_capacity(text.len());
                let mut rest = text;
                while let Some(start) = rest.find("  ") {
                    result.push_str(&rest[..start]);
                    result.push_str(to);
                    rest = rest[start..].trim_start_matches(' ');
                }
                result + rest
            }
        }
    }
}

impl Splitter {
    pub(super) fn split(self, text: &str) -> Vec<String> {
        match self {
            Self::Whitespace => text.split_whitespace().map(str::to_owned).collect(),
            Self::Metaspace {
                mark,
                prefix,
                split,
            } => {
                let mut text = text.replace(' ', mark.encode_utf8(&mut [0; 4]));
                if prefix && !text.starts_with(mark) {
                    text.insert(0, mark);
                }
                if !split {
                    return vec![text];
                }
                let starts = text.match_indices(mark).map(|(start, _)| start);
                let mut cuts: Vec<usize> = starts.chain([0, text.len()]).collect();
                cuts.sort_unstable();
                cuts.dedup();
                let words = cuts.windows(2).map(|cut| text[cut[0]..cut[1]].to_owned());
                words.collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_spaces_are_replaced_once() {
        let spaces = Normalizer::Spaces { to: "_".to_owned() };
        assert_eq!(spaces.apply("  a b   c    "), "_a b_c_");
    }

    #[test]
    fn words_begin_with_the_mark() {
        let [_, mark] = Splitter::T5;
        assert_eq!(mark.split("a  b"), ["▁a", "▁", "▁b"]);
        assert_eq!(mark.split("▁a"), ["▁a"]);
        let [space, _] = Splitter::T5;
        assert_eq!(space.split(" a\u{85}b\u{a0}"), ["a", "b"]);
    }
}
