//! What hangs over a forest: masses of leaves, shafts of light, boughs near the camera.

use super::forest::{Row, Wood, foliage};
use super::trees::{Foliage, sun_side, tuft};
use crate::program::{CameraMove, Weather};
use crate::stage::bitmap::Bitmap;
use crate::stage::card::{Card, Motion};
use crate::stage::color::smoothstep;
use crate::stage::noise::{Loop, Rng};
use crate::stage::scene::Scene;

/// Fills a bitmap from its top down to `edge(turn)` with leaves: a dark mass, tufts along its
/// hem, some light ones above.
pub fn leaf_mass(
    rng: &mut Rng,
    bitmap: &mut Bitmap,
    size: f32,
    edge: impl Fn(f32) -> f32,
    tones: &Foliage,
) {
    let width = bitmap.width as f32;
    let solid = tones.dark.pixel(1.0);
    for x in 0..bitmap.width {
        let end = edge(x as f32 / width) - size * 0.7;
        for y in 0..(end.max(0.0) as usize).min(bitmap.height) {
            bitmap.pixels[y * bitmap.width + x] = solid;
        }
    }
    let columns = (width / (size * 0.8)) as usize;
    for i in 0..columns {
        let turn = (i as f32 + rng.unit()) / columns as f32;
        let hem = edge(turn);
        let mut y = hem;
        while y > size {
            let scale = if y >= hem {
                rng.range(0.75, 1.15)
            } else {
                rng.range(0.6, 0.9)
            };
            if y > hem - size * 1.5 || rng.chance(0.7) {
                tuft(
                    bitmap,
                    rng,
                    (turn * width, y - size * 0.5),
                    size * scale,
                    tones,
                );
            }
            y -= size * 1.1;
        }
    }
}

/// How far down a moving camera brings what hangs at depth `z`, pixels.
pub fn sinks(scene: &Scene, z: f32) -> f32 {
    let rig = &scene.program.camera;
    let nearness = scene.view.subject_z / z;
    match rig.motion {
        CameraMove::CraneUp => rig.amount.abs() * scene.view.height * nearness,
        // Walking back, the camera comes to stand under what hung behind it.
        CameraMove::PullBack if nearness > 1.0 => scene.view.height,
        _ => 0.0,
    }
}

/// Shafts of sunlight between the trunks; they spread from above the sun.
pub fn shafts(scene: &mut Scene, z: f32) {
    let look = scene.look.clone();
    if look.sun_clear < 0.5 || look.is_night() {
        return;
    }
    let view = scene.view;
    let (mx, my) = (
        view.width * 0.35 + scene.margin.0,
        scene.margin.1 + scene.px(20.0),
    );
    let mut bitmap = Bitmap::new(
        (view.width + 2.0 * mx) as usize,
        (view.ground_row(z) + my + scene.px(14.0)) as usize,
    );
    let source = (
        look.sun_at.0 + mx - sun_side(scene) * -scene.px(60.0),
        my - view.height * 0.55,
    );
    let beams = Loop::new(&mut scene.rng, 9, 5, 0.9);
    let color = look.halo.mix(look.sun, 0.35);
    let strength = if look.weather == Weather::Fog {
        0.30
    } else {
        0.36
    };
    let (w, h) = (bitmap.width as f32, bitmap.height as f32);
    // How bright a beam is at each angle, from -3 to 3 across over down.
    let table: Vec<f32> = (0..=1536)
        .map(|i| {
            let angle = i as f32 / 256.0 - 3.0;
            let beam = smoothstep(0.12, 0.62, beams.at(angle * 0.32 + 0.5));
            strength * beam * (-(angle * angle) * 0.45).exp()
        })
        .collect();
    let ends: Vec<f32> = (0..bitmap.width)
        .map(|x| smoothstep(0.0, 0.18, x as f32 / w) * smoothstep(1.0, 0.82, x as f32 / w))
        .collect();
    for y in 0..bitmap.height {
        let down = y as f32 / h;
        let fall = smoothstep(1.0, 0.55, down) * (1.0 - 0.35 * down);
        let per_column = 256.0 / (y as f32 + 0.5 - source.1).max(1.0);
        for (x, pixel) in bitmap.row_mut(y).iter_mut().enumerate() {
            let at = (x as f32 + 0.5 - source.0) * per_column + 768.0;
            let bright = table[at.clamp(0.0, 1536.0) as usize] * ends[x] * fall;
            if bright > 0.004 {
                *pixel = color.pixel(bright) & 0x00FF_FFFF; // light adds and hides nothing
            }
        }
    }
    scene.card(Card::single(bitmap, (-mx, -my), z));
}

/// Dark trunks and boughs near the camera, at the edges of the first frame.
pub fn frame_branches(scene: &mut Scene, wood: &Wood, z: f32) {
    let view = scene.view;
    let row = Row {
        z,
        tall: 0.0,
        mist: 0.0,
        dense: 0.0,
    };
    let dark_wood = scene.rng.chance(wood.conifers);
    let mut tones = foliage(scene, wood, dark_wood, &row);
    tones.light = tones.dark.mix(tones.light, 0.4);
    tones.dark = tones.dark.scale(0.62);
    tones.bark = tones.bark.scale(0.7);
    tones.bark_light = tones.bark.mix(tones.bark_light, 0.45);
    let above = scene.px(60.0);
    let mut bitmap = scene.strip(above + view.height * 0.42);
    let low = above - scene.px(8.0);
    let line = Loop::new(&mut scene.rng, 2, 3, 0.5);
    let (width, size) = (bitmap.width as f32, scene.px(26.0));
    let (deepest, swing) = (scene.px(70.0) * scene.rng.range(0.6, 1.0), scene.px(14.0));
    let hem = |turn: f32| {
        // Deep at the corners of the frame, thin above its middle.
        let along = turn * width / view.width;
        let corner = smoothstep(0.30, 0.0, along) + smoothstep(0.68, 1.05, along);
        low + corner.min(1.0) * deepest + swing * line.at(turn)
    };
    leaf_mass(&mut scene.rng, &mut bitmap, size, hem, &tones);
    bitmap.blur(scene.defocus(z).max(scene.px(0.9)), true);
    let size = scene.px(1.0 + scene.program.wind.abs() * 0.22);
    let motion = Motion::Bob(size, scene.rng.unit());
    scene.card(
        Card::periodic(bitmap, -above, z)
            .ending()
            .rising()
            .moving(motion),
    );
}
