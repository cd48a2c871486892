//! The palette of a clip: sky, light and air from setting, hour, weather and light.

use super::camera::View;
use super::color::{Rgb, smoothstep};
use super::noise::Rng;
use crate::program::{Exclusion, LightQuality, LightTone, Program, TimeOfDay, Weather};

/// Everything a painter of cards needs to know about colour.
#[derive(Debug, Clone)]
pub struct Look {
    /// The hour.
    pub time: TimeOfDay,
    /// The weather.
    pub weather: Weather,
    /// Sky at the top of the frame.
    pub zenith: Rgb,
    /// Sky halfway.
    pub middle: Rgb,
    /// Sky at the horizon.
    pub horizon: Rgb,
    /// Colour far things fade to.
    pub air: Rgb,
    /// Sun or moon.
    pub sun: Rgb,
    /// The wide halo around it.
    pub halo: Rgb,
    /// What direct light multiplies a pigment with.
    pub key: Rgb,
    /// What shade multiplies a pigment with.
    pub shade: Rgb,
    /// Lamps and windows.
    pub lamp: Rgb,
    /// Strength of lamps' glow, 0 (day) to 1 (night).
    pub lamp_glow: f32,
    /// Whether sun or moon show, and how clearly, 0 to 1.
    pub sun_clear: f32,
    /// How much clouds or fog even the light out, 0 to 1.
    pub dullness: f32,
    /// How much of the air's colour lies on everything, however near.
    pub wash: f32,
    /// Depth at which two thirds of a thing have gone into the air, metres.
    pub reach: f32,
    /// Where sun or moon stand on the first frame, pixels; may lie outside.
    pub sun_at: (f32, f32),
    /// Elevation of the light, degrees, at least 1.
    pub elevation: f32,
    /// Whether shadows have edges.
    pub hard: bool,
    /// Whether the light comes from behind the subject.
    pub backlight: bool,
}

struct Hour {
    sky: [u32; 3],
    air: u32,
    sun: u32,
    halo: u32,
    key: [f32; 3],
    shade: [f32; 3],
    lamp_glow: f32,
}

const fn hour(time: TimeOfDay) -> Hour {
    match time {
        TimeOfDay::Dawn => Hour {
            sky: [0x7E_95_B8, 0xB9_AE_C6, 0xF3_C8_BE],
            air: 0xD5_BF_C6,
            sun: 0xFF_F3_DC,
            halo: 0xFF_D6_B4,
            key: [0.98, 0.84, 0.80],
            shade: [0.52, 0.54, 0.68],
            lamp_glow: 0.45,
        },
        TimeOfDay::Morning => Hour {
            sky: [0x4E_9B_DB, 0x96_CA_EC, 0xE3_F2_F0],
            air: 0xCB_E3_EC,
            sun: 0xFF_FD_EE,
            halo: 0xFF_F4_CC,
            key: [1.02, 0.99, 0.92],
            shade: [0.60, 0.68, 0.80],
            lamp_glow: 0.0,
        },
        TimeOfDay::Noon => Hour {
            sky: [0x14_66_C8, 0x3C_98_E4, 0x9C_D6_F6],
            air: 0xA6_D2_F0,
            sun: 0xFF_FF_F6,
            halo: 0xE6_F6_FF,
            key: [1.08, 1.06, 1.0],
            shade: [0.56, 0.62, 0.74],
            lamp_glow: 0.0,
        },
        TimeOfDay::GoldenHour => Hour {
            sky: [0xDB_84_58, 0xF7_B0_68, 0xFF_E0_9C],
            air: 0xF2_B8_72,
            sun: 0xFF_FB_E2,
            halo: 0xFF_EA_A4,
            key: [1.06, 0.86, 0.58],
            shade: [0.66, 0.46, 0.40],
            lamp_glow: 0.25,
        },
        TimeOfDay::Dusk => Hour {
            sky: [0x20_2B_66, 0x8C_42_86, 0xF4_88_72],
            air: 0x9A_52_86,
            sun: 0xFF_E0_A8,
            halo: 0xFF_B0_70,
            key: [0.80, 0.48, 0.54],
            shade: [0.32, 0.25, 0.44],
            lamp_glow: 0.8,
        },
        TimeOfDay::Night => Hour {
            sky: [0x05_0A_22, 0x0C_19_40, 0x21_39_6C],
            air: 0x18_2A_56,
            sun: 0xF4_F6_FF,
            halo: 0x8F_A8_E8,
            key: [0.36, 0.45, 0.70],
            shade: [0.13, 0.17, 0.33],
            lamp_glow: 1.0,
        },
    }
}

