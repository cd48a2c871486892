//! A forest: rows of trunks and crowns that fade into the mist, under branches near the camera.

use super::canopy::{frame_branches, leaf_mass, shafts, sinks};
use super::trees::{Foliage, conifer, leafy, trunk, tuft};
use crate::program::{CameraMove, Weather};
use crate::stage::air::{Bank, bank_card};
use crate::stage::bitmap::Bitmap;
use crate::stage::card::Card;
use crate::stage::color::{Rgb, smoothstep};
use crate::stage::noise::Loop;
use crate::stage::scene::Scene;
use crate::stage::terrain::{ground, plain_rows, settle};

/// Height of the trees, metres.
const TALL: f32 = 18.0;

/// What grows here, by seed.
pub struct Wood {
    /// Share of conifers, 0 to 1.
    pub conifers: f32,
    /// Shade and light of the leafy trees.
    pub leaves: (u32, u32),
    /// Whether the leafy trees are birches.
    pub birch: bool,
    /// What lies in the air between the trees.
    pub mist: Rgb,
}

/// One row of trees.
#[derive(Clone, Copy)]
pub struct Row {
    /// Depth, metres.
    pub z: f32,
    /// Height of a tree, pixels.
    pub tall: f32,
    /// Amount of mist before it, 0 to 1.
    pub mist: f32,
    /// Trees a tree's height of row.
    pub dense: f32,
}

/// Adds the layers of the forest.
pub fn build(scene: &mut Scene) {
    let leaves = match scene.rng.below(5) {
        0 => (0x00A8_4E22, 0x00F0_9A3C),
        1 => (0x00A0_7A22, 0x00F2_CC54),
        2 => (0x0034_6A48, 0x007E_C06A),
        _ => (0x003E_6E30, 0x0096_C850),
    };
    let wood = Wood {
        conifers: [0.12, 0.5, 0.5, 0.85][scene.rng.below(4)],
        leaves,
        birch: scene.rng.chance(0.45),
        mist: scene.look.air.mix(scene.look.horizon, 0.5),
    };
    floor(scene, &wood);
    let view = scene.view;
    let (near, far) = scene.land.unwrap_or((view.subject_z, view.subject_z));
    rows(scene, &wood, far);
    let (half, z) = (scene.px(30.0), far.max(near * 1.2) * 3.4);
    let row = view.ground_row(z) - view.horizon - half * 0.3;
    let bank = Bank {
        z,
        row,
        half,
        alpha: 0.55,
    };
    let mist = bank_card(scene, &bank);
    scene.card(mist);
    shafts(scene, far * 1.6);
    let branches = near.min(view.subject_z) * 0.55;
    if sinks(scene, branches) < view.height * 0.25 {
        frame_branches(scene, &wood, branches);
    }
}

/// The rows of trees, all behind depth `far` where subjects stand.
fn rows(scene: &mut Scene, wood: &Wood, far: f32) {
    let (view, frame) = (scene.view, scene.px(320.0));
    for (share, mist, dense) in [(0.54, 0.55, 2.4), (1.02, 0.27, 1.3)] {
        let tall = frame * share;
        let z = (view.focal * TALL / tall).max(far * (1.8 - 0.55 * share));
        crowns(
            scene,
            wood,
            Row {
                z,
                tall,
                mist,
                dense,
            },
            share < 1.0,
        );
    }
    // A camera at rest sees all still rows as one picture; a moving one pays for each.
    let still = scene.program.camera.motion == CameraMove::Static;
    let rows: &[(f32, f32)] = if still {
        &[(2.3, 0.10), (4.4, 0.02)]
    } else {
        &[(3.3, 0.05)]
    };
    for &(share, mist) in rows {
        let z = view.focal * TALL / (frame * share);
        if z > far * 1.12 {
            trunks(
                scene,
                wood,
                Row {
                    z,
                    tall: frame * share,
                    mist,
                    dense: 3.4,
                },
            );
        }
    }
}

/// The tones of a row's conifers or leafy trees.
pub fn foliage(scene: &Scene, wood: &Wood, conifer: bool, row: &Row) -> Foliage {
    let pigment = if conifer {
        (0x0022_4A3C, 0x005C_9662)
    } else {
        wood.leaves
    };
    let mut tones = Foliage::new(scene, pigment, row.z).misty(wood.mist, row.mist);
    if !conifer && wood.birch {
        let look = &scene.look;
        tones.bark = look
            .paint(Rgb::hex(0x006A_6460), 0.4, row.z)
            .mix(wood.mist, row.mist);
        tones.bark_light = look
            .paint(Rgb::hex(0x00EA_E4DC), 0.9, row.z)
            .mix(wood.mist, row.mist);
    }
    tones
}

