//! The velocity that a sampler follows: guided, with what is given held still, and not computed where
//! the step cache tells it.

use kinora_diffusion::{EasyCache, Guidance};
use kinora_tensor::Tensor;

use crate::given::Held;
use crate::model::{Denoiser, Towards};
use crate::progress::Cancel;
use crate::recipe::Effective;
use crate::request::StepCache;

/// A model with its prompts, as the sampler sees it.
pub(crate) struct Guided<'a> {
    denoiser: &'a dyn Denoiser,
    held: &'a Held,
    effective: &'a Effective,
    cancel: &'a Cancel,
    cache: Option<Cache>,
}

struct Cache {
    easy: EasyCache,
    /// Who computed the last velocity.
    worker: Option<Worker>,
}

/// What decides the function that a noise level is given to: the guidance, the second expert.
type Worker = (bool, bool);

impl<'a> Guided<'a> {
    /// For one clip of so many steps, one call a step.
    pub(crate) fn new(
        denoiser: &'a dyn Denoiser,
        held: &'a Held,
        effective: &'a Effective,
        cancel: &'a Cancel,
        steps: usize,
    ) -> Self {
        let cache = effective.cache.map(|StepCache::Easy(threshold)| Cache {
            easy: EasyCache::new(threshold, steps),
            worker: None,
        });
        Self {
            denoiser,
            held,
            effective,
            cancel,
            cache,
        }
    }

    /// The velocity at a noise level.
    ///
    /// # Shapes
    /// `x` and the result F32 `[t, h, w, c]`; `sigma` in (0, 1].
    pub(crate) fn velocity(&mut self, x: &Tensor, sigma: f64) -> Tensor {
        let Some(mut cache) = self.cache.take() else {
            return self.compute(x, sigma);
        };
        let worker = (self.guides(sigma), self.denoiser.is_low_noise(sigma));
        if cache.worker.replace(worker) != Some(worker) {
            cache.easy.forget();
        }
        let velocity = cache.easy.velocity(x, || self.compute(x, sigma));
        self.cache = Some(cache);
        velocity
    }

    /// How many steps the cache told.
    pub(crate) fn reused(&self) -> u32 {
        self.cache
            .as_ref()
            .map_or(0, |cache| cache.easy.reused() as u32)
    }

    fn compute(&self, x: &Tensor, sigma: f64) -> Tensor {
        let towards = self.denoiser.velocity(x, sigma, Towards::Prompt);
        // A stop between the two calls is seen at the end of the step; skip the second.
        if !self.guides(sigma) || self.cancel.is_cancelled() {
            return self.held.rest(&towards);
        }
        let away = self.denoiser.velocity(x, sigma, Towards::Negative);
        self.held.rest(&self.guidance(sigma).mix(&towards, &away))
    }

    fn guides(&self, sigma: f64) -> bool {
        self.denoiser.is_guided() && self.guidance(sigma).applies(sigma)
    }

    fn guidance(&self, sigma: f64) -> Guidance {
        let (from, to) = self.effective.guidance_interval;
        let second = self.effective.guidance_2;
        let second = second.filter(|_| self.denoiser.is_low_noise(sigma));
        Guidance {
            scale: second.unwrap_or(self.effective.guidance),
            from,
            to,
        }
    }
}