impl Look {
    /// The palette of `program` seen through `view`.
    pub fn new(program: &Program, view: &View) -> Self {
        let mut rng = Rng::new(program.seed, 0x100C);
        let base = hour(program.time);
        let lift = rng.range(-0.05, 0.05);
        let swing = rng.range(-0.05, 0.05);
        let vary = |c: Rgb| {
            let [r, g, b] = c.0;
            Rgb([
                r * (1.0 + lift + swing),
                g * (1.0 + lift),
                b * (1.0 + lift - swing),
            ])
            .scale(1.0)
        };
        let mut look = Self {
            time: program.time,
            weather: program.weather,
            zenith: vary(Rgb::hex(base.sky[0])),
            middle: vary(Rgb::hex(base.sky[1])),
            horizon: vary(Rgb::hex(base.sky[2])),
            air: vary(Rgb::hex(base.air)),
            sun: Rgb::hex(base.sun),
            halo: Rgb::hex(base.halo),
            key: Rgb(base.key),
            shade: Rgb(base.shade),
            lamp: Rgb::hex(0xFF_C8_6A),
            lamp_glow: if program.lamps { base.lamp_glow } else { 0.0 },
            sun_clear: 1.0,
            dullness: if program.weather == Weather::Clear {
                0.0
            } else {
                0.8
            },
            wash: match program.time {
                TimeOfDay::Night => 0.50,
                TimeOfDay::Dusk => 0.16,
                TimeOfDay::Dawn => 0.08,
                _ => 0.0,
            },
            reach: 2600.0,
            sun_at: (0.0, 0.0),
            elevation: program.light.elevation_degrees.max(1.0),
            hard: program.light.quality == LightQuality::Hard,
            backlight: program.light.backlight,
        };
        look.place_sun(program, view);
        look.apply_weather(program);
        if program.without.contains(&Exclusion::Sun) {
            look.sun_clear = 0.0;
        }
        look
    }

    fn place_sun(&mut self, program: &Program, view: &View) {
        let x = view.width * (0.5 + 0.42 * program.light.azimuth);
        // The moon and a low sun are placed where a viewer expects them at any focal length.
        let degrees = if self.is_night() {
            14.0
        } else {
            program.light.elevation_degrees
        };
        let rise = view.focal.min(view.width.max(view.height)) * degrees.to_radians().tan();
        let y = if self.is_night() {
            view.horizon * 0.35
        } else {
            view.horizon - rise
        };
        self.sun_at = (x, y);
    }

    fn apply_weather(&mut self, program: &Program) {
        let night = self.is_night();
        let (grey, amount, dim) = match self.weather {
            Weather::Clear => return,
            Weather::Overcast => (Rgb::hex(0xAE_B6_C0), 0.80, 0.94),
            Weather::Fog => (Rgb::hex(0xC6_CB_D0), 0.70, 1.0),
            Weather::Rain => (Rgb::hex(0x7F_8B_9A), 0.82, 0.80),
            Weather::Snow => (Rgb::hex(0xC4_CC_DA), 0.78, 0.98),
        };
        let dim = if night { 1.0 } else { dim };
        // Grey of the hour: as bright as its sky and faintly of its hue, so the hour stays told.
        let level = self
            .middle
            .mix(self.horizon, 0.5)
            .desaturate(match program.time {
                TimeOfDay::Morning | TimeOfDay::Noon => 0.6,
                _ => 0.0,
            });
        let bright = (level.luma() * 0.55 + 0.30).min(if night { 0.16 } else { 0.9 });
        let tint = grey.scale(bright / grey.luma()).mix(level, 0.30).scale(dim);
        let flatten = |c: Rgb, k: f32| c.mix(tint, amount * k);
        self.zenith = flatten(self.zenith, 1.0);
        self.middle = flatten(self.middle, 1.0);
        self.horizon = flatten(self.horizon, 0.9);
        self.air = flatten(self.air, 0.9);
        let even = self.key.mix(self.shade, 0.35).desaturate(0.3);
        self.key = even.scale(dim);
        self.shade = self.shade.mix(even, 0.35).scale(dim);
        self.sun_clear = match self.weather {
            Weather::Fog => 0.55,
            Weather::Overcast | Weather::Snow => 0.22,
            _ => 0.0,
        };
        self.reach = match self.weather {
            Weather::Fog => program.visibility_meters.unwrap_or(90.0) * 0.5,
            Weather::Overcast => 1500.0,
            Weather::Rain => 420.0,
            _ => 320.0,
        };
        if self.weather == Weather::Fog {
            let veil = self.air.mix(self.horizon, 0.5);
            self.horizon = veil;
            self.middle = self.middle.mix(veil, 0.6);
            self.zenith = self.zenith.mix(veil, 0.35);
            self.air = veil;
        }
    }

