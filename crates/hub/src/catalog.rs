//! The published models that Kinora knows how to get.
//!
//! Sizes are not written here: the hub's own list of files tells them when they are asked for.

use crate::HubError;

/// Which arithmetic a model is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// LTX-Video 0.9.x.
    Ltx,
    /// Wan 2.1 and 2.2.
    Wan,
}

impl Family {
    /// The name that people read.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ltx => "LTX-Video",
            Self::Wan => "Wan",
        }
    }
}

/// What a model makes a video from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ability {
    /// A prompt.
    TextToVideo,
    /// A prompt and a first frame.
    ImageToVideo,
}

/// The terms that a model comes under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Licence {
    /// Its name.
    pub name: &'static str,
    /// Where its text stands.
    pub url: &'static str,
    /// What a reader should know before downloading.
    pub note: &'static str,
}

/// A published model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variant {
    /// The name that it is pulled and installed by.
    pub name: &'static str,
    /// Whose arithmetic it needs.
    pub family: Family,
    /// Parameters that work in one step, as its authors count them.
    pub parameters: &'static str,
    /// The shape of its parts, by the name that whoever runs it knows.
    pub shape: &'static str,
    /// The repository on the hub.
    pub repo: &'static str,
    /// The branch or commit.
    pub revision: &'static str,
    /// Its files, as patterns in which `*` stays within a folder.
    pub files: &'static [&'static str],
    /// The terms.
    pub licence: Licence,
    /// What it can do.
    pub abilities: &'static [Ability],
    /// One sentence for whoever chooses.
    pub about: &'static str,
}

const BOTH: &[Ability] = &[Ability::TextToVideo, Ability::ImageToVideo];
const TEXT: &[Ability] = &[Ability::TextToVideo];

const APACHE: Licence = Licence {
    name: "Apache-2.0",
    url: "https://www.apache.org/licenses/LICENSE-2.0",
    note: "free for any use",
};
const LTX_RESEARCH: Licence = Licence {
    name: "LTX-Video 0.9 licence (RAIL-M)",
    url: "https://huggingface.co/Lightricks/LTX-Video/blob/main/ltx-video-2b-v0.9.license.txt",
    note: "research use, with restrictions of use",
};
const LTX_RESEARCH_1: Licence = Licence {
    name: "LTX-Video 0.9.1 licence (RAIL-M)",
    url: "https://huggingface.co/Lightricks/LTX-Video/blob/main/ltx-video-2b-v0.9.1.license.txt",
    ..LTX_RESEARCH
};
const LTX_RAIL: Licence = Licence {
    name: "LTX-Video 0.9.5 licence (OpenRAIL-M)",
    url: "https://huggingface.co/Lightricks/LTX-Video/blob/main/ltx-video-2b-v0.9.5.license.txt",
    note: "commercial use too, with restrictions of use",
};
const LTX_OPEN: Licence = Licence {
    name: "LTXV Open Weights License 0.X",
    url: "https://huggingface.co/Lightricks/LTX-Video/blob/main/LTX-Video-Open-Weights-License-0.X.txt",
    note: "restrictions of use; companies above a revenue need terms of their own",
};

/// The parts of a diffusers folder.
const DIFFUSERS: &[&str] = &[
    "model_index.json",
    "scheduler/*",
    "text_encoder/*",
    "tokenizer/*",
    "transformer/*",
    "vae/*",
];
/// The same with a second expert.
const TWO_EXPERTS: &[&str] = &[
    "model_index.json",
    "scheduler/*",
    "text_encoder/*",
    "tokenizer/*",
    "transformer/*",
    "transformer_2/*",
    "vae/*",
];

const LTX_2B: Variant = Variant {
    name: "ltx-0.9.5-2b",
    family: Family::Ltx,
    parameters: "2B",
    shape: "ltx-2b-0.9.5",
    repo: "Lightricks/LTX-Video-0.9.5",
    revision: "main",
    files: DIFFUSERS,
    licence: LTX_RAIL,
    abilities: BOTH,
    about: "the 2B model with the better decoder",
};
const LTX_13B: Variant = Variant {
    name: "ltx-0.9.7-13b",
    parameters: "13B",
    shape: "ltx-13b-0.9.5",
    repo: "Lightricks/LTX-Video-0.9.7-dev",
    licence: LTX_OPEN,
    about: "the first 13B model",
    ..LTX_2B
};
/// A single file of the authors, beside the text encoder and tokenizer of the same repository.
const LTX_SINGLE: Variant = Variant {
    repo: "Lightricks/LTX-Video",
    licence: LTX_OPEN,
    ..LTX_2B
};
const WAN_SMALL: Variant = Variant {
    name: "wan-2.1-t2v-1.3b",
    family: Family::Wan,
    parameters: "1.3B",
    shape: "wan2.1-t2v-1.3b",
    repo: "Wan-AI/Wan2.1-T2V-1.3B-Diffusers",
    revision: "main",
    files: DIFFUSERS,
    licence: APACHE,
    abilities: TEXT,
    about: "the small Wan, made for 480p",
};

