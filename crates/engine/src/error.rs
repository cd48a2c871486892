//! What can go wrong between a request and a clip, each with a way out.

use std::path::PathBuf;

use crate::plan::Plan;
use crate::safety::Category;

/// Whose mistake a failure is, which decides the exit code and the status of an API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The request cannot be meant: another one is needed.
    Usage,
    /// The request is refused or could not be carried out.
    Failure,
    /// The user stopped it.
    Cancelled,
}

/// Result of the engine's functions.
pub type Result<T> = std::result::Result<T, Error>;

/// A failure with its cause; [`Error::hint`] says what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No prompt, or format words only.
    #[error("the prompt is empty")]
    EmptyPrompt,
    /// More text than the model reads.
    #[error("the {what} has {found} {unit}, more than the {limit} that {model} reads")]
    PromptTooLong {
        /// `prompt` or `negative prompt`.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// `words` or `characters`.
        unit: &'static str,
        /// How many fit.
        limit: usize,
        /// The model.
        model: String,
    },
    /// The content rules refuse the prompt.
    #[error("refused by the content rules ({}): {}", category.name(), category.about())]
    Moderation {
        /// The rule's category.
        category: Category,
    },
    /// A value outside its range.
    #[error("{} is not possible", format!("{name} {value}").trim_end())]
    Value {
        /// Name of the value, as the command line calls it.
        name: &'static str,
        /// What was asked for.
        value: String,
        /// What is possible.
        hint: String,
    },
    /// A size that cannot be delivered.
    #[error("{message}")]
    Size {
        /// Which and why.
        message: String,
        /// What is possible.
        hint: String,
    },
    /// A length that the model does not make.
    #[error("{model} makes clips of {shortest} to {longest} seconds, not {asked}")]
    Seconds {
        /// The model.
        model: String,
        /// What was asked for.
        asked: f64,
        /// Shortest possible.
        shortest: f64,
        /// Longest possible.
        longest: f64,
        /// The words of the prompt that ask for it, when no option did.
        from_prompt: Option<String>,
    },
    /// No model of this name.
    #[error("there is no model `{name}`")]
    UnknownModel {
        /// What was asked for.
        name: String,
        /// The nearest name.
        nearest: Option<String>,
        /// All names.
        known: Vec<String>,
    },
    /// A strict request with words that the model does not show.
    #[error(
        "the model does not cover this prompt: coverage {coverage:.2} of at least {least:.2}{}",
        listed(ignored)
    )]
    Coverage {
        /// Measured coverage, 0 to 1.
        coverage: f64,
        /// What strict asks for.
        least: f64,
        /// Words that would be ignored.
        ignored: Vec<String>,
    },
    /// The run would not fit into memory.
    #[error("this needs {} of memory and {} are available\n{plan}", mib(plan.peak_bytes()), mib(*available))]
    Memory {
        /// The whole plan.
        plan: Box<Plan>,
        /// Bytes available.
        available: u64,
    },
    /// A model's file is missing, damaged or not what the others expect.
    #[error("model {model}: {file}: {reason}")]
    Model {
        /// The model.
        model: String,
        /// The file.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// A part that a file of a model lacks and that is nowhere else, or is not the right one.
    #[error("model {model}: {part}: {reason}")]
    Part {
        /// The model.
        model: String,
        /// The part.
        part: String,
        /// What is wrong.
        reason: String,
        /// The option that names another one.
        option: &'static str,
    },
    /// `KINORA_CPU` names an instruction set that is unknown or missing here.
    #[error("KINORA_CPU: {message}")]
    Processor {
        /// What is wrong.
        message: String,
        /// What this machine has.
        known: String,
    },
    /// A file of latents or frames cannot be read or written.
    #[error("{}: {reason}", path.display())]
    Array {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// What a clip shows cannot be measured.
    #[error("{} cannot be measured: {reason}", path.display())]
    Measure {
        /// The clip.
        path: PathBuf,
        /// Why.
        reason: String,
        /// What can be done.
        hint: &'static str,
    },
    /// The video could not be written or read.
    #[error(transparent)]
    Media(#[from] kinora_media::MediaError),
    /// The user stopped the run.
    #[error("stopped")]
    Cancelled,
    /// A mistake of this program.
    #[error("internal error: {message}")]
    Internal {
        /// What was violated and where.
        message: String,
    },
}

fn listed(words: &[String]) -> String {
    if words.is_empty() {
        String::new()
    } else {
        format!(", ignored: {}", words.join(", "))
    }
}

/// An error and its causes in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// A number of bytes in words.
pub(crate) fn mib(bytes: u64) -> String {
    let mib = bytes as f64 / f64::from(1 << 20);
    if mib < 10.0 {
        format!("{mib:.1} MiB")
    } else {
        format!("{mib:.0} MiB")
    }
}

impl Error {
    /// Whose mistake it is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::EmptyPrompt
            | Self::PromptTooLong { .. }
            | Self::Value { .. }
            | Self::Size { .. }
            | Self::Seconds { .. }
            | Self::Part { .. }
            | Self::Processor { .. }
            | Self::UnknownModel { .. } => Kind::Usage,
            Self::Cancelled => Kind::Cancelled,
            _ => Kind::Failure,
        }
    }

    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::EmptyPrompt => "empty_prompt",
            Self::PromptTooLong { .. } => "prompt_too_long",
            Self::Moderation { .. } => "moderation_blocked",
            Self::Value { .. } => "invalid_value",
            Self::Size { .. } => "invalid_size",
            Self::Seconds { .. } => "invalid_seconds",
            Self::UnknownModel { .. } => "unknown_model",
            Self::Coverage { .. } => "coverage_too_low",
            Self::Memory { .. } => "not_enough_memory",
            Self::Model { .. } => "model_damaged",
            Self::Part { .. } => "missing_part",
            Self::Processor { .. } => "invalid_processor",
            Self::Array { .. } => "invalid_file",
            Self::Measure { .. } => "not_measurable",
            Self::Media(_) => "media_failed",
            Self::Cancelled => "cancelled",
            Self::Internal { .. } => "internal_error",
        }
    }

    /// What the user can do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::EmptyPrompt => {
                "say what the clip shows, such as \"A dog runs over a beach at dawn, slow pan right\"".into()
            }
            Self::PromptTooLong { .. } => "keep what the camera sees; `kinora prompt` shows what each word does".into(),
            Self::Moderation { category: Category::SexualMinors } => "no setting allows this".into(),
            Self::Moderation { .. } => "describe another picture; `kinora prompt` tells whether it passes".into(),
            Self::Value { hint, .. } | Self::Size { hint, .. } => hint.clone(),
            Self::Seconds { shortest, longest, from_prompt, .. } => match from_prompt {
                Some(words) => format!("the prompt says \"{words}\": --seconds {longest} overrides it"),
                None => format!("--seconds {shortest} to --seconds {longest}"),
            },
            Self::UnknownModel { nearest: Some(near), .. } => format!("did you mean `{near}`?"),
            Self::UnknownModel { known, .. } if known.is_empty() => "this build has no weights; name a folder that holds a model".into(),
            Self::UnknownModel { known, .. } => format!("known: {}; or name a folder that holds a model", known.join(", ")),
            Self::Coverage { .. } => "`kinora prompt` shows what each word does; without --strict the clip is made all the same".into(),
            Self::Memory { .. } => "a smaller --size or fewer --seconds needs less; so does closing other programs".into(),
            Self::Model { .. } => "the files are not those that were published: build or install the model again".into(),
            Self::Part { option, .. } => format!("name the right one with {option}"),
            Self::Processor { known, .. } => format!("this machine has {known}; without KINORA_CPU the fastest is taken"),
            Self::Array { .. } => "the file must be safetensors as --save-latents or --save-frames writes them".into(),
            Self::Measure { hint, .. } => (*hint).into(),
            Self::Media(error) => media_hint(error),
            Self::Cancelled => "nothing was written".into(),
            Self::Internal { .. } => "this is a mistake in Kinora: please report it with the command that you ran".into(),
        }
    }
}

