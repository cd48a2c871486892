//! Key maps: from the names of a published layout to those that a model asks for.

/// What becomes of the tensors whose name in the file matches a pattern.
///
/// A pattern is a name cut at its dots. `{}` stands for one segment, and `{*}` at the end for one or
/// more: `blocks.{}.attn1.{*}`. In the new name each stands for what it matched, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The pattern of a name in the file, and the name that the model asks for.
    Rename(&'static str, &'static str),
    /// The pattern of a name in the file, and why no model reads that tensor.
    Ignore(&'static str, &'static str),
}

/// What rules make of a name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Mapped {
    Name(String),
    Ignored,
}

/// The first rule that matches decides; a name that none matches stays.
pub(crate) fn apply(tables: &[&[Rule]], name: &str) -> Mapped {
    for rule in tables.iter().copied().flatten() {
        match *rule {
            Rule::Rename(from, to) => {
                if let Some(parts) = matched(from, name) {
                    return Mapped::Name(fill(to, &parts));
                }
            }
            Rule::Ignore(pattern, _) => {
                if matched(pattern, name).is_some() {
                    return Mapped::Ignored;
                }
            }
        }
    }
    Mapped::Name(name.to_owned())
}

/// What the wildcards of `pattern` stand for in `name`; `None` when it does not match.
fn matched<'n>(pattern: &str, name: &'n str) -> Option<Vec<&'n str>> {
    let mut parts = Vec::new();
    let mut rest = Some(name);
    for segment in pattern.split('.') {
        let left = rest.filter(|left| !left.is_empty())?;
        if segment == "{*}" {
            parts.push(left);
            return Some(parts);
        }
        let (first, after) = match left.split_once('.') {
            Some((first, after)) => (first, Some(after)),
            None => (left, None),
        };
        if segment == "{}" {
            parts.push(first);
        } else if segment != first {
            return None;
        }
        rest = after;
    }
    rest.is_none().then_some(parts)
}

/// `pattern` with its wildcards replaced by `parts`, in order.
fn fill(pattern: &str, parts: &[&str]) -> String {
    let mut parts = parts.iter();
    let segments = pattern.split('.').map(|segment| match segment {
        "{}" | "{*}" => parts.next().copied().unwrap_or(segment),
        literal => literal,
    });
    segments.collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &[Rule] = &[
        Rule::Ignore("rope.{}", "recomputed from the config"),
        Rule::Rename("blocks.{}.attn1.to_out.0.{}", "blocks.{}.self_attn.o.{}"),
        Rule::Rename("blocks.{}.attn1.{*}", "blocks.{}.self_attn.{*}"),
        Rule::Rename("model.{*}", "{*}"),
        Rule::Rename("proj_out.weight", "head.weight"),
    ];

    fn check(name: &str, expected: &str) {
        assert_eq!(
            apply(&[&RULES[..1], &RULES[1..]], name),
            Mapped::Name(expected.to_owned())
        );
    }

    #[test]
    fn the_first_rule_that_matches_names_a_tensor() {
        check(
            "blocks.3.attn1.to_out.0.weight",
            "blocks.3.self_attn.o.weight",
        );
        check("blocks.12.attn1.to_q.bias", "blocks.12.self_attn.to_q.bias");
        check("model.x.y", "x.y");
        check("proj_out.weight", "head.weight");
    }

    #[test]
    fn a_name_that_no_rule_matches_stays() {
        for name in [
            "blocks.3.attn1",
            "blocks",
            "",
            "proj_out.weight.x",
            "rope.a.b",
            "model",
        ] {
            check(name, name);
        }
    }

    #[test]
    fn ignored_names_have_no_model_name() {
        assert_eq!(apply(&[RULES], "rope.freqs"), Mapped::Ignored);
    }
}
