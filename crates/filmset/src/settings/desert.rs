//! A desert: mesas far off, dunes with a lit and a shaded side, sand on the wind.

use super::trees::sun_side;
use crate::program::{Exclusion, TimeOfDay, Weather};
use crate::stage::bitmap::Bitmap;
use crate::stage::card::{Card, Motion};
use crate::stage::color::{Rgb, smoothstep};
use crate::stage::noise::{Loop, Rng};
use crate::stage::scene::Scene;
use crate::stage::terrain::{ground, plain_rows, settle};

/// A row of dunes.
struct Dunes {
    z: f32,
    /// Lowest and highest crest above the row's base, pixels of a 576x320 frame.
    heights: (f32, f32),
    /// Row of the base below the horizon, same unit.
    base: f32,
    /// Dunes over one period.
    count: usize,
}

/// Adds the layers of the desert.
pub fn build(scene: &mut Scene) {
    let sand = Rgb::hex([0x00E8_BC7A, 0x00E2_A86C, 0x00F0_CC90, 0x00DC_9860][scene.rng.below(4)]);
    mesas(scene, 3600.0, (34.0, 84.0), 0x00B0_6C54);
    mesas(scene, 2100.0, (16.0, 44.0), 0x00A8_5C40);
    floor(scene, sand);
    let view = scene.view;
    let far = scene.land.map_or(view.subject_z, |land| land.1);
    for row in [
        Dunes {
            z: 1300.0,
            heights: (12.0, 34.0),
            base: 1.0,
            count: 7,
        },
        Dunes {
            z: 520.0,
            heights: (14.0, 44.0),
            base: 6.0,
            count: 5,
        },
    ] {
        dunes(scene, &row, sand);
    }
    let z = (view.ground_z(view.horizon + scene.px(16.0)))
        .max(far * 1.25)
        .min(500.0);
    if z > far * 1.2 {
        let base = (view.ground_row(z) - view.horizon) / view.unit;
        dunes(
            scene,
            &Dunes {
                z,
                heights: (16.0, 54.0),
                base,
                count: 3,
            },
            sand,
        );
        rocks(scene, z * 0.96);
    }
    if scene.program.wind.abs() > 5.0 && scene.program.weather != Weather::Rain {
        for (ratio, size) in [(2.6, 0.7), (1.25, 1.0), (0.7, 1.5)] {
            blown_sand(scene, far * ratio, size, sand);
        }
    }
}

/// Level sand with the long soft marks of the wind.
fn floor(scene: &mut Scene, sand: Rgb) {
    let look = scene.look.clone();
    let mut card = ground(scene, |z, share| look.paint(sand, 0.92 - 0.22 * share, z));
    let plain = plain_rows(&card);
    let z = scene.view.subject_z;
    let (light, dark) = (
        look.paint(sand.mix(Rgb::hex(0x00FF_F0C8), 0.3), 1.0, z),
        look.paint(sand.scale(0.86), 0.45, z),
    );
    let (w, h) = (card.bitmap.width as f32, card.bitmap.height as f32);
    let mut y = scene.px(6.0);
    let mut gap = scene.px(4.5);
    while y < h {
        let line = Loop::new(&mut scene.rng, 3, 4, 0.4);
        let strength = Loop::new(&mut scene.rng, 2, 3, 0.5);
        for x in 0..card.bitmap.width {
            let turn = x as f32 / w;
            let fade = (0.14 + 0.42 * strength.at(turn)).max(0.0);
            let mid = y + gap * 0.9 * line.at(turn);
            for (offset, color) in [(0.0, dark), (gap * 0.32, light)] {
                let (from, to) = (mid + offset, mid + offset + gap * 0.30);
                for row in
                    from.max(0.0) as usize..(to.ceil().max(0.0) as usize).min(card.bitmap.height)
                {
                    let cover = (to.min(row as f32 + 1.0) - from.max(row as f32)).clamp(0.0, 1.0);
                    let pixel = &mut card.bitmap.row_mut(row)[x];
                    *pixel = crate::stage::bitmap::over(color.pixel(fade * cover * 0.8), *pixel);
                }
            }
        }
        y += gap;
        gap *= 1.16;
    }
    settle(&mut card, &plain);
    scene.card(card);
}

