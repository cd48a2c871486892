//! What key frames look like: setting, hour, weather, and for every part of the picture the kind
//! and colour of the subject that stands there.
//!
//! A small convolutional network, trained on true renders by `oracle/train_detectors.py`.
//! Dimension key: `h w` of the working size, `k` key frames.

use crate::{
    Clip,
    labels::{COLORS, DIRECTIONS, KINDS, SETTINGS, TIMES, WEATHERS},
    net::{Activation, Conv, Linear, Map, Weights, WeightsError, softmax},
};

/// Key frames looked at.
pub const KEY_FRAMES: usize = 5;

/// Channels of a key frame: red, green, blue, unrest; all 0 to 1.
pub const CHANNELS: usize = 4;

/// Working pixels a cell of the subject maps covers, across and down.
pub const CELL: usize = 4;

/// Means and maxima of the last and the second, means of the first layer.
const FEATURES: usize = 2 * 96 + 2 * 48 + 32;

/// No subject, kinds, colours, directions, members.
const SUBJECT_CHANNELS: usize = 1 + KINDS.len() + COLORS.len() + DIRECTIONS.len() + 1;

/// Members a cell that one unit of the network's last channel stands for.
const DENSITY: f32 = 0.1;

/// What the network says about a clip.
#[derive(Debug, Clone)]
pub struct Look {
    /// Probabilities over [`SETTINGS`].
    pub setting: Vec<f32>,
    /// Probabilities over [`TIMES`].
    pub time: Vec<f32>,
    /// Probabilities over [`WEATHERS`].
    pub weather: Vec<f32>,
    /// One for each key frame, in time.
    pub frames: Vec<SubjectMaps>,
}

/// Where one key frame shows what, `h / CELL` x `w / CELL` cells.
#[derive(Debug, Clone)]
pub struct SubjectMaps {
    /// Logits `[h, w, 1 + KINDS]`; the first is "no subject".
    pub kind: Map,
    /// Logits `[h, w, COLORS]`, meaningful where a subject stands.
    pub color: Map,
    /// Logits `[h, w, DIRECTIONS]` of where a subject heads, meaningful where one stands.
    pub facing: Map,
    /// Members of subjects a cell, `[h, w, 1]`: a bump of sum one in the middle of each.
    pub density: Map,
}

/// Frame numbers of the key frames of a clip of `len` frames: from a twentieth of its length to the
/// end less a twentieth.
pub fn key_frames(len: usize) -> [usize; KEY_FRAMES] {
    let last = len.saturating_sub(1) as f32;
    std::array::from_fn(|k| {
        let part = 0.05 + 0.9 * k as f32 / (KEY_FRAMES - 1) as f32;
        (part * last).round() as usize
    })
}

/// The networks' view of frame `i`: `[h, w, CHANNELS]`. Unrest is the mean absolute difference to
/// the frame before (after, for the first), times four: rain, snow and all that moves.
pub fn key_frame(clip: &Clip, i: usize) -> Map {
    let (w, h) = clip.working_size();
    let now = clip.working_frame(i);
    let near = if i == 0 { 1.min(clip.len() - 1) } else { i - 1 };
    let other = clip.working_frame(near);
    let mut data = Vec::with_capacity(w * h * CHANNELS);
    for (rgb, other) in now.chunks_exact(3).zip(other.chunks_exact(3)) {
        let change: f32 = rgb.iter().zip(other).map(|(a, b)| (a - b).abs()).sum();
        data.extend(rgb.iter().map(|x| x / 255.0));
        data.push((change * 4.0 / 3.0 / 255.0).min(1.0));
    }
    Map::new(h, w, CHANNELS, data)
}

/// A key frame in few, rich cells: `[h / CELL, w / CELL, 6]`, the means of its channels and the
/// mean steps of its brightness across and down, times four.
pub fn overview(x: &Map) -> Map {
    let (h, w) = (x.h / CELL, x.w / CELL);
    let mut data = vec![0.0f32; h * w * (CHANNELS + 2)];
    let luma = |p: usize| (x.data[p] + x.data[p + 1] + x.data[p + 2]) / 3.0;
    let share = 1.0 / (CELL * CELL) as f32;
    for row in 0..h * CELL {
        for column in 0..w * CELL {
            let p = (row * x.w + column) * CHANNELS;
            let cell =
                &mut data[(row / CELL * w + column / CELL) * (CHANNELS + 2)..][..CHANNELS + 2];
            for (sum, value) in cell.iter_mut().zip(&x.data[p..p + CHANNELS]) {
                *sum += value * share;
            }
            let right = if column + 1 < x.w { p + CHANNELS } else { p };
            let below = if row + 1 < x.h { p + x.w * CHANNELS } else { p };
            cell[CHANNELS] += (luma(right) - luma(p)).abs() * 4.0 * share;
            cell[CHANNELS + 1] += (luma(below) - luma(p)).abs() * 4.0 * share;
        }
    }
    Map::new(h, w, CHANNELS + 2, data)
}

