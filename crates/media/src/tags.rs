//! Text tags as players, editors and ffprobe read them: `udta/meta/ilst`, the iTunes layout.
//!
//! The recipe is a freeform item `----` with the reverse domain `com.kinora` and the name
//! `recipe`, which ffprobe lists as the tag `recipe`.

use shiguredo_mp4::boxes::UnknownBox;

use crate::mp4::raw_box;
use crate::settings::Tags;

pub(crate) const RECIPE_DOMAIN: &[u8] = b"com.kinora";
pub(crate) const RECIPE_NAME: &[u8] = b"recipe";

/// Type indicator of UTF-8 text in a `data` box.
pub(crate) const UTF8: u32 = 1;

/// The `udta` box of `moov`; names the tool even when there are no tags.
pub(crate) fn user_data(tags: &Tags) -> UnknownBox {
    let mut items = Vec::new();
    let mut text = |kind: [u8; 4], text: &str| items.extend(boxed(kind, &data(text)));
    if let Some(title) = &tags.title {
        text(*b"\xa9nam", title);
    }
    text(*b"\xa9too", concat!("Kinora ", env!("CARGO_PKG_VERSION")));
    if let Some(comment) = &tags.comment {
        text(*b"\xa9cmt", comment);
    }
    if let Some(recipe) = &tags.recipe {
        items.extend(boxed(*b"----", &freeform(recipe)));
    }
    let meta = [full_box(*b"hdlr", &handler()), boxed(*b"ilst", &items)].concat();
    raw_box(*b"udta", full_box(*b"meta", &meta))
}

fn freeform(recipe: &str) -> Vec<u8> {
    [
        full_box(*b"mean", RECIPE_DOMAIN),
        full_box(*b"name", RECIPE_NAME),
        data(recipe),
    ]
    .concat()
}

/// A `data` box: type indicator, locale (none), text.
fn data(text: &str) -> Vec<u8> {
    boxed(
        *b"data",
        &[&UTF8.to_be_bytes(), [0; 4].as_slice(), text.as_bytes()].concat(),
    )
}

/// The metadata handler `mdir`, without which readers ignore the list.
fn handler() -> Vec<u8> {
    [[0; 4].as_slice(), b"mdirappl", &[0; 9]].concat()
}

/// A box with version 0 and no flags.
fn full_box(kind: [u8; 4], payload: &[u8]) -> Vec<u8> {
    boxed(kind, &[[0; 4].as_slice(), payload].concat())
}

fn boxed(kind: [u8; 4], payload: &[u8]) -> Vec<u8> {
    // Tags are limited to about a megabyte, so the size fits its 32 bits.
    let size = 8 + payload.len() as u32;
    [size.to_be_bytes().as_slice(), &kind, payload].concat()
}
