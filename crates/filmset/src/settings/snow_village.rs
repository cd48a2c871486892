//! A village in the snow: steep white roofs, lit windows, a church, firs.

use super::houses::{Built, Kit, church, house};
use super::trees::{Foliage, conifer, sun_side};
use crate::program::{Exclusion, Place, SubjectKind};
use crate::stage::bitmap::Bitmap;
use crate::stage::card::Card;
use crate::stage::color::{Rgb, smoothstep};
use crate::stage::lamps::Lamp;
use crate::stage::noise::Loop;
use crate::stage::particles::Smoke;
use crate::stage::scene::Scene;
use crate::stage::terrain::{Ridge, ground, plain_rows, ridge, settle};

/// One snowy slope with what stands on it.
struct Slope {
    z: f32,
    /// Height of a house, pixels.
    tall: f32,
    /// Mean rise of its outline above the level ground, pixels.
    rise: f32,
    /// Houses over one period.
    houses: usize,
    church: bool,
    /// Firs over one period.
    firs: usize,
}

/// Adds the layers of the village.
pub fn build(scene: &mut Scene) {
    for (z, rise, swing, pigment) in [
        (3600.0, 58.0, 24.0, 0x00C8_D4E8),
        (1900.0, 30.0, 12.0, 0x00B0_C2DC),
    ] {
        let shape = Ridge {
            z: scene.look.seen(z, 0.84),
            rise,
            swing,
            swells: 3,
            roughness: 0.55,
            pigment: Rgb::hex(pigment),
            foot_mist: 0.5,
        };
        let mut card = ridge(scene, &shape, 20.0);
        card.z = z; // however near it was painted, it stands behind the village
        scene.card(card);
    }
    snowfield(scene);
    let far = scene.land.map_or(scene.view.subject_z, |land| land.1);
    let train = scene
        .program
        .subjects
        .iter()
        .any(|s| s.kind == SubjectKind::Train);
    let church_row = scene.rng.below(2);
    for (i, (tall, rise, houses, firs)) in
        [(34.0, 15.0, 5, 16), (62.0, 9.0, 4, 9), (112.0, 2.0, 2, 3)]
            .into_iter()
            .enumerate()
    {
        let tall = scene.px(tall);
        let z = (scene.view.focal * 8.5 / tall).max(far * [2.6, 1.7, 1.22][i]);
        if i == 2 && (train || z > far * 1.23) {
            continue; // no room for houses this near behind the subject
        }
        let rise = scene.px(rise);
        slope(
            scene,
            &Slope {
                z,
                tall,
                rise,
                houses,
                church: i == church_row,
                firs,
            },
        );
    }
}

/// Level snow with long blue hollows and, in front, the tracks of a sledge.
fn snowfield(scene: &mut Scene) {
    let look = scene.look.clone();
    let (white, blue) = (Rgb::hex(0x00FA_FBFF), Rgb::hex(0x00AE_C0E2));
    let mut card = ground(scene, |z, share| {
        look.paint(white.mix(blue, 0.28 * share), 0.85, z)
    });
    let plain = plain_rows(&card);
    let z = scene.view.subject_z;
    let (light, dark) = (look.paint(white, 1.0, z), look.paint(blue, 0.55, z));
    let (w, h) = (card.bitmap.width as f32, card.bitmap.height as f32);
    for i in 0..46 {
        let share = scene.rng.unit().powf(0.8);
        let (x, y) = (scene.rng.unit() * w, share * h);
        let rx = scene.px(24.0 + 110.0 * share) * scene.rng.range(0.6, 1.2);
        let paint = if i % 2 == 0 {
            (light, 0.6)
        } else {
            (dark, 0.42)
        };
        card.bitmap.blob((x, y), (rx, rx * 0.12 + 1.5), 0.15, paint);
    }
    let (start, bend) = (scene.rng.range(0.25, 0.75), scene.rng.range(0.4, 1.4));
    for s in [-0.55, 0.55] {
        tracks(scene, &mut card.bitmap, (start, bend, s), dark);
    }
    settle(&mut card, &plain);
    scene.card(card);
}

