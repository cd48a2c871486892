//! The models of this machine: inside the program, named in `kinora.toml`, pulled.
//!
//! A request names a model. Where it lies is looked up for every use, so that a model that is pulled
//! while the studio runs is there at once, and no path comes from the network.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use kinora_engine::{DEFAULT_MODEL, is_embedded};

use crate::config::{Config, nearest};

/// A published model, as whoever starts the studio knows it.
#[derive(Debug, Clone)]
pub struct Published {
    /// The name that it is pulled and asked for by.
    pub name: String,
    /// Who published it.
    pub owner: String,
    /// The name of its licence.
    pub licence: String,
    /// Where the licence's text stands.
    pub licence_url: String,
    /// Where it lies; none: it was not pulled.
    pub folder: Option<PathBuf>,
}

/// A model outside the program that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shelved {
    /// The name that it is asked for by.
    pub name: String,
    /// Its folder or file.
    pub place: PathBuf,
    /// Who published it, where that is known.
    pub owner: Option<String>,
    /// Name and address of its licence, where they are known.
    pub licence: Option<[String; 2]>,
}

/// Every model of this machine by its name.
#[derive(Debug)]
pub struct Shelf {
    config: Arc<Config>,
    published: fn() -> Vec<Published>,
}

/// Why a name means no model of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missing {
    /// It is published and was not pulled.
    NotInstalled {
        /// Its name.
        name: String,
    },
    /// Nobody calls a model so.
    Unknown {
        /// The name.
        name: String,
        /// The name that was probably meant.
        nearest: Option<String>,
        /// Every name that can be asked for.
        known: Vec<String>,
    },
}

impl Shelf {
    /// The models that the configuration names, and those published ones that were pulled.
    pub fn new(config: Arc<Config>, published: fn() -> Vec<Published>) -> Self {
        Self { config, published }
    }

    /// Every model outside the program, those of the configuration first.
    pub fn models(&self) -> Vec<Shelved> {
        let local = self.config.models.local.iter();
        let local = local.map(|(name, place)| Shelved {
            name: name.clone(),
            place: place.clone(),
            owner: None,
            licence: None,
        });
        let pulled = (self.published)().into_iter().filter_map(|model| {
            Some(Shelved {
                place: model.folder?,
                name: model.name,
                owner: Some(model.owner),
                licence: Some([model.licence, model.licence_url]),
            })
        });
        // The operator's word goes before what a download was called.
        let is_free = |model: &Shelved| !self.config.models.local.contains_key(&model.name);
        local.chain(pulled.filter(is_free)).collect()
    }

    /// Where the model of a name lies; `None` for one inside the program.
    ///
    /// # Errors
    /// [`Missing`] when there is no such model, or it was not pulled.
    pub fn place(&self, name: &str) -> Result<Option<PathBuf>, Missing> {
        if is_embedded(name) {
            return Ok(None);
        }
        let models = self.models();
        if let Some(model) = models.iter().find(|model| model.name == name) {
            return Ok(Some(model.place.clone()));
        }
        let mut published = (self.published)().into_iter();
        if published.any(|model| model.name == name) {
            return Err(Missing::NotInstalled { name: name.into() });
        }
        let remotes = self.config.remotes.iter().map(|remote| remote.name.clone());
        let known = [DEFAULT_MODEL.into()].into_iter();
        let known = known.chain(models.into_iter().map(|model| model.name));
        let known: Vec<String> = known.chain(remotes).collect();
        Err(Missing::Unknown {
            name: name.into(),
            nearest: nearest(name, known.iter().cloned()),
            known,
        })
    }
}

impl Missing {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotInstalled { .. } => "model_not_installed",
            Self::Unknown { .. } => "unknown_model",
        }
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotInstalled { name } => write!(
                out,
                "{name} is not installed; `kinora pull {name}` downloads it"
            ),
            Self::Unknown {
                name,
                nearest: Some(nearest),
                ..
            } => write!(out, "there is no model `{name}`; did you mean `{nearest}`?"),
            Self::Unknown { name, known, .. } => write!(
                out,
                "there is no model `{name}`; known: {}",
                known.join(", ")
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn published() -> Vec<Published> {
        let model = |name: &str, folder: Option<&str>| Published {
            name: name.into(),
            owner: "Somebody".into(),
            licence: "Apache-2.0".into(),
            licence_url: "https://example.org".into(),
            folder: folder.map(PathBuf::from),
        };
        vec![
            model("pulled", Some("/models/pulled")),
            model("both", Some("/models/both")),
            model("absent", None),
        ]
    }

    fn shelf() -> Shelf {
        let mut config = Config::default();
        for name in ["own", "both"] {
            let place = PathBuf::from(format!("/own/{name}"));
            config.models.local.insert(name.into(), place);
        }
        Shelf::new(Arc::new(config), published)
    }

    #[test]
    fn a_name_is_looked_up_in_the_configuration_and_then_among_what_was_pulled() {
        let shelf = shelf();
        let names: Vec<_> = shelf.models().into_iter().map(|model| model.name).collect();
        assert_eq!(names, ["both", "own", "pulled"]);
        for (name, place) in [
            ("own", "/own/own"),
            ("both", "/own/both"),
            ("pulled", "/models/pulled"),
        ] {
            assert_eq!(shelf.place(name), Ok(Some(place.into())), "{name}");
        }
    }

    #[test]
    fn what_is_not_there_is_told_with_the_way_to_it() {
        for (name, code, words) in [
            ("absent", "model_not_installed", "`kinora pull absent`"),
            ("pulle", "unknown_model", "did you mean `pulled`?"),
            ("/", "unknown_model", "known: kinora-1, both, own, pulled"),
        ] {
            let missing = shelf().place(name).expect_err(name);
            assert_eq!(missing.code(), code);
            let told = missing.to_string();
            assert!(told.contains(words), "{words} in {told}");
        }
    }
}
