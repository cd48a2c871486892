//! What an operator decides: `kinora.toml`, the environment, the command line, in that order.
//!
//! A section is a struct here and nothing else: its fields are the known keys, its [`Default`] the
//! defaults, `KINORA_SECTION_KEY` the variables. `layers` merges what was said and remembers where.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use kinora_engine::DEFAULT_MODEL;
use kinora_engine::safety::Category;
use serde::{Deserialize, Serialize};

use crate::outbound::Target;
use crate::store::{EVENT_TYPES, Tier};
use crate::webhooks::Secret;

mod database;
mod error;
mod file;
mod key;
mod layers;
mod remotes;
mod storage;
#[cfg(test)]
mod tests;

pub use database::Database;
pub use error::{ConfigError, Problem};
use key::Key;
pub use key::nearest;
pub use layers::{Loaded, Sources, load};
use remotes::mistake_of_name;
pub use remotes::{ApiKey, Remote};
pub use storage::Storage;
pub use toml::Value;

/// Name of the file in the data folder.
pub const FILE: &str = "kinora.toml";

/// Every decision, each with a default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The database of a server instead of a file in the data folder.
    pub database: Database,
    /// A bucket for finished files instead of the data folder.
    pub storage: Storage,
    /// Where the studio listens and how it closes.
    pub server: Server,
    /// How waiting clips become running ones.
    pub queue: Queue,
    /// How large a request may be.
    pub limits: Limits,
    /// What models are called.
    pub models: Models,
    /// What the content rules do.
    pub rules: Rules,
    /// What the studio says about itself.
    pub log: Log,
    /// Where the studio may go by itself.
    pub network: Network,
    /// Who is told that a video ended; the API adds more.
    pub webhooks: Vec<Webhook>,
    /// Models that other machines run.
    pub remotes: Vec<Remote>,
}

/// `[server]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// Address to listen on; others than loopback need an API key.
    pub host: IpAddr,
    /// Port to listen on; 0 takes a free one.
    pub port: u16,
    /// Names under which other machines reach the studio, without ports.
    pub public_names: Vec<String>,
    /// How long a closing studio lets running clips go on; then they go back to the queue.
    pub drain_seconds: u64,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 8765,
            public_names: Vec::new(),
            drain_seconds: 0,
        }
    }
}

impl Server {
    /// Whether others than this machine may call.
    pub fn is_public(&self) -> bool {
        !self.host.is_loopback() || !self.public_names.is_empty()
    }
}

/// `[queue]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Queue {
    /// Worker processes: clips that are made at the same time; 0 leaves all to other machines.
    pub workers: u32,
    /// How many of them make clips of the Pro tier only; one always makes every clip.
    pub pro_workers: u32,
    /// Wait after which a standard clip counts as one of the Pro tier.
    pub aging_seconds: u32,
    /// Most unfinished clips of an API key that names no number of its own; 0 is any number.
    pub max_queued_per_key: u32,
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            workers: 1,
            pro_workers: 1,
            aging_seconds: 600,
            max_queued_per_key: 100,
        }
    }
}

impl Queue {
    /// The tier that each worker serves; if there are any, at least one serves all.
    pub fn reservations(&self) -> impl Iterator<Item = Option<Tier>> {
        let reserved = self.pro_workers.min(self.workers.saturating_sub(1));
        (0..self.workers).map(move |index| (index < reserved).then_some(Tier::Pro))
    }
}

/// `[limits]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Largest body of a request.
    pub body_bytes: usize,
    /// Largest form with files.
    pub upload_bytes: usize,
    /// Largest video that a remote may send.
    pub download_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 1 << 20,
            upload_bytes: 16 << 20,
            download_bytes: 512 << 20,
        }
    }
}

/// `[models]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Models {
    /// Names that clients send and the models that they mean; an empty model takes a name away.
    pub aliases: BTreeMap<String, String>,
    /// Models of this machine by the names that they are asked for by: folders or files, seen from the
    /// folder of `kinora.toml`.
    pub local: BTreeMap<String, PathBuf>,
}

impl Default for Models {
    fn default() -> Self {
        let aliases = [("sora-2", DEFAULT_MODEL), ("sora-2-pro", "kinora-1-pro")];
        Self {
            aliases: aliases.map(|(from, to)| (from.into(), to.into())).into(),
            local: BTreeMap::new(),
        }
    }
}

/// `[rules]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// Categories of the content rules that are told instead of refused, while nobody but this machine
    /// can reach the studio.
    pub warn: Vec<Category>,
}

/// `[log]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// Lines for people or for programs.
    pub format: LogFormat,
    /// The least important lines that are written.
    pub level: LogLevel,
}

/// `[network]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Network {
    /// Whether webhooks may go to this machine and its networks.
    pub allow_private_webhooks: bool,
}

/// `[[webhooks]]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// What it is called; no two are called the same.
    pub name: String,
    /// Where events go.
    pub url: String,
    /// Which ones; all when it says nothing.
    #[serde(default = "every_event")]
    pub event_types: Vec<String>,
    /// What they are signed with: `whsec_` and the base64 of 24 to 64 bytes.
    pub secret: String,
}

fn every_event() -> Vec<String> {
    EVENT_TYPES.map(String::from).to_vec()
}

/// Form of the log, on standard error.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One object a line.
    Json,
}