/// Table mountains with bands of stone; the air trembles over hot ground.
fn mesas(scene: &mut Scene, z: f32, heights: (f32, f32), pigment: u32) {
    let u = scene.view.unit * scene.view.far_scale().clamp(0.8, 1.4);
    let stretch = (scene.view.height / scene.px(320.0)).sqrt();
    let tallest = heights.1 * u * stretch;
    let mut bitmap = scene.strip(tallest + 10.0);
    let width = bitmap.width as f32;
    let base = tallest + 4.0;
    let air = scene.look.seen(z, 0.78);
    let look = scene.look.clone();
    let (lit, dark) = (
        look.paint(Rgb::hex(pigment), 0.9, air),
        look.paint(Rgb::hex(pigment), 0.3, air),
    );
    let mist = look.air.mix(look.horizon, 0.4);
    let side = sun_side(scene);
    let count = 3 + scene.rng.below(2);
    for i in 0..count {
        let x = (i as f32 + scene.rng.range(0.15, 0.85)) / count as f32 * width;
        let h = heights.0 * u * stretch + (tallest - heights.0 * u * stretch) * scene.rng.unit();
        mesa(&mut bitmap, &mut scene.rng, (x, base), h, (lit, dark, side));
    }
    for y in 0..bitmap.height {
        let veil = smoothstep(base - tallest * 0.7, base, y as f32) * 0.55;
        for pixel in bitmap.row_mut(y) {
            let alpha = (*pixel >> 24) as f32 / 255.0;
            if alpha > 0.0 {
                *pixel = crate::stage::bitmap::over(mist.pixel(veil * alpha), *pixel);
            }
        }
    }
    bitmap.blur(scene.defocus(z), true);
    let mut card = Card::periodic(bitmap, scene.view.horizon - base + 2.0, z).ending();
    card.left = scene.rng.range(0.0, scene.view.width);
    let hot = matches!(
        look.time,
        TimeOfDay::Morning | TimeOfDay::Noon | TimeOfDay::GoldenHour
    );
    if hot && look.weather == Weather::Clear {
        card = card.moving(Motion::Ripple(scene.px(0.9)));
    }
    scene.card(card);
}

/// One table mountain: a cliff with bands above a foot of rubble.
fn mesa(
    bitmap: &mut Bitmap,
    rng: &mut Rng,
    (x, base): (f32, f32),
    h: f32,
    (lit, dark, side): (Rgb, Rgb, f32),
) {
    let half = h * rng.range(0.45, 1.7);
    let (cliff, foot) = (h * 0.55, half + h * 0.75);
    let step = rng.range(0.1, 0.3) * half;
    let shape = [
        (x - foot, base),
        (x - half, base - h + cliff),
        (x - half * 0.93, base - h + cliff * 0.2),
        (x - half + step, base - h),
        (x + half - step * 0.6, base - h),
        (x + half * 0.95, base - h + cliff * 0.3),
        (x + half, base - h + cliff),
        (x + foot, base),
    ];
    bitmap.polygon(&shape, lit, 1.0);
    let shade = [
        (x - side * foot, base),
        (x - side * half, base - h + cliff),
        (x - side * half * 0.94, base - h + cliff * 0.3),
        (x - side * (half - step), base - h),
        (x - side * half * 0.32, base - h),
        (x - side * half * 0.45, base - h + cliff * 0.6),
        (x - side * half * 0.25, base - h + cliff),
        (x - side * half * 0.5, base),
    ];
    bitmap.polygon(&shade, dark, 0.85);
    for band in 1..4 {
        let y = base - h + cliff * 0.27 * band as f32;
        let thick = (h * 0.03).max(1.0);
        bitmap.rect(x - half * 0.94, y, x + half * 0.94, y + thick, dark, 0.28);
    }
}

/// A row of dunes: each a smooth back toward the sun and a steep shaded slope, parted by a
/// crisp winding crest.
fn dunes(scene: &mut Scene, row: &Dunes, sand: Rgb) {
    let u = scene.view.unit * scene.view.far_scale().clamp(0.85, 1.3);
    let tallest = row.heights.1 * u;
    let below = if row.z > 1000.0 { 4.0 } else { 10.0 } * scene.view.unit;
    let mut bitmap = scene.strip(tallest + below + 4.0);
    let width = bitmap.width as f32;
    let base = tallest + 3.0;
    let air = scene.look.seen(row.z, 0.80);
    let look = scene.look.clone();
    let tone = Tones {
        lit: look.paint(sand.mix(Rgb::hex(0x00FF_F0CC), 0.25), 1.0, air),
        plain: look.paint(sand, 0.8, air),
        shade: look.paint(sand.mix(Rgb::hex(0x00B0_6058), 0.35), 0.22, air),
        foot: look.paint(sand, 0.84, air),
    };
    let side = sun_side(scene);
    let rng = &mut scene.rng;
    for i in 0..row.count {
        let x = (i as f32 + rng.range(0.1, 0.9)) / row.count as f32 * width;
        let h = (row.heights.0 + (row.heights.1 - row.heights.0) * rng.unit()) * u;
        dune(&mut bitmap, rng, (x, base), (h, below), side, &tone);
    }
    for x in 0..bitmap.width {
        for y in base as usize..bitmap.height {
            let fade = smoothstep(base + below, base, y as f32 + 0.5);
            let pixel = &mut bitmap.row_mut(y)[x];
            *pixel = crate::stage::bitmap::over(tone.foot.pixel(fade * 0.6), *pixel);
        }
    }
    bitmap.blur(scene.defocus(row.z), true);
    let top = scene.view.horizon + row.base * scene.view.unit - base;
    let mut card = Card::periodic(bitmap, top, row.z).ending();
    card.left = scene.rng.range(0.0, scene.view.width);
    scene.card(card);
}

