//! `kinora bench`.

use std::time::Duration;

use anyhow::{Context, Result};
use kinora_engine::bench::{self, Machine, Part, PartReport, Preset, Times, Wish};
use kinora_engine::{Cancel, Clip, DEFAULT_MODEL, Engine, Error, ModelOptions, Output, Request};
use serde::Serialize;

use crate::args::{Bench, What};
use crate::installed;

/// A prompt of usual length, so that timings compare.
const PROMPT: &str =
    "A woman in a red coat walks along a pier at dawn, light fog, slow push in, soft light";

pub fn run(arguments: &Bench) -> Result<()> {
    if let Some(threads) = arguments.threads {
        bench::set_threads(threads.into());
    }
    match arguments.what {
        What::Generate => generate(arguments),
        What::Ops => ops(arguments),
        What::Dit => part(arguments, Part::Dit),
        What::Vae => part(arguments, Part::Vae),
        What::Text => part(arguments, Part::Text),
    }
}

/// Refuses options that `what` has no use for, so that nobody believes to have measured something else.
fn refuse(what: &str, options: &[(&'static str, bool)], hint: &str) -> Result<()> {
    match options.iter().find(|(_, given)| *given) {
        None => Ok(()),
        Some((name, _)) => Err(Error::Value {
            name,
            value: format!("with bench {what}"),
            hint: hint.into(),
        }
        .into()),
    }
}

/// The document of `bench generate --json`; times in seconds.
#[derive(Serialize)]
struct Report {
    model: String,
    #[serde(flatten)]
    machine: Machine,
    draft: bool,
    size: String,
    frames: u32,
    steps: usize,
    runs: u32,
    /// From the start of the process to the end of the first denoising step.
    first_step_seconds: f64,
    /// From the start of the process to the finished file.
    first_clip_seconds: f64,
    /// Of the clips after it, weights already read.
    #[serde(flatten)]
    times: Times,
    /// Medians of their steps and of their decoding.
    step_seconds: f64,
    decode_seconds: f64,
    peak_memory_bytes: u64,
}

impl Report {
    fn text(&self) -> String {
        format!(
            "{} {}{}, {} frames, {} steps\n\
             {}\n\
             first step   {:.2} s from process start\n\
             first clip   {:.2} s from process start\n\
             clip         {}, weights read\n\
             step         {:.3} s\n\
             decode       {:.2} s\n\
             peak memory  {}",
            self.model,
            self.size,
            if self.draft { " draft" } else { "" },
            self.frames,
            self.steps,
            machine_line(&self.machine),
            self.first_step_seconds,
            self.first_clip_seconds,
            times_line(&self.times),
            self.step_seconds,
            self.decode_seconds,
            mib(self.peak_memory_bytes)
        )
    }
}

fn generate(arguments: &Bench) -> Result<()> {
    refuse(
        "generate",
        &[("--preset", arguments.preset.is_some())],
        "generate runs the whole of a model that is here: --model NAME",
    )?;
    let request = Request {
        prompt: PROMPT.into(),
        seed: Some(1),
        model: arguments.model.clone(),
        files: installed::files(arguments.model.as_deref())?,
        size: arguments.size,
        frames: arguments.frames,
        draft: arguments.draft,
        options: ModelOptions {
            dtype: arguments.dtype,
            ..ModelOptions::default()
        },
        ..Request::default()
    };
    let (before, clips) = make_clips(&request, arguments.runs)?;
    let machine = Machine::measure(arguments.dtype.unwrap_or_default())?;
    let (first, warm) = (&clips[0].0, &clips[1..]);
    let timings = || warm.iter().map(|(clip, _)| &clip.timings);
    let seconds = timings().map(|timings| timings.total.as_secs_f64());
    let steps = timings().flat_map(|timings| timings.steps.iter().copied());
    let report = Report {
        model: first.model.clone(),
        machine,
        draft: arguments.draft,
        size: format!("{}x{}", first.width, first.height),
        frames: first.frames,
        steps: first.timings.steps.len(),
        runs: arguments.runs,
        first_step_seconds: (before + first.timings.first_step).as_secs_f64(),
        first_clip_seconds: (before + first.timings.total).as_secs_f64(),
        times: machine.times(seconds.collect(), warm[0].1),
        step_seconds: median(steps.collect()),
        decode_seconds: median(timings().map(|timings| timings.decode).collect()),
        peak_memory_bytes: bench::peak_memory_bytes()
            .context("the system does not tell the peak memory")?,
    };
    if arguments.json {
        return super::print_json(&report);
    }
    super::print(&report.text())
}

/// Makes a clip and then `runs` more, each with its arithmetic; also how long the process ran before.
fn make_clips(request: &Request, runs: u32) -> Result<(Duration, Vec<(Clip, u64)>)> {
    let engine = Engine::new();
    let job = engine.resolve(request)?;
    let name = format!("kinora-bench-{}.mp4", std::process::id());
    let output = Output {
        path: std::env::temp_dir().join(name),
        overwrite: true,
        ..Output::default()
    };
    let before = process_age().unwrap_or_default();
    let make = |_| -> Result<(Clip, u64)> {
        let done = bench::work_done();
        let clip = engine.run(request, &job, &output, &mut (), &Cancel::default())?;
        Ok((clip, bench::work_done() - done))
    };
    let clips = (0..=runs).map(make).collect::<Result<Vec<_>>>();
    let _ = std::fs::remove_file(&output.path);
    Ok((before, clips?))
}

fn ops(arguments: &Bench) -> Result<()> {
    let options = [
        ("--preset", arguments.preset.is_some()),
        ("--size", arguments.size.is_some()),
        ("--frames", arguments.frames.is_some()),
        ("--model", arguments.model.is_some()),
        ("--draft", arguments.draft),
    ];
    refuse(
        "ops",
        &options,
        "operations have shapes of their own: bench dit, vae or text take it",
    )?;
    let dtype = arguments.dtype.unwrap_or_default();
    let report = bench::ops(dtype, arguments.runs as usize)?;
    if arguments.json {
        return super::print_json(&report);
    }
    super::print(&machine_line(&report.machine))?;
    for op in &report.ops {
        let shape: Vec<String> = op.shape.iter().map(ToString::to_string).collect();
        let shape = shape.join(" x ");
        super::print(&format!(
            "{:<12} {shape:<27} {}",
            op.name,
            times_line(&op.times)
        ))?;
    }
    Ok(())
}

fn part(arguments: &Bench, part: Part) -> Result<()> {
    let options = [
        ("--model", arguments.model.is_some()),
        ("--draft", arguments.draft),
    ];
    let hint = "parts are measured of a preset: --preset NAME";
    refuse("of a part", &options, hint)?;
    let report = bench::part(&Wish {
        part,
        preset: Preset::find(arguments.preset.as_deref().unwrap_or(DEFAULT_MODEL))?,
        size: arguments.size,
        frames: arguments.frames,
        dtype: arguments.dtype.unwrap_or_default(),
        runs: arguments.runs as usize,
    })?;
    if arguments.json {
        return super::print_json(&report);
    }
    let PartReport {
        preset,
        size,
        frames,
        text_tokens,
        ..
    } = report;
    let what = match part {
        Part::Dit => format!("one forward at {size}, {frames} frames, {text_tokens} text tokens"),
        Part::Vae => format!("decoding {size}, {frames} frames"),
        Part::Text => format!("encoding {text_tokens} tokens"),
    };
    let memory = report
        .peak_memory_bytes
        .map_or_else(|| "unknown".into(), mib);
    super::print(&format!(
        "{preset}: {what}, random weights\n{}\ntime         {}\npeak memory  {memory}",
        machine_line(&report.machine),
        times_line(&report.times)
    ))
}

fn machine_line(machine: &Machine) -> String {
    format!(
        "{} on {}, multiply loop {:.0} GFLOP/s",
        machine.isa,
        if machine.threads == 1 {
            "1 thread".into()
        } else {
            format!("{} threads", machine.threads)
        },
        machine.peak_gflops
    )
}

fn times_line(times: &Times) -> String {
    let Times {
        median_seconds,
        fastest_seconds,
        slowest_seconds,
        gflops,
        peak_share,
        ..
    } = times;
    format!(
        "{median_seconds:.4} s ({fastest_seconds:.4} to {slowest_seconds:.4}), {gflops:.0} GFLOP/s, \
         {:.0} % of the loop",
        100.0 * peak_share
    )
}

fn mib(bytes: u64) -> String {
    format!("{:.0} MiB", bytes as f64 / f64::from(1 << 20))
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times
        .get(times.len() / 2)
        .map_or(0.0, Duration::as_secs_f64)
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
