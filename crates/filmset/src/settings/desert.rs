//! A desert: mesas far off, dunes with a lit and a shaded side, sand on the wind.

use crate::stage::color::Rgb;
use crate::stage::scene::Scene;
use crate::stage::terrain::ground;

/// Adds the layers of the desert.
pub fn build(scene: &mut Scene) {
    let look = scene.look.clone();
    let sand = ground(scene, |z, share| look.paint(Rgb::hex(0xE2B676), 0.85 - 0.25 * share, z));
    scene.card(sand);
}
