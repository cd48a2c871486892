//! Trees of every kind, painted once onto the cards of the settings that have them.

use crate::program::Weather;
use crate::stage::bitmap::Bitmap;
use crate::stage::color::Rgb;
use crate::stage::noise::Rng;
use crate::stage::scene::Scene;

/// The printed tones of one kind of foliage at one depth.
#[derive(Debug, Clone, Copy)]
pub struct Foliage {
    /// Leaves in the shade.
    pub dark: Rgb,
    /// Leaves in the light.
    pub light: Rgb,
    /// Trunk in the shade.
    pub bark: Rgb,
    /// Trunk in the light.
    pub bark_light: Rgb,
    /// Snow on the branches, and how much of it, 0 to 1.
    pub snow: (Rgb, f32),
    /// Side the light comes from: -1 left, 1 right.
    pub side: f32,
}

impl Foliage {
    /// Foliage of `pigment` (shade, light) as `scene` shows it at depth `z`.
    pub fn new(scene: &Scene, pigment: (u32, u32), z: f32) -> Self {
        let look = &scene.look;
        let snowy = scene.program.weather == Weather::Snow;
        Self {
            dark: look.paint(Rgb::hex(pigment.0), 0.25, z),
            light: look.paint(Rgb::hex(pigment.1), 0.95, z),
            bark: look.paint(Rgb::hex(0x004A_3A32), 0.3, z),
            bark_light: look.paint(Rgb::hex(0x009A_7A5C), 0.95, z),
            snow: (
                look.paint(Rgb::hex(0x00F4_F7FC), 0.9, z),
                if snowy { 0.9 } else { 0.0 },
            ),
            side: sun_side(scene),
        }
    }

    /// The same foliage with `amount` of `mist` before it.
    pub fn misty(mut self, mist: Rgb, amount: f32) -> Self {
        let veil = |c: Rgb| c.mix(mist, amount);
        self.dark = veil(self.dark);
        self.light = veil(self.light);
        self.bark = veil(self.bark);
        self.bark_light = veil(self.bark_light);
        self.snow.0 = veil(self.snow.0);
        self
    }
}

/// Side of the frame the light comes from: -1 left, 1 right.
pub fn sun_side(scene: &Scene) -> f32 {
    if scene.look.sun_at.0 < scene.view.width * 0.5 {
        -1.0
    } else {
        1.0
    }
}

/// A conifer: drooping tiers, light on the sunny half, snow on the shoulders.
pub fn conifer(
    bitmap: &mut Bitmap,
    rng: &mut Rng,
    (x, foot): (f32, f32),
    height: f32,
    tones: &Foliage,
) {
    let half = height * rng.range(0.20, 0.26);
    let stem = (height * 0.025).max(0.8);
    bitmap.rect(
        x - stem,
        foot - height * 0.2,
        x + stem,
        foot,
        tones.bark,
        1.0,
    );
    let tiers = match height {
        h if h < 26.0 => 3,
        h if h < 130.0 => 5,
        _ => 8,
    };
    for i in 0..tiers {
        let (up, n) = (i as f32, tiers as f32);
        let low = foot - height * (0.09 + 0.84 * up / n);
        let high = (low - height * 0.84 / n * 1.75).max(foot - height);
        let reach = half * (1.0 - up / n).powf(0.85) * rng.range(0.9, 1.08);
        let droop = (low - high) * 0.16;
        let tier = [
            (x, high),
            (x + reach * 0.56, low - droop * 2.2),
            (x + reach, low),
            (x + reach * 0.42, low - droop * 0.3),
            (x, low + droop),
            (x - reach * 0.42, low - droop * 0.3),
            (x - reach, low),
            (x - reach * 0.56, low - droop * 2.2),
        ];
        bitmap.polygon(&tier, tones.dark, 1.0);
        let s = tones.side;
        let lit = [
            (x, high),
            (x + s * reach * 0.56, low - droop * 2.2),
            (x + s * reach, low),
            (x + s * reach * 0.30, low - droop * 1.3),
            (x + s * reach * 0.08, low - droop * 2.2),
        ];
        bitmap.polygon(&lit, tones.light, 0.85);
        if tones.snow.1 > 0.0 {
            snow_cap(bitmap, (x, high), (reach, low, droop), tones);
        }
    }
}

/// Snow on one tier of a conifer.
fn snow_cap(
    bitmap: &mut Bitmap,
    (x, high): (f32, f32),
    (reach, low, droop): (f32, f32, f32),
    tones: &Foliage,
) {
    for s in [-1.0, 1.0] {
        let cap = [
            (x, high),
            (x + s * reach * 0.56, low - droop * 2.2),
            (x + s * reach * 1.03, low),
            (x + s * reach * 0.74, low - droop * 0.5),
            (x + s * reach * 0.48, low - droop * 1.2),
            (x + s * reach * 0.26, low - droop * 3.0),
        ];
        let shade = if s * tones.side > 0.0 { 1.0 } else { 0.72 };
        bitmap.polygon(
            &cap,
            tones.snow.0.mix(tones.dark, 1.0 - shade),
            tones.snow.1,
        );
    }
}

