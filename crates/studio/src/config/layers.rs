//! Merges what the defaults, the file, the environment and the command line say.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde_path_to_error::Segment;
use toml::{Table, Value};

use super::error::{ConfigError, Problem};
use super::file::{self, Lines};
use super::key::{Key, nearest};
use super::{Config, Database};

/// Where a value was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nowhere: it is the default.
    Default,
    /// In a file.
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// In a variable of the environment.
    Variable(String),
    /// In an option of the command line.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => out.write_str("default"),
            Self::File { path, line } => write!(out, "{}:{line}", path.display()),
            Self::Variable(name) => out.write_str(name),
            Self::Flag(name) => out.write_str(name),
        }
    }
}

/// What a configuration is made from.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The data folder, which may hold a `kinora.toml`.
    pub data: PathBuf,
    /// A file that takes its place, and must be there.
    pub file: Option<PathBuf>,
    /// The environment.
    pub variables: Vec<(String, String)>,
    /// Options of the command line: key, value, and the option's name.
    pub flags: Vec<(&'static str, Value, &'static str)>,
}

/// A configuration and where its values come from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The values.
    pub config: Config,
    /// The file that was read, if there was one.
    pub file: Option<PathBuf>,
    settings: Layer,
}

/// Values by their keys, each with its origin.
type Layer = BTreeMap<Key, (Value, Origin)>;

/// Reads and merges all sources; flags win over the environment, that over the file.
///
/// # Errors
/// [`ConfigError`] with every unknown key and the first value that does not fit.
pub fn load(sources: &Sources) -> Result<Loaded, ConfigError> {
    let mut settings = defaults();
    let known = settings.clone();
    let mut problems = Vec::new();
    let (file, lines) = read_file(sources, &mut settings)?;
    read_variables(&sources.variables, &known, &mut settings, &mut problems);
    for (key, value, option) in &sources.flags {
        settings.insert(Key::from(*key), (value.clone(), Origin::Flag(option)));
    }
    for (key, (_, origin)) in &settings {
        let is_free = key.upwards().nth(1).is_some_and(|table| table.is_free());
        if !known.contains_key(key) && !is_free {
            problems.push(unknown(key.to_string(), origin, &known, Key::to_string));
        }
    }
    if !problems.is_empty() {
        return Err(ConfigError::Wrong { problems });
    }
    let at = |key: Key, message: String| Problem {
        origin: origin_of(&key, &settings, &lines),
        key: key.to_string(),
        message,
        nearest: None,
    };
    let mut config: Config =
        serde_path_to_error::deserialize(tree(&settings)).map_err(|error| {
            let key = key_of(error.path());
            // The rest repeats the path; origin and key come before it.
            let message = error.inner().message().to_owned();
            ConfigError::Wrong {
                problems: vec![at(key, message)],
            }
        })?;
    let folder = file.as_deref().and_then(Path::parent);
    let folder = folder.unwrap_or(&sources.data);
    config.models.settle(folder);
    let mut mistakes = config.mistakes();
    mistakes.extend(config.read_keys(&sources.variables, folder));
    if !mistakes.is_empty() {
        let mistakes = mistakes.into_iter();
        return Err(ConfigError::Wrong {
            problems: mistakes.map(|(key, message)| at(key, message)).collect(),
        });
    }
    Ok(Loaded {
        config,
        file,
        settings,
    })
}

impl Loaded {
    /// Every value as a line of a `kinora.toml`, with its origin as the comment.
    pub fn describe(&self) -> String {
        let lines = self.settings.iter().map(|(key, (value, origin))| {
            let value = hidden(key, value);
            (format!("{key} = {value}"), origin)
        });
        let lines: Vec<_> = lines.collect();
        let width = lines.iter().map(|(line, _)| line.len()).max().unwrap_or(0);
        let lines = lines.iter().map(|(line, origin)| {
            // A path may be as long as it likes; a value pushes its own comment only.
            let width = width.min(48);
            format!("{line:width$}  # {origin}\n")
        });
        lines.collect()
    }
}

fn defaults() -> Layer {
    let table = Table::try_from(Config::default()).expect("the defaults are plain values");
    let mut layer = Layer::new();
    flatten(table, &Key::default(), &mut |key, value| {
        layer.insert(key, (value, Origin::Default));
    });
    layer
}

/// Takes what the file says, if there is one.
fn read_file(
    sources: &Sources,
    settings: &mut Layer,
) -> Result<(Option<PathBuf>, Lines), ConfigError> {
    let Some((table, lines)) = file::read(sources)? else {
        return Ok((None, Lines::default()));
    };
    flatten(table, &Key::default(), &mut |key, value| {
        let origin = lines.origin(&key).expect("every key stands on a line");
        let is_section = settings.keys().any(|known| known.0.starts_with(&key.0));
        let is_empty_section = value.is_table() && (is_section || key.is_free());
        if !is_empty_section {
            // An empty table of the defaults is none any more.
            let table = key.upwards().nth(1).filter(Key::is_free);
            table.map(|table| settings.remove(&table));
            settings.insert(key, (value, origin));
        }
    });
    Ok((Some(lines.path.clone()), lines))
}

