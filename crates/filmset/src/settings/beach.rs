//! A beach: sea and headland behind, surf that runs up and back, wet sand, dry sand, dune grass.

use std::f32::consts::TAU;

use crate::program::Exclusion;
use crate::stage::bitmap::Bitmap;
use crate::stage::camera::{Pose, View};
use crate::stage::card::{Card, Motion};
use crate::stage::color::Rgb;
use crate::stage::frame::Frame;
use crate::stage::noise::{Loop, Rng};
use crate::stage::scene::{Live, Scene};
use crate::stage::terrain::{Ridge, ridge};
use crate::stage::water::sea;

/// Adds the layers of the beach.
pub fn build(scene: &mut Scene) {
    sea(scene, Rgb::hex(0x2E_8A_96), 0.45);
    let cape = Ridge {
        z: 3600.0,
        rise: 7.0,
        swing: 13.0,
        swells: 2,
        roughness: 0.3,
        pigment: Rgb::hex(0x7E_8C_80),
        foot_mist: 0.45,
    };
    let card = ridge(scene, &cape, 2.0).ending();
    scene.card(card);
    let view = scene.view;
    // The water's edge: behind whoever stands on the sand, else low in the frame.
    let row = match scene.land {
        Some((_, far)) => view
            .ground_row(far * 1.45)
            .max(view.horizon + 0.10 * view.height),
        None => (view.horizon + 0.34 * view.height).max(view.ground_row(view.subject_z * 0.7)),
    };
    let row = row.min(view.height * 0.94);
    sand(scene, row);
    surf(scene, row);
    grass(scene, row);
    if !scene.without(Exclusion::Trees) {
        palms(scene);
    }
}

fn sand(scene: &mut Scene, row: f32) {
    let view = scene.view;
    let z = view.ground_z(row);
    let mut bitmap = scene.strip(view.height * 1.5 - row);
    let look = scene.look.clone();
    let dry = look.paint(Rgb::hex(0xEC_D3_A0), 0.82, view.subject_z);
    let near = look.paint(Rgb::hex(0xD2_B0_7A), 0.62, view.subject_z * 0.5);
    let wet = look
        .paint(Rgb::hex(0xA8_8A_65), 0.5, z)
        .mix(look.horizon, 0.30);
    let reach = (view.height - row).max(scene.px(30.0));
    let edge = Loop::new(&mut scene.rng, 2, 4, 0.4);
    let width = bitmap.width;
    for y in 0..bitmap.height {
        let share = y as f32 / reach;
        let base = dry.mix(near, ((share - 0.15) * 1.1).clamp(0.0, 1.0));
        for x in 0..width {
            let line = 0.17 + 0.06 * edge.at(x as f32 / width as f32);
            let damp = 1.0 - ((share - line) / 0.07).clamp(0.0, 1.0);
            let cover = ((y as f32 + 1.0) / scene.px(3.0)).min(1.0);
            bitmap.pixels[y * width + x] = base.mix(wet, damp * 0.9).pixel(cover);
        }
    }
    ripples(scene, &mut bitmap, reach, near);
    let mut card = Card::periodic(bitmap, row, z).on_ground();
    card.left = -view.width * 0.3;
    scene.card(card);
}

/// Long flat shadows in the sand.
fn ripples(scene: &mut Scene, bitmap: &mut Bitmap, reach: f32, dark: Rgb) {
    let shade = dark.scale(0.78);
    let light = scene.look.sun.mix(dark, 0.4);
    for _ in 0..70 {
        let share = scene.rng.range(0.3, 1.35);
        let (x, y) = (scene.rng.range(0.0, bitmap.width as f32), share * reach);
        let long = scene.rng.range(14.0, 46.0) * scene.view.unit * (0.4 + share);
        let thick = scene.px(1.5 + 1.8 * share);
        bitmap.blob((x, y), (long, thick), 0.1, (shade, 0.34));
        bitmap.blob(
            (x + long * 0.1, y - thick),
            (long * 0.8, thick * 0.7),
            0.1,
            (light, 0.22),
        );
    }
}

