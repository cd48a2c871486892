//! Decoding a clip latent frame by latent frame.

use std::collections::VecDeque;

use kinora_tensor::{DType, Tensor};

use super::decoder::{Decoder, State};
use crate::Held;
use crate::tiles::{Mosaic, Tiling};

/// A clip being decoded.
///
/// [`Stream::feed`] latents, then take [`Stream::next_frames`] until there are none; [`Stream::end`]
/// after the last of them. [`Stream::push`] hands over all that is ready at once.
pub struct Stream<'a> {
    decoder: Held<'a, Decoder>,
    tiling: Option<Tiling>,
    /// Latent frames `[1, h, w, c]` as the decoder takes them: those to be decoded, or in tiles all.
    latents: VecDeque<Tensor>,
    has_ended: bool,
    work: Option<Work>,
}

/// What a stream works on, from the first latents on.
enum Work {
    Whole(State),
    /// Tile after tile, when all latents are there.
    Tiles(Mosaic),
}

impl<'a> Stream<'a> {
    /// Starts decoding a clip: whole frames, or tiles of larger ones.
    pub fn new(decoder: impl Into<Held<'a, Decoder>>, tiling: Option<Tiling>) -> Self {
        Self {
            decoder: decoder.into(),
            tiling,
            latents: VecDeque::new(),
            has_ended: false,
            work: None,
        }
    }

    /// Gives the next latent frames to the decoder, which does not work on them yet.
    ///
    /// # Shapes
    /// F32 `[t, h, w, c]`, normalised.
    ///
    /// # Panics
    /// When tiles are smaller than a latent, or leave gaps.
    pub fn feed(&mut self, latents: &Tensor) {
        let [t, h, w, _] = latents.dims();
        let decoder = &*self.decoder;
        let latents = decoder.prepare(latents);
        self.latents.extend((0..t).map(|i| latents.slice(i..i + 1)));
        let (ratio, patch) = (decoder.config.pixel_stride(), decoder.config.patch());
        let tiling = self.tiling.as_ref();
        self.work.get_or_insert_with(|| {
            match tiling.filter(|tiling| tiling.cut([h * ratio, w * ratio]).is_some()) {
                None => Work::Whole(decoder.start()),
                Some(tiling) => Work::Tiles(Mosaic::new([h, w], tiling, ratio, patch)),
            }
        });
    }

    /// Says that the clip ends with the latents given so far.
    pub fn end(&mut self) {
        self.has_ended = true;
    }

    /// Decodes a latent frame, or a tile of all; `None` when that takes more latents, or the clip is
    /// over.
    ///
    /// # Shapes
    /// F32 `[n, H, W, 3]` in [-1, 1]; n is the latent stride, 1 of the first latent frame, 0 after a
    /// tile.
    pub fn next_frames(&mut self) -> Option<Tensor> {
        let decoder = &*self.decoder;
        match self.work.as_mut()? {
            Work::Whole(state) => {
                let latent = self.latents.pop_front()?;
                let maps = decoder.maps(&latent, state, &mut |_, _| {});
                Some(decoder.finish(&maps))
            }
            Work::Tiles(_) if !self.has_ended => None,
            Work::Tiles(mosaic) => {
                let Some((_, tile)) = mosaic.tile() else {
                    return mosaic.next_frame().map(|maps| decoder.finish(&maps));
                };
                let cut: Vec<Tensor> = self.latents.iter().map(|x| tile.of(x)).collect();
                let mut state = decoder.start();
                for latent in &cut {
                    mosaic.add(&decoder.maps(latent, &mut state, &mut |_, _| {}));
                }
                mosaic.end_tile();
                let [_, h, w, _] = self.latents[0].dims();
                let ratio = decoder.config.pixel_stride();
                Some(Tensor::zeros(&[0, h * ratio, w * ratio, 3], DType::F32))
            }
        }
    }

    /// [`Stream::feed`], and all frames that are ready then.
    pub fn push(&mut self, latents: &Tensor) -> Tensor {
        self.feed(latents);
        let frames: Vec<Tensor> = std::iter::from_fn(|| self.next_frames()).collect();
        Tensor::concat(&frames.iter().collect::<Vec<_>>(), 0)
    }
}
