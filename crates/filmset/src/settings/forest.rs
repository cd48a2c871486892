//! A forest: rows of trunks and crowns that fade into the mist, under branches near the camera.

use crate::stage::color::Rgb;
use crate::stage::scene::Scene;
use crate::stage::terrain::ground;

/// Adds the layers of the forest.
pub fn build(scene: &mut Scene) {
    let look = scene.look.clone();
    let floor = ground(scene, |z, share| look.paint(Rgb::hex(0x5C6A3C), 0.7 - 0.3 * share, z));
    scene.card(floor);
}
