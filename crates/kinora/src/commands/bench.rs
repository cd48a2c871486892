//! `kinora bench`.

use std::time::Duration;

use anyhow::{Context, Result};
use kinora_engine::{Cancel, Clip, Engine, Output, Request, bench};
use serde::Serialize;

use crate::args::{Bench, What};
use crate::installed;

/// A prompt of usual length, so that timings compare.
const PROMPT: &str =
    "A woman in a red coat walks along a pier at dawn, light fog, slow push in, soft light";

pub fn run(arguments: &Bench) -> Result<()> {
    match arguments.what {
        What::Generate => generate(arguments),
        What::Ops => ops(arguments),
    }
}

/// The document of `bench generate --json`; times in seconds.
#[derive(Serialize)]
struct Report {
    model: String,
    isa: &'static str,
    threads: usize,
    draft: bool,
    size: String,
    frames: u32,
    steps: usize,
    runs: u32,
    /// From the start of the process to the end of the first denoising step.
    first_step_seconds: f64,
    /// From the start of the process to the finished file.
    first_clip_seconds: f64,
    /// Medians of the runs, weights already read.
    clip_seconds: f64,
    step_seconds: f64,
    decode_seconds: f64,
    peak_memory_mib: f64,
}

fn generate(arguments: &Bench) -> Result<()> {
    let engine = Engine::new();
    let request = Request {
        prompt: PROMPT.into(),
        seed: Some(1),
        model: installed::place(arguments.model.as_deref())?,
        draft: arguments.draft,
        ..Request::default()
    };
    let job = engine.resolve(&request)?;
    let folder = std::env::temp_dir();
    let path = folder.join(format!("kinora-bench-{}.mp4", std::process::id()));
    let output = Output {
        path: path.clone(),
        overwrite: true,
        ..Output::default()
    };
    let before = process_age().unwrap_or_default();
    let clips = (0..=arguments.runs)
        .map(|_| engine.run(&request, &job, &output, &mut (), &Cancel::default()))
        .collect::<Result<Vec<Clip>, _>>();
    let _ = std::fs::remove_file(&path);
    let clips = clips?;
    let (first, warm) = (&clips[0].timings, &clips[1..]);
    let steps = warm
        .iter()
        .flat_map(|clip| clip.timings.steps.iter().copied())
        .collect();
    let system = bench::system()?;
    let report = Report {
        model: clips[0].model.clone(),
        isa: system.isa,
        threads: system.threads,
        draft: arguments.draft,
        size: format!("{}x{}", clips[0].width, clips[0].height),
        frames: clips[0].frames,
        steps: first.steps.len(),
        runs: arguments.runs,
        first_step_seconds: (before + first.first_step).as_secs_f64(),
        first_clip_seconds: (before + first.total).as_secs_f64(),
        clip_seconds: median(warm.iter().map(|clip| clip.timings.total).collect()),
        step_seconds: median(steps),
        decode_seconds: median(warm.iter().map(|clip| clip.timings.decode).collect()),
        peak_memory_mib: peak_memory_mib().context("the system does not tell the peak memory")?,
    };
    if arguments.json {
        return super::print_json(&report);
    }
    super::print(&format!(
        "{} {}{}, {} frames, {} steps, {} on {} threads\n\
         first step   {:.2} s from process start\n\
         first clip   {:.2} s from process start\n\
         clip         {:.2} s (median of {}, weights read)\n\
         step         {:.3} s\n\
         decode       {:.2} s\n\
         peak memory  {:.0} MiB",
        report.model,
        report.size,
        if report.draft { " draft" } else { "" },
        report.frames,
        report.steps,
        report.isa,
        report.threads,
        report.first_step_seconds,
        report.first_clip_seconds,
        report.clip_seconds,
        report.runs,
        report.step_seconds,
        report.decode_seconds,
        report.peak_memory_mib
    ))
}

fn ops(arguments: &Bench) -> Result<()> {
    let report = bench::ops(arguments.runs as usize)?;
    if arguments.json {
        return super::print_json(&report);
    }
    super::print(&format!("{} on {} threads", report.isa, report.threads))?;
    for op in &report.ops {
        super::print(&format!(
            "{:<58} {:>9.3} ms {:>8.0} GFLOP/s",
            op.name, op.milliseconds, op.gflops
        ))?;
    }
    Ok(())
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times
        .get(times.len() / 2)
        .map_or(0.0, Duration::as_secs_f64)
}

/// Largest resident memory of this process so far.
fn peak_memory_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim()
        .trim_end_matches("kB")
        .trim()
        .parse::<f64>()
        .ok()
        .map(|kib| kib / 1024.0)
}

/// How long this process runs already: the loader's time is part of what a user waits for.
fn process_age() -> Option<Duration> {
    /// Clock ticks of `/proc` a second, the same on every Linux.
    const TICKS: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The fields after the program's name, which may hold spaces; start time is the 22nd of all.
    let start: f64 = stat
        .rsplit_once(')')?
        .1
        .split_whitespace()
        .nth(19)?
        .parse()
        .ok()?;
    let uptime = std::fs::read_to_string("/proc/uptime").ok()?;
    let uptime: f64 = uptime.split_whitespace().next()?.parse().ok()?;
    Duration::try_from_secs_f64(uptime - start / TICKS).ok()
}
