//! Contact sheets of the film set, to look at: `cargo run --release -p kinora-filmset --example
//! look -- OUT.png [setting=..] [time=..] [weather=..] [wind=..] [camera=..] [amount=..]
//! [shot=..] [kind=..] [action=..] [focal=..] [f=..] [tone=..] [quality=..] [backlight=1]
//! [seed=..] [aspect=tall] [half=2] [strip=N] [reps=N]`. Without `setting` one row a setting, without
//! `time` one column an hour; `strip=N` makes the columns N moments of a clip.

use std::collections::HashMap;
use std::fs::File;

use kinora_filmset::Stage;
use kinora_filmset::program::{
    Action, Aspect, CameraMove, CameraRig, Color, Direction, Event, Garment, Headwear, Light,
    LightQuality, LightTone, Pace, Place, Program, Setting, Shot, Subject, SubjectKind, TimeOfDay,
    Weather,
};

fn pick<T: Copy + std::fmt::Debug>(all: &[T], text: Option<&String>, default: T) -> T {
    let Some(text) = text else { return default };
    let plain = |s: &str| s.to_lowercase().replace(['_', '-', ' '], "");
    *all.iter()
        .find(|v| plain(&format!("{v:?}")) == plain(text))
        .expect("unknown value")
}

fn program(args: &HashMap<String, String>, setting: Setting, time: TimeOfDay) -> Program {
    let get = |k: &str| args.get(k);
    let number = |k: &str, d: f32| get(k).map_or(d, |v| v.parse().expect("a number"));
    let elevation = match time {
        TimeOfDay::Dawn => 7.0,
        TimeOfDay::Morning => 24.0,
        TimeOfDay::Noon => 62.0,
        TimeOfDay::GoldenHour => 9.0,
        TimeOfDay::Dusk => 2.5,
        TimeOfDay::Night => -6.0,
    };
    let kind = get("kind").map(|_| pick(SubjectKind::ALL, get("kind"), SubjectKind::Man));
    let subject = |kind: SubjectKind, color| Subject {
        kind,
        color,
        garment: kind
            .is_figure()
            .then(|| pick(Garment::ALL, get("garment"), Garment::Coat)),
        headwear: kind
            .is_figure()
            .then(|| pick(Headwear::ALL, get("headwear"), Headwear::WideHat)),
        scarf: get("scarf").map(|_| pick(Color::ALL, get("scarf"), Color::Red)),
        action: pick(Action::ALL, get("action"), Action::Walk),
        direction: pick(Direction::ALL, get("direction"), Direction::Right),
        pace: Pace::Normal,
        speed: number("speed", 1.3),
        place: pick(Place::ALL, get("place"), Place::Center),
        count: number("count", 1.0) as u8,
        event: get("at").map(|_| Event {
            at_seconds: number("at", 1.0),
            action: pick(Action::ALL, get("event"), Action::Stand),
        }),
    };
    let mut subjects: Vec<Subject> = kind
        .into_iter()
        .map(|k| subject(k, pick(Color::ALL, get("color"), Color::Yellow)))
        .collect();
    if get("second").is_some() {
        subjects.push(subject(
            pick(SubjectKind::ALL, get("second"), SubjectKind::Dog),
            Color::Green,
        ));
        subjects[1].place = Place::Right;
    }
    let weather = pick(Weather::ALL, get("weather"), Weather::Clear);
    Program {
        seed: number("seed", 1.0) as u64,
        aspect: Aspect::Wide,
        frames: 97,
        setting,
        time,
        weather,
        wind: number("wind", 4.0),
        visibility_meters: (weather == Weather::Fog).then(|| number("visibility", 80.0)),
        light: Light {
            quality: pick(LightQuality::ALL, get("quality"), LightQuality::Hard),
            tone: pick(LightTone::ALL, get("tone"), LightTone::Neutral),
            backlight: get("backlight").is_some(),
            elevation_degrees: number("elevation", elevation),
            azimuth: number("azimuth", -0.4),
        },
        camera: CameraRig {
            motion: pick(CameraMove::ALL, get("camera"), CameraMove::Static),
            pace: Pace::Normal,
            shot: pick(Shot::ALL, get("shot"), Shot::Medium),
            focal_mm: number("focal", 35.0),
            f_number: number("f", 8.0),
            amount: number("amount", 1.5),
            over_seconds: 4.0,
        },
        subjects,
        birds: get("birds").is_some(),
        smoke: true,
        lamps: get("nolamps").is_none(),
        without: Vec::new(),
    }
}

fn main() {
    let mut words = std::env::args().skip(1);
    let out = words.next().unwrap_or_else(|| "look.png".into());
    let args: HashMap<String, String> = words
        .filter_map(|w| w.split_once('=').map(|(k, v)| (k.into(), v.into())))
        .collect();
    let settings: Vec<Setting> = match args.get("setting") {
        Some(_) => vec![pick(Setting::ALL, args.get("setting"), Setting::Harbor)],
        None => Setting::ALL.to_vec(),
    };
    let times: Vec<TimeOfDay> = match args.get("time") {
        Some(_) => vec![pick(TimeOfDay::ALL, args.get("time"), TimeOfDay::Dawn)],
        None => TimeOfDay::ALL.to_vec(),
    };
    let strip: usize = args
        .get("strip")
        .map_or(1, |v| v.parse().expect("a number"));
    let aspect = pick(Aspect::ALL, args.get("aspect"), Aspect::Wide);
    let half = args.get("half").map_or(1, |v| v.parse().expect("a number"));
    let (w, h) = (aspect.size().0 / half, aspect.size().1 / half);
    let columns: usize = args
        .get("columns")
        .map_or(times.len().min(3), |v| v.parse().expect("n"));
    let columns = if strip > 1 { strip.min(3) } else { columns };
    let mut cells: Vec<Vec<u8>> = Vec::new();
    for &setting in &settings {
        for &time in &times {
            let began = std::time::Instant::now();
            let stage = Stage::new(&program(&args, setting, time), (w, h));
            let built = began.elapsed();
            for i in 0..strip {
                let mut cell = vec![0; (w * h * 3) as usize];
                stage.frame((96 * i / (strip - 1).max(1)) as u32, &mut cell);
                cells.push(cell);
            }
            println!(
                "{setting:?} {time:?}: built {built:?}, all {:?}",
                began.elapsed()
            );
        }
    }
    for _ in 0..args.get("reps").map_or(0, |v| v.parse().expect("a number")) {
        let program = program(&args, settings[0], times[0]);
        let began = std::time::Instant::now();
        let film = kinora_filmset::render(&program, (w, h), 2);
        println!("{} bytes in {:?}", film.frames.len(), began.elapsed());
    }
    write_sheet(&out, &cells, columns, (w as usize, h as usize));
}

fn write_sheet(out: &str, cells: &[Vec<u8>], columns: usize, (w, h): (usize, usize)) {
    let rows = cells.len().div_ceil(columns);
    let (width, height) = (columns * (w + 4), rows * (h + 4));
    let mut sheet = vec![255u8; width * height * 3];
    for (i, cell) in cells.iter().enumerate() {
        let (x, y) = (i % columns * (w + 4), i / columns * (h + 4));
        for row in 0..h {
            let at = ((y + row) * width + x) * 3;
            sheet[at..at + w * 3].copy_from_slice(&cell[row * w * 3..(row + 1) * w * 3]);
        }
    }
    let file = File::create(out).expect("the picture can be written");
    let mut encoder = png::Encoder::new(file, width as u32, height as u32);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().expect("a PNG header");
    writer.write_image_data(&sheet).expect("the pixels");
}
