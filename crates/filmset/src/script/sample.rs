//! Draws scene programs.

use crate::program::{
    Action, Aspect, CameraMove, Event, Exclusion, FPS, Light, LightQuality, LightTone, Program,
    Setting, Subject, SubjectKind, TimeOfDay, Weather,
};
use crate::script::casting::{self, Scene};
use crate::script::filming;
use crate::script::random::{Rng, mix};
use crate::script::recipe::{Recipe, belongs};

/// The program of `seed` under `recipe`: the same two give the same program on every machine.
///
/// Every vocabulary is drawn with balanced frequencies, continuous quantities densely inside
/// their ranges, and only combinations that make sense (no train on the beach, no boat in a
/// field). Programs outside the recipe's split are drawn again.
pub fn sample(seed: u64, recipe: &Recipe) -> Program {
    let mut rng = Rng::new(mix(seed) ^ 0x5354_4147_4521);
    loop {
        let program = draft(seed, recipe, &mut rng);
        if belongs(&program, recipe.split) {
            return program;
        }
    }
}

fn draft(seed: u64, recipe: &Recipe, rng: &mut Rng) -> Program {
    let aspect = recipe.aspect.unwrap_or_else(|| {
        let share = |&aspect: &Aspect| (aspect, if aspect == Aspect::Wide { 4.0 } else { 1.0 });
        rng.weighted(&Aspect::ALL.iter().map(share).collect::<Vec<_>>())
    });
    let seconds = (recipe.frames - 1) as f32 / FPS as f32;
    let setting = rng.pick(Setting::ALL);
    let time = rng.pick(TimeOfDay::ALL);
    let weather = weather_of(setting, rng);
    let kind = (!rng.chance(recipe.landscapes)).then(|| casting::kind_for(setting, rng));
    let scene = Scene {
        setting,
        time,
        weather,
        wind: wind_of(kind, rng),
    };

    let mut subjects: Vec<Subject> = kind
        .iter()
        .map(|&kind| casting::subject(kind, scene, rng))
        .collect();
    let pair = rng.chance(recipe.pairs);
    if let (Some(main), true) = (subjects.first_mut(), pair) {
        main.count = 1;
        let second = companion(main, scene, rng);
        subjects.push(second);
    }
    let mut shot = filming::shot_of(subjects.first(), rng);
    if pair && shot == crate::program::Shot::Close {
        shot = crate::program::Shot::Medium;
    }
    let follow = subjects
        .first_mut()
        .is_some_and(|main| filming::keep_in_frame(main, shot, aspect, seconds, rng));
    let camera = filming::rig(subjects.first_mut(), shot, follow, aspect, seconds, rng);
    let eventful = rng.chance(recipe.events * 2.0) && seconds >= 1.0;
    if let Some(main) = subjects.first_mut().filter(|_| eventful) {
        main.event = event_of(main, camera.motion, seconds, rng);
    }
    if let [main, second] = subjects.as_mut_slice() {
        settle(main, second);
    }
    let flock = subjects.iter().any(|s| s.kind == SubjectKind::Birds);
    let dry = matches!(weather, Weather::Clear | Weather::Overcast | Weather::Fog);
    let mut program = Program {
        seed,
        aspect,
        frames: recipe.frames,
        setting,
        time,
        weather,
        wind: scene.wind,
        visibility_meters: (weather == Weather::Fog).then(|| rng.log_range(12.0, 400.0)),
        light: light_of(scene, rng),
        camera,
        birds: !flock && dry && time != TimeOfDay::Night && rng.chance(0.3),
        smoke: smokes(setting, &subjects) && rng.chance(0.55),
        lamps: lamps_of(scene, rng),
        subjects,
        without: Vec::new(),
    };
    program.without = absent(&program, rng);
    program
}

fn weather_of(setting: Setting, rng: &mut Rng) -> Weather {
    use Setting as S;
    let snow = match setting {
        S::SnowVillage => 3.6,
        S::Mountains | S::Forest | S::Street => 2.2,
        S::Harbor | S::Skyline => 1.2,
        S::WheatField | S::Beach | S::Sea | S::Desert => 0.0,
    };
    let rain = match setting {
        S::Desert | S::SnowVillage => 0.0,
        S::Street => 2.6,
        _ => 1.8,
    };
    rng.weighted(&[
        (Weather::Clear, 3.0),
        (Weather::Overcast, 1.8),
        (Weather::Fog, 1.8),
        (Weather::Rain, rain),
        (Weather::Snow, snow),
    ])
}

