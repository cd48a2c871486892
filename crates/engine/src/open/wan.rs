//! Wan as the pipeline sees it.

use std::cell::RefCell;
use std::sync::Arc;

use kinora_diffusion::{Sampler, Schedule};
use kinora_models::t5::clean_wan;
use kinora_models::wan::{
    Conditioning, DECODER_KEYS, Decoder, ENCODER_KEYS, Encoder, Stream, TILING, Transformer as Dit,
    TransformerConfig, VaeConfig, is_high_noise, timestep,
};
use kinora_nn::Weights;
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
use crate::prompt::Knowledge;
use crate::recipe::Effective;
use crate::request::Dtype;
use crate::size::Size;

/// Length of a prompt in tokens.
///
/// Reference: `max_sequence_length` of `WanPipeline.__call__`.
const TEXT_TOKENS: u32 = 512;
/// Steps and guidance where the caller says nothing.
///
/// Reference: `WanPipeline.__call__`.
const STEPS: u32 = 50;
const GUIDANCE: f64 = 5.0;
/// The same of a pair of experts, guidance for high and for low noise.
///
/// Reference: `wan/configs/wan_t2v_A14B.py` of Wan-Video/Wan2.2.
const PAIR_STEPS: u32 = 40;
const PAIR_GUIDANCE: f64 = 4.0;
const PAIR_GUIDANCE_2: f64 = 3.0;
/// What a token takes while a block works, in widths of the stream: so many numbers in f32, and so many
/// as activations are held, besides the feed-forward's. Measured at 4590 and 8670 tokens, in bf16 and f32.
const STREAMS: usize = 7;
const MAPS: usize = 3;
/// Most seconds of a clip; the published models were trained on about five.
const LONGEST_SECONDS: f64 = 10.0;

/// A Wan.
pub(crate) struct Wan {
    info: ModelInfo,
    notes: Vec<String>,
    parts: Arc<Parts>,
}

/// What every use of the model shares.
struct Parts {
    source: Source,
    transformer: TransformerConfig,
    /// The expert for low noise and the share of the timesteps from which down it works.
    low: Option<(TransformerConfig, f64)>,
    vae: VaeConfig,
    scheduler: Scheduler,
    text: Text,
    /// Weights of the larger transformer and of the VAE.
    numbers: [u64; 2],
}

impl Wan {
    /// Reads the descriptions. Texts that are encoded are kept in `known`.
    pub(crate) fn open(source: Source, known: Embeddings) -> Result<Self> {
        let config = |name: Name| {
            TransformerConfig::from_json(source.config(name)?)
                .map_err(|error| source.failed(name.folder(), error))
        };
        let transformer = config(Name::Transformer)?;
        let low = match (source.has(Name::Transformer2), source.boundary_ratio) {
            (true, Some(ratio)) => Some((config(Name::Transformer2)?, ratio)),
            // The converter writes a boundary for models without a second expert, too.
            (false, _) => None,
            (true, None) => {
                let reason = "a second expert without `boundary_ratio` in the index";
                return Err(source.failed(Name::Transformer2.folder(), reason));
            }
        };
        let vae = VaeConfig::from_json(source.config(Name::Vae)?)
            .map_err(|error| source.failed(Name::Vae.folder(), error))?;
        let scheduler = Scheduler::from_json(&source.scheduler)
            .map_err(|error| source.failed("scheduler", error))?;
        let mut numbers = [
            source.numbers(Name::Transformer)?,
            source.numbers(Name::Vae)?,
        ];
        if low.is_some() {
            numbers[0] = numbers[0].max(source.numbers(Name::Transformer2)?);
        }
        let parts = Parts {
            text: Text::open(&source, known)?,
            transformer,
            low,
            vae,
            scheduler,
            numbers,
            source,
        };
        Ok(Self {
            info: parts.info()?,
            notes: parts.source.lora_notes()?,
            parts: Arc::new(parts),
        })
    }
}

impl Parts {
    fn info(&self) -> Result<ModelInfo> {
        let (source, vae, has_pair) = (&self.source, &self.vae, self.low.is_some());
        Ok(ModelInfo {
            name: source.name.clone(),
            about: about(&self.transformer, has_pair),
            hash: source.hash()?,
            weight_bytes: source.weight_bytes(),
            shortest_seconds: 1.0 / f64::from(fps(vae)),
            longest_seconds: LONGEST_SECONDS,
            fps: fps(vae),
            fps_is_free: false,
            frame_stride: vae.latent_stride() as u32,
            sizes: sizes(vae),
            size_step: Some((vae.pixel_stride() * self.transformer.patch_size[1]) as u32),
            pictures: if source.expand_timesteps {
                Pictures::First
            } else {
                Pictures::None
            },
            max_words: usize::MAX,
            defaults: Defaults {
                steps: if has_pair { PAIR_STEPS } else { STEPS },
                draft_steps: STEPS / 2,
                guidance: if has_pair { PAIR_GUIDANCE } else { GUIDANCE },
                timesteps: None,
                guidance_interval: (0.0, 1.0),
                shift: self.scheduler.shift(),
                guidance_2: has_pair.then_some(PAIR_GUIDANCE_2),
                text_tokens: Some(TEXT_TOKENS),
                decode_timestep: None,
                decode_noise_scale: None,
                image_noise_scale: None,
            },
        })
    }
}

