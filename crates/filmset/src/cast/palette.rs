//! The twelve named colours, the light that falls on them, and the tones they print in.

use super::canvas::{Ink, Tones};
use crate::program::{Color, TimeOfDay};

/// Every named colour as sRGB bytes. Hue, chroma and lightness keep the names apart.
pub const PALETTE: [(Color, [u8; 3]); 12] = [
    (Color::Red, [0xD8, 0x2C, 0x2C]),
    (Color::Orange, [0xF3, 0x83, 0x1C]),
    (Color::Yellow, [0xF8, 0xCB, 0x2B]),
    (Color::Green, [0x3C, 0xA0, 0x48]),
    (Color::Teal, [0x18, 0xA3, 0xA0]),
    (Color::Blue, [0x2D, 0x66, 0xDC]),
    (Color::Purple, [0x80, 0x3F, 0xBC]),
    (Color::Pink, [0xF4, 0x86, 0xB2]),
    (Color::Brown, [0x7C, 0x4C, 0x2C]),
    (Color::White, [0xF5, 0xF2, 0xEA]),
    (Color::Grey, [0x8F, 0x93, 0x99]),
    (Color::Black, [0x26, 0x27, 0x2D]),
];

/// sRGB of a named colour, 0 to 1, as it looks in plain daylight.
pub fn rgb(color: Color) -> [f32; 3] {
    let found = PALETTE.iter().find(|(name, _)| *name == color);
    found.map_or([0.5; 3], |(_, bytes)| bytes.map(|b| f32::from(b) / 255.0))
}

/// sRGB bytes as values from 0 to 1.
pub const fn hex(code: u32) -> [f32; 3] {
    [
        ((code >> 16) & 255) as f32 / 255.0,
        ((code >> 8) & 255) as f32 / 255.0,
        (code & 255) as f32 / 255.0,
    ]
}

/// Colour that stripes a thing painted in `color`.
pub fn stripe(color: Color) -> [f32; 3] {
    match color {
        Color::White => hex(0xC4_C8_CC),
        Color::Grey => hex(0xD8_DA_DC),
        Color::Black => hex(0x5E_61_68),
        _ => hex(0xF6_EE_DC),
    }
}

/// The light that falls on the cast.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CastLight {
    /// Direct light (sun, moon, lamps) as a multiplier of sRGB values.
    pub key: [f32; 3],
    /// Light from everywhere as a multiplier of sRGB values; `key + ambient` is about 1 at noon.
    pub ambient: [f32; 3],
    /// Where the sun stands: -1 left of the subject, 1 right of it.
    pub sun_side: f32,
    /// Whether the sun stands behind the subject and rims it.
    pub backlight: bool,
    /// Whether it is night.
    pub night: bool,
    /// Colour of the air between the camera and the subject.
    pub fog: [f32; 3],
    /// How much of the fog covers the subject, 0 to 1.
    pub fog_amount: f32,
}

impl CastLight {
    /// The usual light of an hour in clear air.
    pub fn at(time: TimeOfDay, sun_side: f32, backlight: bool) -> Self {
        let (key, ambient) = match time {
            TimeOfDay::Dawn => ([0.52, 0.42, 0.38], [0.40, 0.42, 0.50]),
            TimeOfDay::Morning => ([0.60, 0.56, 0.48], [0.42, 0.43, 0.45]),
            TimeOfDay::Noon => ([0.60, 0.59, 0.56], [0.44, 0.45, 0.47]),
            TimeOfDay::GoldenHour => ([0.72, 0.50, 0.26], [0.38, 0.34, 0.36]),
            TimeOfDay::Dusk => ([0.46, 0.32, 0.36], [0.36, 0.33, 0.46]),
            TimeOfDay::Night => ([0.28, 0.32, 0.40], [0.31, 0.35, 0.46]),
        };
        let night = time == TimeOfDay::Night;
        Self {
            key,
            ambient,
            sun_side,
            backlight,
            night,
            fog: [0.5; 3],
            fog_amount: 0.0,
        }
    }

    /// The two tones of a material whose daylight colour is `color`.
    pub fn tones(&self, color: [f32; 3]) -> Tones {
        let behind = if self.backlight { 0.62 } else { 1.0 };
        let (lit, dark) = (self.sum(behind), self.sum(0.34 * behind));
        let gain = gain(level(lit));
        let base = self.through_air(tint(color, lit, gain));
        let depth = 0.35 + 0.65 * level(dark) / level(lit);
        let shade = self.through_air(tint(color, dark, gain * depth));
        Tones { base, shade }
    }

    /// Colour and strength (0 to 1) of the rim on the sunny side.
    pub fn rim(&self) -> ([f32; 3], f32) {
        let strongest = self.key.iter().fold(0.05_f32, |a, &b| a.max(b));
        let dim = if self.night { 0.80 } else { 1.0 };
        let shine = self.key.map(|k| (0.66 + k / strongest * 0.34) * dim);
        let strength = if self.backlight { 0.85 } else { 0.50 };
        (
            self.through_air(shine),
            strength * (1.0 - 0.6 * self.fog_amount.clamp(0.0, 1.0)),
        )
    }

