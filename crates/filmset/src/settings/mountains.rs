//! Mountains: ridge behind ridge in ever more air, snow on the peaks, a meadow with firs.

use super::peaks::{Range, peaks};
use super::trees::{Foliage, conifer, leafy, sun_side};
use crate::program::{Exclusion, Shot, SubjectKind, Weather};
use crate::stage::actor::{Actor, Floor};
use crate::stage::air::{Bank, bank_card};
use crate::stage::bitmap::Bitmap;
use crate::stage::card::{Card, Motion};
use crate::stage::color::{Rgb, smoothstep};
use crate::stage::noise::Rng;
use crate::stage::scene::Scene;
use crate::stage::terrain::{Ridge, ground, plain_rows, ridge, settle};

/// Adds the layers of the mountains.
pub fn build(scene: &mut Scene) {
    let autumn = scene.rng.chance(0.4);
    let wood = if autumn { 0x008A_6A3A } else { 0x003E_6A4C };
    ranges(scene, wood);
    let program = scene.program;
    let train = program
        .subjects
        .iter()
        .position(|s| s.kind == SubjectKind::Train);
    let train = train.and_then(|i| Actor::cast(program, &scene.view, i, Floor::None).pop());
    meadow(scene, train.as_ref());
    match &train {
        Some(train) => viaduct(scene, train),
        None => hills(scene),
    }
    if !scene.without(Exclusion::Trees) {
        groves(scene, autumn, train.is_some());
    }
}

/// The ranges, farthest first, with air between them.
fn ranges(scene: &mut Scene, wood: u32) {
    let ranges = [
        Range {
            z: 4300.0,
            heights: (70.0, 142.0),
            peaks: 5,
            slope: 0.95,
            snow_line: 0.42,
            pigment: 0x006E_7CA0,
            firs: 0.0,
        },
        Range {
            z: 2700.0,
            heights: (44.0, 100.0),
            peaks: 6,
            slope: 0.85,
            snow_line: 0.62,
            pigment: 0x0062_708C,
            firs: 0.0,
        },
        Range {
            z: 1700.0,
            heights: (26.0, 66.0),
            peaks: 6,
            slope: 0.6,
            snow_line: 2.0,
            pigment: 0x0056_6C70,
            firs: 2.5,
        },
        Range {
            z: 1000.0,
            heights: (12.0, 40.0),
            peaks: 5,
            slope: 0.4,
            snow_line: 2.0,
            pigment: wood,
            firs: 5.0,
        },
    ];
    for range in &ranges {
        let card = peaks(scene, range);
        scene.card(card);
        if range.z > 1500.0 {
            let half = scene.px(20.0);
            let bank = Bank {
                z: range.z * 0.97,
                row: scene.px(-9.0),
                half,
                alpha: 0.5,
            };
            let card = bank_card(scene, &bank);
            scene.card(card);
        }
    }
}

/// The ground: a meadow with flowers, or below a train a wooded valley that sinks into mist.
fn meadow(scene: &mut Scene, train: Option<&Actor>) {
    let look = scene.look.clone();
    let winter = scene.program.weather == Weather::Snow;
    let green = Rgb::hex(if winter { 0x00E8_EEF6 } else { 0x007C_A24A });
    let deep = Rgb::hex(if winter { 0x00C4_D2E2 } else { 0x0044_6C48 });
    let mist = look.air.mix(look.horizon, 0.4);
    let view = scene.view;
    let mut card = ground(scene, |z, share| match train {
        Some(train) => {
            let veil = 0.25 + smoothstep(train.z * 0.35, train.z * 0.95, z) * 0.6;
            look.paint(deep, 0.55, z).mix(mist, veil)
        }
        None => look
            .paint(green, 0.9 - 0.3 * share, z)
            .mix(mist, 0.45 * smoothstep(0.14, 0.0, share)),
    });
    let plain = plain_rows(&card);
    let (w, h) = (card.bitmap.width as f32, card.bitmap.height as f32);
    let (light, dark) = (
        look.paint(green.mix(Rgb::hex(0x00E8_E07C), 0.35), 1.0, view.subject_z),
        look.paint(green.scale(0.75), 0.45, view.subject_z),
    );
    for i in 0..44 {
        let share = scene.rng.unit();
        let (x, y) = (scene.rng.unit() * w, share * h);
        let rx = scene.px(20.0 + 90.0 * share) * scene.rng.range(0.6, 1.2);
        let paint = if i % 2 == 0 {
            (light, 0.30)
        } else {
            (dark, 0.30)
        };
        card.bitmap.blob((x, y), (rx, rx * 0.13 + 1.5), 0.2, paint);
    }
    if train.is_none() && !winter {
        flowers(scene, &mut card.bitmap);
    }
    settle(&mut card, &plain);
    scene.card(card);
}

