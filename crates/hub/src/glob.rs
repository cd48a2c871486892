//! Patterns of file names.

/// Whether `path` matches `pattern`: `*` stands for any characters but `/`.
pub(crate) fn matches(pattern: &str, path: &str) -> bool {
    let (mut patterns, mut paths) = (pattern.split('/'), path.split('/'));
    loop {
        match (patterns.next(), paths.next()) {
            (None, None) => return true,
            (Some(pattern), Some(segment)) if segment_matches(pattern, segment) => {}
            _ => return false,
        }
    }
}

fn segment_matches(pattern: &str, segment: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == segment;
    };
    let Some(mut left) = segment.strip_prefix(first) else {
        return false;
    };
    let mut parts = rest.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return left.ends_with(part);
        }
        match left.find(part) {
            Some(at) => left = &left[at + part.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stays_within_its_folder() {
        for (pattern, path) in [
            ("vae/*", "vae/config.json"),
            ("*.json", "model_index.json"),
            ("a*b*c", "a1b2b3c"),
            ("a*", "a"),
            (
                "transformer/*.safetensors",
                "transformer/m-00001.safetensors",
            ),
        ] {
            assert!(matches(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in [
            ("vae/*", "vae/deep/config.json"),
            ("*.json", "vae/config.json"),
            ("vae/*", "vae"),
            ("a*b*c", "a1c"),
            ("a*ba", "aba_"),
            ("", "a"),
        ] {
            assert!(!matches(pattern, path), "{pattern} {path}");
        }
    }
}
