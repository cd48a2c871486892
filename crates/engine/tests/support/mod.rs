//! A model that computes almost nothing, and clips made with it.
#![allow(dead_code, reason = "each test file uses a part")]

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use kinora_diffusion::{Sampler, Schedule};
use kinora_engine::model::{
    Asked, Defaults, Denoiser, Family, FrameStream, ModelInfo, Part, Pictures, Reading, Sampling,
    Towards, VideoModel,
};
use kinora_engine::prompt::Knowledge;
use kinora_engine::{Dtype, Effective, Request, Size};
use kinora_tensor::{DType, Tensor};

/// The double: latents of one channel; the text's length decides the picture's brightness.
pub struct Double {
    pub info: ModelInfo,
    pub knowledge: Knowledge,
    /// Panics in this step.
    pub panics: bool,
    /// Bytes that denoising claims.
    pub bytes: u64,
}

impl Default for Double {
    fn default() -> Self {
        let info = ModelInfo {
            name: "double".into(),
            about: "a test double".into(),
            hash: "0123".into(),
            weight_bytes: 1 << 20,
            shortest_seconds: 1.0,
            longest_seconds: 4.0,
            fps: 24,
            fps_is_free: false,
            frame_stride: 8,
            sizes: vec![
                Size::new(192, 128),
                Size::new(128, 192),
                Size::new(160, 160),
            ],
            size_step: None,
            pictures: Pictures::None,
            max_words: 20,
            defaults: Defaults {
                steps: 4,
                draft_steps: 2,
                guidance: 2.0,
                timesteps: None,
                guidance_interval: (0.1, 1.0),
                shift: 1.0,
                guidance_2: None,
                text_tokens: None,
                decode_timestep: None,
                decode_noise_scale: None,
                image_noise_scale: None,
            },
        };
        Self {
            info,
            knowledge: Knowledge::default(),
            panics: false,
            bytes: 1 << 20,
        }
    }
}

impl Family for Double {
    fn info(&self) -> &ModelInfo {
        &self.info
    }
    fn knowledge(&self) -> Option<&Knowledge> {
        Some(&self.knowledge)
    }
    fn sampling(&self, asked: &Asked, _latents: [usize; 4]) -> kinora_engine::Result<Sampling> {
        asked.refuse_timesteps(&self.info.name)?;
        let shift = asked.shift.unwrap_or(1.0);
        Ok(Sampling {
            shift,
            sampler: Sampler::Dpm,
            schedule: Schedule::shifted(asked.steps as usize, shift),
        })
    }
    fn count_words(&self, text: &str) -> usize {
        text.split_whitespace().count()
    }
    fn latent_shape(&self, size: Size, frames: u32) -> [usize; 4] {
        [
            1 + (frames as usize - 1) / 8,
            size.height as usize / 32,
            size.width as usize / 32,
            1,
        ]
    }
    fn denoise_memory(&self, _clip: &Effective, _latents: [usize; 4]) -> Vec<Part> {
        vec![Part {
            name: "activations",
            bytes: self.bytes,
        }]
    }
    fn decode_memory(&self, clip: &Effective) -> Vec<Part> {
        vec![Part {
            name: "feature maps",
            bytes: clip.framing.native.rgb_bytes() as u64 * 8,
        }]
    }
    fn load(&self, _dtype: Dtype) -> kinora_engine::Result<Box<dyn VideoModel>> {
        Ok(Box::new(Loaded {
            panics: self.panics,
        }))
    }
}

struct Loaded {
    panics: bool,
}

struct Target {
    prompt: f32,
    negative: f32,
    panics: bool,
}

#[derive(Default)]
struct Stream {
    /// Whether the clip's first frame was made.
    has_begun: bool,
    latents: Option<Tensor>,
}

impl VideoModel for Loaded {
    fn read(&self, _text: &str) -> Vec<Reading> {
        Vec::new()
    }
    fn denoiser<'a>(
        &'a self,
        clip: &Effective,
        _held: &[usize],
    ) -> kinora_engine::Result<Box<dyn Denoiser + 'a>> {
        let value = |text: &str| (text.len() % 10) as f32 / 10.0 - 0.5;
        let panics = self.panics;
        Ok(Box::new(Target {
            prompt: value(&clip.prompt),
            negative: value(&clip.negative),
            panics,
        }))
    }
    fn decoder<'a>(
        &'a self,
        _clip: &Effective,
    ) -> kinora_engine::Result<Box<dyn FrameStream + 'a>> {
        Ok(Box::new(Stream::default()))
    }
    fn glance(&self, latents: &Tensor) -> Option<Tensor> {
        let mut stream = Stream::default();
        stream.feed(latents, true);
        stream.next_frames()
    }
}

impl Denoiser for Target {
    fn velocity(&self, latents: &Tensor, sigma: f64, towards: Towards) -> Tensor {
        assert!(!self.panics, "the double was told to fail");
        let target = if towards == Towards::Prompt {
            self.prompt
        } else {
            self.negative
        };
        // Keep a tenth of the noise so that seeds differ.
        let clean = latents.combine(0.1, &Tensor::full(target, latents.shape(), DType::F32), 1.0);
        let scale = (1.0 / sigma) as f32;
        latents.combine(scale, &clean, -scale)
    }
}

impl FrameStream for Stream {
    fn feed(&mut self, latents: &Tensor, _is_last: bool) {
        self.latents = Some(latents.clone());
    }

    fn next_frames(&mut self) -> Option<Tensor> {
        let latents = self.latents.take()?;
        let [n, h, w, _] = latents.dims();
        let drop = if std::mem::replace(&mut self.has_begun, true) {
            0
        } else {
            7
        };
        let (height, width) = (h * 32, w * 32);
        let values = latents.as_f32();
        Some(Tensor::from_fn(&[n * 8 - drop, height, width, 3], |i| {
            let (x, y) = (i / 3 % width, i / 3 / width % height);
            let latent = values[(y / 32) * w + x / 32];
            latent + i as f32 % 3.0 * 0.1
        }))
    }
}

pub fn request(prompt: &str) -> Request {
    let seed = Some(7);
    Request {
        prompt: prompt.into(),
        seconds: Some(1.0),
        seed,
        ..Request::default()
    }
}

/// A folder of its own for each test, removed at the end.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("kinora-engine-{}-{n}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder for tests");
        Self(path)
    }

    pub fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).expect("the folder is there");
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
