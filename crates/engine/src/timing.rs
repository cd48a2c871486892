//! Lengths and frame rates: how many frames the model makes and which of them are shown.

use serde::{Deserialize, Serialize};

/// The frame rates that can be delivered, frames per second.
pub const RATES: &[u32] = &[8, 12, 16, 24, 25, 30, 48, 50, 60];

/// Which frames are made and which are shown.
///
/// The model makes `1 + stride k` frames at its own rate. A clip of `seconds` shows exactly
/// `seconds * fps` frames; the made frames beyond its end are dropped. At another rate each shown
/// frame is the made frame nearest in time: slower rates drop frames, faster ones hold them, and
/// nothing is invented in between.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Timing {
    /// Length of the delivered clip in seconds.
    pub seconds: f64,
    /// Delivered frames per second.
    pub fps: u32,
    /// Delivered frames.
    pub frames: u32,
    /// Frames per second of the model.
    pub native_fps: u32,
    /// Frames that the model makes, `1 + stride k`.
    pub native_frames: u32,
    /// Made frames before the first that is shown: the end of the clip that is extended.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lead: u32,
}

/// Whether a number is not worth writing down.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks for a reference"
)]
pub(crate) fn is_zero(frames: &u32) -> bool {
    *frames == 0
}

impl Timing {
    /// The timing of a clip of `seconds` at `fps` from a model of `native_fps` that makes
    /// `stride` frames from a latent one.
    pub fn new(seconds: f64, fps: u32, native_fps: u32, stride: u32) -> Self {
        Self::after(0, seconds, fps, native_fps, stride)
    }

    /// The timing of a continuation: the first `lead` of the made frames are not shown.
    pub fn after(lead: u32, seconds: f64, fps: u32, native_fps: u32, stride: u32) -> Self {
        let frames = (seconds * f64::from(fps)).round().max(1.0) as u32;
        // The made frame that the last delivered frame shows, as in `shown_before`.
        let last = lead + (2 * (frames - 1) * native_fps + fps) / (2 * fps);
        let native_frames = 1 + last.div_ceil(stride) * stride;
        let seconds = f64::from(frames) / f64::from(fps);
        Self {
            seconds,
            fps,
            frames,
            native_fps,
            native_frames,
            lead,
        }
    }

    /// A clip of exactly `1 + stride k` frames, the nearest to `frames`, all of them shown.
    pub fn of_frames(frames: u32, fps: u32, stride: u32) -> Self {
        Self::whole(
            1 + (frames.saturating_sub(1) + stride / 2) / stride * stride,
            fps,
        )
    }

    /// A clip all of whose made frames are shown once.
    pub fn whole(frames: u32, fps: u32) -> Self {
        Self {
            seconds: f64::from(frames) / f64::from(fps),
            fps,
            frames,
            native_fps: fps,
            native_frames: frames,
            lead: 0,
        }
    }

    /// How many times made frame `index` is shown: 0 when dropped, more than 1 when held.
    pub fn showings(&self, index: u32) -> u32 {
        let Some(index) = index.checked_sub(self.lead) else {
            return 0;
        };
        self.shown_before(index + 1) - self.shown_before(index)
    }

    /// How many delivered frames show a made frame before `index`.
    fn shown_before(&self, index: u32) -> u32 {
        // Shown frame i shows made frame floor(i * native / fps + 1/2), so it comes before `index`
        // when i < (index - 1/2) * fps / native.
        let doubled = (u64::from(index) * 2).saturating_sub(1) * u64::from(self.fps);
        let before = doubled.div_ceil(2 * u64::from(self.native_fps));
        before.min(u64::from(self.frames)) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(timing: &Timing) -> Vec<u32> {
        (0..timing.native_frames)
            .flat_map(|index| std::iter::repeat_n(index, timing.showings(index) as usize))
            .collect()
    }

    #[test]
    fn native_rate_shows_every_frame_once_and_drops_the_tail() {
        for (seconds, made, frames) in [(1.0, 25, 24), (2.0, 49, 48), (4.0, 97, 96), (2.5, 65, 60)]
        {
            let timing = Timing::new(seconds, 24, 24, 8);
            assert_eq!((timing.native_frames, timing.frames), (made, frames));
            assert_eq!(shown(&timing), (0..frames).collect::<Vec<_>>());
            assert!((timing.seconds - seconds).abs() < 1e-9);
        }
    }

    #[test]
    fn other_rates_show_the_nearest_frame_in_time() {
        for &fps in RATES {
            for seconds in [1.0, 1.7, 57.0 / 24.0, 3.3, 4.0] {
                let timing = Timing::new(seconds, fps, 24, 8);
                let shown = shown(&timing);
                assert_eq!(shown.len() as u32, timing.frames, "{fps} fps, {seconds} s");
                for (i, &made) in shown.iter().enumerate() {
                    let exact = i as f64 * 24.0 / f64::from(fps);
                    assert!(
                        (f64::from(made) - exact).abs() <= 0.5 + 1e-9,
                        "{fps} fps frame {i}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_continuation_shows_what_comes_behind_its_lead() {
        for (seconds, fps, made) in [(1.0, 24, 41), (3.0, 24, 89), (1.5, 30, 57)] {
            let timing = Timing::after(17, seconds, fps, 24, 8);
            assert_eq!(timing.native_frames, made, "{seconds} s at {fps}");
            let shown = shown(&timing);
            assert_eq!(shown.len() as u32, timing.frames);
            assert_eq!(shown[0], 17);
        }
    }

    #[test]
    fn twelve_frames_a_second_drops_every_second_frame() {
        let timing = Timing::new(1.0, 12, 24, 8);
        assert_eq!(shown(&timing), (0..12).map(|i| i * 2).collect::<Vec<_>>());
    }

    #[test]
    fn a_number_of_frames_snaps_to_what_latent_frames_give() {
        for (asked, stride, frames) in [
            (17, 4, 17),
            (16, 4, 17),
            (49, 8, 49),
            (52, 8, 49),
            (1, 8, 1),
        ] {
            let timing = Timing::of_frames(asked, 16, stride);
            assert_eq!(
                (timing.frames, timing.native_frames),
                (frames, frames),
                "{asked}"
            );
            assert_eq!(shown(&timing), (0..frames).collect::<Vec<_>>());
        }
    }
}