/// One groove of a sledge track that winds toward the village.
fn tracks(scene: &Scene, bitmap: &mut Bitmap, (start, bend, side): (f32, f32, f32), dark: Rgb) {
    let view = scene.view;
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for i in 1..=30 {
        let y = bitmap.height as f32 * (i as f32 / 30.0).powf(1.7);
        let m = view.per_meter(view.ground_z(view.horizon + y));
        let x = start * view.width + (bend * (y / view.height * 6.0).sin() + side) * m;
        left.push((x - 0.1 * m, y));
        right.push((x + 0.1 * m, y));
    }
    left.extend(right.into_iter().rev());
    bitmap.polygon(&left, dark, 0.7);
}

/// A slope of snow with houses, firs, perhaps the church; smoke and window light included.
fn slope(scene: &mut Scene, slope: &Slope) {
    let view = scene.view;
    let base_row = view.ground_row(slope.z);
    let swing = slope.rise * 0.55;
    let head = slope.tall * if slope.church { 2.3 } else { 1.45 };
    let crest = head + slope.rise + swing;
    let below = (view.ground_row(slope.z * 0.82) - base_row).clamp(scene.px(5.0), scene.px(40.0));
    let mut bitmap = scene.strip(crest + below);
    let line = Loop::new(&mut scene.rng, 2, 4, 0.35);
    let width = bitmap.width as f32;
    let outline = |x: f32| crest - slope.rise - swing * line.at((x / width).rem_euclid(1.0));
    let kit = Kit::new(scene, scene.look.seen(slope.z, 0.66));
    let mut left = scene.rng.range(-0.2, 0.0) * view.width;
    let mut built = Vec::new();
    let firs = !scene.without(Exclusion::Trees);
    if firs {
        plant(scene, &mut bitmap, slope, &outline, slope.firs);
    }
    let middle = scene.rng.below(slope.houses);
    for i in 0..slope.houses {
        let x = (i as f32 + scene.rng.range(0.3, 0.7)) / slope.houses as f32 * width;
        let at = (x, outline(x) + slope.tall * 0.10);
        if slope.church && i == middle {
            built.push(church(
                &mut bitmap,
                &mut scene.rng,
                at,
                slope.tall * 1.05,
                &kit,
            ));
            left = church_column(scene) - x;
        } else {
            let tall = slope.tall * scene.rng.range(0.8, 1.12);
            built.push(house(&mut bitmap, &mut scene.rng, at, tall, &kit));
        }
    }
    snow(scene, &mut bitmap, slope, &outline, below);
    for house in &built {
        pool(&mut bitmap, house, slope.tall, &kit);
    }
    if firs {
        plant(
            scene,
            &mut bitmap,
            slope,
            &|x| outline(x) + slope.tall * 0.16,
            slope.firs / 3,
        );
    }
    bitmap.blur(scene.defocus(slope.z), true);
    let mut card = Card::periodic(bitmap, base_row - crest, slope.z).ending();
    card.left = left;
    let corner = (left, base_row - crest);
    scene.card(card);
    smoke_and_lamps(scene, slope, &built, corner, width);
}

/// Column of the frame where the church stands: beside the main subject.
fn church_column(scene: &mut Scene) -> f32 {
    let place = scene.program.subjects.first().map(|s| s.place);
    let share = match place {
        Some(Place::Left) => 0.72,
        Some(Place::Right) => 0.28,
        _ if scene.rng.chance(0.5) => 0.24,
        _ => 0.76,
    };
    (share + scene.rng.range(-0.06, 0.06)) * scene.view.width
}

