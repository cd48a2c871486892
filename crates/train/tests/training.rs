//! The program trains: from film to a cache to weights, through a kill.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread::sleep;
use std::time::{Duration, Instant};

use kinora_engine::Dtype;
use kinora_filmset::script::random::Rng;
use kinora_train::cache::Shard;
use kinora_train::eval::model::Generator;
use kinora_train::eval::run::prompts;
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;

/// Settings of runs of six small steps, with a checkpoint after each.
const SETTINGS: &str = r#"
[codec]
steps = 6
crops = [{ side = 32, count = 3 }]
crops_of_film = 2
learning_rate = 1e-3
warmup = 2
cooldown = 2
precision = "bf16"
seed = 5
log_every = 1
grid_every = 100
samples = 1
save_every = 0

[text]
steps = 6
captions = 20
hidden_words = 0.05
learning_rate = 1e-3
warmup = 2
cooldown = 2
seed = 5
log_every = 1
measure_every = 100
held_out = 8
save_every = 0

[dit]
plan = "1x2:6"
learning_rate = 1e-3
warmup = 2
cooldown = 2
channel_share = 0.5
precision = "bf16"
tokens = 1500
seed = 5
log_every = 1
grid_every = 100
samples = 0
save_every = 0
"#;

fn model() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/weights/kinora-1")
}

