//! Training data for the detectors: what their networks see of true renders, with the truth.
//!
//! Written to a folder: `index.jsonl` (one clip a line), `pixels.bin` (u8 key frames
//! `[KEY_FRAMES, h, w, CHANNELS]`), `cells.bin` (u8 subject number + 1 of each cell, 0 is none,
//! `[KEY_FRAMES, h / CELL, w / CELL]`) and `flow.bin` (f32 flow map and camera path).

use crate::eval::degrade::degrade;
use anyhow::{Context, Result};
use kinora_filmset::{
    Stage,
    program::Program,
    script::{Recipe, Split, random::Rng, sample},
};
use kinora_measure::{
    Clip,
    camera::{CameraPath, PATH_FEATURES},
    camera_net::{FLOW_CHANNELS, flow_map},
    flow::{Flow, GRID, STEP},
    net::Map,
    scene::{CELL, key_frame, key_frames},
};
use serde::Serialize;
use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

/// Arguments of `kinora-train detectors`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Folder to write, created when missing
    #[arg(long)]
    pub out: PathBuf,
    /// Clips to render
    #[arg(long, default_value_t = 3000)]
    pub clips: u64,
    /// Seed of the first clip
    #[arg(long, default_value_t = 40_000_000)]
    pub seed: u64,
    /// Share of the clips whose camera is followed too, 0 to 1
    #[arg(long, default_value_t = 0.5)]
    pub follow: f32,
}

/// One line of `index.jsonl`; numbers of labels are positions in `kinora_measure::labels`.
#[derive(Serialize)]
struct Entry {
    width: usize,
    height: usize,
    /// Byte offset in `pixels.bin`.
    pixels: u64,
    /// Byte offset in `cells.bin`.
    cells: u64,
    setting: usize,
    time: usize,
    weather: usize,
    /// `None` when the flow was not measured and stands as zeros.
    camera: Option<usize>,
    subjects: Vec<SubjectEntry>,
    /// For each key frame every member of every subject: subject number, then left, top, right,
    /// bottom as parts of the frame, not cut to it.
    members: Vec<Vec<Member>>,
}

type Member = (usize, [f32; 4]);

#[derive(Serialize)]
struct SubjectEntry {
    kind: usize,
    color: usize,
    direction: usize,
    count: u8,
}

/// Renders clips and writes what the networks see of them.
///
/// # Errors
/// The folder cannot be written.
pub fn run(arguments: &Arguments) -> Result<()> {
    let out = &arguments.out;
    fs::create_dir_all(out).with_context(|| format!("cannot create {}", out.display()))?;
    let mut files = Files::create(out)?;
    for i in 0..arguments.clips {
        let seed = arguments.seed + i;
        let mut rng = Rng::new(seed ^ 0x00DE_7EC7);
        let frames = rng.weighted(&[(97, 5.0), (49, 4.0), (25, 1.0)]);
        let recipe = Recipe {
            aspect: None,
            frames,
            split: Split::Train,
            ..Recipe::default()
        };
        let program = sample(seed, &recipe);
        // The camera takes all frames of a clip, looks only a few: look at more clips than follow.
        let follow = rng.chance(arguments.follow);
        // Half size is what the networks look at; full size now and then, to be sure of it.
        let half = if rng.chance(0.95) { 2 } else { 1 };
        files.write(&program, half, follow, &mut rng)?;
        if (i + 1) % 100 == 0 {
            println!("{} of {} clips", i + 1, arguments.clips);
        }
    }
    files.finish()
}

struct Files {
    index: BufWriter<File>,
    pixels: BufWriter<File>,
    cells: BufWriter<File>,
    flow: BufWriter<File>,
    pixels_at: u64,
    cells_at: u64,
}

impl Files {
    fn create(folder: &Path) -> Result<Self> {
        let open = |name: &str| -> Result<BufWriter<File>> {
            let path = folder.join(name);
            let file =
                File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
            Ok(BufWriter::new(file))
        };
        Ok(Self {
            index: open("index.jsonl")?,
            pixels: open("pixels.bin")?,
            cells: open("cells.bin")?,
            flow: open("flow.bin")?,
            pixels_at: 0,
            cells_at: 0,
        })
    }

