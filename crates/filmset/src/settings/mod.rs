//! The ten places. Each file has one `build(&mut Scene)` that adds the layers of its place, and
//! relies on the stage for sky, clouds, weather and subjects.

mod beach;
mod canopy;
mod desert;
mod facades;
mod forest;
mod harbor;
mod houses;
mod mountains;
mod peaks;
mod sea;
mod skyline;
mod snow_village;
mod street;
mod trees;
mod wheat_field;

use crate::program::{Program, Setting, SubjectKind, Weather};
use crate::stage::actor::{Floor, framing, shot_index};
use crate::stage::camera::View;
use crate::stage::noise::Rng;
use crate::stage::scene::Scene;

/// Adds the layers of the program's setting.
pub fn build(scene: &mut Scene) {
    match scene.program.setting {
        Setting::Desert => desert::build(scene),
        Setting::Forest => forest::build(scene),
        Setting::Mountains => mountains::build(scene),
        Setting::SnowVillage => snow_village::build(scene),
        Setting::Skyline => skyline::build(scene),
        Setting::WheatField => wheat_field::build(scene),
        Setting::Street => street::build(scene),
        Setting::Beach => beach::build(scene),
        Setting::Sea => sea::build(scene),
        Setting::Harbor => harbor::build(scene),
    }
}

/// Row of the horizon as a share of the frame's height; for pictures without a subject on the
/// ground the height of the camera, and the depth through a 35 mm lens of what the picture is
/// about, both in metres.
const fn composition(setting: Setting) -> (f32, f32, f32) {
    match setting {
        Setting::Harbor => (0.50, 3.0, 90.0),
        Setting::Beach => (0.46, 2.0, 24.0),
        Setting::Sea => (0.50, 3.0, 30.0),
        Setting::WheatField => (0.56, 1.9, 16.0),
        Setting::Mountains => (0.60, 6.0, 60.0),
        Setting::Desert => (0.56, 2.5, 40.0),
        Setting::SnowVillage => (0.56, 4.0, 40.0),
        Setting::Street => (0.62, 1.7, 18.0),
        Setting::Skyline => (0.70, 20.0, 480.0),
        Setting::Forest => (0.60, 1.7, 18.0),
    }
}

/// What lies under a subject of `kind` in the program's setting.
pub fn floor(program: &Program, kind: SubjectKind) -> Floor {
    use SubjectKind as K;
    let wet = matches!(program.weather, Weather::Rain);
    match (kind, program.setting) {
        (K::Sailboat | K::FishingBoat, _) => Floor::Water,
        (K::Birds | K::Balloon | K::Kite | K::Lighthouse, _) | (_, Setting::WheatField) => {
            Floor::None
        }
        (K::Train, _) => Floor::None,
        (_, Setting::Street | Setting::Harbor) if wet => Floor::Wet,
        (_, Setting::Sea) => Floor::Water,
        _ => Floor::Land,
    }
}

/// The lens and the composition of a program's first frame.
pub fn view(program: &Program, size: (u32, u32)) -> View {
    let (width, height) = (size.0 as f32, size.1 as f32);
    let long = width.max(height);
    let focal = program.camera.focal_mm / 36.0 * long;
    let (share, eye, reference) = composition(program.setting);
    let mut rng = Rng::new(program.seed, 0x71E3);
    let share = share + rng.range(-0.03, 0.03);
    let horizon = share * height;
    let mut view = View {
        width,
        height,
        focal,
        horizon,
        eye,
        subject_z: reference * program.camera.focal_mm / 35.0,
        unit: (width * height / (576.0 * 320.0)).sqrt(),
        zoom: program.camera.focal_mm / 35.0,
    };
    if let Some(subject) = program.subjects.first() {
        let framing = framing(subject.kind);
        let shot = shot_index(program.camera.shot);
        let tall = framing.shares[shot] * height;
        let tall =
            tall.min(width * 0.95 * framing.height / framing.width.min(framing.height * 2.0));
        view.subject_z = focal * framing.height / tall;
        if !framing.airborne {
            let drop = (framing.feet[shot] * height - horizon).max(0.03 * height);
            view.eye = drop / view.per_meter(view.subject_z);
        }
    }
    view
}
