//! A city street: facades with lit shops, lamps, and a road that mirrors them when wet.

use crate::stage::city::{Row, skyline};
use crate::stage::color::Rgb;
use crate::stage::scene::Scene;
use crate::stage::terrain::ground;

/// Adds the layers of the street.
pub fn build(scene: &mut Scene) {
    let look = scene.look.clone();
    let road = ground(scene, |z, share| {
        look.paint(Rgb::hex(0x6A6A74).mix(Rgb::hex(0x4A4A54), share), 0.6, z)
    });
    scene.card(road);
    for (z, heights, widths, pigment) in [
        (420.0, (90.0, 200.0), (40.0, 74.0), 0x7C80_96),
        (150.0, (70.0, 168.0), (58.0, 110.0), 0x6A5C_64),
    ] {
        let row =
            Row { z, heights, widths, base: 6.0, pigment: Rgb::hex(pigment), lit: 0.55 };
        let card = skyline(scene, &row).ending();
        scene.card(card);
    }
}