    fn write(&mut self, program: &Program, half: u32, follow: bool, rng: &mut Rng) -> Result<()> {
        let (w, h) = program.aspect.size();
        let stage = Stage::new(program, (w / half, h / half));
        let mut clip = film(&stage, program, (w / half, h / half), follow);
        let keys = key_frames(clip.len());
        let masks: Vec<Vec<u8>> = keys.iter().map(|&i| mask(&stage, &clip, i)).collect();
        degrade(&mut clip, rng);
        let (width, height) = clip.working_size();
        let mut entry = self.entry(program, (width, height), members(&stage, &clip, &keys));
        entry.camera = follow.then_some(program.camera.motion as usize);
        serde_json::to_writer(&mut self.index, &entry)?;
        self.index.write_all(b"\n")?;
        for (&i, mask) in keys.iter().zip(&masks) {
            let map: Map = key_frame(&clip, i);
            let bytes: Vec<u8> = map.data.iter().map(|x| (x * 255.0).round() as u8).collect();
            self.pixels.write_all(&bytes)?;
            self.pixels_at += bytes.len() as u64;
            let cells = cells(mask, &clip, (width, height));
            self.cells.write_all(&cells)?;
            self.cells_at += cells.len() as u64;
        }
        let values = if follow {
            motion(&clip)
        } else {
            vec![0.0; MOTION_VALUES]
        };
        for value in values {
            self.flow.write_all(&value.to_le_bytes())?;
        }
        Ok(())
    }

    fn entry(
        &self,
        program: &Program,
        (width, height): (usize, usize),
        members: Vec<Vec<Member>>,
    ) -> Entry {
        let subjects = program.subjects.iter().map(|s| SubjectEntry {
            kind: s.kind as usize,
            color: s.color as usize,
            direction: s.direction as usize,
            count: s.count,
        });
        Entry {
            width,
            height,
            pixels: self.pixels_at,
            cells: self.cells_at,
            setting: program.setting as usize,
            time: program.time as usize,
            weather: program.weather as usize,
            camera: None,
            subjects: subjects.collect(),
            members,
        }
    }

    fn finish(mut self) -> Result<()> {
        for file in [
            &mut self.index,
            &mut self.pixels,
            &mut self.cells,
            &mut self.flow,
        ] {
            file.flush()?;
        }
        Ok(())
    }
}

/// Numbers of a clip in `flow.bin`.
const MOTION_VALUES: usize = GRID * GRID * FLOW_CHANNELS + PATH_FEATURES;

/// The camera network's view of a clip.
fn motion(clip: &Clip) -> Vec<f32> {
    let flow = Flow::of(clip);
    let mut values = flow_map(&flow).data;
    values.extend(CameraPath::of(&flow).features());
    values
}

/// Renders the frames that detectors look at; the others stay black.
fn film(stage: &Stage, program: &Program, (width, height): (u32, u32), follow: bool) -> Clip {
    let bytes = (width * height * 3) as usize;
    let len = program.frames as usize;
    let mut frames = vec![0; bytes * len];
    let keys = key_frames(len);
    for (i, frame) in frames.chunks_exact_mut(bytes).enumerate() {
        let near_key = keys.iter().any(|&k| k == i || k == i + 1);
        if near_key || (follow && i % STEP == 0) {
            stage.frame(i as u32, frame);
        }
    }
    Clip {
        width,
        height,
        fps: kinora_filmset::program::FPS,
        frames,
    }
}

fn members(stage: &Stage, clip: &Clip, keys: &[usize]) -> Vec<Vec<Member>> {
    let truth = stage.truth();
    let (w, h) = (clip.width as f32, clip.height as f32);
    let at = |i: usize| {
        let part = |[l, t, r, b]: [f32; 4]| [l / w, t / h, r / w, b / h];
        truth
            .tracks
            .iter()
            .map(|track| (track.subject, part(track.boxes[i])))
            .collect()
    };
    keys.iter().map(|&i| at(i)).collect()
}

fn mask(stage: &Stage, clip: &Clip, i: usize) -> Vec<u8> {
    let mut mask = vec![0; (clip.width * clip.height) as usize];
    stage.subject_mask(i as u32, &mut mask);
    mask
}

/// The subject of each cell of the working size `size`: the one that covers most of it, when it
/// covers a quarter.
fn cells(mask: &[u8], clip: &Clip, (width, height): (usize, usize)) -> Vec<u8> {
    let (columns, rows) = (width / CELL, height / CELL);
    let (w, h) = (clip.width as usize, clip.height as usize);
    let mut counts = vec![[0u32; 4]; columns * rows];
    for (p, &subject) in mask.iter().enumerate() {
        let cell = (p / w * rows / h) * columns + p % w * columns / w;
        counts[cell][usize::from(subject.min(3))] += 1;
    }
    let subject = |count: &[u32; 4]| {
        let all: u32 = count.iter().sum();
        let most = (1..4).max_by_key(|&s| count[s]).unwrap_or(1);
        if count[most] * 4 >= all.max(1) {
            most as u8
        } else {
            0
        }
    };
    counts.iter().map(subject).collect()
}
