//! Decoding a clip part by part.

use kinora_tensor::Tensor;

use super::decoder::{DecodeOptions, Decoder, State};
use super::tiling::{Tile, Tiles};
use super::time::Part;

/// A clip being decoded.
///
/// Frames come out later than their latents go in, because the decoder looks some twenty latent
/// frames ahead: of most clips nothing is ready before they end. So frames are to be taken one by
/// one: [`Stream::feed`] latents, then [`Stream::next_frames`] until there are none, and at last
/// [`Stream::end`] and the rest of them in the same way. [`Stream::push`] and [`Stream::finish`]
/// hand over all at once.
pub struct Stream<'a> {
    decoder: &'a Decoder,
    options: DecodeOptions,
    draws: Box<dyn FnMut(usize, [usize; 2]) -> Tensor + 'a>,
    tiles: Option<(Tiles, Vec<State>)>,
}

impl<'a> Stream<'a> {
    pub(super) fn new(
        decoder: &'a Decoder,
        options: DecodeOptions,
        draws: Box<dyn FnMut(usize, [usize; 2]) -> Tensor + 'a>,
    ) -> Self {
        Self {
            decoder,
            options,
            draws,
            tiles: None,
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
    /// When the size differs from that of latents before.
    pub fn feed(&mut self, latents: &Tensor, noise: Option<&Tensor>) {
        let decoder = self.decoder;
        let x = decoder.prepare(latents, noise, self.options.noise_scale);
        let [_, h, w, _] = x.dims();
        let (tiles, states) = self.tiles.get_or_insert_with(|| {
            let tiling = self.options.tiling.as_ref();
            let tiles = Tiles::new([h, w], tiling, decoder.spatial_ratio);
            let start = |_: &Tile| decoder.start(self.options.timestep);
            let states = tiles.all().iter().map(start).collect();
            (tiles, states)
        });
        for (tile, state) in tiles.all().iter().zip(states) {
            state.feed(Part {
                frames: Some(tile.cut(&x)),
                last: false,
            });
        }
    }

    /// Says that the clip ends with the latents given so far.
    pub fn end(&mut self) {
        for state in self.tiles.iter_mut().flat_map(|(_, states)| states) {
            state.feed(Part {
                frames: None,
                last: true,
            });
        }
    }

    /// Works until frames are ready; `None` when that takes more latents, or the clip is over.
    ///
    /// # Shapes
    /// F32 `[n, H, W, 3]` in [-1, 1] (not clamped), n being 1 or 2. A clip of `t` latent frames has
    /// `(t - 1) ratio + 1` frames.
    pub fn next_frames(&mut self) -> Option<Tensor> {
        let (tiles, states) = self.tiles.as_mut()?;
        let (decoder, draws) = (self.decoder, &mut self.draws);
        let decode = |(i, state): (usize, &mut State)| {
            let first = i * decoder.draws;
            decoder.next(state, &mut |draw, size| draws(first + draw, size))
        };
        // Tiles of one clip are ready together.
        let decoded: Vec<Option<Tensor>> = states.iter_mut().enumerate().map(decode).collect();
        let decoded: Option<Vec<Tensor>> = decoded.into_iter().collect();
        tiles.join(&decoded?)
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
