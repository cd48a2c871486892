//! The command line as types; every option's help says its unit, range and default.

use std::path::PathBuf;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{ArgGroup, Args, Parser, Subcommand};
use clap_complete::Shell;
use kinora_engine::{Aspect, DISTILLED_TIMESTEPS, Dtype, Finish, Resolution, Size, StepCache};

mod studio;

pub use studio::{Config, CreateKey, Keys, Place, RevokeKey, Serve, Worker};

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Yellow.on_default().bold())
    .usage(AnsiColor::Yellow.on_default().bold())
    .literal(AnsiColor::Cyan.on_default());

/// A written prompt becomes a video, on this machine.
#[derive(Debug, Parser)]
#[command(name = "kinora", version, styles = STYLES)]
#[command(
    after_help = "Start with:  kinora generate \"A dog runs over a beach at dawn, slow pan right\"\nWithout a command the studio opens."
)]
pub struct Arguments {
    /// Without one the studio opens.
    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a video from a prompt
    Generate(Box<Generate>),
    /// Open the studio: a web page and the Videos API
    Serve(Serve),
    /// Make, list and revoke the API keys of the studio
    #[command(subcommand)]
    Keys(Keys),
    /// Look at the studio's configuration
    #[command(subcommand)]
    Config(Config),
    /// Make the videos of a studio that runs on another machine
    Worker(Worker),
    /// Make videos by orders on standard input, for the studio or worker that starts it
    #[command(hide = true)]
    WorkerProcess,
    /// Show what the model makes of a prompt, without making anything
    Prompt(Prompt),
    /// List the models: those that are here, and those that can be pulled
    Models(Models),
    /// Download a published model
    Pull(Pull),
    /// Show how a clip was made, from the clip itself
    Recipe(Recipe),
    /// Measure which clauses of a prompt a clip shows
    Measure(Measure),
    /// Say who signed a file (C2PA) and whether it is unchanged since
    Verify(Verify),
    /// Measure the speed of this machine
    Bench(Bench),
    /// Print a completion script for a shell
    Completions(Completions),
}

#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line"
)]
#[command(group = ArgGroup::new("shape").args(["aspect", "size"]))]
#[command(
    after_help = "Words such as \"vertical, two seconds:\" in the prompt set the format too; options win."
)]
pub struct Generate {
    /// What the clip shows
    pub prompt: String,

    /// What it must not show
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    pub negative: String,

    /// Name of a model (`kinora models`), or a folder or file that holds one [default: kinora-1]
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,