    /// Whether it is night.
    pub fn is_night(&self) -> bool {
        self.time == TimeOfDay::Night
    }

    /// How much of a thing at depth `z` has gone into the air, 0 to 1.
    pub fn haze(&self, z: f32) -> f32 {
        1.0 - (-(z / self.reach).powf(0.8)).exp()
    }

    /// A depth no farther than where `most` of a thing has gone into the air: great forms painted
    /// as from there stay faintly in sight in any weather.
    pub fn seen(&self, z: f32, most: f32) -> f32 {
        z.min(self.reach * (-(1.0 - most).ln()).powf(1.25))
    }

    /// `color` as seen through the air at depth `z`.
    pub fn through_air(&self, color: Rgb, z: f32) -> Rgb {
        color.mix(self.air, self.haze(z))
    }

    /// A pigment under the scene's light, `lit` 0 (shade) to 1 (full light), at depth `z`.
    pub fn paint(&self, pigment: Rgb, lit: f32, z: f32) -> Rgb {
        let near = pigment.times(self.shade.mix(self.key, lit));
        let washed = near.mix(self.air.scale(0.75), self.wash);
        self.through_air(washed, z)
    }

    /// The body of water of a pigment at depth `z`: mostly the sky it mirrors when the sun is low.
    pub fn water(&self, pigment: Rgb, z: f32) -> Rgb {
        let mirror = match self.time {
            TimeOfDay::GoldenHour => 0.80,
            TimeOfDay::Dawn | TimeOfDay::Dusk => 0.55,
            _ => 0.38,
        };
        let sky = self.middle.mix(self.zenith, 0.35).scale(0.80);
        self.paint(pigment, 0.55, 10.0)
            .mix(sky, mirror)
            .mix(self.air, self.haze(z))
    }

    /// The sky's colour at `height` 0 (horizon) to 1 (top of the frame).
    pub fn sky(&self, height: f32) -> Rgb {
        let low = self.horizon.mix(self.middle, smoothstep(0.0, 0.55, height));
        low.mix(self.zenith, smoothstep(0.25, 1.0, height))
    }
}

/// The finishing curve of each channel: tone of the light, contrast of its quality.
pub fn grade(program: &Program) -> [[u8; 256]; 3] {
    let gain: [f32; 3] = match program.light.tone {
        LightTone::Neutral => [1.0, 1.0, 1.0],
        LightTone::Warm => [1.09, 0.99, 0.80],
        LightTone::Cold => [0.82, 0.97, 1.12],
    };
    let contrast = match program.light.quality {
        LightQuality::Hard => 0.16,
        LightQuality::Soft => -0.14,
    };
    gain.map(|gain| {
        std::array::from_fn(|i| {
            let x = (i as f32 / 255.0 * gain).min(1.0);
            // An S about the middle that keeps black and white where they are.
            let s = x + contrast * 4.0 * x * (1.0 - x) * (x - 0.5);
            (s.clamp(0.0, 1.0) * 255.0 + 0.5) as u8
        })
    })
}
