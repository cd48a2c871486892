//! Step caching: velocities that are told from those before instead of computed.

use kinora_tensor::Tensor;

/// Share of the calls, from the first on, that are always computed: they decide the layout.
const ALWAYS_COMPUTED: f64 = 0.15;

/// Reuses what a model did to its input while the input changes little.
///
/// What a model adds, `d = v(x) - x`, changes slowly along a trajectory. Between the last two computed
/// calls the velocity changed `rate` times as much as the input; so a call whose input moved by `|dx|`
/// is expected to change the velocity by `rate |dx| / |v|`. While these shares add up to less than the
/// threshold, the velocity is `x + d`. `|.|` is the mean of magnitudes.
///
/// Guidance is linear with weights that add up to 1, so caching the guided velocity is caching
/// both that it is mixed from.
///
/// Reference: `EasyCache`, Zhou et al. 2507.02860, algorithm 1.
#[derive(Debug)]
pub struct EasyCache {
    threshold: f64,
    calls: usize,
    called: usize,
    reused: usize,
    /// Input and velocity of the last computed call.
    computed: Option<(Tensor, Tensor)>,
    /// Input of the call before.
    previous: Option<Tensor>,
    /// How much the velocity changes with the input.
    rate: Option<f64>,
    /// Expected change of the velocity since it was computed, as a share of it.
    error: f64,
}

impl EasyCache {
    /// A cache for a trajectory of so many calls; a threshold of 0 reuses nothing.
    pub fn new(threshold: f64, calls: usize) -> Self {
        Self {
            threshold,
            calls,
            called: 0,
            reused: 0,
            computed: None,
            previous: None,
            rate: None,
            error: 0.0,
        }
    }

    /// How many calls were told from those before.
    pub fn reused(&self) -> usize {
        self.reused
    }

    /// Forgets what was computed: what follows is the work of another function.
    pub fn forget(&mut self) {
        self.computed = None;
        self.previous = None;
        self.rate = None;
        self.error = 0.0;
    }

    /// The velocity at `x`, by `compute` or from the calls before.
    ///
    /// # Shapes
    /// Any, F32; the same in every call.
    pub fn velocity(&mut self, x: &Tensor, compute: impl FnOnce() -> Tensor) -> Tensor {
        let told = self.tell(x);
        self.called += 1;
        self.previous = Some(x.clone());
        if let Some(velocity) = told {
            self.reused += 1;
            return velocity;
        }
        let velocity = compute();
        if let Some((last_x, last)) = self.computed.take() {
            self.rate = Some(distance(&velocity, &last) / distance(x, &last_x));
        }
        self.computed = Some((x.clone(), velocity.clone()));
        self.error = 0.0;
        velocity
    }

    /// The velocity without computing it, where that is good enough.
    fn tell(&mut self, x: &Tensor) -> Option<Tensor> {
        let first = (ALWAYS_COMPUTED * self.calls as f64).ceil() as usize;
        if self.called < first || self.called + 1 >= self.calls {
            return None;
        }
        let (last_x, last) = self.computed.as_ref()?;
        let moved = distance(x, self.previous.as_ref()?);
        self.error += self.rate? * moved / magnitude(last);
        // Not a number, as after a trajectory that stood still, is no reason to reuse.
        (self.error < self.threshold).then(|| {
            let added = last.combine(1.0, last_x, -1.0);
            x.combine(1.0, &added, 1.0)
        })
    }
}

fn distance(a: &Tensor, b: &Tensor) -> f64 {
    let pairs = a.as_f32().iter().zip(b.as_f32());
    mean(pairs.map(|(a, b)| f64::from((a - b).abs())))
}

fn magnitude(x: &Tensor) -> f64 {
    mean(x.as_f32().iter().map(|x| f64::from(x.abs())))
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len();
    values.sum::<f64>() / count as f64
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::*;
    use crate::samplers::euler;
    use crate::schedule::Schedule;

    const STEPS: usize = 40;

    /// The exact velocity when data are normal with mean 0.7 and deviation 0.4.
    fn exact(x: &Tensor, sigma: f64) -> Tensor {
        let (clean, variance) = (1.0 - sigma, 0.16);
        let slope = (sigma - clean * variance) / (clean * clean * variance + sigma * sigma);
        Tensor::from_fn(x.shape(), |i| {
            (slope * f64::from(x.as_f32()[i]) - 0.7 - slope * clean * 0.7) as f32
        })
    }

    /// The data that noise leads to, and which calls were computed.
    fn run(cache: &mut EasyCache, forget_at: Option<usize>) -> (Tensor, Vec<bool>) {
        let noise = Tensor::from_fn(&[64], |i| (i as f32 * 0.37).sin() * 1.4);
        let mut computed = Vec::new();
        let velocity = |x: &Tensor, sigma: f64| {
            if forget_at == Some(computed.len()) {
                cache.forget();
            }
            let mut called = false;
            let velocity = cache.velocity(x, || {
                called = true;
                exact(x, sigma)
            });
            computed.push(called);
            velocity
        };
        let schedule = Schedule::shifted(STEPS, 1.0);
        let data = euler(noise, &schedule, velocity, |_| ControlFlow::Continue(()));
        (data.expect("nobody stops it"), computed)
    }

    #[test]
    fn a_threshold_of_zero_reuses_nothing() {
        let mut cache = EasyCache::new(0.0, STEPS);
        let (_, computed) = run(&mut cache, None);
        assert_eq!((computed, cache.reused()), (vec![true; STEPS], 0));
    }

    #[test]
    fn a_larger_threshold_reuses_more_and_errs_more() {
        let (data, _) = run(&mut EasyCache::new(0.0, STEPS), None);
        let mut before = (0, 0.0);
        for (threshold, most) in [(0.01, 0.02), (0.05, 0.1), (0.2, 0.4)] {
            let mut cache = EasyCache::new(threshold, STEPS);
            let (cached, computed) = run(&mut cache, None);
            let error = distance(&cached, &data);
            assert!(error < most, "{threshold}: {error}");
            assert_eq!(computed.iter().filter(|c| !**c).count(), cache.reused());
            assert!(cache.reused() > before.0 && error > before.1, "{threshold}");
            before = (cache.reused(), error);
        }
        assert!(before.0 > STEPS / 2, "{} of {STEPS}", before.0);
    }

    #[test]
    fn the_first_calls_and_the_last_are_computed() {
        let (_, computed) = run(&mut EasyCache::new(1e9, STEPS), None);
        assert!(computed[..6].iter().all(|c| *c) && computed[STEPS - 1]);
        assert!(computed[6..STEPS - 1].iter().all(|c| !*c));
    }

    #[test]
    fn another_function_is_computed_until_its_rate_is_known() {
        let (_, computed) = run(&mut EasyCache::new(1e9, STEPS), Some(20));
        assert!(!computed[19] && computed[20] && computed[21] && !computed[22]);
    }
}