    /// Unit steps toward the sun in the picture, x right and y down.
    pub fn toward_sun(&self) -> [f32; 2] {
        let side = self.sun_side.clamp(-1.0, 1.0);
        // A sun straight ahead or behind lights the top edge.
        if self.backlight && side.abs() < 0.3 {
            return [side, -0.9];
        }
        [side.signum() * side.abs().max(0.6), -0.5]
    }

    /// Ink for a shape whose shaded side is `shade` pixels wide.
    pub fn ink(&self, tones: Tones, shade: f32) -> Ink {
        let [x, y] = self.toward_sun();
        let shade_shift = (shade > 0.0).then_some([-x * shade, -y * shade * 0.25]);
        Ink {
            tones,
            shade_shift,
            ..Ink::flat(tones.base)
        }
    }

    /// One flat tone: the lit face of a material.
    pub fn flat(&self, color: [f32; 3]) -> Ink {
        Ink::flat(self.tones(color).base)
    }

    fn sum(&self, key_share: f32) -> [f32; 3] {
        [0, 1, 2].map(|k| self.ambient[k] + self.key[k] * key_share)
    }

    fn through_air(&self, color: [f32; 3]) -> [f32; 3] {
        let amount = self.fog_amount.clamp(0.0, 1.0);
        [0, 1, 2].map(|k| color[k] + (self.fog[k] - color[k]) * amount)
    }
}

/// Share of a colour's chroma that no light takes away.
const KEPT_CHROMA: f32 = 0.68;

/// Mean of a light's channels.
fn level(light: [f32; 3]) -> f32 {
    (light[0] + light[1] + light[2]) / 3.0
}

/// Brightness that a light of this level gives to the cast: darker than daylight at night, but
/// never so dark that a colour loses its name.
fn gain(level: f32) -> f32 {
    (0.46 + 0.54 * level).min(1.05)
}

/// Multiplies a colour by `gain` and by the cast of a light, gently: the hue stays close to its
/// own, at least [`KEPT_CHROMA`] of the chroma stays, and greys stay grey.
pub fn tint(color: [f32; 3], light: [f32; 3], gain: f32) -> [f32; 3] {
    let level = level(light);
    let scaled = [0, 1, 2].map(|k| color[k] * gain * (1.0 + (light[k] / level - 1.0) * 0.7));
    let ([_, a0, b0], [l1, a1, b1]) = (oklab(color), oklab(scaled));
    let (c0, c1) = (a0.hypot(b0), a1.hypot(b1));
    if c0 < 0.05 {
        let limit = (0.022 / c1.max(1e-6)).min(1.0);
        return srgb([l1, a1 * limit, b1 * limit]);
    }
    let (a, b) = (
        a0 / c0 * 0.76 + a1 / c1.max(1e-6) * 0.24,
        b0 / c0 * 0.76 + b1 / c1.max(1e-6) * 0.24,
    );
    let chroma = c1.max(KEPT_CHROMA * c0) / a.hypot(b).max(1e-6);
    srgb([l1, a * chroma, b * chroma])
}

/// sRGB (0 to 1) to Oklab. Reference: Björn Ottosson, "A perceptual color space", 2020.
pub fn oklab(color: [f32; 3]) -> [f32; 3] {
    let [r, g, b] = color.map(|v| {
        if v <= 0.04045 {
            v / 12.92
        } else {
            ((v + 0.055) / 1.055).powf(2.4)
        }
    });
    let l = (0.412_221_47 * r + 0.536_332_55 * g + 0.051_445_995 * b).cbrt();
    let m = (0.211_903_5 * r + 0.680_699_5 * g + 0.107_396_96 * b).cbrt();
    let s = (0.088_302_46 * r + 0.281_718_85 * g + 0.629_978_7 * b).cbrt();
    [
        0.210_454_26 * l + 0.793_617_8 * m - 0.004_072_047 * s,
        1.977_998_5 * l - 2.428_592_2 * m + 0.450_593_7 * s,
        0.025_904_037 * l + 0.782_771_77 * m - 0.808_675_77 * s,
    ]
}

/// Oklab to sRGB, cut to 0 to 1.
fn srgb([l, a, b]: [f32; 3]) -> [f32; 3] {
    let x = (l + 0.396_337_78 * a + 0.215_803_76 * b).powi(3);
    let y = (l - 0.105_561_346 * a - 0.063_854_17 * b).powi(3);
    let z = (l - 0.089_484_18 * a - 1.291_485_5 * b).powi(3);
    [
        4.076_741_7 * x - 3.307_711_6 * y + 0.230_969_94 * z,
        -1.268_438 * x + 2.609_757_4 * y - 0.341_319_38 * z,
        -0.004_196_086 * x - 0.703_418_6 * y + 1.707_614_7 * z,
    ]
    .map(|v| {
        let v = v.clamp(0.0, 1.0);
        if v <= 0.003_130_8 {
            v * 12.92
        } else {
            1.055 * v.powf(1.0 / 2.4) - 0.055
        }
    })
}
