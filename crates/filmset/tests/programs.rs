//! The sampler draws every value, in balance, and only what makes sense.

use std::collections::HashMap;
use std::hash::Hash;

use kinora_filmset::program::{
    Action, Aspect, CameraMove, Color, Direction, Exclusion, Garment, Headwear, Program, Setting,
    Shot, SubjectKind, TimeOfDay, Weather,
};
use kinora_filmset::script::{Recipe, Split, belongs, is_absent, is_held_out, sample, settings_of};

const MANY: u64 = 20_000;

fn programs(recipe: &Recipe) -> impl Iterator<Item = Program> {
    (0..MANY).map(|seed| sample(seed, recipe))
}

/// Asserts that the share of every value lies within `low..high`.
fn check_shares<T: Copy + Eq + Hash + std::fmt::Debug>(
    all: &[T],
    seen: impl Iterator<Item = T>,
    low: f64,
    high: f64,
) {
    let mut counts: HashMap<T, u32> = HashMap::new();
    let mut total = 0;
    for value in seen {
        *counts.entry(value).or_default() += 1;
        total += 1;
    }
    for value in all {
        let share = f64::from(*counts.get(value).unwrap_or(&0)) / f64::from(total);
        assert!(
            (low..high).contains(&share),
            "{value:?} has {share:.4}, not {low}..{high}"
        );
    }
}

#[test]
fn every_vocabulary_is_balanced() {
    let all: Vec<Program> = programs(&Recipe::default()).collect();
    let mains = || all.iter().filter_map(|p| p.subjects.first());
    check_shares(Setting::ALL, all.iter().map(|p| p.setting), 0.085, 0.115);
    check_shares(TimeOfDay::ALL, all.iter().map(|p| p.time), 0.15, 0.185);
    check_shares(Weather::ALL, all.iter().map(|p| p.weather), 0.1, 0.36);
    check_shares(SubjectKind::ALL, mains().map(|s| s.kind), 0.05, 0.15);
    check_shares(Color::ALL, mains().map(|s| s.color), 0.07, 0.097);
    check_shares(Action::ALL, mains().map(|s| s.action), 0.012, 0.14);
    check_shares(Direction::ALL, mains().map(|s| s.direction), 0.09, 0.4);
    check_shares(Garment::ALL, mains().filter_map(|s| s.garment), 0.1, 0.27);
    check_shares(Headwear::ALL, mains().filter_map(|s| s.headwear), 0.08, 0.3);
    check_shares(Shot::ALL, all.iter().map(|p| p.camera.shot), 0.12, 0.55);
    let motions = || all.iter().map(|p| p.camera.motion);
    check_shares(&[CameraMove::Static], motions(), 0.16, 0.22);
    check_shares(&CameraMove::ALL[1..], motions(), 0.06, 0.12);
    check_shares(&[0, 1, 2], all.iter().map(|p| p.subjects.len()), 0.06, 0.86);
    check_shares(&[0], all.iter().map(|p| p.subjects.len()), 0.1, 0.14);
    check_shares(
        &[true],
        all.iter()
            .map(|p| p.subjects.iter().any(|s| s.event.is_some())),
        0.13,
        0.18,
    );
    check_shares(
        Exclusion::ALL,
        all.iter().flat_map(|p| p.without.clone()),
        0.05,
        0.25,
    );
}

#[test]
fn continuous_quantities_are_dense_and_in_range() {
    let all: Vec<Program> = programs(&Recipe::default()).collect();
    for p in &all {
        assert!((18.0..=135.0).contains(&p.camera.focal_mm), "{p:?}");
        assert!((1.4..=16.0).contains(&p.camera.f_number), "{p:?}");
        assert!((-6.0..=80.0).contains(&p.light.elevation_degrees), "{p:?}");
        assert!(
            p.wind.abs() <= 14.0 && p.light.azimuth.abs() <= 1.0,
            "{p:?}"
        );
        assert!(
            (0.0..=p.seconds()).contains(&p.camera.over_seconds),
            "{p:?}"
        );
        for event in p.subjects.iter().filter_map(|s| s.event) {
            assert!(
                event.at_seconds > 0.4 && event.at_seconds < p.seconds(),
                "{p:?}"
            );
        }
    }
    let deciles = |values: Vec<f32>, low: f32, high: f32| {
        let share = |v: f32| ((v - low) / (high - low) * 10.0) as usize;
        (0..10).all(|tenth| values.iter().any(|&v| share(v) == tenth))
    };
    assert!(deciles(all.iter().map(|p| p.wind).collect(), -14.0, 14.0));
    assert!(deciles(
        all.iter().map(|p| p.light.elevation_degrees).collect(),
        -6.0,
        80.0
    ));
    assert!(deciles(
        all.iter().map(|p| p.camera.focal_mm.ln()).collect(),
        18f32.ln(),
        135f32.ln()
    ));
}

