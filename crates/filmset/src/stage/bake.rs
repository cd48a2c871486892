//! Merging of cards that a camera at rest sees in the same way on every frame.

use super::actor::Actor;
use super::bitmap::Bitmap;
use super::camera::{Pose, View};
use super::card::{Card, Motion};
use super::frame::Frame;
use super::scene::Layer;

/// Lays runs of neighbouring still cards into one card each. A run ends where something moves
/// and where an actor may come to stand between two cards.
pub fn still(layers: Vec<Layer>, view: &View, actors: &[Actor], seconds: f32) -> Vec<Layer> {
    let mut merged = Vec::new();
    let mut run: Vec<Card> = Vec::new();
    for layer in layers {
        match layer {
            Layer::Card(card) if card.motion == Motion::Still => {
                let parted = run
                    .last()
                    .is_some_and(|last| between(actors, (last.z, card.z), seconds));
                if parted {
                    merged.extend(flatten(std::mem::take(&mut run), view));
                }
                run.push(card);
            }
            other => {
                merged.extend(flatten(std::mem::take(&mut run), view));
                merged.push(other);
            }
        }
    }
    merged.extend(flatten(run, view));
    merged
}

/// Whether an actor may pass between two depths in the clip.
fn between(actors: &[Actor], (far, near): (f32, f32), seconds: f32) -> bool {
    actors.iter().any(|actor| {
        let (start, end) = (actor.z, actor.z + actor.offset(seconds)[1]);
        start.min(end) <= far && start.max(end) >= near
    })
}

fn flatten(mut run: Vec<Card>, view: &View) -> Option<Layer> {
    if run.len() < 2 {
        return run.pop().map(Layer::Card);
    }
    let z = run.last()?.z;
    let mut frame = Frame::new(view.width as usize, view.height as usize);
    for card in &run {
        card.draw(view, &Pose::default(), 0.0, frame.height, &mut frame);
    }
    let bitmap = Bitmap {
        width: frame.width,
        height: frame.height,
        pixels: frame.pixels,
    };
    Some(Layer::Still {
        picture: Card::periodic(bitmap, 0.0, z),
        cards: run,
    })
}