fn train(arguments: &[&str], paths: &[(&str, &Path)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kinora-train"));
    command.args(arguments);
    for (option, path) in paths {
        command.arg(option).arg(path);
    }
    command
}

fn succeed(mut command: Command) -> Output {
    let output = command.output().expect("the program runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    output
}

fn refuse(mut command: Command) -> String {
    let output = command.output().expect("the program runs");
    assert!(!output.status.success(), "{command:?} was not refused");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A cache of six stills in two files.
fn cache(folder: &Path) -> PathBuf {
    let cache = folder.join("cache");
    let paths: [(&str, &Path); 2] = [("--output", &cache), ("--model", &model())];
    let arguments = ["cache", "--frames", "1", "--count", "6", "--shard", "3"];
    let said = succeed(train(&arguments, &paths)).stdout;
    assert_eq!(String::from_utf8_lossy(&said).lines().count(), 2);
    cache
}

/// All tensors of a file. Its bytes may differ: those of its metadata have no order.
fn tensors(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let bytes = fs::read(path).expect("a file");
    let file = SafeTensors::deserialize(&bytes).expect("a whole file");
    let tensor = |(name, view): (String, TensorView)| (name, view.data().to_vec());
    file.tensors().into_iter().map(tensor).collect()
}

/// Runs a command whole, and again through a kill after its third step, to the same checkpoint and as many
/// `lines` of the log; returns the folder of the killed run.
fn whole_and_killed(folder: &Path, command: impl Fn(&Path) -> Command, lines: usize) -> PathBuf {
    let [whole, killed] = ["whole", "killed"].map(|name| folder.join(name));
    succeed(command(&whole));
    let logged = |run: &Path| {
        let log = fs::read_to_string(run.join("metrics.jsonl")).unwrap_or_default();
        log.lines().count()
    };
    let mut child = command(&killed).spawn().expect("the program runs");
    let started = Instant::now();
    while logged(&killed) < 3 {
        assert!(started.elapsed() < Duration::from_mins(2), "no third step");
        sleep(Duration::from_millis(5));
    }
    child.kill().expect("a running program");
    child.wait().expect("an end");
    succeed(command(&killed));

    let [ours, expected] =
        [&killed, &whole].map(|run| tensors(&run.join("checkpoint.safetensors")));
    assert!(ours == expected, "another checkpoint");
    assert_eq!([&whole, &killed].map(|run| logged(run)), [lines; 2]);
    assert!(killed.join("metrics.png").exists());
    killed
}

#[test]
fn a_killed_run_of_the_codec_ends_with_the_weights_of_one_that_was_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = folder.path().join("six.toml");
    fs::write(&settings, SETTINGS).expect("settings");
    let codec = |run: &Path| {
        let paths: [(&str, &Path); 3] = [
            ("--run", run),
            ("--config", &settings),
            ("--from", &model()),
        ];
        train(&["codec"], &paths)
    };
    // Six steps, and what is measured at the end.
    let killed = whole_and_killed(folder.path(), codec, 7);
    assert!(killed.join("grid-000006.png").exists());

    let export = |run: &Path, name: &str| {
        let output = folder.path().join(name);
        let paths: [(&str, &Path); 3] =
            [("--run", run), ("--from", &model()), ("--output", &output)];
        succeed(train(&["export"], &paths));
        tensors(&output.join("codec.safetensors"))
    };
    let before = tensors(&model().join("codec.safetensors"));
    let moved = export(&killed, "moved");
    assert!(moved["decoder.head.weight"] != before["decoder.head.weight"]);
    assert!(moved["encoder.head.weight"] != before["encoder.head.weight"]);
    assert!(moved["mean"] != before["mean"], "latents of another mean");

    let run = folder.path().join("decoder");
    let mut alone = codec(&run);
    alone.arg("--keep-latents");
    succeed(alone);
    let kept = export(&run, "kept");
    for (name, tensor) in &kept {
        let moved = *tensor != before[name];
        assert!(!moved || name.starts_with("decoder."), "{name} moved");
    }
    assert!(kept["decoder.head.weight"] != before["decoder.head.weight"]);
    let prompt = prompts(9_300, 1, 25).next().expect("a prompt");
    let generator = Generator::new(&folder.path().join("kept"), Dtype::Bf16);
    let clip = generator.expect("a generator").generate(&prompt);
    clip.expect("the engine runs the model");

    let other = tempfile::tempdir().expect("a folder");
    let cache = cache(other.path());
    let paths: [(&str, &Path); 3] = [("--run", &run), ("--cache", &cache), ("--from", &model())];
    let said = refuse(train(&["dit"], &paths));
    assert!(said.contains("format kinora-codec/1"), "{said}");
}

#[test]
fn a_killed_run_of_the_text_encoder_ends_with_the_weights_of_one_that_was_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = folder.path().join("six.toml");
    fs::write(&settings, SETTINGS).expect("settings");
    let text = |run: &Path| {
        let paths: [(&str, &Path); 3] = [
            ("--run", run),
            ("--config", &settings),
            ("--from", &model()),
        ];
        train(&["text"], &paths)
    };
    // Six steps, and what is measured at the end.
    let killed = whole_and_killed(folder.path(), text, 7);
    let log = fs::read_to_string(killed.join("metrics.jsonl")).unwrap();
    let last: serde_json::Value = serde_json::from_str(log.lines().last().unwrap()).unwrap();
    assert!(last["slots"].as_f64().unwrap() > 0.9, "{last}");

    let output = folder.path().join("exported");
    let paths: [(&str, &Path); 3] = [
        ("--run", &killed),
        ("--from", &model()),
        ("--output", &output),
    ];
    succeed(train(&["export"], &paths));
    let [ours, before] =
        [&output, &model()].map(|folder| tensors(&folder.join("text.safetensors")));
    assert!(ours["words.weight"] != before["words.weight"]);
    let [ours, before] = [&output, &model()].map(|folder| {
        let sums = fs::read_to_string(folder.join("SHA256SUMS")).unwrap();
        sums.lines().map(str::to_owned).collect::<BTreeSet<_>>()
    });
    let changed: Vec<&String> = ours.difference(&before).collect();
    assert!(ours.len() == before.len() && changed.len() == 1, "{ours:?}");
    assert!(changed[0].ends_with("  text.safetensors"), "{changed:?}");
}

#[test]
fn a_killed_run_ends_with_the_weights_of_one_that_was_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let (settings, cache) = (folder.path().join("six.toml"), cache(folder.path()));
    fs::write(&settings, SETTINGS).expect("settings");
    let dit = |run: &Path| {
        let paths: [(&str, &Path); 4] = [
            ("--run", run),
            ("--cache", &cache),
            ("--config", &settings),
            ("--from", &model()),
        ];
        train(&["dit"], &paths)
    };
    let killed = whole_and_killed(folder.path(), dit, 6);

    let exported = folder.path().join("exported");
    let paths: [(&str, &Path); 3] = [
        ("--run", &killed),
        ("--from", &model()),
        ("--output", &exported),
    ];
    succeed(train(&["export"], &paths));
    let prompt = prompts(9_300, 1, 25).next().expect("a prompt");
    let generator = Generator::new(&exported, Dtype::Bf16).expect("a generator");
    let clip = generator
        .generate(&prompt)
        .expect("the engine runs the model");
    let before = Generator::new(&model(), Dtype::Bf16).expect("a generator");
    let before = before.generate(&prompt).expect("the engine runs the model");
    assert!(clip.frames != before.frames, "six steps changed nothing");
}

