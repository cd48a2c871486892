//! When a file appears, and when nothing may.

mod common;

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

use common::{names, scene, settings, write_scene};
use kinora_media::{
    MAX_RECIPE_BYTES, MediaError, Mp4Writer, Quality, Tags, VideoSettings, read_recipe,
};

#[test]
fn the_same_frames_give_the_same_bytes_under_any_name() {
    let folder = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    let first = folder.path().join("clip.mp4");
    let second = other.path().join("another, longer name.mp4");
    write_scene(&first, settings(), 25);
    let mut writer = Mp4Writer::create(&second, settings()).unwrap();
    for frame in 0..25 {
        // Another rhythm, so that the encoder waits where it was busy before.
        std::thread::sleep(std::time::Duration::from_millis(frame as u64 % 7));
        writer.write_frame(&scene(frame)).unwrap();
    }
    writer.finish().unwrap();
    assert!(fs::read(&first).unwrap() == fs::read(&second).unwrap());
}

#[test]
fn settings_that_cannot_be_encoded_are_refused_before_a_file_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clip.mp4");
    let create = |settings| Mp4Writer::create(&path, settings).err().unwrap();
    for (width, height) in [
        (575, 320),
        (576, 319),
        (14, 320),
        (0, 0),
        (3840, 2162),
        (8192, 8192),
    ] {
        let error = create(VideoSettings::new(width, height, 24));
        assert!(
            matches!(error, MediaError::UnsupportedSize { .. }),
            "{width}x{height}: {error}"
        );
    }
    for fps in [0, 241] {
        let error = create(VideoSettings::new(576, 320, fps));
        assert!(
            matches!(error, MediaError::UnsupportedFrameRate { .. }),
            "{fps}: {error}"
        );
    }
    let recipe = Some("x".repeat(MAX_RECIPE_BYTES + 1));
    let tags = Tags {
        recipe,
        ..Tags::default()
    };
    let error = create(VideoSettings { tags, ..settings() });
    assert!(
        matches!(error, MediaError::TagTooLong { tag: "recipe", .. }),
        "{error}"
    );
    assert_eq!(names(folder.path()), [] as [&Path; 0]);
}

#[test]
fn the_longest_recipe_still_starts_fast() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clip.mp4");
    let recipe = "é".repeat(MAX_RECIPE_BYTES / 2);
    let tags = Tags {
        recipe: Some(recipe.clone()),
        ..Tags::default()
    };
    write_scene(&path, VideoSettings { tags, ..settings() }, 2);
    assert_eq!(common::top_boxes(&path), ["ftyp", "moov", "mdat"]);
    assert_eq!(read_recipe(&path).unwrap(), recipe);
}

#[test]
fn dropped_without_finish_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Mp4Writer::create(folder.path().join("clip.mp4"), settings()).unwrap();
    writer.write_frame(&scene(0)).unwrap();
    assert_eq!(names(folder.path()).len(), 1, "only the temporary file");
    assert!(!folder.path().join("clip.mp4").exists());
    drop(writer);
    assert_eq!(names(folder.path()), [] as [&Path; 0]);
}

#[test]
fn a_video_without_frames_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let writer = Mp4Writer::create(folder.path().join("clip.mp4"), settings()).unwrap();
    assert!(matches!(writer.finish(), Err(MediaError::NoFrames { .. })));
    assert_eq!(names(folder.path()), [] as [&Path; 0]);
}

#[test]
fn a_frame_of_another_size_is_refused_and_the_writer_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Mp4Writer::create(folder.path().join("clip.mp4"), settings()).unwrap();
    let error = writer.write_frame(&[0; 100]).unwrap_err();
    assert!(matches!(
        error,
        MediaError::WrongLength {
            expected: 552_960,
            actual: 100,
            ..
        }
    ));
    writer.write_frame(&scene(0)).unwrap();
    assert_eq!(writer.finish().unwrap().frames, 1);
}