/// Fills below the outline with snow: bright on the crest, blue in the hollows, clear at the foot.
fn snow(
    scene: &Scene,
    bitmap: &mut Bitmap,
    slope: &Slope,
    outline: &impl Fn(f32) -> f32,
    below: f32,
) {
    let look = &scene.look;
    let z = scene.look.seen(slope.z, 0.74);
    let (white, blue) = (
        look.paint(Rgb::hex(0x00FA_FBFF), 0.95, z),
        look.paint(Rgb::hex(0x00B4_C6E6), 0.6, z),
    );
    let side = sun_side(scene);
    let end = bitmap.height as f32;
    for x in 0..bitmap.width {
        let top = outline(x as f32) + slope.tall * 0.08;
        let facing = ((outline(x as f32 + 6.0) - outline(x as f32 - 6.0)) / 12.0 * -side * 3.0)
            .clamp(-1.0, 1.0);
        for y in top.floor().max(0.0) as usize..bitmap.height {
            let down = (y as f32 - top) / (slope.rise * 1.4 + below);
            let shade = (0.12 + 0.5 * down - 0.25 * facing).clamp(0.0, 0.85);
            let fade = smoothstep(end, end - below * 0.9, y as f32 + 0.5);
            let cover = (y as f32 + 1.0 - top).clamp(0.0, 1.0) * fade;
            let pixel = &mut bitmap.pixels[y * bitmap.width + x];
            *pixel = crate::stage::bitmap::over(white.mix(blue, shade).pixel(cover), *pixel);
        }
    }
}

/// Warm light that falls from the windows onto the snow before a house.
fn pool(bitmap: &mut Bitmap, house: &Built, tall: f32, kit: &Kit) {
    if kit.glow > 0.2 && house.lit {
        let at = (house.door.0, house.door.1 + tall * 0.05);
        bitmap.blob(
            at,
            (tall * 0.75, tall * 0.16),
            0.0,
            (kit.lamp, 0.42 * kit.glow),
        );
    }
}

fn plant(
    scene: &mut Scene,
    bitmap: &mut Bitmap,
    slope: &Slope,
    outline: &impl Fn(f32) -> f32,
    count: usize,
) {
    let z = scene.look.seen(slope.z, 0.7);
    let mut tones = Foliage::new(scene, (0x002C_4C4A, 0x005A_8472), z);
    tones.snow.1 = 0.95;
    let width = bitmap.width as f32;
    let clumps = 2 + scene.rng.below(3);
    for i in 0..count {
        let clump = (i % clumps) as f32 + 0.5;
        let x = (clump / clumps as f32 + scene.rng.range(-0.13, 0.13)) * width;
        let height = slope.tall * scene.rng.range(0.7, 1.35);
        conifer(
            bitmap,
            &mut scene.rng,
            (x, outline(x) + slope.tall * 0.12),
            height,
            &tones,
        );
    }
}

/// Smoke from chimneys that stand within the first frame, and a lantern on the near rows.
fn smoke_and_lamps(
    scene: &mut Scene,
    slope: &Slope,
    built: &[Built],
    corner: (f32, f32),
    width: f32,
) {
    let view = scene.view;
    let inside = |x: f32| (x + corner.0).rem_euclid(width);
    let smoke = scene
        .look
        .paint(Rgb::hex(0x00D0_D4DE), 0.55, scene.look.seen(slope.z, 0.7))
        .mix(scene.look.horizon, 0.2);
    let shown = built
        .iter()
        .filter(|b| inside(b.door.0) < view.width * 1.05);
    for (i, house) in shown.clone().filter(|b| b.chimney.is_some()).enumerate() {
        let Some((x, y)) = house.chimney else {
            continue;
        };
        if !scene.program.smoke || i > 1 {
            break;
        }
        scene.live(Smoke {
            at: (inside(x), y + corner.1),
            z: slope.z - 0.05,
            size: slope.tall * 0.075,
            side: scene.program.wind * slope.tall * 0.055,
            rise: slope.tall * 0.20,
            paint: (smoke, 0.8),
            seed: scene.program.seed ^ (i as u64 + slope.houses as u64 * 7),
        });
    }
    if scene.look.lamp_glow < 0.2 {
        return;
    }
    let lit: Vec<(f32, f32)> = shown
        .filter(|b| b.lit)
        .map(|b| (inside(b.door.0), b.door.1 + corner.1))
        .collect();
    for (i, at) in lit.into_iter().enumerate().take(3) {
        scene.live(Lamp {
            at: (at.0, at.1 - slope.tall * 0.2),
            z: slope.z - 0.04,
            color: scene.look.lamp,
            halo: slope.tall * 1.1,
            strength: 0.34 * scene.look.lamp_glow,
            core: 0.0,
            streak: None,
            seed: scene.program.seed ^ i as u64,
        });
    }
}
