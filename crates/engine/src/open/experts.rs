//! Which expert of a pair a file is for, told from its name: nothing in the files tells them apart.

use std::path::{Path, PathBuf};

use super::source::Name;

/// What the published files of a pair have in their names, for high and for low noise.
const NAMES: [[&str; 2]; 3] = [
    ["high_noise", "low_noise"],
    ["HighNoise", "LowNoise"],
    ["high-noise", "low-noise"],
];

/// The expert that a file is named for.
pub(crate) fn expert_of(file: &Path) -> Option<Name> {
    let name = file.file_name()?.to_string_lossy().into_owned();
    let is = |half: usize| NAMES.iter().any(|pair| name.contains(pair[half]));
    match (is(0), is(1)) {
        (true, false) => Some(Name::Transformer),
        (false, true) => Some(Name::Transformer2),
        _ => None,
    }
}

/// The file beside the expert for high noise that is named alike for low noise.
pub(crate) fn low_noise_beside(high: &Path) -> PathBuf {
    let name = high.file_name().unwrap_or_default().to_string_lossy();
    let name = NAMES.iter().fold(name.into_owned(), |name, [high, low]| {
        name.replace(high, low)
    });
    high.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_names_tell_the_expert() {
        let of = |name: &str| expert_of(Path::new(name));
        let high = "in/wan2.2_t2v_high_noise_14B_fp8_scaled.safetensors";
        assert_eq!(of(high), Some(Name::Transformer));
        let low = "Wan2.2-T2V-A14B-LowNoise-Q4_K_M.gguf";
        assert_eq!(of(low), Some(Name::Transformer2));
        assert_eq!(of("high_noise/wan2.1_t2v_14B.safetensors"), None);
        assert_eq!(
            low_noise_beside(Path::new(high)),
            Path::new("in/wan2.2_t2v_low_noise_14B_fp8_scaled.safetensors")
        );
    }
}
