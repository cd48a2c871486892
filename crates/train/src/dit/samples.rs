//! Sample grids: what the averaged weights make of some held-out captions.

use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;

use anyhow::{Context, Result};
use kinora_diffusion::samplers::{Progress, euler};
use kinora_diffusion::{Guidance, Schedule};
use kinora_filmset::program::Aspect;
use kinora_filmset::script::Split;
use kinora_filmset::script::random::Rng;
use kinora_models::native::{CameraPath, Conditioning, Config, Decoder, PIXEL_STRIDE, Transformer};
use kinora_nn::WeightFile;
use kinora_tensor::{Precision, Tensor};

use super::batch::normal;
use super::texts::Texts;
use super::trainer::Trainer;
use crate::codec;
use crate::data::{GAP, Sheet, Source};

/// The number that the first caption is drawn with.
const FIRST_SEED: u64 = 77;
/// Latent frames of a clip: a second.
const LATENT_FRAMES: usize = 4;
/// The first, a middle and the last frame are shown.
const SHOWN: [usize; 3] = [0, 12, 24];
const STEPS: usize = 16;
/// Of the schedule.
const SHIFT: f64 = 3.0;
/// Where there is noise alone, the prompt is not contrasted with an empty one.
const GUIDANCE: Guidance = Guidance {
    scale: 3.0,
    from: 0.0,
    to: 0.98,
};

/// Draws grids with the codec of the model that a run began from.
pub struct Samples {
    config: Config,
    decoder: Decoder,
    /// How cameras move, and what was written of their clips.
    clips: Vec<(CameraPath, String)>,
}

impl Samples {
    /// Reads the decoder of the model in `folder`, for grids of `clips` captions.
    ///
    /// # Errors
    /// When a file is missing or damaged.
    pub fn open(folder: &Path, config: &Config, clips: usize) -> Result<Self> {
        let file = WeightFile::open_part(folder, codec::PART)?;
        let source = Source::new(25, Some(Aspect::Wide), Split::HeldOut);
        let clip = |i: usize| {
            let example = source.draw(FIRST_SEED + i as u64);
            (example.camera(), example.caption.text)
        };
        Ok(Self {
            config: config.clone(),
            decoder: Decoder::load(&file.weights(Precision::Bf16), &config.codec)?,
            clips: (0..clips).map(clip).collect(),
        })
    }

    /// Draws `grid-STEP.png` and its captions, `grid.txt`, into `folder`.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn draw(&self, trainer: &Trainer, texts: &mut Texts, folder: &Path) -> Result<()> {
        if self.clips.is_empty() {
            return Ok(());
        }
        let file = WeightFile::of_tensors("the averaged weights", trainer.averaged().clone());
        let model = Transformer::load(&file.weights(Precision::Bf16), &self.config)?;
        let empty = model.condition(&texts.read(""));
        let mut rng = Rng::new(0);
        let (width, height) = Aspect::Wide.size();
        let (width, height) = (width as usize, height as usize);
        let columns = SHOWN.len() * (width + GAP) - GAP;
        let rows = self.clips.len() * (height + GAP) - GAP;
        let mut sheet = Sheet::new(columns, rows, [24; 3]);
        for (row, (camera, caption)) in self.clips.iter().enumerate() {
            let said = model.condition(&texts.read(caption));
            let said = said.filmed(vec![camera.clone()]);
            let latents = self.generate(&model, &said, &empty, &mut rng);
            let frames = self.decoder.stream().push(&latents).to_vec();
            for (column, frame) in SHOWN.into_iter().enumerate() {
                let size = width * height * 3;
                let pixel = |x: &f32| ((x.clamp(-1.0, 1.0) + 1.0) * 127.5).round() as u8;
                let frame: Vec<u8> = frames[frame * size..][..size].iter().map(pixel).collect();
                let at = (column * (width + GAP), row * (height + GAP));
                sheet.paste(&frame, width, at);
            }
        }
        let captions: Vec<&str> = self.clips.iter().map(|(_, caption)| &**caption).collect();
        let path = folder.join(format!("grid-{:06}.png", trainer.steps()));
        let written: io::Result<()> = sheet
            .write(&path)
            .and_then(|()| fs::write(folder.join("grid.txt"), captions.join("\n")));
        written.with_context(|| format!("cannot write {}", path.display()))
    }

    fn generate(
        &self,
        model: &Transformer,
        said: &Conditioning,
        empty: &Conditioning,
        rng: &mut Rng,
    ) -> Tensor {
        let (width, height) = Aspect::Wide.size();
        let [h, w] = [height, width].map(|side| side as usize / PIXEL_STRIDE);
        let dims = [LATENT_FRAMES, h, w, self.config.codec.latent_channels];
        let noise: Vec<f32> = (0..dims.iter().product()).map(|_| normal(rng)).collect();
        let velocity = |x: &Tensor, sigma: f64| {
            let levels = [sigma as f32; LATENT_FRAMES];
            let mut clean = model.forward(x, &levels, said);
            if GUIDANCE.applies(sigma) {
                let unsaid = model.forward(x, &levels, empty);
                clean = GUIDANCE.mix(&clean, &unsaid);
            }
            x.combine(1.0, &clean, -1.0).scale((1.0 / sigma) as f32)
        };
        let schedule = Schedule::shifted(STEPS, SHIFT);
        let noise = Tensor::from_f32(&noise, &dims);
        let go_on = |_: &Progress| ControlFlow::Continue(());
        let latents = euler(noise, &schedule, velocity, go_on);
        latents.expect("nobody stops a sample")
    }
}