#[test]
fn files_of_a_cache_that_are_there_are_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let cache = cache(folder.path());
    let first = cache.join("wide-1-00000.safetensors");
    let second = cache.join("wide-1-00001.safetensors");
    let same = tensors(&second);
    fs::write(&first, b"kept").unwrap();
    fs::remove_file(&second).unwrap();
    self::cache(folder.path());
    assert_eq!(fs::read(&first).unwrap(), b"kept");
    assert!(tensors(&second) == same, "another shard");
}

#[test]
fn what_a_cached_clip_shows_is_said_in_several_ways() {
    let folder = tempfile::tempdir().expect("a folder");
    let shard = cache(folder.path()).join("wide-1-00001.safetensors");
    let shard = Shard::read(&shard).expect("a shard");
    let mut rng = Rng::new(1);
    for header in &shard.headers {
        let said: BTreeSet<&str> = (0..200).map(|_| header.said(&mut rng)).collect();
        let ways = header.phrasings.iter().chain([&header.caption]);
        assert_eq!(said, ways.map(String::as_str).collect());
        assert!(said.len() > 2, "{said:?}");
    }
}

#[test]
fn clips_that_a_cache_sets_aside_are_measured() {
    let folder = tempfile::tempdir().expect("a folder");
    let [cache, run] = ["cache", "run"].map(|name| folder.path().join(name));
    let fifty = ["cache", "--frames", "1", "--count", "50", "--shard", "50"];
    succeed(train(
        &fifty,
        &[("--output", &cache), ("--model", &model())],
    ));
    let settings = folder.path().join("one.toml");
    fs::write(
        &settings,
        SETTINGS.replace("grid_every = 100", "grid_every = 1"),
    )
    .unwrap();
    let paths: [(&str, &Path); 4] = [
        ("--run", &run),
        ("--cache", &cache),
        ("--from", &model()),
        ("--config", &settings),
    ];
    succeed(train(&["dit", "--plan", "1x2:2"], &paths));
    let log = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    let lines = log.lines().map(|line| serde_json::from_str(line).unwrap());
    let unseen = |line: serde_json::Value| line.get("unseen velocity 1")?.as_f64();
    let unseen: Vec<f64> = lines.filter_map(unseen).collect();
    assert!(unseen.len() == 2 && unseen.iter().all(|loss| (0.05..2.0).contains(loss)));
    assert!(
        (unseen[0] - unseen[1]).abs() > 0.0,
        "the weights moved: {unseen:?}"
    );
}

#[test]
fn what_cannot_be_trained_on_is_refused_with_a_way_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = folder.path().join("run");
    let dit = |cache: &Path, more: &[&str]| {
        let paths: [(&str, &Path); 3] = [("--run", &run), ("--cache", cache), ("--from", &model())];
        refuse(train(&[&["dit"], more].concat(), &paths))
    };
    let said = dit(&folder.path().join("nowhere"), &[]);
    assert!(
        said.contains("cannot read") && said.contains("nowhere"),
        "{said}"
    );

    let empty = folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let said = dit(&empty, &["--plan", "25x2:4"]);
    assert!(said.contains("kinora-train cache --frames 25"), "{said}");

    let other = folder.path().join("other");
    fs::create_dir(&other).unwrap();
    fs::copy(
        model().join("text.safetensors"),
        other.join("a.safetensors"),
    )
    .unwrap();
    let said = dit(&other, &[]);
    assert!(said.contains("no shard of the latent cache"), "{said}");

    let said = dit(&empty, &["--plan", "24x2:4"]);
    assert!(said.contains("24x2"), "{said}");
    let settings = folder.path().join("wrong.toml");
    fs::write(&settings, SETTINGS.replace("warmup", "warm_up")).unwrap();
    let said = dit(&empty, &["--config", settings.to_str().unwrap()]);
    assert!(said.contains("warm_up"), "{said}");
    assert!(!run.join("checkpoint.safetensors").exists());

    fs::write(&settings, SETTINGS.replace("side = 32", "side = 40")).unwrap();
    let paths: [(&str, &Path); 3] = [
        ("--run", &run),
        ("--config", &settings),
        ("--from", &model()),
    ];
    let said = refuse(train(&["codec"], &paths));
    assert!(
        said.contains("multiple of 32") && said.contains("40"),
        "{said}"
    );
}
