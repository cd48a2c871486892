//! Errors as people read them: message, cause, hint; and the exit code that scripts read.

use std::process::ExitCode;
use std::sync::Mutex;

use kinora_engine::{Error, Kind};
use kinora_hub::HubError;
use kinora_provenance::ProvenanceError;
use kinora_studio::ServeError;
use kinora_studio::config::ConfigError;

const USAGE: u8 = 2;
const FAILURE: u8 = 1;
const INTERRUPTED: u8 = 130;

/// Where the last panic was, for the report of a mistake of ours.
static LAST_PANIC: Mutex<String> = Mutex::new(String::new());

/// Keeps panics off the terminal: a job reports them as errors.
pub fn quiet_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map_or_else(String::new, ToString::to_string);
        if let Ok(mut last) = LAST_PANIC.lock() {
            *last = place;
        }
    }));
}

/// A command line that does not parse, or asks for help.
pub fn usage(error: &clap::Error) -> ExitCode {
    use clap::error::ErrorKind::{
        DisplayHelp, DisplayHelpOnMissingArgumentOrSubcommand, DisplayVersion,
    };
    // A closed pipe is nobody's mistake.
    let _ = error.print();
    match error.kind() {
        DisplayHelp | DisplayVersion => ExitCode::SUCCESS,
        DisplayHelpOnMissingArgumentOrSubcommand => ExitCode::from(USAGE),
        _ => {
            hint("add --help to see what is possible");
            ExitCode::from(USAGE)
        }
    }
}

/// An error of a command.
pub fn failure(error: &anyhow::Error) -> ExitCode {
    if is_closed_pipe(error) {
        return ExitCode::SUCCESS;
    }
    let known = error.downcast_ref::<Error>();
    let hub = error.downcast_ref::<HubError>();
    if let Some(Error::Cancelled) = known {
        eprintln!("stopped: the clip in progress was not written");
        return ExitCode::from(INTERRUPTED);
    }
    eprintln!("error: {}", chain(error));
    if let Some(error) = known {
        if let Error::Internal { .. } = error
            && let Ok(place) = LAST_PANIC.lock()
        {
            eprintln!("  at {place}");
        }
        hint(&error.hint());
    }
    if let Some(text) = hub.and_then(HubError::hint) {
        hint(text);
    }
    if let Some(error) = error.downcast_ref::<ProvenanceError>() {
        hint(error.hint());
    }
    if let Some(error) = error.downcast_ref::<ServeError>() {
        hint(error.hint());
    }
    if let Some(error) = error.downcast_ref::<ConfigError>() {
        hint(error.hint());
    }
    let kind = known.map(Error::kind).or_else(|| hub.map(kind_of));
    ExitCode::from(match kind {
        Some(Kind::Usage) => USAGE,
        Some(Kind::Cancelled) => INTERRUPTED,
        Some(Kind::Failure) | None => FAILURE,
    })
}

/// Whose mistake an error of a hub is.
fn kind_of(error: &HubError) -> Kind {
    match error {
        HubError::UnknownVariant { .. } | HubError::Endpoint { .. } => Kind::Usage,
        HubError::Stopped => Kind::Cancelled,
        _ => Kind::Failure,
    }
}

/// A panic outside of any job.
pub fn mistake() -> ExitCode {
    let place = LAST_PANIC
        .lock()
        .map(|place| place.clone())
        .unwrap_or_default();
    eprintln!("error: internal error at {place}");
    hint("this is a mistake in Kinora: please report it with the command that you ran");
    ExitCode::from(FAILURE)
}

fn hint(text: &str) {
    eprintln!("hint: {text}");
}

/// The error and what it came from, each only where it says something new.
fn chain(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// `kinora ... | head` ends quietly.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<std::io::Error>()
        .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
