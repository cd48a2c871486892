//! Crops of one step, cut from film that is rendered for them.

use kinora_filmset::program::Aspect;
use kinora_filmset::script::Split;
use kinora_filmset::script::random::{Rng, mix};
use kinora_models::native::{LATENT_STRIDE, PIXEL_STRIDE};
use kinora_tensor::{Tensor, parallel_map};

use super::settings::Settings;
use crate::data::{Example, Film, Source};
use crate::dit::normal;

/// Frames of the films that crops are cut from.
const FRAMES: u32 = 25;
/// Frames of a crop: two latent frames, of which the first stands for one frame where a film begins.
const BEGINNING: u32 = 1 + LATENT_STRIDE as u32;
const WITHIN: u32 = 2 * LATENT_STRIDE as u32;
/// The share of crops that hold part of a subject, where the film has one.
const WITH_SUBJECT: f32 = 0.67;
/// Latents are disturbed by up to this much of a standard deviation: the decoder must forgive what the
/// transformer gets wrong.
const NOISE: f32 = 0.15;

/// A piece of film.
pub struct Crop {
    /// Frames of the piece.
    pub film: Film,
    /// Whether each pixel of each frame shows a subject.
    pub mask: Vec<bool>,
    /// Whether the first frame begins a film, and so has a latent frame of its own.
    pub begins: bool,
    /// What is added to its latents, F32 `[t, h, w, c]`.
    pub noise: Tensor,
}

/// What one step learns from: crops that are alike in size and place.
pub struct Batch {
    /// The crops.
    pub crops: Vec<Crop>,
}

impl Batch {
    /// Renders the film of a step, and cuts it; noise is for latents of `channels`.
    pub fn draw(settings: &Settings, step: u64, channels: usize) -> Self {
        let (taken, begins) = settings.taken(step);
        let source = Source::new(FRAMES, Some(Aspect::Wide), Split::Train);
        let films = taken.count.div_ceil(settings.crops_of_film);
        let crops = parallel_map(films, |film| {
            let number = mix(settings.seed) ^ mix(step) ^ mix(film as u64).rotate_left(1);
            let cut = settings.crops_of_film;
            let count = cut.min(taken.count - film * cut);
            let latents = [
                2,
                taken.side / PIXEL_STRIDE,
                taken.side / PIXEL_STRIDE,
                channels,
            ];
            cuts(source.draw(number), taken.side, count, begins, latents)
        });
        Self {
            crops: crops.into_iter().flatten().collect(),
        }
    }
}

/// Crops of one film at one time, with noise of the shape `latents`.
fn cuts(
    mut example: Example,
    side: usize,
    count: usize,
    begins: bool,
    latents: [usize; 4],
) -> Vec<Crop> {
    let mut rng = Rng::new(example.seed);
    let frames = if begins { BEGINNING } else { WITHIN };
    example.first_frame = rng.below((FRAMES - frames) as usize + 1) as u32;
    example.frames = frames;
    let (film, mask) = Film::render(&example, example.program.aspect.size());
    let middle = film.pixels() * (frames as usize / 2);
    let subject: Vec<usize> = (0..film.pixels()).filter(|i| mask[middle + i]).collect();
    let cut = |_| {
        let mut corner = [film.height, film.width].map(|size| rng.below(size - side + 1));
        if !subject.is_empty() && rng.chance(WITH_SUBJECT) {
            let point = subject[rng.below(subject.len())];
            let point = [point / film.width, point % film.width];
            let ends = [film.height - side, film.width - side];
            corner = [0, 1].map(|i| point[i].saturating_sub(rng.below(side)).min(ends[i]));
        }
        let (film, mask) = film.crop(&mask, corner, side);
        let level = NOISE * rng.unit();
        let noise: Vec<f32> = (0..latents.iter().product())
            .map(|_| level * normal(&mut rng))
            .collect();
        Crop {
            film,
            mask,
            begins,
            noise: Tensor::from_f32(&noise, &latents),
        }
    };
    (0..count).map(cut).collect()
}
