//! What subjects bring with them: rails, a rock, smoke, a beam of light, a flock.

use std::f32::consts::TAU;

use super::actor::{Actor, Floor};
use super::bitmap::Bitmap;
use super::camera::{Pose, View};
use super::card::Card;
use super::color::{Rgb, smoothstep};
use super::frame::Frame;
use super::look::Look;
use super::noise::{Loop, smooth_noise};
use super::scene::{Live, Scene};
use super::water::reflection;
use crate::cast;
use crate::program::{
    Action, Color, Direction, Exclusion, Pace, Place, Program, Shot, Subject, SubjectKind, Weather,
};

/// Adds the props of every actor, and the flock the program asks for.
pub fn bring(scene: &mut Scene, actors: &[Actor]) {
    for actor in actors {
        match actor.subject.kind {
            SubjectKind::Train => track(scene, actor),
            SubjectKind::Lighthouse => rock(scene, actor),
            _ => {}
        }
        let smokes = matches!(
            actor.subject.kind,
            SubjectKind::Train | SubjectKind::FishingBoat
        );
        if smokes && scene.program.smoke {
            smoke(scene, actor);
        }
        if actor.subject.action == Action::Sweep {
            beam(scene, actor);
        }
    }
    if scene.program.birds && !scene.without(Exclusion::Birds) {
        flock(scene);
    }
}

/// A low embankment with a rail, right across the picture at the train's depth.
fn track(scene: &mut Scene, actor: &Actor) {
    let m = scene.view.per_meter(actor.z);
    let (bed, rail) = ((1.1 * m).max(scene.px(4.0)), (0.22 * m).max(scene.px(1.2)));
    let mut bitmap = scene.strip(bed + rail);
    let width = bitmap.width as f32;
    let stone = scene.look.paint(Rgb::hex(0x8A_80_78), 0.55, actor.z);
    let dark = scene.look.paint(Rgb::hex(0x4C_45_40), 0.35, actor.z);
    let steel = scene.look.paint(Rgb::hex(0x6A_6C_72), 0.7, actor.z);
    bitmap.rect_gradient(0.0, rail, width, rail + bed, (stone, 1.0), (dark, 0.92));
    let gap = (1.3 * m).max(scene.px(6.0));
    for i in 0..(width / gap) as usize {
        let x = i as f32 * gap;
        bitmap.rect(
            x,
            rail,
            x + gap * 0.42,
            rail + rail * 0.9,
            dark.scale(0.7),
            1.0,
        );
    }
    bitmap.rect(0.0, 0.0, width, rail, steel, 1.0);
    bitmap.blur(scene.defocus(actor.z), true);
    let card = Card::periodic(bitmap, actor.foot.1 - rail * 0.4, actor.z + 0.3).ending();
    scene.card(card);
}

/// The islet a lighthouse stands on, mirrored in the water.
fn rock(scene: &mut Scene, actor: &Actor) {
    let m = scene.view.per_meter(actor.z);
    let (wide, tall) = (34.0 * m, 2.4 * m);
    let mut bitmap = Bitmap::new(wide as usize + 4, (tall * 1.7) as usize + 4);
    let top = scene.look.paint(Rgb::hex(0x7C_74_68), 0.75, actor.z);
    let dark = scene.look.paint(Rgb::hex(0x4A_45_3F), 0.35, actor.z);
    let line = Loop::new(&mut scene.rng, 4, 5, 0.8);
    let foot = bitmap.height as f32 - 2.0;
    let mut points = vec![(2.0, foot)];
    for i in 0..=40 {
        let s = i as f32 / 40.0;
        let dome = (1.0 - (2.0 * s - 1.0).powi(2)).powf(0.7);
        points.push((
            2.0 + wide * s,
            foot - tall * dome * (0.8 + 0.3 * line.at(s * 0.9)),
        ));
    }
    points.push((2.0 + wide, foot));
    bitmap.polygon(&points, dark, 1.0);
    let lit: Vec<(f32, f32)> = points
        .iter()
        .map(|&(x, y)| (x, y + (foot - y) * 0.1))
        .map(|(x, y)| (x, y.min(foot)))
        .collect();
    let cap: Vec<(f32, f32)> = lit
        .iter()
        .copied()
        .chain(
            lit.iter()
                .rev()
                .map(|&(x, y)| (x, (y + (foot - y) * 0.45).min(foot))),
        )
        .collect();
    bitmap.polygon(&cap, top, 0.8);
    bitmap.blur(scene.defocus(actor.z), false);
    let corner = (
        actor.foot.0 - wide * 0.5 - 2.0,
        actor.foot.1 - foot + 0.35 * m,
    );
    let card = Card::single(bitmap, corner, actor.z + 0.4);
    let mut mirrored = reflection(scene, &card, actor.foot.1 + 0.35 * m, 0.45);
    mirrored.z = actor.z + 0.6;
    scene.card(mirrored);
    scene.card(card);
}

/// Smoke that leaves a moving funnel and stays behind in the air.
struct Trail {
    actor: Actor,
    size: f32,
    rise: f32,
    wind: f32,
    paint: (Rgb, f32),
    seed: u64,
}

const TRAIL_SECONDS: f32 = 4.0;
const TRAIL_PUFFS: i64 = 26;

fn smoke(scene: &mut Scene, actor: &Actor) {
    let train = actor.subject.kind == SubjectKind::Train;
    let soot = if train {
        Rgb::hex(0xE4_E2_E0)
    } else {
        Rgb::hex(0xB4_B2_B4)
    };
    let color = scene
        .look
        .paint(soot, 0.75, actor.z)
        .mix(scene.look.horizon, 0.25);
    scene.live(Trail {
        actor: actor.clone(),
        size: if train { 0.85 } else { 0.4 },
        rise: if train { 1.5 } else { 1.0 },
        wind: scene.program.wind * 0.35,
        paint: (color, if train { 0.62 } else { 0.42 }),
        seed: scene.program.seed ^ 0x7AA1,
    });
}

