//! Models of the published layouts in middling sizes, all of their weights zero: their files are holes,
//! which take no disk and are mapped, read and packed like others.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

/// A model that is smaller than the published one.
pub struct Model {
    family: Family,
    /// Width of the transformer over the published one.
    pub width: (usize, usize),
    /// Blocks of the transformer.
    pub blocks: usize,
    /// By how much the VAE's channels are divided.
    pub vae: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum Family {
    Ltx,
    Wan,
}

impl Model {
    pub const fn ltx(width: (usize, usize), blocks: usize, vae: usize) -> Self {
        let family = Family::Ltx;
        Self {
            family,
            width,
            blocks,
            vae,
        }
    }

    pub const fn wan(width: (usize, usize), blocks: usize, vae: usize) -> Self {
        let family = Family::Wan;
        Self {
            family,
            width,
            blocks,
            vae,
        }
    }

    /// Writes the directory: a tiny model of the fixtures with another transformer and VAE.
    pub fn write(&self, folder: &Path) -> PathBuf {
        let (name, shapes) = match self.family {
            Family::Ltx => ("ltx-0.9.0", self.ltx_parts()),
            Family::Wan => ("wan-2.1", self.wan_parts()),
        };
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("fixtures/open")
            .join(name);
        let model = folder.join(name);
        copy(&fixture, &model);
        for (part, config, tensors) in shapes {
            let folder = model.join(part);
            fs::write(folder.join("config.json"), config.to_string()).unwrap();
            hollow(
                &folder.join("diffusion_pytorch_model.safetensors"),
                &tensors,
            );
        }
        model
    }

    fn scaled(&self, size: usize) -> usize {
        size * self.width.0 / self.width.1
    }

    fn ltx_parts(&self) -> [(&'static str, Value, Vec<Tensor>); 2] {
        use kinora_models::ltx::presets::{TRANSFORMER_2B, VAE_090};
        let mut transformer: Value = serde_json::from_str(TRANSFORMER_2B).unwrap();
        let latents = 128 / self.vae;
        set(&mut transformer, "num_attention_heads", self.scaled(32));
        set(&mut transformer, "cross_attention_dim", self.scaled(2048));
        set(&mut transformer, "caption_channels", 12);
        set(&mut transformer, "num_layers", self.blocks);
        for key in ["in_channels", "out_channels"] {
            set(&mut transformer, key, latents);
        }
        let of_transformer = |size| match size {
            128 => latents,
            4096 => 12, // the tiny text encoder's
            size if size >= 2048 => self.scaled(size),
            size => size,
        };
        let mut vae: Value = serde_json::from_str(VAE_090).unwrap();
        set(&mut vae, "latent_channels", latents);
        for key in ["block_out_channels", "decoder_block_out_channels"] {
            let channels = [128, 256, 512, 512].map(|width| width / self.vae);
            vae[key] = json!(channels);
        }
        let of_vae = |size| match size {
            129 => latents + 1,
            size if size % 128 == 0 => size / self.vae,
            size => size,
        };
        let list = |name: &str| {
            let lines = fixture(&format!("ltx/keys/{name}.diffusers.txt"));
            let lines: Vec<Tensor> = lines.lines().map(of_line).collect();
            lines
        };
        [
            (
                "transformer",
                transformer,
                self.expand(list("transformer-2b"), of_transformer),
            ),
            ("vae", vae, self.expand(list("vae-0.9.0"), of_vae)),
        ]
    }

    fn wan_parts(&self) -> [(&'static str, Value, Vec<Tensor>); 2] {
        let published = |name: &str| -> Value {
            let preset = kinora_models::wan::PRESETS
                .iter()
                .find(|preset| preset.name == name);
            serde_json::from_str(preset.unwrap().transformer).unwrap()
        };
        let mut transformer = published("wan2.1-t2v-1.3b");
        set(&mut transformer, "num_attention_heads", self.scaled(12));
        set(&mut transformer, "ffn_dim", self.scaled(8960));
        set(&mut transformer, "text_dim", 20);
        set(&mut transformer, "num_layers", self.blocks);
        let of_transformer = |size| match size {
            4096 => 20, // the tiny text encoder's
            size if size >= 1536 => self.scaled(size),
            size => size,
        };
        let vae = kinora_models::wan::VAE_PRESETS
            .iter()
            .find(|vae| vae.name == "wan2.1-vae");
        let mut vae: Value = serde_json::from_str(vae.unwrap().config).unwrap();
        set(&mut vae, "base_dim", 96 / self.vae);
        let of_vae = |size| {
            if size % 96 == 0 {
                size / self.vae
            } else {
                size
            }
        };
        let list = |name: &str| -> Vec<Tensor> {
            let lists: Value =
                serde_json::from_str(&fixture(&format!("wan/keys/{name}.json"))).unwrap();
            serde_json::from_value(lists["diffusers"].clone()).unwrap()
        };
        [
            (
                "transformer",
                transformer,
                self.expand(list("wan2.1-t2v-1.3b"), of_transformer),
            ),
            ("vae", vae, self.expand(list("wan2.1-vae"), of_vae)),
        ]
    }

    /// Each tensor of a list by itself, in other sizes; of the transformer's blocks as many as it has.
    fn expand(&self, list: Vec<Tensor>, size: impl Fn(usize) -> usize) -> Vec<Tensor> {
        let blocks = self.blocks;
        let each = |(name, shape): Tensor| {
            let shape: Vec<usize> = shape.into_iter().map(&size).collect();
            let names = match name.split_once('{') {
                None => vec![name],
                Some((before, rest)) => {
                    let (range, after) = rest.split_once('}').unwrap();
                    let is_block = before.ends_with("blocks.") && !before.contains("coder");
                    let range = if is_block { 0..blocks } else { numbers(range) };
                    range.map(|i| format!("{before}{i}{after}")).collect()
                }
            };
            names.into_iter().map(move |name| (name, shape.clone()))
        };
        list.into_iter().flat_map(each).collect()
    }
}

/// A tensor's name and shape.
type Tensor = (String, Vec<usize>);

fn of_line(line: &str) -> Tensor {
    let mut words = line.split(' ');
    let name = words.next().unwrap_or_default().to_owned();
    (name, words.map(|size| size.parse().unwrap()).collect())
}

/// `0..27` are 28 numbers, and so are `28`.
fn numbers(range: &str) -> std::ops::Range<usize> {
    match range.split_once("..") {
        Some((first, last)) => first.parse().unwrap()..last.parse::<usize>().unwrap() + 1,
        None => 0..range.parse().unwrap(),
    }
}

fn set(config: &mut Value, key: &str, value: usize) {
    config[key] = json!(value);
}

fn fixture(path: &str) -> String {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/fixtures");
    fs::read_to_string(fixtures.join(path)).unwrap()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A weight file in bf16 of these tensors, their numbers a hole.
fn hollow(path: &Path, tensors: &[Tensor]) {
    let mut header = Map::new();
    let mut end = 0;
    for (name, shape) in tensors {
        let start = end;
        end += shape.iter().product::<usize>() * 2;
        let entry = json!({"dtype": "BF16", "shape": shape, "data_offsets": [start, end]});
        header.insert(name.clone(), entry);
    }
    let header = Value::Object(header).to_string();
    let mut file = File::create(path).unwrap();
    file.write_all(&(header.len() as u64).to_le_bytes())
        .unwrap();
    file.write_all(header.as_bytes()).unwrap();
    file.set_len((8 + header.len() + end) as u64).unwrap();
}
