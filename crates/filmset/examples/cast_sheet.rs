//! Prints pose sheets of the cast, to be looked at: `cast_sheet FOLDER [NAME]`.
//!
//! Each sheet is a PNG with one row a subject and one column a moment.

use Garment::{Coat, Dress, Jacket, Raincoat, Sweater};
use Headwear::{Bare, Beanie, Cap, Hood, WideHat};
use SubjectKind::{Child, Man, Woman};
use kinora_filmset::cast::{self, Canvas, CastLight, Pose};
use kinora_filmset::program::{
    Action, Color, Direction, Garment, Headwear, Pace, Place, Subject, SubjectKind, TimeOfDay,
};
use std::path::Path;
use std::time::Instant;

/// A picture on a plain ground.
struct Sheet {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Sheet {
    fn new(width: usize, height: usize, ground: [u8; 3]) -> Self {
        Self {
            width,
            height,
            pixels: ground.repeat(width * height),
        }
    }

    /// Lays a canvas over the sheet at the canvas's origin.
    fn paste(&mut self, canvas: &Canvas) {
        let [left, top] = canvas.origin();
        for (i, pixel) in canvas.pixels().chunks_exact(4).enumerate() {
            let x = left + (i % canvas.width()) as i32;
            let y = top + (i / canvas.width()) as i32;
            if pixel[3] == 0 || x < 0 || y < 0 {
                continue;
            }
            let (x, y) = (x as usize, y as usize);
            if x >= self.width || y >= self.height {
                continue;
            }
            let out = &mut self.pixels[(y * self.width + x) * 3..][..3];
            for k in 0..3 {
                out[k] = pixel[k] + (u32::from(out[k]) * (255 - u32::from(pixel[3])) / 255) as u8;
            }
        }
    }

