//! The houses of a street: shops with awnings below, windows above.

use crate::stage::bitmap::Bitmap;
use crate::stage::card::Card;
use crate::stage::color::Rgb;
use crate::stage::scene::Scene;
use crate::stage::terrain::GROUND_Z;
use crate::stage::water::reflection;

const AWNINGS: [u32; 5] = [0xB8_3A_34, 0x2E_6E_65, 0x3A_5A_96, 0xC8_8A_30, 0x7A_3A_5E];

const WALLS: [u32; 6] = [
    0xA8_5C_4A, 0xC8_A8_78, 0x7C_84_94, 0xB8_8A_6A, 0x8C_9C_8C, 0xD0_BC_A4,
];

/// The row of houses; returns where neon signs hang, with the row of the ground.
pub fn facades(scene: &mut Scene, z: f32, wet: bool) -> Vec<(f32, f32)> {
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
    let on = scene.rng.unit() < 0.46 * look.lamp_glow;
    let warm = Rgb::hex([0xFF_D2_7A, 0xFF_BE_5C, 0xFF_E3_A8][scene.rng.below(3)]);
    let glass = look.paint(Rgb::hex(0x5C_6C_80), 0.5, z);
    let glass = glass.mix(look.middle, 0.25);
    let frame = look.paint(pigment.mix(Rgb::hex(0xF4_EA_D8), 0.35), 0.7, z);
    let edge = (0.13 * m).max(scene.view.unit * 1.1);
    let tall = 1.65 * m;
    let (left, right, bottom) = (middle - 0.52 * m, middle + 0.52 * m, top + tall);
    let (outer, sill) = (bottom + edge, bottom + edge * 1.8);
    bitmap.rect(left - edge, top - edge, right + edge, outer, frame, 0.8);
    let (high, low) = if on {
        let lit = look.through_air(warm, z * 0.5);
        (lit, lit.scale(0.86))
    } else {
        (glass.mix(look.horizon, 0.35), glass)
    };
    bitmap.rect_gradient(left, top, right, bottom, (high, 1.0), (low, 1.0));
    if on {
        let center = (middle, top + tall * 0.5);
        bitmap.glow(center, (1.56 * m, tall * 1.2), (high, 0.13));
    }
    let ledge = edge * 1.6;
    bitmap.rect(
        left - ledge,
        bottom + edge * 0.4,
        right + ledge,
        sill,
        frame,
        1.0,
    );
}

/// A shop window, a door beside it, and an awning above.
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
    let (door, head) = (right - 1.3 * m, base - 3.1 * m);
    let dark = look.paint(pigment.scale(0.45), 0.4, z);
    let least = if scene.program.lamps { 0.35 } else { 0.0 };
    let glow = look.lamp_glow.max(least);
    let open = scene.rng.chance(0.75) && glow > 0.0;
    let warm = Rgb::hex([0xFF_CB_78, 0xFF_D9_9A, 0xFF_B8_60][scene.rng.below(3)]);
    let warm = look.through_air(warm, z * 0.4);
    let glass = look.paint(Rgb::hex(0x55_68_7C), 0.55, z);
    let glass = glass.mix(look.horizon, 0.18);
    let (top, bottom) = if open {
        let dim = warm.scale(0.82);
        (
            glass.mix(warm, 0.55 + 0.45 * glow),
            glass.mix(dim, 0.45 + 0.5 * glow),
        )
    } else {
        (glass, glass.scale(0.8))
    };
    let rim = 0.14 * m;
    bitmap.rect(left - rim, head - rim, right + rim, base, dark, 1.0);
    let (end, low) = (door - 0.3 * m, base - 0.6 * m);
    bitmap.rect_gradient(left, head, end, low, (top, 1.0), (bottom, 1.0));
    let (high, low) = (head + 0.2 * m, base - 0.1 * m);
    bitmap.rect_gradient(door, high, right, low, (top, 0.8), (bottom, 0.8));
    if open {
        let middle = ((left + door) * 0.5, base - 1.6 * m);
        let radii = ((door - left) * 0.8, 2.6 * m);
        bitmap.glow(middle, radii, (warm, 0.20 * glow));
    }
    let cloth = Rgb::hex(AWNINGS[scene.rng.below(AWNINGS.len())]);
    let (bright, shade) = (look.paint(cloth, 0.9, z), look.paint(cloth, 0.45, z));
    awning(bitmap, (left, door, head), m, (bright, shade));
}

/// A sloping awning over `left..right`, hung about row `head`.
fn awning(
    bitmap: &mut Bitmap,
    (left, right, head): (f32, f32, f32),
    m: f32,
    (bright, shade): (Rgb, Rgb),
) {
    let (high, low) = (head - 0.5 * m, head + 0.45 * m);
    let (x0, x1) = (left - 0.35 * m, right + 0.35 * m);
    let slope = [(left, high), (right, high), (x1, low), (x0, low)];
    bitmap.polygon(&slope, bright, 1.0);
    bitmap.rect(x0, low - 0.16 * m, x1, low + 0.1 * m, shade, 1.0);
}
