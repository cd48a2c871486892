//! Schedules, samplers, guidance and objectives of diffusion models.
//!
//! # Convention
//! `sigma` in `[0, 1]` is the only noise level: `x_sigma = (1 - sigma) x0 + sigma noise`. A model
//! gives the velocity `dx / d sigma = noise - x0`; a sampler follows it from `sigma = 1` (noise) to
//! `sigma = 0` (data). Nothing here knows a model: a velocity is a closure.

pub mod cache;
pub mod guidance;
pub mod samplers;
pub mod schedule;

pub use cache::EasyCache;
pub use guidance::Guidance;
pub use samplers::{Sampler, sample};
pub use schedule::{FlowMatchConfig, Schedule, ScheduleError, Step, linear_quadratic};

/// The clean data that a velocity points at: `x0 = x - sigma v`.
///
/// # Shapes
/// Any; `x` and `velocity` alike.
pub fn denoised(
    x: &kinora_tensor::Tensor,
    velocity: &kinora_tensor::Tensor,
    sigma: f64,
) -> kinora_tensor::Tensor {
    x.combine(1.0, velocity, -sigma as f32)
}