/// Which of the published models the shape is.
fn about(config: &TransformerConfig, has_pair: bool) -> String {
    let which = match (config.hidden_size(), config.num_layers, has_pair) {
        (1536, 30, false) => "Wan 2.1 with 1.3 billion weights",
        (3072, 30, false) => "Wan 2.2 with 5 billion weights",
        (5120, 40, false) => "Wan 2.1 with 14 billion weights",
        (5120, 40, true) => "Wan 2.2, two experts of 14 billion weights",
        _ => "a model of Wan's family",
    };
    format!("{which}, by Alibaba")
}

/// Rates that the published models were trained at: 24 with the VAE of 2.2, else 16.
fn fps(vae: &VaeConfig) -> u32 {
    if vae.is_residual { 24 } else { 16 }
}

/// Sizes that the published models were trained at.
fn sizes(vae: &VaeConfig) -> Vec<Size> {
    if vae.is_residual {
        vec![Size::new(1280, 704), Size::new(704, 1280)]
    } else {
        vec![
            Size::new(832, 480),
            Size::new(480, 832),
            Size::new(1280, 720),
            Size::new(720, 1280),
        ]
    }
}

impl Family for Wan {
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

    fn sampling(&self, asked: &Asked, _latents: [usize; 4]) -> Result<Sampling> {
        asked.refuse_timesteps(&self.info.name)?;
        let shift = asked.shift.unwrap_or(self.parts.scheduler.shift());
        let steps = asked.steps as usize;
        let (sampler, schedule) = match self.parts.scheduler {
            Scheduler::UniPc { .. } => (Sampler::UniPc, Schedule::unipc(steps, shift)),
            Scheduler::Euler(_) => (Sampler::Euler, Schedule::shifted(steps, shift)),
        };
        Ok(Sampling {
            sampler,
            schedule,
            shift,
        })
    }

    fn latent_shape(&self, size: Size, frames: u32) -> [usize; 4] {
        let vae = &self.parts.vae;
        let side = |pixels: u32| pixels as usize / vae.pixel_stride();
        let t = 1 + (frames as usize - 1) / vae.latent_stride();
        [t, side(size.height), side(size.width), vae.z_dim]
    }

    fn text_memory(&self, clip: &Effective) -> Vec<Part> {
        let tokens = memory::tokens(clip, TEXT_TOKENS as usize);
        let most = tokens[0].max(tokens[1]);
        memory::text_encoder(&self.parts.text.config, most, clip.dtype.whole())
    }

    fn picture_memory(&self, clip: &Effective) -> Vec<Part> {
        if clip.given.image.is_none() {
            return Vec::new();
        }
        let (vae, dtype) = (&self.parts.vae, clip.dtype.whole());
        let maps = vae.encoder_maps(picture(clip.framing.native));
        vec![
            memory::weights("vae encoder", vae.encoder_weights(), dtype),
            part("feature maps", maps * number(dtype)),
        ]
    }

    fn denoise_memory(&self, clip: &Effective, latents: [usize; 4]) -> Vec<Part> {
        let config = &self.parts.transformer;
        let (d, ffn) = (config.hidden_size(), config.ffn_dim);
        let [t, h, w, _] = latents;
        let tokens = t * (h / config.patch_size[1]) * (w / config.patch_size[2]);
        let number = number(clip.dtype);
        let blocks = config.num_layers * (8 * d * d + 2 * d * ffn);
        let transformer =
            Transformer::new(self.parts.numbers[0], blocks, d * (config.freq_dim + d));
        // Keys and values of the words in every block. A row of padding stands for all of them.
        let text: usize = memory::tokens(clip, TEXT_TOKENS as usize).iter().sum();
        let text = (text + 2) * 2 * config.num_layers * d * number;
        let step = tokens * (STREAMS * d * 4 + (MAPS * d + ffn) * number) + text;
        let has_loras = !self.parts.source.loras.is_empty();
        let reading = memory::reading(d * ffn, 3 * d * d, has_loras);
        vec![transformer.part(clip.dtype), memory::work(step, reading)]
    }

