//! Clips that begin or end with something: a picture, another clip, themselves.

mod support;

use std::path::Path;

use kinora_media::{ClipReader, Still, read_still};
use kinora_nn::sha256_hex;
use serde_json::Value;
use support::Folder;

const PROMPT: &str = "a red boat in a harbor at dawn";

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("one JSON object")
}

fn pictures(path: &Path) -> Vec<Vec<u8>> {
    let mut clip = ClipReader::open(path).expect("a clip");
    std::iter::from_fn(|| clip.next_frame().expect("a picture")).collect()
}

fn psnr(a: &[u8], b: &[u8]) -> f64 {
    assert_eq!(a.len(), b.len());
    let squares = a
        .iter()
        .zip(b)
        .map(|(&a, &b)| f64::from(a.abs_diff(b)).powi(2));
    let mean = squares.sum::<f64>() / a.len() as f64;
    10.0 * (255.0_f64.powi(2) / mean.max(1e-9)).log10()
}

/// A picture of two colours, one above the other.
fn picture(folder: &Folder, name: &str, (width, height): (u32, u32), colors: [[u8; 3]; 2]) {
    let pixels = width * height;
    let rgb = (0..pixels)
        .flat_map(|i| colors[usize::from(i >= pixels / 2)])
        .collect();
    let still = Still::new(width, height, rgb).expect("a picture");
    still.write(folder.0.join(name), false).expect("a file");
}

/// Latents `[1, c, t, h, w]` of a file, frame by frame.
fn latents(path: &Path) -> Vec<Vec<f32>> {
    let bytes = std::fs::read(path).expect("latents");
    let length = u64::from_le_bytes(*bytes.first_chunk().expect("a header")) as usize;
    let header: Value = serde_json::from_slice(&bytes[8..8 + length]).expect("JSON");
    let shape: Vec<usize> = header["latents"]["shape"]
        .as_array()
        .expect("a shape")
        .iter()
        .map(|side| side.as_u64().expect("a side") as usize)
        .collect();
    let values: Vec<f32> = bytes[8 + length..]
        .as_chunks::<4>()
        .0
        .iter()
        .map(|bytes| f32::from_le_bytes(*bytes))
        .collect();
    let [_, c, t, h, w] = shape[..] else {
        panic!("{shape:?}");
    };
    let frame = |frame: usize| {
        (0..c)
            .flat_map(|channel| &values[(channel * t + frame) * h * w..][..h * w])
            .copied()
            .collect()
    };
    (0..t).map(frame).collect()
}

#[test]
fn given_pictures_are_held_and_the_rest_is_made() {
    let folder = Folder::new();
    picture(&folder, "a.png", (700, 400), [[200, 40, 40], [30, 60, 90]]);
    picture(
        &folder,
        "b.jpg",
        (300, 500),
        [[20, 160, 40], [220, 220, 90]],
    );
    let made = |name: &str, more: &[&str]| {
        let (video, file) = (format!("{name}.mp4"), format!("{name}.safetensors"));
        let fixed = ["--output", &video, "--save-latents", &file];
        let outcome = folder.generate(PROMPT, &[&fixed, more].concat());
        assert_eq!(outcome.code, 0, "{name}: {}", outcome.err);
        latents(&folder.0.join(file))
    };
    let both = ["--image", "a.png", "--last-image", "b.jpg"];
    let one = made("one", &[&["--seed", "1"], &both[..]].concat());
    let two = made("two", &[&["--seed", "2"], &both[..]].concat());
    let last = one.len() - 1;
    assert_eq!(
        (&one[0], &one[last]),
        (&two[0], &two[last]),
        "what is given stays"
    );
    assert_ne!(one[1], two[1], "what lies between follows the seed");
    let first = made("first", &["--seed", "1", "--image", "a.png"]);
    assert_eq!(first[0], one[0]);
    assert_ne!(first[last], one[last]);
    let free = made("free", &["--seed", "1"]);
    assert_ne!(free[0], first[0]);
    assert_ne!(free[1], first[1], "what is given changes what is made");

    // The clip takes the picture's shape; the recipe names the pictures by their content.
    let recipe = json(&folder.kinora(&["recipe", "one.mp4"]).out);
    let hash = |name: &str| sha256_hex([&std::fs::read(folder.0.join(name)).expect("a file")[..]]);
    let effective = &recipe["effective"];
    assert_eq!(effective["given"]["image"], hash("a.png"));
    assert_eq!(effective["given"]["last_image"], hash("b.jpg"));
    let text = recipe.to_string();
    assert!(!text.contains("a.png") && !text.contains("b.jpg"), "{text}");
    assert_eq!(effective["framing"]["size"], "560x320");
}

#[test]
fn kinora_1_begins_with_the_picture_it_is_given() {
    let folder = Folder::new();
    let colors = [[120, 170, 220], [90, 140, 60]];
    picture(&folder, "meadow.png", (576, 320), colors);
    let outcome = folder.kinora(&[
        "generate",
        "a meadow at noon",
        "--seconds",
        "1",
        "--steps",
        "4",
        "--seed",
        "3",
        "--image",
        "meadow.png",
        "--size",
        "576x320",
        "--output",
        "meadow.mp4",
    ]);
    assert_eq!(outcome.code, 0, "{}", outcome.err);
    let given = read_still(folder.0.join("meadow.png")).expect("a picture");
    let frames = pictures(&folder.0.join("meadow.mp4"));
    let likeness = psnr(&frames[0], given.rgb());
    assert!(likeness > 24.0, "{likeness:.1} dB");
}