impl Live for Trail {
    fn z(&self) -> f32 {
        self.actor.z - 0.02
    }

    fn draw(&self, view: &View, pose: &Pose, t: f32, frame: &mut Frame) {
        let every = TRAIL_SECONDS / TRAIL_PUFFS as f32;
        let newest = (t / every).floor() as i64;
        for i in (newest - TRAIL_PUFFS + 1)..=newest {
            let born = i as f32 * every;
            let (age, share) = (t - born, (t - born) / TRAIL_SECONDS);
            let spot = self.actor.spot(view, pose, born);
            let m = spot.per_meter;
            let (fx, fy) = match self.actor.subject.kind {
                SubjectKind::Train => cast::funnel(&self.actor.pose(born)),
                _ => (-0.5 * self.actor.pose(born).facing, 3.3),
            };
            let wander = smooth_noise(self.seed, i as f32 * 0.6 + age * 0.6);
            let x = spot.foot.0 + (fx + self.wind * age + wander * 0.9 * share) * m;
            let y = spot.foot.1 - (fy + self.rise * age * (1.0 - 0.3 * share)) * m;
            let radius = self.size * (0.5 + 2.8 * share) * m;
            let alpha = self.paint.1 * (share * 14.0).min(1.0) * (1.0 - share).powf(1.2);
            frame.puff((x, y), (radius * 1.2, radius), (self.paint.0, alpha), false);
        }
    }
}

/// The turning beam of a lighthouse.
struct Beam {
    actor: Actor,
    turn_seconds: f32,
    color: Rgb,
    strength: f32,
    sign: f32,
}

fn beam(scene: &mut Scene, actor: &Actor) {
    let strength = match scene.program.weather {
        Weather::Fog => 0.9,
        Weather::Rain | Weather::Snow => 0.75,
        _ => 0.6,
    };
    scene.live(Beam {
        actor: actor.clone(),
        turn_seconds: match actor.subject.pace {
            Pace::Slow => 6.0,
            Pace::Normal => 4.0,
            Pace::Fast => 2.5,
        },
        color: Rgb::hex(0xFF_F2_C8),
        strength,
        sign: if actor.subject.direction == Direction::Left {
            -1.0
        } else {
            1.0
        },
    });
}

impl Live for Beam {
    fn z(&self) -> f32 {
        self.actor.z - 0.03
    }

    fn draw(&self, view: &View, pose: &Pose, t: f32, frame: &mut Frame) {
        let spot = self.actor.spot(view, pose, t);
        let m = spot.per_meter;
        let lamp = (
            spot.foot.0 + cast::LAMP.0 * m,
            spot.foot.1 - cast::LAMP.1 * m,
        );
        // It begins pointing to one side, then comes toward the viewer.
        let angle = TAU * t / self.turn_seconds;
        let (across, toward) = (self.sign * angle.cos(), angle.sin());
        let long = view.width * 0.85;
        for (way, share) in [(1.0, 1.0), (-1.0, 0.45)] {
            let reach = across * way * long * (0.35 + 0.65 * across.abs());
            let dip = toward * way * long * 0.05;
            let wide = view.unit * (10.0 + 26.0 * (0.6 + 0.4 * toward * way));
            let alpha = self.strength * share * smoothstep(0.02, 0.25, across.abs());
            let end = (lamp.0 + reach, lamp.1 + dip);
            frame.wedge(lamp, end, (view.unit * 2.0, wide), (self.color, alpha));
        }
        let flash = smoothstep(0.55, 1.0, toward);
        let halo = view.unit * (16.0 + 90.0 * flash);
        frame.puff(lamp, (halo, halo), (self.color, 0.35 + 0.4 * flash), true);
        let core = view.unit * (4.0 + 6.0 * flash);
        frame.puff(lamp, (core, core), (Rgb::hex(0xFF_FD_F0), 0.95), true);
    }
}

/// Birds far off in the sky, on their way.
struct Flock {
    actor: Actor,
    look: Look,
}

fn flock(scene: &mut Scene) {
    let program = scene.program;
    let right = scene.rng.chance(0.5);
    let subject = Subject {
        kind: SubjectKind::Birds,
        color: if scene.look.is_night() {
            Color::Grey
        } else {
            Color::Black
        },
        garment: None,
        headwear: None,
        scarf: None,
        action: Action::Fly,
        direction: if right {
            Direction::Right
        } else {
            Direction::Left
        },
        pace: Pace::Normal,
        speed: 7.0,
        place: if right { Place::Left } else { Place::Right },
        count: 1,
        event: None,
    };
    let mut camera = program.camera;
    camera.shot = Shot::Wide;
    let alone = Program {
        subjects: vec![subject],
        camera,
        ..program.clone()
    };
    let mut view = scene.view;
    view.subject_z = view.focal * 4.2 / (view.height * 0.17);
    for mut actor in Actor::cast(&alone, &view, 0, Floor::None) {
        let sky = scene.view.horizon.max(view.height * 0.3);
        actor.foot.1 = sky * scene.rng.range(0.30, 0.62);
        let look = scene.look.clone();
        scene.live(Flock { actor, look });
    }
}

impl Live for Flock {
    fn z(&self) -> f32 {
        // Behind towers and hills would hide it: it flies this side of them, but is drawn small.
        self.actor.z
    }

    fn draw(&self, view: &View, pose: &Pose, t: f32, frame: &mut Frame) {
        self.actor.draw((view, &self.look), pose, t, frame, false);
    }
}