/// A leafy tree: a crown of round masses in three tones on a forked trunk.
pub fn leafy(
    bitmap: &mut Bitmap,
    rng: &mut Rng,
    (x, foot): (f32, f32),
    height: f32,
    tones: &Foliage,
) {
    let stem = (height * 0.032).max(0.9);
    let fork = foot - height * 0.5;
    let trunk = [
        (x - stem * 1.4, foot),
        (x - stem * 0.7, fork),
        (x + stem * 0.7, fork),
        (x + stem * 1.4, foot),
    ];
    bitmap.polygon(&trunk, tones.bark, 1.0);
    let middle = foot - height * 0.60;
    let (wide, tall) = (height * rng.range(0.27, 0.36), height * 0.27);
    let mut masses = Vec::new();
    for i in 0..8 {
        let angle = i as f32 * std::f32::consts::TAU / 7.0 + rng.range(-0.3, 0.3);
        let out = if i == 7 { 0.0 } else { rng.range(0.55, 0.72) };
        let r = height * rng.range(0.12, 0.17);
        masses.push((
            x + angle.cos() * wide * out,
            middle + angle.sin() * tall * out,
            r,
        ));
    }
    for &(cx, cy, r) in &masses {
        bitmap.blob((cx, cy), (r, r), 0.9, (tones.dark, 1.0));
    }
    let mid = tones.dark.mix(tones.light, 0.5);
    for (share, color) in [(0.78, mid), (0.5, tones.light)] {
        for &(cx, cy, r) in &masses {
            let off = r * (1.0 - share);
            let at = (cx + tones.side * off * 0.8, cy - off * 0.9);
            let high = ((middle + tall - cy) / (2.0 * tall)).clamp(0.15, 1.0);
            bitmap.blob(at, (r * share, r * share * 0.9), 0.8, (color, 0.85 * high));
        }
    }
    if tones.snow.1 > 0.0 {
        for &(cx, cy, r) in masses.iter().filter(|m| m.1 < middle) {
            bitmap.blob(
                (cx, cy - r * 0.45),
                (r * 0.8, r * 0.45),
                0.8,
                (tones.snow.0, tones.snow.1),
            );
        }
    }
}

/// A trunk that rises out of the picture: from its foot to the first row of the bitmap.
pub fn trunk(
    bitmap: &mut Bitmap,
    rng: &mut Rng,
    (x, foot): (f32, f32),
    width: f32,
    tones: &Foliage,
    birch: bool,
) {
    let half = width * 0.5;
    let (dark, light) = (tones.bark, tones.bark_light);
    let neck = foot - width * 1.3;
    let body = [
        (x - half * 1.7, foot),
        (x - half * 1.08, neck),
        (x - half * 0.9, 0.0),
        (x + half * 0.9, 0.0),
        (x + half * 1.08, neck),
        (x + half * 1.7, foot),
        (x + half * 0.5, foot + width * 0.12),
        (x - half * 0.5, foot + width * 0.12),
    ];
    bitmap.polygon(&body, if birch { light.mix(dark, 0.35) } else { dark }, 1.0);
    let s = tones.side;
    let lit = [
        (x + s * half * 1.55, foot),
        (x + s * half * 1.02, neck),
        (x + s * half * 0.88, 0.0),
        (x + s * half * 0.30, 0.0),
        (x + s * half * 0.40, neck),
        (x + s * half * 0.75, foot),
    ];
    bitmap.polygon(&lit, light, 0.9);
    let marks = (foot / (width * 1.1)) as usize;
    for _ in 0..marks.min(14) {
        let y = rng.range(0.0, foot - width);
        let (at, w) = (x + rng.range(-0.7, 0.2) * half, half * rng.range(0.3, 0.75));
        let tall = if birch {
            width * 0.09
        } else {
            width * rng.range(0.4, 1.1)
        };
        let w = if birch { w } else { width * 0.07 };
        bitmap.rect(
            at,
            y,
            at + w.max(1.0),
            y + tall.max(1.5),
            dark.scale(if birch { 0.8 } else { 0.72 }),
            0.8,
        );
    }
    if tones.snow.1 > 0.0 {
        bitmap.blob(
            (x, foot),
            (width * 1.3, width * 0.28),
            0.6,
            (tones.snow.0, 0.95),
        );
    }
}

/// A tuft of leaves that hangs or stands: small overlapping masses around a point.
pub fn tuft(bitmap: &mut Bitmap, rng: &mut Rng, at: (f32, f32), size: f32, tones: &Foliage) {
    for i in 0..6 {
        let color = if i < 3 {
            tones.dark
        } else {
            tones.dark.mix(tones.light, 0.25 + 0.15 * i as f32)
        };
        let lift = if i < 3 { 0.0 } else { 0.25 };
        let (dx, dy) = (rng.range(-0.7, 0.7), rng.range(-0.45, 0.45) - lift);
        let r = size * rng.range(0.35, 0.6) * if i < 3 { 1.0 } else { 0.62 };
        let center = (
            at.0 + (dx + tones.side * lift * 0.5) * size,
            at.1 + dy * size,
        );
        bitmap.blob(center, (r, r * 0.8), 0.88, (color, 0.95));
    }
    if tones.snow.1 > 0.0 {
        let (dx, dy) = (rng.range(-0.3, 0.3), rng.range(-0.6, -0.25));
        let center = (at.0 + dx * size, at.1 + dy * size);
        bitmap.blob(
            center,
            (size * 0.6, size * 0.28),
            0.85,
            (tones.snow.0, tones.snow.1),
        );
    }
}
