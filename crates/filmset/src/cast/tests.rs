//! What the drawings promise: colours that keep their names, feet that do not slide, bodies that
//! fall as things fall, boxes that hold everything.

use super::palette::tint;
use super::skeleton::{Body, solve};
use super::stances::stance;
use super::*;
use crate::program::{Color, Direction, Event, Garment, Headwear, Pace, Place, TimeOfDay};

fn subject(kind: SubjectKind, action: Action) -> Subject {
    let figure = kind.is_figure();
    Subject {
        kind,
        color: Color::Red,
        garment: figure.then_some(Garment::Coat),
        headwear: figure.then_some(Headwear::Bare),
        scarf: None,
        action,
        direction: Direction::Right,
        pace: Pace::Normal,
        speed: gait::usual_speed(kind, action),
        place: Place::Center,
        count: 1,
        event: None,
    }
}

fn pose(subject: &Subject, t: f32, facing: f32, wind: f32) -> Pose {
    let stride = stride(subject.kind, subject.action, subject.speed);
    Pose {
        t,
        action: subject.action,
        action_t: t,
        phase: subject.speed * t / stride,
        facing,
        away: false,
        wind,
        seed: 11,
        speed: subject.speed,
    }
}

/// Draws a subject into a canvas large enough for anything, its foot in the middle.
fn drawn(subject: &Subject, pose: &Pose, light: &CastLight, ppm: f32) -> (Canvas, f32) {
    let (w, h) = bounds(subject.kind);
    let size = (w.max(h) * 2.2 * ppm) as usize;
    let middle = size as f32 * 0.5;
    let mut canvas = Canvas::new(size, size, [0, 0]);
    draw(subject, pose, light, ppm, &mut canvas, (middle, middle));
    (canvas, middle)
}

/// The named colour nearest to `seen` once the exposure of the light is taken out.
fn nearest(seen: [f32; 3], light: &CastLight) -> Color {
    let white = light.tones(rgb(Color::White)).base;
    let exposure = oklab(rgb(Color::White))[0] / oklab(white)[0];
    let [l, a, b] = oklab(seen);
    let distance = |color: Color| {
        let [l0, a0, b0] = oklab(rgb(color));
        (l * exposure - l0).powi(2) * 0.5 + (a - a0).powi(2) + (b - b0).powi(2)
    };
    let by_distance = |x: &&Color, y: &&Color| distance(**x).total_cmp(&distance(**y));
    *Color::ALL
        .iter()
        .min_by(by_distance)
        .expect("there are colours")
}

/// Mean colour of the opaque pixels in a box around `center`.
fn patch(canvas: &Canvas, center: (f32, f32), half: usize) -> [f32; 3] {
    let mut sum = [0.0; 3];
    let mut count = 0.0;
    for y in center.1 as usize - half..=center.1 as usize + half {
        for x in center.0 as usize - half..=center.0 as usize + half {
            let pixel = &canvas.pixels()[(y * canvas.width() + x) * 4..][..4];
            if pixel[3] == 255 {
                (0..3).for_each(|k| sum[k] += f32::from(pixel[k]) / 255.0);
                count += 1.0;
            }
        }
    }
    assert!(count > 0.0, "nothing is drawn at {center:?}");
    sum.map(|v| v / count)
}

#[test]
fn a_garment_keeps_its_colour_under_every_light() {
    for &time in TimeOfDay::ALL {
        for backlight in [false, true] {
            let light = CastLight::at(time, -0.6, backlight);
            for &color in Color::ALL {
                let who = Subject {
                    color,
                    ..subject(SubjectKind::Man, Action::Stand)
                };
                let (canvas, middle) = drawn(&who, &pose(&who, 0.2, 0.0, 0.0), &light, 73.0);
                let seen = patch(&canvas, (middle, middle - 0.95 * 73.0), 6);
                let got = nearest(seen, &light);
                assert_eq!(got, color, "{time:?} backlight {backlight}: {seen:?}");
            }
        }
    }
}