#[test]
fn only_sensible_combinations() {
    for p in programs(&Recipe {
        aspect: None,
        ..Recipe::default()
    }) {
        for s in &p.subjects {
            assert!(settings_of(s.kind).contains(&p.setting), "{p:?}");
            assert_eq!(s.garment.is_some(), s.kind.is_figure(), "{p:?}");
            assert_eq!(s.headwear.is_some(), s.kind.is_figure(), "{p:?}");
            assert!((1..=5).contains(&s.count), "{p:?}");
            if s.action == Action::Haul {
                assert!(
                    matches!(p.setting, Setting::Harbor | Setting::Beach),
                    "{p:?}"
                );
            }
            let travels = matches!(
                s.action,
                Action::Walk | Action::Run | Action::Sail | Action::Ride
            );
            assert!(!travels || s.speed > 0.0, "{p:?}");
        }
        let dry = matches!(p.setting, Setting::Beach | Setting::Sea | Setting::Desert);
        assert!(!(dry && p.weather == Weather::Snow), "{p:?}");
        assert_eq!(
            p.visibility_meters.is_some(),
            p.weather == Weather::Fog,
            "{p:?}"
        );
        if p.light.backlight {
            assert!(p.light.elevation_degrees < 15.0, "{p:?}");
        }
        if p.camera.motion == CameraMove::Tracking {
            let s = &p.subjects[0];
            assert!(s.speed > 0.0, "{p:?}");
            assert!(
                matches!(s.direction, Direction::Left | Direction::Right),
                "{p:?}"
            );
        }
        if p.subjects.is_empty() {
            assert_eq!(p.camera.shot, Shot::Wide, "{p:?}");
        }
        assert!(p.without.iter().all(|&e| is_absent(&p, e)), "{p:?}");
    }
}

#[test]
fn held_out_combinations_never_occur_in_training() {
    for p in programs(&Recipe {
        aspect: None,
        ..Recipe::default()
    }) {
        for s in &p.subjects {
            assert!(!is_held_out(p.setting, p.time, Some(s)), "{p:?}");
        }
        assert!(
            !p.subjects.is_empty() || !is_held_out(p.setting, p.time, None),
            "{p:?}"
        );
        assert!(belongs(&p, Split::Train) && !belongs(&p, Split::HeldOut));
    }
    let held = Recipe {
        split: Split::HeldOut,
        ..Recipe::default()
    };
    for p in programs(&held).take(3000) {
        assert!(is_held_out(p.setting, p.time, p.subjects.first()), "{p:?}");
    }
    // The held-out set knows every colour and nearly every kind.
    let colors: Vec<_> = programs(&held)
        .filter_map(|p| p.subjects.first().map(|s| s.color))
        .collect();
    check_shares(Color::ALL, colors.into_iter(), 0.04, 0.14);
}

#[test]
fn the_same_seed_gives_the_same_program_and_others_differ() {
    let recipe = Recipe {
        aspect: None,
        ..Recipe::default()
    };
    assert_eq!(sample(5, &recipe), sample(5, &recipe));
    let different: Vec<Program> = (0..50).map(|seed| sample(seed, &recipe)).collect();
    for (i, a) in different.iter().enumerate() {
        assert!(different[i + 1..].iter().all(|b| a != b));
    }
    check_shares(Aspect::ALL, programs(&recipe).map(|p| p.aspect), 0.11, 0.52);
}

#[test]
fn short_clips_have_no_event_and_every_length_works() {
    for frames in [9, 25, 49, 97, 193] {
        let recipe = Recipe {
            frames,
            ..Recipe::default()
        };
        for seed in 0..500 {
            let p = sample(seed, &recipe);
            assert_eq!(p.frames, frames);
            assert!(p.camera.over_seconds <= p.seconds() + 1e-4, "{p:?}");
            let event = p.subjects.iter().find_map(|s| s.event);
            assert!(event.is_none_or(|e| e.at_seconds < p.seconds()), "{p:?}");
        }
    }
}
