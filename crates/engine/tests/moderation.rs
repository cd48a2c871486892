//! What the content rules catch and what they catch wrongly, on the committed test set.

use kinora_engine::safety::{Category, moderate};

const CASES: &str = include_str!("data/moderation.tsv");

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

#[test]
fn rates_on_the_committed_set() {
    let (mut refusable, mut hit, mut named, mut harmless, mut false_alarms) = (0, 0, 0, 0, 0);
    for line in CASES.lines().filter(|line| !line.starts_with('#')) {
        let (name, prompt) = line.split_once('\t').expect("category, tab, prompt");
        let expected = category(name);
        let got = moderate(prompt);
        if expected.is_some() {
            refusable += 1;
            hit += u32::from(!got.allowed);
            named += u32::from(got.category == expected);
            if got.category != expected {
                println!("missed {name}: {prompt} (got {:?})", got.category);
            }
        } else {
            harmless += 1;
            false_alarms += u32::from(!got.allowed);
            if !got.allowed {
                println!("false alarm {:?}: {prompt}", got.category);
            }
        }
        if expected == Some(Category::SexualMinors) {
            assert_eq!(got.category, expected, "never missed: {prompt}");
        }
    }
    println!("hit {hit} of {refusable} ({named} with the right category)");
    println!("false alarms {false_alarms} of {harmless}");
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