#[test]
fn an_extension_goes_on_where_the_clip_ends() {
    let folder = Folder::new();
    let made = folder.generate(PROMPT, &["--seed", "1", "--output", "a.mp4"]);
    assert_eq!(made.code, 0, "{}", made.err);
    let more = [
        "--extend", "a.mp4", "--seed", "2", "--output", "b.mp4", "--json",
    ];
    let extended = folder.generate("the boat sails away", &more);
    assert_eq!(extended.code, 0, "{}", extended.err);
    let clip = &json(&extended.out)["outputs"][0];
    assert_eq!(
        (clip["frames"].as_u64(), clip["seconds"].as_f64()),
        (Some(48), Some(2.0))
    );
    let (before, after) = (
        pictures(&folder.0.join("a.mp4")),
        pictures(&folder.0.join("b.mp4")),
    );
    assert_eq!((before.len(), after.len()), (24, 48));
    for (i, (old, new)) in before.iter().zip(&after).enumerate() {
        let likeness = psnr(old, new);
        // Random weights paint noise, which no encoder keeps.
        assert!(likeness > 24.0, "frame {i}: {likeness:.1} dB");
    }
    let recipe = json(&folder.kinora(&["recipe", "b.mp4"]).out);
    assert_eq!(recipe["effective"]["earlier_frames"], 24);

    // At another rate the old part keeps its speed.
    let more = [
        "--extend", "a.mp4", "--seed", "2", "--fps", "12", "--output", "c.mp4",
    ];
    assert_eq!(folder.generate("the boat sails away", &more).code, 0);
    assert_eq!(pictures(&folder.0.join("c.mp4")).len(), 24);
}

#[test]
fn a_loop_ends_with_the_picture_it_begins_with() {
    let folder = Folder::new();
    let more = [
        "--seed",
        "1",
        "--loop",
        "--output",
        "a.mp4",
        "--save-latents",
        "a.safetensors",
    ];
    let made = folder.generate(PROMPT, &more);
    assert_eq!(made.code, 0, "{}", made.err);
    // The same picture as the first and the last is the same loop.
    let recipe = json(&folder.kinora(&["recipe", "a.mp4"]).out);
    assert_eq!(recipe["request"]["loop"], true);
    let looped = latents(&folder.0.join("a.safetensors"));
    let open = [
        "--seed",
        "1",
        "--output",
        "b.mp4",
        "--save-latents",
        "b.safetensors",
    ];
    assert_eq!(folder.generate(PROMPT, &open).code, 0);
    let open = latents(&folder.0.join("b.safetensors"));
    assert_ne!(looped[looped.len() - 1], open[open.len() - 1]);
    picture(&folder, "p.png", (192, 108), [[200, 40, 40], [30, 60, 90]]);
    let given = |name: &str, end: &[&str]| {
        let file = format!("{name}.safetensors");
        let video = format!("{name}.mp4");
        let fixed = [
            "--image",
            "p.png",
            "--seed",
            "1",
            "--output",
            &video,
            "--save-latents",
            &file,
        ];
        let made = folder.generate(PROMPT, &[&fixed[..], end].concat());
        assert_eq!(made.code, 0, "{}", made.err);
        latents(&folder.0.join(file))
    };
    assert_eq!(
        given("c", &["--loop"]),
        given("d", &["--last-image", "p.png"])
    );
}

#[test]
fn what_cannot_be_given_is_refused() {
    let folder = Folder::new();
    picture(&folder, "a.png", (64, 64), [[0; 3]; 2]);
    std::fs::write(folder.0.join("text.png"), "no picture").expect("a file");
    for (more, code, said) in [
        (
            &["--image", "none.png"][..],
            1,
            "cannot read none.png: No such file or directory (os error 2)\nhint: check the file's name",
        ),
        (&["--image", "text.png"], 1, "cannot use picture text.png"),
        (&["--extend", "a.png"], 1, "not a readable MP4 file"),
        (
            &["--image", "a.png", "--extend", "a.mp4"],
            2,
            "cannot be used with",
        ),
        (
            &["--loop", "--last-image", "a.png"],
            2,
            "cannot be used with",
        ),
        (
            &["--extend", "a.mp4", "--frames", "25"],
            2,
            "cannot be used with",
        ),
    ] {
        let outcome = folder.generate(PROMPT, more);
        assert_eq!(outcome.code, code, "{more:?}: {}", outcome.err);
        assert!(outcome.err.contains(said), "{more:?}: {}", outcome.err);
    }
    let clip = folder.generate(PROMPT, &["--output", "a.mp4"]);
    assert_eq!(clip.code, 0, "{}", clip.err);
    let long = folder.kinora(&["generate", PROMPT, "--extend", "a.mp4", "--seconds", "20"]);
    assert_eq!(long.code, 2);
    assert!(
        long.err.contains("1 to 19.3 seconds, not 20"),
        "{}",
        long.err
    );
    // All pictures of the clip as long as the file can say: centuries that would be written once more.
    let path = folder.0.join("a.mp4");
    let mut slow = std::fs::read(&path).expect("the clip");
    let times = slow.windows(4).position(|name| name == b"stts");
    let duration = times.expect("a table of times") + 16;
    slow[duration..duration + 4].copy_from_slice(&u32::MAX.to_be_bytes());
    std::fs::write(&path, slow).expect("a file");
    let slow = folder.kinora(&["generate", PROMPT, "--extend", "a.mp4"]);
    assert_eq!(slow.code, 2, "{}", slow.err);
    assert!(slow.err.contains("at most 600 seconds"), "{}", slow.err);
}
