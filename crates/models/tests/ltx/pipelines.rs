//! Whole runs of the reference pipelines: from initial noise to frames.

use std::ops::ControlFlow;

use kinora_diffusion::samplers::euler;
use kinora_diffusion::{FlowMatchConfig, Guidance, Schedule, linear_quadratic};
use kinora_models::ltx::pipeline::{self, DISTILLED_TIMESTEPS, Pipeline};
use kinora_models::ltx::{
    DecodeOptions, Encoder, FROM_DIFFUSERS, Transformer, TransformerConfig, presets,
};
use kinora_nn::{Rule, WeightFile};
use kinora_tensor::{Precision, Tensor, Unary};

use crate::fixture::{assert_close, open, read, text};
use crate::vae;

/// Through 4 steps of two forwards each, and the guidance that enlarges their differences.
const BOUND: f32 = 1e-4;
const FPS: f32 = 24.0;
const RATIO: [usize; 2] = [8, 16];

struct Run {
    fixture: WeightFile,
    model: Transformer,
}

impl Run {
    fn new() -> Self {
        let rules: &[Rule] = &[Rule::Rename("weights.{*}", "{*}")];
        let file = open("transformer")
            .with_rules(&[rules])
            .with_rules(&[FROM_DIFFUSERS]);
        let config = TransformerConfig::from_json(&text("transformer.json")).expect("a config");
        let weights = file.weights(Precision::F32);
        Self {
            fixture: open("pipelines"),
            model: Transformer::load(&weights, &config).expect("the transformer"),
        }
    }

    fn read(&self, name: &str) -> Tensor {
        read(&self.fixture, name)
    }

    /// Denoises; `first` is the latents of a picture that the first latent frame is.
    fn sample(
        &self,
        kind: Pipeline,
        schedule: &Schedule,
        guidance: f64,
        first: Option<&Tensor>,
    ) -> Tensor {
        let init = self.read("init");
        let [t, h, w, _] = init.dims();
        let given = usize::from(first.is_some());
        let strengths: Vec<f32> = (0..t).map(|i| if i < given { 1.0 } else { 0.0 }).collect();
        let impose = |x: &Tensor| match first {
            Some(first) => Tensor::concat(&[first, &x.slice(1..t)], 0),
            None => x.clone(),
        };
        let text = |name, tokens: usize| {
            let mask: Vec<bool> = (0..6).map(|i| i < tokens).collect();
            self.model.condition(&self.read(name), &mask)
        };
        let (prompt, negative) = (text("text", 4), text("negative_text", 1));
        let positions = self
            .model
            .positions([t, h, w], RATIO, kind.time_rule(), FPS);
        let guidance = Guidance::everywhere(guidance);
        let velocity = |x: &Tensor, sigma: f64| {
            let x = impose(x);
            let timesteps = pipeline::frame_timesteps(sigma as f32 * 1000.0, &strengths);
            let forward = |text| self.model.forward(&x, &timesteps, text, &positions);
            if guidance.applies(sigma) {
                guidance.mix(&forward(&prompt), &forward(&negative))
            } else {
                forward(&prompt)
            }
        };
        let on_step = |_: &kinora_diffusion::samplers::Progress| ControlFlow::Continue(());
        let latents = euler(init, schedule, velocity, on_step).expect("not stopped");
        impose(&latents)
    }

    /// Every third row of the frames in [0, 1].
    fn decode(&self, version: &str, latents: &Tensor) -> Tensor {
        let file = vae::vae(version);
        let decoder = vae::decoder(&file, version, Precision::F32);
        let options = DecodeOptions {
            timestep: pipeline::DECODE_TIMESTEP,
            noise_scale: pipeline::DECODE_NOISE_SCALE,
            tiling: None,
        };
        let noise = self.read("decode_noise");
        let mut stream = decoder.stream(options, |_, _| unreachable!("no noise in the blocks"));
        let parts = [stream.push(latents, Some(&noise)), stream.finish()];
        let parts: Vec<&Tensor> = parts.iter().flatten().collect();
        let frames = Tensor::concat(&parts, 0);
        let frames = frames.map(Unary::Affine {
            scale: 0.5,
            shift: 0.5,
        });
        let frames = frames.map(Unary::Clamp {
            low: 0.0,
            high: 1.0,
        });
        let rows = (0..frames.shape()[1])
            .step_by(3)
            .map(|y| frames.narrow(1, y..y + 1));
        Tensor::concat(&rows.collect::<Vec<_>>().iter().collect::<Vec<_>>(), 1)
    }

    /// The picture of the fixture as latents.
    fn picture(&self, version: &str) -> Tensor {
        let file = vae::vae(version);
        let weights = file.weights(Precision::F32);
        let encoder = Encoder::load(&weights, &vae::config(version)).expect("the encoder");
        encoder.encode(&self.read("image"))
    }
}

fn dynamic() -> Schedule {
    let config = FlowMatchConfig::from_json(presets::SCHEDULER_090).expect("a preset");
    config.schedule(4, 12).expect("a schedule")
}

fn explicit(timesteps: &[f64]) -> Schedule {
    let config = FlowMatchConfig::from_json(presets::SCHEDULER_095).expect("a preset");
    config.schedule_of(timesteps).expect("a schedule")
}

#[test]
fn text_to_video_of_the_first_pipeline() {
    let run = Run::new();
    let latents = run.sample(Pipeline::Text, &dynamic(), 3.0, None);
    assert_close("latents", &latents, &run.read("text.latents"), BOUND);
    let frames = run.decode("0.9.0", &latents);
    assert_close("frames", &frames, &run.read("text.frames"), BOUND);
}

#[test]
fn image_to_video_of_the_first_pipeline() {
    let run = Run::new();
    let picture = run.picture("0.9.5");
    let latents = run.sample(Pipeline::Text, &dynamic(), 3.0, Some(&picture));
    assert_close("latents", &latents, &run.read("image.latents"), BOUND);
}

#[test]
fn text_to_video_of_the_condition_pipeline() {
    let run = Run::new();
    let schedule = explicit(&linear_quadratic(4).expect("timesteps"));
    let golden = run.read("condition.sigmas").to_vec();
    assert!(
        schedule
            .sigmas()
            .iter()
            .zip(&golden)
            .all(|(a, b)| (*a as f32 - b).abs() < 1e-6)
    );
    let latents = run.sample(Pipeline::Condition, &schedule, 3.0, None);
    assert_close("latents", &latents, &run.read("condition.latents"), BOUND);
}

#[test]
fn image_to_video_of_the_condition_pipeline() {
    let run = Run::new();
    let schedule = explicit(&linear_quadratic(4).expect("timesteps"));
    let picture = run.picture("0.9.5");
    let latents = run.sample(Pipeline::Condition, &schedule, 3.0, Some(&picture));
    assert_close(
        "latents",
        &latents,
        &run.read("condition_image.latents"),
        BOUND,
    );
    let frames = run.decode("0.9.5", &latents);
    assert_close(
        "frames",
        &frames,
        &run.read("condition_image.frames"),
        BOUND,
    );
}

#[test]
fn distilled_timesteps_without_guidance() {
    let run = Run::new();
    let schedule = explicit(DISTILLED_TIMESTEPS);
    let latents = run.sample(Pipeline::Condition, &schedule, 1.0, None);
    assert_close("latents", &latents, &run.read("distilled.latents"), BOUND);
}
