//! The tensors of every published variant of Wan, by name and shape, load without one missing or
//! unread, in both layouts, and tell which variant they are.

use std::collections::BTreeMap;

use kinora_models::wan::{
    DECODER_KEYS, Decoder, DetectError, ENCODER_KEYS, Encoder, FROM_DIFFUSERS, PRESETS, Preset,
    Transformer, TransformerConfig, VAE_FROM_DIFFUSERS, VAE_PRESETS, VaeConfig, transformer_of,
    vae_of,
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
            let detected = transformer_of(&file).expect("a transformer");
            let described = TransformerConfig::from_json(&detected.config);
            assert_eq!(described.expect("a description"), config);
            assert_eq!(detected.vae.name, preset.vae.name);
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
            let detected = vae_of(&file).expect("a VAE");
            let described = VaeConfig::from_json(&detected.config);
            assert_eq!(described.expect("a description"), config);
            assert_eq!(detected.vae.name, preset.name);
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
    let refusal = |file: &WeightFile| transformer_of(file).expect_err("no transformer");
    let ltx = of(&[("patchify_proj.weight", &[2048, 128])]);
    let message = refusal(&ltx).to_string();
    assert!(message.contains("no transformer of Wan"), "{message}");

    let wide = |[inputs, outputs]: [usize; 2], hidden: usize| {
        of(&[
            ("patch_embedding.weight", &[hidden, inputs, 1, 2, 2]),
            ("blocks.0.self_attn.norm_q.weight", &[hidden]),
            ("blocks.0.ffn.0.weight", &[64, hidden]),
            ("text_embedding.0.weight", &[hidden, 4096]),
            ("time_embedding.0.weight", &[hidden, 256]),
            ("head.head.weight", &[4 * outputs, hidden]),
        ])
    };
    let [inputs, outputs] = [36, 16];
    let image = DetectError::ImageToVideo { inputs, outputs };
    assert_eq!(refusal(&wide([inputs, outputs], 5120)), image);
    let odd = DetectError::Heads { hidden_size: 100 };
    assert_eq!(refusal(&wide([16, 16], 100)), odd);
    let latents = |part, channels| DetectError::Latents { part, channels };
    let found = refusal(&wide([12, 12], 5120));
    assert_eq!(found, latents("transformer", 12));

    let vae = of(&[
        ("decoder.conv1.weight", &[384, 4, 3, 3, 3]),
        ("decoder.middle.0.residual.0.gamma", &[384, 1, 1, 1]),
        ("encoder.conv1.weight", &[96, 3, 3, 3, 3]),
    ]);
    assert_eq!(vae_of(&vae).expect_err("no VAE"), latents("VAE", 4));
    assert!(vae_of(&wide([16, 16], 5120)).is_err());
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
