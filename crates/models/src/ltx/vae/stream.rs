//! Decoding a clip part by part.

use kinora_tensor::Tensor;

use super::decoder::{DecodeOptions, Decoder, State};
use super::tiling::{Tile, Tiles};
use super::time::Part;

/// A clip being decoded. Frames come out later than their latents go in, because the decoder looks
/// ahead; [`Stream::finish`] gives the rest.
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

    /// Decodes the next latent frames.
    ///
    /// `noise` is mixed in by `noise_scale` when [`Decoder::takes_noise`]; without it, nothing is.
    ///
    /// # Shapes
    /// `latents` and `noise` F32 `[t, h, w, c]`, the latents normalised; the result F32
    /// `[n, H, W, 3]` in [-1, 1] (not clamped), `None` while no frame is ready. A clip of `t`
    /// latent frames has `(t - 1) ratio + 1` frames.
    ///
    /// # Panics
    /// When the size differs from that of the part before.
    pub fn push(&mut self, latents: &Tensor, noise: Option<&Tensor>) -> Option<Tensor> {
        let x = self
            .decoder
            .prepare(latents, noise, self.options.noise_scale);
        let [_, h, w, _] = x.dims();
        if self.tiles.is_none() {
            let tiles = Tiles::new(
                [h, w],
                self.options.tiling.as_ref(),
                self.decoder.spatial_ratio,
            );
            let start = || self.decoder.start(self.options.timestep);
            let states = tiles.all().iter().map(|_| start()).collect();
            self.tiles = Some((tiles, states));
        }
        self.run(|tile| Part {
            frames: Some(tile.cut(&x)),
            last: false,
        })
    }

    /// The last frames of the clip; `None` when it had no latents.
    pub fn finish(mut self) -> Option<Tensor> {
        self.run(|_| Part {
            frames: None,
            last: true,
        })
    }

    fn run(&mut self, part: impl Fn(&Tile) -> Part) -> Option<Tensor> {
        let (tiles, states) = self.tiles.as_mut()?;
        let mut decoded = Vec::with_capacity(states.len());
        for (i, (tile, state)) in tiles.all().iter().zip(states).enumerate() {
            let first = i * self.decoder.draws;
            let draws = &mut self.draws;
            let mut of_tile = |draw: usize, size: [usize; 2]| draws(first + draw, size);
            let mut frames = Vec::new();
            self.decoder
                .push(&part(tile), state, &mut of_tile, &mut frames);
            if frames.is_empty() {
                continue;
            }
            decoded.push(Tensor::concat(&frames.iter().collect::<Vec<_>>(), 0));
        }
        tiles.join(&decoded)
    }
}
