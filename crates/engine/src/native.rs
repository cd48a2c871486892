//! kinora-1 as the pipeline sees it.

mod reader;

use std::sync::{Arc, OnceLock};

use kinora_diffusion::{Sampler, Schedule};
use kinora_models::native::{
    Conditioning, Config, Decoder, Encoder, LATENT_STRIDE, PIXEL_STRIDE, Stream, Transformer,
    latent_frames,
};
use kinora_nn::tokenizer::{NUM_NGRAMS, WordTokenizer};
use kinora_tensor::Tensor;

use crate::bundle::{Bundle, CODEC, TRANSFORMER};
use crate::error::Result;
use crate::model::{
    Asked, Defaults, Denoiser, Family, FrameStream, ModelInfo, Part, Pictures, Reading, Sampling,
    Towards, VideoModel,
};
use crate::prompt::{Coverage, Knowledge};
use crate::recipe::Effective;
use crate::request::Dtype;
use crate::size::Size;
pub(crate) use reader::Reader;

/// Sizes that the codec was trained on, the default first.
const SIZES: [Size; 5] = [
    Size::new(576, 320),
    Size::new(320, 576),
    Size::new(448, 448),
    Size::new(512, 384),
    Size::new(384, 512),
];
/// Below this noise level the velocity is taken as if at it (arXiv 2511.13720).
const SMALLEST_SIGMA: f64 = 0.05;
/// Of a clip of four seconds.
const USUAL_LATENT_FRAMES: usize = 13;

/// The shift of the schedule for clips of `t` latent frames, which in training were noisier the longer they
/// were: most of what a long clip shows is settled at high noise, and steps are dense there.
///
/// Reference: Esser et al., arXiv 2403.03206, section 5.3.2, where it is the square root of the number of values.
fn shift(t: usize) -> f64 {
    (t as f64).powf(0.75)
}

/// A native model without its weights.
pub(crate) struct Native {
    parts: Arc<Parts>,
    info: ModelInfo,
    knowledge: Knowledge,
}

/// What every use of the model shares.
struct Parts {
    bundle: Bundle,
    config: Config,
    tokenizer: WordTokenizer,
}

impl Native {
    /// Reads the small files of a model.
    pub(crate) fn open(bundle: Bundle) -> Result<Self> {
        let config = Config::from_json(&bundle.text("config.json")?)
            .map_err(|error| bundle.failed("config.json", error))?;
        let vocabulary = bundle.text("vocabulary.txt")?;
        let tokenizer = WordTokenizer::from_vocabulary(&vocabulary)
            .map_err(|error| bundle.failed("vocabulary.txt", error))?;
        let text = &config.text;
        if tokenizer.vocab_size() > text.vocab_size || usize::from(NUM_NGRAMS) > text.num_ngrams {
            let (words, rows) = (tokenizer.vocab_size(), text.vocab_size);
            let reason = format!(
                "{words} words for {rows} rows, {NUM_NGRAMS} spellings for {}",
                text.num_ngrams
            );
            return Err(bundle.failed("vocabulary.txt", reason));
        }
        let coverage = Coverage::from_json(&bundle.text("coverage.json")?)
            .map_err(|error| bundle.failed("coverage.json", error))?;
        let info = ModelInfo {
            name: config.name.clone(),
            about: "layered cinematic miniatures, trained by this project on its own film set"
                .into(),
            hash: bundle.hash()?,
            weight_bytes: bundle.weight_bytes()?,
            shortest_seconds: 1.0,
            longest_seconds: f64::from(config.longest_seconds),
            fps: config.transformer.fps as u32,
            fps_is_free: false,
            frame_stride: LATENT_STRIDE as u32,
            sizes: SIZES.to_vec(),
            size_step: None,
            pictures: Pictures::Any,
            max_words: text.max_tokens,
            defaults: Defaults {
                steps: 20,
                draft_steps: 8,
                guidance: 3.0,
                timesteps: None,
                guidance_interval: (0.1, 1.0),
                shift: shift(USUAL_LATENT_FRAMES),
                guidance_2: None,
                text_tokens: None,
                decode_timestep: None,
                decode_noise_scale: None,
                image_noise_scale: None,
            },
        };
        let knowledge = Knowledge::new(coverage, &vocabulary);
        Ok(Self {
            parts: Arc::new(Parts {
                bundle,
                config,
                tokenizer,
            }),
            info,
            knowledge,
        })
    }
}

impl Family for Native {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn knowledge(&self) -> Option<&Knowledge> {
        Some(&self.knowledge)
    }

    fn count_words(&self, text: &str) -> usize {
        let encoding = self.parts.tokenizer.encode(text);
        encoding.tokens.len() + encoding.dropped
    }