struct Tones {
    lit: Rgb,
    plain: Rgb,
    shade: Rgb,
    foot: Rgb,
}

fn dune(
    bitmap: &mut Bitmap,
    rng: &mut Rng,
    (x, base): (f32, f32),
    (h, below): (f32, f32),
    side: f32,
    tone: &Tones,
) {
    // The long back lies toward the sun; its other side falls off steeply.
    let (back, lee) = (h * rng.range(3.6, 6.0), h * rng.range(1.8, 2.8));
    let bend = rng.range(-0.5, 0.5);
    for column in -(back.max(lee) as i64)..=back.max(lee) as i64 {
        let d = column as f32 * side; // positive toward the sun
        let t = if d >= 0.0 { d / back } else { -d / lee };
        if t >= 1.0 {
            continue;
        }
        let profile = if d >= 0.0 {
            (1.0 - t * t).powi(2)
        } else {
            (1.0 - t).powf(1.35)
        };
        let top = base - h * profile;
        let at = (x as i64 + column).rem_euclid(bitmap.width as i64) as usize;
        let end = base + below * (1.0 - t) * 0.8;
        for y in top.floor().max(0.0) as usize..(end.ceil() as usize).min(bitmap.height) {
            let down = (y as f32 + 0.5 - (base - h)) / (h + below);
            // The crest winds down from the summit toward the viewer.
            let crest = h * (1.3 * down + bend * (down * 4.2).sin() - 0.1);
            let dark = smoothstep(-crest * 0.0 - 1.2, 1.2, crest - d - h * 0.12 * down);
            let sheen = smoothstep(0.75, 0.0, (d - crest).abs() / (h * 1.8));
            let lit = tone.plain.mix(tone.lit, sheen);
            let shade = tone.shade.mix(tone.plain, 0.55 * down * down);
            let color = lit
                .mix(shade, dark)
                .mix(tone.foot, smoothstep(0.55, 1.0, down) * 0.8);
            let cover = (y as f32 + 1.0 - top).clamp(0.0, 1.0)
                * smoothstep(end, end - below * 0.6, y as f32);
            let pixel = &mut bitmap.row_mut(y)[at];
            *pixel = crate::stage::bitmap::over(color.pixel(cover), *pixel);
        }
    }
}

/// Stones and cacti in small groups.
fn rocks(scene: &mut Scene, z: f32) {
    let tall = (3.4 * scene.view.per_meter(z)).clamp(scene.px(22.0), scene.px(64.0));
    let foot = tall * 1.1;
    let mut bitmap = scene.strip(foot + scene.px(6.0));
    let width = bitmap.width as f32;
    let look = scene.look.clone();
    let side = sun_side(scene);
    let stone = (
        look.paint(Rgb::hex(0x00A8_7054), 0.95, z),
        look.paint(Rgb::hex(0x007C_4C40), 0.25, z),
    );
    let green = (
        look.paint(Rgb::hex(0x0084_A858), 0.95, z),
        look.paint(Rgb::hex(0x003C_6444), 0.35, z),
    );
    let plants = !scene.without(Exclusion::Trees) && scene.rng.chance(0.7);
    for i in 0..4 {
        let x = (i as f32 + scene.rng.range(0.15, 0.85)) / 4.0 * width;
        let shadow = look.paint(Rgb::hex(0x007A_5044), 0.2, z);
        bitmap.blob(
            (x - side * tall * 0.3, foot),
            (tall * 0.5, scene.px(2.2)),
            0.3,
            (shadow, 0.45),
        );
        if plants && scene.rng.chance(0.6) {
            let h = tall * scene.rng.range(0.7, 1.0);
            cactus(&mut bitmap, &mut scene.rng, (x, foot), h, side, green);
        } else {
            let r = tall * scene.rng.range(0.16, 0.34);
            for (dx, s) in [(0.0, 1.0), (1.3 * side, 0.55), (-1.2 * side, 0.4)] {
                boulder(
                    &mut bitmap,
                    &mut scene.rng,
                    (x + dx * r, foot),
                    r * s,
                    side,
                    stone,
                );
            }
        }
    }
    bitmap.blur(scene.defocus(z), true);
    let mut card = Card::periodic(bitmap, scene.view.ground_row(z) - foot, z).ending();
    card.left = scene.rng.range(0.0, scene.view.width);
    scene.card(card);
}