/// The networks: one looks at the whole scene in few cells, one for subjects in every pixel.
#[derive(Debug, Clone)]
pub struct SceneNet {
    scene: [Conv; 4],
    hidden: Linear,
    setting: Linear,
    time: Linear,
    weather: Linear,
    /// Four halvings of the picture.
    down: [Conv; 7],
    lateral: [Conv; 3],
    merge: [Conv; 2],
    subject: Conv,
}

impl SceneNet {
    /// Takes the tensors `scene.*` and `subject.*`.
    ///
    /// # Errors
    /// A tensor is missing or misshapen.
    pub fn load(weights: &mut Weights) -> Result<Self, WeightsError> {
        use Activation::{Linear as Plain, Relu};
        let mut conv = |name: &str, shape: [usize; 3], stride, activation| {
            Conv::load(weights, name, shape, stride, activation)
        };
        let scene = [
            conv("scene.conv0", [3, CHANNELS + 2, 32], 1, Relu)?,
            conv("scene.conv1", [3, 32, 48], 2, Relu)?,
            conv("scene.conv2", [3, 48, 64], 2, Relu)?,
            conv("scene.conv3", [3, 64, 96], 2, Relu)?,
        ];
        let down = [
            conv("subject.down0", [3, CHANNELS, 16], 2, Relu)?,
            conv("subject.down1", [3, 16, 32], 2, Relu)?,
            conv("subject.down2", [3, 32, 32], 1, Relu)?,
            conv("subject.down3", [3, 32, 64], 2, Relu)?,
            conv("subject.down4", [3, 64, 64], 1, Relu)?,
            conv("subject.down5", [3, 64, 96], 2, Relu)?,
            conv("subject.down6", [3, 96, 96], 1, Relu)?,
        ];
        let lateral = [
            conv("subject.lateral0", [1, 96, 64], 1, Relu)?,
            conv("subject.lateral1", [1, 64, 64], 1, Plain)?,
            conv("subject.lateral2", [1, 32, 48], 1, Plain)?,
        ];
        let merge = [
            conv("subject.merge0", [3, 64, 48], 1, Relu)?,
            conv("subject.merge1", [3, 48, 32], 1, Relu)?,
        ];
        let subject = conv("subject.head", [1, 32, SUBJECT_CHANNELS], 1, Plain)?;
        let mut head = |name: &str, inputs, outputs, activation| {
            Linear::load(
                weights,
                &format!("scene.{name}"),
                inputs,
                outputs,
                activation,
            )
        };
        let hidden = head("hidden", FEATURES, 128, Relu)?;
        let setting = head("setting", 128, SETTINGS.len(), Plain)?;
        let time = head("time", 128, TIMES.len(), Plain)?;
        let weather = head("weather", 128, WEATHERS.len(), Plain)?;
        Ok(Self {
            scene,
            hidden,
            setting,
            time,
            weather,
            down,
            lateral,
            merge,
            subject,
        })
    }

    /// Looks at a clip's key frames, on two threads.
    pub fn look(&self, clip: &Clip) -> Look {
        let indices = key_frames(clip.len());
        let see = |range: &[usize]| -> Vec<(Vec<f32>, SubjectMaps)> {
            let frames = range.iter().map(|&i| key_frame(clip, i));
            frames
                .map(|x| (self.whole(&x), self.subjects(&x)))
                .collect()
        };
        let (first, second) = indices.split_at(KEY_FRAMES / 2);
        let seen: Vec<_> = std::thread::scope(|scope| {
            let other = scope.spawn(|| see(first));
            let mut later = see(second);
            let mut all = other
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            all.append(&mut later);
            all
        });
        let (hidden, frames): (Vec<Vec<f32>>, Vec<SubjectMaps>) = seen.into_iter().unzip();
        Look {
            setting: vote(&self.setting, &hidden),
            time: vote(&self.time, &hidden),
            weather: vote(&self.weather, &hidden),
            frames,
        }
    }