#[test]
fn an_existing_file_is_replaced_only_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clip.mp4");
    fs::write(&path, "mine").unwrap();
    let error = Mp4Writer::create(&path, settings()).err().unwrap();
    assert!(matches!(error, MediaError::AlreadyExists { .. }));
    assert_eq!(fs::read(&path).unwrap(), b"mine");

    let replacing = VideoSettings {
        overwrite: true,
        quality: Quality::Draft,
        ..settings()
    };
    write_scene(&path, replacing, 2);
    assert!(fs::read(&path).unwrap().len() > 1000);
    assert_eq!(names(folder.path()), [path]);
}

#[test]
fn a_file_that_appears_meanwhile_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clip.mp4");
    let mut writer = Mp4Writer::create(&path, settings()).unwrap();
    writer.write_frame(&scene(0)).unwrap();
    fs::write(&path, "mine").unwrap();
    assert!(matches!(
        writer.finish(),
        Err(MediaError::AlreadyExists { .. })
    ));
    assert_eq!(fs::read(&path).unwrap(), b"mine");
    assert_eq!(names(folder.path()), [path]);
}

#[test]
fn many_writers_in_one_folder_do_not_meet() {
    let folder = tempfile::tempdir().unwrap();
    let writers: Vec<_> = (0..4)
        .map(|index| {
            let path = folder.path().join(format!("{index}.mp4"));
            std::thread::spawn(move || write_scene(&path, settings(), 3))
        })
        .collect();
    for writer in writers {
        writer.join().unwrap();
    }
    assert_eq!(names(folder.path()).len(), 4);
}

fn io_kind(path: &Path) -> ErrorKind {
    match Mp4Writer::create(path, settings()).err().unwrap() {
        MediaError::Io {
            source,
            path: named,
            ..
        } => {
            assert_eq!(
                named, path,
                "the message names the file the caller asked for"
            );
            source.kind()
        }
        other => panic!("{other}"),
    }
}

#[test]
fn folders_that_cannot_hold_the_file_are_named() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(
        io_kind(&folder.path().join("missing/clip.mp4")),
        ErrorKind::NotFound
    );
    assert_eq!(io_kind(folder.path()), ErrorKind::IsADirectory);
    fs::write(folder.path().join("file"), "").unwrap();
    assert_eq!(
        io_kind(&folder.path().join("file/clip.mp4")),
        ErrorKind::NotADirectory
    );
}

#[cfg(unix)]
#[test]
fn a_read_only_folder_is_refused_at_the_start() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let closed = folder.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o555)).unwrap();
    if fs::write(closed.join("probe"), "").is_ok() {
        eprintln!("SKIPPED: this user may write to read-only folders (root)");
        return;
    }
    assert_eq!(
        io_kind(&closed.join("clip.mp4")),
        ErrorKind::PermissionDenied
    );
}

/// A file system in memory, unmounted when dropped.
struct Disk {
    folder: tempfile::TempDir,
}

impl Disk {
    fn mount(options: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let status = Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(folder.path())
            .output();
        let mounted = status.is_ok_and(|output| output.status.success());
        if !mounted {
            eprintln!("SKIPPED: no right to mount a disk");
        }
        mounted.then_some(Self { folder })
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.folder.path()).status();
    }
}

#[test]
fn a_full_disk_is_a_typed_error_and_leaves_nothing() {
    let Some(disk) = Disk::mount("size=64k") else {
        return;
    };
    let path = disk.folder.path().join("clip.mp4");
    let mut writer = Mp4Writer::create(&path, settings()).unwrap();
    for frame in 0..25 {
        writer.write_frame(&scene(frame)).unwrap();
    }
    match writer.finish().unwrap_err() {
        MediaError::Io {
            action: "write",
            source,
            ..
        } => {
            assert_eq!(source.kind(), ErrorKind::StorageFull);
        }
        other => panic!("{other}"),
    }
    assert_eq!(names(disk.folder.path()), [] as [&Path; 0]);
}

#[test]
fn a_read_only_disk_is_refused_at_the_start() {
    let Some(disk) = Disk::mount("size=64k,ro") else {
        return;
    };
    assert_eq!(
        io_kind(&disk.folder.path().join("clip.mp4")),
        ErrorKind::ReadOnlyFilesystem
    );
}
