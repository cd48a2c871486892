//! LTX-Video as the pipeline sees it.

use std::sync::Arc;

use kinora_diffusion::Sampler;
use kinora_diffusion::schedule::{FlowMatchConfig, linear_quadratic};
use kinora_models::Held;
use kinora_models::ltx::pipeline::{
    DECODE_NOISE_SCALE, DECODE_TIMESTEP, DISTILLED_TIMESTEPS, FPS, GUIDANCE_SCALE, Pipeline, STEPS,
    frame_timesteps, noised_condition,
};
use kinora_models::ltx::{
    Conditioning, DecodeOptions, Decoder, Encoder, Positions, Stream, TILING, Transformer as Dit,
    TransformerConfig, VaeConfig,
};
use kinora_tensor::{Tensor, release_buffers};

use super::embeddings::Embeddings;
use super::memory::{self, Transformer, number, part, picture};
use super::scheduler::Scheduler;
use super::source::{Name, Source};
use super::text::{Padding, Text};
use crate::error::Result;
use crate::model::{
    Asked, Defaults, Denoiser, Family, FrameStream, ModelInfo, Part, Pictures, Reading, Sampling,
    Towards, VideoModel,
};
use crate::noise::{Gaussian, mix};
use crate::prompt::Knowledge;
use crate::recipe::Effective;
use crate::request::Dtype;
use crate::size::Size;

/// Most seconds of a clip: 257 frames at 25 a second, the longest that was trained, and as much again.
const LONGEST_SECONDS: f64 = 20.0;
/// Sizes that the published models were trained around.
const SIZES: [Size; 4] = [
    Size::new(704, 512),
    Size::new(512, 704),
    Size::new(768, 512),
    Size::new(1216, 704),
];
/// What a token takes while a block works, in widths of the stream: so many numbers in f32, and so many
/// as activations are held, besides the feed-forward's. Measured at 2688 and 4992 tokens, in bf16 and f32.
const STREAMS: usize = 4;
const MAPS: usize = 11;
/// Told apart from the seed's noise of the clip itself.
const DECODE_STREAM: u64 = 0x6465_636f_6465;
const PICTURE_STREAM: u64 = 0x7069_6374_7572;

/// An LTX-Video.
pub(crate) struct Ltx {
    info: ModelInfo,
    notes: Vec<String>,
    parts: Arc<Parts>,
}

/// What every use of the model shares.
struct Parts {
    source: Source,
    pipeline: Pipeline,
    transformer: TransformerConfig,
    vae: VaeConfig,
    schedule: FlowMatchConfig,
    text: Text,
    /// Weights of the transformer and of the VAE.
    numbers: [u64; 2],
}

impl Ltx {
    /// Reads the descriptions. Texts that are encoded are kept in `known`.
    pub(crate) fn open(source: Source, known: Embeddings) -> Result<Self> {
        let transformer = TransformerConfig::from_json(source.config(Name::Transformer)?)
            .map_err(|error| source.failed(Name::Transformer.folder(), error))?;
        let vae = VaeConfig::from_json(source.config(Name::Vae)?)
            .map_err(|error| source.failed(Name::Vae.folder(), error))?;
        let scheduler = Scheduler::from_json(&source.scheduler);
        let schedule = match scheduler.map_err(|error| source.failed("scheduler", error))? {
            Scheduler::Euler(schedule) => schedule,
            Scheduler::UniPc { .. } => {
                let reason = "LTX-Video is sampled by FlowMatchEulerDiscreteScheduler";
                return Err(source.failed("scheduler", reason));
            }
        };
        let pipeline = Pipeline::of_class(&source.class).expect("one of LTX-Video's classes");
        let parts = Parts {
            numbers: [
                source.numbers(Name::Transformer)?,
                source.numbers(Name::Vae)?,
            ],
            text: Text::open(&source, known)?,
            pipeline,
            transformer,
            vae,
            schedule,
            source,
        };
        let mut notes = parts.source.lora_notes()?;
        if parts.is_distilled() {
            notes.push(format!(
                "{} is called distilled: {} timesteps of its own and no guidance, unless --steps and \
                 --guidance say otherwise",
                parts.source.name,
                DISTILLED_TIMESTEPS.len()
            ));
        }
        Ok(Self {
            info: parts.info()?,
            notes,
            parts: Arc::new(parts),
        })
    }
}

