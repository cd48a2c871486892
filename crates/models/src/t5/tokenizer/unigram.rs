//! The unigram model: the most likely way to write a text in pieces of a vocabulary.
//!
//! Reference: Kudo, arXiv 1804.10959; `Unigram::encode_optimized` of the crate tokenizers, whose
//! ties and unknown tokens these are.

use super::TokenizerError;

/// What an unknown character costs beyond the least likely piece.
const UNKNOWN_PENALTY: f64 = 10.0;

pub(super) struct Unigram {
    /// Sorted by text, each text once.
    pieces: Vec<(Box<str>, u32)>,
    /// By id.
    scores: Vec<f64>,
    unknown: u32,
    unknown_score: f64,
    /// The piece of each byte, if texts without other pieces are written in bytes.
    bytes: Option<Vec<u32>>,
}

/// The best way to write the text up to a byte.
#[derive(Clone, Copy)]
struct Node {
    start: usize,
    id: u32,
    score: f64,
}

/// One entry of a vocabulary.
pub(super) struct Entry {
    pub text: String,
    pub score: f64,
    /// Whether texts may contain it.
    pub used: bool,
    /// Whether its score bounds that of unknown characters.
    pub counted: bool,
}

impl Unigram {
    pub(super) fn new(
        entries: Vec<Entry>,
        unknown: u32,
        byte_fallback: bool,
    ) -> Result<Self, TokenizerError> {
        if unknown as usize >= entries.len() || u32::try_from(entries.len()).is_err() {
            return Err(TokenizerError::Unknown {
                id: unknown,
                size: entries.len(),
            });
        }
        if let Some((id, entry)) = (entries.iter().enumerate()).find(|(_, e)| !e.score.is_finite())
        {
            return Err(TokenizerError::Score {
                id,
                score: entry.score,
            });
        }
        let counted = entries.iter().filter(|entry| entry.counted);
        let least = counted
            .map(|entry| entry.score)
            .fold(f64::INFINITY, f64::min);
        let scores = entries.iter().map(|entry| entry.score).collect();
        let mut pieces: Vec<(Box<str>, u32)> = entries
            .into_iter()
            .zip(0..)
            .filter(|(entry, _)| entry.used && !entry.text.is_empty())
            .map(|(entry, id)| (entry.text.into_boxed_str(), id))
            .collect();
        // Of a text that stands twice the last id counts.
        pieces.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
        pieces.dedup_by(|later, kept| later.0 == kept.0);
        let mut model = Self {
            pieces,
            scores,
            unknown,
            unknown_score: if least.is_finite() { least } else { 0.0 } - UNKNOWN_PENALTY,
            bytes: None,
        };
        if byte_fallback {
            let id = |byte| model.id(&format!("<0x{byte:02X}>"));
            model.bytes = (0..256).map(id).collect();
        }
        Ok(model)
    }

    /// One more than the greatest id of a piece that texts may contain.
    pub(super) fn num_ids(&self) -> usize {
        let greatest = self
            .pieces
            .iter()
            .map(|(_, id)| *id)
            .chain([self.unknown])
            .max();
        greatest.map_or(0, |id| id as usize + 1)
    }

    /// The id of a piece.
    pub(super) fn id(&self, text: &str) -> Option<u32> {
        let found = self
            .pieces
            .binary_search_by(|(piece, _)| (**piece).cmp(text));
        found.ok().map(|i| self.pieces[i].1)
    }

    /// Appends the ids of `text`.
    pub(super) fn encode(&self, text: &str, ids: &mut Vec<u32>) {
        let path = self.best_path(text);
        let mut unknown = None::<usize>;
        let mut position = 0;
        for (end, id) in path {
            if id == self.unknown {
                unknown.get_or_insert(position);
            } else {
                if let Some(start) = unknown.take() {
                    self.encode_unknown(&text[start..position], ids);
                }
                ids.push(id);
            }
            position = end;
        }
        if let Some(start) = unknown {
            self.encode_unknown(&text[start..], ids);
        }
    }

    /// Neighbouring unknown characters are one token, or the bytes of all.
    fn encode_unknown(&self, text: &str, ids: &mut Vec<u32>) {
        match (self.id(text), &self.bytes) {
            (Some(id), _) => ids.push(id),
            (None, Some(bytes)) => ids.extend(text.bytes().map(|byte| bytes[byte as usize])),
            (None, None) => ids.push(self.unknown),
        }
    }

