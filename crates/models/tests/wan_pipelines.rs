//! Whole runs of Wan from given noise to frames, beside those of diffusers' pipelines
//! (`oracle/open_models/wan.py`).

use std::ops::ControlFlow;

use kinora_diffusion::samplers::unipc;
use kinora_diffusion::{Guidance, Schedule};
use kinora_models::wan::{
    Conditioning, Decoder, Encoder, Transformer, TransformerConfig, VaeConfig, is_high_noise,
    timestep,
};
use kinora_nn::WeightFile;
use kinora_tensor::{Precision, Tensor, Unary};

mod support;

use support::{PIPELINE_BOUND, assert_close, config, open, read};

/// Rows that the tiny pipelines pad their prompts to.
const ROWS: usize = 16;

fn transformer(name: &str, num_layers: usize) -> Transformer {
    let file = open(&format!("{name}.original"));
    let config = TransformerConfig::from_json(&config("transformer")).expect("the tiny config");
    let config = TransformerConfig {
        num_layers,
        ..config
    };
    let model = Transformer::load(&file.weights(Precision::F32), &config).expect("a transformer");
    file.finish().expect("every tensor is read");
    model
}

/// One prompt and the one to stay away from.
fn prompts(model: &Transformer, expected: &WeightFile, case: &str) -> [Conditioning; 2] {
    ["text", "negative"].map(|name| {
        let states = read(expected, &format!("{case}.{name}"), [4, 20]);
        model.condition(&states, ROWS)
    })
}

/// Runs the sampler and checks the latents after every step.
fn run(
    expected: &WeightFile,
    case: &str,
    shape: [usize; 4],
    schedule: &Schedule,
    velocity: impl FnMut(&Tensor, f64) -> Tensor,
) -> Tensor {
    let [t, h, w, c] = shape;
    let count = schedule.steps().len();
    let steps = read(expected, &format!("{case}.steps"), [count, t, h, w, c]);
    let noise = read(expected, &format!("{case}.init"), shape);
    let latents = unipc(noise, schedule, velocity, |progress| {
        let i = progress.step.index;
        let reference = steps.slice(i..i + 1).reshape(&shape);
        assert_close(
            &format!("{case}, step {i}"),
            progress.x,
            &reference,
            PIPELINE_BOUND,
        );
        ControlFlow::Continue(())
    });
    latents.expect("nobody stops it")
}

/// Decodes latents and checks every `stride`th frame, in [0, 1].
fn check_frames(vae: &str, latents: &Tensor, expected: &WeightFile, case: &str, stride: usize) {
    let file = open(&format!("{vae}.original"));
    let config = VaeConfig::from_json(&config(vae)).expect("the tiny config");
    let decoder = Decoder::load(&file.weights(Precision::F32), &config).expect("a decoder");
    let frames = decoder.stream().push(latents).map(Unary::Affine {
        scale: 0.5,
        shift: 0.5,
    });
    let [count, height, width, _] = frames.dims();
    let kept: Vec<Tensor> = (0..count)
        .step_by(stride)
        .map(|i| frames.slice(i..i + 1))
        .collect();
    let frames = Tensor::concat(&kept.iter().collect::<Vec<_>>(), 0);
    let reference = read(
        expected,
        &format!("{case}.frames"),
        [kept.len(), height, width, 3],
    );
    assert_close(case, &frames, &reference, PIPELINE_BOUND);
}

#[test]
fn two_experts_share_the_steps() {
    let expected = open("pipelines");
    let models = [transformer("transformer", 2), transformer("low_noise", 1)];
    let prompts = models
        .each_ref()
        .map(|model| prompts(model, &expected, "experts"));
    let mut taken = [0, 0];
    let velocity = |x: &Tensor, sigma: f64| {
        let t = timestep(sigma);
        let (expert, guidance) = if is_high_noise(t, 0.875) {
            (0, Guidance::everywhere(4.0))
        } else {
            (1, Guidance::everywhere(3.0))
        };
        taken[expert] += 1;
        let [text, negative] = prompts[expert]
            .each_ref()
            .map(|prompt| models[expert].forward(x, &[t], prompt));
        guidance.mix(&text, &negative)
    };
    let schedule = Schedule::unipc(6, 3.0);
    let latents = run(&expected, "experts", [3, 4, 4, 6], &schedule, velocity);
    assert_eq!(taken, [2, 4]);
    check_frames("vae21", &latents, &expected, "experts", 4);
}

#[test]
fn text_to_video_with_a_time_for_each_token() {
    let (expected, case) = (open("pipelines"), "text_to_video");
    let model = transformer("transformer", 2);
    let prompts = prompts(&model, &expected, case);
    let velocity = |x: &Tensor, sigma: f64| {
        // Two tokens a latent frame.
        let times = [timestep(sigma); 6];
        let [text, negative] = prompts
            .each_ref()
            .map(|prompt| model.forward(x, &times, prompt));
        Guidance::everywhere(5.0).mix(&text, &negative)
    };
    let schedule = Schedule::unipc(4, 5.0);
    let latents = run(&expected, case, [3, 2, 4, 6], &schedule, velocity);
    check_frames("vae22", &latents, &expected, case, 8);
}

#[test]
fn image_to_video_keeps_the_picture_clean() {
    let (expected, case) = (open("pipelines"), "image_to_video");
    let model = transformer("transformer", 2);
    let prompts = prompts(&model, &expected, case);
    let file = open("vae22.original");
    let config = VaeConfig::from_json(&config("vae22")).expect("the tiny config");
    let encoder = Encoder::load(&file.weights(Precision::F32), &config).expect("an encoder");
    let picture = read(&expected, "image_to_video.picture", [32, 64, 3]);
    let picture = picture.reshape(&[1, 32, 64, 3]).map(Unary::Affine {
        scale: 2.0,
        shift: -1.0,
    });
    let clean = encoder.encode(&picture);
    let with_picture = |x: &Tensor| Tensor::concat(&[&clean, &x.slice(1..3)], 0);
    let velocity = |x: &Tensor, sigma: f64| {
        let t = timestep(sigma);
        let x = with_picture(x);
        let [text, negative] = prompts
            .each_ref()
            .map(|prompt| model.forward(&x, &[0.0, t, t], prompt));
        Guidance::everywhere(5.0).mix(&text, &negative)
    };
    let schedule = Schedule::unipc(4, 5.0);
    let latents = run(&expected, case, [3, 2, 4, 6], &schedule, velocity);
    check_frames("vae22", &with_picture(&latents), &expected, case, 8);
}