fn boulder(
    bitmap: &mut Bitmap,
    rng: &mut Rng,
    (x, foot): (f32, f32),
    r: f32,
    side: f32,
    (lit, dark): (Rgb, Rgb),
) {
    let lift = rng.range(0.9, 1.2);
    let body = [
        (x - r * 1.2, foot),
        (x - r, foot - r * 0.6),
        (x - r * 0.35, foot - r * lift),
        (x + r * 0.4, foot - r * lift * 0.92),
        (x + r, foot - r * 0.5),
        (x + r * 1.15, foot),
    ];
    bitmap.polygon(&body, dark, 1.0);
    let face = [
        (x + side * r * 0.1, foot - r * 0.3),
        (x - side * r * 0.25, foot - r * lift * 0.98),
        (x + side * r * 0.4, foot - r * lift * 0.92),
        (x + side * r, foot - r * 0.5),
        (x + side * r * 1.12, foot),
        (x + side * r * 0.3, foot),
    ];
    bitmap.polygon(&face, lit, 0.95);
}

/// A cactus with raised arms.
fn cactus(
    bitmap: &mut Bitmap,
    rng: &mut Rng,
    (x, foot): (f32, f32),
    h: f32,
    side: f32,
    tones: (Rgb, Rgb),
) {
    let w = h * 0.085;
    let limb = |bitmap: &mut Bitmap, x: f32, top: f32, bottom: f32, w: f32| {
        for (color, from, to) in [
            (tones.1, -w, w),
            (tones.0, w * (0.1 * side - 0.35), w * (0.5 + 0.35 * side)),
        ] {
            bitmap.rect(x + from, top, x + to.min(w), bottom, color, 1.0);
        }
        bitmap.blob((x, top), (w, w), 0.9, (tones.1, 1.0));
        bitmap.blob(
            (x + side * w * 0.35, top),
            (w * 0.6, w * 0.8),
            0.85,
            (tones.0, 0.95),
        );
    };
    limb(bitmap, x, foot - h, foot, w);
    for s in [-1.0, 1.0] {
        let (low, up) = (foot - h * rng.range(0.34, 0.55), h * rng.range(0.2, 0.34));
        let out = x + s * h * 0.2;
        bitmap.rect(
            x.min(out),
            low - w * 0.75,
            x.max(out),
            low + w * 0.75,
            tones.1,
            1.0,
        );
        limb(bitmap, out, low - up, low + w * 0.4, w * 0.8);
    }
}

/// Veils of sand that the wind drives low over the ground.
fn blown_sand(scene: &mut Scene, z: f32, size: f32, sand: Rgb) {
    let view = scene.view;
    let wind = scene.program.wind;
    let half = scene.px(26.0 * size);
    let mut bitmap = scene.strip(half * 2.0);
    let color = scene
        .look
        .paint(sand.mix(Rgb::hex(0x00FF_EECC), 0.4), 1.0, z);
    let width = bitmap.width as f32;
    let strength = smoothstep(4.0, 12.0, wind.abs());
    for _ in 0..(26.0 / size) as usize {
        let (x, y) = (scene.rng.unit() * width, half * scene.rng.range(0.3, 1.7));
        let rx = scene.rng.range(40.0, 110.0) * size * view.unit;
        let ry = scene.rng.range(1.4, 4.0) * size * view.unit;
        bitmap.blob((x, y), (rx, ry), 0.0, (color, 0.24 + 0.4 * strength));
    }
    let speed = wind * 24.0 * size * view.unit;
    let top = view.ground_row(z) - half * 1.4;
    scene.card(
        Card::periodic(bitmap, top, z)
            .ending()
            .moving(Motion::Drift(speed)),
    );
}