fn media_hint(error: &kinora_media::MediaError) -> String {
    use kinora_media::MediaError;
    use std::io::ErrorKind;
    match error {
        MediaError::AlreadyExists { .. } => "--force replaces it, another --output keeps it".into(),
        MediaError::NotAFile { .. } => "name a file; what is not given is not written".into(),
        MediaError::Io { source, action, .. } => match source.kind() {
            ErrorKind::NotFound if matches!(*action, "open" | "read") => {
                "check the file's name".into()
            }
            ErrorKind::NotFound => "the folder must exist".into(),
            ErrorKind::PermissionDenied => "choose a folder that you may write to".into(),
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                "the disk is full: free some space; nothing was left behind".into()
            }
            ErrorKind::IsADirectory => "name a file, not a folder".into(),
            _ => "choose another file with --output".into(),
        },
        MediaError::Seal { .. } => "without --c2pa the clip is made all the same".into(),
        MediaError::NoRecipe { .. } => {
            "only files made by Kinora hold a recipe, and editing may remove it".into()
        }
        MediaError::BadMp4 { .. } => {
            "name an MP4 file made by Kinora; `ffmpeg -i FILE -pix_fmt yuv420p OUT.mp4` makes one that can be read of most others".into()
        }
        _ => "another --size, --fps or --output may work".into(),
    }
}
