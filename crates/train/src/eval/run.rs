//! `kinora-train eval`: detectors on true renders (their ceiling), on codec reconstructions, on
//! generated clips, and each against the prompt of another clip (the floor).

use crate::eval::{
    clauses::{clauses, shown},
    report::{self, Gallery},
    studies::studies,
    table::{self, Evaluation, Section},
};
use anyhow::{Context, Result, ensure};
use kinora_engine::Dtype;
use kinora_filmset::{
    program::{FPS, Program},
    render,
    script::{Caption, Recipe, Split, Style, caption, random::Rng, sample},
};
use kinora_measure::{
    Clip, Detectors, Report,
    evaluate::{Clause, evaluate},
};
use std::{fs, path::PathBuf};

/// Arguments of `kinora-train eval`.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// 60 clips instead of 300
    #[arg(long)]
    pub quick: bool,
    /// Number of clips; overrides --quick
    #[arg(long)]
    pub clips: Option<u64>,
    /// Seed of the first clip
    #[arg(long, default_value_t = 90_000_000)]
    pub seed: u64,
    /// Clips generated for each prompt, with seeds of their own
    #[arg(long, default_value_t = 1)]
    pub seeds: u64,
    /// Frames a clip, 1 + 8k
    #[arg(long, default_value_t = 97)]
    pub frames: u32,
    /// Threads that render
    #[arg(long, default_value_t = 2)]
    pub threads: usize,
    /// Write the whole evaluation as JSON
    #[arg(long)]
    pub json: Option<PathBuf>,
    /// Write the accuracy of generated clips by slot and value, as the engine reads it
    #[arg(long)]
    pub coverage: Option<PathBuf>,
    /// Write a page in Markdown, and beside it a contact sheet of the first generated clips
    #[arg(long, value_name = "FILE.md")]
    pub report: Option<PathBuf>,
    /// Folder of a native model: also evaluate its codec and what it generates
    #[arg(long, value_name = "FOLDER")]
    pub model: Option<PathBuf>,
    /// Precision of that model's weights: bf16, f32, or int8 for the transformer's blocks
    #[arg(
        long,
        visible_alias = "weights",
        value_name = "TYPE",
        default_value = "bf16"
    )]
    pub dtype: Dtype,
    /// Guidance scale of what is generated [default: the model's]
    #[arg(long, value_name = "SCALE")]
    pub guidance: Option<f64>,
    /// Also study what fewer steps, an edited clause and a negative do, over so many prompts
    #[arg(long, value_name = "PROMPTS", default_value_t = 0)]
    pub studies: u64,
    /// Also print what was taken for what
    #[arg(long)]
    pub confusions: bool,
    /// Use these weights instead of the built-in ones
    #[arg(long)]
    pub detectors: Option<PathBuf>,
}

/// A held-out prompt with the program it was written for.
#[derive(Debug, Clone)]
pub struct Prompt {
    /// Seed of the program, and the seed to generate with.
    pub seed: u64,
    /// What a true clip shows.
    pub program: Program,
    /// The words, and the slots they fill.
    pub caption: Caption,
    /// What the clip must not show; empty for nothing in particular.
    pub negative: String,
    /// Whether it is made in fewer steps.
    pub draft: bool,
}

impl Prompt {
    /// The same prompt with another seed to generate with; take 0 keeps it.
    fn take(&self, take: u64) -> Self {
        Self {
            seed: self.seed.wrapping_add(take << 32),
            ..self.clone()
        }
    }
}

/// Encodes and decodes a clip.
pub type Codec<'a> = &'a mut dyn FnMut(&Clip) -> Result<Clip>;

/// Generates a clip for a prompt; asked once for every clip.
pub type Generate<'a> = &'a mut dyn FnMut(&Prompt) -> Result<Clip>;

/// What is evaluated beside true renders. Each function may be slow.
#[derive(Default)]
pub struct Models<'a> {
    /// Name that stands in the coverage table.
    pub name: &'a str,
    /// The codec, when there is one.
    pub codec: Option<Codec<'a>>,
    /// The whole model, when there is one.
    pub generate: Option<Generate<'a>>,
}

/// Held-out prompts: combinations of setting, hour, kind and colour that training never showed.
pub fn prompts(seed: u64, count: u64, frames: u32) -> impl Iterator<Item = Prompt> {
    let recipe = Recipe {
        frames,
        split: Split::HeldOut,
        ..Recipe::default()
    };
    (seed..seed + count).map(move |seed| {
        let program = sample(seed, &recipe);
        Prompt {
            seed,
            caption: words(&program),
            program,
            negative: String::new(),
            draft: false,
        }
    })
}

