//! The multiplane stage: a scene program becomes frames, masks, depth and truth.

pub mod acting;
pub mod actor;
pub mod air;
mod bake;
pub mod bitmap;
pub mod camera;
pub mod card;
pub mod city;
pub mod color;
pub mod frame;
pub mod lamps;
pub mod look;
pub mod noise;
pub mod particles;
pub mod props;
mod sampling;
pub mod scene;
pub mod sky;
pub mod terrain;
pub mod truth;
pub mod water;

use actor::{Actor, Floor};
pub use camera::Moved;
use camera::{Camera, View};
use frame::Frame;
use look::Look;
use noise::Rng;
use scene::{Layer, Scene};
pub use truth::Truth;

use crate::program::{FPS, Program};
use crate::settings;

/// A rendered clip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Film {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// RGB8 in sRGB, `[t, h, w, 3]`.
    pub frames: Vec<u8>,
}

/// Renders every frame of `program` at `size` (width, height), on `threads` threads. The bytes do
/// not depend on the number of threads.
pub fn render(program: &Program, size: (u32, u32), threads: usize) -> Film {
    let stage = Stage::new(program, size);
    let frame_bytes = (size.0 * size.1 * 3) as usize;
    let mut frames = vec![0; frame_bytes * program.frames as usize];
    let chunk = (program.frames as usize).div_ceil(threads.max(1));
    std::thread::scope(|scope| {
        for (i, part) in frames.chunks_mut(chunk * frame_bytes).enumerate() {
            let stage = &stage;
            scope.spawn(move || {
                let mut canvas = stage.canvas();
                for (j, out) in part.chunks_exact_mut(frame_bytes).enumerate() {
                    stage.paint((i * chunk + j) as u32, &mut canvas, out);
                }
            });
        }
    });
    Film {
        width: size.0,
        height: size.1,
        frames,
    }
}

/// A scene built and ready to give any frame.
pub struct Stage {
    width: usize,
    height: usize,
    frames: u32,
    view: View,
    look: Look,
    camera: Camera,
    layers: Vec<Layer>,
    actors: Vec<Actor>,
    grade: [[u8; 256]; 3],
}

enum Item<'a> {
    Layer(&'a Layer),
    Actor(&'a Actor),
}

impl Stage {
    /// Builds the scene of `program` for frames of `size` (width, height).
    pub fn new(program: &Program, size: (u32, u32)) -> Self {
        let view = settings::view(program, size);
        let look = Look::new(program, &view);
        let actors: Vec<Actor> = (0..program.subjects.len())
            .flat_map(|i| cast_of(program, &view, i))
            .collect();
        let camera = camera_for(program, view, &actors);
        let margin = camera_margin(&camera, program);
        let mut scene = Scene {
            program,
            view,
            look: look.clone(),
            rng: Rng::new(program.seed, 0x5CE7),
            margin,
            land: land_of(program, &actors),
            layers: Vec::new(),
        };
        let backdrop = sky::backdrop(program, &view, &look, margin);
        scene.card(backdrop);
        for cloud in sky::clouds(program, &view, &look) {
            scene.card(cloud);
        }
        settings::build(&mut scene);
        props::bring(&mut scene, &actors);
        air::banks(&mut scene);
        particles::fall(&mut scene);
        let mut layers = scene.layers;
        layers.sort_by(|a, b| b.z().total_cmp(&a.z()));
        if camera.is_static() {
            layers = bake::still(layers, &view, &actors, program.seconds());
        }
        Self {
            width: size.0 as usize,
            height: size.1 as usize,
            frames: program.frames,
            view,
            look,
            camera,
            layers,
            actors,
            grade: look::grade(program),
        }
    }

    /// A canvas to paint frames on; one a thread.
    pub fn canvas(&self) -> Frame {
        Frame::new(self.width, self.height)
    }

    /// Frame `i` as RGB8, `[h, w, 3]`.
    pub fn frame(&self, i: u32, out: &mut [u8]) {
        self.paint(i, &mut self.canvas(), out);
    }

    fn paint(&self, i: u32, canvas: &mut Frame, out: &mut [u8]) {
        let t = i as f32 / FPS as f32;
        let pose = self.pose(t);
        let order = self.order(t);
        // Rows that something nearer hides wholly need no painting.
        let mut bottoms = vec![self.height; order.len()];
        let mut hidden = self.height;
        for (item, bottom) in order.iter().zip(&mut bottoms).rev() {
            *bottom = hidden;
            if let Item::Layer(Layer::Card(card) | Layer::Still { picture: card, .. }) = item {
                hidden = hidden.min(card.hides_from(&self.view, &pose));
            }
        }
        for (item, &bottom) in order.iter().zip(&bottoms) {
            canvas.bottom = bottom;
            self.paint_item(item, &pose, t, canvas, true);
        }
        for (rgb, pixel) in out.chunks_exact_mut(3).zip(&canvas.pixels) {
            let [r, g, b, _] = pixel.to_le_bytes();
            rgb[0] = self.grade[0][r as usize];
            rgb[1] = self.grade[1][g as usize];
            rgb[2] = self.grade[2][b as usize];
        }
    }

    /// Paints one layer or subject; `with_ground` adds what a subject leaves on the ground.
    fn paint_item(
        &self,
        item: &Item,
        pose: &camera::Pose,
        t: f32,
        canvas: &mut Frame,
        with_ground: bool,
    ) {
        let view = &self.view;
        match item {
            Item::Layer(Layer::Card(card) | Layer::Still { picture: card, .. }) => {
                card.draw(view, pose, t, canvas.bottom, canvas);
            }
            Item::Layer(Layer::Live(live)) => live.draw(view, pose, t, canvas),
            Item::Actor(actor) => actor.draw((view, &self.look), pose, t, canvas, with_ground),
        }
    }

    /// Where the camera is at `t` seconds.
    fn pose(&self, t: f32) -> camera::Pose {
        pose(&self.camera, &self.actors, t)
    }

    /// Everything to paint, farthest first.
    fn order(&self, t: f32) -> Vec<Item<'_>> {
        let mut items: Vec<Item> = self.layers.iter().map(Item::Layer).collect();
        for actor in &self.actors {
            let z = actor.z + actor.offset(t)[1];
            let at = items.partition_point(|item| match item {
                Item::Layer(layer) => layer.z() >= z,
                Item::Actor(other) => other.z + other.offset(t)[1] >= z,
            });
            items.insert(at, Item::Actor(actor));
        }
        items
    }
}

