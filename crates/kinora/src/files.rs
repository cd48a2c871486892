//! Names of output files.

use std::path::{Path, PathBuf};

/// The files of `count` clips: the named one, or `kinora-SEED.mp4`, with `-1` to `-N` where there
/// are several. Default names count up past files that exist.
pub fn outputs(output: Option<&Path>, seed: u64, count: u32) -> Vec<PathBuf> {
    let all = |base: &Path| -> Vec<PathBuf> {
        (1..=count)
            .map(|n| {
                if count == 1 {
                    base.to_path_buf()
                } else {
                    numbered(base, n)
                }
            })
            .collect()
    };
    if let Some(base) = output {
        return all(base);
    }
    let stem = format!("kinora-{seed}");
    let names = std::iter::once(stem.clone()).chain((2..).map(|n: u32| format!("{stem}_{n}")));
    names
        .map(|name| all(Path::new(&format!("{name}.mp4"))))
        .find(|files| files.iter().all(|file| !file.exists()))
        .expect("names never run out")
}

/// `clip.mp4` -> `clip-3.mp4`.
pub fn numbered(path: &Path, n: u32) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let name = match path.extension() {
        Some(extension) => format!("{stem}-{n}.{}", extension.to_string_lossy()),
        None => format!("{stem}-{n}"),
    };
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_seed_and_count() {
        let names = |output: Option<&str>, count| -> Vec<String> {
            let files = outputs(output.map(Path::new), 7, count);
            files
                .iter()
                .map(|file| file.display().to_string())
                .collect()
        };
        assert_eq!(names(None, 1), ["kinora-7.mp4"]);
        assert_eq!(names(None, 2), ["kinora-7-1.mp4", "kinora-7-2.mp4"]);
        assert_eq!(names(Some("a/clip.v2.mp4"), 1), ["a/clip.v2.mp4"]);
        assert_eq!(
            names(Some("a/clip.v2.mp4"), 2),
            ["a/clip.v2-1.mp4", "a/clip.v2-2.mp4"]
        );
        assert_eq!(names(Some("clip"), 2), ["clip-1", "clip-2"]);
    }
}
