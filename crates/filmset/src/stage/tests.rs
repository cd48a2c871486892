//! The stage against its promises: same bytes, true parallax, masks, depth, absences.

use super::{Stage, camera_path, render};
use crate::program::{
    Action, Aspect, CameraMove, CameraRig, Color, Direction, Exclusion, Garment, Headwear, Light,
    LightQuality, LightTone, Pace, Place, Program, Setting, Shot, Subject, SubjectKind, TimeOfDay,
    Weather,
};

const SIZE: (u32, u32) = (288, 160);

fn subject(kind: SubjectKind) -> Subject {
    Subject {
        kind,
        color: Color::Red,
        garment: kind.is_figure().then_some(Garment::Coat),
        headwear: kind.is_figure().then_some(Headwear::Cap),
        scarf: None,
        action: Action::Stand,
        direction: Direction::Right,
        pace: Pace::Normal,
        speed: 0.0,
        place: Place::Center,
        count: 1,
        event: None,
    }
}

fn program(setting: Setting) -> Program {
    Program {
        seed: 7,
        aspect: Aspect::Wide,
        frames: 25,
        setting,
        time: TimeOfDay::Morning,
        weather: Weather::Clear,
        wind: 4.0,
        visibility_meters: None,
        light: Light {
            quality: LightQuality::Soft,
            tone: LightTone::Neutral,
            backlight: false,
            elevation_degrees: 30.0,
            azimuth: 0.3,
        },
        camera: CameraRig {
            motion: CameraMove::Static,
            pace: Pace::Normal,
            shot: Shot::Medium,
            focal_mm: 35.0,
            f_number: 8.0,
            amount: 0.0,
            over_seconds: 1.0,
        },
        subjects: Vec::new(),
        birds: false,
        smoke: false,
        lamps: false,
        without: Vec::new(),
    }
}

fn moved(mut program: Program, motion: CameraMove, amount: f32) -> Program {
    program.camera.motion = motion;
    program.camera.amount = amount;
    program
}

fn frame(stage: &Stage, i: u32) -> Vec<u8> {
    let mut out = vec![0; (SIZE.0 * SIZE.1 * 3) as usize];
    stage.frame(i, &mut out);
    out
}

/// Mean difference of two pictures, in levels of 255.
fn difference(a: &[u8], b: &[u8]) -> f32 {
    let sum: u32 = a
        .iter()
        .zip(b)
        .map(|(&a, &b)| u32::from(a.abs_diff(b)))
        .sum();
    sum as f32 / a.len() as f32
}

#[test]
fn the_bytes_do_not_depend_on_the_number_of_threads() {
    for setting in [Setting::Harbor, Setting::WheatField, Setting::Street] {
        let mut program = moved(program(setting), CameraMove::PushIn, 1.4);
        program.weather = Weather::Rain;
        program.subjects = vec![subject(SubjectKind::Woman)];
        let one = render(&program, SIZE, 1);
        assert_eq!(one, render(&program, SIZE, 2), "{setting:?}");
        assert_eq!(one, render(&program, SIZE, 7), "{setting:?}");
    }
}

#[test]
fn every_setting_and_hour_gives_a_full_picture() {
    for &setting in Setting::ALL {
        for &time in TimeOfDay::ALL {
            let mut program = program(setting);
            program.time = time;
            let stage = Stage::new(&program, SIZE);
            let mut canvas = stage.canvas();
            let mut out = vec![0; (SIZE.0 * SIZE.1 * 3) as usize];
            stage.paint(0, &mut canvas, &mut out);
            let clear = canvas.pixels.iter().filter(|p| **p >> 24 < 250).count();
            assert_eq!(clear, 0, "{setting:?} {time:?} leaves holes");
        }
    }
}

