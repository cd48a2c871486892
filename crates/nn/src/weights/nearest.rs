//! The most similar of many names.

/// The name with the smallest edit distance to `name`, the first in order of those.
pub(super) fn nearest<'n>(
    name: &str,
    others: impl IntoIterator<Item = &'n str>,
) -> Option<&'n str> {
    others
        .into_iter()
        .min_by_key(|other| (distance(name, other), *other))
}

/// Bytes of a name that are compared: more than any published name has. A file may hold names of
/// megabytes, whose every pair of bytes would be looked at.
const COMPARED: usize = 512;

/// Levenshtein's edit distance in bytes.
fn distance(a: &str, b: &str) -> usize {
    let [a, b] = [a, b].map(|name| &name.as_bytes()[..name.len().min(COMPARED)]);
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let changed = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
