//! Mist: soft banks that lie between the layers and drift.

use super::card::{Card, Motion};
use super::noise::{Loop, Rng};
use super::scene::Scene;
use crate::program::{TimeOfDay, Weather};

/// One bank of mist.
#[derive(Debug, Clone, Copy)]
pub struct Bank {
    /// Depth, metres.
    pub z: f32,
    /// Row of its middle below the horizon, pixels.
    pub row: f32,
    /// Half its height, pixels.
    pub half: f32,
    /// Greatest opacity, 0 to 1.
    pub alpha: f32,
}

/// Adds the banks that the weather and the hour bring.
pub fn banks(scene: &mut Scene) {
    let strength = match (scene.program.weather, scene.program.time) {
        (Weather::Fog, _) => 1.0,
        (Weather::Clear | Weather::Overcast, TimeOfDay::Dawn) => 0.42,
        (Weather::Rain, _) => 0.25,
        _ => return,
    };
    let focus = scene.view.subject_z;
    let view = scene.view;
    let low = |z: f32| view.ground_row(z) - view.horizon;
    let px = |n: f32| n * view.unit;
    let list = [
        Bank {
            z: 4000.0,
            row: px(-6.0),
            half: px(26.0),
            alpha: 0.75,
        },
        Bank {
            z: 1300.0,
            row: px(0.0),
            half: px(22.0),
            alpha: 0.65,
        },
        Bank {
            z: focus * 5.0,
            row: low(focus * 5.0) - px(10.0),
            half: px(26.0),
            alpha: 0.55,
        },
        Bank {
            z: focus * 1.8,
            row: low(focus * 1.8),
            half: px(30.0),
            alpha: 0.42,
        },
        Bank {
            z: focus * 0.7,
            row: low(focus * 0.8) + px(8.0),
            half: px(34.0),
            alpha: 0.40,
        },
    ];
    // Thin morning mist stays far off; only fog comes near.
    let near = if strength < 0.9 { 3 } else { list.len() };
    for bank in &list[..near] {
        let alpha = bank.alpha * strength;
        let card = bank_card(scene, &Bank { alpha, ..*bank });
        scene.card(card);
    }
}

/// A bank as a card: full along its middle, uneven along its length, clear above and below.
pub fn bank_card(scene: &mut Scene, bank: &Bank) -> Card {
    let mut rng = Rng::new(scene.program.seed, 0xBA2C ^ bank.z.to_bits() as u64);
    let mut bitmap = scene.strip(bank.half * 2.6);
    let (crest, thick) = (
        Loop::new(&mut rng, 2, 4, 0.5),
        Loop::new(&mut rng, 1, 3, 0.4),
    );
    let color = scene.look.air.mix(scene.look.horizon, 0.55);
    let (width, middle) = (bitmap.width, bank.half * 1.3);
    for x in 0..width {
        let turn = x as f32 / width as f32;
        let center = middle + bank.half * 0.25 * crest.at(turn);
        let strength = bank.alpha * (0.78 + 0.22 * thick.at(turn));
        for y in 0..bitmap.height {
            let d = (y as f32 + 0.5 - center) / bank.half;
            let soft = (1.0 - d * d).max(0.0);
            bitmap.pixels[y * width + x] = color.pixel(strength * soft * soft);
        }
    }
    let speed = scene.program.wind * 0.9 * (1.0 + 60.0 / (bank.z + 30.0));
    let top = scene.view.horizon + bank.row - middle;
    let drift = Motion::Drift((speed + rng.range(-2.0, 2.0)) * scene.view.unit);
    Card::periodic(bitmap, top, bank.z).ending().moving(drift)
}
