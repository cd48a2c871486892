//! The memory plan: computed before a run's first operation, so that what does not fit is refused
//! with the plan and not killed halfway.

use std::fmt;
use std::fs;

use serde::Serialize;

use crate::error::mib;
use crate::model::{Family, Part};
use crate::recipe::Effective;
use crate::size::Size;
use crate::timing::Timing;

/// Frames that wait for the encoder, and its reference pictures, in delivered size.
const ENCODER_FRAMES: usize = 14;
/// Bits a pixel of encoded video, generously: the stream stays in memory until it is whole.
const BITS_A_PIXEL: usize = 2;
/// The program itself, its threads and tables.
const PROGRAM_BYTES: u64 = 20 << 20;
/// Environment variable that caps what is taken as available, in MiB.
pub const LIMIT_VARIABLE: &str = "KINORA_MEMORY_MIB";

/// Where a run's memory goes. The stages come one after the other; what one held is given back before
/// the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// Kept for the whole run.
    pub resident: Vec<Part>,
    /// While encoding a given picture.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub picture: Vec<Part>,
    /// While encoding the prompts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub text: Vec<Part>,
    /// While denoising.
    pub denoise: Vec<Part>,
    /// While decoding, finishing and encoding.
    pub decode: Vec<Part>,
}

impl Plan {
    /// The plan of a clip.
    pub fn new(family: &dyn Family, clip: &Effective) -> Self {
        let (framing, timing) = (&clip.framing, &clip.timing);
        let latents = family.latent_shape(framing.native, timing.native_frames);
        let latent_bytes = latents.iter().product::<usize>() as u64 * 4;
        let mut denoise = family.denoise_memory(clip, latents);
        // Latents, two velocities, mixed velocity, two estimates.
        denoise.push(Part {
            name: "sampler",
            bytes: 6 * latent_bytes,
        });
        let mut decode = family.decode_memory(clip);
        decode.extend(output(framing.size, timing));
        let mut resident = vec![
            Part {
                name: "program",
                bytes: PROGRAM_BYTES,
            },
            Part {
                name: "latents",
                bytes: latent_bytes,
            },
        ];
        resident.extend(family.resident_memory(clip));
        Self {
            resident,
            picture: family.picture_memory(clip),
            text: family.text_memory(clip),
            denoise,
            decode,
        }
    }

    /// The plan of a clip, which is decoded in tiles where it fits into what is available in no other
    /// way.
    pub(crate) fn within(
        family: &dyn Family,
        clip: &mut Effective,
        available: Option<u64>,
    ) -> Self {
        clip.tiles = false;
        let whole = Self::new(family, clip);
        if whole.check(available).is_ok() || !family.has_tiles(clip.framing.native) {
            return whole;
        }
        clip.tiles = true;
        let tiled = Self::new(family, clip);
        if tiled.check(available).is_ok() {
            return tiled;
        }
        clip.tiles = false;
        whole
    }

    /// The most that is needed at a time.
    pub fn peak_bytes(&self) -> u64 {
        let sum = |parts: &[Part]| parts.iter().map(|part| part.bytes).sum::<u64>();
        let stages = [&self.picture, &self.text, &self.denoise, &self.decode];
        let largest = stages.into_iter().map(|parts| sum(parts)).max();
        sum(&self.resident) + largest.unwrap_or_default()
    }

    /// Refuses a plan that does not fit into what is available now.
    ///
    /// # Errors
    /// [`crate::Error::Memory`] with the plan.
    pub fn check(&self, available: Option<u64>) -> crate::Result<()> {
        match available {
            Some(available) if self.peak_bytes() > available => Err(crate::Error::Memory {
                plan: Box::new(self.clone()),
                available,
            }),
            _ => Ok(()),
        }
    }
}

fn output(size: Size, timing: &Timing) -> Vec<Part> {
    let stream = size.area() * timing.frames as usize * BITS_A_PIXEL / 8;
    vec![
        Part {
            name: "frames in flight",
            bytes: (ENCODER_FRAMES * size.rgb_bytes()) as u64,
        },
        Part {
            name: "encoded video",
            bytes: stream as u64,
        },
    ]
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let groups = [
            ("always", &self.resident),
            ("picture", &self.picture),
            ("text", &self.text),
            ("denoise", &self.denoise),
            ("decode", &self.decode),
        ];
        for (group, parts) in groups.into_iter().filter(|(_, parts)| !parts.is_empty()) {
            let parts = parts
                .iter()
                .map(|part| format!("{} {}", part.name, mib(part.bytes)));
            writeln!(f, "  {group:<8} {}", parts.collect::<Vec<_>>().join(", "))?;
        }
        write!(f, "  {:<8} {}", "peak", mib(self.peak_bytes()))
    }
}

/// Bytes that this process may still take: what the system and the control group leave, capped by
/// [`LIMIT_VARIABLE`]; `None` where neither tells.
pub fn available_bytes() -> Option<u64> {
    let limits = [
        system_bytes("MemAvailable:"),
        group_bytes(),
        allowed_bytes(),
    ];
    limits.into_iter().flatten().min()
}

/// The most bytes that this process could ever take: what the machine and the control group have, capped by
/// [`LIMIT_VARIABLE`]; `None` where neither tells.
pub fn total_bytes() -> Option<u64> {
    let limits = [
        system_bytes("MemTotal:"),
        group_number("memory.max"),
        allowed_bytes(),
    ];
    limits.into_iter().flatten().min()
}

/// What the user allows.
fn allowed_bytes() -> Option<u64> {
    let mib: u64 = std::env::var(LIMIT_VARIABLE).ok()?.parse().ok()?;
    mib.checked_mul(1 << 20)
}

fn system_bytes(name: &str) -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim()
        .trim_end_matches("kB")
        .trim()
        .parse::<u64>()
        .ok()
        .map(|kib| kib * 1024)
}

/// What a container's limit leaves (control groups version 2).
fn group_bytes() -> Option<u64> {
    let used = group_number("memory.current")?.saturating_sub(cached_bytes().unwrap_or(0));
    Some(group_number("memory.max")?.saturating_sub(used))
}

fn group_number(file: &str) -> Option<u64> {
    let text = fs::read_to_string(format!("/sys/fs/cgroup/{file}")).ok()?;
    text.trim().parse().ok() // "max" means no limit
}

/// Page cache of the group, which gives way to memory.
fn cached_bytes() -> Option<u64> {
    let text = fs::read_to_string("/sys/fs/cgroup/memory.stat").ok()?;
    text.lines()
        .find_map(|line| line.strip_prefix("inactive_file "))?
        .trim()
        .parse()
        .ok()
}
