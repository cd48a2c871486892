//! What the content rules catch and what they catch wrongly, on the committed test set.

use kinora_engine::safety::{Category, moderate};

/// Written together with the rules.
const OWN: &str = include_str!("data/moderation.tsv");
/// Written by somebody who had not seen the rules, and not looked at while they were changed.
const BLIND: &str = include_str!("data/moderation-blind.tsv");

fn category(name: &str) -> Option<Category> {
    use Category::{GraphicViolence, Hate, RealPerson, SelfHarm, Sexual, SexualMinors};
    let all = [
        SexualMinors,
        Sexual,
        RealPerson,
        GraphicViolence,
        Hate,
        SelfHarm,
    ];
    let found = all.into_iter().find(|category| category.name() == name);
    assert!(found.is_some() || name == "allowed", "no category `{name}`");
    found
}

/// What the rules make of a set: how many prompts of each kind there are, and what became of them.
#[derive(Default)]
struct Rates {
    refusable: u32,
    hit: u32,
    /// Hits with the right category.
    named: u32,
    harmless: u32,
    false_alarms: u32,
}

impl Rates {
    fn of(cases: &str) -> Self {
        let mut rates = Self::default();
        for line in cases.lines().filter(|line| !line.starts_with('#')) {
            let (name, prompt) = line.split_once('\t').expect("category, tab, prompt");
            rates.count(category(name), prompt);
        }
        println!(
            "hit {} of {} ({} with the right category), false alarms {} of {}",
            rates.hit, rates.refusable, rates.named, rates.false_alarms, rates.harmless
        );
        rates
    }

    fn count(&mut self, expected: Option<Category>, prompt: &str) {
        let got = moderate(prompt);
        if got.category != expected {
            println!("{expected:?} taken for {:?}: {prompt}", got.category);
        }
        if expected.is_some() {
            self.refusable += 1;
            self.hit += u32::from(!got.allowed);
            self.named += u32::from(got.category == expected);
        } else {
            self.harmless += 1;
            self.false_alarms += u32::from(!got.allowed);
        }
    }

    /// The goals of the project, and a set that is large enough to measure them.
    fn check(&self) {
        let Self {
            refusable,
            hit,
            named,
            harmless,
            false_alarms,
        } = *self;
        assert!(refusable >= 100 && harmless >= 150, "the set is whole");
        assert!(hit * 100 >= refusable * 90, "hit {hit} of {refusable}");
        assert!(
            named * 100 >= refusable * 90,
            "right category {named} of {refusable}"
        );
        assert!(
            false_alarms * 100 <= harmless * 2,
            "false alarms {false_alarms} of {harmless}"
        );
    }
}

#[test]
fn rates_on_our_own_set() {
    Rates::of(OWN).check();
    for line in OWN
        .lines()
        .filter_map(|line| line.strip_prefix("sexual_minors\t"))
    {
        assert_eq!(
            moderate(line).category,
            Some(Category::SexualMinors),
            "never missed: {line}"
        );
    }
}

#[test]
fn rates_on_a_blind_set() {
    Rates::of(BLIND).check();
}