impl Parts {
    fn info(&self) -> Result<ModelInfo> {
        let source = &self.source;
        let is_told_time = self.vae.timestep_conditioning;
        let distilled = self.is_distilled().then_some(DISTILLED_TIMESTEPS);
        Ok(ModelInfo {
            name: source.name.clone(),
            about: about(&self.transformer),
            hash: source.hash()?,
            weight_bytes: source.weight_bytes(),
            shortest_seconds: 1.0 / FPS,
            longest_seconds: LONGEST_SECONDS,
            fps: FPS as u32,
            fps_is_free: true,
            frame_stride: self.vae.temporal_ratio() as u32,
            sizes: SIZES.to_vec(),
            size_step: Some(self.vae.spatial_ratio() as u32),
            pictures: Pictures::First,
            max_words: usize::MAX,
            defaults: Defaults {
                steps: STEPS as u32,
                draft_steps: STEPS as u32 / 2,
                guidance: distilled.map_or(GUIDANCE_SCALE, |_| 1.0),
                timesteps: distilled,
                guidance_interval: (0.0, 1.0),
                shift: self.schedule.shift,
                guidance_2: None,
                text_tokens: Some(self.pipeline.max_text_tokens() as u32),
                decode_timestep: is_told_time.then_some(f64::from(DECODE_TIMESTEP)),
                decode_noise_scale: is_told_time.then_some(f64::from(DECODE_NOISE_SCALE)),
                image_noise_scale: Some(self.pipeline.image_noise_scale()).filter(|&s| s > 0.0),
            },
        })
    }

    /// Whether the model is one that few fixed timesteps were distilled into: nothing but the name that
    /// such models are published under tells it.
    fn is_distilled(&self) -> bool {
        self.source.name.to_lowercase().contains("distilled")
    }

    fn ratio(&self) -> [usize; 2] {
        [self.vae.temporal_ratio(), self.vae.spatial_ratio()]
    }
}

/// Which of the published models the shape is.
fn about(config: &TransformerConfig) -> String {
    let which = match (config.inner_dim(), config.num_layers) {
        (2048, 28) => "LTX-Video with 2 billion weights",
        (4096, 48) => "LTX-Video with 13 billion weights",
        _ => "a model of LTX-Video's family",
    };
    format!("{which}, by Lightricks")
}

impl Family for Ltx {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn knowledge(&self) -> Option<&Knowledge> {
        None
    }

    fn notes(&self) -> &[String] {
        &self.notes
    }

    fn count_words(&self, text: &str) -> usize {
        text.split_whitespace().count()
    }

    fn sampling(&self, asked: &Asked, [t, h, w, _]: [usize; 4]) -> Result<Sampling> {
        let mut config = self.parts.schedule.clone();
        if let Some(shift) = asked.shift {
            (config.shift, config.use_dynamic_shifting) = (shift, false);
        }
        let (steps, tokens) = (asked.steps as usize, t * h * w);
        let schedule = match (asked.timesteps, self.parts.pipeline) {
            (Some(timesteps), _) => config.schedule_of(timesteps),
            (None, Pipeline::Text) => config.schedule(steps, tokens),
            (None, Pipeline::Condition) => {
                linear_quadratic(steps).and_then(|steps| config.schedule_of(&steps))
            }
        };
        let schedule = schedule.map_err(|error| crate::Error::Value {
            name: "--timesteps",
            value: format!("{:?}", asked.timesteps.unwrap_or_default()),
            hint: error.to_string(),
        })?;
        let is_dynamic = asked.timesteps.is_none() && self.parts.pipeline == Pipeline::Text;
        Ok(Sampling {
            sampler: if config.stochastic_sampling {
                Sampler::EulerFresh
            } else {
                Sampler::Euler
            },
            schedule,
            shift: if is_dynamic {
                config.shift_of(tokens)
            } else {
                config.shift
            },
        })
    }

    fn latent_shape(&self, size: Size, frames: u32) -> [usize; 4] {
        let [time, space] = self.parts.ratio();
        let side = |pixels: u32| pixels as usize / space;
        let t = 1 + (frames as usize - 1) / time;
        [
            t,
            side(size.height),
            side(size.width),
            self.parts.vae.latent_channels,
        ]
    }

    fn text_memory(&self, clip: &Effective) -> Vec<Part> {
        let pipeline = self.parts.pipeline;
        let most = pipeline.max_text_tokens();
        let tokens = if pipeline.masks_text_encoder() {
            let [prompt, negative] = memory::tokens(clip, most);
            prompt.max(negative)
        } else {
            clip.text_tokens.map_or(most, |tokens| tokens as usize)
        };
        memory::text_encoder(&self.parts.text.config, tokens, clip.dtype.whole())
    }

    fn picture_memory(&self, clip: &Effective) -> Vec<Part> {
        if clip.given.image.is_none() {
            return Vec::new();
        }
        let (vae, dtype) = (&self.parts.vae, clip.dtype.whole());
        let numbers = (self.parts.numbers[1] as usize).saturating_sub(vae.decoder_weights());
        let maps = vae.encoder_maps(picture(clip.framing.native));
        vec![
            memory::weights("vae encoder", numbers, dtype),
            part("feature maps", maps * number(dtype)),
        ]
    }

