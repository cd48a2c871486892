//! Embeds the models of `weights/`: every folder that holds all files of a model.
//!
//! A clone without weights still builds; the program then has no model of its own and says so.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// Names the files of a model.
const SUMS: &str = "SHA256SUMS";
/// Has no checksum.
const COVERAGE: &str = "coverage.json";

fn main() {
    let root = env::var("CARGO_MANIFEST_DIR").expect("cargo says where the crate is");
    println!("cargo::rerun-if-changed=weights");
    let mut code = String::from("&[\n");
    for folder in entries(&Path::new(&root).join("weights")) {
        if folder.is_dir() {
            embed(&folder, &mut code);
        }
    }
    code.push(']');
    let out = env::var("OUT_DIR").expect("cargo says where to write");
    fs::write(Path::new(&out).join("embedded.rs"), code).expect("the build folder can be written");
}

/// The paths of what a folder holds, in order.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// Adds the name and the files of a model to the table, unless it lacks one.
fn embed(folder: &Path, code: &mut String) {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let sums = fs::read_to_string(folder.join(SUMS)).unwrap_or_default();
    let summed = sums
        .lines()
        .filter_map(|line| line.split_whitespace().nth(1));
    let files: Vec<&str> = summed.chain([SUMS, COVERAGE]).collect();
    let lacks = |file: &&&str| !folder.join(file).is_file();
    let missing: Vec<_> = files.iter().filter(lacks).collect();
    if !missing.is_empty() {
        println!("cargo::warning=model {name} is not embedded, weights/{name} lacks {missing:?}");
        return;
    }
    writeln!(code, "({name:?}, &[").expect("strings grow");
    for file in files {
        let path = folder.join(file).display().to_string();
        writeln!(code, "({file:?}, include_bytes!({path:?}) as &[u8]),").expect("strings grow");
    }
    code.push_str("]),\n");
}