#[test]
fn the_cameras_path_takes_a_subject_where_it_is_seen() {
    let moves = [
        (CameraMove::PushIn, 1.9),
        (CameraMove::PullBack, 0.5),
        (CameraMove::PanLeft, 14.0),
        (CameraMove::TiltUp, 7.0),
        (CameraMove::CraneUp, 0.5),
        (CameraMove::CraneDown, 0.5),
        (CameraMove::Handheld, 0.0),
    ];
    for (motion, amount) in moves {
        let mut program = moved(program(Setting::Beach), motion, amount);
        program.subjects = vec![subject(SubjectKind::Lighthouse)];
        let path = camera_path(&program, SIZE);
        let foot = &Stage::new(&program, SIZE).truth().tracks[0].foot;
        assert_eq!(path.len(), foot.len());
        assert!((path[0].zoom - 1.0).abs() < 1e-6);
        let middle = [SIZE.0 as f32 / 2.0, SIZE.1 as f32 / 2.0];
        for (now, seen) in path.iter().zip(foot) {
            for axis in 0..2 {
                let from_middle = (foot[0][axis] - middle[axis]) * now.zoom + now.near[axis];
                let error = (from_middle + middle[axis] - seen[axis]).abs();
                assert!(error < 0.01, "{motion:?}: {now:?} for {seen:?}");
            }
        }
    }
}

#[test]
fn a_moving_camera_never_shows_the_edge_of_the_set() {
    let moves = [
        (CameraMove::PushIn, 1.9),
        (CameraMove::PullBack, 0.5),
        (CameraMove::PanLeft, 14.0),
        (CameraMove::TiltUp, 7.0),
        (CameraMove::TiltDown, 7.0),
        (CameraMove::CraneUp, 0.5),
        (CameraMove::CraneDown, 0.5),
    ];
    for &setting in Setting::ALL {
        for (motion, amount) in moves {
            let stage = Stage::new(&moved(program(setting), motion, amount), SIZE);
            let mut canvas = stage.canvas();
            let mut out = vec![0; (SIZE.0 * SIZE.1 * 3) as usize];
            stage.paint(24, &mut canvas, &mut out);
            let clear = canvas.pixels.iter().filter(|p| **p >> 24 < 250).count();
            assert_eq!(clear, 0, "{setting:?} {motion:?} leaves holes");
        }
    }
}

#[test]
fn a_subject_has_the_height_its_shot_asks_for() {
    for (shot, share) in [(Shot::Wide, 0.27), (Shot::Medium, 0.48), (Shot::Close, 0.8)] {
        let mut program = program(Setting::Harbor);
        program.camera.shot = shot;
        program.subjects = vec![subject(SubjectKind::Man)];
        let stage = Stage::new(&program, SIZE);
        let mut mask = vec![0; (SIZE.0 * SIZE.1) as usize];
        stage.subject_mask(0, &mut mask);
        let rows: Vec<usize> = mask
            .chunks_exact(SIZE.0 as usize)
            .enumerate()
            .filter(|(_, row)| row.contains(&1))
            .map(|(y, _)| y)
            .collect();
        let tall = (rows[rows.len() - 1] - rows[0] + 1) as f32 / SIZE.1 as f32;
        assert!(
            (tall / share - 1.0).abs() < 0.15,
            "{shot:?}: {tall} of the frame"
        );
    }
}

#[test]
fn every_kind_of_subject_covers_pixels() {
    for &kind in SubjectKind::ALL {
        let mut program = program(Setting::Beach);
        program.subjects = vec![subject(kind)];
        let stage = Stage::new(&program, SIZE);
        let mut mask = vec![0; (SIZE.0 * SIZE.1) as usize];
        stage.subject_mask(0, &mut mask);
        let covered: usize = mask.iter().map(|m| usize::from(*m)).sum();
        assert!(covered > 60, "{kind:?} covers {covered} pixels");
    }
}

#[test]
fn parallax_follows_depth() {
    let mut program = program(Setting::Harbor);
    program.subjects = vec![subject(SubjectKind::Man)];
    program.subjects[0].action = Action::Walk;
    program.subjects[0].speed = 1.0;
    program.camera.motion = CameraMove::Tracking;
    let stage = Stage::new(&program, SIZE);
    let pose = stage.pose(1.0);
    assert!(
        (pose.x - 1.0).abs() < 0.02,
        "the camera travels with the subject, {}",
        pose.x
    );
    for z in [10.0, 100.0, 1000.0] {
        let (u, _) = pose.project(&stage.view, (100.0, 100.0), z);
        let shift = stage.view.focal / z * pose.x;
        assert!((100.0 - u - shift).abs() < 1e-3, "at {z} m");
    }
    let track = &stage.truth().tracks[0];
    let drift = (track.foot[24][0] - track.foot[0][0]).abs();
    assert!(
        drift < 2.0,
        "a tracked subject stays put, it went {drift} px"
    );
}

