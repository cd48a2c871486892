//! A skyline: rows of towers under a wide sky, haze between them.

use crate::stage::city::{Row, skyline};
use crate::stage::color::Rgb;
use crate::stage::scene::Scene;
use crate::stage::terrain::{Ridge, ridge};

/// Adds the layers of the skyline.
pub fn build(scene: &mut Scene) {
    let hills = Ridge {
        z: 9000.0,
        rise: 24.0,
        swing: 12.0,
        swells: 3,
        roughness: 0.3,
        pigment: Rgb::hex(0x6E6A8C),
        foot_mist: 0.5,
    };
    let card = ridge(scene, &hills, 40.0);
    scene.card(card);
    for (z, heights, widths, base, pigment) in [
        (2300.0, (40.0, 120.0), (26.0, 58.0), 10.0, 0x8C82_9C),
        (1100.0, (30.0, 128.0), (34.0, 70.0), 34.0, 0x7476_92),
        (480.0, (14.0, 92.0), (46.0, 88.0), 76.0, 0x5A5C_7A),
    ] {
        let row = Row { z, heights, widths, base, pigment: Rgb::hex(pigment), lit: 0.5 };
        let card = skyline(scene, &row);
        scene.card(card);
    }
}