    /// Length in seconds, of kinora-1 1 to 20 [default: 4]
    #[arg(
        long,
        value_name = "SECONDS",
        allow_negative_numbers = true,
        help_heading = "Format"
    )]
    pub seconds: Option<f64>,

    /// Exact number of frames, instead of --seconds; snapped to what the model makes
    #[arg(
        long,
        value_name = "NUMBER",
        conflicts_with = "seconds",
        help_heading = "Format"
    )]
    pub frames: Option<u32>,

    /// Shape: 16:9, 9:16, 1:1, 4:3, 3:4 or any up to 2.5:1 [default: the model's own frame]
    #[arg(long, value_name = "W:H", help_heading = "Format")]
    pub aspect: Option<Aspect>,

    /// Exact size in pixels, even, up to 1920x1080
    #[arg(
        long,
        value_name = "WxH",
        help_heading = "Format",
        conflicts_with = "resolution"
    )]
    pub size: Option<Size>,

    /// Width in pixels, with --height: the same as --size
    #[arg(long, value_name = "PIXELS", requires = "height", conflicts_with_all = ["size", "aspect", "resolution"], help_heading = "Format")]
    pub width: Option<u32>,

    /// Height in pixels, with --width
    #[arg(
        long,
        value_name = "PIXELS",
        requires = "width",
        help_heading = "Format"
    )]
    pub height: Option<u32>,

    /// Resize to a named resolution: 480p, 720p, 1080p [default: as painted]
    #[arg(long, value_name = "NAME", help_heading = "Format")]
    pub resolution: Option<Resolution>,

    /// Frames per second: 8, 12, 16, 24, 25, 30, 48, 50, 60 [default: the
    /// model's own]
    #[arg(
        long,
        value_name = "FPS",
        allow_negative_numbers = true,
        help_heading = "Format"
    )]
    pub fps: Option<u32>,

    /// Film stock, grain, vignette, joined by +: kinora-250d, kinora-500t, kinora-100r, kinora-bw,
    /// grain, vignette [default: none]
    #[arg(long, value_name = "LOOK", help_heading = "Format")]
    pub finish: Option<Finish>,

    /// Picture to begin with: PNG, JPEG or WebP, cut to the clip's shape
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "extend",
        help_heading = "Begin and end"
    )]
    pub image: Option<PathBuf>,

    /// Picture to end with
    #[arg(long, value_name = "FILE", conflicts_with_all = ["extend", "loop"], help_heading = "Begin and end")]
    pub last_image: Option<PathBuf>,

    /// End as it begins, to be played in a circle
    #[arg(
        long = "loop",
        id = "loop",
        conflicts_with = "extend",
        help_heading = "Begin and end"
    )]
    pub looped: bool,

    /// Go on from the end of this clip of at most ten minutes: the file holds both; --seconds says how
    /// much is added
    #[arg(
        long,
        value_name = "FILE.mp4",
        conflicts_with = "frames",
        help_heading = "Begin and end"
    )]
    pub extend: Option<PathBuf>,

    /// Decides everything that the prompt leaves open [default: random, printed]
    #[arg(
        long,
        value_name = "NUMBER",
        allow_negative_numbers = true,
        help_heading = "Sampling"
    )]
    pub seed: Option<u64>,

    /// Denoising steps, 1 to 200 [default: the model's, of kinora-1 20]
    #[arg(
        long,
        value_name = "NUMBER",
        allow_negative_numbers = true,
        help_heading = "Sampling"
    )]
    pub steps: Option<u32>,

    /// How strongly the prompt pulls, 0 to 20; 1 is not at all [default: the model's, of kinora-1 3]
    #[arg(
        long,
        value_name = "SCALE",
        allow_negative_numbers = true,
        help_heading = "Sampling"
    )]
    pub guidance: Option<f64>,

    /// Noise levels between which the prompt pulls, as in 0.3,0.9: a step outside costs half [default: the
    /// model's, of kinora-1 0.1,1]
    #[arg(long, value_name = "FROM,TO", value_parser = interval, help_heading = "Sampling")]
    pub guidance_interval: Option<(f64, f64)>,

    /// Tell steps from those before where little changes: easy, or easy:THRESHOLD from 0 to 1; easy is
    /// easy:0.05 [default: none]
    #[arg(long, value_name = "METHOD", help_heading = "Sampling")]
    pub cache: Option<StepCache>,

    /// A quick look: fewer steps, smaller file
    #[arg(long, help_heading = "Sampling")]
    pub draft: bool,

    /// Make N clips, 1 to 1000, with seeds S, S+1, ...; files end in -1 to -N [default: 1]
    #[arg(long, value_name = "N", default_value_t = 1, hide_default_value = true,
          value_parser = clap::value_parser!(u32).range(1..=1000), help_heading = "Sampling")]
    pub count: u32,

    /// Make N takes of a clip, 1 to 16, with seeds S, S+1, ..., and keep the one that shows most of the
    /// prompt [default: 1]
    #[arg(long, value_name = "N", help_heading = "Sampling")]
    pub best_of: Option<u32>,

    /// Refuse the prompt if the model ignores a word of it or covers less than 80 %
    #[arg(long, help_heading = "Sampling")]
    pub strict: bool,

    /// Where to write [default: kinora-SEED.mp4 in this folder, counted up]
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    pub output: Option<PathBuf>,

    /// Replace files that exist
    #[arg(short, long, help_heading = "Output")]
    pub force: bool,

    /// Print one JSON object on standard output
    #[arg(long, help_heading = "Output")]
    pub json: bool,

    /// Measure which clauses of the prompt the clip shows, as `kinora measure` does
    #[arg(long, help_heading = "Output")]
    pub measure: bool,

    /// Sign the clip (C2PA): it says that a model made it, and shows later changes
    #[arg(long, help_heading = "Output")]
    pub c2pa: bool,

    /// Print the memory plan and make nothing
    #[arg(long, help_heading = "Output")]
    pub plan: bool,

    /// Show the picture in the terminal while it is denoised
    #[arg(long, help_heading = "Output")]
    pub preview: bool,

    /// Also write the painted frames, before they are cut, finished and encoded (safetensors, F32 [t, h, w, 3])
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub save_frames: Option<PathBuf>,

    /// Start from this noise instead of the seed's (safetensors, F32 [1, c, t, h, w])
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub init_latents: Option<PathBuf>,

    /// Also write the denoised latents (safetensors, F32 [1, c, t, h, w])
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub save_latents: Option<PathBuf>,

    #[command(flatten)]
    pub open: OpenModel,
}