/// Importance of a line of the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Failures of the studio.
    Error,
    /// And what it recovered from.
    #[default]
    Warn,
    /// And every request and clip.
    Info,
    /// And what helps to look for a mistake.
    Debug,
}

impl Config {
    /// Values that their types allow and that cannot be meant: keys and what is wrong.
    fn mistakes(&self) -> Vec<(Key, String)> {
        let mut mistakes = Vec::new();
        if let Some(message) = self.database.mistake() {
            mistakes.push(("database".into(), message.into()));
        }
        if let Some(message) = self.storage.mistake() {
            mistakes.push(("storage".into(), message.into()));
        }
        // Workers of other machines are enough where there can be some.
        let least = u32::from(self.database.server().is_none());
        if !(least..=64).contains(&self.queue.workers) {
            let message = format!("must be {least} to 64, not {}", self.queue.workers);
            mistakes.push(("queue.workers".into(), message));
        }
        for (key, bytes) in [
            ("limits.body_bytes", self.limits.body_bytes),
            ("limits.upload_bytes", self.limits.upload_bytes),
            ("limits.download_bytes", self.limits.download_bytes),
        ] {
            // A prompt alone may have 32,000 characters.
            if !(1 << 17..=1 << 30).contains(&bytes) {
                let message = format!("must be 131072 to 1073741824 bytes, not {bytes}");
                mistakes.push((key.into(), message));
            }
        }
        let names = &self.server.public_names;
        if let Some(name) = names.iter().find(|name| name.contains(['/', ':'])) {
            let message = format!("`{name}` must be a name alone, without scheme and port");
            mistakes.push(("server.public_names".into(), message));
        }
        if let Some(message) = self.mistake_of_rules() {
            mistakes.push(("rules.warn".into(), message));
        }
        for (name, place) in &self.models.local {
            if let Some(reason) = self.mistake_of_local(name, place) {
                mistakes.push((Key::from("models.local").join(name), reason));
            }
        }
        for (index, webhook) in self.webhooks.iter().enumerate() {
            let earlier = &self.webhooks[..index];
            if let Some(reason) = self.mistake_of(webhook, earlier) {
                mistakes.push(("webhooks".into(), format!("`{}`: {reason}", webhook.name)));
            }
        }
        for (index, remote) in self.remotes.iter().enumerate() {
            let earlier = &self.remotes[..index];
            if let Some(reason) = remote.mistake(earlier, &self.models) {
                mistakes.push(("remotes".into(), format!("`{}`: {reason}", remote.name)));
            }
        }
        mistakes
    }

    /// Takes the keys of remotes from the environment and from files of a folder.
    fn read_keys(&mut self, variables: &[(String, String)], folder: &Path) -> Vec<(Key, String)> {
        let mut mistakes = Vec::new();
        for remote in &mut self.remotes {
            if let Err(reason) = remote.read_key(variables, folder) {
                mistakes.push(("remotes".into(), format!("`{}`: {reason}", remote.name)));
            }
        }
        mistakes
    }

    fn mistake_of_rules(&self) -> Option<String> {
        let warn = &self.rules.warn;
        if let Some(category) = warn.iter().find(|category| !category.may_be_told()) {
            let name = category.name();
            return Some(format!("{name} is always refused; take it out"));
        }
        let message = "a studio that other machines can reach refuses every category: take them out, \
            or keep server.host to loopback and server.public_names empty";
        (!warn.is_empty() && self.server.is_public()).then(|| message.into())
    }

    fn mistake_of_local(&self, name: &str, place: &Path) -> Option<String> {
        mistake_of_name(name, &self.models).or_else(|| {
            if self.remote(name).is_some() {
                Some("a remote has this name".into())
            } else {
                (!place.exists()).then(|| format!("there is nothing at {}", place.display()))
            }
        })
    }

    fn mistake_of(&self, webhook: &Webhook, earlier: &[Webhook]) -> Option<String> {
        let types = &webhook.event_types;
        if webhook.name.is_empty() || earlier.iter().any(|other| other.name == webhook.name) {
            return Some("name must be there, and no other's".into());
        }
        if let Some(kind) = types
            .iter()
            .find(|kind| !EVENT_TYPES.contains(&kind.as_str()))
        {
            return Some(format!("there is no event `{kind}`"));
        }
        let target = Target::read(&webhook.url, self.network.allow_private_webhooks);
        let target = target.err().map(|error| error.to_string());
        target.or_else(|| Some(Secret::read(&webhook.secret).err()?.to_string()))
    }
}

impl Config {
    /// The remote that is a model of this name.
    pub fn remote(&self, model: &str) -> Option<&Remote> {
        self.remotes.iter().find(|remote| remote.name == model)
    }
}

impl Models {
    /// Makes the paths of models whole.
    fn settle(&mut self, folder: &Path) {
        for place in self.local.values_mut() {
            *place = folder.join(&*place);
        }
    }

    /// The model that a name means.
    pub fn named<'n>(&'n self, name: &'n str) -> &'n str {
        match self.aliases.get(name).map(String::as_str) {
            None | Some("") => name,
            Some(model) => model,
        }
    }

    /// The names that mean a model.
    pub fn aliases_of(&self, model: &str) -> Vec<&str> {
        let names = self.aliases.iter().filter(|(_, target)| *target == model);
        names.map(|(name, _)| name.as_str()).collect()
    }
}
