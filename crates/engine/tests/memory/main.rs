//! The memory plan against what the system measures, on models of middling size with weights of zero; what a
//! plan refuses, and how it makes do.
#![cfg(target_os = "linux")]

mod child;
mod models;
mod tiles;

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;

use child::{Measured, measure};
use kinora_engine::{Dtype, ModelOptions, Request, Size};
use models::Model;
use tempfile::{TempDir, tempdir};

/// How far a plan may be from what is measured.
const BOUND: f64 = 0.15;
/// By how much the memory of decoding may grow when a clip is several times as long.
const GROWTH: f64 = 0.05;

const WAN: Size = Size::new(192, 112);
const LTX: Size = Size::new(256, 160);

fn request(model: &Path, size: Size, frames: u32) -> Request {
    Request {
        prompt: "a red sailboat".into(),
        model: Some(model.display().to_string()),
        size: Some(size),
        frames: Some(frames),
        seed: Some(1),
        steps: Some(1),
        guidance: Some(1.0),
        ..Request::default()
    }
}

fn run(model: &Model, size: Size, frames: u32, dtype: Dtype) -> Measured {
    let folder = tempdir().unwrap();
    let request = Request {
        options: ModelOptions {
            dtype: Some(dtype),
            ..ModelOptions::default()
        },
        ..request(&model.write(folder.path()), size, frames)
    };
    let measured = measure(&request, folder.path(), None);
    assert_eq!(measured.error, None);
    measured
}

/// Holds a clip's most memory against the plan; `decodes` is whether decoding takes it.
#[track_caller]
fn check(model: &Model, size: Size, frames: u32, dtype: Dtype, decodes: bool) {
    let found = run(model, size, frames, dtype);
    let [before, decode] = found.peaks;
    assert_eq!(decode > before, decodes, "{found:?}");
    let (planned, peak) = (found.planned_peak, before.max(decode));
    let off = planned as f64 / peak as f64 - 1.0;
    assert!(
        off.abs() <= BOUND,
        "planned {planned}, measured {peak}:\n{}",
        found.plan
    );
}

#[test]
fn wan_where_denoising_takes_the_most() {
    for dtype in [Dtype::Bf16, Dtype::Int8] {
        check(&Model::wan((1, 1), 3, 3), WAN, 9, dtype, false);
    }
}

#[test]
fn wan_where_decoding_takes_the_most() {
    check(
        &Model::wan((1, 6), 1, 3),
        Size::new(320, 176),
        5,
        Dtype::Bf16,
        true,
    );
}

#[test]
fn ltx_video_where_denoising_takes_the_most() {
    for dtype in [Dtype::Bf16, Dtype::F32] {
        check(&Model::ltx((1, 1), 2, 8), LTX, 33, dtype, false);
    }
}

#[test]
fn ltx_video_where_decoding_takes_the_most() {
    check(&Model::ltx((1, 8), 1, 2), LTX, 33, Dtype::Bf16, true);
}

#[test]
fn decoding_memory_does_not_grow_with_length() {
    for (model, size, [short, long]) in [
        (Model::wan((1, 12), 1, 3), WAN, [9, 33]),
        (Model::ltx((1, 16), 1, 4), LTX, [33, 97]),
    ] {
        let peaks = [short, long].map(|frames| run(&model, size, frames, Dtype::Bf16).peaks[1]);
        let growth = peaks[1] as f64 / peaks[0] as f64 - 1.0;
        assert!(
            growth <= GROWTH,
            "{size}: {peaks:?} bytes at {short} and {long} frames"
        );
    }
}

#[test]
fn what_does_not_fit_is_refused_before_weights_are_read() {
    for (model, size) in [
        (Model::wan((1, 2), 1, 3), WAN),
        (Model::ltx((1, 2), 1, 4), LTX),
    ] {
        let folder: TempDir = tempdir().unwrap();
        let path = model.write(folder.path());
        let request = request(&path, size, 9);
        // Whoever reads a part will say that it is damaged.
        for part in ["transformer", "vae"] {
            let file = path.join(part).join("diffusion_pytorch_model.safetensors");
            let end = fs::metadata(&file).unwrap().len();
            let file = OpenOptions::new().write(true).open(file).unwrap();
            file.write_all_at(&[0xc0, 0x7f], end - 2).unwrap(); // NaN in bf16
        }
        let read = measure(&request, folder.path(), None).error.unwrap();
        assert!(read.contains("NaN"), "{read}");

        let refused = measure(&request, folder.path(), Some(40));
        let error = refused.error.unwrap();
        let says = |word| assert!(error.contains(word), "`{word}` in: {error}");
        ["transformer", "vae decoder", "peak", "40 MiB"]
            .into_iter()
            .for_each(says);
        assert!(refused.peaks[0] < 40 << 20, "{:?}", refused.peaks);
    }
}