/// Low green hills between the meadow and the woods, and grass close to the camera.
fn hills(scene: &mut Scene) {
    let winter = scene.program.weather == Weather::Snow;
    for (z, rise, swing, green) in [
        (640.0, 9.0, 7.0, 0x006C_924C),
        (330.0, 3.0, 5.0, 0x0074_9C4A),
    ] {
        let shape = Ridge {
            z: scene.look.seen(z, 0.84),
            rise,
            swing,
            swells: 2,
            roughness: 0.3,
            pigment: Rgb::hex(if winter { 0x00DC_E4F0 } else { green }),
            foot_mist: 0.25,
        };
        let mut card = ridge(scene, &shape, 3.0).ending();
        card.z = z;
        scene.card(card);
    }
    let near = scene.land.map_or(scene.view.subject_z, |land| land.0);
    if !winter && scene.program.camera.shot != Shot::Close {
        grass(scene, near * 0.6);
    }
}

/// Blades and blossoms along the bottom of the frame, bent by the wind.
fn grass(scene: &mut Scene, z: f32) {
    let view = scene.view;
    let tall = scene.px(26.0);
    let mut bitmap = scene.strip(tall * 2.0);
    let width = bitmap.width as f32;
    let (dark, light) = (
        scene.look.paint(Rgb::hex(0x003C_642C), 0.35, z),
        scene.look.paint(Rgb::hex(0x008C_B44C), 0.8, z),
    );
    let petal = scene.look.paint(
        Rgb::hex([0x00FF_FFFF, 0x00FF_D84C, 0x00F4_86A0][scene.rng.below(3)]),
        0.95,
        z,
    );
    let count = (width / scene.px(4.2)) as usize;
    for i in 0..count {
        let x = (i as f32 + scene.rng.range(-0.8, 0.8)) / count as f32 * width;
        let (top, lean) = (
            tall * scene.rng.range(0.12, 0.75),
            scene.px(scene.rng.clone().range(-6.0, 6.0)),
        );
        let half = scene.px(1.5);
        let blade = [
            (x - half, tall * 1.3),
            (x + lean, top),
            (x + half, tall * 1.3),
        ];
        bitmap.polygon(&blade, dark.mix(light, scene.rng.unit()), 1.0);
        if scene.rng.chance(0.07) {
            bitmap.blob(
                (x + lean, top),
                (scene.px(2.8), scene.px(2.4)),
                0.7,
                (petal, 1.0),
            );
        }
    }
    let bottom = bitmap.height as f32;
    let turf = dark.mix(light, 0.45);
    bitmap.rect_gradient(0.0, tall * 0.72, width, bottom, (dark, 0.0), (turf, 1.0));
    bitmap.blur(scene.defocus(z).max(scene.px(0.6)), true);
    let wind = scene.program.wind;
    let motion = Motion::Sway {
        lean: wind * scene.px(0.5),
        gust: (wind * 0.9 + 0.8 * wind.signum()) * view.unit,
        speed: wind * 12.0 * view.unit,
        seed: scene.program.seed ^ 0x6A55,
    };
    scene.card(Card::periodic(bitmap, view.height - tall * 0.92, z).moving(motion));
}