/// What only some models can be told, and files beside the model.
#[derive(Debug, Args)]
#[command(next_help_heading = "Open models")]
pub struct OpenModel {
    /// Precision of the weights: bf16, f32, or int8 for the transformer's blocks [default: bf16]
    #[arg(long, visible_alias = "weights", value_name = "TYPE")]
    pub dtype: Option<Dtype>,

    /// Shift of the schedule towards noise, 0.01 to 100 [default: the model's published one]
    #[arg(long, value_name = "SHIFT", allow_negative_numbers = true)]
    pub shift: Option<f64>,

    /// Timesteps from at most 1000 down, joined by commas, instead of --steps; `distilled` stands for
    /// those of LTX-Video's distilled models, which also want --guidance 1 (LTX)
    #[arg(long, value_name = "LIST", value_parser = timesteps)]
    pub timesteps: Option<Timesteps>,

    /// Guidance of the expert for low noise, of models with two [default: as --guidance]
    #[arg(long, value_name = "SCALE", allow_negative_numbers = true)]
    pub guidance_2: Option<f64>,

    /// Length in tokens that the prompt is cut and padded to, 1 to 4096 [default: the model's published one]
    #[arg(long, value_name = "NUMBER")]
    pub max_text_tokens: Option<u32>,

    /// Noise level that the decoder is told, 0 to 1 (LTX) [default: 0.05]
    #[arg(long, value_name = "SIGMA", allow_negative_numbers = true)]
    pub decode_timestep: Option<f64>,

    /// Share of noise mixed into the latents before decoding, 0 to 1 (LTX) [default: 0.025]
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    pub decode_noise_scale: Option<f64>,

    /// Noise that each step adds to the picture of --image, 0 to 1 (LTX from 0.9.5 on) [default: the
    /// model's published one]
    #[arg(long, value_name = "SCALE", allow_negative_numbers = true)]
    pub image_noise_scale: Option<f64>,

    /// Expert for low noise, where --model is the file of the one for high noise (Wan 2.2 A14B)
    /// [default: the file beside it that is named alike]
    #[arg(long, value_name = "FILE")]
    pub transformer_2: Option<PathBuf>,

    /// VAE of a file that holds a transformer alone
    #[arg(long, value_name = "FILE")]
    pub vae: Option<PathBuf>,

    /// Text encoder of such a file
    #[arg(long, value_name = "FILE")]
    pub text_encoder: Option<PathBuf>,

    /// Tokenizer of such a file: tokenizer.json or spiece.model
    #[arg(long, value_name = "FILE")]
    pub tokenizer: Option<PathBuf>,

    /// Add a low-rank adaptation, with its factor; may be repeated
    #[arg(long = "lora", value_name = "FILE[:SCALE]", value_parser = lora)]
    pub loras: Vec<(PathBuf, f64)>,
}

/// Timesteps that were asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Timesteps(pub Vec<f64>);

/// `distilled`, or numbers joined by commas. The engine checks that they fall.
fn timesteps(text: &str) -> Result<Timesteps, String> {
    if text == "distilled" {
        return Ok(Timesteps(DISTILLED_TIMESTEPS.to_vec()));
    }
    let numbers = text.split(',').map(|number| number.trim().parse::<f64>());
    let numbers = numbers.collect::<Result<Vec<_>, _>>();
    let finite = numbers
        .ok()
        .filter(|all| all.iter().all(|number| number.is_finite()));
    finite
        .map(Timesteps)
        .ok_or_else(|| "numbers joined by commas, or `distilled`".into())
}

/// Two numbers joined by a comma. The engine checks that they are noise levels.
fn interval(text: &str) -> Result<(f64, f64), String> {
    let numbers = text.split_once(',').and_then(|(from, to)| {
        let number = |text: &str| text.trim().parse().ok();
        Some((number(from)?, number(to)?))
    });
    numbers.ok_or_else(|| "two numbers joined by a comma, as in 0.3,0.9".into())
}

