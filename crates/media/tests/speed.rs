//! How fast the writer is; run by hand on a quiet machine:
//! `cargo test -p kinora-media --test speed -- --ignored --nocapture`.

mod common;

use std::time::Instant;

use common::{scene, settings};
use kinora_media::{Mp4Writer, Quality, VideoSettings};

#[test]
#[ignore = "a measurement, not a check"]
fn encode_speed_of_a_full_clip() {
    let frames: Vec<_> = (0..97).map(scene).collect();
    let folder = tempfile::tempdir().unwrap();
    for quality in [Quality::Draft, Quality::Standard, Quality::High] {
        let path = folder.path().join(format!("{quality:?}.mp4"));
        let start = Instant::now();
        let mut writer = Mp4Writer::create(
            &path,
            VideoSettings {
                quality,
                ..settings()
            },
        )
        .unwrap();
        for frame in &frames {
            writer.write_frame(frame).unwrap();
        }
        let written = writer.finish().unwrap();
        let seconds = start.elapsed().as_secs_f64();
        println!(
            "{quality:?}: 97 frames of 576x320 in {seconds:.3} s ({:.0} a second), {} bytes",
            97.0 / seconds,
            written.bytes
        );
    }
}
