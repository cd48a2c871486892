//! Sky, sun, moon, stars and clouds.

use super::bitmap::Bitmap;
use super::camera::View;
use super::card::{Card, Motion};
use super::color::smoothstep;
use super::look::Look;
use super::noise::Rng;
use crate::program::{Exclusion, Program, TimeOfDay, Weather};

/// Sky gradient with the sun's halo, as one card wide enough for `margin` pixels of pan and tilt.
pub fn backdrop(program: &Program, view: &View, look: &Look, margin: (f32, f32)) -> Card {
    let (mx, my) = (margin.0.ceil() + 2.0, margin.1.ceil() + 2.0);
    let mut bitmap = Bitmap::new(
        (view.width + 2.0 * mx) as usize,
        (view.height + 2.0 * my) as usize,
    );
    let horizon = view.horizon + my;
    for y in 0..bitmap.height {
        let height = (horizon - y as f32 - 0.5) / view.horizon.max(view.height * 0.3);
        let pixel = look.sky(height.clamp(0.0, 1.2)).pixel(1.0);
        bitmap.row_mut(y).fill(pixel);
    }
    let sun = (look.sun_at.0 + mx, look.sun_at.1 + my);
    if look.is_night() && program.weather == Weather::Clear {
        stars(&mut bitmap, program, view, horizon);
    }
    halo(&mut bitmap, view, look, sun);
    let mut card = Card::single(bitmap, (-mx, -my), f32::INFINITY);
    card.extend_below = true;
    card
}

fn halo(bitmap: &mut Bitmap, view: &View, look: &Look, (x, y): (f32, f32)) {
    let clear = look.sun_clear;
    if clear <= 0.0 {
        return;
    }
    let u = view.unit;
    let night = look.is_night();
    let reach = if night { 120.0 } else { 300.0 } * u;
    let strength = if night { 0.30 } else { 0.62 } * clear;
    bitmap.halo(
        (x, y),
        (reach * 1.7, reach * 1.15),
        (look.halo, strength * 0.75),
    );
    bitmap.halo(
        (x, y),
        (reach * 0.62, reach * 0.56),
        (look.halo.mix(look.sun, 0.5), strength * 0.8),
    );
    if clear < 0.3 {
        return;
    }
    let low = matches!(
        look.time,
        TimeOfDay::Dawn | TimeOfDay::GoldenHour | TimeOfDay::Dusk
    );
    let radius = if night {
        11.0
    } else if low {
        17.0
    } else {
        13.0
    } * u;
    bitmap.halo(
        (x, y),
        (radius * 3.6, radius * 3.6),
        (look.sun, 0.7 * clear),
    );
    let soft = if look.weather == Weather::Fog {
        0.5
    } else {
        0.88
    };
    bitmap.blob((x, y), (radius, radius), soft, (look.sun, clear.min(0.98)));
}

fn stars(bitmap: &mut Bitmap, program: &Program, view: &View, horizon: f32) {
    let mut rng = Rng::new(program.seed, 0x57A2);
    let area = bitmap.width as f32 * horizon / (view.unit * view.unit);
    for _ in 0..(area / 1500.0) as usize {
        let x = rng.range(0.0, bitmap.width as f32);
        let y = rng.range(0.0, 1.0).powf(1.4) * horizon * 0.92;
        let bright = rng.range(0.25, 1.0);
        let r = rng.range(1.3, 2.1) * view.unit;
        let fade = 1.0 - (y / horizon).powi(2);
        bitmap.glow(
            (x, y),
            (r, r),
            (super::color::Rgb::hex(0xE8_EE_FF), bright * fade),
        );
    }
}

/// Cards of clouds that drift with the wind; none without clouds in the air.
pub fn clouds(program: &Program, view: &View, look: &Look) -> Vec<Card> {
    let mut rng = Rng::new(program.seed, 0xC10D);
    if program.without.contains(&Exclusion::Clouds) || program.weather == Weather::Fog {
        return Vec::new();
    }
    let overcast = program.weather != Weather::Clear;
    let count = if overcast { 2 } else { 1 };
    let mut cards = Vec::new();
    for layer in 0..count {
        let width = (view.width * 1.7) as usize;
        let mut bitmap = Bitmap::new(width, (view.horizon.max(20.0) * 1.05) as usize);
        let groups = if overcast { 9 } else { 3 + rng.below(4) };
        for group in 0..groups {
            let x = (group as f32 + rng.range(0.1, 0.9)) / groups as f32 * width as f32;
            let reach = if overcast { 0.75 } else { 0.7 };
            let y = view.horizon * (0.08 + reach * rng.unit());
            cloud(&mut bitmap, view, look, &mut rng, (x, y), overcast);
        }
        bitmap.blur(if overcast { 3.0 } else { 1.2 } * view.unit, true);
        let speed =
            (program.wind * 0.9 + rng.range(-1.0, 1.0)) * view.unit * (1.0 + layer as f32 * 0.5);
        let mut card = Card::periodic(bitmap, -view.horizon * 0.05, f32::INFINITY)
            .ending()
            .moving(Motion::Drift(speed));
        card.left = -view.width * 0.35;
        cards.push(card);
    }
    cards
}

/// One cloud: overlapping flat ellipses, lit from above or, when the sun is low, from below.
fn cloud(
    bitmap: &mut Bitmap,
    view: &View,
    look: &Look,
    rng: &mut Rng,
    (x, y): (f32, f32),
    overcast: bool,
) {
    let u = view.unit;
    let height = 1.0 - y / view.horizon;
    let sky = look.sky(height);
    let glow =
        look.sun
            .mix(look.halo, 0.4)
            .times(if look.is_night() { look.key } else { look.sun });
    let near_sun = 1.0 - smoothstep(0.0, 300.0 * u, (x - look.sun_at.0).abs());
    let light = sky.mix(
        glow,
        if look.is_night() {
            0.10
        } else {
            0.42 + 0.25 * near_sun
        },
    );
    let dark = if overcast {
        sky.scale(0.86)
    } else {
        sky.mix(look.shade, 0.12)
    };
    let size = rng.range(0.6, 1.3) * if overcast { 1.9 } else { 1.0 } * (0.5 + 0.7 * height) * u;
    let alpha = if overcast { 0.55 } else { 0.72 };
    let low = look.elevation < 14.0;
    for _ in 0..5 + rng.below(4) {
        let dx = rng.range(-58.0, 58.0) * size;
        let fall = 1.0 - (dx / (75.0 * size)).powi(2);
        let radii = (
            rng.range(24.0, 46.0) * size,
            rng.range(4.0, 9.0) * size * fall,
        );
        let dy = rng.range(-5.0, 3.0) * size * fall;
        let shift = if low { radii.1 * 0.45 } else { -radii.1 * 0.45 };
        bitmap.blob((x + dx, y + dy), radii, 0.35, (dark, alpha * 0.8));
        bitmap.blob(
            (x + dx, y + dy + shift),
            (radii.0 * 0.86, radii.1 * 0.7),
            0.3,
            (light, alpha),
        );
    }
}