fn flowers(scene: &mut Scene, bitmap: &mut Bitmap) {
    let (w, h) = (bitmap.width as f32, bitmap.height as f32);
    let focus = scene.view.subject_z;
    let kinds = [
        [0x00FF_FFFF, 0x00FF_DC50],
        [0x00FF_8A9A, 0x00FF_FFFF],
        [0x00B8_9AF0, 0x00FF_DC50],
        [0x00FF_DC50, 0x00FF_A040],
    ][scene.rng.below(4)];
    for _ in 0..26 {
        let share = scene.rng.range(0.12, 1.0);
        let (cx, cy) = (scene.rng.unit() * w, share * h);
        for _ in 0..3 + scene.rng.below(5) {
            let spread = scene.px(10.0 + 44.0 * share);
            let x = cx + scene.rng.range(-1.0, 1.0) * spread;
            let y = cy + scene.rng.range(-0.22, 0.22) * spread;
            let r = scene.px(1.3 + 1.7 * share);
            let color = scene
                .look
                .paint(Rgb::hex(kinds[scene.rng.below(2)]), 0.95, focus);
            bitmap.blob((x, y), (r, r * 0.8), 0.7, (color, 0.95));
        }
    }
}

/// A stone viaduct under the rails, its piers lost in the mist of the valley.
fn viaduct(scene: &mut Scene, train: &Actor) {
    let look = scene.look.clone();
    let z = train.z + 0.6;
    let m = scene.view.per_meter(train.z);
    let room = (scene.view.height - train.foot.1).max(3.0 * m);
    let deep = room * 2.4;
    let mut bitmap = scene.strip(deep);
    let (w, count) = (
        bitmap.width as f32,
        (bitmap.width as f32 / (room * 0.92)).round().max(2.0),
    );
    let span = w / count;
    let (pier, deck) = (span * 0.2, 1.25 * m);
    let stone = Rgb::hex(0x00B0_A08C);
    let (lit, dark) = (look.paint(stone, 0.85, z), look.paint(stone, 0.3, z));
    let mist = look.air.mix(look.horizon, 0.4);
    let rise = (span - pier) * 0.5;
    let side = sun_side(scene);
    for y in 0..bitmap.height {
        let row = y as f32;
        let veil = smoothstep(deck, room * 1.1, row) * 0.55;
        for x in 0..bitmap.width {
            let at = (x as f32 + 0.5).rem_euclid(span) - span * 0.5;
            let arch = row - deck;
            let half = if arch < 0.0 {
                0.0
            } else if arch < rise {
                (rise * rise - (rise - arch).powi(2)).sqrt()
            } else {
                rise
            };
            let cover = (at.abs() - half + 0.5).clamp(0.0, 1.0);
            if cover <= 0.0 {
                continue;
            }
            let inner = at.abs() - half < 1.1 * m && at * side < 0.0 && arch > 0.0;
            let joint = (row / (1.1 * m)).fract() < 0.12;
            let mut color = lit.mix(dark, if inner { 0.75 } else { 0.22 });
            if joint {
                color = color.mix(dark, 0.25);
            }
            if row > deck * 0.72 && row < deck * 0.95 {
                color = lit.mix(Rgb::hex(0x00FF_FFFF), 0.08);
            }
            bitmap.row_mut(y)[x] = color.mix(mist, veil).pixel(cover);
        }
    }
    bitmap.blur(scene.defocus(z), true);
    scene.card(Card::periodic(bitmap, train.foot.1 + 0.25 * m, z));
}