    /// The end and id of each piece.
    fn best_path(&self, text: &str) -> Vec<(usize, u32)> {
        let mut best: Vec<Option<Node>> = vec![None; text.len() + 1];
        for (start, c) in text.char_indices() {
            let here = if start == 0 {
                0.0
            } else {
                best[start].map_or(0.0, |node| node.score)
            };
            let mut offer = |end: usize, id: u32, score: f64| {
                let score = score + here;
                if best[end].is_none_or(|node| score > node.score) {
                    best[end] = Some(Node { start, id, score });
                }
            };
            let end = start + c.len_utf8();
            let mut alone = false;
            self.each_prefix(&text.as_bytes()[start..], |length, id| {
                offer(start + length, id, self.scores[id as usize]);
                alone |= start + length == end;
            });
            if !alone {
                offer(end, self.unknown, self.unknown_score);
            }
        }
        let mut path = Vec::new();
        let mut end = text.len();
        while let Some(node) = best[end] {
            path.push((end, node.id));
            end = node.start;
        }
        path.reverse();
        path
    }

    /// Calls `found` with the length and id of each piece that `text` begins with, shortest first.
    fn each_prefix(&self, text: &[u8], mut found: impl FnMut(usize, u32)) {
        let mut range = &self.pieces[..];
        for (depth, byte) in text.iter().enumerate() {
            // All of `range` begin with `text[..depth]`; a piece that ends there comes first.
            let next = |(piece, _): &(Box<str>, u32)| piece.as_bytes().get(depth).copied();
            let first = range.partition_point(|piece| next(piece) < Some(*byte));
            let count = range[first..].partition_point(|piece| next(piece) == Some(*byte));
            range = &range[first..first + count];
            match range.first() {
                None => return,
                Some((piece, id)) if piece.len() == depth + 1 => found(depth + 1, *id),
                Some(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(pieces: &[(&str, f64)], byte_fallback: bool) -> Unigram {
        let bytes = (0..256).map(|byte| (format!("<0x{byte:02X}>"), 0.0));
        let pieces = pieces.iter().map(|&(text, score)| (text.to_owned(), score));
        let entries = pieces.chain(bytes.filter(|_| byte_fallback));
        let entries = entries.map(|(text, score)| Entry {
            text,
            score,
            used: true,
            counted: true,
        });
        Unigram::new(entries.collect(), 0, byte_fallback).expect("a vocabulary")
    }

    #[track_caller]
    fn check(model: &Unigram, text: &str, expected: &[u32]) {
        let mut ids = Vec::new();
        model.encode(text, &mut ids);
        assert_eq!(ids, expected, "{text:?}");
    }

    const PIECES: &[(&str, f64)] = &[
        ("<unk>", 0.0),
        ("a", -1.0),
        ("b", -1.0),
        ("ab", -2.0),
        ("abc", -2.5),
        ("é", -3.0),
        ("a", -1.5),
    ];

    #[test]
    fn the_likeliest_pieces_are_taken_and_ties_go_to_the_longer() {
        let model = model(PIECES, false);
        check(&model, "", &[]);
        check(&model, "abcé", &[4, 5]);
        // "a" stands twice: its last entry makes "ab" better than "a", "b".
        check(&model, "ab", &[3]);
        check(&model, "aab", &[6, 3]);
        assert_eq!(model.id("a"), Some(6));
    }

    #[test]
    fn unknown_characters_are_one_token_or_their_bytes() {
        check(&model(PIECES, false), "a語語b", &[6, 0, 2]);
        let byte = |b: u32| PIECES.len() as u32 + b;
        let expected = [6, byte(0xe8), byte(0xaa), byte(0x9e), 2];
        check(&model(PIECES, true), "a語b", &expected);
    }

    #[test]
    fn vocabularies_that_cannot_be_are_refused() {
        let entry = |score| Entry {
            text: "a".to_owned(),
            score,
            used: true,
            counted: true,
        };
        assert!(Unigram::new(vec![], 0, false).is_err());
        assert!(Unigram::new(vec![entry(0.0)], 1, false).is_err());
        assert!(Unigram::new(vec![entry(f64::NAN)], 0, false).is_err());
    }
}