    fn sampling(&self, asked: &Asked, [t, ..]: [usize; 4]) -> Result<Sampling> {
        asked.refuse_timesteps(&self.info.name)?;
        let shift = asked.shift.unwrap_or_else(|| shift(t));
        Ok(Sampling {
            shift,
            sampler: Sampler::Dpm,
            schedule: Schedule::shifted(asked.steps as usize, shift),
        })
    }

    fn latent_shape(&self, size: Size, frames: u32) -> [usize; 4] {
        let side = |pixels: u32| pixels as usize / PIXEL_STRIDE;
        [
            latent_frames(frames as usize),
            side(size.height),
            side(size.width),
            self.parts.config.codec.latent_channels,
        ]
    }

    fn resident_memory(&self, _clip: &Effective) -> Vec<Part> {
        vec![Part {
            name: "weights",
            bytes: self.info.weight_bytes,
        }]
    }

    fn denoise_memory(&self, _clip: &Effective, [t, h, w, _]: [usize; 4]) -> Vec<Part> {
        let config = &self.parts.config.transformer;
        let tokens = t * (h / config.patch_size) * (w / config.patch_size);
        // Stream, norm, qkv, heads, feed-forward and their outputs, f32 at the most.
        let block = 12 * config.hidden_size + 2 * config.ffn_size;
        // At the end the stream, its norm, and each token beside its neighbours, in parts and joined.
        let around = (2 * config.patch_reach + 1).pow(2);
        let width = block.max((4 + 2 * around) * config.hidden_size);
        let text =
            2 * 2 * config.num_layers * self.parts.config.text.max_tokens * config.hidden_size;
        vec![
            Part {
                name: "activations",
                bytes: (tokens * width * 4) as u64,
            },
            Part {
                name: "text",
                bytes: (text * 4) as u64,
            },
        ]
    }

    fn decode_memory(&self, clip: &Effective) -> Vec<Part> {
        let config = &self.parts.config.codec;
        let pixels = clip.framing.native.area() * LATENT_STRIDE;
        // The widest maps are the last level's, before and after a convolution and unfolded.
        let last = pixels / config.patch_size.pow(2) * config.decoder_channels[3] * 4 * 6;
        vec![
            Part {
                name: "feature maps",
                bytes: last as u64,
            },
            Part {
                name: "decoded frames",
                bytes: (pixels * 3 * (4 * 3 + 1)) as u64,
            },
        ]
    }

    fn load(&self, dtype: Dtype) -> Result<Box<dyn VideoModel>> {
        let Parts { bundle, config, .. } = &*self.parts;
        let (text, transformer) = std::thread::scope(|scope| {
            let text = scope.spawn(|| self.reader());
            let transformer = || {
                let file = bundle.weights(TRANSFORMER)?;
                let model = Transformer::load(&file.weights(dtype.into()), config);
                let model = model.and_then(|model| file.finish().map(|()| model));
                model.map_err(|error| bundle.weights_error(TRANSFORMER, &error))
            };
            let transformer = transformer();
            (text.join().expect("a panic of the loader"), transformer)
        });
        Ok(Box::new(Loaded {
            parts: Arc::clone(&self.parts),
            reader: text?,
            transformer: transformer?,
            dtype,
            decoder: OnceLock::new(),
        }))
    }
}

/// A native model with its weights.
struct Loaded {
    parts: Arc<Parts>,
    reader: Reader,
    transformer: Transformer,
    dtype: Dtype,
    /// Read when it is first needed: the first denoising step does not wait for it.
    decoder: OnceLock<Decoder>,
}

impl VideoModel for Loaded {
    fn read(&self, text: &str) -> Vec<Reading> {
        self.reader.read(text)
    }

    fn denoiser<'a>(&'a self, clip: &Effective, held: &[usize]) -> Result<Box<dyn Denoiser + 'a>> {
        let prompt = self.reader.encode(&clip.prompt);
        let negative = self.reader.encode(&clip.negative);
        let negative = self.transformer.condition(&negative);
        let t = latent_frames(clip.timing.native_frames as usize);
        let size = clip.framing.native;
        let camera = self.reader.camera(&prompt, size, t, held);
        Ok(Box::new(Guided {
            model: &self.transformer,
            // Where nothing is given its camera rests, and guidance leads towards the move as towards the
            // words. From given frames it would lead away from them: what comes into view is contrasted with
            // what is there, and burns out.
            negative: match held {
                [] => negative,
                _ => negative.filmed(vec![camera.clone()]),
            },
            prompt: self.transformer.condition(&prompt).filmed(vec![camera]),
            held: held.to_vec(),
        }))
    }

    fn encode(&self, frames: &Tensor) -> Result<Tensor> {
        let Parts { bundle, config, .. } = &*self.parts;
        let weights = bundle.weights(CODEC)?;
        let encoder = Encoder::load(&weights.weights(self.dtype.whole().into()), &config.codec);
        let encoder = encoder
            .and_then(|encoder| weights.finish_without(&["decoder."]).map(|()| encoder))
            .map_err(|error| bundle.weights_error(CODEC, &error))?;
        Ok(encoder.encode(&half_size(frames)))
    }

    fn decoder<'a>(&'a self, _clip: &Effective) -> Result<Box<dyn FrameStream + 'a>> {
        Ok(Box::new(Decoding::new(self.codec()?)))
    }

    fn glance(&self, latents: &Tensor) -> Option<Tensor> {
        let decoder = self.codec().ok()?;
        Some(decoder.stream().push(latents))
    }
}

