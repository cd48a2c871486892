//! `kinora keys`.

use anyhow::{Result, bail};
use kinora_studio::keys::{self, Grant, Key};

use super::config::of_place;
use crate::args::{CreateKey, Keys, Place, RevokeKey};

pub fn run(command: &Keys) -> Result<()> {
    match command {
        Keys::Create(arguments) => create(arguments),
        Keys::List(place) => list(place),
        Keys::Revoke(arguments) => revoke(arguments),
    }
}

fn create(arguments: &CreateKey) -> Result<()> {
    let grant = Grant {
        name: arguments.name.clone(),
        tier: arguments.tier,
        max_queued: arguments.max_queued,
    };
    let (data, loaded) = of_place(&arguments.place)?;
    let (id, key) = keys::create(&data, &loaded.config, grant)?;
    // The key alone on standard output: a script takes it as it is.
    eprintln!(
        "{id}, {} tier. This is the only time the key is shown:",
        arguments.tier
    );
    super::print(&key)
}

fn list(place: &Place) -> Result<()> {
    let (data, loaded) = of_place(place)?;
    let keys = keys::list(&data, &loaded.config)?;
    if keys.is_empty() {
        eprintln!("There are no keys: everyone on this machine may use the studio.");
        return Ok(());
    }
    let head = format!(
        "{:12}  {:8}  {:10}  {:7}  {}",
        "ID", "TIER", "MAX QUEUED", "STATE", "NAME"
    );
    let lines = keys.iter().map(line);
    let table: Vec<String> = std::iter::once(head).chain(lines).collect();
    super::print(&table.join("\n"))
}

fn line(key: &Key) -> String {
    let most = match key.max_queued {
        None => "default".into(),
        Some(0) => "any".into(),
        Some(most) => most.to_string(),
    };
    let state = if key.revoked_at.is_some() {
        "revoked"
    } else {
        "active"
    };
    let line = format!(
        "{:12}  {:8}  {most:10}  {state:7}  {}",
        key.id, key.tier, key.name
    );
    line.trim_end().into()
}

fn revoke(arguments: &RevokeKey) -> Result<()> {
    let (data, loaded) = of_place(&arguments.place)?;
    if !keys::revoke(&data, &loaded.config, &arguments.id)? {
        bail!(
            "there is no active key {}; `kinora keys list` lists them",
            arguments.id
        );
    }
    eprintln!("{} opens nothing any more.", arguments.id);
    if keys::list(&data, &loaded.config)?
        .iter()
        .all(|key| key.revoked_at.is_some())
    {
        eprintln!(
            "It was the last one: on this machine alone the studio is open to everyone again."
        );
    }
    Ok(())
}
