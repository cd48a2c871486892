//! Synonyms of single words.

use crate::program::{Color, Garment, Headwear};

/// Names of a colour; the plain one first.
pub const fn colors(color: Color) -> &'static [&'static str] {
    match color {
        Color::Red => &["red", "crimson", "scarlet", "bright red"],
        Color::Orange => &["orange", "bright orange", "tangerine"],
        Color::Yellow => &["yellow", "bright yellow", "lemon yellow"],
        Color::Green => &["green", "emerald", "emerald green"],
        Color::Teal => &["teal", "turquoise", "blue-green"],
        Color::Blue => &["blue", "cobalt", "cobalt blue"],
        Color::Purple => &["purple", "violet", "deep purple"],
        Color::Pink => &["pink", "rose", "rose pink"],
        Color::Brown => &["brown", "chestnut", "chocolate brown"],
        Color::White => &["white", "pure white", "snow-white"],
        Color::Grey => &["grey", "gray", "slate grey"],
        Color::Black => &["black", "jet black", "coal-black"],
    }
}

/// Singular and plural names of a garment; the plain one first.
pub const fn garments(garment: Garment) -> &'static [(&'static str, &'static str)] {
    match garment {
        Garment::Coat => &[
            ("coat", "coats"),
            ("long coat", "long coats"),
            ("wool coat", "wool coats"),
            ("overcoat", "overcoats"),
            ("winter coat", "winter coats"),
        ],
        Garment::Dress => &[
            ("dress", "dresses"),
            ("long dress", "long dresses"),
            ("summer dress", "summer dresses"),
            ("gown", "gowns"),
        ],
        Garment::Raincoat => &[
            ("raincoat", "raincoats"),
            ("rain coat", "rain coats"),
            ("oilskin", "oilskins"),
            ("slicker", "slickers"),
        ],
        Garment::Jacket => &[
            ("jacket", "jackets"),
            ("short jacket", "short jackets"),
            ("windbreaker", "windbreakers"),
            ("zip jacket", "zip jackets"),
        ],
        Garment::Sweater => &[
            ("sweater", "sweaters"),
            ("pullover", "pullovers"),
            ("jumper", "jumpers"),
            ("knitted sweater", "knitted sweaters"),
        ],
    }
}

/// Singular and plural names of what is on a head, without article; the plain one first.
pub const fn headwear(headwear: Headwear) -> &'static [(&'static str, &'static str)] {
    match headwear {
        Headwear::Bare => &[("bare head", "bare heads")],
        Headwear::WideHat => &[
            ("wide hat", "wide hats"),
            ("wide-brimmed hat", "wide-brimmed hats"),
            ("straw hat", "straw hats"),
            ("sun hat", "sun hats"),
            ("hat", "hats"),
        ],
        Headwear::Cap => &[
            ("cap", "caps"),
            ("flat cap", "flat caps"),
            ("peaked cap", "peaked caps"),
        ],
        Headwear::Hood => &[("hood", "hoods"), ("raised hood", "raised hoods")],
        Headwear::Beanie => &[
            ("beanie", "beanies"),
            ("knitted beanie", "knitted beanies"),
            ("woolly beanie", "woolly beanies"),
        ],
    }
}
