//! From a decoder's numbers to delivered pictures.

use std::sync::Mutex;

use kinora_tensor::{Tensor, parallel_for};

use crate::error::Result;
use crate::finish::Finisher;
use crate::framing::Framing;
use crate::size::Size;

/// A delivered picture and the frame of the delivered clip that it is first shown as.
pub(crate) struct Picture {
    pub(crate) rgb: Vec<u8>,
    pub(crate) showings: u32,
}

/// Turns frame `index` of `frames` F32 `[n, h, w, 3]` in [-1, 1] into RGB8.
pub(crate) fn to_rgb(frames: &Tensor, index: usize) -> Vec<u8> {
    let [_, h, w, c] = frames.dims();
    let frame = h * w * c;
    let values = &frames.as_f32()[index * frame..][..frame];
    // `as` saturates, so values beyond [-1, 1] are clamped; adding a half rounds.
    values
        .iter()
        .map(|value| (value * 127.5 + 128.0) as u8)
        .collect()
}

/// Develops the wanted frames of a group: cut, scaled, finished. `wanted` holds `(frame of the
/// group, first delivered frame, showings)`.
pub(crate) fn develop(
    frames: &Tensor,
    wanted: &[(usize, u32, u32)],
    framing: &Framing,
    finisher: &Finisher,
) -> Result<Vec<Picture>> {
    let results: Vec<Mutex<Option<Result<Picture>>>> =
        wanted.iter().map(|_| Mutex::default()).collect();
    parallel_for(wanted.len(), |i| {
        let (frame, first, showings) = wanted[i];
        let native = to_rgb(frames, frame);
        let picture = fit(native, framing.native, framing.size).map(|mut rgb| {
            finisher.apply(&mut rgb, first);
            Picture { rgb, showings }
        });
        *results[i].lock().expect("no other task has it") = Some(picture);
    });
    let taken = |slot: Mutex<Option<Result<Picture>>>| {
        slot.into_inner()
            .expect("no task panicked")
            .expect("every task ran")
    };
    results.into_iter().map(taken).collect()
}

/// Cuts to the shape of `to` and scales; the picture itself where nothing changes.
pub(crate) fn fit(rgb: Vec<u8>, from: Size, to: Size) -> Result<Vec<u8>> {
    if from == to {
        return Ok(rgb);
    }
    Ok(kinora_media::fit(
        &rgb,
        (from.width, from.height),
        (to.width, to.height),
    )?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_rounded_and_clamped() {
        let frames = Tensor::from_f32(&[-2.0, -1.0, 0.0, 1.0, 1.5, 0.5], &[1, 1, 2, 3]);
        assert_eq!(to_rgb(&frames, 0), [0, 0, 128, 255, 255, 191]);
    }
}