/// Groups of firs and leafy trees at several depths, never before a subject on the ground.
fn groves(scene: &mut Scene, autumn: bool, valley: bool) {
    let view = scene.view;
    let far = scene.land.map_or(view.subject_z, |land| land.1);
    for (tall, groups, each) in [(26.0, 5, 5), (48.0, 4, 3), (92.0, 2, 3)] {
        let tall = scene.px(tall);
        let z = (view.focal * 13.0 / tall).max(far * (2.6 - tall / scene.px(80.0)).max(1.25));
        if valley && z < view.subject_z * 1.2 {
            continue;
        }
        grove(scene, z, tall, (groups, each), autumn);
    }
    if valley {
        let z = view.subject_z * 0.62;
        let tall = (view.height - view.ground_row(view.subject_z)) * 0.34;
        bank_of_firs(scene, z, tall, autumn);
    }
}

fn grove(scene: &mut Scene, z: f32, tall: f32, (groups, each): (usize, usize), autumn: bool) {
    let foot = tall * 1.25;
    let mut bitmap = scene.strip(foot + scene.px(4.0));
    let width = bitmap.width as f32;
    let near = scene.look.seen(z, 0.86);
    let firs = Foliage::new(scene, (0x0024_4C40, 0x0064_9860), near);
    let leaves = if autumn {
        (0x00A2_4C20, 0x00F4_A240)
    } else {
        (0x0046_7434, 0x00A0_C858)
    };
    let leaves = Foliage::new(scene, leaves, near);
    for group in 0..groups {
        let middle = (group as f32 + scene.rng.range(0.1, 0.9)) / groups as f32 * width;
        for _ in 0..each.max(1) {
            let x = middle + scene.rng.range(-0.9, 0.9) * tall * 0.3 * each as f32;
            let height = tall * scene.rng.range(0.62, 1.15);
            let at = (x, foot + scene.rng.range(0.0, 3.0) * scene.view.unit);
            let shadow = scene.look.paint(Rgb::hex(0x0030_4034), 0.2, near);
            bitmap.blob(
                at,
                (height * 0.24, scene.px(1.2) + height * 0.02),
                0.3,
                (shadow, 0.5),
            );
            if scene.rng.chance(if autumn { 0.45 } else { 0.75 }) {
                conifer(&mut bitmap, &mut scene.rng, at, height, &firs);
            } else {
                leafy(&mut bitmap, &mut scene.rng, at, height * 0.8, &leaves);
            }
        }
    }
    bitmap.blur(scene.defocus(z), true);
    let mut card = Card::periodic(bitmap, scene.view.ground_row(z) - foot, z).ending();
    card.left = Rng::new(scene.program.seed, z.to_bits().into()).range(0.0, scene.view.width);
    scene.card(card);
}

/// The near side of a valley: tops of firs along the bottom of the frame.
fn bank_of_firs(scene: &mut Scene, z: f32, tall: f32, autumn: bool) {
    let view = scene.view;
    let mut bitmap = scene.strip(tall * 2.2);
    let width = bitmap.width as f32;
    let firs = Foliage::new(scene, (0x0018_3830, 0x004C_7C50), z);
    let warm = Foliage::new(scene, (0x008C_401C, 0x00E0_9038), z);
    let count = (width / (tall * 0.42)) as usize;
    for i in 0..count {
        let x = (i as f32 + scene.rng.range(0.1, 0.9)) / count as f32 * width;
        let top = tall * scene.rng.range(0.05, 0.75);
        let (at, height) = ((x, top + tall * 1.5), tall * 1.5);
        if autumn && scene.rng.chance(0.35) {
            leafy(&mut bitmap, &mut scene.rng, at, height * 0.9, &warm);
        } else {
            conifer(&mut bitmap, &mut scene.rng, at, height, &firs);
        }
    }
    let bottom = bitmap.height as f32;
    bitmap.rect_gradient(
        0.0,
        tall * 1.5,
        width,
        bottom,
        (firs.dark, 0.0),
        (firs.dark, 1.0),
    );
    bitmap.blur(scene.defocus(z), true);
    scene.card(Card::periodic(bitmap, view.height - tall, z));
}