/// Foam that runs up the sand and back: three sheets, each in its own time.
struct Surf {
    row: f32,
    z: f32,
    edges: [Loop; 3],
    foam: Rgb,
    water: Rgb,
    drift: f32,
}

fn surf(scene: &mut Scene, row: f32) {
    let mut rng = Rng::new(scene.program.seed, 0x50F0);
    let edges = std::array::from_fn(|_| Loop::new(&mut rng, 3, 5, 0.5));
    let z = scene.view.ground_z(row) - 0.01;
    let look = &scene.look;
    let foam = look.paint(Rgb::hex(0xFA_FC_FA), 0.9, z);
    let water = look
        .paint(Rgb::hex(0x5F_A8_AC), 0.7, z)
        .mix(look.horizon, 0.35);
    let drift = scene.program.wind * 0.4;
    scene.live(Surf {
        row,
        z,
        edges,
        foam,
        water,
        drift,
    });
}

impl Live for Surf {
    fn z(&self) -> f32 {
        self.z
    }

    fn draw(&self, view: &View, pose: &Pose, t: f32, frame: &mut Frame) {
        let (_, row) = pose.project(view, (0.0, self.row), self.z);
        let k = pose.scale(self.z);
        let (left, _) = pose.project(view, (0.0, 0.0), self.z);
        let reach = (view.height - self.row).max(view.unit * 30.0) * 0.19 * k;
        for (i, edge) in self.edges.iter().enumerate() {
            let phase = t / 4.6 + i as f32 / 3.0;
            let run = 0.5 - 0.5 * (TAU * phase).cos(); // up the sand and back
            let fade = (TAU * phase * 0.5).sin().abs();
            for x in 0..frame.width {
                let turn = (x as f32 - left + self.drift * t) / (view.width * 1.3);
                let wave = edge.at(turn);
                let tip = row
                    + reach * (0.16 + 0.84 * run * (0.86 + 0.14 * wave))
                    + view.unit * 2.0 * wave;
                let thick = view.unit * (2.2 + 1.6 * wave.abs()) * k.min(2.0);
                frame.column(x, (row - view.unit * 2.0, tip), (self.water, 0.30 * fade));
                frame.column(
                    x,
                    (tip - thick, tip),
                    (self.foam, 0.85 * (0.35 + 0.65 * fade)),
                );
            }
        }
        // The last breaker stands just off the edge.
        for x in 0..frame.width {
            let turn = (x as f32 - left + 2.0 * self.drift * t) / (view.width * 1.3);
            let wave =
                self.edges[0].at(turn + 0.02 * t) + 0.4 * self.edges[1].at(turn * 2.0 - 0.05 * t);
            let top = row - view.unit * (5.0 + 3.0 * wave) * k.min(2.0);
            let thick = view.unit * (1.6 + 1.6 * wave.max(0.0));
            frame.column(
                x,
                (top, top + thick),
                (self.foam, (0.35 + 0.5 * wave).clamp(0.1, 0.9)),
            );
        }
    }
}

/// Tufts of dune grass in the foreground corners.
fn grass(scene: &mut Scene, row: f32) {
    let view = scene.view;
    let z = view.subject_z * 0.62;
    let foot = view
        .ground_row(z)
        .clamp(row + scene.px(40.0), view.height * 1.08);
    let tall = scene.px(58.0);
    let mut bitmap = scene.strip(tall * 1.1 + scene.px(30.0));
    let width = bitmap.width as f32;
    let dark = scene.look.paint(Rgb::hex(0x6E_7A_3C), 0.4, z);
    let light = scene.look.paint(Rgb::hex(0xB8_B0_60), 0.9, z);
    // One period is wider than the frame; tufts stand where its edges come to lie.
    for tuft in [0.015, 0.06, 0.60, 0.66, 0.96] {
        for _ in 0..16 {
            let x = width * tuft + scene.rng.range(-26.0, 26.0) * view.unit;
            let high = tall * scene.rng.range(0.45, 1.0);
            let lean = scene.rng.range(-12.0, 12.0) * view.unit;
            let half = scene.px(1.9);
            let color = dark.mix(light, scene.rng.unit());
            let base = tall * 1.1;
            bitmap.polygon(
                &[(x - half, base), (x + lean, base - high), (x + half, base)],
                color,
                1.0,
            );
        }
    }
    bitmap.blur(scene.defocus(z), true);
    let wind = scene.program.wind;
    let sway = Motion::Sway {
        lean: wind * 0.9 * view.unit,
        gust: (wind * 0.8 + 1.5) * view.unit,
        speed: wind * 14.0 * view.unit,
        seed: scene.program.seed ^ 0x6057,
    };
    let card = Card::periodic(bitmap, foot - tall, z).ending().moving(sway);
    scene.card(card);
}