#[test]
fn a_card_shifts_by_what_the_camera_projects() {
    // A dark post on a clear card, seen before and after a sideways step of the camera.
    let stage = Stage::new(&program(Setting::Sea), SIZE);
    let mut bitmap = super::bitmap::Bitmap::new(300, 20);
    bitmap.rect(
        150.0,
        0.0,
        154.0,
        20.0,
        super::color::Rgb::hex(0x00_00_00),
        1.0,
    );
    let card = super::card::Card::single(bitmap, (0.0, 70.0), 12.0);
    let middle = |pose: &super::camera::Pose| {
        let mut canvas = stage.canvas();
        card.draw(&stage.view, pose, 0.0, SIZE.1 as usize, &mut canvas);
        let row = &canvas.pixels[75 * SIZE.0 as usize..76 * SIZE.0 as usize];
        let weight = |p: &u32| (p >> 24) as f32;
        let total: f32 = row.iter().map(weight).sum();
        row.iter()
            .enumerate()
            .map(|(x, p)| x as f32 * weight(p))
            .sum::<f32>()
            / total
    };
    let pose = super::camera::Pose {
        x: 0.31,
        ..Default::default()
    };
    let moved = middle(&super::camera::Pose::default()) - middle(&pose);
    let expected = stage.view.focal * 0.31 / 12.0;
    assert!(
        (moved - expected).abs() < 0.1,
        "moved {moved}, expected {expected}"
    );
}

#[test]
fn depth_grows_from_the_bottom_to_the_horizon_and_ends_in_the_sky() {
    let mut program = program(Setting::Harbor);
    program.subjects = vec![subject(SubjectKind::Man)];
    let stage = Stage::new(&program, SIZE);
    let mut depth = vec![0.0; (SIZE.0 * SIZE.1) as usize];
    stage.depth(0, &mut depth);
    let at = |x: usize, y: usize| depth[y * SIZE.0 as usize + x];
    assert!(at(5, 0).is_infinite());
    assert!(at(20, 158) < at(20, 140), "nearer at the bottom");
    let mut mask = vec![0; depth.len()];
    stage.subject_mask(0, &mut mask);
    let z = stage.truth().subject_depth_meters;
    for (m, d) in mask.iter().zip(&depth) {
        if *m == 1 {
            assert!(
                (d - z).abs() < 0.01 * z,
                "the subject lies at {z} m, not {d}"
            );
        }
    }
}

#[test]
fn what_is_excluded_is_never_shown() {
    let mut birds = program(Setting::Sea);
    birds.birds = true;
    let with = frame(&Stage::new(&birds, SIZE), 0);
    birds.without = vec![Exclusion::Birds];
    let excluded = frame(&Stage::new(&birds, SIZE), 0);
    birds.birds = false;
    assert!(
        difference(&with, &excluded) > 0.01,
        "the flock shows when it may"
    );
    assert_eq!(excluded, frame(&Stage::new(&birds, SIZE), 0));

    let mut shaken = moved(program(Setting::Sea), CameraMove::Handheld, 0.0);
    assert_ne!(
        Stage::new(&shaken, SIZE).pose(0.5),
        super::camera::Pose::default()
    );
    shaken.without = vec![Exclusion::Shake];
    assert_eq!(
        Stage::new(&shaken, SIZE).pose(0.5),
        super::camera::Pose::default()
    );

    for exclusion in [
        Exclusion::Clouds,
        Exclusion::Sun,
        Exclusion::Boats,
        Exclusion::Trees,
    ] {
        let setting = if exclusion == Exclusion::Trees {
            Setting::Beach
        } else {
            Setting::Harbor
        };
        let mut program = program(setting);
        program.light.elevation_degrees = 12.0;
        let with = frame(&Stage::new(&program, SIZE), 0);
        program.without = vec![exclusion];
        let without = frame(&Stage::new(&program, SIZE), 0);
        assert!(
            difference(&with, &without) > 0.02,
            "{exclusion:?} changes the picture"
        );
    }
}

