//! A city street: towers behind, a row of shops with flats above, lamps along the pavement, and a
//! road that mirrors it all when wet.

use super::facades::facades;
use crate::program::{Exclusion, Weather};
use crate::stage::bitmap::Bitmap;
use crate::stage::card::Card;
use crate::stage::city::{Row, standing};
use crate::stage::color::Rgb;
use crate::stage::lamps::Lamp;
use crate::stage::noise::Rng;
use crate::stage::scene::Scene;
use crate::stage::terrain::{ground, leafy_tree};

const NEONS: [u32; 5] = [0xFF_4F_A0, 0x36_D6_F0, 0xFF_B2_3C, 0x7C_F0_8A, 0xB0_74_FF];

/// Adds the layers of the street.
pub fn build(scene: &mut Scene) {
    let farthest = scene.land.map_or(scene.view.subject_z, |(_, far)| far);
    let wet = scene.program.weather == Weather::Rain;
    let facade_z = farthest * 3.1;
    road(scene, wet);
    let behind = Row {
        z: facade_z.max(60.0) * 4.0,
        heights: (92.0, 176.0),
        widths: (40.0, 72.0),
        base: 4.0,
        pigment: Rgb::hex(0x7C_80_96),
        lit: 0.5,
    };
    let card = standing(scene, &behind);
    scene.card(card);
    let neons = facades(scene, facade_z, wet);
    if scene.look.lamp_glow > 0.4 {
        signs(scene, facade_z, &neons, wet);
    }
    lamp_posts(scene, farthest * 1.7, wet);
    if !scene.without(Exclusion::Trees) {
        trees(scene, farthest * 2.2);
    }
}

/// Asphalt with a lane line, a kerb, and the pavement where people walk.
fn road(scene: &mut Scene, wet: bool) {
    let look = scene.look.clone();
    let view = scene.view;
    let kerb = view.ground_row(scene.land.map_or(view.subject_z, |(near, _)| near) * 0.86);
    let stone = Rgb::hex(0xA8_A2_9C);
    let asphalt = Rgb::hex(0x5C_5E_68);
    let mirror = look.horizon.mix(look.middle, 0.5);
    let mut card = ground(scene, |z, _| {
        let pavement = view.ground_row(z) < kerb;
        let base = look.paint(if pavement { stone } else { asphalt }, 0.6, z);
        if wet {
            base.scale(0.72).mix(mirror, 0.22)
        } else {
            base
        }
    });
    let edge = kerb - card.top;
    let width = card.bitmap.width as f32;
    let dark = look.paint(Rgb::hex(0x3E_3E_46), 0.3, view.subject_z);
    let light = look.paint(Rgb::hex(0xD8_D2_C8), 0.8, view.subject_z);
    card.bitmap
        .rect(0.0, edge, width, edge + scene.px(4.5), light, 0.9);
    card.bitmap.rect(
        0.0,
        edge + scene.px(4.5),
        width,
        edge + scene.px(9.0),
        dark,
        0.8,
    );
    tiles(scene, &mut card.bitmap, edge, dark);
    let lane = view.ground_row(view.ground_z(kerb) * 0.72) - card.top;
    let thick = scene.px(5.0);
    for i in 0..6 {
        let x = (i as f32 + 0.2) / 6.0 * width;
        card.bitmap.rect(
            x,
            lane,
            x + width * 0.09,
            lane + thick,
            light,
            if wet { 0.35 } else { 0.6 },
        );
    }
    scene.card(card);
}

/// Joints of the pavement, finer with distance.
fn tiles(scene: &Scene, bitmap: &mut Bitmap, edge: f32, dark: Rgb) {
    let width = bitmap.width as f32;
    let mut row = edge;
    let mut gap = scene.px(11.0);
    while row > 0.0 && gap > scene.px(3.0) {
        row -= gap;
        bitmap.rect(0.0, row, width, row + scene.px(1.2), dark, 0.22);
        gap *= 0.78;
    }
}

