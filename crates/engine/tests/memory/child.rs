//! A clip made in a process of its own, whose memory the system tells stage by stage.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use kinora_engine::bench::peak_memory_bytes;
use kinora_engine::{Cancel, Engine, LIMIT_VARIABLE, Output, Progress, Request, Stage, Update};
use serde::{Deserialize, Serialize};

/// The request of a child, as JSON, and the folder that its files go to.
const REQUEST: &str = "KINORA_TEST_MEMORY_REQUEST";
const FOLDER: &str = "KINORA_TEST_MEMORY_FOLDER";
/// Before what a child has to say.
const MARK: &str = "measured: ";

/// What a child found.
#[derive(Debug, Serialize, Deserialize)]
pub struct Measured {
    /// The most memory in bytes before decoding, and while decoding.
    pub peaks: [u64; 2],
    /// The most of the plan.
    pub planned_peak: u64,
    /// The plan as people read it.
    pub plan: String,
    pub notes: Vec<String>,
    /// What went wrong.
    pub error: Option<String>,
}

/// The files of a clip.
pub fn frames(folder: &Path) -> PathBuf {
    folder.join("frames.safetensors")
}

pub fn latents(folder: &Path) -> PathBuf {
    folder.join("latents.safetensors")
}

/// Makes a clip in `folder` in a child process, with so much memory available.
pub fn measure(request: &Request, folder: &Path, mib: Option<u64>) -> Measured {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "child::child", "--nocapture", "--test-threads=1"]);
    child.env(REQUEST, serde_json::to_string(request).unwrap());
    child.env(FOLDER, folder);
    // A text encoder that is not run takes no memory.
    child.env(kinora_engine::CACHE_VARIABLE, "");
    if let Some(mib) = mib {
        child.env(LIMIT_VARIABLE, mib.to_string());
    }
    let output = child.output().unwrap();
    let [text, errors] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    let told = text
        .split_once(MARK)
        .and_then(|(_, told)| told.lines().next());
    let told = told.unwrap_or_else(|| panic!("a child has failed: {text}{errors}"));
    serde_json::from_str(told).unwrap()
}

/// What a child does; nothing in the parent.
#[test]
fn child() {
    let Ok(request) = std::env::var(REQUEST) else {
        return;
    };
    let request: Request = serde_json::from_str(&request).unwrap();
    let folder = PathBuf::from(std::env::var_os(FOLDER).unwrap());
    println!(
        "{MARK}{}",
        serde_json::to_string(&run(&request, &folder)).unwrap()
    );
}

fn run(request: &Request, folder: &Path) -> Measured {
    let engine = Engine::new();
    let job = engine.resolve(request).unwrap();
    let output = Output {
        path: folder.join("clip.mp4"),
        save_frames: Some(frames(folder)),
        save_latents: Some(latents(folder)),
        overwrite: true,
        ..Output::default()
    };
    let mut watch = Watch::default();
    let made = engine.run(request, &job, &output, &mut watch, &Cancel::default());
    watch.reached(None);
    Measured {
        peaks: watch.peaks,
        planned_peak: job.plan.peak_bytes(),
        plan: job.plan.to_string(),
        notes: job.notes.clone(),
        error: made.err().map(|error| error.to_string()),
    }
}

/// Asks for the most memory at the end of each stage.
#[derive(Default)]
struct Watch {
    stage: Option<Stage>,
    peaks: [u64; 2],
}

impl Watch {
    fn reached(&mut self, stage: Option<Stage>) {
        let peak = &mut self.peaks[usize::from(self.stage == Some(Stage::Decode))];
        *peak = peak_memory_bytes().unwrap().max(*peak);
        self.stage = stage;
        // From here on the most is counted anew (`proc_pid_clear_refs(5)`).
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
