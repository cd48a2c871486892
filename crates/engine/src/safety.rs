//! Content rules: what is refused before anything is computed.
//!
//! A prompt is folded to plain words (`fold`), then compared with the committed word rules
//! (`safety/rules.txt`). Sexual content about minors is refused by combination (a sexual word and a
//! young person anywhere in the prompt) and has no switch. Rules see words, not meaning: the
//! committed test set measures what they catch and what they catch wrongly, and nothing here makes
//! a prompt "safe".

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

mod fold;
mod rules;

use fold::{Folded, ages};
use rules::{Group, Rules};

/// Why a prompt is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// Sexual content about minors. No setting allows it.
    SexualMinors,
    /// Explicit sexual content.
    Sexual,
    /// A named real person in a realistic depiction.
    RealPerson,
    /// Gore, torture, executions.
    GraphicViolence,
    /// Hateful symbols and calls.
    Hate,
    /// Suicide and self-harm.
    SelfHarm,
}

impl Category {
    /// The name that error codes, JSON and the test set use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SexualMinors => "sexual_minors",
            Self::Sexual => "sexual",
            Self::RealPerson => "real_person",
            Self::GraphicViolence => "graphic_violence",
            Self::Hate => "hate",
            Self::SelfHarm => "self_harm",
        }
    }

    /// Whether an operator may have it told instead of refused. Minors and people who did not agree to
    /// be shown are protected wherever a studio runs.
    pub const fn may_be_told(self) -> bool {
        !matches!(self, Self::SexualMinors | Self::RealPerson)
    }

    /// The name in a sentence.
    pub const fn about(self) -> &'static str {
        match self {
            Self::SexualMinors => "sexual content about minors",
            Self::Sexual => "explicit sexual content",
            Self::RealPerson => "a named real person in a realistic depiction",
            Self::GraphicViolence => "graphic violence",
            Self::Hate => "hateful content",
            Self::SelfHarm => "suicide or self-harm",
        }
    }
}

/// The decision about one prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moderation {
    /// Whether the prompt may be generated.
    pub allowed: bool,
    /// Why not; of a prompt that may, what is told about it.
    pub category: Option<Category>,
}

static RULES: LazyLock<Rules> = LazyLock::new(|| Rules::parse(include_str!("safety/rules.txt")));

/// Decides about `prompt`; when several categories apply the gravest is named.
pub fn moderate(prompt: &str) -> Moderation {
    moderate_telling(prompt, &[])
}

/// [`moderate`] where some categories are told instead of refused: `told`, without those that never
/// are. A prompt of these alone is allowed, and the gravest of them is named.
pub fn moderate_telling(prompt: &str, told: &[Category]) -> Moderation {
    let found = categories(prompt);
    let is_told = |category: &Category| category.may_be_told() && told.contains(category);
    let refused = found.iter().find(|category| !is_told(category));
    Moderation {
        allowed: refused.is_none(),
        category: refused.or(found.first()).copied(),
    }
}

/// Every category of a prompt, the gravest first.
fn categories(prompt: &str) -> Vec<Category> {
    let folded = Folded::new(prompt);
    let found: BTreeSet<Group> = RULES.groups_in(&folded);
    let has = |group: Group| found.contains(&group);
    let young = has(Group::Minor) || ages(prompt).any(|age| age < 18);
    let sexual = has(Group::Explicit);
    if has(Group::MinorAbuse) || (young && (sexual || has(Group::Suggestive))) {
        return vec![Category::SexualMinors];
    }
    let all = [
        (sexual, Category::Sexual),
        (
            has(Group::RealPerson) && !has(Group::Stylised),
            Category::RealPerson,
        ),
        (has(Group::GraphicViolence), Category::GraphicViolence),
        (
            has(Group::Hate) || (has(Group::Call) && has(Group::People)),
            Category::Hate,
        ),
        (has(Group::SelfHarm), Category::SelfHarm),
    ];
    let found = all.into_iter().filter(|(found, _)| *found);
    found.map(|(_, category)| category).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(prompt: &str, expected: Option<Category>) {
        assert_eq!(moderate(prompt).category, expected, "{prompt}");
    }

    #[test]
    fn what_is_told_is_allowed_unless_something_else_refuses_it() {
        use Category::{GraphicViolence, RealPerson, Sexual, SexualMinors};
        let check = |prompt: &str, told: &[Category], allowed, category| {
            let found = moderate_telling(prompt, told);
            assert_eq!(found, Moderation { allowed, category }, "{prompt} {told:?}");
        };
        let gore = "a battlefield at dawn, gore everywhere";
        check(gore, &[], false, Some(GraphicViolence));
        check(gore, &[Sexual], false, Some(GraphicViolence));
        check(gore, &[GraphicViolence], true, Some(GraphicViolence));
        let both = "a nude woman on a battlefield, gore everywhere";
        check(both, &[Sexual], false, Some(GraphicViolence));
        check(both, &[Sexual, GraphicViolence], true, Some(Sexual));
        check("a dog on a beach", &[Sexual], true, None);

        let all = [SexualMinors, Sexual, RealPerson, GraphicViolence];
        check("a 15yo in lingerie", &all, false, Some(SexualMinors));
        let person = "Taylor Swift walks over a beach, gore everywhere";
        check(person, &all, false, Some(RealPerson));
    }

    #[test]
    fn evasions_are_folded_away() {
        for prompt in [
            "a n u d e woman",
            "a n.u.d.e woman",
            "a NuDe woman",
            "a nud3 woman",
            "a n\u{fa}d\u{e9} woman",
            "a \u{ff4e}\u{ff55}\u{ff44}\u{ff45} woman",
            "a nu\u{200b}de woman",
            "a t\u{43e}pl\u{435}ss woman",
            "a nuuuude woman",
        ] {
            check(prompt, Some(Category::Sexual));
        }
    }

    #[test]
    fn a_letter_is_no_word_made_of_it() {
        check("x marks the spot where a dog runs", None);
        check("vitamin k and a plan b", None);
        check("an xxx clip", Some(Category::Sexual));
        check("an xxxxxx clip", Some(Category::Sexual));
        check("an x x x clip", Some(Category::Sexual));
    }

    #[test]
    fn young_people_and_sexual_words_never_meet() {
        check("a 15yo in lingerie", Some(Category::SexualMinors));
        check(
            "a fifteen-year-old, seductive pose",
            Some(Category::SexualMinors),
        );
        check("a 25 year old woman in lingerie", None);
        check("two children in green and yellow coats wave", None);
        check("a 9 year old flies a kite", None);
    }

    #[test]
    fn negated_gore_is_no_gore() {
        check("a battlefield at dawn, no gore", None);
        check(
            "a battlefield at dawn, gore everywhere",
            Some(Category::GraphicViolence),
        );
        check("a woman without clothes", Some(Category::Sexual));
    }

    #[test]
    fn statues_of_the_famous_are_no_depiction_of_them() {
        check("Taylor Swift walks on a beach", Some(Category::RealPerson));
        check("a bronze statue of Taylor Swift on a beach", None);
    }
}