fn wind_of(kind: Option<SubjectKind>, rng: &mut Rng) -> f32 {
    let needs = matches!(kind, Some(SubjectKind::Kite | SubjectKind::Sailboat));
    let calm = if needs { 0.0 } else { 0.33 };
    let (low, high) = rng.weighted(&[((0.0, 2.0), calm), ((2.0, 7.0), 0.36), ((7.0, 14.0), 0.31)]);
    let side = if rng.chance(0.5) { 1.0 } else { -1.0 };
    rng.range(low, high) * side
}

fn light_of(scene: Scene, rng: &mut Rng) -> Light {
    use TimeOfDay as T;
    let clear = scene.weather == Weather::Clear;
    let (low, high) = match scene.time {
        T::Dawn => (-1.0, 6.0),
        T::Morning => (14.0, 45.0),
        T::Noon => (45.0, 80.0),
        T::GoldenHour => (4.0, 14.0),
        T::Dusk => (-5.0, 0.0),
        T::Night => (-6.0, -6.0),
    };
    let mut elevation_degrees = rng.range(low, high);
    if matches!(scene.time, T::Morning | T::Noon) && rng.chance(0.4) {
        elevation_degrees = (elevation_degrees / 5.0).round() * 5.0;
    }
    let low_sun = matches!(scene.time, T::Dawn | T::GoldenHour | T::Dusk);
    let thin = clear || scene.weather == Weather::Fog;
    let backlight = low_sun && thin && rng.chance(0.42);
    let azimuth = if backlight {
        rng.range(-0.45, 0.45)
    } else {
        rng.range(-1.0, 1.0)
    };
    let hard = match scene.time {
        _ if !clear => 0.0,
        T::Morning | T::Noon | T::GoldenHour => 0.75,
        T::Dawn | T::Night => 0.5,
        T::Dusk => 0.25,
    };
    let quality = if rng.chance(hard) {
        LightQuality::Hard
    } else {
        LightQuality::Soft
    };
    let (neutral, warm, cold) = match scene.time {
        T::Dawn => (0.3, 0.35, 0.35),
        T::Morning | T::Noon => (0.46, 0.27, 0.27),
        T::GoldenHour => (0.25, 0.7, 0.05),
        T::Dusk => (0.3, 0.25, 0.45),
        T::Night => (0.35, 0.15, 0.5),
    };
    let tone = rng.weighted(&[
        (LightTone::Neutral, neutral),
        (LightTone::Warm, warm),
        (LightTone::Cold, cold),
    ]);
    Light {
        quality,
        tone,
        backlight,
        elevation_degrees,
        azimuth,
    }
}

fn companion(main: &Subject, scene: Scene, rng: &mut Rng) -> Subject {
    let mut second = loop {
        // Often two people: what prompts about meetings ask for.
        let kind = if main.kind.is_figure() && rng.chance(0.5) {
            let kinds = [
                SubjectKind::Man,
                SubjectKind::Woman,
                SubjectKind::Child,
                main.kind,
            ];
            rng.pick(&kinds)
        } else {
            casting::kind_for(scene.setting, rng)
        };
        let huge = |kind| matches!(kind, SubjectKind::Train | SubjectKind::Lighthouse);
        if kind.is_figure() || (kind != main.kind && !(huge(kind) && huge(main.kind))) {
            break casting::subject(kind, scene, rng);
        }
    };
    if second.kind == main.kind && rng.chance(0.6) {
        // Alike but for the colour: "two children in green and yellow coats wave".
        second = Subject {
            place: second.place,
            ..main.clone()
        };
    }
    second.color = casting::other_color(main.color, rng);
    second.count = 1;
    second.scarf = None;
    second
}

/// Gives two subjects different places and, where both go sideways, the same direction.
fn settle(main: &Subject, second: &mut Subject) {
    use crate::program::{Direction, Place};
    if second.place == main.place {
        second.place = match main.place {
            Place::Left => Place::Right,
            Place::Center | Place::Right => Place::Left,
        };
    }
    let grounded = second.kind.is_figure() || second.kind == SubjectKind::Dog;
    if grounded && second.speed > 0.0 {
        let sideways = matches!(main.direction, Direction::Left | Direction::Right);
        second.direction = if sideways {
            main.direction
        } else {
            Direction::Away
        };
        // They keep together: the slower walk of the two would leave the frame otherwise.
        second.action = if main.action == Action::Run {
            Action::Run
        } else {
            Action::Walk
        };
        second.pace = main.pace;
        second.speed = if main.speed > 0.0 { main.speed } else { 1.0 };
    }
}

