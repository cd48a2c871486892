//! Reads a `kinora.toml` and remembers which line says what.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use toml::Table;
use toml::de::{DeTable, DeValue};

use super::FILE;
use super::error::{ConfigError, Problem};
use super::key::Key;
use super::layers::{Origin, Sources};

/// Lines of a file by the keys that stand on them, elements of arrays too.
#[derive(Default)]
pub struct Lines {
    /// The file.
    pub path: PathBuf,
    of: BTreeMap<Key, usize>,
}

/// What the file says and where; none when it is missing and nobody named it.
///
/// # Errors
/// [`ConfigError`] when it cannot be read or is no TOML.
pub fn read(sources: &Sources) -> Result<Option<(Table, Lines)>, ConfigError> {
    let named = sources.file.clone();
    let path = named.unwrap_or_else(|| sources.data.join(FILE));
    match fs::read_to_string(&path) {
        Ok(text) => parse(&path, &text).map(Some),
        Err(error) if error.kind() == ErrorKind::NotFound && sources.file.is_none() => Ok(None),
        Err(source) => Err(ConfigError::Read { file: path, source }),
    }
}

fn parse(path: &Path, text: &str) -> Result<(Table, Lines), ConfigError> {
    let wrong = |error: &toml::de::Error| ConfigError::Wrong {
        problems: vec![Problem {
            origin: Origin::File {
                path: path.into(),
                line: error.span().map_or(1, |span| line_at(text, span.start)),
            },
            key: String::new(),
            message: error.message().to_owned(),
            nearest: None,
        }],
    };
    let table = text.parse::<Table>().map_err(|error| wrong(&error))?;
    let spanned = DeTable::parse(text).map_err(|error| wrong(&error))?;
    let mut lines = Lines {
        path: path.into(),
        ..Lines::default()
    };
    lines.add_table(spanned.get_ref(), text, &Key::default());
    Ok((table, lines))
}

fn line_at(text: &str, byte: usize) -> usize {
    1 + text.bytes().take(byte).filter(|&b| b == b'\n').count()
}

impl Lines {
    fn add_table(&mut self, table: &DeTable<'_>, text: &str, at: &Key) {
        for (name, value) in table {
            let key = at.join(name.get_ref());
            self.of
                .insert(key.clone(), line_at(text, name.span().start));
            self.add_value(value.get_ref(), text, &key);
        }
    }

    fn add_value(&mut self, value: &DeValue<'_>, text: &str, at: &Key) {
        match value {
            DeValue::Table(table) => self.add_table(table, text, at),
            DeValue::Array(elements) => {
                for (index, element) in elements.iter().enumerate() {
                    let key = at.index(index);
                    self.of
                        .insert(key.clone(), line_at(text, element.span().start));
                    self.add_value(element.get_ref(), text, &key);
                }
            }
            _ => {}
        }
    }

    /// Where a key stands, if it does.
    pub fn origin(&self, key: &Key) -> Option<Origin> {
        self.of.get(key).map(|&line| Origin::File {
            path: self.path.clone(),
            line,
        })
    }
}
