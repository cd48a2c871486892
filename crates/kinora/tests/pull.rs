//! `kinora pull`: the built binary against a hub that is played on this machine.

#[path = "../../hub/tests/support/server.rs"]
mod server;
mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;
use server::{Server, header, sha256};
use support::{Folder, Outcome};

const NAME: &str = "wan-2.1-t2v-1.3b";
const REPO: &str = "Wan-AI/Wan2.1-T2V-1.3B-Diffusers";
/// The file whose digest the hub lists.
const WEIGHTS: &str = "transformer/diffusion_pytorch_model.safetensors";

fn hub() -> Server {
    let files = [
        ("model_index.json", b"{}".to_vec()),
        ("scheduler/scheduler_config.json", b"{\"a\": 1}".to_vec()),
        ("text_encoder/config.json", b"{}".to_vec()),
        ("tokenizer/spiece.model", b"no model".to_vec()),
        (WEIGHTS, (0..=255).cycle().take(2_500_000).collect()),
        ("vae/config.json", b"{}".to_vec()),
        ("README.md", b"# nobody wants it".to_vec()),
    ];
    let files: BTreeMap<String, Vec<u8>> = files.map(|(name, data)| (name.to_owned(), data)).into();
    Server::start(REPO, WEIGHTS, files)
}

/// The binary at a hub, with a folder for its models.
struct Machine {
    folder: Folder,
    endpoint: String,
}

impl Machine {
    fn of(hub: &Server) -> Self {
        Self {
            folder: Folder::new(),
            endpoint: hub.address.clone(),
        }
    }

    fn models(&self) -> PathBuf {
        self.folder.0.join("models")
    }

    fn file(&self, path: &str) -> PathBuf {
        self.models().join(NAME).join(path)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.folder.command(arguments);
        command
            .env("KINORA_MODELS", self.models())
            .env("HF_ENDPOINT", &self.endpoint)
            .env("HF_TOKEN", "secret");
        command
    }

    fn run(&self, arguments: &[&str]) -> Outcome {
        Outcome::of(&mut self.command(arguments))
    }

    /// Runs and expects an error of this code whose words are these, and no file of weights.
    #[track_caller]
    fn fails(&self, arguments: &[&str], code: i32, message: &str, hint: &str) {
        let outcome = self.run(arguments);
        assert_eq!(outcome.code, code, "{}", outcome.err);
        assert!(outcome.err.contains(message), "{}", outcome.err);
        let said = outcome
            .err
            .lines()
            .find_map(|line| line.strip_prefix("hint: "));
        assert!(said.unwrap_or_default().contains(hint), "{}", outcome.err);
        assert!(!outcome.err.contains("secret"), "{}", outcome.err);
        assert_eq!(outcome.out, "");
        assert!(!self.file(WEIGHTS).exists() && self.installed().is_none());
    }

    /// What `kinora models` says of the model when it is installed.
    fn installed(&self) -> Option<Value> {
        let listed = self.run(&["models", "--json"]);
        assert_eq!(listed.code, 0, "{}", listed.err);
        let listed: Value = serde_json::from_str(&listed.out).expect("JSON");
        let mut all = listed["published"].as_array().expect("a list").iter();
        let model = all
            .find(|model| model["name"] == NAME)
            .expect("it is listed");
        (model["installed"] == true).then(|| model.clone())
    }
}

/// Where words stand in a text.
#[track_caller]
fn place(text: &str, words: &str) -> usize {
    text.find(words)
        .unwrap_or_else(|| panic!("no `{words}` in {text}"))
}

#[test]
fn licence_and_size_come_first_then_the_files() {
    let hub = hub();
    let machine = Machine::of(&hub);
    let outcome = machine.run(&["pull", NAME]);
    assert_eq!(outcome.code, 0, "{}", outcome.err);
    let said = &outcome.err;
    let licence = place(said, "licence  Apache-2.0 (free for any use)");
    let address = place(said, "https://www.apache.org/licenses/LICENSE-2.0");
    let size = place(said, "2.5 MB in 6 files, 2.5 MB to come");
    let coming = place(said, " of 2.5 MB\n");
    assert!(
        licence < address && address < size && size < coming,
        "{said}"
    );
    assert!(outcome.out.starts_with(&format!("{NAME} is installed")));

    for (path, data) in &hub.state().files {
        let there = fs::read(machine.file(path)).ok();
        assert_eq!(
            there.as_ref(),
            (path != "README.md").then_some(data),
            "{path}"
        );
    }
    for request in &hub.state().requests {
        assert_eq!(header(request, "authorization"), Some("Bearer secret"));
    }
    let model = machine.installed().expect("it is installed");
    assert_eq!(model["bytes"], 2_500_022);
    assert_eq!(model["bytes_are_about"], false);
    let listed = machine.run(&["models"]).out;
    assert!(listed.contains("installed, 2.5 MB\n"), "{listed}");
}

