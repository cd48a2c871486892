//! A harbor: far hills, a town on the shore, moored boats, mist, and a wooden quay under whoever
//! walks there.

use crate::program::Exclusion;
use crate::stage::bitmap::Bitmap;
use crate::stage::card::{Card, Motion};
use crate::stage::city::{Row, standing};
use crate::stage::color::Rgb;
use crate::stage::lamps::Lamp;
use crate::stage::noise::Rng;
use crate::stage::scene::Scene;
use crate::stage::terrain::{GROUND_Z, Ridge, ridge};
use crate::stage::water::{reflection, sea};

/// Adds the layers of the harbor.
pub fn build(scene: &mut Scene) {
    sea(scene, Rgb::hex(0x35_60_6E), 0.3);
    hills(scene);
    town(scene);
    if !scene.without(Exclusion::Boats) {
        moorings(scene);
    }
    if let Some((_, farthest)) = scene.land {
        quay(scene, farthest * 1.22);
    }
}

fn hills(scene: &mut Scene) {
    for (z, rise, swing, swells, pigment) in [
        (5200.0, 28.0, 16.0, 3, 0x7A_8C_A0),
        (2400.0, 14.0, 9.0, 4, 0x5F_74_80),
    ] {
        let shape = Ridge {
            z,
            rise,
            swing,
            swells,
            roughness: 0.35,
            pigment: Rgb::hex(pigment),
            foot_mist: 0.6,
        };
        let card = ridge(scene, &shape, 2.0).ending();
        mirror(scene, &card, scene.view.horizon + 1.0, 0.4);
        scene.card(card);
    }
}

/// Adds the reflection of a far card, lying on the water.
fn mirror(scene: &mut Scene, card: &Card, foot: f32, strength: f32) {
    let mut mirrored = reflection(scene, card, foot, strength);
    mirrored.z = mirrored.z.min(GROUND_Z - 2.0);
    scene.card(mirrored);
}

/// Low houses and sheds along the far shore, with lamps on the water.
fn town(scene: &mut Scene) {
    let z = 620.0;
    let shore = scene.view.ground_row(z);
    let base = (shore - scene.view.horizon) / scene.view.unit;
    let row = Row {
        z,
        heights: (7.0, 21.0),
        widths: (16.0, 40.0),
        base,
        pigment: Rgb::hex(0x8A_74_68),
        lit: 0.5,
    };
    let card = standing(scene, &row);
    mirror(scene, &card, shore, 0.5);
    scene.card(card);
    if scene.look.lamp_glow < 0.2 {
        return;
    }
    let mut rng = Rng::new(scene.program.seed, 0x1A3B);
    for i in 0..7 {
        let u = (i as f32 + rng.range(0.1, 0.9)) / 7.0 * scene.view.width;
        let color = [0xFF_C4_6A, 0xFF_A6_4E, 0xFF_DD_9A][rng.below(3)];
        let halo = rng.range(9.0, 14.0);
        let lamp = Lamp {
            at: (u, shore - scene.px(5.0)),
            z: z - 1.0,
            color: Rgb::hex(color),
            halo: scene.px(halo),
            strength: scene.look.lamp_glow * 0.9,
            core: 0.8,
            streak: Some((shore, 0.55 * scene.look.lamp_glow)),
            seed: scene.program.seed ^ i,
        };
        scene.live(lamp);
    }
}

/// Boats at rest, bobbing: hull, mast and furled sail.
fn moorings(scene: &mut Scene) {
    let mut rng = Rng::new(scene.program.seed, 0xB0A7);
    let hulls = [0x5A_4A_44, 0x3F_55_60, 0x6E_3F_38, 0x47_50_6A];
    for i in 0..5 {
        let z = [320.0f32, 210.0, 150.0, 260.0, 120.0][i].max(scene.view.subject_z * 1.6 + 30.0);
        let foot = scene.view.ground_row(z);
        let tall = scene.px(rng.range(30.0, 46.0)) * (150.0 / z).powf(0.35);
        let u = scene.view.width * (0.06 + 0.2 * i as f32 + rng.range(0.0, 0.14));
        let color = scene.look.paint(Rgb::hex(hulls[rng.below(4)]), 0.45, z);
        let sail = scene.look.paint(Rgb::hex(0xD8_D0_C0), 0.6, z);
        let mut bitmap = Bitmap::new((tall * 0.9) as usize, (tall * 1.1) as usize);
        boat(&mut bitmap, tall, color, sail, rng.chance(0.5));
        bitmap.blur(scene.defocus(z), false);
        let bob = Motion::Bob(scene.px(1.1), rng.unit());
        let card = Card::single(bitmap, (u, foot - tall * 1.03), z);
        let mut mirrored = reflection(scene, &card, foot, 0.5);
        mirrored.z = z + 0.5;
        scene.card(mirrored);
        scene.card(card.moving(bob));
    }
}

