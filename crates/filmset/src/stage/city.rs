//! Rows of buildings with windows.

use super::bitmap::Bitmap;
use super::card::Card;
use super::color::Rgb;
use super::noise::Rng;
use super::scene::Scene;

/// One row of a skyline.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Depth, metres.
    pub z: f32,
    /// Lowest and highest roof above `base`, pixels of a 576x320 frame.
    pub heights: (f32, f32),
    /// Narrowest and widest building, same unit.
    pub widths: (f32, f32),
    /// Row of the street, pixels of a 576x320 frame below the horizon.
    pub base: f32,
    /// Pigment of the walls.
    pub pigment: Rgb,
    /// Share of windows with light in them when lamps are on, 0 to 1.
    pub lit: f32,
}

/// A row of buildings that stands on the ground: nothing of it lies below its street.
pub fn standing(scene: &mut Scene, row: &Row) -> Card {
    let mut card = skyline(scene, row);
    let foot = scene.view.horizon + row.base * scene.view.unit;
    let rows = ((foot - card.top).round() as usize).clamp(1, card.bitmap.height);
    card.bitmap.pixels.truncate(rows * card.bitmap.width);
    card.bitmap.height = rows;
    card.ending()
}

/// A row of buildings.
pub fn skyline(scene: &mut Scene, row: &Row) -> Card {
    let u = scene.view.unit;
    let far = scene.view.far_scale().clamp(0.8, 1.6);
    let tallest = row.heights.1 * u * far * 1.25;
    let top = scene.view.horizon + row.base * u - tallest - 4.0 * u;
    let mut bitmap = scene.strip(tallest + 6.0 * u + scene.view.height * 0.6);
    let base = tallest + 4.0 * u;
    let mut x = 0.0;
    let width = bitmap.width as f32;
    while x < width - 4.0 * u {
        let mut w = scene.rng.range(row.widths.0, row.widths.1) * u * far.sqrt();
        if width - x - w < row.widths.0 * u {
            w = width - x;
        }
        let tall = scene.rng.unit().powf(1.3);
        let h = (row.heights.0 + (row.heights.1 - row.heights.0) * tall) * u * far;
        building(scene, &mut bitmap, row, (x, x + w), (base - h, base));
        x += w + if scene.rng.chance(0.35) {
            scene.rng.range(2.0, 9.0) * u
        } else {
            0.0
        };
    }
    let sigma = scene.defocus(row.z);
    bitmap.blur(sigma, true);
    Card::periodic(bitmap, top, row.z)
}

fn building(
    scene: &mut Scene,
    bitmap: &mut Bitmap,
    row: &Row,
    (x0, x1): (f32, f32),
    (roof, base): (f32, f32),
) {
    let u = scene.view.unit;
    let look = scene.look.clone();
    let rng = &mut scene.rng;
    let tint = row.pigment.scale(rng.range(0.86, 1.14));
    let wall = look.paint(tint, 0.42, row.z);
    let foot = wall.mix(look.air, 0.28);
    let bottom = bitmap.height as f32;
    let sun_left = look.sun_at.0 < scene.view.width * 0.5;
    bitmap.rect_gradient(x0, roof, x1, base, (wall, 1.0), (foot, 1.0));
    bitmap.rect(x0, base, x1, bottom, foot, 1.0);
    let side = (x1 - x0) * 0.22;
    let (lx0, lx1) = if sun_left {
        (x0, x0 + side)
    } else {
        (x1 - side, x1)
    };
    let lit = look.paint(tint, 0.95, row.z);
    bitmap.rect_gradient(lx0, roof, lx1, base, (lit, 0.75), (foot, 0.4));
    roofline(bitmap, rng, wall, (x0, x1), roof, u);
    windows(bitmap, rng, &look, row, (x0, x1), (roof, base), u);
}

fn roofline(
    bitmap: &mut Bitmap,
    rng: &mut Rng,
    wall: Rgb,
    (x0, x1): (f32, f32),
    roof: f32,
    u: f32,
) {
    let (w, mid) = (x1 - x0, (x0 + x1) * 0.5);
    let mut block = |left: f32, right: f32, high: f32| {
        bitmap.rect(left, roof - high * u, right, roof + 1.0, wall, 1.0);
    };
    match rng.below(6) {
        0 => block(mid - 1.2 * u, mid + 1.2 * u, 13.0),
        1 => block(x0 + w * 0.2, x1 - w * 0.2, 6.0),
        2 => {
            block(x0 + w * 0.15, x0 + w * 0.4, 5.0);
            block(x1 - w * 0.25, x1 - w * 0.25 + 2.2 * u, 9.0);
        }
        3 => {
            for step in 1..=4 {
                let (inset, high) = (w * 0.11 * step as f32, 3.5 * step as f32);
                block(x0 + inset, x1 - inset, high);
            }
        }
        _ => {}
    }
}

fn windows(
    bitmap: &mut Bitmap,
    rng: &mut Rng,
    look: &super::look::Look,
    row: &Row,
    (x0, x1): (f32, f32),
    (roof, base): (f32, f32),
    u: f32,
) {
    let (ww, wh) = (4.2 * u, 5.2 * u);
    let (gx, gy) = (9.6 * u, 11.6 * u);
    let columns = ((x1 - x0 - 6.0 * u) / gx).floor().max(0.0) as usize;
    let rows = ((base - roof - 8.0 * u) / gy).floor().clamp(0.0, 16.0) as usize;
    let left = (x0 + x1) * 0.5 - (columns as f32 * gx - (gx - ww)) * 0.5;
    let glass = look.paint(row.pigment.scale(0.62), 0.35, row.z);
    let mirror = look.paint(Rgb::hex(0xBC_D0_DE), 0.8, row.z);
    let keep = 1.0 - look.haze(row.z) * 0.75;
    for j in 0..rows {
        for i in 0..columns {
            let (x, y) = (left + i as f32 * gx, roof + 7.0 * u + j as f32 * gy);
            let lamp = rng.unit();
            let warm = [0xFF_D2_7A, 0xFF_BE_5C, 0xFF_E3_A8, 0xFF_A9_5C][rng.below(4)];
            let on = lamp < row.lit * look.lamp_glow;
            let (color, alpha) = if on {
                (Rgb::hex(warm), keep)
            } else if look.lamp_glow < 0.2 && lamp > 0.8 {
                (mirror, 0.5 * keep)
            } else {
                (glass, 0.55 * keep)
            };
            bitmap.rect(x, y, x + ww, y + wh, color, alpha);
            if on {
                bitmap.glow(
                    (x + ww / 2.0, y + wh / 2.0),
                    (ww * 1.7, wh * 1.7),
                    (color, 0.16 * keep),
                );
            }
        }
    }
}
