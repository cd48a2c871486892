//! Small helpers for names that users mistype.

/// Edits (insert, delete, replace, swap of neighbours) that turn `a` into `b`.
pub fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let replace = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                replace.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1)
            };
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                rows[i][j] = rows[i][j].min(rows[i - 2][j - 2] + 1);
            }
        }
    }
    rows[a.len()][b.len()]
}

/// The name that `word` most likely means: at most a third of its letters differ.
pub fn nearest<'a>(word: &str, names: &[&'a str]) -> Option<&'a str> {
    let word = word.to_lowercase();
    let letters = word.chars().count();
    // No fewer edits than letters too many or too few: a word that is far longer is not compared.
    let may_be = |name: &str, edits: usize| edits * 3 <= letters.max(name.chars().count());
    names
        .iter()
        .filter(|name| may_be(name, letters.abs_diff(name.chars().count())))
        .map(|name| (distance(&word, name), *name))
        .min()
        .filter(|(edits, name)| may_be(name, *edits))
        .map(|(_, name)| name)
}

/// `1 step`, `2 steps`.
pub fn count(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_mistakes_find_their_word() {
        let names = ["kinora-1", "harbor", "lighthouse"];
        for (typed, meant) in [
            ("kinora1", Some("kinora-1")),
            ("Kinora-2", Some("kinora-1")),
            ("harobr", Some("harbor")),
            ("lighthose", Some("lighthouse")),
            ("sora", None),
            ("", None),
            (&"kinora-1".repeat(1 << 17), None), // a megabyte, at once
        ] {
            assert_eq!(nearest(typed, &names), meant, "{typed}");
        }
        assert_eq!(distance("harobr", "harbor"), 1);
    }
}
