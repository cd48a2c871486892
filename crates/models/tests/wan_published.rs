//! The tensors of every published variant of Wan, by name and shape, load without one missing or
//! unread, in both layouts, and tell which variant they are.

use std::collections::BTreeMap;

use kinora_models::wan::{
    DECODER_KEYS, Decoder, DetectError, ENCODER_KEYS, Encoder, FROM_DIFFUSERS, PRESETS, Preset,
    Transformer, VAE_FROM_DIFFUSERS, VAE_PRESETS, VaePreset,
};
use kinora_nn::{Rule, WeightFile};
use kinora_tensor::Precision;

mod support;

use support::config;

type Row = (String, Vec<usize>);

/// The list of a variant in one layout; `blocks.{30}.x` stands for 30 tensors.
fn rows(variant: &str, layout: &str) -> Vec<Row> {
    let lists: BTreeMap<String, Vec<Row>> =
        serde_json::from_str(&config(&format!("keys/{variant}"))).expect("key lists");
    let expand = |(name, shape): &Row| -> Vec<Row> {
        let Some((before, rest)) = name.split_once('{') else {
            return vec![(name.clone(), shape.clone())];
        };
        let (count, after) = rest.split_once('}').expect("a closing brace");
        (0..count.parse().expect("a count"))
            .map(|i: usize| (format!("{before}{i}{after}"), shape.clone()))
            .collect()
    };
    lists[layout].iter().flat_map(expand).collect()
}

fn file(variant: &str, layout: &str, rules: &[Rule]) -> WeightFile {
    let name = format!("{variant} ({layout})");
    let file = WeightFile::shapes_only(&name, rows(variant, layout));
    if layout == "diffusers" {
        file.with_rules(&[rules])
    } else {
        file
    }
}

#[test]
fn published_transformers_load() {
    for preset in PRESETS {
        let config = preset.transformer_config().expect("a preset");
        for layout in ["original", "diffusers"] {
            let file = file(preset.name, layout, FROM_DIFFUSERS);
            let weights = file.weights(Precision::Bf16);
            Transformer::load(&weights, &config).expect("nothing is missing");
            file.finish().expect("nothing is unread");
            let detected = Preset::detect(&weights).expect("a variant");
            // One expert of the pair has the shapes of the older model.
            let name = preset.name.replace("wan2.2-t2v-a14b", "wan2.1-t2v-14b");
            assert_eq!(detected.name, name);
        }
    }
}

#[test]
fn published_vaes_load() {
    for preset in VAE_PRESETS {
        let config = preset.config().expect("a preset");
        for layout in ["original", "diffusers"] {
            let file = file(preset.name, layout, VAE_FROM_DIFFUSERS);
            let weights = file.weights(Precision::Bf16);
            Decoder::load(&weights, &config).expect("nothing is missing");
            file.finish_without(ENCODER_KEYS)
                .expect("nothing is unread");
            assert!(file.finish().is_err(), "the encoder is still unread");
            Encoder::load(&weights, &config).expect("nothing is missing");
            file.finish().expect("nothing is unread");
            let detected = VaePreset::detect(&weights).expect("a variant");
            assert_eq!(detected.name, preset.name);
        }
        let file = file(preset.name, "original", &[]);
        Encoder::load(&file.weights(Precision::Bf16), &config).expect("nothing is missing");
        file.finish_without(DECODER_KEYS)
            .expect("nothing is unread");
    }
}

#[test]
fn presets_are_what_is_published() {
    let facts = |preset: &Preset| {
        let config = preset.transformer_config().expect("a preset");
        let vae = preset.vae.config().expect("a preset");
        assert_eq!(config.in_channels, vae.z_dim, "{}", preset.name);
        assert_eq!(config.attention_head_dim, 128, "{}", preset.name);
        (
            config.hidden_size(),
            config.ffn_dim,
            config.num_layers,
            vae.pixel_stride(),
        )
    };
    let found: Vec<_> = PRESETS.iter().map(facts).collect();
    let expected = [
        (1536, 8960, 30, 8),
        (5120, 13824, 40, 8),
        (5120, 13824, 40, 8),
        (3072, 14336, 30, 16),
    ];
    assert_eq!(found, expected);
}

#[test]
fn other_files_are_told_apart() {
    let of = |rows: &[(&str, &[usize])]| {
        let rows = rows
            .iter()
            .map(|(name, shape)| ((*name).to_owned(), shape.to_vec()));
        WeightFile::shapes_only("other", rows)
    };
    let detect = |file: &WeightFile| Preset::detect(&file.weights(Precision::F32)).err();
    let message = |file: &WeightFile| detect(file).expect("no variant").to_string();
    let ltx = of(&[("patchify_proj.weight", &[2048, 128])]);
    assert!(
        message(&ltx).contains("no transformer of Wan"),
        "{}",
        message(&ltx)
    );

    let image = of(&[
        ("patch_embedding.weight", &[5120, 36, 1, 2, 2]),
        ("blocks.0.self_attn.norm_q.weight", &[5120]),
    ]);
    let expected = DetectError::Transformer {
        hidden_size: 5120,
        in_channels: 36,
        num_layers: 1,
    };
    assert_eq!(detect(&image), Some(expected));

    let vae = of(&[
        ("decoder.conv1.weight", &[384, 4, 3, 3, 3]),
        ("decoder.middle.0.residual.0.gamma", &[384, 1, 1, 1]),
    ]);
    let error = VaePreset::detect(&vae.weights(Precision::F32)).expect_err("no variant");
    assert_eq!(
        error,
        DetectError::Vae {
            z_dim: 4,
            width: 384
        }
    );
    assert!(VaePreset::detect(&image.weights(Precision::F32)).is_err());
}

#[test]
fn weights_of_both_halves_of_published_vaes_are_counted() {
    for preset in VAE_PRESETS {
        let config = preset.config().expect("a preset");
        let of = |keys: &[&str]| -> usize {
            let rows = rows(preset.name, "original").into_iter();
            let own = rows.filter(|(name, _)| keys.iter().any(|key| name.starts_with(key)));
            own.map(|(_, shape)| shape.iter().product::<usize>()).sum()
        };
        assert_eq!(
            config.decoder_weights(),
            of(DECODER_KEYS),
            "{}",
            preset.name
        );
        assert_eq!(
            config.encoder_weights(),
            of(ENCODER_KEYS),
            "{}",
            preset.name
        );
    }
}
