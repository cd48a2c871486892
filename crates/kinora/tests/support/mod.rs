//! The built binary, a folder for its files, and a tiny model that it can run.

#![allow(dead_code, reason = "each test file uses a part")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use kinora_nn::sha256_hex;
use serde_json::{Value, json};

/// What a run of the binary said.
pub struct Outcome {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Outcome {
    /// Runs the binary to its end.
    pub fn of(command: &mut Command) -> Self {
        let output = command.output().expect("the binary runs");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        let outcome = Self {
            code: output.status.code().expect("no signal"),
            out: text(output.stdout),
            err: text(output.stderr),
        };
        assert!(
            !outcome.err.contains("panicked"),
            "panic text: {}",
            outcome.err
        );
        outcome
    }
}

/// A folder in which the binary runs, removed at the end.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        let path =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("cli-{}-{n}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder for tests");
        Self(path)
    }

    /// The binary with these arguments, not yet run.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kinora"));
        command
            .args(arguments)
            .current_dir(&self.0)
            .stdin(Stdio::null());
        command
            .env_remove("KINORA_CPU")
            .env_remove("KINORA_MEMORY_MIB");
        command
    }

    pub fn kinora(&self, arguments: &[&str]) -> Outcome {
        Outcome::of(&mut self.command(arguments))
    }

    /// `kinora generate PROMPT --model TINY --seconds 1 --steps 2` with more arguments.
    pub fn generate(&self, prompt: &str, more: &[&str]) -> Outcome {
        let model = tiny_model();
        let model = model.to_str().expect("a plain path");
        let all = [
            &[
                "generate",
                prompt,
                "--model",
                model,
                "--seconds",
                "1",
                "--steps",
                "2",
            ],
            more,
        ];
        self.kinora(&all.concat())
    }

    pub fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).expect("the folder is there");
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A model folder with the tiny random weights of the parity fixtures, made once.
pub fn tiny_model() -> PathBuf {
    static MODEL: OnceLock<PathBuf> = OnceLock::new();
    MODEL
        .get_or_init(|| write_model(&format!("tiny-{}", std::process::id())))
        .clone()
}

/// Writes the tiny model into a folder of this name.
pub fn write_model(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&folder).expect("a folder for the model");
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/fixtures/native");
    let config = fs::read_to_string(fixtures.join("config.json")).expect("the tiny config");
    let mut config: Value = serde_json::from_str(&config).expect("JSON");
    config["text"]["num_ngrams"] = json!(4096);
    config["text"]["max_tokens"] = json!(40);
    let words = [
        "beach", "boat", "camera", "dawn", "dog", "harbor", "night", "red", "runs", "slow",
    ];
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    files.insert("config.json".into(), config.to_string().into_bytes());
    files.insert("vocabulary.txt".into(), words.join("\n").into_bytes());
    for part in ["text", "transformer", "codec"] {
        let file = format!("{part}.safetensors");
        let bytes = fs::read(fixtures.join(&file)).expect("a fixture");
        files.insert(file, weights_only(&bytes));
    }
    let mut sums = String::new();
    for (name, bytes) in &files {
        writeln!(sums, "{}  {name}", sha256_hex([&bytes[..]])).expect("strings grow");
    }
    files.insert("SHA256SUMS".into(), sums.into_bytes());
    let coverage = r#"{"model": "tiny", "clips": 9, "slots": {
        "setting": {"*": {"accuracy": 0.9, "clips": 9}},
        "time": {"*": {"accuracy": 0.9, "clips": 9}},
        "subject kind": {"*": {"accuracy": 0.5, "clips": 9}}}}"#;
    files.insert("coverage.json".into(), coverage.into());
    for (name, bytes) in files {
        fs::write(folder.join(name), bytes).expect("the model is written");
    }
    folder
}

/// The tensors under `weights.`, without that prefix; the table of spellings grown to full size.
fn weights_only(bytes: &[u8]) -> Vec<u8> {
    let length = u64::from_le_bytes(*bytes.first_chunk().expect("a header")) as usize;
    let header: Value = serde_json::from_slice(&bytes[8..8 + length]).expect("a JSON header");
    let (mut out, mut data) = (serde_json::Map::new(), Vec::new());
    for (name, info) in header.as_object().expect("an object") {
        let Some(name) = name.strip_prefix("weights.") else {
            continue;
        };
        let at = |i: usize| 8 + length + info["data_offsets"][i].as_u64().expect("offset") as usize;
        let (begin, mut info) = (data.len(), info.clone());
        data.extend_from_slice(&bytes[at(0)..at(1)]);
        if name == "ngrams.weight" {
            let rows = info["shape"][0].as_u64().expect("rows") as usize;
            data.resize(begin + (at(1) - at(0)) / rows * 4096, 0);
            info["shape"][0] = json!(4096);
        }
        info["data_offsets"] = json!([begin, data.len()]);
        out.insert(name.into(), info);
    }
    let header = Value::Object(out).to_string();
    [
        &(header.len() as u64).to_le_bytes()[..],
        header.as_bytes(),
        &data,
    ]
    .concat()
}
