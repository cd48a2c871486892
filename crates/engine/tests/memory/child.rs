//! A clip made in a process of its own, whose memory the system tells stage by stage.

use std::fs;
use std::process::Command;

use kinora_engine::{Cancel, Engine, Output, Plan, Progress, Request, Stage, Update};
use serde::{Deserialize, Serialize};

/// The request of a child, as JSON.
const REQUEST: &str = "KINORA_TEST_MEMORY";
/// Before what a child has to say.
const MARK: &str = "measured: ";

/// The most memory of the stages of a clip, in bytes, and the plan that was made before.
#[derive(Debug, Serialize, Deserialize)]
pub struct Measured {
    /// Until latents are denoised.
    pub denoise: u64,
    /// After that.
    pub decode: u64,
    /// The same two as the plan has them.
    pub planned: [u64; 2],
    pub text: String,
    pub notes: Vec<String>,
    /// What went wrong.
    pub error: Option<String>,
}

/// Makes the clip in a child process, with so much memory available.
pub fn measure(request: &Request, mib: Option<u64>) -> Measured {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "child::child", "--nocapture", "--test-threads=1"]);
    child.env(REQUEST, serde_json::to_string(request).unwrap());
    child.env("KINORA_CACHE", "");
    if let Some(mib) = mib {
        child.env(kinora_engine::LIMIT_VARIABLE, mib.to_string());
    }
    let output = child.output().unwrap();
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    let told = text
        .split_once(MARK)
        .map(|(_, told)| told.lines().next().unwrap());
    let told = told.unwrap_or_else(|| panic!("{text}{}", String::from_utf8_lossy(&output.stderr)));
    serde_json::from_str(told).unwrap()
}

/// What a child does; nothing in the parent.
#[test]
fn child() {
    let Ok(request) = std::env::var(REQUEST) else {
        return;
    };
    let request: Request = serde_json::from_str(&request).unwrap();
    println!("{MARK}{}", serde_json::to_string(&run(&request)).unwrap());
}

fn run(request: &Request) -> Measured {
    let engine = Engine::new();
    let job = engine.resolve(request).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let output = Output {
        path: folder.path().join("clip.mp4"),
        ..Output::default()
    };
    let mut watch = Watch::default();
    let made = engine.run(request, &job, &output, &mut watch, &Cancel::default());
    watch.reached(None);
    Measured {
        denoise: watch.denoise,
        decode: watch.decode,
        planned: stages(&job.plan),
        text: job.plan.to_string(),
        notes: job.notes.clone(),
        error: made.err().map(|error| error.to_string()),
    }
}

/// The most of a plan until latents are denoised, and after.
fn stages(plan: &Plan) -> [u64; 2] {
    let of = |decodes: bool| {
        let mut stage = Plan { ..plan.clone() };
        if decodes {
            (stage.picture, stage.text, stage.denoise) = Default::default();
        } else {
            stage.decode.clear();
        }
        stage.peak_bytes()
    };
    [of(false), of(true)]
}

/// The most memory of each stage.
#[derive(Default)]
struct Watch {
    stage: Option<Stage>,
    denoise: u64,
    decode: u64,
}

impl Watch {
    fn reached(&mut self, stage: Option<Stage>) {
        let most = kinora_engine::bench::peak_memory_bytes().unwrap();
        match self.stage {
            Some(Stage::Decode) => self.decode = most,
            _ => self.denoise = self.denoise.max(most),
        }
        if std::env::var_os("KINORA_TEST_MEMORY_TOLD").is_some() {
            eprintln!("{:?} {} MiB", self.stage, most >> 20);
        }
        self.stage = stage;
        // The most memory is counted from here on.
        fs::write("/proc/self/clear_refs", "5").unwrap();
    }
}

impl Progress for Watch {
    fn update(&mut self, update: &Update) {
        if self.stage != Some(update.stage) {
            self.reached(Some(update.stage));
        }
    }
}