    fn denoise_memory(&self, clip: &Effective, [t, h, w, _]: [usize; 4]) -> Vec<Part> {
        let config = &self.parts.transformer;
        let (tokens, d) = (t * h * w, config.inner_dim());
        let number = number(clip.dtype);
        let blocks = config.num_layers * 16 * d * d;
        let transformer = Transformer::new(self.parts.numbers[0], blocks, d * (6 * d + 256 + d));
        // Keys and values of the words in every block.
        let text: usize = memory::tokens(clip, self.parts.pipeline.max_text_tokens())
            .iter()
            .sum();
        let text = text * 2 * config.num_layers * d * number;
        let step = tokens * (STREAMS * d * 4 + (MAPS + 4) * d * number) + text;
        let has_loras = !self.parts.source.loras.is_empty();
        let reading = memory::reading(4 * d * d, 4 * d * d, has_loras);
        vec![transformer.part(clip.dtype), memory::work(step, reading)]
    }

    fn decode_memory(&self, clip: &Effective) -> Vec<Part> {
        let (vae, dtype) = (&self.parts.vae, clip.dtype.whole());
        let whole = picture(clip.framing.native);
        let tile = TILING.cut(whole).filter(|_| clip.tiles);
        let maps = vae.decoder_maps(tile.unwrap_or(whole));
        let exact = vae.decoder_exact_weights();
        let rounded = (vae.decoder_weights() - exact) * dtype.size_bytes() as usize;
        let maps = part("feature maps", maps * number(dtype));
        // Two frames as maps, as patches, turned, and in f32.
        let decoded = memory::decoded(tile.unwrap_or(whole), 2 * (3 * number(dtype) + 4));
        let reading = part("reading", memory::reading(vae.decoder_largest(), 0, false));
        let mut parts = vec![part("vae decoder", rounded + exact * 4)];
        if maps.bytes + decoded.bytes > reading.bytes {
            parts.extend([maps, decoded]);
        } else {
            parts.push(reading);
        }
        if tile.is_some() {
            parts.push(memory::mosaic(clip));
        }
        parts
    }

    fn has_tiles(&self, size: Size) -> bool {
        TILING.cut(picture(size)).is_some()
    }

    fn load(&self, dtype: Dtype) -> Result<Box<dyn VideoModel>> {
        Ok(Box::new(Opened {
            parts: Arc::clone(&self.parts),
            dtype,
        }))
    }
}

/// An LTX-Video whose large parts are read when they are needed and given back after.
struct Opened {
    parts: Arc<Parts>,
    dtype: Dtype,
}

impl Opened {
    fn transformer(&self) -> Result<Dit> {
        let Parts {
            source,
            transformer: config,
            ..
        } = &*self.parts;
        let transformer = source.read(Name::Transformer, self.dtype, &[], |weights| {
            Dit::load(&weights.packed(), config)
        });
        // What it was packed from is of no use to the steps.
        release_buffers();
        transformer
    }
}

impl VideoModel for Opened {
    fn read(&self, _text: &str) -> Vec<Reading> {
        Vec::new()
    }