/// Palms on the far side of the bay.
fn palms(scene: &mut Scene) {
    let z = 260.0;
    let tall = scene.px(46.0) * scene.view.far_scale().min(1.6);
    let mut bitmap = Bitmap::new((tall * 3.4) as usize, (tall * 1.25) as usize);
    let base = bitmap.height as f32 - 1.0;
    let sand = scene.look.paint(Rgb::hex(0xC8_A8_78), 0.6, z);
    let trunk = scene.look.paint(Rgb::hex(0x5C_46_33), 0.4, z);
    let leaf = scene.look.paint(Rgb::hex(0x3F_6A_3A), 0.5, z);
    let middle = bitmap.width as f32 * 0.5;
    bitmap.blob(
        (middle, base + tall * 0.02),
        (tall * 1.6, tall * 0.16),
        0.9,
        (sand, 1.0),
    );
    for i in 0..3 {
        let x =
            middle + tall * (i as f32 - 1.0) * 0.62 + scene.rng.range(-3.0, 3.0) * scene.view.unit;
        let high = tall * scene.rng.range(0.7, 1.0);
        let lean = tall * scene.rng.range(-0.2, 0.2);
        palm(
            &mut bitmap,
            (x, base - tall * 0.06),
            (high, lean),
            (trunk, leaf),
        );
    }
    bitmap.blur(scene.defocus(z), false);
    let side = if scene.look.sun_at.0 > scene.view.width * 0.5 {
        0.10
    } else {
        0.68
    };
    let left = scene.view.width * (side + scene.rng.range(-0.04, 0.04));
    let top = scene.view.ground_row(z) - base;
    scene.card(Card::single(bitmap, (left, top), z));
}

fn palm(
    bitmap: &mut Bitmap,
    (x, foot): (f32, f32),
    (high, lean): (f32, f32),
    (trunk, leaf): (Rgb, Rgb),
) {
    let half = (high * 0.028).max(0.9);
    let head = (x + lean, foot - high);
    let bend = (x + lean * 0.3, foot - high * 0.5);
    bitmap.polygon(
        &[
            (x - half * 1.5, foot),
            (bend.0 - half, bend.1),
            (head.0 - half * 0.8, head.1),
            (head.0 + half * 0.8, head.1),
            (bend.0 + half, bend.1),
            (x + half * 1.5, foot),
        ],
        trunk,
        1.0,
    );
    for i in 0..9 {
        let angle = (i as f32 / 8.0 - 0.5) * 3.9;
        let long = high * (0.46 + 0.05 * (i % 3) as f32);
        let (dx, dy) = (angle.sin() * long, -angle.cos() * long * 0.55 + long * 0.24);
        let mid = (head.0 + dx * 0.55, head.1 + dy * 0.5 - long * 0.16);
        let thick = high * 0.045;
        bitmap.polygon(
            &[
                head,
                (mid.0, mid.1 - thick),
                (head.0 + dx, head.1 + dy),
                (mid.0, mid.1 + thick),
            ],
            leaf.scale(0.85 + 0.05 * (i % 4) as f32),
            1.0,
        );
    }
}