/// The ground: moss and fallen leaves, patches of light, a path that winds away.
fn floor(scene: &mut Scene, wood: &Wood) {
    let look = scene.look.clone();
    let snow = scene.program.weather == Weather::Snow;
    let pigment = if snow {
        Rgb::hex(0x00E6_ECF4)
    } else {
        Rgb::hex(wood.leaves.0).mix(Rgb::hex(0x005A_6A34), 0.6)
    };
    let mist = wood.mist;
    let focus = scene.view.subject_z;
    let veil = |z: f32| 0.62 * smoothstep(focus * 0.8, focus * 6.0, z);
    let mut card = ground(scene, |z, share| {
        look.paint(pigment, 0.75 - 0.35 * share, z)
            .mix(mist, veil(z))
    });
    let plain = plain_rows(&card);
    let view = scene.view;
    let light = look.paint(pigment.mix(Rgb::hex(0x00E8_D48C), 0.45), 1.0, focus);
    let dark = look.paint(pigment.scale(0.62), 0.3, focus);
    let path = look.paint(
        if snow {
            Rgb::hex(0x00C4_CEDC)
        } else {
            Rgb::hex(0x00C2_A478)
        },
        0.8,
        focus,
    );
    let (bend, start) = (
        scene.rng.range(-0.9, 0.9),
        scene.rng.range(0.3, 0.7) * view.width,
    );
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for i in 0..=24 {
        let y = card.bitmap.height as f32 * (i as f32 / 24.0).powf(1.6) + 1.0;
        let m = view.per_meter(view.ground_z(view.horizon + y));
        let x = start + (bend * (y / view.height * 7.0).sin()) * m * 1.2;
        left.push((x - m * 0.8, y));
        right.push((x + m * 0.8, y));
    }
    let outline: Vec<(f32, f32)> = left.into_iter().chain(right.into_iter().rev()).collect();
    card.bitmap.polygon(&outline, path, 0.55);
    for i in 0..70 {
        let share = scene.rng.unit().powf(1.4);
        let y = 4.0 + share * card.bitmap.height as f32;
        let x = scene.rng.unit() * card.bitmap.width as f32;
        let rx = scene.px(8.0 + 46.0 * share) * scene.rng.range(0.5, 1.2);
        let color = if i % 5 < 2 { light } else { dark };
        let veil = veil(view.ground_z(view.horizon + y));
        let paint = (color.mix(mist, veil), if i % 5 < 2 { 0.34 } else { 0.30 });
        card.bitmap.blob((x, y), (rx, rx * 0.16 + 1.0), 0.45, paint);
    }
    settle(&mut card, &plain);
    scene.card(card);
}

/// What closes the view behind the farthest row: a band of crowns gone almost wholly into the
/// mist.
fn thicket(scene: &mut Scene, bitmap: &mut Bitmap, wood: &Wood, row: &Row, foot: f32) {
    let leaf = Foliage::new(scene, wood.leaves, row.z)
        .misty(wood.mist, 0.72)
        .dark;
    let (width, size) = (bitmap.width as f32, row.tall * 0.10);
    let top = foot - row.tall * 0.30;
    let count = (width / (size * 0.9)) as usize;
    for i in 0..count {
        let x = (i as f32 + scene.rng.unit()) / count as f32 * width;
        let r = size * scene.rng.range(0.8, 1.9);
        bitmap.blob((x, top + size * 0.6), (r, r * 1.1), 0.9, (leaf, 1.0));
    }
    let bottom = bitmap.height as f32;
    bitmap.rect_gradient(
        0.0,
        top + size * 0.5,
        width,
        foot,
        (leaf, 1.0),
        (wood.mist, 1.0),
    );
    bitmap.rect_gradient(0.0, foot, width, bottom, (wood.mist, 1.0), (wood.mist, 0.0));
}

