//! A city street: towers behind, a row of shops with flats above, lamps along the pavement, and a
//! road that mirrors it all when wet.

use crate::program::{Exclusion, Weather};
use crate::stage::bitmap::Bitmap;
use crate::stage::card::Card;
use crate::stage::city::{Row, standing};
use crate::stage::color::Rgb;
use crate::stage::lamps::Lamp;
use crate::stage::noise::Rng;
use crate::stage::scene::Scene;
use crate::stage::terrain::{GROUND_Z, ground, leafy_tree};
use crate::stage::water::reflection;

const WALLS: [u32; 6] = [
    0xA8_5C_4A, 0xC8_A8_78, 0x7C_84_94, 0xB8_8A_6A, 0x8C_9C_8C, 0xD0_BC_A4,
];
const AWNINGS: [u32; 5] = [0xB8_3A_34, 0x2E_6E_65, 0x3A_5A_96, 0xC8_8A_30, 0x7A_3A_5E];
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

/// The row of houses; returns where neon signs hang, with the row of the ground.
fn facades(scene: &mut Scene, z: f32, wet: bool) -> Vec<(f32, f32)> {
    let view = scene.view;
    let m = view.per_meter(z).clamp(scene.px(9.0), scene.px(34.0));
    let foot = view.ground_row(z);
    let tallest = (foot - view.height * 0.04).max(6.0 * m);
    let mut bitmap = scene.strip(tallest);
    let width = bitmap.width as f32;
    let mut neons = Vec::new();
    let mut x = 0.0;
    while x < width - 2.0 * m {
        let mut wide = scene.rng.range(6.0, 10.5) * m;
        if width - x - wide < 6.0 * m {
            wide = width - x;
        }
        let most = ((tallest - 4.6 * m) / (3.2 * m)).floor().max(1.0);
        let floors = (most * scene.rng.range(0.55, 1.0)).round().max(1.0);
        house(scene, &mut bitmap, (x, x + wide - 0.06 * m), (m, z, floors));
        neons.push((x + wide * 0.5, tallest - 4.3 * m));
        x += wide;
        if scene.rng.chance(0.28) {
            x += 2.2 * m; // a side street lets the sky in
        }
    }
    bitmap.blur(scene.defocus(z), true);
    let top = foot - tallest;
    let mut card = Card::periodic(bitmap, top, z).ending();
    card.left = scene.rng.range(-1.0, 0.0) * view.width * 0.5;
    if wet {
        let mut mirrored = reflection(scene, &card, foot, 0.42);
        mirrored.z = GROUND_Z - 3.0;
        scene.card(mirrored);
    }
    let left = card.left;
    scene.card(card);
    neons
        .into_iter()
        .map(|(x, y)| (x + left, y + top))
        .collect()
}

fn house(
    scene: &mut Scene,
    bitmap: &mut Bitmap,
    (x0, x1): (f32, f32),
    (m, z, floors): (f32, f32, f32),
) {
    let look = scene.look.clone();
    let base = bitmap.height as f32;
    let roof = base - (4.4 + 3.2 * floors) * m;
    let pigment = Rgb::hex(WALLS[scene.rng.below(WALLS.len())]).scale(scene.rng.range(0.9, 1.08));
    let wall = look.paint(pigment, 0.55, z);
    let foot = look.paint(pigment, 0.35, z);
    bitmap.rect_gradient(x0, roof, x1, base, (wall, 1.0), (foot, 1.0));
    let trim = look.paint(pigment.mix(Rgb::hex(0xF4_EA_D8), 0.5), 0.8, z);
    bitmap.rect(
        x0 - 0.12 * m,
        roof - 0.35 * m,
        x1 + 0.12 * m,
        roof + 0.22 * m,
        trim,
        1.0,
    );
    bitmap.rect(x0, base - 4.3 * m, x1, base - 3.95 * m, trim, 0.9);
    let columns = (((x1 - x0) / m) / 2.2).floor().max(1.0);
    let pitch = (x1 - x0) / columns;
    for floor in 0..floors as usize {
        let top = roof + (0.85 + 3.2 * floor as f32) * m;
        for column in 0..columns as usize {
            let middle = x0 + (column as f32 + 0.5) * pitch;
            window(scene, bitmap, (middle, top), (m, z), pigment);
        }
    }
    shop(scene, bitmap, (x0, x1), (m, z), pigment);
}