impl Loaded {
    fn codec(&self) -> Result<&Decoder> {
        if let Some(decoder) = self.decoder.get() {
            return Ok(decoder);
        }
        let bundle = &self.parts.bundle;
        let weights = bundle.weights(CODEC)?;
        // The file also holds the encoder, which generating does not need.
        let config = &self.parts.config.codec;
        let decoder = Decoder::load(&weights.weights(self.dtype.whole().into()), config);
        let decoder = decoder
            .and_then(|decoder| weights.finish_without(&["encoder."]).map(|()| decoder))
            .map_err(|error| bundle.weights_error(CODEC, &error))?;
        Ok(self.decoder.get_or_init(|| decoder))
    }
}

/// Frames `[t, h, w, 3]` at half their size, by the mean of 2 x 2 pixels: what the encoder reads.
fn half_size(frames: &Tensor) -> Tensor {
    let [t, h, w, c] = frames.dims();
    let (rows, columns) = (h / 2, w / 2);
    let pixels = frames.as_f32();
    Tensor::from_fn(&[t, rows, columns, c], |i| {
        let (channel, column) = (i % c, i / c % columns);
        let (row, frame) = (i / c / columns % rows, i / c / columns / rows);
        let at = |y: usize, x: usize| {
            pixels[((frame * h + 2 * row + y) * w + 2 * column + x) * c + channel]
        };
        (at(0, 0) + at(0, 1) + at(1, 0) + at(1, 1)) / 4.0
    })
}

struct Guided<'a> {
    model: &'a Transformer,
    prompt: Conditioning,
    negative: Conditioning,
    /// Latent frames without noise.
    held: Vec<usize>,
}

impl Denoiser for Guided<'_> {
    fn velocity(&self, latents: &Tensor, sigma: f64, towards: Towards) -> Tensor {
        let conditioning = match towards {
            Towards::Prompt => &self.prompt,
            Towards::Negative => &self.negative,
        };
        let mut levels = vec![sigma as f32; latents.shape()[0]];
        for &frame in &self.held {
            levels[frame] = 0.0;
        }
        let clean = self.model.forward(latents, &levels, conditioning); // [t, h, w, c]
        let scale = (1.0 / sigma.max(SMALLEST_SIGMA)) as f32;
        latents.combine(scale, &clean, -scale)
    }
}

/// A clip being decoded.
pub(crate) struct Decoding<'a> {
    stream: Stream<'a>,
    /// Those that were given and are not decoded yet.
    latents: Option<Tensor>,
}

impl<'a> Decoding<'a> {
    pub(crate) fn new(decoder: &'a Decoder) -> Self {
        Self {
            stream: decoder.stream(),
            latents: None,
        }
    }
}

impl FrameStream for Decoding<'_> {
    fn feed(&mut self, latents: &Tensor, _is_last: bool) {
        self.latents = Some(latents.clone());
    }

    fn next_frames(&mut self) -> Option<Tensor> {
        let latents = self.latents.take()?;
        Some(self.stream.push(&latents))
    }
}

#[cfg(test)]
mod tests {
    use kinora_models::native::View;

    use super::*;

    #[test]
    fn the_camera_moves_as_the_prompt_says() {
        let bundle = Bundle::embedded().next().expect("kinora-1");
        let native = Native::open(bundle).expect("a model");
        let reader = native.reader().expect("a text encoder");
        let path = |prompt: &str, held: &[usize]| {
            reader.camera(&reader.encode(prompt), SIZES[0], 13, held)
        };
        let pan = "a lighthouse at noon, slow pan left";
        let last = path(pan, &[0]).pop().expect("a view a latent frame");
        let shift = [last.near[0], 0.0];
        let turned = View {
            zoom: 0.0,
            near: shift,
            far: shift,
        };
        assert!(shift[0] > 0.3, "{last:?}");
        assert_eq!(last, turned, "a pan moves near and far alike");
        let push = path("a lighthouse at noon, the camera pushes in", &[]);
        assert_eq!(push.len(), 13);
        assert!(push[12].zoom > 0.6, "{push:?}");
        assert!(path("a lighthouse at noon", &[]).is_empty());
        assert!(path(pan, &[0, 12]).is_empty(), "a loop ends where it began");
    }
}