    fn decode_memory(&self, clip: &Effective) -> Vec<Part> {
        let (vae, dtype) = (&self.parts.vae, clip.dtype.whole());
        let whole = picture(clip.framing.native);
        let tile = TILING.cut(whole).filter(|_| clip.tiles);
        let maps = vae.decoder_maps(tile.unwrap_or(whole));
        let mut parts = vec![
            memory::weights("vae decoder", vae.decoder_weights(), dtype),
            part("feature maps", maps * number(dtype)),
            // As maps, joined, as patches and clamped.
            memory::decoded(tile.unwrap_or(whole), 4 * 4 * vae.latent_stride()),
        ];
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

/// A Wan whose large parts are read when they are needed and given back after.
struct Opened {
    parts: Arc<Parts>,
    dtype: Dtype,
}

impl Opened {
    fn transformer(&self, name: Name, config: &TransformerConfig) -> Result<Dit> {
        let load = |weights: &Weights| Dit::load(&weights.packed(), config);
        let transformer = self.parts.source.read(name, self.dtype, &[], load);
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
        let rows = clip.text_tokens.unwrap_or(TEXT_TOKENS) as usize;
        let is_guided = memory::is_guided(clip);
        let texts = [&clip.prompt, &clip.negative];
        let texts: Vec<String> = texts[..=usize::from(is_guided)]
            .iter()
            .map(|text| clean_wan(text))
            .collect();
        let states = self
            .parts
            .text
            .encode(&texts, rows, Padding::Masked, self.dtype.whole())?;
        release_buffers();
        Ok(Box::new(Guided {
            opened: self,
            states,
            rows,
            expert: RefCell::new(None),
            held: held.to_vec(),
        }))
    }

    fn encode(&self, frames: &Tensor) -> Result<Tensor> {
        let Parts { source, vae, .. } = &*self.parts;
        let encoder = source.read(Name::Vae, self.dtype.whole(), DECODER_KEYS, |weights| {
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
        let decoder = source.read(Name::Vae, self.dtype.whole(), ENCODER_KEYS, |weights| {
            Decoder::load(&weights.packed(), vae)
        })?;
        release_buffers();
        Ok(Box::new(Stream::new(decoder, clip.tiles.then_some(TILING))))
    }

    fn glance(&self, _latents: &Tensor) -> Option<Tensor> {
        None
    }
}

/// A transformer with its prompts.
struct Expert {
    name: Name,
    model: Dit,
    prompt: Conditioning,
    negative: Option<Conditioning>,
}

/// A clip being denoised.
struct Guided<'a> {
    opened: &'a Opened,
    /// States of the prompt and, when the clip is guided, of the negative.
    states: Vec<Tensor>,
    /// Length of a prompt in tokens.
    rows: usize,
    /// The expert for the noise level: one at a time.
    expert: RefCell<Option<Expert>>,
    /// Latent frames that are given by a picture, and so without noise.
    held: Vec<usize>,
}

impl Guided<'_> {
    /// Timesteps of the Euler scheduler keep their fraction.
    fn timestep(&self, sigma: f64) -> f32 {
        if matches!(self.opened.parts.scheduler, Scheduler::Euler(_)) {
            (sigma * 1000.0) as f32
        } else {
            timestep(sigma)
        }
    }

    /// The expert that works at a noise level.
    fn expert_at(&self, sigma: f64) -> (Name, &TransformerConfig) {
        let parts = &self.opened.parts;
        match &parts.low {
            Some((config, ratio)) if !is_high_noise(self.timestep(sigma), *ratio) => {
                (Name::Transformer2, config)
            }
            _ => (Name::Transformer, &parts.transformer),
        }
    }
}

impl Denoiser for Guided<'_> {
    fn enter(&self, sigma: f64) -> Result<()> {
        let (name, config) = self.expert_at(sigma);
        let mut expert = self.expert.borrow_mut();
        if expert.as_ref().is_some_and(|expert| expert.name == name) {
            return Ok(());
        }
        // Before the other is read: they are not held together.
        *expert = None;
        let model = self.opened.transformer(name, config)?;
        let condition = |states: &Tensor| model.condition(states, self.rows);
        *expert = Some(Expert {
            name,
            prompt: condition(&self.states[0]),
            negative: self.states.get(1).map(condition),
            model,
        });
        Ok(())
    }

    fn velocity(&self, latents: &Tensor, sigma: f64, towards: Towards) -> Tensor {
        let expert = self.expert.borrow();
        let expert = expert.as_ref().expect("the level was entered");
        let text = match towards {
            Towards::Prompt => &expert.prompt,
            Towards::Negative => expert.negative.as_ref().expect("encoded for a guided clip"),
        };
        let timestep = self.timestep(sigma);
        let mut timesteps = vec![timestep; latents.shape()[0]];
        for &frame in &self.held {
            timesteps[frame] = 0.0;
        }
        expert.model.forward(latents, &timesteps, text)
    }

    fn is_guided(&self) -> bool {
        self.states.len() > 1
    }

    fn is_low_noise(&self, sigma: f64) -> bool {
        self.expert_at(sigma).0 == Name::Transformer2
    }
}

impl FrameStream for Stream<'_> {
    fn feed(&mut self, latents: &Tensor, is_last: bool) {
        Stream::feed(self, latents);
        if is_last {
            self.end();
        }
    }

    fn next_frames(&mut self) -> Option<Tensor> {
        Stream::next_frames(self)
    }
}
