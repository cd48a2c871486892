//! Many clips and many listeners at once: how long a create takes, whether every listener hears the
//! end, and whether memory stays flat.
//!
//! The whole measurement, as docs/performance.md has it:
//! `cargo test -p kinora-double --test double -- --ignored --nocapture load`

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use tempfile::tempdir;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::listeners::{Told, listen};
use crate::stage::{Stage, Studio, body, id_of, read, resident_bytes};

/// Clients that create clips at the same time.
const CLIENTS: usize = 4;
/// Longest time that the making of all clips may take.
const PATIENCE: Duration = Duration::from_mins(20);

/// How much is asked for.
struct Load {
    clips: usize,
    listeners: usize,
    /// The clip at which memory is looked at first, when all listen; last at the end of the creates.
    early: usize,
}

/// What was measured.
struct Measured {
    /// Times of creates, in order of length.
    creates: Vec<Duration>,
    /// Resident memory of the studio when it opened, at `early` clips, at all, and when all had ended.
    bytes: [u64; 4],
    told: Vec<Told>,
}

#[test]
fn a_load_of_clips_and_listeners_is_carried() {
    let load = Load {
        clips: 500,
        listeners: 50,
        early: 200,
    };
    let measured = measure(&load);
    measured.print(&load);
    // Wide: other tests run on the same processors.
    assert!(
        share(&measured.creates, 0.99) < Duration::from_secs(1),
        "{:?}",
        share(&measured.creates, 0.99)
    );
    measured.check();
}

#[test]
#[ignore = "takes minutes and wants the machine for itself"]
fn load_of_ten_thousand_clips_and_five_hundred_listeners() {
    let load = Load {
        clips: 10_000,
        listeners: 500,
        early: 2000,
    };
    let measured = measure(&load);
    measured.print(&load);
    assert!(
        share(&measured.creates, 0.99) <= Duration::from_millis(50),
        "{:?}",
        share(&measured.creates, 0.99)
    );
    measured.check();
}

fn measure(load: &Load) -> Measured {
    let data = tempdir().expect("a folder");
    let studio = Stage::new(data.path(), "[queue]\nworkers = 4\npro_workers = 0\n")
        .with("KINORA_DOUBLE_STEP_MS", &40)
        .open();
    let process = studio.process.id();
    let opened = resident_bytes(process);
    let runtime = Runtime::new().expect("a runtime");
    let mut listeners = JoinSet::new();
    let address = studio.base.trim_start_matches("http://").to_owned();
    let (next, early) = (AtomicUsize::new(0), Mutex::new(0));
    let (taken, idle) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    let listened = Mutex::new(Vec::new());
    let every = load.early / 2 / load.listeners;
    let began = Instant::now();
    scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= load.clips {
                        return;
                    }
                    let (id, time) = create(&studio);
                    taken.lock().expect("no panic").push(time);
                    if number.is_multiple_of(4) {
                        let time = ask_nothing(&studio);
                        idle.lock().expect("no panic").push(time);
                    }
                    // Clips that still wait when all have come.
                    if (load.early / 2..load.early).contains(&number)
                        && number.is_multiple_of(every)
                    {
                        let is_interrupted = number.is_multiple_of(every * 5);
                        let listener = listen(address.clone(), id, is_interrupted);
                        listened
                            .lock()
                            .expect("no panic")
                            .push(runtime.spawn(listener));
                    }
                    if number == load.early {
                        *early.lock().expect("no panic") = resident_bytes(process);
                    }
                }
            });
        }
    });
    let created = began.elapsed();
    let [creates, answers] = [taken, idle].map(|times| {
        let mut times = times.into_inner().expect("no panic");
        times.sort_unstable();
        times
    });
    print_times(&creates, &answers, created);
    let full = resident_bytes(process);
    for listener in listened.into_inner().expect("no panic") {
        listeners.spawn_on(
            async { listener.await.expect("it hears") },
            runtime.handle(),
        );
    }
    let told = runtime.block_on(listeners.join_all());
    await_quiet(&studio);
    let early = early.into_inner().expect("no panic");
    Measured {
        creates,
        bytes: [opened, early, full, resident_bytes(process)],
        told,
    }
}

fn create(studio: &Studio) -> (String, Duration) {
    let request = studio.agent.post(format!("{}/v1/videos", studio.base));
    let began = Instant::now();
    let (status, video) = read(request.send_json(body("a dog runs", 2)).expect("an answer"));
    let time = began.elapsed();
    assert_eq!(status, 200, "{video}");
    (id_of(&video), time)
}

fn ask_nothing(studio: &Studio) -> Duration {
    let began = Instant::now();
    assert_eq!(studio.get("/healthz").status(), 200);
    began.elapsed()
}

/// Waits until nothing is queued or made.
fn await_quiet(studio: &Studio) {
    let began = Instant::now();
    loop {
        let queue = studio.json("/v1/queue?limit=1");
        if queue["queued_count"] == 0 && queue["in_progress"] == serde_json::json!([]) {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "{queue}");
        sleep(Duration::from_millis(100));
    }
}

impl Measured {
    fn print(&self, load: &Load) {
        let [opened, early, full, quiet] = self.bytes.map(|bytes| bytes >> 20);
        println!(
            "{} listeners heard the end; resident MiB: {opened} open, {early} at {} clips, {full} at \
             {}, {quiet} when all had ended",
            self.told.len(),
            load.early,
            load.clips
        );
    }

    /// What holds on every machine.
    fn check(&self) {
        for told in &self.told {
            assert_eq!(told.ends, 1, "{told:?}");
            let is_growing = told.numbers.is_sorted_by(|a, b| a < b);
            assert!(is_growing, "nothing twice: {told:?}");
        }
        let [_, early, full, quiet] = self.bytes;
        let most = early + (16 << 20);
        assert!(
            full < most && quiet < most,
            "memory grows: {:?}",
            self.bytes
        );
    }
}

/// Tells times of creates, and those of answers that need nothing: what the machine itself adds.
fn print_times(creates: &[Duration], answers: &[Duration], created: Duration) {
    let shares = |times: &[Duration]| [0.5, 0.99, 1.0].map(|part| share(times, part));
    let [p50, p99, p100] = shares(creates);
    let [idle50, idle99, idle100] = shares(answers);
    println!(
        "{} clips created in {created:.1?}: p50 {p50:.1?}, p99 {p99:.1?}, longest {p100:.1?}; \
         meanwhile /healthz p50 {idle50:.1?}, p99 {idle99:.1?}, longest {idle100:.1?}",
        creates.len()
    );
}

/// The time that this share of all took at most; they are in order.
fn share(times: &[Duration], part: f64) -> Duration {
    let index = (times.len() as f64 * part).ceil() as usize;
    times[index - 1]
}