#[test]
fn light_takes_little_chroma() {
    for &time in TimeOfDay::ALL {
        let light = CastLight::at(time, 0.5, false);
        for &color in Color::ALL {
            let [_, a, b] = oklab(rgb(color));
            if a.hypot(b) < 0.05 {
                continue;
            }
            let [_, c, d] = oklab(light.tones(rgb(color)).base);
            assert!(
                c.hypot(d) >= 0.6 * a.hypot(b) - 1e-3,
                "{color:?} at {time:?}"
            );
        }
    }
    assert!(
        tint([1.0; 3], [0.5; 3], 0.7)[0] < 0.75,
        "light must be able to darken"
    );
}

#[test]
fn the_same_pose_gives_the_same_bytes_on_a_used_canvas() {
    let light = CastLight::at(TimeOfDay::Dusk, 0.3, true);
    for &kind in SubjectKind::ALL {
        let who = subject(kind, Action::Walk);
        let pose = pose(&who, 0.73, 1.0, 3.0);
        let mut canvas = Canvas::new(0, 0, [0, 0]);
        let mut once = Vec::new();
        for round in 0..2 {
            canvas.reset_around(kind, 30.0, (150.0, 160.0), (300, 200));
            draw(&who, &pose, &light, 30.0, &mut canvas, (150.0, 160.0));
            if round == 0 {
                once = canvas.pixels().to_vec();
            }
        }
        assert!(once.iter().any(|&v| v > 0), "{kind:?} is not drawn");
        assert!(canvas.pixels() == once, "{kind:?} differs");
    }
}

#[test]
fn a_planted_foot_stays_where_it_is() {
    for (kind, small) in [
        (SubjectKind::Man, 1.0),
        (SubjectKind::Woman, 1.0),
        (SubjectKind::Child, 0.72),
    ] {
        for (action, speed) in [
            (Action::Walk, 0.8),
            (Action::Walk, 1.3),
            (Action::Walk, 1.7),
            (Action::Run, 2.6),
            (Action::Run, 4.0),
        ] {
            check_planted(&Subject {
                speed: speed * small,
                ..subject(kind, action)
            });
        }
    }
}

/// Follows the right foot, which lands at phase 0, over half a cycle.
fn check_planted(who: &Subject) {
    let (kind, action, speed) = (who.kind, who.action, who.speed);
    let body = Body::of(kind);
    let step = stride(kind, action, speed);
    let landed = 4.0 * step + foot_contacts(kind, action, 0.0, speed)[0].x;
    let (mut low, mut high) = (f32::MAX, f32::MIN);
    for i in 0..=60 {
        let phase = 4.0 + 0.5 * i as f32 / 60.0;
        let pose = Pose {
            phase,
            ..pose(who, phase * step / speed, 1.0, 0.0)
        };
        let stance = stance(who, &pose, &body);
        let foot = stance.feet[0];
        if !foot.planted {
            continue;
        }
        let ground = phase * step + foot.x;
        assert!(
            (ground - landed).abs() < 1e-3,
            "{kind:?} {action:?}: {ground}, not {landed}"
        );
        // While the foot is flat its drawn ankle must not move either.
        if foot.pitch == 0.0 {
            let ankle = solve(&body, &stance).ankles[0][0] + phase * step;
            (low, high) = (low.min(ankle), high.max(ankle));
        }
    }
    assert!(high >= low, "the foot is never flat");
    assert!(
        high - low < 0.012,
        "{kind:?} {action:?} {speed}: slides {} m",
        high - low
    );
}

#[test]
fn a_runner_leaves_the_ground_and_a_walker_does_not() {
    for i in 0..100 {
        let phase = i as f32 / 100.0;
        let planted = |action, speed| {
            let feet = foot_contacts(SubjectKind::Man, action, phase, speed);
            feet.iter().filter(|foot| foot.planted).count()
        };
        assert!(planted(Action::Walk, 1.3) >= 1, "phase {phase}");
        assert!(planted(Action::Run, 3.3) <= 1, "phase {phase}");
    }
    let flight = foot_contacts(SubjectKind::Man, Action::Run, 0.42, 3.3);
    assert!(flight.iter().all(|foot| !foot.planted));
}

#[test]
fn a_jump_follows_gravity() {
    let dt = 1.0 / 240.0;
    for kind in [SubjectKind::Man, SubjectKind::Child] {
        let lifts: Vec<f32> = (0..408)
            .map(|i| gait::jump(kind, i as f32 * dt).lift)
            .collect();
        let apex = lifts.iter().fold(0.0_f32, |a, &b| a.max(b));
        let expected = gait::jump_speed(kind).powi(2) / (2.0 * gait::GRAVITY);
        assert!((apex - expected).abs() < 2e-3, "{apex} is not {expected}");
        for w in lifts.windows(3).filter(|w| w.iter().all(|&y| y > 0.0)) {
            let fall = (w[0] - 2.0 * w[1] + w[2]) / (dt * dt);
            assert!((fall + gait::GRAVITY).abs() < 0.2, "{fall}");
        }
    }
}

