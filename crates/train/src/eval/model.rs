//! A native model as the evaluation sees it: its codec, and the whole way from prompt to frames.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use kinora_engine::{Cancel, Dtype, Engine, ModelOptions, Output, Request};
use kinora_measure::Clip;
use kinora_models::native::{Config, Decoder, Encoder};
use kinora_nn::WeightFile;
use kinora_nn::optim::Parameters;
use kinora_tensor::{Precision, Tensor};
use safetensors::SafeTensors;

use super::run::Prompt;
use crate::codec;
use crate::data::Film;

/// Encoder and decoder of a model in a folder.
pub struct Codec {
    encoder: Encoder,
    decoder: Decoder,
}

impl Codec {
    /// Reads `config.json` and the weights of the codec.
    ///
    /// # Errors
    /// A file is missing, damaged, or holds tensors that the codec does not know.
    pub fn load(folder: &Path) -> Result<Self> {
        let file = WeightFile::open_part(folder, codec::PART)?;
        Self::read(&file, &config(folder)?)
    }

    /// The codec of weights by their names.
    ///
    /// # Errors
    /// They are not those of the configuration.
    pub fn of(weights: Parameters, config: &Config) -> Result<Self> {
        Self::read(&WeightFile::of_tensors("the codec", weights), config)
    }

    fn read(file: &WeightFile, config: &Config) -> Result<Self> {
        let weights = file.weights(Precision::Bf16);
        let codec = Self {
            encoder: Encoder::load(&weights, &config.codec)?,
            decoder: Decoder::load(&weights, &config.codec)?,
        };
        file.finish()?;
        Ok(codec)
    }

    /// Latents F32 `[t, h, w, c]` of half-size frames F32 `[1 + 8 (t - 1), 16 h, 16 w, 3]` in [-1, 1].
    pub fn encode(&self, film: &Tensor) -> Tensor {
        self.encoder.encode(film)
    }

    /// The pixels of latents, frame after frame, in [-1, 1].
    pub fn decode(&self, latents: &Tensor) -> Vec<f32> {
        let mut stream = self.decoder.stream();
        (0..latents.shape()[0])
            .flat_map(|t| stream.push(&latents.slice(t..t + 1)).to_vec())
            .collect()
    }

    /// Encodes a clip of 1 + 8k frames at half its size and decodes it at its own.
    ///
    /// # Errors
    /// Never; the result fits the evaluation's signature.
    pub fn reconstruct(&self, clip: &Clip) -> Result<Clip> {
        let film = Film {
            width: clip.width as usize,
            height: clip.height as usize,
            frames: clip.frames.clone(),
        };
        let pixels = self.decode(&self.encode(&film.half_size()));
        let frames = pixels.iter().map(|x| ((x + 1.0) * 127.5).round() as u8);
        Ok(Clip {
            frames: frames.collect(),
            ..clip.clone()
        })
    }
}

/// The configuration of the model in a folder.
///
/// # Errors
/// `config.json` is missing or not one.
pub fn config(folder: &Path) -> Result<Config> {
    let path = folder.join("config.json");
    let name = path.display();
    let json = fs::read_to_string(&path)
        .with_context(|| format!("cannot read {name}; the model is a folder with its weights"))?;
    Config::from_json(&json).with_context(|| format!("{name} is no configuration"))
}

/// The encoder of the model in a folder.
///
/// # Errors
/// As [`Codec::load`].
pub fn encoder(folder: &Path) -> Result<Encoder> {
    let file = WeightFile::open_part(folder, codec::PART)?;
    let encoder = Encoder::load(&file.weights(Precision::Bf16), &config(folder)?.codec)?;
    file.finish_without(&["decoder."])?;
    Ok(encoder)
}

/// The engine with a model, writing into a folder of its own that goes with it.
pub struct Generator {
    engine: Engine,
    model: String,
    dtype: Dtype,
    guidance: Option<f64>,
    folder: PathBuf,
}

impl Generator {
    /// Prepares to generate with the model in `folder`, its weights in a precision.
    ///
    /// # Errors
    /// The temporary folder cannot be made.
    pub fn new(folder: &Path, dtype: Dtype) -> Result<Self> {
        let scratch = std::env::temp_dir().join(format!("kinora-eval-{}", std::process::id()));
        fs::create_dir_all(&scratch)?;
        Ok(Self {
            engine: Engine::new(),
            model: folder.display().to_string(),
            dtype,
            guidance: None,
            folder: scratch,
        })
    }

    /// The same with another guidance scale than the model's, if one is given.
    #[must_use]
    pub fn guided(mut self, guidance: Option<f64>) -> Self {
        self.guidance = guidance;
        self
    }

    /// Generates a held-out prompt with the settings of a user who names no other; the frames are those
    /// before encoding.
    ///
    /// # Errors
    /// The engine refuses or fails.
    pub fn generate(&self, prompt: &Prompt) -> Result<Clip> {
        let request = Request {
            prompt: prompt.caption.text.clone(),
            negative: prompt.negative.clone(),
            draft: prompt.draft,
            seconds: Some(f64::from(prompt.program.seconds())),
            seed: Some(prompt.seed),
            model: Some(self.model.clone()),
            guidance: self.guidance,
            options: ModelOptions {
                dtype: Some(self.dtype),
                ..ModelOptions::default()
            },
            ..Request::default()
        };
        let frames = self.folder.join("frames.safetensors");
        let output = Output {
            path: self.folder.join("clip.mp4"),
            overwrite: true,
            save_frames: Some(frames.clone()),
            ..Output::default()
        };
        let job = self.engine.resolve(&request)?;
        let clip = self
            .engine
            .run(&request, &job, &output, &mut (), &Cancel::default())?;
        let bytes = fs::read(&frames)?;
        let file = SafeTensors::deserialize(&bytes)?;
        let values = file.tensor("frames")?.data().as_chunks().0;
        // At the model's own size and rate the clip shows its first painted frames as they are.
        let shown = (clip.width * clip.height * 3 * clip.frames) as usize;
        ensure!(
            values.len() >= shown,
            "{} values of frames for {shown}",
            values.len()
        );
        let pixel = |value: &[u8; 4]| (f32::from_le_bytes(*value) * 255.0).round() as u8;
        let pixels = values[..shown].iter().map(pixel).collect();
        Ok(Clip {
            width: clip.width,
            height: clip.height,
            fps: clip.fps,
            frames: pixels,
        })
    }
}

impl Drop for Generator {
    fn drop(&mut self) {
        // What cannot be removed stays in the system's temporary folder.
        let _ = fs::remove_dir_all(&self.folder);
    }
}