    /// What the whole of one key frame is like, `[128]`.
    fn whole(&self, x: &Map) -> Vec<f32> {
        let full = self.scene[0].forward(&overview(x)); // [h/4, w/4, 32]
        let half = self.scene[1].forward(&full); // [h/8, w/8, 48]
        let last = self.scene[3].forward(&self.scene[2].forward(&half)); // [h/32, w/32, 96]
        let features = [
            last.mean(),
            last.max(),
            half.mean(),
            half.max(),
            full.mean(),
        ]
        .concat();
        self.hidden.forward(&features)
    }

    /// What stands where in one key frame.
    fn subjects(&self, x: &Map) -> SubjectMaps {
        let quarter = self.down[2].forward(&self.down[1].forward(&self.down[0].forward(x))); // [h/4, w/4, 32]
        let eighth = self.down[4].forward(&self.down[3].forward(&quarter)); // [h/8, w/8, 64]
        let sixteenth = self.down[6].forward(&self.down[5].forward(&eighth)); // [h/16, w/16, 96]
        let coarse = self.lateral[0].forward(&sixteenth); // [h/16, w/16, 64]
        let middle = coarse.upsampled_onto(&self.lateral[1].forward(&eighth)); // [h/8, w/8, 64]
        let middle = self.merge[0].forward(&middle); // [h/8, w/8, 48]
        let fine = middle.upsampled_onto(&self.lateral[2].forward(&quarter)); // [h/4, w/4, 48]
        let logits = self.subject.forward(&self.merge[1].forward(&fine)); // [h/4, w/4, 30]
        SubjectMaps::split(&logits)
    }
}

/// Probabilities of the mean logits over key frames.
fn vote(head: &Linear, hidden: &[Vec<f32>]) -> Vec<f32> {
    let mut mean: Vec<f32> = Vec::new();
    for logits in hidden.iter().map(|h| head.forward(h)) {
        mean.resize(logits.len(), 0.0);
        mean.iter_mut()
            .zip(&logits)
            .for_each(|(m, l)| *m += l / hidden.len() as f32);
    }
    softmax(&mean)
}

impl SubjectMaps {
    fn split(logits: &Map) -> Self {
        let kinds = 1 + KINDS.len();
        let part = |from: usize, to: usize| {
            let data = logits
                .data
                .chunks_exact(logits.c)
                .flat_map(|p| p[from..to].iter().copied());
            Map::new(logits.h, logits.w, to - from, data.collect())
        };
        let (colors, facing) = (kinds + COLORS.len(), logits.c - 1);
        let mut density = part(facing, logits.c);
        for d in &mut density.data {
            *d = d.max(0.0) * DENSITY;
        }
        Self {
            kind: part(0, kinds),
            color: part(kinds, colors),
            facing: part(colors, facing),
            density,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_frames_lie_inside_and_in_order() {
        assert_eq!(key_frames(97), [5, 26, 48, 70, 91]);
        assert_eq!(key_frames(1), [0; 5]);
    }

    #[test]
    fn an_overview_holds_means_and_steps() {
        let pixel = |p: usize| {
            if p % 8 < 4 {
                [0.2, 0.2, 0.2, 0.0]
            } else {
                [0.6, 0.6, 0.6, 1.0]
            }
        };
        let map = overview(&Map::new(4, 8, 4, (0..32).flat_map(pixel).collect()));
        assert_eq!((map.h, map.w, map.c), (1, 2, 6));
        let want = [0.2, 0.2, 0.2, 0.0, 0.4, 0.0, 0.6, 0.6, 0.6, 1.0, 0.0, 0.0];
        for (got, want) in map.data.iter().zip(want) {
            assert!((got - want).abs() < 1e-5, "{:?}", map.data);
        }
    }

    #[test]
    fn unrest_is_what_changes() {
        let mut frames = vec![100u8; 3 * 288 * 160 * 3];
        let bytes = 288 * 160 * 3;
        frames[bytes..2 * bytes].fill(120);
        let clip = Clip {
            width: 288,
            height: 160,
            fps: 24,
            frames,
        };
        let map = key_frame(&clip, 1);
        assert_eq!((map.h, map.w, map.c), (160, 288, 4));
        assert!((map.data[3] - 80.0 / 255.0).abs() < 1e-4, "{}", map.data[3]);
        assert!((map.data[0] - 120.0 / 255.0).abs() < 1e-4);
    }
}
