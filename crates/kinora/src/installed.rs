//! Models that were pulled, by their names.

use anyhow::{Result, bail};
use kinora_hub::{VARIANTS, installed, models_dir};

/// What the engine opens for the `--model` of a command line: the folder of a model that was pulled,
/// else the name itself.
pub fn place(model: Option<&str>) -> Result<Option<String>> {
    let Some(name) = model else {
        return Ok(None);
    };
    // A name is looked up before a path, as for the models inside the program.
    let models = models_dir().ok();
    let found = models.and_then(|models| {
        let is_installed = installed(&models).iter().any(|model| model.name == name);
        is_installed.then(|| models.join(name))
    });
    if let Some(folder) = found {
        return Ok(Some(folder.display().to_string()));
    }
    if VARIANTS.iter().any(|variant| variant.name == name) && !std::path::Path::new(name).exists() {
        bail!("{name} is not installed; `kinora pull {name}` downloads it");
    }
    Ok(Some(name.to_owned()))
}