    fn save(&self, path: &Path) {
        let file = std::fs::File::create(path).expect("the folder exists");
        let mut encoder = png::Encoder::new(file, self.width as u32, self.height as u32);
        encoder.set_color(png::ColorType::Rgb);
        let mut writer = encoder.write_header().expect("a valid size");
        writer
            .write_image_data(&self.pixels)
            .expect("room on the disk");
    }
}

fn subject(kind: SubjectKind, color: Color, action: Action) -> Subject {
    Subject {
        kind,
        color,
        garment: None,
        headwear: None,
        scarf: None,
        action,
        direction: Direction::Right,
        pace: Pace::Normal,
        speed: cast::gait::usual_speed(kind, action),
        place: Place::Center,
        count: 1,
        event: None,
    }
}

/// Kind, colour and cut of the garment, headwear, scarf, action.
type Role = (SubjectKind, Color, Garment, Headwear, Option<Color>, Action);

fn dressed((kind, color, garment, headwear, scarf, action): Role) -> Subject {
    Subject {
        garment: Some(garment),
        headwear: Some(headwear),
        scarf,
        ..subject(kind, color, action)
    }
}

fn pose(subject: &Subject, t: f32, facing: f32) -> Pose {
    let stride = cast::stride(subject.kind, subject.action, subject.speed);
    Pose {
        t,
        action: subject.action,
        action_t: t,
        phase: subject.speed * t / stride,
        facing,
        away: false,
        wind: 0.0,
        seed: 5,
        speed: subject.speed,
    }
}

/// Draws one subject into a sheet, `tall` metres of it `pixels` high.
fn put(
    sheet: &mut Sheet,
    subject: &Subject,
    pose: &Pose,
    light: &CastLight,
    ppm: f32,
    at: (f32, f32),
) {
    let mut canvas = Canvas::new(0, 0, [0, 0]);
    canvas.reset_around(subject.kind, ppm, at, (sheet.width, sheet.height));
    cast::draw(subject, pose, light, ppm, &mut canvas, at);
    sheet.paste(&canvas);
}

fn gaits(folder: &Path) {
    let light = CastLight::at(TimeOfDay::Noon, -0.7, false);
    let people = [
        (Man, Color::Blue, Jacket, Bare, None, Action::Walk),
        (
            Woman,
            Color::Red,
            Coat,
            WideHat,
            Some(Color::Yellow),
            Action::Walk,
        ),
        (
            Woman,
            Color::Teal,
            Dress,
            Bare,
            Some(Color::Red),
            Action::Walk,
        ),
        (Child, Color::Yellow, Raincoat, Hood, None, Action::Walk),
        (Man, Color::Green, Sweater, Beanie, None, Action::Run),
        (
            Woman,
            Color::Purple,
            Jacket,
            Cap,
            Some(Color::Orange),
            Action::Run,
        ),
        (Child, Color::Pink, Dress, Bare, None, Action::Run),
    ]
    .map(dressed);
    let mut sheet = Sheet::new(1500, people.len() * 200, [214, 219, 222]);
    for (row, person) in people.iter().enumerate() {
        for column in 0..10 {
            let cycle = cast::stride(person.kind, person.action, person.speed) / person.speed;
            let t = 3.0 * cycle + column as f32 / 10.0 * cycle;
            let at = (75.0 + 150.0 * column as f32, 180.0 + 200.0 * row as f32);
            put(&mut sheet, person, &pose(person, t, 1.0), &light, 92.0, at);
        }
    }
    sheet.save(&folder.join("gaits.png"));
}

fn facings(folder: &Path) {
    let light = CastLight::at(TimeOfDay::GoldenHour, 0.8, false);
    let people = [
        (Man, Color::Yellow, Raincoat, WideHat, None, Action::Stand),
        (
            Woman,
            Color::Red,
            Dress,
            Bare,
            Some(Color::White),
            Action::Walk,
        ),
        (
            Child,
            Color::Blue,
            Coat,
            Beanie,
            Some(Color::Red),
            Action::Stand,
        ),
        (Man, Color::Grey, Coat, Cap, None, Action::Walk),
    ]
    .map(dressed);
    let mut sheet = Sheet::new(1500, people.len() * 230, [236, 196, 150]);
    for (row, person) in people.iter().enumerate() {
        for column in 0..10 {
            let angle = std::f32::consts::PI * column as f32 / 5.0;
            let mut pose = pose(person, 0.3, angle.cos());
            pose.away = column > 5;
            let at = (75.0 + 150.0 * column as f32, 210.0 + 230.0 * row as f32);
            put(&mut sheet, person, &pose, &light, 105.0, at);
        }
    }
    sheet.save(&folder.join("facings.png"));
}

fn acts(folder: &Path) {
    let light = CastLight::at(TimeOfDay::Dusk, -0.8, true);
    let mut sheet = Sheet::new(1500, 6 * 230, [120, 104, 130]);
    let acts = [
        (Man, Action::Haul, 1.25),
        (Woman, Action::Wave, 1.4),
        (Child, Action::Wave, 1.4),
        (Child, Action::Jump, 1.3),
        (Man, Action::Jump, 1.3),
        (Woman, Action::Turn, 1.5),
    ];
    for (row, (kind, action, seconds)) in acts.into_iter().enumerate() {
        let person = Subject {
            scarf: Some(Color::Red),
            ..subject(kind, Color::Yellow, action)
        };
        for column in 0..8 {
            let t = seconds * column as f32 / 8.0;
            let facing = if row == 2 || row == 3 { 0.0 } else { 1.0 };
            let at = (75.0 + 187.0 * column as f32, 210.0 + 230.0 * row as f32);
            put(
                &mut sheet,
                &person,
                &pose(&person, t, facing),
                &light,
                92.0,
                at,
            );
        }
    }
    sheet.save(&folder.join("acts.png"));
}

fn sizes(folder: &Path) {
    let mut sheet = Sheet::new(1500, 640, [44, 52, 78]);
    let light = CastLight::at(TimeOfDay::Night, 0.7, false);
    let person = dressed((
        Woman,
        Color::Red,
        Coat,
        WideHat,
        Some(Color::Yellow),
        Action::Walk,
    ));
    let man = dressed((Man, Color::Yellow, Raincoat, Hood, None, Action::Run));
    let mut x = 40.0;
    for tall in [40.0, 65.0, 130.0, 260.0] {
        let ppm = tall / 1.7;
        for (i, who) in [&person, &man].into_iter().enumerate() {
            for step in 0..2 {
                let pose = pose(who, 0.4 + 0.25 * step as f32, 1.0);
                put(
                    &mut sheet,
                    who,
                    &pose,
                    &light,
                    ppm,
                    (x + tall * 0.75 * step as f32, 290.0 + 320.0 * i as f32),
                );
            }
        }
        x += tall * 1.5 + 60.0;
    }
    sheet.save(&folder.join("sizes.png"));
}

/// Figures as large as a close-up shows them.
fn large(folder: &Path) {
    let mut sheet = Sheet::new(1560, 640, [188, 206, 214]);
    let light = CastLight::at(TimeOfDay::Morning, -0.8, false);
    let people = [
        (Man, Color::Yellow, Raincoat, WideHat, None, Action::Haul),
        (
            Woman,
            Color::Teal,
            Dress,
            WideHat,
            Some(Color::Red),
            Action::Walk,
        ),
        (Man, Color::Blue, Jacket, Bare, None, Action::Run),
        (
            Child,
            Color::Pink,
            Dress,
            Bare,
            Some(Color::Blue),
            Action::Run,
        ),
        (
            Woman,
            Color::Green,
            Coat,
            Bare,
            Some(Color::White),
            Action::Wave,
        ),
        (
            Man,
            Color::Red,
            Sweater,
            Beanie,
            Some(Color::Black),
            Action::Walk,
        ),
    ]
    .map(dressed);
    for (i, person) in people.iter().enumerate() {
        for (row, facing) in [1.0, 0.25].into_iter().enumerate() {
            let mut pose = pose(person, 1.13, facing);
            pose.wind = -4.0;
            let at = (130.0 + 255.0 * i as f32, 300.0 + 320.0 * row as f32);
            put(&mut sheet, person, &pose, &light, 150.0, at);
        }
    }
    sheet.save(&folder.join("large.png"));
}

/// Dogs and birds from every side, and small.
fn beasts(folder: &Path) {
    let mut sheet = Sheet::new(1500, 760, [206, 214, 206]);
    let light = CastLight::at(TimeOfDay::GoldenHour, 0.8, false);
    for (row, (kind, action, ppm)) in [
        (SubjectKind::Dog, Action::Walk, 190.0),
        (SubjectKind::Dog, Action::Jump, 150.0),
        (SubjectKind::Birds, Action::Fly, 36.0),
        (SubjectKind::Birds, Action::Fly, 14.0),
    ]
    .into_iter()
    .enumerate()
    {
        let color = if row == 3 {
            Color::Black
        } else {
            Color::Orange
        };
        let who = subject(kind, color, action);
        for column in 0..8 {
            let angle = std::f32::consts::PI * column as f32 / 4.0;
            let mut pose = pose(&who, 0.3 + 0.11 * column as f32, angle.cos());
            pose.away = column > 4;
            let at = (93.0 + 187.0 * column as f32, 180.0 + 185.0 * row as f32);
            put(&mut sheet, &who, &pose, &light, ppm, at);
        }
    }
    sheet.save(&folder.join("beasts.png"));
}

/// Everything that is no figure, over time.
fn things(folder: &Path) {
    let rows = [
        (SubjectKind::Dog, Action::Walk, Color::Brown, 130.0, 0.56),
        (SubjectKind::Dog, Action::Run, Color::White, 130.0, 0.375),
        (SubjectKind::Birds, Action::Fly, Color::White, 34.0, 0.5),
        (SubjectKind::Sailboat, Action::Sail, Color::Red, 20.0, 3.0),
        (
            SubjectKind::FishingBoat,
            Action::Drift,
            Color::Blue,
            16.0,
            3.0,
        ),
        (SubjectKind::Balloon, Action::Rise, Color::Orange, 10.0, 3.0),
        (SubjectKind::Ball, Action::Roll, Color::Red, 90.0, 1.1),
        (SubjectKind::Kite, Action::Fly, Color::Pink, 24.0, 1.0),
        (SubjectKind::Lighthouse, Action::Sweep, Color::Red, 9.5, 1.0),
    ];
    let light = CastLight::at(TimeOfDay::Morning, -0.7, false);
    let mut sheet = Sheet::new(1500, rows.len() * 215 + 60, [150, 186, 208]);
    for (row, (kind, action, color, ppm, seconds)) in rows.into_iter().enumerate() {
        let who = subject(kind, color, action);
        for column in 0..8 {
            let t = seconds * column as f32 / 8.0;
            let mut pose = pose(&who, t, 1.0);
            pose.wind = 4.0;
            let drop = if kind == SubjectKind::Kite {
                -110.0
            } else {
                0.0
            };
            let at = (
                93.0 + 187.0 * column as f32,
                205.0 + drop + 215.0 * row as f32,
            );
            put(&mut sheet, &who, &pose, &light, ppm, at);
        }
    }
    sheet.save(&folder.join("things.png"));
}

/// Every colour at every hour, and strong wind.
fn palette(folder: &Path) {
    let mut sheet = Sheet::new(1500, 6 * 100 + 230, [120, 128, 140]);
    for (row, &time) in TimeOfDay::ALL.iter().enumerate() {
        let light = CastLight::at(time, -0.7, row % 2 == 1);
        for (column, &color) in Color::ALL.iter().enumerate() {
            let role = (
                Woman,
                color,
                [Coat, Jacket, Dress][column % 3],
                Bare,
                None,
                Action::Walk,
            );
            let person = dressed(role);
            let at = (70.0 + 122.0 * column as f32, 92.0 + 100.0 * row as f32);
            put(
                &mut sheet,
                &person,
                &pose(&person, 0.4, 1.0),
                &light,
                46.0,
                at,
            );
        }
    }
    let light = CastLight::at(TimeOfDay::Noon, -0.7, false);
    for column in 0..8 {
        let garment = [Coat, Dress, Raincoat, Sweater][column / 2];
        let person = dressed((
            Woman,
            Color::Teal,
            garment,
            Bare,
            Some(Color::Red),
            Action::Stand,
        ));
        let mut pose = pose(
            &person,
            0.4 + 0.2 * column as f32,
            if column < 4 { 1.0 } else { 0.0 },
        );
        pose.wind = if column % 2 == 0 { 13.0 } else { -6.0 };
        put(
            &mut sheet,
            &person,
            &pose,
            &light,
            110.0,
            (90.0 + 180.0 * column as f32, 815.0),
        );
    }
    sheet.save(&folder.join("palette.png"));
}

/// Trains in four colours, one of them the other way round.
fn trains(folder: &Path) {
    let light = CastLight::at(TimeOfDay::Morning, -0.7, false);
    let mut sheet = Sheet::new(1500, 800, [150, 186, 208]);
    for (row, color) in [Color::Red, Color::Green, Color::Yellow, Color::Black]
        .into_iter()
        .enumerate()
    {
        let who = subject(SubjectKind::Train, color, Action::Ride);
        let pose = pose(
            &who,
            0.1 + 0.05 * row as f32,
            if row == 2 { -1.0 } else { 1.0 },
        );
        put(
            &mut sheet,
            &who,
            &pose,
            &light,
            36.0,
            (750.0, 190.0 + 195.0 * row as f32),
        );
    }
    sheet.save(&folder.join("train.png"));
}

fn time(kind: SubjectKind, action: Action, tall: f32) {
    let light = CastLight::at(TimeOfDay::Noon, 0.7, false);
    let who = Subject {
        scarf: Some(Color::Red),
        ..subject(kind, Color::Blue, action)
    };
    let ppm = tall / cast::gait::height(kind);
    let (w, h) = cast::bounds(kind);
    let at = (w * ppm * 0.5, h * ppm - 4.0);
    let mut canvas = Canvas::new(0, 0, [0, 0]);
    canvas.reset_around(kind, ppm, at, ((w * ppm) as usize, (h * ppm) as usize));
    let mut best = f64::MAX;
    for i in 0..400 {
        let pose = pose(&who, i as f32 / 24.0, 1.0);
        let start = Instant::now();
        cast::draw(&who, &pose, &light, ppm, &mut canvas, at);
        best = best.min(start.elapsed().as_secs_f64() * 1e6);
    }
    println!(
        "{} {} at {tall} px: {best:.0} us",
        kind.name(),
        action.name()
    );
}

/// A sheet's name and what prints it into a folder.
type Print = (&'static str, fn(&Path));

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().unwrap_or_else(|| "target/cast".to_owned());
    let folder = Path::new(&folder);
    std::fs::create_dir_all(folder).expect("a folder that can be made");
    let only = arguments.next();
    let sheets: [Print; 9] = [
        ("gaits", gaits),
        ("facings", facings),
        ("acts", acts),
        ("sizes", sizes),
        ("large", large),
        ("beasts", beasts),
        ("things", things),
        ("palette", palette),
        ("trains", trains),
    ];
    for (name, print) in sheets {
        if only.as_deref().is_none_or(|only| only == name) {
            print(folder);
        }
    }
    for tall in [65.0, 130.0, 260.0] {
        time(Woman, Action::Walk, tall);
    }
}