    fn denoiser<'a>(&'a self, clip: &Effective, held: &[usize]) -> Result<Box<dyn Denoiser + 'a>> {
        let parts = &self.parts;
        let tokens = clip
            .text_tokens
            .map_or(parts.pipeline.max_text_tokens(), |n| n as usize);
        let padding = if parts.pipeline.masks_text_encoder() {
            Padding::Masked
        } else {
            Padding::Seen
        };
        let is_guided = memory::is_guided(clip);
        let texts = [clip.prompt.clone(), clip.negative.clone()];
        let texts = &texts[..=usize::from(is_guided)];
        let states = parts
            .text
            .encode(texts, tokens, padding, self.dtype.whole())?;
        release_buffers();
        let model = self.transformer()?;
        let condition = |states: &Tensor| model.condition(states, &vec![true; states.shape()[0]]);
        let size = clip.framing.native;
        let [time, space] = parts.ratio();
        let grid = [
            1 + (clip.timing.native_frames as usize - 1) / time,
            size.height as usize / space,
            size.width as usize / space,
        ];
        let fps = clip.timing.native_fps as f32;
        Ok(Box::new(Guided {
            prompt: condition(&states[0]),
            negative: states.get(1).map(condition),
            positions: model.positions(grid, parts.ratio(), parts.pipeline.time_rule(), fps),
            model,
            held: held.to_vec(),
            picture_noise: PictureNoise {
                scale: clip.image_noise_scale.unwrap_or(0.0),
                seed: mix(clip.seed ^ PICTURE_STREAM),
            },
        }))
    }

    fn encode(&self, frames: &Tensor) -> Result<Tensor> {
        let Parts { source, vae, .. } = &*self.parts;
        let encoder = source.read(Name::Vae, self.dtype.whole(), &["decoder."], |weights| {
            Encoder::load(&weights.packed(), vae)
        })?;
        let latents = encoder.encode(frames);
        drop(encoder);
        release_buffers();
        Ok(latents)
    }

    fn decoder<'a>(&'a self, clip: &Effective) -> Result<Box<dyn FrameStream + 'a>> {
        // What denoising left is of no use to the decoder.
        release_buffers();
        let Parts { source, vae, .. } = &*self.parts;
        let decoder = source.read(Name::Vae, self.dtype.whole(), &["encoder."], |weights| {
            Decoder::load(&weights.packed(), vae)
        })?;
        release_buffers();
        let options = DecodeOptions {
            timestep: clip.decode_timestep.unwrap_or(0.0) as f32,
            noise_scale: clip.decode_noise_scale.unwrap_or(0.0) as f32,
            tiling: clip.tiles.then_some(TILING),
        };
        Ok(Box::new(stream(decoder, options, clip.seed)))
    }

    fn glance(&self, _latents: &Tensor) -> Option<Tensor> {
        None
    }
}

/// A clip being denoised.
struct Guided {
    model: Dit,
    prompt: Conditioning,
    negative: Option<Conditioning>,
    positions: Positions,
    /// Latent frames that are given by a picture.
    held: Vec<usize>,
    picture_noise: PictureNoise,
}

/// Noise that each step adds to what a picture gives.
struct PictureNoise {
    scale: f64,
    seed: u64,
}

impl PictureNoise {
    /// `latents` with noise in the frames `held`, the same for both calls of a step.
    fn add(&self, latents: &Tensor, held: &[usize], sigma: f64) -> Tensor {
        if self.scale == 0.0 || held.is_empty() {
            return latents.clone();
        }
        let mut gaussian = Gaussian::new(mix(self.seed ^ sigma.to_bits()));
        let size: usize = latents.shape()[1..].iter().product();
        let noise = Tensor::from_fn(latents.shape(), |i| {
            if held.contains(&(i / size)) {
                gaussian.next()
            } else {
                0.0
            }
        });
        noised_condition(latents, &noise, self.scale, sigma)
    }
}

impl Denoiser for Guided {
    fn velocity(&self, latents: &Tensor, sigma: f64, towards: Towards) -> Tensor {
        let text = match towards {
            Towards::Prompt => &self.prompt,
            Towards::Negative => self.negative.as_ref().expect("encoded for a guided clip"),
        };
        let timestep = (sigma * 1000.0) as f32;
        let mut strengths = vec![0.0; latents.shape()[0]];
        for &frame in &self.held {
            strengths[frame] = 1.0;
        }
        let timesteps = frame_timesteps(timestep, &strengths);
        let latents = self.picture_noise.add(latents, &self.held, sigma);
        self.model
            .forward(&latents, &timesteps, text, &self.positions)
    }

    fn is_guided(&self) -> bool {
        self.negative.is_some()
    }
}

/// Starts decoding a clip of this seed.
pub(crate) fn stream<'a>(
    decoder: impl Into<Held<'a, Decoder>>,
    options: DecodeOptions,
    seed: u64,
) -> impl FrameStream + 'a {
    let (decoder, seed) = (decoder.into(), mix(seed ^ DECODE_STREAM));
    let draws = move |draw: usize, [h, w]: [usize; 2]| {
        let mut gaussian = Gaussian::new(mix(seed ^ (1 + draw as u64)));
        Tensor::from_fn(&[h, w], |_| gaussian.next())
    };
    Decoding {
        noise: decoder.takes_noise().then(|| Gaussian::new(seed)),
        stream: Stream::new(decoder, options, draws),
    }
}

/// A clip being decoded.
struct Decoding<'a> {
    stream: Stream<'a>,
    /// The noise that is mixed into the latents, where the decoder takes it.
    noise: Option<Gaussian>,
}

impl FrameStream for Decoding<'_> {
    fn feed(&mut self, latents: &Tensor, is_last: bool) {
        let noise = self.noise.as_mut();
        let noise = noise.map(|gaussian| Tensor::from_fn(latents.shape(), |_| gaussian.next()));
        self.stream.feed(latents, noise.as_ref());
        if is_last {
            self.stream.end();
        }
    }

    fn next_frames(&mut self) -> Option<Tensor> {
        self.stream.next_frames()
    }
}
