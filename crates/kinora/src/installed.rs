//! Models that were pulled, by their names.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use kinora_engine::ModelFiles;
use kinora_hub::{Installed, VARIANTS, installed, models_dir};
use kinora_studio::Published;

/// Where the model of a `--model` lies, if it was pulled; else the engine knows the name, or it is a
/// path itself.
fn place(model: Option<&str>) -> Result<Option<PathBuf>> {
    let Some(name) = model else {
        return Ok(None);
    };
    // A name is looked up before a path, as for the models inside the program.
    let found = here().into_iter().find(|model| model.name == name);
    if found.is_none()
        && VARIANTS.iter().any(|variant| variant.name == name)
        && !Path::new(name).exists()
    {
        bail!("{name} is not installed; `kinora pull {name}` downloads it");
    }
    Ok(found.map(|model| model.folder))
}

/// Every model that was pulled.
pub fn here() -> Vec<Installed> {
    models_dir()
        .map(|folder| installed(&folder))
        .unwrap_or_default()
}

/// Where the model of a `--model` lies, and the models that may complete it.
pub fn files(model: Option<&str>) -> Result<ModelFiles> {
    Ok(ModelFiles {
        place: place(model)?,
        others: here().into_iter().map(|model| model.folder).collect(),
        ..ModelFiles::default()
    })
}

/// Every published model, pulled or not, for a studio to offer.
pub fn published() -> Vec<Published> {
    let here = here();
    let is_here = |name: &str| here.iter().any(|model| model.name == name);
    let absent = VARIANTS.iter().filter(|variant| !is_here(variant.name));
    let absent = absent.map(|variant| Published {
        name: variant.name.into(),
        owner: owner(variant.repo),
        licence: variant.licence.name.into(),
        licence_url: variant.licence.url.into(),
        folder: None,
    });
    let present = here.iter().map(|model| Published {
        name: model.name.clone(),
        owner: owner(&model.repo),
        licence: model.licence.clone(),
        licence_url: model.licence_url.clone(),
        folder: Some(model.folder.clone()),
    });
    present.chain(absent).collect()
}

/// Who a repository belongs to.
fn owner(repo: &str) -> String {
    let owner = repo.split_once('/').map_or(repo, |(owner, _)| owner);
    owner.into()
}
