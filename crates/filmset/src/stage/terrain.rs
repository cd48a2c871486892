//! Ridgelines, ground and trees.

use super::bitmap::{Bitmap, over};
use super::card::Card;
use super::color::{Rgb, smoothstep};
use super::noise::{Loop, Rng};
use super::scene::Scene;

/// The outline and pigment of a range of hills.
#[derive(Debug, Clone, Copy)]
pub struct Ridge {
    /// Depth, metres.
    pub z: f32,
    /// Row of its mean outline above the horizon, pixels of a 576x320 frame.
    pub rise: f32,
    /// How far the outline swings up and down, same unit.
    pub swing: f32,
    /// Swells over one period.
    pub swells: u32,
    /// 0 gentle, 1 rugged.
    pub roughness: f32,
    /// Pigment of the slope.
    pub pigment: Rgb,
    /// How much more air lies at the foot than at the crest, 0 to 1.
    pub foot_mist: f32,
}

/// A range of hills, from its outline down to `depth` pixels below the horizon.
pub fn ridge(scene: &mut Scene, ridge: &Ridge, below: f32) -> Card {
    let far = scene.view.far_scale();
    let rise = scene.px(ridge.rise) * far;
    let swing = scene.px(ridge.swing) * far;
    let line = Loop::new(&mut scene.rng, ridge.swells, 6, ridge.roughness);
    let top = scene.view.horizon - rise - swing - 2.0;
    let mut bitmap = scene.strip(rise + swing + below + 4.0);
    let lit = scene.look.paint(ridge.pigment, 0.65, ridge.z);
    let mist = lit.mix(scene.look.air, ridge.foot_mist);
    let width = bitmap.width as f32;
    let outline: Vec<f32> = (0..bitmap.width)
        .map(|x| 2.0 + swing - swing * line.at(x as f32 / width))
        .collect();
    let foot = rise + swing + 2.0;
    let shades: Vec<Rgb> = (0..bitmap.height)
        .map(|y| lit.mix(mist, smoothstep(0.0, foot, y as f32)))
        .collect();
    shade_slopes(&mut bitmap, &outline, &shades, scene);
    let sigma = scene.defocus(ridge.z);
    bitmap.blur(sigma, true);
    Card::periodic(bitmap, top, ridge.z)
}

/// Fills below `outline`; slopes that face the sun are lighter, those that turn away darker.
fn shade_slopes(bitmap: &mut Bitmap, outline: &[f32], shades: &[Rgb], scene: &Scene) {
    let n = outline.len();
    let side = if scene.look.sun_at.0 < scene.view.width * 0.5 {
        1.0
    } else {
        -1.0
    };
    let step = (scene.px(10.0) as usize).max(1);
    let fade = scene.px(46.0);
    let light = scene.look.sun.mix(scene.look.air, 0.3);
    for x in 0..n {
        let slope = (outline[(x + step) % n] - outline[(x + n - step) % n]) / (2 * step) as f32;
        let facing = (slope * side * 1.6).clamp(-1.0, 1.0);
        let first = outline[x].floor().max(0.0) as usize;
        for (y, &shade) in shades.iter().enumerate().skip(first) {
            let cover = (y as f32 + 1.0 - outline[x]).clamp(0.0, 1.0);
            let near_top = (1.0 - (y as f32 - outline[x]) / fade).clamp(0.0, 1.0);
            let k = facing * near_top;
            let color = if k > 0.0 {
                shade.mix(light, 0.16 * k)
            } else {
                shade.scale(1.0 + 0.13 * k)
            };
            let width = bitmap.width;
            bitmap.pixels[y * width + x] = color.pixel(cover);
        }
    }
}

/// A level ground from just below the horizon to beneath the frame: `color(depth, row share)`
/// gives its pigment as already lit, row share 0 at the horizon and 1 at the bottom.
pub fn ground(scene: &Scene, mut color: impl FnMut(f32, f32) -> Rgb) -> Card {
    let view = scene.view;
    let height = (view.height - view.horizon) * 1.45;
    let mut bitmap = scene.strip(height);
    for y in 0..bitmap.height {
        let row = view.horizon + y as f32 + 0.5;
        let share = ((row - view.horizon) / (view.height - view.horizon)).min(1.0);
        let pixel = color(view.ground_z(row), share).pixel(1.0);
        bitmap.row_mut(y).fill(pixel);
    }
    // The ground lies behind everything that stands on it: it is drawn first of all.
    Card::periodic(bitmap, view.horizon, GROUND_Z).on_ground()
}

/// Lets what was painted on a [`ground`] fade into its plain colours toward the last row, which
/// is the one that is stretched where the camera comes to see nearer ground.
pub fn settle(ground: &mut Card, plain: &[u32]) {
    let height = ground.bitmap.height as f32;
    for (y, &plain) in plain.iter().enumerate() {
        let amount = smoothstep(0.80, 0.97, y as f32 / height);
        if amount <= 0.0 {
            continue;
        }
        let [r, g, b, _] = plain.to_le_bytes().map(|c| f32::from(c) / 255.0);
        let veil = Rgb([r, g, b]).pixel(amount);
        for pixel in ground.bitmap.row_mut(y) {
            *pixel = over(veil, *pixel);
        }
    }
}

/// The colour of each row of a [`ground`] nothing is painted on yet.
pub fn plain_rows(ground: &Card) -> Vec<u32> {
    (0..ground.bitmap.height)
        .map(|y| ground.bitmap.row(y)[0])
        .collect()
}

/// Depth under which the ground is sorted: behind all things standing, before far ridges.
pub const GROUND_Z: f32 = 900.0;

/// A round leafy tree: trunk and overlapping crowns, light on the sunny side.
pub fn leafy_tree(
    bitmap: &mut Bitmap,
    rng: &mut Rng,
    (x, foot): (f32, f32),
    height: f32,
    (dark, light, sun_side): (Rgb, Rgb, f32),
) {
    let trunk = height * 0.05;
    bitmap.rect(
        x - trunk,
        foot - height * 0.5,
        x + trunk,
        foot,
        dark.scale(0.8),
        1.0,
    );
    let middle = foot - height * 0.64;
    let clump = |bitmap: &mut Bitmap, (dx, dy): (f32, f32), r: f32, ink: (Rgb, f32), soft: f32| {
        bitmap.blob(
            (x + dx * height, middle + dy * height),
            (r * height, r * height),
            soft,
            ink,
        );
    };
    clump(bitmap, (0.0, 0.0), 0.27, (dark, 1.0), 0.9);
    for i in 0..8 {
        let angle = i as f32 * 0.785 + rng.range(-0.3, 0.3);
        let spread = rng.range(0.13, 0.21);
        let at = (angle.cos() * spread * 1.1, angle.sin() * spread * 0.85);
        clump(bitmap, at, rng.range(0.12, 0.18), (dark, 1.0), 0.9);
    }
    // Light lies on the sunny upper side, in clumps that get smaller and brighter.
    for (share, soft, alpha) in [(0.19, 0.45, 0.6), (0.12, 0.5, 0.6), (0.075, 0.5, 0.75)] {
        for i in 0..4 {
            let angle = i as f32 * 1.5 + rng.range(0.0, 1.0);
            let lift = 0.02 + (0.19 - share) * 0.5;
            let at = (
                sun_side * (0.05 + lift) + angle.cos() * 0.12,
                -lift - 0.03 + angle.sin() * 0.09,
            );
            clump(
                bitmap,
                at,
                share,
                (dark.mix(light, 0.55 + (0.19 - share) * 3.0), alpha),
                soft,
            );
        }
    }
}
