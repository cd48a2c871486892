//! A wheat field: low hills, trees, and rows of stalks that gusts run through.

use crate::program::{Exclusion, SubjectKind};
use crate::stage::bitmap::Bitmap;
use crate::stage::card::{Card, Motion};
use crate::stage::color::Rgb;
use crate::stage::scene::Scene;
use crate::stage::terrain::{Ridge, ground, leafy_tree, ridge};

/// Adds the layers of the wheat field.
pub fn build(scene: &mut Scene) {
    for (z, rise, swing, swells, pigment) in [
        (3800.0, 30.0, 15.0, 3, 0xA0_8A_6A),
        (1700.0, 12.0, 9.0, 4, 0x9A_84_50),
    ] {
        let shape = Ridge {
            z,
            rise,
            swing,
            swells,
            roughness: 0.25,
            pigment: Rgb::hex(pigment),
            foot_mist: 0.45,
        };
        let card = ridge(scene, &shape, 30.0);
        scene.card(card);
    }
    let look = scene.look.clone();
    let field = ground(scene, |z, share| {
        look.paint(Rgb::hex(0xD8_A4_44), 0.8 - 0.35 * share, z)
    });
    scene.card(field);
    if !scene.without(Exclusion::Trees) {
        trees(scene);
    }
    // Beneath what flies or crosses far off, the field keeps its own near scale.
    let near = scene.program.subjects.first().is_some_and(|s| {
        s.kind.is_figure() || matches!(s.kind, SubjectKind::Dog | SubjectKind::Ball)
    });
    let own = 16.0 * scene.view.zoom;
    let focus = if near {
        scene.view.subject_z
    } else {
        scene.view.subject_z.min(own)
    };
    for ratio in [7.0, 4.2, 2.6, 1.75, 1.22, 0.86, 0.62] {
        stalks(scene, focus * ratio, ratio);
    }
}

fn trees(scene: &mut Scene) {
    let z = 420.0;
    let far = scene.view.far_scale();
    let tall = scene.px(44.0) * far;
    let mut bitmap = scene.strip(tall + 8.0);
    let dark = scene.look.paint(Rgb::hex(0x5C_6A_34), 0.25, z);
    let light = scene.look.paint(Rgb::hex(0x9A_A0_4A), 1.0, z);
    let side = (scene.look.sun_at.0 / scene.view.width * 2.0 - 1.0).signum();
    let width = bitmap.width as f32;
    for group in 0..3 {
        let middle = (group as f32 + scene.rng.range(0.2, 0.8)) / 3.0 * width;
        for _ in 0..=scene.rng.below(3) {
            let x = middle + scene.rng.range(-30.0, 30.0) * scene.view.unit;
            let height = tall * scene.rng.range(0.65, 1.0);
            leafy_tree(
                &mut bitmap,
                &mut scene.rng,
                (x, tall + 4.0),
                height,
                (dark, light, side),
            );
        }
    }
    let sigma = scene.defocus(z);
    bitmap.blur(sigma, true);
    scene.card(Card::periodic(bitmap, scene.view.horizon - tall + 2.0, z).ending());
}

/// One row of stalks: ears on bending stems before a body of straw.
fn stalks(scene: &mut Scene, z: f32, ratio: f32) {
    let view = scene.view;
    let root = view.ground_row(z);
    let tall = (0.92 * view.per_meter(z)).max(scene.px(7.0));
    let next = view.ground_row(z * 0.7);
    let height = tall * 1.25 + (next - root).max(0.0) * 0.8 + 4.0;
    let mut bitmap = scene.strip(height);
    let base = tall * 1.25;
    let lit = if scene.look.backlight { 1.0 } else { 0.85 };
    let ear = scene.look.paint(Rgb::hex(0xF2_C8_68), lit, z);
    let stem = scene.look.paint(Rgb::hex(0xC8_92_3A), 0.65, z);
    let dark = scene.look.paint(Rgb::hex(0x8A_5A_22), 0.4, z);
    body(&mut bitmap, base - tall * 0.50, stem, dark);
    let thick = (tall * 0.035).max(scene.px(1.5));
    // Rows before the subject are thinner, or nobody would be seen in them.
    let sparse = if ratio < 1.0 { 1.7 } else { 1.0 };
    let spacing = (thick * 2.0).max(tall * 0.048) * sparse;
    let count = (bitmap.width as f32 / spacing) as usize;
    for i in 0..count {
        let x = (i as f32 + scene.rng.range(-0.6, 0.6)) * spacing;
        let top = base - tall * scene.rng.range(0.62, 1.12);
        let mix = scene.rng.unit();
        stalk(
            &mut bitmap,
            (x, top),
            (tall, thick),
            (stem.mix(ear, mix), ear.mix(stem, mix * 0.4)),
        );
    }
    let sigma = scene.defocus(z);
    bitmap.blur(sigma, true);
    let wind = scene.program.wind;
    let strength = (wind.abs() / 9.0).min(1.3) * wind.signum();
    let motion = Motion::Sway {
        lean: strength * tall * 0.10,
        gust: (strength * 0.30 + 0.035) * tall,
        speed: (wind * 14.0 + 8.0 * wind.signum()) * view.unit,
        seed: scene.program.seed ^ 0x6057,
    };
    let mut card = Card::periodic(bitmap, root - base, z).moving(motion);
    card.left = scene.rng.range(0.0, view.width);
    if ratio > 1.0 {
        card = card.ending();
    }
    scene.card(card);
}

fn body(bitmap: &mut Bitmap, top: f32, light: Rgb, dark: Rgb) {
    let height = bitmap.height as f32;
    for y in top.max(0.0) as usize..bitmap.height {
        let t = (y as f32 - top) / (height - top);
        let alpha = (t * 9.0).min(1.0);
        let pixel = light.mix(dark, t * 0.9).pixel(alpha);
        bitmap.row_mut(y).fill(pixel);
    }
}

fn stalk(
    bitmap: &mut Bitmap,
    (x, top): (f32, f32),
    (tall, thick): (f32, f32),
    (stem, ear): (Rgb, Rgb),
) {
    let half = thick * 0.42;
    let foot = (top + tall * 1.05).min(bitmap.height as f32);
    bitmap.rect_gradient(
        x - half,
        top,
        x + half,
        foot,
        (stem, 1.0),
        (stem.scale(0.82), 0.7),
    );
    // The ear leans a little, its lit side toward the tip.
    let length = tall * 0.12 + thick;
    bitmap.blob((x, top), (thick * 1.1, length), 0.7, (ear.scale(0.88), 1.0));
    let tip = (x + thick * 0.2, top - length * 0.15);
    bitmap.blob(tip, (thick * 0.7, length * 0.8), 0.4, (ear, 0.9));
}