fn boat(bitmap: &mut Bitmap, tall: f32, hull: Rgb, sail: Rgb, hoisted: bool) {
    let (w, base) = (tall * 0.9, tall * 1.05);
    let deck = base - tall * 0.15;
    let thick = (tall * 0.022).max(0.9);
    let mast = w * 0.47;
    let wood = hull.scale(0.8);
    bitmap.rect(mast - thick, base - tall, mast + thick, deck, wood, 1.0);
    if hoisted {
        let (top, boom) = (base - tall * 0.96, deck - tall * 0.07);
        let (fore, aft) = (mast - thick, mast + thick);
        bitmap.polygon(&[(aft, top), (aft, boom), (w * 0.86, boom)], sail, 1.0);
        let jib = [(fore, top + tall * 0.1), (fore, boom), (w * 0.14, deck)];
        bitmap.polygon(&jib, sail.scale(0.88), 1.0);
    } else {
        let (high, low) = (deck - tall * 0.12, deck - tall * 0.07);
        bitmap.rect(mast, high, w * 0.84, low, sail, 1.0);
    }
    let sheer = [
        (w * 0.04, deck),
        (w * 0.97, deck - tall * 0.02),
        (w * 0.84, base),
        (w * 0.16, base),
    ];
    bitmap.polygon(&sheer, hull, 1.0);
    let stripe = deck + tall * 0.03;
    bitmap.rect(w * 0.08, deck, w * 0.94, stripe, sail.mix(hull, 0.4), 0.9);
}

/// The quay: planks from just behind the subject to beneath the frame, posts at its far edge.
fn quay(scene: &mut Scene, edge_z: f32) {
    let view = scene.view;
    let edge = view.ground_row(edge_z);
    let mut bitmap = scene.strip((view.height * 1.5 - edge).max(8.0));
    let light = scene.look.paint(Rgb::hex(0x9A_7A_5E), 0.75, view.subject_z);
    let dark = scene.look.paint(Rgb::hex(0x6A_4E_3E), 0.45, view.subject_z);
    for y in 0..bitmap.height {
        let share = y as f32 / bitmap.height as f32;
        let pixel = light.mix(dark, (share * 1.6).min(1.0)).pixel(1.0);
        bitmap.row_mut(y).fill(pixel);
    }
    planks(scene, &mut bitmap, edge, dark);
    let trim = scene.px(2.0);
    let width = bitmap.width as f32;
    bitmap.rect(0.0, 0.0, width, trim, light.mix(scene.look.sun, 0.35), 0.8);
    let mut card = Card::periodic(bitmap, edge, edge_z + 0.02).on_ground();
    card.left = -view.width * 0.3;
    scene.card(card);
    posts(scene, edge_z, edge, dark);
}

/// Gaps between planks lie across the view; every plank has its own shade.
fn planks(scene: &mut Scene, bitmap: &mut Bitmap, edge: f32, dark: Rgb) {
    let view = scene.view;
    let width = bitmap.width as f32;
    let gap = dark.scale(0.55);
    let mut row = 0.0;
    let mut z = view.ground_z(edge);
    while row < bitmap.height as f32 && z > 0.2 {
        // Planks get deeper as they come near, but never finer than a codec holds.
        z = view.ground_z((edge + row + scene.px(6.0)).max(view.ground_row(z * 0.91)));
        let next = view.ground_row(z) - edge;
        let mut x = scene.rng.range(0.0, 0.2) * width;
        let end = x + width;
        while x < end - 1.0 {
            let long = (width * scene.rng.range(0.18, 0.4)).min(end - x);
            let tint = scene.rng.range(-0.16, 0.10);
            let color = if tint < 0.0 { gap } else { scene.look.sun };
            bitmap.rect(x, row, x + long, next, color, tint.abs());
            bitmap.rect(x + long - scene.px(1.4), row, x + long, next, gap, 0.5);
            x += long;
        }
        bitmap.rect(0.0, next - scene.px(1.5), width, next, gap, 0.75);
        row = next;
    }
}

fn posts(scene: &mut Scene, z: f32, edge: f32, dark: Rgb) {
    let tall = (0.95 * scene.view.per_meter(z)).max(scene.px(12.0));
    let half = tall * 0.11;
    let mut bitmap = scene.strip(tall * 1.3);
    let width = bitmap.width as f32;
    let count = (width / (tall * 3.4)).round().clamp(2.0, 9.0) as usize;
    let post = dark.scale(0.72);
    let side = if scene.look.sun_at.0 < scene.view.width * 0.5 {
        -1.0
    } else {
        1.0
    };
    for i in 0..count {
        let x = (i as f32 + 0.5) / count as f32 * width;
        bitmap.rect(x - half, tall * 0.12, x + half, tall * 1.22, post, 1.0);
        let lit = x + side * half * 0.6;
        bitmap.rect(
            lit - half * 0.3,
            tall * 0.12,
            lit + half * 0.3,
            tall * 1.2,
            scene.look.sun,
            0.22,
        );
        bitmap.blob(
            (x, tall * 0.12),
            (half * 1.25, half * 0.5),
            0.8,
            (post.scale(1.25), 1.0),
        );
    }
    bitmap.blur(scene.defocus(z), true);
    let mut card = Card::periodic(bitmap, edge - tall * 1.08, z).ending();
    card.left = scene.rng.range(0.0, width);
    scene.card(card);
}
