//! A worker that speaks the lines of `kinora worker` and computes nothing.

use std::collections::HashSet;
use std::fs;
use std::io::{self, BufRead, Write, stdin, stdout};
use std::path::Path;
use std::process;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{self, sleep};
use std::time::Duration;

use anyhow::Result;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use kinora_studio::Made;
use kinora_studio::protocol::{Inspected, Make, Order, Position, Report};
use serde_json::json;

use crate::fault::{self, Fault};
use crate::pattern::{self, Pattern};

/// How often it says that it lives.
const PULSE: Duration = Duration::from_millis(200);
/// Steps of a request that names no number.
const STEPS: u32 = 4;

/// Ids of videos that are not wanted any more.
type Cancelled = Arc<Mutex<HashSet<String>>>;

/// Makes videos by the orders on standard input until it ends.
pub fn run() -> Result<()> {
    if fault::exits() {
        process::exit(3);
    }
    let cancelled = Cancelled::default();
    let (orders, inbox) = mpsc::channel();
    let stopped = Arc::clone(&cancelled);
    thread::spawn(move || {
        read_orders(&orders, &stopped);
        // The studio has gone: nobody waits for an end, not even for the end of one that hangs.
        process::exit(0);
    });
    let pattern = Pattern::paint()?;
    while let Ok(order) = inbox.recv() {
        match order {
            Order::Make(make) => {
                let report = make_video(&pattern, &make, &cancelled)?;
                say(&report)?;
            }
            Order::Inspect(_) => say(&Report::Inspected(Inspected::default()))?,
            Order::Cancel(_) => {} // the reader has noted it
        }
    }
    Ok(())
}

fn read_orders(orders: &mpsc::Sender<Order>, cancelled: &Cancelled) {
    for line in stdin().lock().lines().map_while(Result::ok) {
        let Ok(order) = serde_json::from_str(&line) else {
            return;
        };
        if let Order::Cancel(id) = &order {
            let mut cancelled = cancelled.lock().unwrap_or_else(PoisonError::into_inner);
            cancelled.insert(id.clone());
        } else if orders.send(order).is_err() {
            return;
        }
    }
}

fn say(report: &Report) -> io::Result<()> {
    let mut line = serde_json::to_vec(report).expect("reports are plain data");
    line.push(b'\n');
    let mut out = stdout().lock();
    out.write_all(&line)?;
    out.flush()
}

fn make_video(pattern: &Pattern, make: &Make, cancelled: &Cancelled) -> Result<Report> {
    let fault = Fault::of(&make.request.prompt, attempt(&make.video));
    let steps = make.request.steps.unwrap_or(STEPS);
    let pace = match fault {
        Some(Fault::Slow(pace)) => pace,
        _ => fault::step(),
    };
    for step in 0..=steps {
        match &fault {
            Some(Fault::Crash(at)) if *at == step => process::abort(),
            Some(Fault::Hang(at)) if *at == step => loop {
                thread::park();
            },
            _ => {}
        }
        let is_cancelled = cancelled.lock().unwrap_or_else(PoisonError::into_inner);
        if is_cancelled.contains(&make.id) {
            return Ok(failed("cancelled", "the video was cancelled"));
        }
        drop(is_cancelled);
        say(&update(step, steps, pace))?;
        if step < steps {
            rest(pace)?;
        }
    }
    say(&Report::Preview(BASE64_STANDARD.encode(pattern.webp())))?;
    let clip = pattern.clip(&make.id)?;
    match fault {
        Some(Fault::Fail(code)) => return Ok(failed(&code, "the fault that was asked for")),
        Some(Fault::Half) => {
            fs::write(&make.video, &clip[..clip.len() / 2])?;
            process::abort();
        }
        _ => {}
    }
    let written = pattern::write(&make.thumbnail, pattern.webp())
        .and_then(|()| pattern::write(&make.spritesheet, pattern.jpeg()))
        .and_then(|()| pattern::write(&make.video, &clip));
    Ok(match written {
        Ok(()) => Report::Done(Made {
            seed: make.request.seed.unwrap_or_default(),
            adherence: None,
            film: None,
        }),
        Err(error) => failed("media_failed", &format!("{error:#}")),
    })
}

/// Which try a file belongs to: its name begins with the number.
fn attempt(video: &Path) -> u32 {
    let name = video.file_stem().and_then(|name| name.to_str());
    let number = name.and_then(|name| name.split('-').next()?.parse().ok());
    number.unwrap_or(1)
}

/// Lets the time of a step pass, and says meanwhile that it lives.
fn rest(mut time: Duration) -> io::Result<()> {
    while time > PULSE {
        sleep(PULSE);
        time -= PULSE;
        say(&Report::Alive)?;
    }
    sleep(time);
    Ok(())
}

fn update(step: u32, total: u32, pace: Duration) -> Report {
    let position = json!({
        "stage": "denoise", "step": step, "total": total,
        "eta_seconds": pace.as_secs_f64() * f64::from(total - step),
    });
    let position: Position = serde_json::from_value(position).expect("a position");
    Report::Update(position)
}

fn failed(code: &str, message: &str) -> Report {
    Report::Failed {
        code: code.into(),
        message: message.into(),
    }
}