/// Every model that can be pulled by name, the practical ones of each family first.
pub const VARIANTS: &[Variant] = &[
    Variant {
        name: "ltx-0.9.8-2b-distilled",
        files: &[
            "ltxv-2b-0.9.8-distilled.safetensors",
            "text_encoder/*",
            "tokenizer/*",
        ],
        about: "few steps and the smallest: the one for a processor without a graphics card",
        ..LTX_SINGLE
    },
    Variant {
        name: "ltx-0.9.6-2b-distilled",
        files: &[
            "ltxv-2b-0.9.6-distilled-04-25.safetensors",
            "text_encoder/*",
            "tokenizer/*",
        ],
        about: "eight steps without guidance",
        ..LTX_SINGLE
    },
    Variant {
        name: "ltx-0.9.6-2b",
        files: &[
            "ltxv-2b-0.9.6-dev-04-25.safetensors",
            "text_encoder/*",
            "tokenizer/*",
        ],
        about: "the last 2B model with all steps",
        ..LTX_SINGLE
    },
    LTX_2B,
    Variant {
        name: "ltx-0.9.1-2b",
        shape: "ltx-2b-0.9.1",
        repo: "Lightricks/LTX-Video-0.9.1",
        licence: LTX_RESEARCH_1,
        about: "2B, with noise in its decoder",
        ..LTX_2B
    },
    Variant {
        name: "ltx-0.9.0-2b",
        shape: "ltx-2b-0.9.0",
        repo: "Lightricks/LTX-Video",
        licence: LTX_RESEARCH,
        about: "the first LTX-Video",
        ..LTX_2B
    },
    Variant {
        name: "ltx-0.9.8-13b-distilled",
        parameters: "13B",
        shape: "ltx-13b-0.9.5",
        files: &[
            "ltxv-13b-0.9.8-distilled.safetensors",
            "text_encoder/*",
            "tokenizer/*",
        ],
        about: "13B in few steps",
        ..LTX_SINGLE
    },
    Variant {
        name: "ltx-0.9.8-13b",
        parameters: "13B",
        shape: "ltx-13b-0.9.5",
        files: &[
            "ltxv-13b-0.9.8-dev.safetensors",
            "text_encoder/*",
            "tokenizer/*",
        ],
        about: "13B with all steps",
        ..LTX_SINGLE
    },
    Variant {
        name: "ltx-0.9.7-13b-distilled",
        repo: "Lightricks/LTX-Video-0.9.7-distilled",
        about: "the first 13B model in few steps",
        ..LTX_13B
    },
    LTX_13B,
    WAN_SMALL,
    Variant {
        name: "wan-2.2-ti2v-5b",
        parameters: "5B",
        shape: "wan2.2-ti2v-5b",
        repo: "Wan-AI/Wan2.2-TI2V-5B-Diffusers",
        abilities: BOTH,
        about: "720p from fewer tokens, also from a first frame",
        ..WAN_SMALL
    },
    Variant {
        name: "wan-2.1-t2v-14b",
        parameters: "14B",
        shape: "wan2.1-t2v-14b",
        repo: "Wan-AI/Wan2.1-T2V-14B-Diffusers",
        about: "the large Wan 2.1, 480p and 720p",
        ..WAN_SMALL
    },
    Variant {
        name: "wan-2.2-t2v-a14b",
        parameters: "2 x 14B, one at a time",
        shape: "wan2.2-t2v-a14b",
        repo: "Wan-AI/Wan2.2-T2V-A14B-Diffusers",
        files: TWO_EXPERTS,
        about: "two experts, one for the early steps and one for the late ones",
        ..WAN_SMALL
    },
];

/// The variant of a name.
///
/// # Errors
/// When no variant has it; names the nearest.
pub fn find(name: &str) -> Result<&'static Variant, HubError> {
    let lower = name.to_lowercase();
    if let Some(variant) = VARIANTS.iter().find(|variant| variant.name == lower) {
        return Ok(variant);
    }
    let nearest = VARIANTS
        .iter()
        .max_by_key(|variant| shared(&lower, variant.name));
    Err(HubError::UnknownVariant {
        name: name.to_owned(),
        nearest: nearest.map_or("", |variant| variant.name),
    })
}

/// How alike two names are: pairs of neighbouring characters that both have.
fn shared(a: &str, b: &str) -> usize {
    let pairs =
        |text: &str| -> Vec<[u8; 2]> { text.as_bytes().windows(2).map(|w| [w[0], w[1]]).collect() };
    let (a, mut b) = (pairs(a), pairs(b));
    a.iter()
        .filter(|pair| match b.iter().position(|other| other == *pair) {
            Some(at) => {
                b.swap_remove(at);
                true
            }
            None => false,
        })
        .count()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_fit_for_folders() {
        let names: BTreeSet<_> = VARIANTS.iter().map(|variant| variant.name).collect();
        assert_eq!(names.len(), VARIANTS.len());
        for variant in VARIANTS {
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
            assert!(variant.name.chars().all(plain), "{}", variant.name);
            assert_eq!(variant.repo.split('/').count(), 2);
            assert!(variant.licence.url.starts_with("https://"));
            assert!(
                variant
                    .files
                    .iter()
                    .any(|file| file.starts_with("text_encoder/"))
            );
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_nearest() {
        assert_eq!(
            find("wan-2.1-t2v-1.3b").unwrap().repo,
            "Wan-AI/Wan2.1-T2V-1.3B-Diffusers"
        );
        assert_eq!(find("WAN-2.1-T2V-1.3B").unwrap().parameters, "1.3B");
        let message = find("wan2.1-1.3b").unwrap_err().to_string();
        assert_eq!(
            message,
            "no model is called `wan2.1-1.3b`; the nearest is `wan-2.1-t2v-1.3b`"
        );
    }
}