fn window(
    scene: &mut Scene,
    bitmap: &mut Bitmap,
    (middle, top): (f32, f32),
    (m, z): (f32, f32),
    pigment: Rgb,
) {
    let look = &scene.look;
    let (half, tall) = (0.52 * m, 1.65 * m);
    let on = scene.rng.unit() < 0.46 * look.lamp_glow;
    let warm = Rgb::hex([0xFF_D2_7A, 0xFF_BE_5C, 0xFF_E3_A8][scene.rng.below(3)]);
    let glass = look
        .paint(Rgb::hex(0x5C_6C_80), 0.5, z)
        .mix(look.middle, 0.25);
    let frame = look.paint(pigment.mix(Rgb::hex(0xF4_EA_D8), 0.35), 0.7, z);
    let edge = (0.13 * m).max(scene.view.unit * 1.1);
    bitmap.rect(
        middle - half - edge,
        top - edge,
        middle + half + edge,
        top + tall + edge,
        frame,
        0.8,
    );
    if on {
        let lit = look.through_air(warm, z * 0.5);
        bitmap.rect_gradient(
            middle - half,
            top,
            middle + half,
            top + tall,
            (lit, 1.0),
            (lit.scale(0.86), 1.0),
        );
        bitmap.glow(
            (middle, top + tall * 0.5),
            (half * 3.0, tall * 1.2),
            (lit, 0.13),
        );
    } else {
        let shine = glass.mix(look.horizon, 0.35);
        bitmap.rect_gradient(
            middle - half,
            top,
            middle + half,
            top + tall,
            (shine, 1.0),
            (glass, 1.0),
        );
    }
    bitmap.rect(
        middle - half - edge * 1.6,
        top + tall + edge * 0.4,
        middle + half + edge * 1.6,
        top + tall + edge * 1.8,
        frame,
        1.0,
    );
}

/// A shop window with an awning, and a door beside it.
fn shop(
    scene: &mut Scene,
    bitmap: &mut Bitmap,
    (x0, x1): (f32, f32),
    (m, z): (f32, f32),
    pigment: Rgb,
) {
    let look = scene.look.clone();
    let base = bitmap.height as f32;
    let (left, right) = (x0 + 0.5 * m, x1 - 0.5 * m);
    let door = right - 1.3 * m;
    let dark = look.paint(pigment.scale(0.45), 0.4, z);
    let glow = look
        .lamp_glow
        .max(if scene.program.lamps { 0.35 } else { 0.0 });
    let open = scene.rng.chance(0.75) && glow > 0.0;
    let warm = look.through_air(
        Rgb::hex([0xFF_CB_78, 0xFF_D9_9A, 0xFF_B8_60][scene.rng.below(3)]),
        z * 0.4,
    );
    let glass = look
        .paint(Rgb::hex(0x55_68_7C), 0.55, z)
        .mix(look.horizon, 0.18);
    let (top, bottom) = if open {
        (
            glass.mix(warm, 0.55 + 0.45 * glow),
            glass.mix(warm.scale(0.82), 0.45 + 0.5 * glow),
        )
    } else {
        (glass, glass.scale(0.8))
    };
    let head = base - 3.1 * m;
    bitmap.rect(
        left - 0.14 * m,
        head - 0.14 * m,
        right + 0.1 * m,
        base,
        dark,
        1.0,
    );
    bitmap.rect_gradient(
        left,
        head,
        door - 0.3 * m,
        base - 0.6 * m,
        (top, 1.0),
        (bottom, 1.0),
    );
    bitmap.rect_gradient(
        door,
        head + 0.2 * m,
        right,
        base - 0.1 * m,
        (top, 0.8),
        (bottom, 0.8),
    );
    if open {
        let middle = ((left + door) * 0.5, base - 1.6 * m);
        bitmap.glow(middle, ((door - left) * 0.8, 2.6 * m), (warm, 0.20 * glow));
    }
    let cloth = Rgb::hex(AWNINGS[scene.rng.below(AWNINGS.len())]);
    let (bright, shade) = (look.paint(cloth, 0.9, z), look.paint(cloth, 0.45, z));
    let (high, low) = (head - 0.5 * m, head + 0.45 * m);
    let over = 0.35 * m;
    bitmap.polygon(
        &[
            (left, high),
            (door, high),
            (door + over, low),
            (left - over, low),
        ],
        bright,
        1.0,
    );
    bitmap.rect(
        left - over,
        low - 0.16 * m,
        door + over,
        low + 0.1 * m,
        shade,
        1.0,
    );
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
    let iron = scene.look.paint(Rgb::hex(0x3A_3E_48), 0.35, z);
    let half = (0.075 * m).max(scene.px(1.2));
    let count = (width / (8.5 * m)).round().clamp(2.0, 6.0) as usize;
    let shift = scene.rng.range(-0.4, 0.0) * view.width;
    for i in 0..count {
        let x = (i as f32 + 0.5) / count as f32 * width;
        bitmap.rect(x - half, tall * 0.09, x + half, tall + 2.0, iron, 1.0);
        bitmap.rect(
            x - half * 2.2,
            tall * 0.94,
            x + half * 2.2,
            tall + 2.0,
            iron,
            1.0,
        );
        let glass = if scene.look.lamp_glow > 0.2 {
            Rgb::hex(0xFF_E2_A8)
        } else {
            scene.look.horizon
        };
        bitmap.polygon(
            &[
                (x - 0.20 * m, tall * 0.03),
                (x + 0.20 * m, tall * 0.03),
                (x + 0.14 * m, tall * 0.12),
                (x - 0.14 * m, tall * 0.12),
            ],
            glass,
            1.0,
        );
        bitmap.rect(
            x - 0.24 * m,
            tall * 0.01,
            x + 0.24 * m,
            tall * 0.04,
            iron,
            1.0,
        );
        if scene.look.lamp_glow > 0.2 {
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
    }
    bitmap.blur(scene.defocus(z), true);
    let mut card = Card::periodic(bitmap, foot - tall, z).ending();
    card.left = shift;
    scene.card(card);
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
