//! Embeds the models of `weights/`: every folder that holds all files of a model.
//!
//! A clone without weights still builds; the program then has no model of its own and says so.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

const FILES: [&str; 7] = [
    "config.json",
    "vocabulary.txt",
    "coverage.json",
    "SHA256SUMS",
    "text.safetensors",
    "transformer.safetensors",
    "codec.safetensors",
];

fn main() {
    let root = env::var("CARGO_MANIFEST_DIR").expect("cargo says where the crate is");
    let weights = Path::new(&root).join("weights");
    println!("cargo::rerun-if-changed=weights");
    let mut folders: Vec<_> = fs::read_dir(&weights)
        .map(|entries| {
            entries
                .filter_map(Result::ok)
                .map(|entry| entry.path())
                .collect()
        })
        .unwrap_or_default();
    folders.sort();
    let mut code = String::from("&[\n");
    for folder in folders.iter().filter(|folder| folder.is_dir()) {
        let missing: Vec<_> = FILES
            .iter()
            .filter(|file| !folder.join(file).is_file())
            .collect();
        let name = folder
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if !missing.is_empty() {
            println!(
                "cargo::warning=model {name} is not embedded, weights/{name} lacks {missing:?}"
            );
            continue;
        }
        writeln!(code, "({name:?}, [").expect("strings grow");
        for file in FILES {
            let path = folder.join(file);
            writeln!(
                code,
                "include_bytes!({:?}) as &[u8],",
                path.display().to_string()
            )
            .expect("strings grow");
        }
        code.push_str("]),\n");
    }
    code.push(']');
    let out = env::var("OUT_DIR").expect("cargo says where to write");
    fs::write(Path::new(&out).join("embedded.rs"), code).expect("the build folder can be written");
}
