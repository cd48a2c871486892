//! Decoding a clip part by part.

use kinora_tensor::{DType, Tensor};

use super::decoder::{DecodeOptions, Decoder, State};
use super::time::Part;
use crate::Held;
use crate::tiles::Mosaic;

/// Gives the noise `[h, w]`, F32, of a draw by its number.
type Draw<'a> = Box<dyn FnMut(usize, [usize; 2]) -> Tensor + 'a>;

/// A clip being decoded.
///
/// Frames come out later than their latents go in, because the decoder looks some twenty latent
/// frames ahead: of most clips nothing is ready before they end. So frames are to be taken one by
/// one: [`Stream::feed`] latents, then [`Stream::next_frames`] until there are none, and at last
/// [`Stream::end`] and the rest of them in the same way. [`Stream::push`] and [`Stream::finish`]
/// hand over all at once.
pub struct Stream<'a> {
    decoder: Held<'a, Decoder>,
    options: DecodeOptions,
    draws: Draw<'a>,
    work: Option<Work>,
}

/// What a stream works on, from the first latents on.
enum Work {
    Whole(State),
    /// Tile after tile, when all latents are there.
    Tiles {
        latents: Vec<Tensor>,
        mosaic: Mosaic,
        has_ended: bool,
    },
}

impl<'a> Stream<'a> {
    /// Starts decoding a clip; see [`Decoder::stream`].
    pub fn new(
        decoder: impl Into<Held<'a, Decoder>>,
        options: DecodeOptions,
        draws: impl FnMut(usize, [usize; 2]) -> Tensor + 'a,
    ) -> Self {
        Self {
            decoder: decoder.into(),
            options,
            draws: Box::new(draws),
            work: None,
        }
    }

    /// Gives the next latent frames to the decoder, which does not work on them yet.
    ///
    /// `noise` is mixed in by `noise_scale` when [`Decoder::takes_noise`]; without it, nothing is.
    ///
    /// # Shapes
    /// `latents` and `noise` F32 `[t, h, w, c]`, the latents normalised.
    ///
    /// # Panics
    /// When the size differs from that of latents before, or tiles are smaller than a latent.
    pub fn feed(&mut self, latents: &Tensor, noise: Option<&Tensor>) {
        let (decoder, options) = (&*self.decoder, &self.options);
        let x = decoder.prepare(latents, noise, options.noise_scale);
        let [_, h, w, _] = x.dims();
        let start = || {
            let ratio = decoder.spatial_ratio;
            let tiling = options.tiling.as_ref();
            match tiling.filter(|tiling| tiling.cut([h * ratio, w * ratio]).is_some()) {
                None => Work::Whole(decoder.start(options.timestep)),
                Some(tiling) => Work::Tiles {
                    latents: Vec::new(),
                    mosaic: Mosaic::new([h, w], tiling, ratio, 1),
                    has_ended: false,
                },
            }
        };
        match self.work.get_or_insert_with(start) {
            Work::Whole(state) => state.feed(Part {
                frames: Some(x),
                last: false,
            }),
            Work::Tiles { latents, .. } => latents.push(x),
        }
    }

    /// Says that the clip ends with the latents given so far.
    pub fn end(&mut self) {
        match &mut self.work {
            Some(Work::Whole(state)) => state.feed(Part {
                frames: None,
                last: true,
            }),
            Some(Work::Tiles { has_ended, .. }) => *has_ended = true,
            None => {}
        }
    }

    /// Works until frames are ready, or a tile is; `None` when that takes more latents, or the clip
    /// is over.
    ///
    /// # Shapes
    /// F32 `[n, H, W, 3]` in [-1, 1] (not clamped), n being 1 or 2, or 0 after a tile. A clip of `t`
    /// latent frames has `(t - 1) ratio + 1` frames.
    pub fn next_frames(&mut self) -> Option<Tensor> {
        let (decoder, draws) = (&*self.decoder, &mut self.draws);
        match self.work.as_mut()? {
            Work::Whole(state) => decoder.next(state, draws),
            Work::Tiles {
                has_ended: false, ..
            } => None,
            Work::Tiles {
                latents, mosaic, ..
            } => {
                let Some((number, tile)) = mosaic.tile() else {
                    return mosaic.next_frame();
                };
                let latents = Tensor::concat(&latents.iter().collect::<Vec<_>>(), 0);
                let mut state = decoder.start(self.options.timestep);
                state.feed(Part::whole(tile.of(&latents)));
                let first = number * decoder.draws;
                while let Some(frames) =
                    decoder.next(&mut state, &mut |draw, size| draws(first + draw, size))
                {
                    mosaic.add(&frames);
                }
                mosaic.end_tile();
                let [_, h, w, _] = latents.dims();
                let ratio = decoder.spatial_ratio;
                Some(Tensor::zeros(&[0, h * ratio, w * ratio, 3], DType::F32))
            }
        }
    }

    /// [`Stream::feed`], and all frames that are ready then.
    pub fn push(&mut self, latents: &Tensor, noise: Option<&Tensor>) -> Option<Tensor> {
        self.feed(latents, noise);
        self.all_frames()
    }

    /// [`Stream::end`], and all frames that are left.
    pub fn finish(mut self) -> Option<Tensor> {
        self.end();
        self.all_frames()
    }

    fn all_frames(&mut self) -> Option<Tensor> {
        let frames: Vec<Tensor> = std::iter::from_fn(|| self.next_frames()).collect();
        if frames.is_empty() {
            return None;
        }
        Some(Tensor::concat(&frames.iter().collect::<Vec<_>>(), 0))
    }
}