/// Calls `found` for every value that is no table, and for empty tables.
fn flatten(table: Table, at: &Key, found: &mut impl FnMut(Key, Value)) {
    for (name, value) in table {
        let key = at.join(&name);
        match value {
            Value::Table(table) if !table.is_empty() => flatten(table, &key, found),
            value => found(key, value),
        }
    }
}

fn tree(settings: &Layer) -> Table {
    let mut root = Table::new();
    for (key, (value, _)) in settings {
        let (name, tables) = key.0.split_last().expect("every value has a name");
        let mut table = &mut root;
        for name in tables {
            let entry = table
                .entry(name.as_str())
                .or_insert_with(|| Value::Table(Table::new()));
            table = entry.as_table_mut().expect("known tables hold no values");
        }
        table.insert(name.clone(), value.clone());
    }
    root
}

/// Takes the variables of known sections; others, such as `KINORA_CPU`, mean something else.
fn read_variables(
    variables: &[(String, String)],
    known: &Layer,
    settings: &mut Layer,
    problems: &mut Vec<Problem>,
) {
    let sections: Vec<String> = known
        .keys()
        .map(|key| Key(key.0[..1].to_vec()).variable() + "_")
        .collect();
    for (name, text) in variables {
        let found = known.iter().find(|(key, _)| key.variable() == *name);
        let origin = Origin::Variable(name.clone());
        if let Some((key, (usual, _))) = found {
            settings.insert(key.clone(), (value_of(text, usual), origin));
        } else if sections.iter().any(|section| name.starts_with(section)) {
            problems.push(unknown(name.clone(), &origin, known, Key::variable));
        }
    }
}

/// The value that a variable's text means where `usual` is the default.
fn value_of(text: &str, usual: &Value) -> Value {
    let read = |text: &str| {
        let table = format!("value = {text}").parse::<Table>().ok();
        table.and_then(|mut table| table.remove("value"))
    };
    let plain = Value::String(text.into());
    match usual {
        Value::String(_) => plain,
        Value::Array(_) if !text.trim_start().starts_with('[') => {
            let parts = text
                .split(',')
                .map(str::trim)
                .filter(|part| !part.is_empty());
            Value::Array(parts.map(|part| Value::String(part.into())).collect())
        }
        // What cannot be read is refused later, with its name.
        _ => read(text).unwrap_or(plain),
    }
}

fn unknown(
    name: String,
    origin: &Origin,
    known: &Layer,
    spelled: impl Fn(&Key) -> String,
) -> Problem {
    let nearest = nearest(&name, known.keys().map(spelled));
    let is_variable = matches!(origin, Origin::Variable(_));
    Problem {
        origin: origin.clone(),
        key: if is_variable { String::new() } else { name },
        message: "there is no such key".into(),
        nearest,
    }
}

fn key_of(path: &serde_path_to_error::Path) -> Key {
    path.iter()
        .fold(Key::default(), |key, segment| match segment {
            Segment::Seq { index } => key.index(*index),
            Segment::Map { key: name } => key.join(name),
            Segment::Enum { variant } => key.join(variant),
            Segment::Unknown => key,
        })
}

/// Where a value was said, or what it is part of.
fn origin_of(key: &Key, settings: &Layer, lines: &Lines) -> Origin {
    let said = key.upwards().find_map(|key| settings.get(&key));
    let said = said.map_or(&Origin::Default, |(_, origin)| origin);
    if !matches!(said, Origin::File { .. }) {
        return said.clone();
    }
    let line = key.upwards().find_map(|key| lines.origin(&key));
    line.unwrap_or_else(|| said.clone())
}

/// A value without its secrets.
fn hidden(key: &Key, value: &Value) -> Value {
    match value {
        Value::String(url) if *key == Key::from("database") && !url.is_empty() => {
            Value::String(Database::shown(url))
        }
        Value::String(text) if key.is_secret() && !text.is_empty() => {
            Value::String("(hidden)".into())
        }
        Value::Array(elements) => {
            let elements = elements.iter().map(|element| hidden(key, element));
            Value::Array(elements.collect())
        }
        Value::Table(table) => {
            let entries = table.iter();
            Value::Table(
                entries
                    .map(|(name, value)| (name.clone(), hidden(&key.join(name), value)))
                    .collect(),
            )
        }
        other => other.clone(),
    }
}