#[test]
fn half_the_size_is_the_same_picture() {
    let mut program = program(Setting::Skyline);
    program.subjects = vec![subject(SubjectKind::Child)];
    let small = frame(&Stage::new(&program, SIZE), 0);
    let mut large = vec![0; (SIZE.0 * SIZE.1 * 12) as usize];
    Stage::new(&program, (SIZE.0 * 2, SIZE.1 * 2)).frame(0, &mut large);
    let width = SIZE.0 as usize * 2;
    let halved: Vec<u8> = (0..small.len())
        .map(|i| {
            let (p, c) = (i / 3, i % 3);
            let (x, y) = (p % SIZE.0 as usize * 2, p / SIZE.0 as usize * 2);
            let at = |dx: usize, dy: usize| u32::from(large[((y + dy) * width + x + dx) * 3 + c]);
            ((at(0, 0) + at(1, 0) + at(0, 1) + at(1, 1)) / 4) as u8
        })
        .collect();
    let apart = difference(&small, &halved);
    assert!(apart < 4.0, "{apart} levels apart");
}

#[test]
fn the_tone_of_the_light_grades_the_picture() {
    let balance = |tone: LightTone| {
        let mut program = program(Setting::Beach);
        program.light.tone = tone;
        let picture = frame(&Stage::new(&program, SIZE), 0);
        let sum = |c: usize| {
            picture
                .iter()
                .skip(c)
                .step_by(3)
                .map(|&v| f32::from(v))
                .sum::<f32>()
        };
        sum(0) / sum(2)
    };
    let neutral = balance(LightTone::Neutral);
    assert!(balance(LightTone::Warm) > neutral * 1.15);
    assert!(balance(LightTone::Cold) < neutral * 0.9);
}

/// Number of pixels of `picture` for which `test(red, green, blue)` holds.
fn count(picture: &[u8], test: impl Fn(u8, u8, u8) -> bool) -> usize {
    picture
        .chunks_exact(3)
        .filter(|p| test(p[0], p[1], p[2]))
        .count()
}

#[test]
fn snowfall_whitens_the_ground_of_wild_places() {
    for setting in [Setting::Forest, Setting::Mountains] {
        let mut program = program(setting);
        let mut bright = |weather| {
            program.weather = weather;
            let picture = frame(&Stage::new(&program, SIZE), 0);
            let ground = &picture[picture.len() * 4 / 5..];
            count(ground, |r, g, b| r.min(g).min(b) > 150)
        };
        let (dry, snowy) = (bright(Weather::Overcast), bright(Weather::Snow));
        assert!(
            snowy > 2000 && dry < snowy / 4,
            "{setting:?}: {dry} dry, {snowy} in snow"
        );
    }
}

#[test]
fn lamps_light_the_windows_of_the_village() {
    let mut program = program(Setting::SnowVillage);
    program.time = TimeOfDay::Night;
    let mut warm = |lamps| {
        program.lamps = lamps;
        let picture = frame(&Stage::new(&program, SIZE), 0);
        count(&picture, |r, _, b| r > 150 && r.saturating_sub(b) > 40)
    };
    assert_eq!(warm(false), 0);
    assert!(warm(true) > 20, "{} warm pixels", warm(true));
}

#[test]
fn only_smoke_moves_over_a_still_village() {
    let mut program = program(Setting::SnowVillage);
    program.without = vec![Exclusion::Clouds];
    let mut change = |smoke| {
        program.smoke = smoke;
        let stage = Stage::new(&program, SIZE);
        difference(&frame(&stage, 0), &frame(&stage, 24))
    };
    assert!(change(false) == 0.0);
    assert!(change(true) > 0.0);
}

#[test]
fn strong_wind_drives_sand_through_the_desert() {
    let mut program = program(Setting::Desert);
    // Late light: nothing trembles in the heat.
    program.time = TimeOfDay::Dusk;
    program.without = vec![Exclusion::Clouds];
    let mut change = |wind| {
        program.wind = wind;
        let stage = Stage::new(&program, SIZE);
        difference(&frame(&stage, 0), &frame(&stage, 24))
    };
    assert!(change(1.0) == 0.0);
    assert!(change(11.0) > 0.1, "{}", change(11.0));
}
