//! A village in the snow: steep white roofs, lit windows, a church, firs.

use crate::stage::color::Rgb;
use crate::stage::scene::Scene;
use crate::stage::terrain::ground;

/// Adds the layers of the village.
pub fn build(scene: &mut Scene) {
    let look = scene.look.clone();
    let snow = ground(scene, |z, share| look.paint(Rgb::hex(0xF2F5FA), 0.8 - 0.2 * share, z));
    scene.card(snow);
}
