//! The names of a LoRA's tensors: which layer, which part, and whose layer it is.

use std::collections::BTreeMap;

use super::super::WeightFile;
use super::super::rules::{self, Mapped, Rule};

/// What a tensor of a LoRA is to its layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Down,
    Up,
    Alpha,
    /// The difference of the weight.
    Weight,
    /// The difference of the bias.
    Bias,
    /// A magnitude of weight-decomposed LoRA, which changes the formula: not merged.
    Magnitude,
}

/// The ends of names.
const PARTS: [(&str, Part); 14] = [
    (".lora_A.weight", Part::Down),
    (".lora_A.default.weight", Part::Down),
    (".lora_down.weight", Part::Down),
    (".lora.down.weight", Part::Down),
    (".lora_B.weight", Part::Up),
    (".lora_B.default.weight", Part::Up),
    (".lora_up.weight", Part::Up),
    (".lora.up.weight", Part::Up),
    (".alpha", Part::Alpha),
    (".diff", Part::Weight),
    (".diff_b", Part::Bias),
    (".dora_scale", Part::Magnitude),
    (".lora_magnitude_vector", Part::Magnitude),
    (".lora_magnitude_vector.weight", Part::Magnitude),
];

/// The beginnings of names that say whose layers follow, and whether those have diffusers' names.
const OWNERS: [(&str, bool); 4] = [
    ("base_model.model.", false),
    ("model.diffusion_model.", false),
    ("diffusion_model.", false),
    ("transformer.", true),
];

/// The beginning of names in which every dot is a `_`.
const UNDERSCORED: &str = "lora_unet_";

/// The layer and the part that a name says, if it is of a known form.
pub(super) fn split(name: &str) -> Option<(String, Part)> {
    // The difference of a block's modulation table, which is a tensor of its own and no layer.
    if let Some(block) = name.strip_suffix(".diff_m") {
        return Some((format!("{block}.modulation"), Part::Weight));
    }
    PARTS.iter().find_map(|(end, part)| {
        let layer = name.strip_suffix(end)?;
        Some((layer.to_owned(), *part))
    })
}

/// The tensors of one layer, by their names in the file.
#[derive(Default)]
pub(super) struct Layer {
    pub(super) down: Option<String>,
    pub(super) up: Option<String>,
    pub(super) alpha: Option<String>,
    pub(super) weight: Option<String>,
    pub(super) bias: Option<String>,
    pub(super) magnitude: Option<String>,
}

impl Layer {
    /// Takes a tensor; gives back one that stood in its place.
    pub(super) fn put(&mut self, part: Part, name: &str) -> Option<String> {
        let place = match part {
            Part::Down => &mut self.down,
            Part::Up => &mut self.up,
            Part::Alpha => &mut self.alpha,
            Part::Weight => &mut self.weight,
            Part::Bias => &mut self.bias,
            Part::Magnitude => &mut self.magnitude,
        };
        place.replace(name.to_owned())
    }

    /// All its tensors.
    pub(super) fn all(&self) -> impl Iterator<Item = &String> {
        let parts = [
            &self.down,
            &self.up,
            &self.alpha,
            &self.weight,
            &self.bias,
            &self.magnitude,
        ];
        parts.into_iter().flatten()
    }
}

/// The layer without the beginning that says whose it is.
pub(super) fn own_name(layer: &str) -> (&str, bool) {
    let (mut name, mut diffusers) = (layer, false);
    for (owner, of_diffusers) in OWNERS {
        if let Some(rest) = name.strip_prefix(owner) {
            (name, diffusers) = (rest, diffusers || of_diffusers);
        }
    }
    (name, diffusers)
}

/// The tensors of a model, to be found by a LoRA's names.
pub(super) struct Targets<'a> {
    file: &'a WeightFile,
    rules: &'a [&'a [Rule]],
    /// Names with `_` for each dot; nothing where two read alike.
    underscored: BTreeMap<String, Option<&'a str>>,
}

impl<'a> Targets<'a> {
    pub(super) fn new(file: &'a WeightFile, rules: &'a [&'a [Rule]]) -> Self {
        let mut underscored = BTreeMap::new();
        for name in file.names() {
            underscored
                .entry(name.replace('.', "_"))
                .and_modify(|other| *other = None)
                .or_insert(Some(name));
        }
        Self {
            file,
            rules,
            underscored,
        }
    }

    /// The model's tensor `leaf` (`weight` or `bias`) of a LoRA's layer, or the layer's own where it
    /// is a tensor itself.
    pub(super) fn find(&self, layer: &str, leaf: &str) -> Option<String> {
        if let Some(name) = layer.strip_prefix(UNDERSCORED) {
            let name = name.trim_start_matches('_');
            let whole = self.underscored.get(&format!("{name}_{leaf}"));
            let found = whole.or_else(|| self.underscored.get(name));
            return found.copied().flatten().map(str::to_owned);
        }
        let (name, diffusers) = own_name(layer);
        let (leaf, itself) = (format!("{name}.{leaf}"), name.to_owned());
        let mapped = |name: &str| match rules::apply(self.rules, name) {
            Mapped::Name(name) => name,
            Mapped::Ignored => String::new(),
        };
        let [leaf_mapped, itself_mapped] = [mapped(&leaf), mapped(&itself)];
        // Wan's authors and diffusers use `norm2` and `norm3` for each other's layer, so the order
        // of the two readings matters.
        let names = if diffusers {
            [leaf_mapped, itself_mapped, leaf, itself]
        } else {
            [leaf, itself, leaf_mapped, itself_mapped]
        };
        names
            .into_iter()
            .find(|name| self.file.shape(name).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, layer: &str, part: Part) {
        assert_eq!(split(name), Some((layer.to_owned(), part)));
    }

    #[test]
    fn names_say_layer_and_part() {
        check(
            "diffusion_model.a.lora_A.weight",
            "diffusion_model.a",
            Part::Down,
        );
        check("lora_unet_a_b.lora_up.weight", "lora_unet_a_b", Part::Up);
        check(
            "transformer.a.lora_B.default.weight",
            "transformer.a",
            Part::Up,
        );
        check("diffusion_model.a.diff_b", "diffusion_model.a", Part::Bias);
        check("b.0.diff_m", "b.0.modulation", Part::Weight);
        check("lora_unet_a.alpha", "lora_unet_a", Part::Alpha);
        assert_eq!(split("a.lokr_w1"), None);
        assert_eq!(split("alpha"), None);
    }

    #[test]
    fn the_beginning_says_whose_layer_it_is() {
        for (layer, name) in [
            ("diffusion_model.a.b", ("a.b", false)),
            ("base_model.model.a.b", ("a.b", false)),
            ("base_model.model.transformer.a.b", ("a.b", true)),
            ("transformer.a.b", ("a.b", true)),
            ("transformer_blocks.0", ("transformer_blocks.0", false)),
        ] {
            assert_eq!(own_name(layer), name);
        }
    }
}
