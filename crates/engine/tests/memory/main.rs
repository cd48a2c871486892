//! The memory plan against what the system measures, on models of middling size with weights of zero.
#![cfg(target_os = "linux")]

mod child;
mod models;

use std::path::Path;

use child::measure;
use kinora_engine::{ModelOptions, Request, Size};
use models::Model;

/// How far a plan may be from what is measured.
const BOUND: f64 = 0.15;

fn request(model: &Path, size: Size, frames: u32) -> Request {
    Request {
        prompt: "a red sailboat".into(),
        model: Some(model.display().to_string()),
        size: Some(size),
        frames: Some(frames),
        seed: Some(1),
        steps: Some(1),
        guidance: Some(1.0),
        options: ModelOptions::default(),
        ..Request::default()
    }
}

#[track_caller]
fn check(model: &Model, size: Size, frames: u32) {
    let folder = tempfile::tempdir().unwrap();
    let request = request(&model.write(folder.path()), size, frames);
    let measured = measure(&request, None);
    assert_eq!(measured.error, None);
    for (stage, planned, found) in [
        ("denoise", measured.planned[0], measured.denoise),
        ("decode", measured.planned[1], measured.decode),
    ] {
        let off = planned as f64 / found as f64 - 1.0;
        let text = &measured.text;
        println!(
            "{stage}: planned {} MiB, measured {} MiB\n{text}",
            planned >> 20,
            found >> 20
        );
        assert!(
            off.abs() <= BOUND,
            "{stage}: planned {planned}, measured {found}\n{text}"
        );
    }
}

#[test]
fn wan() {
    check(&Model::wan((1, 1), 3, 3), Size::new(256, 144), 9);
    check(&Model::wan((1, 6), 1, 1), Size::new(256, 144), 9);
}

#[test]
fn ltx_video() {
    check(&Model::ltx((1, 1), 2, 4), Size::new(512, 320), 9);
    check(&Model::ltx((1, 4), 1, 2), Size::new(512, 320), 9);
}

#[test]
#[ignore]
fn probe() {
    let arg = |name: &str| std::env::var(name).unwrap();
    let num = |name: &str| arg(name).parse::<usize>().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let size: Size = arg("SIZE").parse().unwrap();
    let path = match arg("FAMILY").as_str() {
        "wan" => Model::wan((1, 6), 1, num("VAE")).write(folder.path()),
        "ltx" => Model::ltx((1, 4), 1, num("VAE")).write(folder.path()),
        path => path.into(),
    };
    let mut request = request(&path, size, num("FRAMES") as u32);
    if let Ok(dtype) = std::env::var("DTYPE") {
        request.options.dtype = Some(dtype.parse().unwrap());
    }
    let mib = std::env::var("MIB").ok().map(|mib| mib.parse().unwrap());
    let m = measure(&request, mib);
    println!(
        "{}\nplanned {} {} MiB measured {} {} MiB {:?} {:?}",
        m.text,
        m.planned[0] >> 20,
        m.planned[1] >> 20,
        m.denoise >> 20,
        m.decode >> 20,
        m.notes,
        m.error
    );
}