/// Neon signs above the shops.
fn signs(scene: &mut Scene, z: f32, places: &[(f32, f32)], wet: bool) {
    let view = scene.view;
    let m = view.per_meter(z).clamp(scene.px(9.0), scene.px(34.0));
    let foot = view.ground_row(z);
    let mut rng = Rng::new(scene.program.seed, 0x4E04);
    for &(u, v) in places {
        let (color, chance) = (Rgb::hex(NEONS[rng.below(NEONS.len())]), rng.unit());
        if u < -view.width * 0.6 || u > view.width * 1.6 || chance > 0.78 {
            continue;
        }
        let (half, thick) = (rng.range(0.8, 1.5) * m, 0.34 * m);
        let mut bitmap = Bitmap::new((half * 2.0 + 8.0) as usize, (thick * 2.0 + 8.0) as usize);
        let (cx, cy) = (bitmap.width as f32 * 0.5, bitmap.height as f32 * 0.5);
        bitmap.rect(
            cx - half,
            cy - thick,
            cx + half,
            cy + thick,
            color.mix(WHITE, 0.25),
            1.0,
        );
        bitmap.rect(
            cx - half * 0.8,
            cy - thick * 0.45,
            cx + half * 0.8,
            cy + thick * 0.45,
            color.mix(WHITE, 0.8),
            1.0,
        );
        bitmap.blur(scene.defocus(z), false);
        scene.card(Card::single(bitmap, (u - cx, v - cy), z - 0.01));
        scene.live(Lamp {
            at: (u, v),
            z: z - 0.02,
            color,
            halo: 3.0 * m,
            strength: scene.look.lamp_glow * 0.75,
            core: 0.0,
            streak: Some((foot, if wet { 0.9 } else { 0.14 })),
            seed: scene.program.seed ^ u as u64,
        });
    }
}

/// Lamp posts along the pavement, lit at dusk and night.
fn lamp_posts(scene: &mut Scene, z: f32, wet: bool) {
    let view = scene.view;
    let m = view.per_meter(z).clamp(scene.px(11.0), scene.px(46.0));
    let foot = view.ground_row(z);
    let tall = (4.4 * m).min(foot - view.height * 0.12);
    let mut bitmap = scene.strip(tall + 2.0);
    let width = bitmap.width as f32;
    let count = (width / (8.5 * m)).round().clamp(2.0, 6.0) as usize;
    let shift = scene.rng.range(-0.4, 0.0) * view.width;
    for i in 0..count {
        let x = (i as f32 + 0.5) / count as f32 * width;
        lamp_post(scene, &mut bitmap, (x, tall), (m, z));
        if scene.look.lamp_glow < 0.2 {
            continue;
        }
        for turn in [-1.0, 0.0, 1.0] {
            scene.live(Lamp {
                at: (x + shift + turn * width, foot - tall * 0.925),
                z: z - 0.01,
                color: Rgb::hex(0xFF_BE_66),
                halo: 1.5 * m,
                strength: scene.look.lamp_glow * 0.8,
                core: 0.5,
                streak: Some((foot, if wet { 0.8 } else { 0.16 })),
                seed: scene.program.seed ^ i as u64,
            });
        }
    }
    bitmap.blur(scene.defocus(z), true);
    let mut card = Card::periodic(bitmap, foot - tall, z).ending();
    card.left = shift;
    scene.card(card);
}

/// One post with its lantern.
fn lamp_post(scene: &Scene, bitmap: &mut Bitmap, (x, tall): (f32, f32), (m, z): (f32, f32)) {
    let iron = scene.look.paint(Rgb::hex(0x3A_3E_48), 0.35, z);
    let half = (0.075 * m).max(scene.px(1.2));
    let foot = tall + 2.0;
    bitmap.rect(x - half, tall * 0.09, x + half, foot, iron, 1.0);
    let socket = half * 2.2;
    bitmap.rect(x - socket, tall * 0.94, x + socket, foot, iron, 1.0);
    let glass = if scene.look.lamp_glow > 0.2 {
        Rgb::hex(0xFF_E2_A8)
    } else {
        scene.look.horizon
    };
    let (high, low) = (tall * 0.03, tall * 0.12);
    let (wide, narrow) = (0.20 * m, 0.14 * m);
    let lantern = [
        (x - wide, high),
        (x + wide, high),
        (x + narrow, low),
        (x - narrow, low),
    ];
    bitmap.polygon(&lantern, glass, 1.0);
    let cap = 0.24 * m;
    bitmap.rect(x - cap, tall * 0.01, x + cap, tall * 0.04, iron, 1.0);
}

/// A few trees between the lamps.
fn trees(scene: &mut Scene, z: f32) {
    let view = scene.view;
    let m = view.per_meter(z).clamp(scene.px(10.0), scene.px(42.0));
    let tall = 4.6 * m;
    let mut bitmap = scene.strip(tall);
    let width = bitmap.width as f32;
    let dark = scene.look.paint(Rgb::hex(0x3E_5A_38), 0.3, z);
    let light = scene.look.paint(Rgb::hex(0x8A_A0_5A), 0.95, z);
    let side = (scene.look.sun_at.0 / view.width * 2.0 - 1.0).signum();
    for place in [0.14, 0.72] {
        let x = width * (place + scene.rng.range(-0.05, 0.05));
        leafy_tree(
            &mut bitmap,
            &mut scene.rng,
            (x, tall),
            tall * 0.9,
            (dark, light, side),
        );
    }
    bitmap.blur(scene.defocus(z), true);
    let card = Card::periodic(bitmap, view.ground_row(z) - tall, z).ending();
    scene.card(card);
}

const WHITE: Rgb = Rgb([1.0, 1.0, 1.0]);
