//! Sentencepiece's table of character replacements, such as NFKC: a double-array trie from byte
//! sequences to places in a list of replacements.
//!
//! Layout: u32 bytes of the trie, its u32 units, then replacements ended by NUL.
//! Reference: Aoe, "An efficient digital search algorithm by using a double-array structure" (1989);
//! `darts-clone`, whose units these are; `Precompiled` of the crate tokenizers, whose way to cut a
//! text this is: sentencepiece itself replaces the longest match at each place.

use unicode_segmentation::UnicodeSegmentation;

use super::TokenizerError;

pub(super) struct Charsmap {
    units: Vec<u32>,
    replacements: String,
}

/// Graphemes of more bytes than this are replaced character by character.
const LONGEST_GRAPHEME: usize = 5;

impl Charsmap {
    pub(super) fn new(bytes: &[u8]) -> Result<Self, TokenizerError> {
        let cut = || {
            let (size, rest) = bytes.split_first_chunk()?;
            let size = usize::try_from(u32::from_le_bytes(*size)).ok()?;
            let (units, replacements) = rest.split_at_checked(size)?;
            let units = units
                .as_chunks()
                .0
                .iter()
                .map(|unit| u32::from_le_bytes(*unit));
            Some(Self {
                units: units.collect(),
                replacements: String::from_utf8(replacements.to_vec()).ok()?,
            })
        };
        cut().ok_or(TokenizerError::Charsmap)
    }

    pub(super) fn normalize(&self, text: &str) -> String {
        let mut result = String::with_capacity(text.len());
        for grapheme in text.graphemes(true) {
            if grapheme.len() <= LONGEST_GRAPHEME
                && let Some(replacement) = self.replacement(grapheme)
            {
                result.push_str(replacement);
                continue;
            }
            for (start, c) in grapheme.char_indices() {
                match self.replacement(&grapheme[start..start + c.len_utf8()]) {
                    Some(replacement) => result.push_str(replacement),
                    None => result.push(c),
                }
            }
        }
        result
    }

    /// What stands in the table for the shortest beginning of `text` that has an entry.
    fn replacement(&self, text: &str) -> Option<&str> {
        let offset = |unit: u32| ((unit >> 10) << ((unit & (1 << 9)) >> 6)) as usize;
        let mut place = offset(*self.units.first()?);
        for byte in text.bytes().take_while(|&byte| byte != 0) {
            place ^= byte as usize;
            let unit = *self.units.get(place)?;
            if unit & (1 << 31 | 0xff) != u32::from(byte) {
                return None;
            }
            place ^= offset(unit);
            if unit & (1 << 8) != 0 {
                let value = self.units.get(place)? & !(1 << 31);
                let rest = self.replacements.get(value as usize..)?;
                return rest.split('\0').next();
            }
        }
        None
    }
}
