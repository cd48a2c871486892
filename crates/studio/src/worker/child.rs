//! The inside of a worker process: reads orders, makes videos, reports.

use std::io::{self, BufRead, Write, stdin, stdout};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};
use std::{process, thread};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use kinora_engine::{
    Adherence, Cancel, Clip, Engine, Given, ModelFiles, Output, Preview, Progress, Request, Update,
};
use kinora_media::{Still, StillFormat};
use kinora_provenance::Signer;
use serde_json::{Value, json};

use super::protocol::{Inspect, Inspected, Make, Order, Position, Report};
use crate::store::Made;

/// Time that a run has to stop at its next step once the studio has gone.
const LEAVE: Duration = Duration::from_secs(10);
/// How often a worker says that it lives.
const PULSE: Duration = Duration::from_secs(2);
const PREVIEW_QUALITY: u8 = 70;
/// Least time between two previews: each costs about as much as a step.
const PREVIEW_EVERY: Duration = Duration::from_millis(600);

/// Makes videos by the orders on standard input until it ends.
///
/// # Errors
/// When the studio has gone.
pub fn run() -> io::Result<()> {
    let (orders, inbox) = mpsc::channel();
    thread::spawn(move || {
        let last = read_orders(&orders);
        // The studio has gone or closes: nobody wants the video in hand any more.
        last.cancel.cancel();
        drop(orders);
        thread::sleep(LEAVE);
        // It hangs, and nobody is left who would end it.
        process::exit(1);
    });
    // A thread of its own, so that a long step is not taken for a dead worker.
    thread::spawn(|| {
        while say(&Report::Alive).is_ok() {
            thread::sleep(PULSE);
        }
    });
    let engine = Engine::new();
    while let Ok(task) = inbox.recv() {
        let report = match &task.work {
            Work::Make(make) => make_video(&engine, make, &task.cancel),
            Work::Inspect(clip) => Report::Inspected(inspect(&engine, clip)),
        };
        say(&report)?;
    }
    Ok(())
}

/// What to do and the flag that stops it.
#[derive(Clone, Default)]
struct Task {
    work: Work,
    cancel: Cancel,
}

#[derive(Clone)]
enum Work {
    Make(Arc<Make>),
    Inspect(Arc<Inspect>),
}

impl Default for Work {
    fn default() -> Self {
        Self::Make(Arc::default())
    }
}

impl Task {
    fn new(work: Work) -> Self {
        let cancel = Cancel::default();
        Self { work, cancel }
    }

    fn makes(&self, id: &str) -> bool {
        matches!(&self.work, Work::Make(make) if make.id == id)
    }
}

/// Reads until the studio ends the input; returns the last task.
fn read_orders(tasks: &mpsc::Sender<Task>) -> Task {
    let mut last = Task::default();
    for line in stdin().lock().lines().map_while(Result::ok) {
        let work = match serde_json::from_str(&line) {
            Ok(Order::Make(make)) => Work::Make(Arc::new(*make)),
            Ok(Order::Inspect(clip)) => Work::Inspect(Arc::new(clip)),
            Ok(Order::Cancel(id)) => {
                // Another one has ended in the meantime.
                if last.makes(&id) {
                    last.cancel.cancel();
                }
                continue;
            }
            Err(_) => break,
        };
        last = Task::new(work);
        if tasks.send(last.clone()).is_err() {
            break;
        }
    }
    last
}

fn say(report: &Report) -> io::Result<()> {
    let mut line = serde_json::to_vec(report).expect("reports are plain data");
    line.push(b'\n');
    let mut out = stdout().lock();
    out.write_all(&line)?;
    out.flush()
}

fn make_video(engine: &Engine, make: &Make, cancel: &Cancel) -> Report {
    let signer = make.signer.as_deref().map(Signer::open).transpose();
    let signer = match signer {
        Ok(signer) => signer,
        Err(error) => {
            return Report::Failed {
                code: "media_failed".into(),
                message: format!("{error}; {}", error.hint()),
            };
        }
    };
    let output = Output {
        path: make.video.clone(),
        overwrite: true,
        thumbnail: Some(make.thumbnail.clone()),
        spritesheet: Some(make.spritesheet.clone()),
        seal: signer.map(|signer| Arc::new(signer) as _),
        ..Output::default()
    };
    let request = Request {
        given: Given {
            image: make.image.clone(),
            extend: make.extend.clone(),
            ..Given::default()
        },
        files: ModelFiles {
            place: make.model.clone(),
            ..ModelFiles::default()
        },
        told: make.told.clone(),
        ..make.request.clone()
    };
    let mut reporter = Reporter::default();
    let made = engine
        .resolve(&request)
        .and_then(|job| engine.run(&request, &job, &output, &mut reporter, cancel));
    match made {
        Ok(clip) => Report::Done(Made {
            seed: clip.seed,
            adherence: adherence(engine, clip),
            film: None,
        }),
        Err(error) => Report::Failed {
            code: error.code().into(),
            message: format!("{error}; {}", error.hint()),
        },
    }
}

/// What the clip shows of its prompt. One that cannot be measured is a clip all the same.
fn adherence(engine: &Engine, clip: Clip) -> Option<Value> {
    let measured = clip.adherence;
    let measured = measured.or_else(|| engine.measure(&clip.path, None).ok())?;
    Some(told(&measured))
}

fn told(measured: &Adherence) -> Value {
    json!({
        "satisfied": measured.satisfied,
        "checkable": measured.checkable,
        "clauses": measured.clauses,
    })
}

/// What a clip of another engine is. One that cannot be decoded is a clip all the same.
fn inspect(engine: &Engine, clip: &Inspect) -> Inspected {
    let film = engine.pictures(&Output {
        path: clip.video.clone(),
        overwrite: true,
        thumbnail: Some(clip.thumbnail.clone()),
        spritesheet: Some(clip.spritesheet.clone()),
        ..Output::default()
    });
    let Ok(film) = film else {
        return Inspected::default();
    };
    let measured = engine.measure(&clip.video, Some(&clip.prompt)).ok();
    Inspected {
        film: Some(film),
        adherence: measured.as_ref().map(told),
    }
}

/// Passes a run's progress on.
#[derive(Default)]
struct Reporter {
    last_preview: Option<Instant>,
}

impl Progress for Reporter {
    fn update(&mut self, update: &Update) {
        // When the studio has gone the reader of orders cancels the run.
        let _ = say(&Report::Update(Position {
            stage: update.stage,
            step: update.step,
            total: update.of,
            eta_seconds: update.eta.map(|eta| eta.as_secs_f64()),
        }));
    }

    fn wants_preview(&self) -> bool {
        self.last_preview
            .is_none_or(|last| last.elapsed() >= PREVIEW_EVERY)
    }

    fn preview(&mut self, picture: &Preview) {
        self.last_preview = Some(Instant::now());
        let still = Still::new(picture.size.width, picture.size.height, picture.rgb.clone());
        let encoded = still.and_then(|still| {
            still.encode(StillFormat::WebP {
                quality: PREVIEW_QUALITY,
            })
        });
        if let Ok(webp) = encoded {
            let _ = say(&Report::Preview(BASE64_STANDARD.encode(webp)));
        }
    }
}