/// The held-out caption of a program.
pub fn words(program: &Program) -> Caption {
    let mut rng = Rng::new(program.seed ^ 0xE7A1);
    let style = Style::mixed(&mut rng);
    caption(program, style, Split::HeldOut, &mut rng)
}

/// Renders a program at its own size.
pub fn film(program: &Program, threads: usize) -> Clip {
    let film = render(program, program.aspect.size(), threads);
    Clip {
        width: film.width,
        height: film.height,
        fps: FPS,
        frames: film.frames,
    }
}

/// Measures clips, `takes` of each prompt side by side, against what was asked of them, and against what
/// was asked of those of the next prompt.
///
/// # Errors
/// A clip cannot be made or measured.
pub fn measure(
    name: &str,
    detectors: &Detectors,
    takes: usize,
    clips: impl IntoIterator<Item = Result<(Vec<Clause>, Clip)>>,
) -> Result<Section> {
    let mut measured: Vec<(Vec<Clause>, Report)> = Vec::new();
    for clip in clips {
        let (asked, clip) = clip?;
        measured.push((asked, detectors.measure(&clip)?));
    }
    let others = measured
        .iter()
        .map(|(asked, _)| asked.clone())
        .cycle()
        .skip(takes);
    let reports = measured.iter().map(|(_, report)| report.clone());
    let shuffled = evaluate(others.zip(reports));
    Ok(Section {
        name: name.to_string(),
        tally: evaluate(measured),
        shuffled,
    })
}

/// Evaluates true renders, and whatever `models` offer.
///
/// # Errors
/// A clip cannot be made or measured, or a file cannot be written.
pub fn run(arguments: &Arguments, models: Models) -> Result<()> {
    ensure!(
        arguments.frames % 8 == 1 && arguments.frames > 1,
        "--frames must be 1 + 8k, over 1"
    );
    let detectors = match &arguments.detectors {
        None => Detectors::embedded(),
        Some(path) => {
            let bytes =
                fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
            Detectors::read(&bytes)?
        }
    };
    let count = arguments
        .clips
        .unwrap_or(if arguments.quick { 60 } else { 300 });
    let drawn = || prompts(arguments.seed, count, arguments.frames);
    let rendered = |p: &Prompt| film(&p.program, arguments.threads);
    let true_clips = drawn().map(|p| Ok((shown(&p.program), rendered(&p))));
    let mut sections = vec![measure(table::TRUE_RENDERS, &detectors, 1, true_clips)?];
    if let Some(codec) = models.codec {
        let clips = drawn().map(|p| Ok((shown(&p.program), codec(&rendered(&p))?)));
        sections.push(measure(table::RECONSTRUCTED, &detectors, 1, clips)?);
    }
    let (mut gallery, mut found) = (Gallery::default(), Vec::new());
    if let Some(generate) = models.generate {
        let takes = drawn().flat_map(|p| (0..arguments.seeds).map(move |take| p.take(take)));
        let clips = takes.map(|p| {
            let clip = generate(&p)?;
            gallery.add(&p, &clip);
            Ok((clauses(&p.caption.slots), clip))
        });
        let seeds = usize::try_from(arguments.seeds)?;
        sections.push(measure(table::GENERATED, &detectors, seeds, clips)?);
        if arguments.studies > 0 {
            let studied = drawn().take(usize::try_from(arguments.studies)?);
            found = studies(studied, &detectors, generate)?;
        }
    }
    let evaluation = Evaluation {
        model: models.name.to_string(),
        sections,
        studies: found,
    };
    print!("{}", evaluation.table());
    if arguments.confusions {
        print!("{}", evaluation.confusions());
    }
    if let Some(path) = &arguments.report {
        let page = report::page(&evaluation, arguments, path, &gallery);
        fs::write(path, page).with_context(|| format!("cannot write {}", path.display()))?;
        gallery.write(path)?;
    }
    write_files(arguments, &evaluation)
}

fn write_files(arguments: &Arguments, evaluation: &Evaluation) -> Result<()> {
    if let Some(path) = &arguments.json {
        let json = serde_json::to_string_pretty(evaluation)? + "\n";
        fs::write(path, json).with_context(|| format!("cannot write {}", path.display()))?;
    }
    if let Some(path) = &arguments.coverage {
        let coverage = evaluation.coverage();
        let coverage = coverage.context("no generated clips: there is nothing to cover")?;
        let json = serde_json::to_string_pretty(&coverage)? + "\n";
        fs::write(path, json).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}