fn cast_of(program: &Program, view: &View, index: usize) -> Vec<Actor> {
    let floor = settings::floor(program, program.subjects[index].kind);
    Actor::cast(program, view, index, floor)
}

/// Nearest and farthest depth of the subjects that stand on the ground.
fn land_of(program: &Program, actors: &[Actor]) -> Option<(f32, f32)> {
    let depths = actors
        .iter()
        .filter(|a| matches!(a.floor, Floor::Land | Floor::Wet))
        .flat_map(|a| [a.z, a.z + a.offset(program.seconds())[1]]);
    depths.fold(None, |range, z| {
        let (near, far) = range.unwrap_or((z, z));
        Some((f32::min(near, z), f32::max(far, z)))
    })
}

/// What the camera's move makes of the first frame's picture, frame by frame; the scene is not built.
pub fn camera_path(program: &Program, size: (u32, u32)) -> Vec<Moved> {
    let view = settings::view(program, size);
    let subjects = 0..program.subjects.len();
    let actors: Vec<Actor> = subjects.flat_map(|i| cast_of(program, &view, i)).collect();
    let camera = camera_for(program, view, &actors);
    let pose = |frame: u32| pose(&camera, &actors, frame as f32 / FPS as f32);
    let frames = 0..program.frames;
    frames
        .map(|frame| Moved::between(&view, &pose(0), &pose(frame)))
        .collect()
}

/// Where a camera is at `t` seconds. One that tracks follows the mean of where its subject is within less
/// than half a second, so that it does not jerk when the subject stops.
fn pose(camera: &Camera, actors: &[Actor], t: f32) -> camera::Pose {
    let mut pose = camera.at(t);
    if let (true, Some(main)) = (camera.tracks(), actors.first()) {
        let sum: f32 = (-4..=4).map(|i| main.offset(t + i as f32 * 0.1)[0]).sum();
        pose.x = sum / 9.0;
    }
    pose
}

fn camera_for(program: &Program, view: View, actors: &[Actor]) -> Camera {
    let anchor = actors.first().map_or(
        (view.width * 0.5, view.horizon + 0.16 * view.height),
        |actor| {
            let tall = actor::framing(actor.subject.kind).height * view.per_meter(actor.z);
            let share = if tall > view.height * 0.6 { 0.7 } else { 0.55 };
            (actor.foot.0, actor.foot.1 - tall * share)
        },
    );
    Camera::new(program, view, anchor)
}

/// The most the camera shifts the far sky to either side and up or down, pixels.
fn camera_margin(camera: &Camera, program: &Program) -> (f32, f32) {
    (0..program.frames)
        .map(|i| camera.at(i as f32 / FPS as f32))
        .fold((0.0, 0.0), |m, p| {
            (
                f32::max(m.0, p.shift_x.abs()),
                f32::max(m.1, p.shift_y.abs()),
            )
        })
}

#[cfg(test)]
mod tests;