fn event_of(subject: &Subject, motion: CameraMove, seconds: f32, rng: &mut Rng) -> Option<Event> {
    use Action as A;
    let follows = motion == CameraMove::Tracking;
    let run = if follows { 1.0 } else { 0.0 };
    let options: &[(Action, f32)] = match (subject.kind, subject.action) {
        (SubjectKind::Dog, A::Walk) => &[(A::Stand, 1.2), (A::Run, run), (A::Jump, 0.8)],
        (SubjectKind::Dog, A::Run) => &[(A::Stand, 1.0), (A::Jump, 0.7)],
        (SubjectKind::Dog, _) => &[(A::Jump, 1.0), (A::Walk, 1.0)],
        (kind, A::Walk) if kind.is_figure() => &[
            (A::Stand, 1.2),
            (A::Wave, 0.8),
            (A::Turn, 0.8),
            (A::Jump, 0.6),
            (A::Run, run),
        ],
        (kind, A::Run) if kind.is_figure() => &[(A::Stand, 1.0), (A::Jump, 0.8), (A::Walk, 0.6)],
        (kind, A::Stand) if kind.is_figure() => &[
            (A::Wave, 1.0),
            (A::Turn, 0.9),
            (A::Jump, 0.8),
            (A::Walk, 1.0),
        ],
        (kind, A::Wave | A::Haul | A::Jump) if kind.is_figure() => {
            &[(A::Stand, 1.0), (A::Turn, 0.7)]
        }
        (SubjectKind::Ball, _) => &[(A::Stand, 1.0)],
        (SubjectKind::Kite, A::Fly) | (SubjectKind::Balloon, A::Drift) => &[(A::Rise, 1.0)],
        _ => return None,
    };
    let action = rng.weighted(options);
    let at = rng.range(0.14, 0.9) * seconds;
    let step = if seconds >= 3.0 && rng.chance(0.6) {
        1.0
    } else {
        0.5
    };
    // What begins with the last frame cannot be seen.
    let last = ((seconds - 0.4) * 2.0).floor() / 2.0;
    let at_seconds = ((at / step).round().max(1.0) * step).min(last);
    Some(Event { at_seconds, action })
}

fn smokes(setting: Setting, subjects: &[Subject]) -> bool {
    let funnel = |s: &Subject| matches!(s.kind, SubjectKind::Train | SubjectKind::FishingBoat);
    matches!(setting, Setting::SnowVillage | Setting::Skyline) || subjects.iter().any(funnel)
}

fn lamps_of(scene: Scene, rng: &mut Rng) -> bool {
    use Setting as S;
    let built = matches!(
        scene.setting,
        S::Harbor | S::SnowVillage | S::Street | S::Skyline
    );
    let dull = scene.weather != Weather::Clear;
    let share = match scene.time {
        _ if !built => 0.0,
        TimeOfDay::Night => 0.85,
        TimeOfDay::Dusk => 0.7,
        TimeOfDay::Dawn => 0.35,
        TimeOfDay::Morning if dull => 0.2,
        _ => 0.0,
    };
    rng.chance(share)
}

/// Up to two things a caption may name as absent, each truly so.
fn absent(program: &Program, rng: &mut Rng) -> Vec<Exclusion> {
    let mut absent = Vec::new();
    if !rng.chance(0.21) {
        return absent;
    }
    let weight = |exclusion| match exclusion {
        _ if !is_absent(program, exclusion) => 0.0,
        Exclusion::Boats => 3.0,
        Exclusion::Clouds => 1.8,
        _ => 1.0,
    };
    let options: Vec<_> = Exclusion::ALL.iter().map(|&e| (e, weight(e))).collect();
    if options.iter().all(|option| option.1 == 0.0) {
        return absent;
    }
    for _ in 0..rng.weighted(&[(1, 0.7), (2, 0.3)]) {
        let exclusion = rng.weighted(&options);
        if !absent.contains(&exclusion) {
            absent.push(exclusion);
        }
    }
    absent
}

/// Whether naming `exclusion` as absent is true of the program and worth saying.
pub fn is_absent(program: &Program, exclusion: Exclusion) -> bool {
    use Setting as S;
    let shows = |test: &dyn Fn(SubjectKind) -> bool| program.subjects.iter().any(|s| test(s.kind));
    match exclusion {
        Exclusion::Birds => !program.birds && !shows(&|kind| kind == SubjectKind::Birds),
        Exclusion::People => !shows(&SubjectKind::is_figure),
        Exclusion::Clouds => program.weather == Weather::Clear,
        Exclusion::Boats => {
            let water = matches!(program.setting, S::Harbor | S::Beach | S::Sea);
            let boat = |kind| matches!(kind, SubjectKind::Sailboat | SubjectKind::FishingBoat);
            water && !shows(&boat)
        }
        Exclusion::Shake => program.camera.motion != CameraMove::Handheld,
        Exclusion::Sun => program.weather != Weather::Clear || program.time == TimeOfDay::Night,
        Exclusion::Trees => !matches!(program.setting, S::Forest | S::Sea),
    }
}
