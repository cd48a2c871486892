//! What comes out of the writer, judged by ffprobe and ffmpeg.

mod common;

use common::{
    HEIGHT, WIDTH, bars, decode, have, psnr, run, scene, settings, top_boxes, write_scene,
};
use kinora_media::{Mp4Writer, Quality, Tags, VideoSettings, read_recipe};

const FRAMES: usize = 97;

fn probe(path: &std::path::Path) -> String {
    let arguments = [
        "-v",
        "error",
        "-count_frames",
        "-show_streams",
        "-show_format",
        "-of",
        "default=nokey=0",
        "@",
    ];
    String::from_utf8(run("ffprobe", &arguments, path).stdout).unwrap()
}

#[test]
fn ffprobe_sees_what_editors_want() {
    if !have("ffprobe") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clip.mp4");
    let recipe = r#"{"prompt":"a \"red\" boat; naïve = true","seed":7}"#;
    let tags = Tags {
        title: Some("Harbour".into()),
        comment: Some("made by Kinora".into()),
        recipe: Some(recipe.into()),
    };
    let written = write_scene(&path, VideoSettings { tags, ..settings() }, FRAMES);
    assert_eq!(written.frames as usize, FRAMES);
    assert_eq!(written.bytes, std::fs::metadata(&path).unwrap().len());

    let report = probe(&path);
    for line in [
        "codec_name=h264",
        "codec_tag_string=avc1",
        "profile=High",
        "pix_fmt=yuv420p",
        "width=576",
        "height=320",
        "color_range=tv",
        "color_space=bt709",
        "color_transfer=bt709",
        "color_primaries=bt709",
        "r_frame_rate=24/1",
        "avg_frame_rate=24/1",
        "start_time=0.000000",
        "has_b_frames=0",
        "nb_frames=97",
        "nb_read_frames=97",
        "duration=4.041667",
        "nb_streams=1",
        "TAG:title=Harbour",
        "TAG:comment=made by Kinora",
    ] {
        assert!(
            report.lines().any(|found| found == line),
            "no {line} in\n{report}"
        );
    }
    assert!(report.contains(&format!("TAG:recipe={recipe}")), "{report}");
    assert_eq!(read_recipe(&path).unwrap(), recipe);
    assert_eq!(top_boxes(&path), ["ftyp", "moov", "mdat"]);
}

#[test]
fn frames_are_evenly_spaced_with_a_keyframe_every_two_seconds() {
    if !have("ffprobe") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clip.mp4");
    write_scene(&path, settings(), FRAMES);
    let arguments = [
        "-v",
        "error",
        "-show_entries",
        "packet=pts_time,dts_time,flags",
        "-of",
        "csv=p=0",
        "@",
    ];
    let output = String::from_utf8(run("ffprobe", &arguments, &path).stdout).unwrap();
    for (index, line) in output.lines().enumerate() {
        let expected = format!("{:.6}", index as f64 / 24.0);
        let fields: Vec<&str> = line.split(',').collect();
        assert_eq!(fields[..2], [expected.as_str(); 2], "packet {index}");
        assert_eq!(
            fields[2].starts_with('K'),
            index % 48 == 0,
            "packet {index}: {line}"
        );
    }
    assert_eq!(output.lines().count(), FRAMES);
}

#[test]
fn a_full_decode_is_silent_and_close_to_the_source() {
    if !have("ffmpeg") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let floors = [
        (Quality::Draft, 35.0),
        (Quality::Standard, 37.5),
        (Quality::High, 39.5),
    ];
    let mut sizes = Vec::new();
    for (quality, floor) in floors {
        let path = folder.path().join(format!("{quality:?}.mp4"));
        sizes.push(
            write_scene(
                &path,
                VideoSettings {
                    quality,
                    ..settings()
                },
                57,
            )
            .bytes,
        );
        let arguments = [
            "-v",
            "warning",
            "-xerror",
            "-err_detect",
            "explode",
            "-i",
            "@",
            "-f",
            "null",
            "-",
        ];
        let output = run("ffmpeg", &arguments, &path);
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        let frames = decode(&path);
        assert_eq!(frames.len(), 57);
        let worst = frames
            .iter()
            .enumerate()
            .map(|(i, frame)| psnr(frame, &scene(i)));
        let worst = worst.fold(f64::INFINITY, f64::min);
        eprintln!(
            "{quality:?}: {worst:.2} dB, {} bytes",
            sizes[sizes.len() - 1]
        );
        assert!(worst > floor, "{quality:?}: {worst:.2} dB");
    }
    assert!(
        sizes.is_sorted(),
        "better quality takes more bytes: {sizes:?}"
    );
}

#[test]
fn colour_bars_survive_within_two() {
    if !have("ffmpeg") {
        return;
    }
    // 100 % and 75 % bars, greys and skin: corners of the cube and the colours people notice.
    let sets = [
        [
            [255, 255, 255],
            [255, 255, 0],
            [0, 255, 255],
            [0, 255, 0],
            [255, 0, 255],
            [255, 0, 0],
            [0, 0, 255],
            [0, 0, 0],
        ],
        [
            [191, 191, 191],
            [191, 191, 0],
            [0, 191, 191],
            [64, 64, 64],
            [191, 0, 191],
            [224, 172, 138],
            [90, 56, 37],
            [16, 235, 128],
        ],
    ];
    let folder = tempfile::tempdir().unwrap();
    for (index, colors) in sets.iter().enumerate() {
        let path = folder.path().join(format!("bars{index}.mp4"));
        let settings = VideoSettings {
            quality: Quality::High,
            ..settings()
        };
        let mut writer = Mp4Writer::create(&path, settings).unwrap();
        for _ in 0..5 {
            writer.write_frame(&bars(colors)).unwrap();
        }
        writer.finish().unwrap();
        for (frame, decoded) in decode(&path).iter().enumerate() {
            for (bar, color) in colors.iter().enumerate() {
                // The middle of the bar, away from the neighbour's chroma.
                let x = (2 * bar + 1) * WIDTH / 16;
                for y in [8, HEIGHT / 2, HEIGHT - 8] {
                    let found = &decoded[(y * WIDTH + x) * 3..][..3];
                    let close = found.iter().zip(color).all(|(a, b)| a.abs_diff(*b) <= 2);
                    assert!(
                        close,
                        "frame {frame}, bar {bar}: {found:?}, expected {color:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn sizes_that_are_no_multiple_of_a_macroblock_are_cropped_right() {
    if !have("ffprobe") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (width, height, fps) in [(16, 16, 1), (130, 98, 30), (98, 130, 60)] {
        let path = folder.path().join(format!("{width}x{height}.mp4"));
        let mut writer = Mp4Writer::create(&path, VideoSettings::new(width, height, fps)).unwrap();
        for _ in 0..3 {
            writer
                .write_frame(&vec![90; (width * height * 3) as usize])
                .unwrap();
        }
        writer.finish().unwrap();
        let report = probe(&path);
        for line in [
            format!("width={width}"),
            format!("height={height}"),
            format!("r_frame_rate={fps}/1"),
            "nb_read_frames=3".to_string(),
        ] {
            assert!(
                report.lines().any(|found| found == line),
                "no {line} in\n{report}"
            );
        }
    }
}
