//! Pictures to encode and the tools that judge the result.

#![allow(dead_code, reason = "each test file uses a part")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use kinora_media::{Mp4Writer, VideoSettings, Written};

pub const WIDTH: usize = 576;
pub const HEIGHT: usize = 320;

/// A moving scene `[HEIGHT, WIDTH, 3]`: soft sky, fine texture, a disc that crosses the picture.
pub fn scene(frame: usize) -> Vec<u8> {
    let mut rgb = Vec::with_capacity(WIDTH * HEIGHT * 3);
    let t = frame as f32;
    let (disc_x, disc_y) = (60.0 + 4.0 * t, 160.0 + 40.0 * (t * 0.1).sin());
    for y in 0..HEIGHT {
        for x in 0..WIDTH {
            let (fx, fy) = (x as f32, y as f32);
            let texture = 20.0 * ((fx + t) * 0.31).sin() * ((fy * 0.27).cos() + (fx * 0.05).sin());
            let inside = (fx - disc_x).hypot(fy - disc_y) < 45.0;
            let color = if inside {
                [205.0, 60.0, 50.0]
            } else {
                [60.0 + fy * 0.4, 110.0 + fy * 0.25, 190.0 - fy * 0.3]
            };
            rgb.extend(color.map(|v| (v + texture).clamp(0.0, 255.0) as u8));
        }
    }
    rgb
}

/// Eight vertical bars of the given colours.
pub fn bars(colors: &[[u8; 3]; 8]) -> Vec<u8> {
    (0..WIDTH * HEIGHT)
        .flat_map(|pixel| colors[pixel % WIDTH * 8 / WIDTH])
        .collect()
}

pub fn settings() -> VideoSettings {
    VideoSettings::new(WIDTH as u32, HEIGHT as u32, 24)
}

/// Writes `frames` of the moving scene.
pub fn write_scene(path: &Path, settings: VideoSettings, frames: usize) -> Written {
    let mut writer = Mp4Writer::create(path, settings).unwrap();
    for frame in 0..frames {
        writer.write_frame(&scene(frame)).unwrap();
    }
    writer.finish().unwrap()
}

/// Whether `tool` can be run; says so when a test must be skipped.
pub fn have(tool: &str) -> bool {
    let found = Command::new(tool).arg("-version").output().is_ok();
    if !found {
        eprintln!("SKIPPED: {tool} is not installed");
    }
    found
}

pub fn run(tool: &str, arguments: &[&str], path: &Path) -> Output {
    let mut command = Command::new(tool);
    for argument in arguments {
        // `@` stands for the file.
        match *argument {
            "@" => command.arg(path),
            other => command.arg(other),
        };
    }
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{tool}: {errors}");
    output
}

/// Decodes to RGB frames by BT.709 limited range with accurate rounding.
pub fn decode(path: &Path) -> Vec<Vec<u8>> {
    let filter = "scale=in_color_matrix=bt709:in_range=tv:out_range=pc:\
                  flags=accurate_rnd+full_chroma_int+full_chroma_inp+bicubic,format=rgb24";
    let arguments = [
        "-v",
        "error",
        "-i",
        "@",
        "-vf",
        filter,
        "-fps_mode",
        "passthrough",
        "-f",
        "rawvideo",
        "-",
    ];
    let output = run("ffmpeg", &arguments, path);
    output
        .stdout
        .chunks(WIDTH * HEIGHT * 3)
        .map(<[u8]>::to_vec)
        .collect()
}

/// Peak signal-to-noise ratio in dB over two equally long byte strings.
pub fn psnr(a: &[u8], b: &[u8]) -> f64 {
    assert_eq!(a.len(), b.len());
    let squares: f64 = a
        .iter()
        .zip(b)
        .map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2))
        .sum();
    10.0 * (255.0_f64.powi(2) * a.len() as f64 / squares.max(1e-9)).log10()
}

/// The kinds of the boxes at the top of an MP4 file.
pub fn top_boxes(path: &Path) -> Vec<String> {
    let bytes = std::fs::read(path).unwrap();
    let mut kinds = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let size = u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        kinds.push(String::from_utf8_lossy(&bytes[at + 4..at + 8]).into_owned());
        assert!(size >= 8, "box at {at} has size {size}");
        at += size;
    }
    assert_eq!(at, bytes.len(), "the last box ends with the file");
    kinds
}

/// All names in a folder, hidden ones too.
pub fn names(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect()
}
