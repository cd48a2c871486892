//! Cuts: what comes out, judged by ffprobe and ffmpeg, and what is refused.

mod common;

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use common::{decode, have, run, settings, top_boxes, write_scene};
use kinora_media::{Cut, MediaError, Mp4Writer, Quality, Tags, VideoSettings, read_recipe};

/// Writes the file as a server sends it.
fn save(cut: &Cut, path: &Path) {
    let mut bytes = cut.head.clone();
    for part in &cut.parts {
        let mut file = File::open(&part.path).unwrap();
        file.seek(SeekFrom::Start(part.start)).unwrap();
        file.take(part.bytes).read_to_end(&mut bytes).unwrap();
    }
    assert_eq!(bytes.len() as u64, cut.bytes());
    fs::write(path, bytes).unwrap();
}

fn tags() -> Tags {
    Tags {
        title: Some("Harbour, the cut".into()),
        recipe: Some(r#"[{"seed":1},{"seed":2}]"#.into()),
        ..Tags::default()
    }
}

/// Clips whose lengths end on a keyframe (49), beside one (48), and in the middle.
fn clips(folder: &Path) -> Vec<PathBuf> {
    let qualities = [Quality::Standard, Quality::Draft, Quality::High];
    let lengths = [49, 48, 25];
    let written = lengths.iter().zip(qualities).map(|(&frames, quality)| {
        let path = folder.join(format!("{frames}.mp4"));
        write_scene(
            &path,
            VideoSettings {
                quality,
                ..settings()
            },
            frames,
        );
        path
    });
    written.collect()
}

#[test]
fn a_cut_holds_every_frame_of_its_clips_untouched_and_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let clips = clips(folder.path());
    let cut = Cut::plan(&clips, tags()).unwrap();
    assert_eq!(
        (cut.width, cut.height, cut.fps, cut.frames),
        (576, 320, 24, 122)
    );
    let path = folder.path().join("cut.mp4");
    save(&cut, &path);
    assert_eq!(top_boxes(&path), ["ftyp", "moov", "mdat"]);
    assert_eq!(read_recipe(&path).unwrap(), r#"[{"seed":1},{"seed":2}]"#);
    assert_eq!(Cut::plan(&clips, tags()).unwrap(), cut);
    if !have("ffmpeg") {
        return;
    }
    let strict = "-v warning -xerror -err_detect explode -i @ -f null -";
    let output = run("ffmpeg", &strict.split(' ').collect::<Vec<_>>(), &path);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let expected: Vec<_> = clips.iter().flat_map(|clip| decode(clip)).collect();
    let found = decode(&path);
    assert_eq!(found.len(), expected.len());
    for (index, (found, expected)) in found.iter().zip(&expected).enumerate() {
        assert!(found == expected, "frame {index}");
    }
}

#[test]
fn a_cut_keeps_the_clock_and_the_keyframes() {
    if !have("ffprobe") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.mp4");
    save(&Cut::plan(&clips(folder.path()), tags()).unwrap(), &path);
    let arguments = "-v error -show_entries packet=pts_time,flags -of csv=p=0 @";
    let output = run("ffprobe", &arguments.split(' ').collect::<Vec<_>>(), &path);
    let keyframes = [0, 48, 49, 97];
    for (index, line) in String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .enumerate()
    {
        let (time, flags) = line.split_once(',').unwrap();
        assert_eq!(
            time,
            format!("{:.6}", index as f64 / 24.0),
            "packet {index}"
        );
        assert_eq!(
            flags.starts_with('K'),
            keyframes.contains(&index),
            "packet {index}"
        );
    }
}

#[test]
fn a_cut_of_cuts_is_the_cut_of_all() {
    let folder = tempfile::tempdir().unwrap();
    let clips = clips(folder.path());
    let (first, both) = (folder.path().join("a.mp4"), folder.path().join("b.mp4"));
    save(&Cut::plan(&clips[..2], tags()).unwrap(), &first);
    save(&Cut::plan(&[&first, &clips[2]], tags()).unwrap(), &both);
    let all = folder.path().join("all.mp4");
    save(&Cut::plan(&clips, tags()).unwrap(), &all);
    assert!(fs::read(both).unwrap() == fs::read(all).unwrap());
}

#[test]
fn clips_that_differ_are_named_with_both_values() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, width: u32, height: u32, fps| {
        let path = folder.path().join(name);
        let mut writer = Mp4Writer::create(&path, VideoSettings::new(width, height, fps)).unwrap();
        for _ in 0..2 {
            writer
                .write_frame(&vec![90; (width * height * 3) as usize])
                .unwrap();
        }
        writer.finish().unwrap();
        path
    };
    let first = write("first.mp4", 64, 48, 24);
    for (name, other) in [
        ("tall.mp4", write("tall.mp4", 48, 64, 24)),
        ("fast.mp4", write("fast.mp4", 64, 48, 30)),
    ] {
        let error = Cut::plan(&[&first, &first, &other], tags()).unwrap_err();
        let MediaError::DoesNotFit { path, .. } = &error else {
            panic!("{error}")
        };
        assert_eq!(path, &other);
        let message = error.to_string();
        for part in [name, "64x48 at 24 frames a second"] {
            assert!(message.contains(part), "{message}");
        }
    }
    let none: [&Path; 0] = [];
    assert!(matches!(
        Cut::plan(&none, tags()),
        Err(MediaError::NothingToJoin)
    ));
    let missing = folder.path().join("missing.mp4");
    assert!(matches!(
        Cut::plan(&[missing], tags()),
        Err(MediaError::Io { .. })
    ));
}

#[test]
fn damaged_clips_are_errors_and_never_panics() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clip.mp4");
    let mut writer = Mp4Writer::create(&path, VideoSettings::new(64, 48, 24)).unwrap();
    for _ in 0..3 {
        writer.write_frame(&[90; 64 * 48 * 3]).unwrap();
    }
    writer.finish().unwrap();
    let whole = fs::read(&path).unwrap();
    let damaged = folder.path().join("damaged.mp4");
    let plan = |bytes: &[u8]| {
        fs::write(&damaged, bytes).unwrap();
        Cut::plan(&[&damaged], Tags::default())
    };
    let original = plan(&whole).unwrap();
    for length in (0..whole.len()).step_by(3) {
        assert!(
            plan(&whole[..length]).is_err(),
            "{length} of {} bytes",
            whole.len()
        );
    }
    for position in 0..original.head.len().min(whole.len()) {
        for value in [0, 1, 0x7f, 0xff] {
            let mut bytes = whole.clone();
            bytes[position] = value;
            // It may still be readable; then no part lies outside the file.
            if let Ok(cut) = plan(&bytes) {
                let part = &cut.parts[0];
                assert!(
                    part.start + part.bytes <= whole.len() as u64,
                    "byte {position}"
                );
            }
        }
    }
}