/// A row of whole trees with bushes at their feet.
fn crowns(scene: &mut Scene, wood: &Wood, row: Row, farthest: bool) {
    let view = scene.view;
    let foot = row.tall * 1.12;
    let under = scene.px(10.0) + row.tall * 0.05;
    let mut bitmap = scene.strip(foot + under);
    let width = bitmap.width as f32;
    let (needles, leaves) = (
        foliage(scene, wood, true, &row),
        foliage(scene, wood, false, &row),
    );
    if farthest {
        thicket(scene, &mut bitmap, wood, &row, foot);
    }
    let count = ((width / row.tall) * row.dense * 1.4).max(4.0) as usize;
    for i in 0..count {
        let x = (i as f32 + scene.rng.range(0.1, 0.9)) / count as f32 * width;
        let height = row.tall * scene.rng.range(0.68, 1.08);
        let at = (x, foot + scene.rng.range(-0.3, 0.3) * under);
        if scene.rng.chance(wood.conifers) {
            conifer(&mut bitmap, &mut scene.rng, at, height, &needles);
        } else {
            leafy(&mut bitmap, &mut scene.rng, at, height, &leaves);
        }
    }
    bushes(
        scene,
        &mut bitmap,
        (foot, under),
        if wood.conifers > 0.6 {
            &needles
        } else {
            &leaves
        },
    );
    bitmap.blur(scene.defocus(row.z), true);
    let mut card = Card::periodic(bitmap, view.ground_row(row.z) - foot, row.z).ending();
    card.left = scene.rng.range(0.0, view.width);
    scene.card(card);
}

/// Undergrowth along the foot of a row, `under` pixels deep.
fn bushes(scene: &mut Scene, bitmap: &mut Bitmap, (foot, under): (f32, f32), tones: &Foliage) {
    let width = bitmap.width as f32;
    let size = under * 0.75;
    let count = (width / (size * 1.5)) as usize;
    for i in 0..count {
        if scene.rng.chance(0.35) {
            continue;
        }
        let x = (i as f32 + scene.rng.unit()) / count as f32 * width;
        let s = size * scene.rng.range(0.5, 1.1);
        tuft(
            bitmap,
            &mut scene.rng,
            (x, foot + under - s * 0.8),
            s,
            tones,
        );
    }
}

/// A row of trunks that leave the frame, under a ceiling of leaves.
fn trunks(scene: &mut Scene, wood: &Wood, row: Row) {
    let view = scene.view;
    let m = view.per_meter(row.z);
    let back = scene.program.camera.motion == CameraMove::PullBack;
    let above = scene.px(if back { 160.0 } else { 56.0 });
    let ground = view.ground_row(row.z);
    let foot = ground + above;
    let mut bitmap = scene.strip(foot + 0.6 * m);
    let width = bitmap.width as f32;
    let (needles, leaves) = (
        foliage(scene, wood, true, &row),
        foliage(scene, wood, false, &row),
    );
    let count = (width / (m * row.dense * 1.6)).clamp(2.0, 9.0) as usize;
    let ceiling = Loop::new(&mut scene.rng, 2, 4, 0.6);
    let low = above + scene.px(34.0);
    for i in 0..count {
        let x = (i as f32 + scene.rng.range(0.15, 0.85)) / count as f32 * width;
        let wide = m * scene.rng.range(0.36, 0.62);
        let dark = scene.rng.chance(wood.conifers);
        let tones = if dark { &needles } else { &leaves };
        let at = (x, foot + scene.rng.range(0.0, 0.2) * m);
        trunk(
            &mut bitmap,
            &mut scene.rng,
            at,
            wide,
            tones,
            !dark && wood.birch,
        );
        let s = m * scene.rng.range(0.3, 0.6);
        tuft(
            &mut bitmap,
            &mut scene.rng,
            (x + wide, foot - s * 0.2),
            s,
            tones,
        );
    }
    let tones = if wood.conifers > 0.6 {
        &needles
    } else {
        &leaves
    };
    let size = (m * 0.55).clamp(scene.px(13.0), scene.px(34.0));
    if sinks(scene, row.z) < view.height * 0.3 {
        let swing = scene.px(40.0);
        let hem = |turn: f32| low + swing * ceiling.at(turn);
        leaf_mass(&mut scene.rng, &mut bitmap, size, hem, tones);
    }
    bitmap.blur(scene.defocus(row.z), true);
    let mut card = Card::periodic(bitmap, -above, row.z).ending().rising();
    card.left = scene.rng.range(0.0, view.width);
    scene.card(card);
}
