//! Pictures read back from clips: ours, other people's, damaged ones.

mod common;

use std::fs;
use std::path::Path;

use common::{HEIGHT, WIDTH, have, psnr, run, scene, settings, write_scene};
use kinora_media::{ClipReader, MediaError};

const FRAMES: usize = 30;

/// Every frame of a clip against the scene; the lowest PSNR.
fn worst(path: &Path) -> f64 {
    let mut clip = ClipReader::open(path).unwrap();
    assert_eq!((clip.width(), clip.height()), (WIDTH as u32, HEIGHT as u32));
    assert!((clip.fps() - 24.0).abs() < 1e-6, "{} fps", clip.fps());
    assert_eq!(clip.frames(), FRAMES);
    let (mut worst, mut frames) = (f64::INFINITY, 0);
    while let Some(rgb) = clip.next_frame().unwrap() {
        worst = worst.min(psnr(&rgb, &scene(frames)));
        frames += 1;
    }
    assert_eq!(frames, FRAMES);
    assert!(clip.next_frame().unwrap().is_none(), "it stays at its end");
    worst
}

#[test]
fn our_own_clips_come_back_frame_by_frame() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clip.mp4");
    write_scene(&path, settings(), FRAMES);
    let worst = worst(&path);
    assert!(worst > 32.0, "{worst:.1} dB");
}

#[test]
fn reordered_pictures_beside_sound_are_read_in_order() {
    if !have("ffmpeg") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (ours, theirs) = (folder.path().join("a.mp4"), folder.path().join("b.mp4"));
    write_scene(&ours, settings(), FRAMES);
    let theirs_text = theirs.display().to_string();
    let arguments = [
        "-nostdin",
        "-v",
        "error",
        "-i",
        "@",
        "-f",
        "lavfi",
        "-i",
        "sine=duration=1.25",
        "-c:v",
        "libx264",
        "-bf",
        "2",
        "-crf",
        "16",
        "-profile:v",
        "main",
        "-c:a",
        "aac",
        &theirs_text,
    ];
    run("ffmpeg", &arguments, &ours);
    let worst = worst(&theirs);
    assert!(worst > 31.0, "{worst:.1} dB");
}

#[test]
fn what_is_no_clip_is_refused_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clip.mp4");
    let missing = ClipReader::open(&path).err();
    assert!(matches!(missing, Some(MediaError::Io { .. })));
    fs::write(&path, b"no clip at all, but some text").unwrap();
    let refused = ClipReader::open(&path).err();
    assert!(matches!(refused, Some(MediaError::BadMp4 { .. })));
}

/// Bytes changed anywhere give an error or pictures, never a panic, a hang or much memory.
#[test]
fn damaged_clips_do_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clip.mp4");
    write_scene(&path, settings(), 5);
    let whole = fs::read(&path).unwrap();
    let header = whole.windows(4).position(|kind| kind == b"mdat").unwrap();
    let mut state = 7_u64;
    let mut random = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) as usize % below
    };
    let mut refused = 0;
    for round in 0..300 {
        let mut bytes = whole.clone();
        let reach = if round % 2 == 0 { header } else { whole.len() };
        for _ in 0..=(round % 4) {
            bytes[random(reach)] = random(256) as u8;
        }
        if round % 5 == 0 {
            bytes.truncate(random(whole.len()));
        }
        fs::write(&path, &bytes).unwrap();
        refused += usize::from(read_all(&path).is_err());
    }
    assert!(refused > 100, "{refused} of 300 were refused");
}

fn read_all(path: &Path) -> Result<usize, MediaError> {
    let mut clip = ClipReader::open(path)?;
    let mut frames = 0;
    while clip.next_frame()?.is_some() {
        frames += 1;
    }
    Ok(frames)
}
