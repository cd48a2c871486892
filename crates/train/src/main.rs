//! `kinora-train`: data, training and evaluation of the native model.

use std::fs;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Parser, Subcommand, ValueEnum};
use kinora_filmset::program::Aspect;
use kinora_filmset::script::Split;
use kinora_nn::tokenizer::WordTokenizer;
use kinora_train::{cache, codec, data, dit, eval, export, text};

#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Write rendered clips with their captions to standard output
    #[command(visible_alias = "render")]
    Stream {
        #[command(flatten)]
        clips: Clips,
        /// Threads that render one clip
        #[arg(long, default_value_t = 1)]
        threads: usize,
        /// Let subject masks follow the frames
        #[arg(long)]
        masks: bool,
        /// Read this vocabulary instead of the built-in one
        #[arg(long)]
        vocabulary: Option<PathBuf>,
    },
    /// Write captions without frames, one JSON object a line
    Captions {
        #[command(flatten)]
        clips: Clips,
        /// Read this vocabulary instead of the built-in one
        #[arg(long)]
        vocabulary: Option<PathBuf>,
    },
    /// Draw a contact sheet and print the captions of its rows
    Sheet {
        #[command(flatten)]
        clips: Clips,
        /// The PNG to write
        #[arg(long)]
        output: PathBuf,
        /// Frames a clip
        #[arg(long, default_value_t = 5)]
        columns: u32,
    },
    /// Render film and write its latents, which the transformer is trained on
    Cache {
        /// Number of clips
        #[arg(long, default_value_t = 8000)]
        count: u64,
        /// Clips of a file
        #[arg(long, default_value_t = 250, value_parser = clap::value_parser!(u64).range(1..=10_000))]
        shard: u64,
        /// Frames a clip, 1 + 8k; 1 takes stills
        #[arg(long, default_value_t = 97, value_parser = frames)]
        frames: u32,
        /// Shape of the pictures
        #[arg(long, value_enum, default_value_t = AspectName::Wide)]
        aspect: AspectName,
        /// The model whose codec encodes, a folder with its weights
        #[arg(
            long,
            value_name = "DIR",
            default_value = "crates/engine/weights/kinora-1"
        )]
        model: PathBuf,
        /// The cache; files that are there are kept
        #[arg(long, value_name = "DIR")]
        output: PathBuf,
    },
    /// Train the codec on crops of fresh film
    Codec(codec::Arguments),
    /// Train the text encoder on captions
    Text(text::Arguments),
    /// Train the transformer on a latent cache
    Dit(dit::Arguments),
    /// Write the averaged weights of a training run as a model folder for `kinora generate --model`
    Export {
        /// Folder of the run
        #[arg(long, value_name = "DIR")]
        run: PathBuf,
        /// The model that the run began from
        #[arg(
            long,
            value_name = "DIR",
            default_value = "crates/engine/weights/kinora-1"
        )]
        from: PathBuf,
        /// The folder to write
        #[arg(long, value_name = "DIR")]
        output: PathBuf,
    },
    /// Time training steps of the transformer on random clips
    Bench(dit::BenchArguments),
    /// Write what the detectors' networks see of true renders, for their training
    Detectors(eval::detectors::Arguments),
    /// Measure true renders, reconstructions and generated clips with the detectors
    Eval(eval::run::Arguments),
    /// Write the vocabulary of the caption grammar
    Vocabulary {
        /// Captions to read
        #[arg(long, default_value_t = 400_000)]
        count: u64,
        /// Uses below which a word is left out
        #[arg(long, default_value_t = 3)]
        least: u32,
        /// The file to write
        #[arg(long, default_value = "crates/engine/weights/kinora-1/vocabulary.txt")]
        output: PathBuf,
    },
}

#[derive(Args)]
struct Clips {
    /// Seed of the first clip; the others follow by ones
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Number of clips
    #[arg(long, default_value_t = 8)]
    count: u64,
    /// Frames a clip, 1 + 8k; 1 takes a still at a random time of a longer clip
    #[arg(long, default_value_t = 97, value_parser = frames)]
    frames: u32,
    /// Size of a 16:9 clip; other shapes are scaled alike
    #[arg(long, default_value = "576x320", value_parser = size)]
    size: (u32, u32),
    /// Which combinations and sentence frames to use
    #[arg(long, value_enum, default_value_t = SplitName::Train)]
    split: SplitName,
    /// Shape of the pictures
    #[arg(long, value_enum, default_value_t = AspectName::Wide)]
    aspect: AspectName,
}

#[derive(Clone, Copy, ValueEnum)]
enum SplitName {
    Train,
    HeldOut,
}

#[derive(Clone, Copy, ValueEnum)]
enum AspectName {
    Wide,
    Tall,
    Square,
    Classic,
    Portrait,
    Mix,
}

impl AspectName {
    /// The one shape, unless they are mixed.
    fn one(self) -> Option<Aspect> {
        match self {
            Self::Wide => Some(Aspect::Wide),
            Self::Tall => Some(Aspect::Tall),
            Self::Square => Some(Aspect::Square),
            Self::Classic => Some(Aspect::Classic),
            Self::Portrait => Some(Aspect::Portrait),
            Self::Mix => None,
        }
    }
}

