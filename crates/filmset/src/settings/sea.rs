//! The open sea: rows of swell that roll past each other, darker and larger toward the viewer.

use crate::stage::card::{Card, Motion};
use crate::stage::color::Rgb;
use crate::stage::noise::Loop;
use crate::stage::scene::Scene;
use crate::stage::water::{glitter, surface};

/// Adds the layers of the sea.
pub fn build(scene: &mut Scene) {
    let strength = 0.45 + (scene.program.wind.abs() / 14.0).min(1.0) * 0.75;
    surface(scene, Rgb::hex(0x1F_5C_74), 0.5 * strength);
    let view = scene.view;
    let reach = view.height - view.horizon;
    let rows = [0.10, 0.19, 0.31, 0.47, 0.68, 0.93];
    for (i, share) in rows.into_iter().enumerate() {
        swell(scene, view.horizon + reach * share, share, strength, i);
    }
    // Glitter lies on the swell, and behind the subject.
    glitter(scene, 0.6 * strength, view.subject_z * 1.01);
}

/// One row of swell: a long crest with a lit back and foam on its highest parts.
fn swell(scene: &mut Scene, row: f32, share: f32, strength: f32, index: usize) {
    let view = scene.view;
    let z = view.ground_z(row);
    let high = scene.px(2.0 + 13.0 * share) * strength;
    let height = high * 2.4 + scene.px(20.0 + 50.0 * share);
    let mut bitmap = scene.strip(height);
    let width = bitmap.width;
    let line = Loop::new(&mut scene.rng, 5 - (share * 2.5) as u32, 4, 0.35);
    let chop = Loop::new(&mut scene.rng, 17, 3, 0.5);
    let look = &scene.look;
    let deep = look
        .water(Rgb::hex(0x1C_5C_74), z)
        .scale(1.0 - 0.16 * share);
    let light = deep.mix(look.horizon, 0.42).mix(look.halo, 0.12);
    let foam = look.paint(Rgb::hex(0xF2_F6_F6), 0.85, z);
    let fade = scene.px(14.0 + 40.0 * share);
    for x in 0..width {
        let turn = x as f32 / width as f32;
        let swell = line.at(turn);
        let crest = high * (1.2 - swell - 0.14 * chop.at(turn));
        // A crest is bright where it rises against the sky.
        let bright = (0.35 + 0.65 * swell).clamp(0.0, 1.0);
        let white = ((swell - 0.42) * 3.0).clamp(0.0, 1.0) * (strength - 0.35).clamp(0.0, 0.9);
        for y in crest.max(0.0) as usize..bitmap.height {
            let down = y as f32 + 0.5 - crest;
            let cover = (down + 0.5).clamp(0.0, 1.0);
            let face = (1.0 - down / fade).clamp(0.0, 1.0);
            let edge = (1.0 - down / scene.px(2.0 + 3.0 * share)).clamp(0.0, 1.0);
            let mut color = deep.mix(light, face * face * bright);
            color = color.mix(foam, edge * (white + 0.22 * bright)).scale(1.0);
            bitmap.pixels[y * width + x] = color.pixel(cover * (face * 1.5).min(1.0) * 0.66);
        }
    }
    bitmap.blur(scene.defocus(z), true);
    let way = if scene.program.wind < 0.0 { -1.0 } else { 1.0 };
    let pace = scene.px(5.0 + 26.0 * share) * (0.5 + 0.6 * strength);
    let drift = Motion::Drift(way * pace * (1.0 + 0.25 * (index % 3) as f32));
    scene.card(
        Card::periodic(bitmap, row - high * 1.2, z)
            .ending()
            .moving(drift),
    );
}
