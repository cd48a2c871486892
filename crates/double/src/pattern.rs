//! A moving test pattern: a bar that crosses the picture.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use kinora_media::{Mp4Writer, Still, StillFormat, Tags, VideoSettings};
use serde_json::json;

const WIDTH: u32 = 64;
const HEIGHT: u32 = 36;
const FPS: u32 = 24;
const FRAMES: u32 = 12;
/// Stands in the pattern where a video's id goes: ids are as long.
const NOBODY: &str = "video_00000000000000000000000000000000";

/// The pattern's files, made once, so that a clip takes no time but that of its steps.
pub struct Pattern {
    clip: Vec<u8>,
    /// Where the id stands in the clip.
    id: usize,
    webp: Vec<u8>,
    jpeg: Vec<u8>,
}

impl Pattern {
    /// Paints and encodes the pattern.
    pub fn paint() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("kinora-double-{}.mp4", std::process::id()));
        let clip = encode(&path).and_then(|()| Ok(fs::read(&path)?));
        let _ = fs::remove_file(&path); // it may not have come to be
        let clip = clip?;
        let mut windows = clip.windows(NOBODY.len());
        let id = windows.position(|window| window == NOBODY.as_bytes());
        let still = Still::new(WIDTH, HEIGHT, picture(FRAMES / 2))?;
        Ok(Self {
            id: id.context("the recipe stands in the clip")?,
            clip,
            webp: still.encode(StillFormat::WebP { quality: 70 })?,
            jpeg: still.encode(StillFormat::Jpeg { quality: 70 })?,
        })
    }

    /// The clip of a video: its recipe names the video, so that a mixed-up file is seen.
    pub fn clip(&self, id: &str) -> Result<Vec<u8>> {
        ensure!(id.len() == NOBODY.len(), "{id} is no id of a video");
        let mut clip = self.clip.clone();
        clip[self.id..][..id.len()].copy_from_slice(id.as_bytes());
        Ok(clip)
    }

    /// The middle of the clip as a WebP.
    pub fn webp(&self) -> &[u8] {
        &self.webp
    }

    /// The middle of the clip as a JPEG.
    pub fn jpeg(&self) -> &[u8] {
        &self.jpeg
    }
}

fn encode(path: &Path) -> Result<()> {
    let recipe = json!({"video": NOBODY, "frames": FRAMES}).to_string();
    let settings = VideoSettings {
        overwrite: true,
        tags: Tags {
            recipe: Some(recipe),
            ..Tags::default()
        },
        ..VideoSettings::new(WIDTH, HEIGHT, FPS)
    };
    let mut writer = Mp4Writer::create(path, settings)?;
    for frame in 0..FRAMES {
        writer.write_frame(&picture(frame))?;
    }
    writer.finish()?;
    Ok(())
}

fn picture(frame: u32) -> Vec<u8> {
    let bar = frame * WIDTH / FRAMES;
    let column = |x: u32| {
        if x.abs_diff(bar) < 4 {
            [235, 235, 235]
        } else {
            [40, (x * 3) as u8, 160]
        }
    };
    (0..HEIGHT)
        .flat_map(|_| (0..WIDTH).flat_map(column))
        .collect()
}

/// Writes a file that appears when it is whole.
pub fn write(path: &Path, content: &[u8]) -> Result<()> {
    let part = path.with_extension("part");
    fs::write(&part, content)
        .and_then(|()| fs::rename(&part, path))
        .inspect_err(|_| {
            let _ = fs::remove_file(&part); // it may not have come to be
        })?;
    Ok(())
}
