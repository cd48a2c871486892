//! Published models by their descriptions alone: what running one takes is told before it is downloaded.

use std::path::PathBuf;

use kinora_models::ltx::presets::{TRANSFORMER_2B, TRANSFORMER_13B, VAE_090, VAE_091, VAE_095};
use kinora_models::{t5, wan};

use super::single::{ltx_pipeline, wan_scheduler};
use super::source::{Name, Source, Weighty};

/// An LTX-Video: transformer, VAE, and how many weights each has.
type Ltx = (&'static str, &'static str, &'static str, [u64; 2]);

/// The shapes that LTX-Video is published in, by transformer and VAE.
const LTX: [Ltx; 4] = [
    (
        "ltx-2b-0.9.0",
        TRANSFORMER_2B,
        VAE_090,
        [1_923_385_472, 419_193_905],
    ),
    (
        "ltx-2b-0.9.1",
        TRANSFORMER_2B,
        VAE_091,
        [1_923_385_472, 934_976_690],
    ),
    (
        "ltx-2b-0.9.5",
        TRANSFORMER_2B,
        VAE_095,
        [1_923_385_472, 1_246_913_778],
    ),
    (
        "ltx-13b-0.9.5",
        TRANSFORMER_13B,
        VAE_095,
        [13_042_569_344, 1_246_913_778],
    ),
];
/// How many weights the shapes of Wan have: one transformer, and the VAE.
const WAN: [(&str, [u64; 2]); 4] = [
    ("wan2.1-t2v-1.3b", [1_418_996_800, 126_892_531]),
    ("wan2.1-t2v-14b", [14_288_491_584, 126_892_531]),
    ("wan2.2-t2v-a14b", [14_288_491_584, 126_892_531]),
    ("wan2.2-ti2v-5b", [4_999_787_712, 704_688_668]),
];

/// The text encoders, described, and how many weights they have: T5-v1.1-XXL and UMT5-XXL.
const T5: (&str, u64) = (t5::T5_V1_1_XXL, 4_762_310_656);
const UMT5: (&str, u64) = (t5::UMT5_XXL, 5_680_910_336);

/// Bytes of the files of a shape, about: its weights in 16 bits, as most are published; a repository that
/// has 32 bits of some has more. `None` for a shape that nobody publishes.
pub(crate) fn about_bytes(shape: &str) -> Option<u64> {
    let numbers: u64 = described(shape)?.numbers.values().sum();
    Some(2 * numbers)
}

/// The model of a shape, without files; `None` for a shape that nobody publishes.
pub(crate) fn described(shape: &str) -> Option<Source> {
    let ltx = LTX.iter().find(|(name, ..)| *name == shape);
    let wan = WAN.iter().find(|(name, _)| *name == shape);
    ltx.map(of_ltx).or_else(|| wan.and_then(of_wan))
}

fn of_ltx(&(name, transformer, vae, [numbers, vae_numbers]): &Ltx) -> Source {
    let (class, scheduler) = ltx_pipeline(vae);
    let parts = [
        (Name::Transformer, transformer, numbers),
        (Name::Vae, vae, vae_numbers),
    ];
    source(name, class, scheduler, T5, &parts)
}

fn of_wan(&(name, [numbers, vae_numbers]): &(&str, [u64; 2])) -> Option<Source> {
    let preset = wan::PRESETS.iter().find(|preset| preset.name == name)?;
    let mut parts = vec![
        (Name::Transformer, preset.transformer, numbers),
        (Name::Vae, preset.vae.config, vae_numbers),
    ];
    if preset.boundary_ratio.is_some() {
        parts.push((Name::Transformer2, preset.transformer, numbers));
    }
    let expand_timesteps = wan::expands_timesteps(preset.vae);
    let scheduler = wan_scheduler(expand_timesteps);
    Some(Source {
        boundary_ratio: preset.boundary_ratio,
        expand_timesteps,
        ..source(name, "WanPipeline", scheduler, UMT5, &parts)
    })
}

fn source(
    name: &str,
    class: &str,
    scheduler: &str,
    (text_encoder, text_numbers): (&str, u64),
    parts: &[(Name, &str, u64)],
) -> Source {
    let described = |config: &str| Weighty {
        place: PathBuf::new(),
        prefix: "",
        rules: Vec::new(),
        config: config.into(),
    };
    let text = (Name::TextEncoder, text_encoder, text_numbers);
    let all = || parts.iter().copied().chain([text]);
    Source {
        name: name.into(),
        class: class.into(),
        parts: all()
            .map(|(part, config, _)| (part, described(config)))
            .collect(),
        numbers: all().map(|(part, _, numbers)| (part, numbers)).collect(),
        tokenizer: PathBuf::new(),
        scheduler: scheduler.into(),
        boundary_ratio: None,
        expand_timesteps: false,
        loras: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use serde_json::Value;

    use super::*;

    fn fixture(path: &str) -> String {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/fixtures");
        fs::read_to_string(fixtures.join(path)).expect("a list of tensors")
    }

    /// How many tensors a name stands for: `a.{0..2}.b` and `a.{3}.b` are three.
    fn tensors(name: &str) -> u64 {
        let Some((_, rest)) = name.split_once('{') else {
            return 1;
        };
        let (range, rest) = rest.split_once('}').expect("a closing brace");
        let number = |text: &str| text.parse::<u64>().expect("a number");
        let here = match range.split_once("..") {
            Some((first, last)) => number(last) + 1 - number(first),
            None => number(range),
        };
        here * tensors(rest)
    }

    /// The numbers of a part of LTX-Video.
    fn ltx(part: &str) -> u64 {
        let list = fixture(&format!("ltx/keys/{part}.diffusers.txt"));
        let lines = list.lines().map(|line| {
            let mut words = line.split(' ');
            let count = tensors(words.next().expect("a name"));
            words.fold(count, |numbers, size| {
                numbers * size.parse::<u64>().expect("a size")
            })
        });
        lines.sum()
    }

    /// The numbers of a part of Wan.
    fn of_list(part: &str) -> u64 {
        let lists: Value = serde_json::from_str(&fixture(&format!("wan/keys/{part}.json")))
            .expect("lists of tensors");
        let rows = lists["diffusers"].as_array().expect("a list").iter();
        let numbers = rows.map(|row| {
            let shape = row[1].as_array().expect("a shape").iter();
            let count = tensors(row[0].as_str().expect("a name"));
            shape.fold(count, |numbers, size| {
                numbers * size.as_u64().expect("a size")
            })
        });
        numbers.sum()
    }

    /// The numbers of a text encoder.
    fn encoder(name: &str) -> u64 {
        let lists: Value = serde_json::from_str(&fixture("t5/names.json")).expect("names");
        let names = &lists[name];
        let elements = |shape: &Value| -> u64 {
            let sizes = shape.as_array().expect("a shape").iter();
            sizes.map(|size| size.as_u64().expect("a size")).product()
        };
        let sum = |part: &str| -> u64 {
            let tensors = names[part].as_object().expect("tensors");
            tensors.values().map(elements).sum()
        };
        let others = names["blocks"].as_u64().expect("a number") - 1;
        sum("apart") + sum("first") + others * sum("others")
    }

    #[test]
    fn numbers_are_those_of_the_published_tensors() {
        assert_eq!(T5.1, encoder("gguf_t5"));
        assert_eq!(UMT5.1, encoder("gguf_umt5"));
        assert_eq!(about_bytes("wan2.1-t2v-1.3b"), Some(14_453_599_334));
        let experts = 2 * 2 * WAN[2].1[0];
        let small = about_bytes("wan2.1-t2v-14b").expect("it is published");
        let pair = about_bytes("wan2.2-t2v-a14b").expect("it is published");
        assert_eq!(pair - small, experts / 2);
        for (name, _, _, [transformer, vae]) in LTX {
            let (size, version) = name["ltx-".len()..].split_once('-').expect("two parts");
            assert_eq!(transformer, ltx(&format!("transformer-{size}")), "{name}");
            assert_eq!(vae, ltx(&format!("vae-{version}")), "{name}");
        }
        for (name, [transformer, vae]) in WAN {
            let preset = wan::PRESETS.iter().find(|preset| preset.name == name);
            assert_eq!(transformer, of_list(name), "{name}");
            assert_eq!(vae, of_list(preset.expect("a preset").vae.name), "{name}");
        }
    }

    #[test]
    fn every_shape_plans_and_a_pair_holds_one_of_its_experts() {
        let peak = |shape: &str| {
            let needs = crate::published_needs(shape).expect("a plan");
            let needs = needs.unwrap_or_else(|| panic!("no {shape}"));
            let peaks: Vec<u64> = needs.iter().map(|need| need.peak_bytes).collect();
            assert!(peaks.is_sorted() && peaks.len() == 3, "{shape}: {peaks:?}");
            peaks[0]
        };
        for (name, ..) in LTX {
            peak(name);
        }
        for (name, _) in WAN {
            peak(name);
        }
        let (one, pair) = (peak("wan2.1-t2v-14b"), peak("wan2.2-t2v-a14b"));
        assert_eq!(pair, one);
        assert!(crate::published_needs("sora").expect("no plan").is_none());
    }
}
