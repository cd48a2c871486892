//! A hub that is played on this machine, and the model that it has.

mod server;

use std::time::Duration;

use kinora_hub::{Ability, Family, Hub, Licence, Variant};

pub use server::{Server, header, sha256};

/// The model that the hub of the tests has.
pub static TINY: Variant = Variant {
    name: "tiny",
    family: Family::Wan,
    parameters: "none",
    shape: "tiny",
    repo: REPO,
    revision: "main",
    files: &["model_index.json", "vae/*"],
    licence: Licence {
        name: "MIT",
        url: "https://example.org/licence",
        note: "",
    },
    abilities: &[Ability::TextToVideo],
    about: "",
};
/// Its repository.
const REPO: &str = "someone/tiny";
/// Its largest file.
pub const WEIGHTS: &str = "vae/weights.safetensors";

/// A hub with a small file, a large one and one that nobody wants.
pub fn start() -> Server {
    let weights = (0..3_000_000_u32)
        .map(|i| (i.wrapping_mul(i) / 7) as u8)
        .collect();
    let files = [
        ("model_index.json", b"{}".to_vec()),
        ("vae/config.json", b"{\"a\": 1}".to_vec()),
        (WEIGHTS, weights),
        ("README.md", b"# tiny".to_vec()),
    ];
    Server::start(
        REPO,
        WEIGHTS,
        files.map(|(name, data)| (name.to_owned(), data)).into(),
    )
}

/// A client of a hub that does not wait long.
pub fn client(server: &Server, token: Option<&str>) -> Hub {
    let hub = Hub::new(&server.address, token.map(str::to_owned)).unwrap();
    hub.with_patience(2, Duration::from_millis(1))
}