#[test]
fn a_ball_loses_height_by_its_restitution_and_comes_to_rest() {
    let mut apexes = Vec::new();
    let lift = |i: i32| gait::bounce(i as f32 / 1000.0).lift;
    for i in 1..9000 {
        if lift(i) > lift(i - 1) && lift(i) >= lift(i + 1) && lift(i) > 0.02 {
            apexes.push(lift(i));
        }
    }
    assert!(apexes.len() > 4);
    let first = gait::DROP_HEIGHT * gait::RESTITUTION.powi(2);
    assert!(
        (apexes[0] - first).abs() < 0.01,
        "{} is not {first}",
        apexes[0]
    );
    for w in apexes.windows(2) {
        assert!((w[1] / w[0] - gait::RESTITUTION.powi(2)).abs() < 0.03);
    }
    assert_eq!(
        gait::bounce(9.0),
        gait::Bounce {
            lift: 0.0,
            squash: 1.0
        }
    );
}

#[test]
fn turning_passes_the_front() {
    let who = subject(SubjectKind::Woman, Action::Turn);
    let at = |t: f32| gait::turned(&who, &pose(&who, t, 1.0, 0.0));
    assert!(at(0.0).facing < -0.99);
    assert!(at(9.0).facing > 0.99);
    let middle = at(gait::turn_seconds(who.pace) * 0.5);
    assert!(middle.facing.abs() < 0.01 && !middle.away);
    for i in 0..40 {
        let (a, b) = (at(i as f32 / 24.0).facing, at((i + 1) as f32 / 24.0).facing);
        assert!(b >= a - 1e-4, "turns back at frame {i}");
    }
}

#[test]
fn the_extent_holds_every_pose() {
    let light = CastLight::at(TimeOfDay::Noon, 0.5, false);
    for &kind in SubjectKind::ALL {
        let ppm = 90.0 / gait::height(kind);
        for &action in Action::ALL {
            for i in 0..24 {
                let facing = [1.0, -1.0, 0.0, 0.5][i % 4];
                let mut who = subject(kind, action);
                who.scarf = kind.is_figure().then_some(Color::Teal);
                who.headwear = kind.is_figure().then_some(Headwear::WideHat);
                let wind = [0.0, 14.0, -14.0][i % 3];
                let mut pose = pose(&who, i as f32 * 0.31, facing, wind);
                pose.seed = i as u64;
                let (canvas, middle) = drawn(&who, &pose, &light, ppm);
                let [left, top, right, bottom] = canvas.dirty().expect("something is drawn");
                let Extent { side, up, down } = extent(kind);
                let reach = (middle - left as f32).max(right as f32 - middle) / ppm;
                let (over, under) = ((middle - top as f32) / ppm, (bottom as f32 - middle) / ppm);
                let slack = 2.0 / ppm;
                assert!(
                    reach <= side + slack,
                    "{kind:?} {action:?} {i}: {reach} aside"
                );
                assert!(over <= up + slack, "{kind:?} {action:?} {i}: {over} up");
                assert!(
                    under <= down + slack,
                    "{kind:?} {action:?} {i}: {under} down"
                );
            }
        }
    }
}

