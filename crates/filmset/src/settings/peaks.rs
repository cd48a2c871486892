//! Ranges of mountains: flank before flank, parted into light and shade, under snow.

use super::trees::sun_side;
use crate::program::Weather;
use crate::stage::bitmap::Bitmap;
use crate::stage::card::Card;
use crate::stage::color::{Rgb, smoothstep};
use crate::stage::noise::{Loop, hash01};
use crate::stage::scene::Scene;

/// One range of mountains.
pub struct Range {
    /// Depth, metres.
    pub z: f32,
    /// Lowest and highest peak above the horizon, pixels of a 576x320 frame.
    pub heights: (f32, f32),
    /// Peaks over one period.
    pub peaks: usize,
    /// Fall of a flank, pixels a pixel.
    pub slope: f32,
    /// Share of the highest peak above which snow lies; 1 and more for none.
    pub snow_line: f32,
    /// Pigment of the rock or the woods.
    pub pigment: u32,
    /// Height of the firs that tooth the outline, pixels of a 576x320 frame; 0 for bare rock.
    pub firs: f32,
}

struct Peak {
    x: f32,
    height: f32,
    left: f32,
    right: f32,
    bend: f32,
    /// Height of its outline at each column, pixels.
    flank: Vec<f32>,
}

/// Columns from `from` to `x` on a loop of `width`, the short way round.
fn offset(x: f32, from: f32, width: f32) -> f32 {
    (x - from + width * 1.5).rem_euclid(width) - width * 0.5
}

/// A range with lit and shaded faces, snow above its snow line, air at its foot.
pub fn peaks(scene: &mut Scene, range: &Range) -> Card {
    let u = scene.view.unit * scene.view.far_scale().clamp(0.75, 1.5);
    let stretch = (scene.view.height / scene.px(320.0)).sqrt();
    let tallest = range.heights.1 * u * stretch;
    let below = scene.px(12.0);
    let mut bitmap = scene.strip(tallest + below + 8.0);
    let width = bitmap.width as f32;
    let rng = &mut scene.rng;
    let mut list: Vec<Peak> = (0..range.peaks)
        .map(|i| Peak {
            x: (i as f32 + rng.range(0.15, 0.85)) / range.peaks as f32 * width,
            height: (range.heights.0 * u * stretch)
                + (tallest - range.heights.0 * u * stretch) * rng.unit().powf(0.8),
            left: range.slope * rng.range(0.75, 1.3),
            right: range.slope * rng.range(0.75, 1.3),
            bend: rng.range(-0.35, 0.35),
            flank: Vec::new(),
        })
        .collect();
    let (rough, fine) = (Loop::new(rng, 9, 4, 0.8), Loop::new(rng, 23, 4, 0.9));
    let salt = rng.word();
    let base = tallest + 6.0;
    // Lower peaks stand before higher ones.
    list.sort_by(|a, b| a.height.total_cmp(&b.height));
    for (i, peak) in list.iter_mut().enumerate() {
        peak.flank = (0..bitmap.width)
            .map(|x| {
                let dx = offset(x as f32, peak.x, width);
                let fall = if dx < 0.0 {
                    -dx * peak.left
                } else {
                    dx * peak.right
                };
                let turn = x as f32 / width + i as f32 * 0.37;
                let jag = range.slope * u * (5.5 * rough.at(turn) + 2.6 * fine.at(turn));
                let tooth = teeth(salt, x as f32 / u, range.firs) * u;
                let height = peak.height - fall * (1.0 - 0.25 * (fall / tallest).min(1.0));
                height.max(tallest * 0.12) + jag + tooth
            })
            .collect();
    }
    shade(scene, range, &mut bitmap, &list, (base, tallest));
    bitmap.blur(scene.defocus(range.z), true);
    Card::periodic(bitmap, scene.view.horizon - base, range.z)
}

/// Height of a row of firs at column `x`, pointed tops about `size` high.
fn teeth(salt: u64, x: f32, size: f32) -> f32 {
    if size <= 0.0 {
        return 0.0;
    }
    let gap = size * 0.95;
    let i = (x / gap).floor();
    let tall = size * (0.45 + 0.75 * hash01(salt, i as i64));
    let d = ((x / gap - i) - 0.5).abs() * 2.0;
    tall * (1.0 - d).max(0.0)
}

fn shade(
    scene: &Scene,
    range: &Range,
    bitmap: &mut Bitmap,
    list: &[Peak],
    (base, tallest): (f32, f32),
) {
    let look = &scene.look;
    let z = scene.look.seen(range.z, 0.80);
    let pigment = Rgb::hex(range.pigment);
    let side = sun_side(scene);
    let (lit, dark) = (
        look.paint(pigment.mix(Rgb::hex(0x00E0_C8A8), 0.25), 0.95, z),
        look.paint(pigment, 0.3, z),
    );
    let (snow, blue) = (
        look.paint(Rgb::hex(0x00FB_FCFF), 1.0, z * 0.7),
        look.paint(Rgb::hex(0x00B8_C8EA), 0.55, z * 0.8),
    );
    let winter = scene.program.weather == Weather::Snow;
    let line = if winter {
        range.snow_line.min(1.2) * 0.5
    } else {
        range.snow_line
    };
    let width = bitmap.width as f32;
    let (u, mist) = (scene.view.unit, look.air.mix(look.horizon, 0.35));
    for x in 0..bitmap.width {
        let high = list.iter().map(|p| p.flank[x]).fold(f32::MIN, f32::max);
        let outline = base - high;
        let zigzag =
            7.0 * u * ((x as f32 / (9.0 * u)).sin() + 0.7 * (x as f32 / (4.3 * u) + 1.3).sin());
        for y in outline.floor().max(0.0) as usize..bitmap.height {
            let height = base - y as f32;
            let Some(peak) = list.iter().find(|p| p.flank[x] >= height - 1.0) else {
                continue;
            };
            let (down, dx) = (peak.height - height, offset(x as f32, peak.x, width));
            // The crest comes down from the summit in a crooked line that parts light and shade.
            let crest = down * peak.bend
                + 3.5 * u * (down / (8.0 * u)).sin()
                + 2.0 * u * (down / (3.1 * u)).sin();
            let face = smoothstep(-1.6 * u, 1.6 * u, (dx - crest) * side);
            let rock = dark.mix(lit, face);
            let cold = smoothstep(-2.0 * u, 2.0 * u, height + zigzag - tallest * line);
            let color = rock.mix(blue.mix(snow, face), cold);
            let foot = smoothstep(tallest * 0.55, -4.0 * u, height) * 0.6;
            let cover = (y as f32 + 1.0 - outline).clamp(0.0, 1.0);
            bitmap.pixels[y * bitmap.width + x] = color.mix(mist, foot).pixel(cover);
        }
    }
}
