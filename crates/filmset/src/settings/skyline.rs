//! A skyline: rows of towers under a wide sky, haze between them, and a roof under whoever stands
//! there.

use crate::stage::air::{Bank, bank_card};
use crate::stage::bitmap::Bitmap;
use crate::stage::card::Card;
use crate::stage::city::{Row, skyline};
use crate::stage::color::Rgb;
use crate::stage::noise::Rng;
use crate::stage::particles::Smoke;
use crate::stage::scene::Scene;
use crate::stage::terrain::{Ridge, ridge};

/// Adds the layers of the skyline.
pub fn build(scene: &mut Scene) {
    let hills = Ridge {
        z: 9000.0,
        rise: 24.0,
        swing: 12.0,
        swells: 3,
        roughness: 0.3,
        pigment: Rgb::hex(0x6E_6A_8C),
        foot_mist: 0.5,
    };
    let card = ridge(scene, &hills, 40.0);
    scene.card(card);
    for (z, heights, widths, base, pigment) in [
        (2300.0, (44.0, 150.0), (26.0, 56.0), 10.0, 0x8C_82_9C),
        (1100.0, (30.0, 140.0), (34.0, 66.0), 36.0, 0x70_72_90),
        (480.0, (12.0, 104.0), (46.0, 84.0), 80.0, 0x50_52_74),
    ] {
        let row = Row {
            z,
            heights,
            widths,
            base,
            pigment: Rgb::hex(pigment),
            lit: 0.5,
        };
        let card = skyline(scene, &row);
        scene.card(card);
        haze(scene, z, base);
    }
    // An upright frame sees more of the city below.
    let room = (scene.view.height - scene.view.horizon) / scene.view.unit;
    if room > 130.0 {
        let row = Row {
            z: 260.0,
            heights: (10.0, 96.0),
            widths: (58.0, 96.0),
            base: room * 0.94,
            pigment: Rgb::hex(0x42_44_66),
            lit: 0.5,
        };
        let card = skyline(scene, &row);
        scene.card(card);
    }
    if scene.program.smoke {
        smoke(scene);
    }
    if let Some((near, far)) = scene.land {
        roof(scene, near, far * 1.16);
    }
}

/// A thin veil before each row, so that the rows part.
fn haze(scene: &mut Scene, z: f32, base: f32) {
    let bank = Bank {
        z: z * 0.9,
        row: scene.px(base),
        half: scene.px(46.0),
        alpha: 0.36,
    };
    let card = bank_card(scene, &bank);
    scene.card(card);
}

fn smoke(scene: &mut Scene) {
    let view = scene.view;
    let mut rng = Rng::new(scene.program.seed, 0x5A0D);
    for (share, z) in [(0.22, 1090.0), (0.74, 470.0)] {
        let u = view.width * (share + rng.range(-0.08, 0.08));
        let color = scene
            .look
            .air
            .mix(scene.look.horizon, 0.6)
            .mix(Rgb::hex(0xFF_FF_FF), 0.15);
        scene.live(Smoke {
            at: (
                u,
                view.horizon - scene.px(if z > 800.0 { 48.0 } else { 12.0 }),
            ),
            z,
            size: scene.px(7.0),
            side: scene.program.wind * 4.2 * view.unit,
            rise: 17.0 * view.unit,
            paint: (color, 0.5),
            seed: scene.program.seed ^ share.to_bits() as u64,
        });
    }
}

/// A flat roof: gravel, a parapet at its far edge, a vent.
fn roof(scene: &mut Scene, near: f32, edge_z: f32) {
    let view = scene.view;
    let edge = view.ground_row(edge_z);
    let look = scene.look.clone();
    let mut bitmap = scene.strip((view.height * 1.5 - edge).max(8.0));
    let light = look.paint(Rgb::hex(0x8C_84_90), 0.7, near);
    let dark = look.paint(Rgb::hex(0x5A_56_66), 0.45, near);
    for y in 0..bitmap.height {
        let share = (1.6 * y as f32 / bitmap.height as f32).min(1.0);
        let pixel = light.mix(dark, share).pixel(1.0);
        bitmap.row_mut(y).fill(pixel);
    }
    let width = bitmap.width as f32;
    for _ in 0..26 {
        let at = (
            scene.rng.unit() * width,
            scene.rng.unit() * bitmap.height as f32,
        );
        let radii = (scene.rng.range(14.0, 54.0) * view.unit, scene.px(3.0));
        bitmap.blob(at, radii, 0.2, (dark.scale(0.8), 0.25));
    }
    let card = Card::periodic(bitmap, edge, edge_z + 0.02).on_ground();
    scene.card(card);
    parapet(scene, edge_z, edge, (light, dark));
}

fn parapet(scene: &mut Scene, z: f32, edge: f32, (light, dark): (Rgb, Rgb)) {
    let m = scene.view.per_meter(z);
    let tall = (0.34 * m).max(scene.px(6.0));
    let mut bitmap = scene.strip(tall * 4.0);
    let (width, base) = (bitmap.width as f32, bitmap.height as f32);
    let top = base - tall;
    bitmap.rect_gradient(
        0.0,
        top,
        width,
        base,
        (light.mix(dark, 0.45), 1.0),
        (dark, 1.0),
    );
    bitmap.rect(
        0.0,
        top - tall * 0.16,
        width,
        top + tall * 0.06,
        light.mix(scene.look.sun, 0.22),
        1.0,
    );
    vents(scene, &mut bitmap, (tall, top), (light, dark));
    bitmap.blur(scene.defocus(z), true);
    let card = Card::periodic(bitmap, edge - base + 1.0, z).ending();
    scene.card(card);
}

fn vents(
    scene: &mut Scene,
    bitmap: &mut Bitmap,
    (tall, top): (f32, f32),
    (light, dark): (Rgb, Rgb),
) {
    let width = bitmap.width as f32;
    for share in [0.12, 0.58, 0.86] {
        let x = width * (share + scene.rng.range(-0.05, 0.05));
        let wide = tall * scene.rng.range(0.35, 0.7);
        let high = tall * scene.rng.range(0.6, 1.6);
        bitmap.rect_gradient(
            x - wide,
            top - high,
            x + wide,
            top,
            (light.mix(dark, 0.5), 1.0),
            (dark.scale(0.9), 1.0),
        );
        bitmap.rect(
            x - wide * 1.12,
            top - high - tall * 0.1,
            x + wide * 1.12,
            top - high,
            dark.scale(1.2),
            1.0,
        );
    }
}
