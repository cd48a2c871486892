//! A harbor: far hills, calm water, fog banks, a wooden dock under the subject.

use crate::stage::color::Rgb;
use crate::stage::scene::Scene;
use crate::stage::terrain::{Ridge, ridge};
use crate::stage::water::{reflection, sea};

/// Adds the layers of the harbor.
pub fn build(scene: &mut Scene) {
    for (z, rise, swing, swells, pigment) in
        [(5200.0, 26.0, 15.0, 3, 0x7A8C_A0), (2400.0, 13.0, 9.0, 4, 0x5F74_80)]
    {
        let shape = Ridge {
            z,
            rise,
            swing,
            swells,
            roughness: 0.35,
            pigment: Rgb::hex(pigment),
            foot_mist: 0.6,
        };
        let card = ridge(scene, &shape, 2.0).ending();
        let mirrored = reflection(scene, &card, scene.view.horizon + 1.0, 0.35);
        scene.card(card);
        let mut mirrored = mirrored;
        mirrored.z = 880.0;
        scene.card(mirrored);
    }
    sea(scene, Rgb::hex(0x3C6474), 0.35);
}