#[test]
fn men_women_and_children_differ_in_outline() {
    let light = CastLight::at(TimeOfDay::Noon, 0.5, false);
    let outline = |kind, garment| {
        let who = Subject {
            garment: Some(garment),
            ..subject(kind, Action::Stand)
        };
        let (canvas, middle) = drawn(&who, &pose(&who, 0.0, 0.0, 0.0), &light, 70.0);
        let [_, top, _, _] = canvas.dirty().expect("something is drawn");
        let tall = gait::height(kind);
        let width = |share: f32| {
            let row = middle as usize - (tall * share * 70.0) as usize;
            let row = &canvas.pixels()[row * canvas.width() * 4..][..canvas.width() * 4];
            row.chunks_exact(4).filter(|pixel| pixel[3] > 128).count() as f32 / (tall * 70.0)
        };
        // Height in metres; widths at the head, the shoulders and the hem as shares of the height.
        (
            (middle - top as f32) / 70.0,
            width(0.88),
            width(0.78),
            width(0.38),
        )
    };
    for garment in [Garment::Coat, Garment::Raincoat, Garment::Jacket] {
        let [man, woman, child] = [SubjectKind::Man, SubjectKind::Woman, SubjectKind::Child]
            .map(|kind| outline(kind, garment));
        assert!(man.0 > woman.0 + 0.05 && woman.0 > child.0 + 0.3);
        let (big, small) = (child.1, man.1);
        assert!(big > small * 1.6, "{garment:?}: heads {big} and {small}");
        let (broad, narrow) = (man.2, woman.2);
        assert!(
            broad > narrow * 1.2,
            "{garment:?}: shoulders {broad}, {narrow}"
        );
        let (wide, straight) = (woman.3, man.3);
        assert!(
            wide > straight * 1.2,
            "{garment:?}: hems {wide}, {straight}"
        );
    }
}

#[test]
fn stopping_passes_smoothly_from_the_walk() {
    let mut who = subject(SubjectKind::Man, Action::Walk);
    who.event = Some(Event {
        at_seconds: 1.0,
        action: Action::Stand,
    });
    let body = Body::of(who.kind);
    let step = stride(who.kind, Action::Walk, who.speed);
    let at = |t: f32| {
        let stopped = t >= 1.0;
        let mut pose = pose(&who, t, 1.0, 0.0);
        pose.phase = who.speed * t.min(1.0) / step;
        if stopped {
            (pose.action, pose.action_t, pose.speed) = (Action::Stand, t - 1.0, 0.0);
        }
        solve(&body, &stance(&who, &pose, &body))
    };
    for i in 0..60 {
        let (a, b) = (at(0.6 + i as f32 / 60.0), at(0.6 + (i + 1) as f32 / 60.0));
        for k in 0..2 {
            let jump = (a.wrists[k][0] - b.wrists[k][0]).hypot(a.ankles[k][0] - b.ankles[k][0]);
            assert!(jump < 0.13, "limb {k} jumps {jump} m at step {i}");
        }
    }
}

/// What a kind is asked to do.
fn actions(kind: SubjectKind) -> Vec<Action> {
    use Action::{Bounce, Fly, Haul, Jump, Roll, Run, Sail, Stand, Turn, Walk, Wave};
    match kind {
        SubjectKind::Man | SubjectKind::Woman | SubjectKind::Child => {
            vec![Stand, Walk, Run, Wave, Turn, Jump, Haul]
        }
        SubjectKind::Dog => vec![Stand, Walk, Run, Jump, Turn],
        SubjectKind::Ball => vec![Bounce, Roll],
        SubjectKind::Birds | SubjectKind::Kite => vec![Fly],
        _ => vec![Sail],
    }
}

#[test]
fn nothing_pops_from_frame_to_frame() {
    let light = CastLight::at(TimeOfDay::Noon, 0.5, false);
    for &kind in SubjectKind::ALL {
        for action in actions(kind) {
            let mut who = subject(kind, action);
            who.scarf = kind.is_figure().then_some(Color::Teal);
            let ppm = 40.0 / gait::height(kind).min(9.0);
            let mut last: Option<Vec<u8>> = None;
            let mut changes: Vec<f32> = Vec::new();
            // Frames of 48 a second: what moves fast at 24 moves half as far, what pops does not.
            for i in 0..90 {
                let pose = pose(&who, i as f32 / 48.0, 1.0, 3.0);
                let (canvas, _) = drawn(&who, &pose, &light, ppm);
                if let Some(last) = &last {
                    let pairs = canvas.pixels().iter().zip(last);
                    changes.push(pairs.map(|(&a, &b)| f32::from(a.abs_diff(b))).sum());
                }
                last = Some(canvas.pixels().to_vec());
            }
            for (i, w) in changes.windows(3).enumerate() {
                let around = w[0].max(w[2]);
                assert!(
                    w[1] < 2.2 * around + 4000.0,
                    "{kind:?} {action:?} frame {i}: {} beside {around}",
                    w[1]
                );
            }
        }
    }
}