impl Clips {
    fn source(&self) -> data::Source {
        let split = match self.split {
            SplitName::Train => Split::Train,
            SplitName::HeldOut => Split::HeldOut,
        };
        data::Source::new(self.frames, self.aspect.one(), split)
    }

    fn stream(&self, threads: usize, masks: bool) -> data::StreamOptions {
        let (width, height) = self.size;
        let (seed, count) = (self.seed, self.count);
        data::StreamOptions {
            source: self.source(),
            seed,
            count,
            width,
            height,
            threads,
            masks,
        }
    }
}

fn frames(text: &str) -> Result<u32, String> {
    match text.parse::<u32>() {
        Ok(frames) if frames % 8 == 1 && frames <= 961 => Ok(frames),
        _ => Err("must be 1 + 8k, up to 961: 1, 25, 49, 97, ...".to_owned()),
    }
}

fn size(text: &str) -> Result<(u32, u32), String> {
    let side = |text: &str| text.parse().ok().filter(|side| (16..=4096).contains(side));
    text.split_once('x')
        .and_then(|(width, height)| Some((side(width)?, side(height)?)))
        .ok_or_else(|| "must be WIDTHxHEIGHT, each 16 to 4096, such as 288x160".to_owned())
}

fn tokenizer(vocabulary: Option<PathBuf>) -> anyhow::Result<WordTokenizer> {
    let Some(path) = vocabulary else {
        return Ok(data::embedded_tokenizer()?);
    };
    let name = path.display().to_string();
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
    WordTokenizer::from_vocabulary(&text).with_context(|| format!("{name} is no vocabulary"))
}

fn run(command: Command) -> anyhow::Result<()> {
    let stdout = io::stdout();
    match command {
        Command::Stream {
            clips,
            threads,
            masks,
            vocabulary,
        } => {
            data::write_stream(
                &clips.stream(threads, masks),
                &tokenizer(vocabulary)?,
                stdout,
            )?;
        }
        Command::Captions { clips, vocabulary } => {
            let (seed, count) = (clips.seed, clips.count);
            let options = data::CaptionOptions {
                source: clips.source(),
                seed,
                count,
            };
            data::write_captions(&options, &tokenizer(vocabulary)?, stdout)?;
        }
        Command::Sheet {
            clips,
            output,
            columns,
        } => {
            let options = data::SheetOptions {
                clips: clips.stream(1, false),
                columns,
            };
            data::write_sheet(&options, &output, &mut BufWriter::new(stdout))
                .with_context(|| format!("cannot write {}", output.display()))?;
        }
        Command::Cache {
            count,
            shard,
            frames,
            aspect,
            model,
            output,
        } => {
            let one = aspect.one();
            let one = one.context("clips of a cache have one shape; name it with --aspect")?;
            let name = aspect.to_possible_value().expect("no value is skipped");
            let arguments = cache::Arguments {
                source: data::Source::new(frames, Some(one), Split::Train),
                aspect: name.get_name().to_owned(),
                folder: output,
                count,
                shard,
            };
            let encoder = eval::model::encoder(&model)?;
            let done = |path: &Path| println!("{}", path.display());
            cache::write(&arguments, &encoder, &data::embedded_tokenizer()?, done)?;
        }
        Command::Codec(arguments) => codec::run(&arguments)?,
        Command::Text(arguments) => text::run(&arguments)?,
        Command::Dit(arguments) => dit::run(&arguments)?,
        Command::Export { run, from, output } => export(&run, &from, &output)?,
        Command::Bench(arguments) => dit::bench(&arguments, &mut io::stdout().lock())?,
        Command::Detectors(arguments) => eval::detectors::run(&arguments)?,
        Command::Eval(arguments) => evaluate(&arguments)?,
        Command::Vocabulary {
            count,
            least,
            output,
        } => {
            fs::write(&output, data::build_vocabulary(count, least))
                .with_context(|| format!("cannot write {}", output.display()))?;
        }
    }
    Ok(())
}

/// Whether the reader of standard output has gone, which ends a stream but is no failure.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let closed = |cause: &(dyn std::error::Error + 'static)| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
    };
    error.chain().any(closed)
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Evaluates true renders and, when a model is named, its codec and its clips.
fn evaluate(arguments: &eval::run::Arguments) -> anyhow::Result<()> {
    let Some(folder) = &arguments.model else {
        return eval::run::run(arguments, eval::run::Models::default());
    };
    let codec = eval::model::Codec::load(folder)?;
    let generator = eval::model::Generator::new(folder, arguments.dtype)?;
    let generator = generator.guided(arguments.guidance);
    let name = folder
        .file_name()
        .unwrap_or(folder.as_os_str())
        .to_string_lossy();
    let models = eval::run::Models {
        name: &name,
        codec: Some(&mut |clip| codec.reconstruct(clip)),
        generate: Some(&mut |prompt| generator.generate(prompt)),
    };
    eval::run::run(arguments, models)
}