/// `FILE` or `FILE:SCALE`; what follows the last colon is a scale only where it is a number.
fn lora(text: &str) -> Result<(PathBuf, f64), String> {
    let parts = text.rsplit_once(':');
    let scaled = parts.and_then(|(file, scale)| Some((file, scale.parse::<f64>().ok()?)));
    let (file, scale) = scaled.unwrap_or((text, 1.0));
    if file.is_empty() || !scale.is_finite() {
        return Err("a file, and if need be a colon and a number".into());
    }
    Ok((file.into(), scale))
}

#[derive(Debug, Args)]
pub struct Prompt {
    /// The prompt to read
    #[arg(value_name = "PROMPT")]
    pub text: String,

    /// Name of a model, or a folder that holds one [default: kinora-1]
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,

    /// Print one JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "HF_ENDPOINT names another hub, HF_TOKEN an account for models that need one, KINORA_MODELS\nthe folder that models are kept in. A download that was stopped goes on where it was."
)]
pub struct Pull {
    /// Name of the model, as `kinora models` lists it
    pub name: String,

    /// Say what would be downloaded, and do not
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Debug, Args)]
pub struct Models {
    /// Print one JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Recipe {
    /// A clip made by Kinora
    #[arg(value_name = "FILE.mp4")]
    pub file: PathBuf,
}

#[derive(Debug, Args)]
#[command(
    after_help = "kinora-1 reads the clauses from the prompt; detectors trained on true film look for them in the\npictures. They know kinora-1's world: of other films most is not checkable."
)]
pub struct Measure {
    /// A clip: H.264 in MP4, up to 30 seconds, by whatever program
    #[arg(value_name = "FILE.mp4")]
    pub file: PathBuf,

    /// What it should show [default: the prompt in its recipe]
    #[arg(long, value_name = "TEXT")]
    pub prompt: Option<String>,

    /// Print one JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Verify {
    /// A file with a C2PA manifest, by whatever program
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// Certificates that you trust, as PEM
    #[arg(long, value_name = "FILE.pem")]
    pub trust: Option<PathBuf>,

    /// Print one JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "dit, vae and text run with random weights of the published shapes, made in memory: nothing is\ndownloaded. gflops count two operations for a product and its sum; peak_share is their share of the\nmachine's bare multiply loop, measured at the start."
)]
pub struct Bench {
    /// What to measure
    #[arg(value_enum, default_value = "generate")]
    pub what: What,

    /// How often, after one to warm up
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub runs: u32,

    /// Model of dit, vae and text: kinora-1, ltx-video-2b, ltx-video-2b-0.9.0, wan2.1-t2v-1.3b
    /// [default: kinora-1]
    #[arg(long, value_name = "NAME", conflicts_with_all = ["model", "draft"])]
    pub preset: Option<String>,

    /// Size of the clip in pixels [default: the model's]
    #[arg(long, value_name = "WxH")]
    pub size: Option<Size>,

    /// Frames of the clip [default: the model's]
    #[arg(long, value_name = "NUMBER")]
    pub frames: Option<u32>,

    /// Precision of the weights: bf16, f32, or int8 for the transformer's blocks [default: bf16]
    #[arg(long, visible_alias = "weights", value_name = "TYPE")]
    pub dtype: Option<Dtype>,

    /// Threads that compute, 1 to 1024 [default: one a core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,

    /// Of generate: name of a model, or a folder that holds one [default: kinora-1]
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,

    /// Of generate: measure drafts
    #[arg(long)]
    pub draft: bool,

    /// Print one JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum What {
    /// A whole clip with default settings
    Generate,
    /// Single operations at fixed shapes
    Ops,
    /// One forward of the transformer
    Dit,
    /// Decoding one clip
    Vae,
    /// Encoding one prompt
    Text,
}

#[derive(Debug, Args)]
pub struct Completions {
    /// The shell
    pub shell: Shell,
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    #[test]
    fn without_a_command_the_studio_opens() {
        let bare = super::Arguments::try_parse_from(["kinora"]).expect("it parses");
        assert!(bare.command.is_none());
    }

    #[test]
    fn a_lora_may_have_a_factor() {
        for (text, file, scale) in [
            ("a.safetensors", "a.safetensors", 1.0),
            ("a.safetensors:0.5", "a.safetensors", 0.5),
            ("C:/a.safetensors", "C:/a.safetensors", 1.0),
        ] {
            assert_eq!(super::lora(text), Ok((file.into(), scale)));
        }
        assert!(super::lora(":1").is_err() && super::lora("a:inf").is_err());
    }

    #[test]
    fn the_command_line_is_consistent() {
        super::Arguments::command().debug_assert();
    }
}
