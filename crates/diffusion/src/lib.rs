//! Schedules, samplers, guidance and objectives of diffusion models.