#[test]
fn what_is_here_is_said_to_be_and_does_not_come_again() {
    let hub = hub();
    let machine = Machine::of(&hub);
    for said in ["2.5 MB to come", "all of it here"] {
        let outcome = machine.run(&["pull", NAME]);
        assert_eq!(outcome.code, 0, "{}", outcome.err);
        assert!(outcome.err.contains(said), "{}", outcome.err);
        assert!(outcome.out.contains("is installed"));
    }
    assert_eq!(hub.downloads().len(), 1);
}

#[test]
fn a_dry_run_downloads_nothing() {
    let hub = hub();
    let machine = Machine::of(&hub);
    let outcome = machine.run(&["pull", NAME, "--dry-run"]);
    assert_eq!((outcome.code, &outcome.out[..]), (0, ""), "{}", outcome.err);
    place(&outcome.err, "2.5 MB in 6 files, 2.5 MB to come");
    assert!(hub.downloads().is_empty() && !machine.models().exists());
}

#[test]
fn a_wrong_digest_is_refused() {
    let hub = hub();
    let listed = sha256(b"something else");
    let found = sha256(&hub.state().files[WEIGHTS]);
    hub.state()
        .listed
        .insert(WEIGHTS.to_owned(), listed.clone());
    let message = format!("its SHA-256 is {found}, the hub lists {listed}; it was removed");
    Machine::of(&hub).fails(&["pull", NAME], 1, &message, "pull again");
}

#[test]
fn a_file_and_a_repository_that_are_gone_are_named() {
    let hub = hub();
    hub.state().status = Some((404, 1));
    let machine = Machine::of(&hub);
    let message = format!("{WEIGHTS}: not found (404); the repository or the file was renamed");
    machine.fails(&["pull", NAME], 1, &message, "");
    let message = "Wan-AI/Wan2.1-T2V-14B-Diffusers/tree/main?recursive=true: not found (404)";
    machine.fails(&["pull", "wan-2.1-t2v-14b"], 1, message, "");
}

#[test]
fn a_hub_that_refuses_or_is_none_is_told() {
    let hub = hub();
    hub.state().status = Some((403, 1));
    let machine = Machine::of(&hub);
    let message = "refused (403); the token's account has no access";
    machine.fails(&["pull", NAME], 1, message, "HF_TOKEN");
    machine.fails(
        &["pull", "wan-2.1"],
        2,
        "no model is called `wan-2.1`; the nearest is `wan-",
        "`kinora models` lists the names",
    );
    for (endpoint, code, message, hint) in [
        (
            "huggingface.co",
            2,
            "`huggingface.co` is no address of a hub",
            "",
        ),
        (
            "http://127.0.0.1:1",
            1,
            "the connection failed",
            "HF_ENDPOINT",
        ),
    ] {
        let machine = Machine {
            folder: Folder::new(),
            endpoint: endpoint.to_owned(),
        };
        machine.fails(&["pull", NAME], code, message, hint);
    }
}

/// What an earlier pull left is kept, and the next one goes on from there.
#[test]
fn a_pull_goes_on_where_another_ended() {
    let hub = hub();
    let machine = Machine::of(&hub);
    let part = machine.file(&format!("{WEIGHTS}.part"));
    fs::create_dir_all(part.parent().expect("a folder")).expect("it is made");
    fs::write(&part, &hub.state().files[WEIGHTS][..1_000_000]).expect("a part");
    let outcome = machine.run(&["pull", NAME]);
    assert_eq!(outcome.code, 0, "{}", outcome.err);
    place(&outcome.err, "1.5 MB to come");
    let request = hub.downloads().remove(0);
    assert_eq!(header(&request, "range"), Some("bytes=1000000-"));
    assert!(!part.exists());
}

/// Ctrl-C while the hub brings nothing and the pull waits to ask again.
#[cfg(unix)]
#[test]
fn an_interrupted_pull_stops_at_once() {
    let hub = hub();
    hub.state().cut = Some(0);
    let machine = Machine::of(&hub);
    let mut command = machine.command(&["pull", NAME]);
    let child = command
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let start = Instant::now();
    while hub.downloads().is_empty() && start.elapsed() < Duration::from_mins(1) {
        sleep(Duration::from_millis(20));
    }
    let kill = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(kill.expect("kill runs").success());
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(said.contains("error: stopped; what came is kept"), "{said}");
}
