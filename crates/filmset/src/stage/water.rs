//! Water: a level surface that mirrors the sky, with waves and glitter.

use std::f32::consts::TAU;

use super::camera::{Pose, View};
use super::card::{Card, Motion};
use super::color::{Rgb, smoothstep};
use super::frame::Frame;
use super::noise::Rng;
use super::scene::{Live, Scene};
use super::terrain::{GROUND_Z, ground};

/// Adds a sea from the horizon to beneath the frame, with waves and, under the sun, glitter.
/// `roughness` 0 is a mirror, 1 a swell.
pub fn sea(scene: &mut Scene, pigment: Rgb, roughness: f32) {
    surface(scene, pigment, roughness);
    glitter(scene, roughness, GROUND_Z - 1.0);
}

/// The sea without its glitter.
pub fn surface(scene: &mut Scene, pigment: Rgb, roughness: f32) {
    let look = scene.look.clone();
    let deep = look.water(pigment, 10.0);
    let card = ground(scene, |z, share| {
        let mirrored = look
            .sky((share * 1.1).min(1.0))
            .mix(deep, 0.22 + 0.42 * share);
        mirrored.mix(look.air, look.haze(z) * 0.85)
    });
    let card = sun_lane(scene, card);
    scene.card(card);
    waves(scene, roughness);
}

/// The soft bright lane under the sun, as part of the surface.
fn sun_lane(scene: &Scene, mut card: Card) -> Card {
    let look = &scene.look;
    if look.sun_clear <= 0.15 {
        return card;
    }
    let width = card.bitmap.width as f32;
    card.left = look.sun_at.0 - width * 0.5;
    let reach = scene.view.height - scene.view.horizon;
    let strength = if look.is_night() { 0.22 } else { 0.5 } * look.sun_clear;
    let color = look.halo.mix(look.sun, 0.3);
    for (from, half) in [(0.0, 120.0), (-0.1, 52.0)] {
        let radii = (scene.px(half), reach * 1.05);
        card.bitmap
            .halo((width * 0.5, reach * from), radii, (color, strength));
    }
    card
}

struct Stroke {
    /// Metres to the right of the camera, and depth.
    at: (f32, f32),
    size: f32,
    phase: f32,
    rate: f32,
    strength: f32,
}

/// Flat soft strokes that come and go on the surface.
struct Strokes {
    list: Vec<Stroke>,
    light: Rgb,
    dark: Option<Rgb>,
    drift: f32,
    z: f32,
    span: f32,
    /// Half height of a stroke near the viewer, pixels of a 576x320 frame.
    height: f32,
}

impl Live for Strokes {
    fn z(&self) -> f32 {
        self.z
    }

    fn draw(&self, view: &View, pose: &Pose, t: f32, frame: &mut Frame) {
        for dash in &self.list {
            let pulse = (TAU * (dash.rate * t + dash.phase)).sin();
            let strength = dash.strength * pulse.max(0.0);
            if strength < 0.03 {
                continue;
            }
            let (x, z) = dash.at;
            // The surface repeats, so that a moving camera never runs out of water.
            let u0 = view.width * 0.5 + (x + self.drift * t) * view.per_meter(z);
            let (u, v) = pose.project(view, (u0, view.ground_row(z)), z);
            let u = (u + self.span * 0.5).rem_euclid(view.width + self.span) - self.span * 0.5;
            let near = ((v - view.horizon) / (view.height - view.horizon)).clamp(0.02, 1.0);
            let (rx, ry) = (
                dash.size * (0.35 + 1.3 * near),
                view.unit * (0.75 + self.height * near),
            );
            let color = match self.dark {
                Some(dark) if dash.phase > 0.5 => dark,
                _ => self.light,
            };
            frame.puff((u, v), (rx, ry), (color, strength), false);
        }
    }
}

fn waves(scene: &mut Scene, roughness: f32) {
    let look = &scene.look;
    let view = scene.view;
    let mut rng = Rng::new(scene.program.seed, 0x3A7E);
    let strokes = (0..110)
        .map(|_| {
            let row = view.horizon + (view.height - view.horizon) * rng.range(0.04, 1.15).powf(1.3);
            let z = view.ground_z(row);
            let u = rng.range(-0.7, 0.7) * view.width;
            Stroke {
                at: (u / view.per_meter(z), z),
                size: view.unit * rng.range(9.0, 26.0),
                phase: rng.unit(),
                rate: rng.range(0.12, 0.3) * (0.6 + roughness),
                strength: rng.range(0.08, 0.26) * (0.5 + 0.8 * roughness),
            }
        })
        .collect();
    let light = look.horizon.mix(look.sun, 0.25).mix(look.middle, 0.2);
    let dark = look.zenith.mix(look.shade, 0.35).scale(0.75);
    let drift = scene.program.wind * 0.06;
    let span = view.width * 0.4;
    scene.live(Strokes {
        list: strokes,
        light,
        dark: Some(dark),
        drift,
        z: GROUND_Z - 1.0,
        span,
        height: 1.7,
    });
}

/// Glitter under the sun or moon, sorted at depth `z`.
pub fn glitter(scene: &mut Scene, roughness: f32, z: f32) {
    let look = &scene.look;
    if look.sun_clear <= 0.15 {
        return;
    }
    let view = scene.view;
    let mut rng = Rng::new(scene.program.seed, 0x6117);
    let strokes = (0..190)
        .map(|_| {
            let share = rng.range(0.015, 1.1).powf(1.25);
            let row = view.horizon + (view.height - view.horizon) * share;
            let z = view.ground_z(row);
            let spread = view.unit * (14.0 + 62.0 * share) * (0.7 + 0.6 * roughness);
            let off = (rng.unit() + rng.unit() + rng.unit() - 1.5) * 1.3;
            let u = look.sun_at.0 + off * spread - view.width * 0.5;
            Stroke {
                at: (u / view.per_meter(z), z),
                size: view.unit * rng.range(6.0, 15.0),
                phase: rng.unit(),
                rate: rng.range(0.35, 0.9),
                strength: rng.range(0.4, 1.0)
                    * smoothstep(0.0, 0.5, look.sun_clear)
                    * (1.0 - 0.7 * look.dullness),
            }
        })
        .collect();
    let light = look.sun.mix(look.halo, 0.35);
    let light = if look.is_night() {
        light.scale(0.7)
    } else {
        light
    };
    let span = view.width * 3.0;
    scene.live(Strokes {
        list: strokes,
        light,
        dark: None,
        drift: 0.0,
        z,
        span,
        height: 0.9,
    });
}

/// The reflection of a standing card on the water at its foot: mirrored, fainter, wobbling.
pub fn reflection(scene: &Scene, card: &Card, foot_row: f32, strength: f32) -> Card {
    let foot = ((foot_row - card.top).round().max(1.0) as usize).min(card.bitmap.height);
    let mut bitmap = super::bitmap::Bitmap::new(card.bitmap.width, foot);
    for y in 0..foot {
        let fade = strength * (1.0 - y as f32 / foot as f32).powf(0.6);
        let keep = (fade * 256.0) as u64;
        let source = card.bitmap.row(foot - 1 - y);
        for (out, &p) in bitmap.row_mut(y).iter_mut().zip(source) {
            let lanes = (super::bitmap::spread(p) * keep) >> 8;
            *out = super::bitmap::pack(lanes & super::bitmap::LANES);
        }
    }
    bitmap.blur(scene.px(1.2), card.periodic);
    let mut mirrored = card.clone();
    mirrored.bitmap = bitmap;
    mirrored.top = foot_row;
    mirrored.ending().moving(Motion::Ripple(scene.px(2.2)))
}
