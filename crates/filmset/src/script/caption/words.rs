//! Synonyms of single words.

use crate::program::{Action, Color, Garment, Headwear, Setting, Subject, SubjectKind};

/// Pairs of singular and plural.
pub type Names = &'static [(&'static str, &'static str)];

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
pub const fn garments(garment: Garment) -> Names {
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
pub const fn headwear(headwear: Headwear) -> Names {
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

/// Singular and plural names of a kind. The first ones are the plain ones.
pub fn kind_names(subject: &Subject, setting: Setting) -> Names {
    let by_nets = setting == Setting::Harbor
        && (subject.action == Action::Haul || subject.garment == Some(Garment::Raincoat));
    match subject.kind {
        SubjectKind::Man if by_nets || subject.action == Action::Haul => &[
            ("fisherman", "fishermen"),
            ("fisherman", "fishermen"),
            ("man", "men"),
        ],
        SubjectKind::Man if subject.action == Action::Run => &[
            ("man", "men"),
            ("runner", "runners"),
            ("man", "men"),
            ("male runner", "male runners"),
        ],
        SubjectKind::Man if setting == Setting::WheatField => {
            &[("man", "men"), ("man", "men"), ("farmer", "farmers")]
        }
        SubjectKind::Man if setting == Setting::Mountains => {
            &[("man", "men"), ("man", "men"), ("hiker", "hikers")]
        }
        SubjectKind::Man => &[
            ("man", "men"),
            ("man", "men"),
            ("man", "men"),
            ("guy", "guys"),
            ("gentleman", "gentlemen"),
        ],
        SubjectKind::Woman => &[
            ("woman", "women"),
            ("woman", "women"),
            ("woman", "women"),
            ("lady", "ladies"),
        ],
        SubjectKind::Child => &[
            ("child", "children"),
            ("child", "children"),
            ("kid", "kids"),
            ("girl", "girls"),
            ("boy", "boys"),
        ],
        SubjectKind::Dog => &[
            ("dog", "dogs"),
            ("dog", "dogs"),
            ("puppy", "puppies"),
            ("hound", "hounds"),
        ],
        SubjectKind::Birds
            if matches!(setting, Setting::Harbor | Setting::Beach | Setting::Sea) =>
        {
            &[
                ("birds", "birds"),
                ("gulls", "gulls"),
                ("seagulls", "seagulls"),
            ]
        }
        SubjectKind::Birds => &[("birds", "birds")],
        SubjectKind::Sailboat => &[
            ("sailboat", "sailboats"),
            ("sailing boat", "sailing boats"),
            ("yacht", "yachts"),
        ],
        SubjectKind::FishingBoat => &[
            ("fishing boat", "fishing boats"),
            ("fishing boat", "fishing boats"),
            ("trawler", "trawlers"),
            ("boat", "boats"),
            ("fishing vessel", "fishing vessels"),
        ],
        SubjectKind::Balloon => &[
            ("hot-air balloon", "hot-air balloons"),
            ("hot air balloon", "hot air balloons"),
            ("balloon", "balloons"),
        ],
        SubjectKind::Train => &[
            ("train", "trains"),
            ("train", "trains"),
            ("steam train", "steam trains"),
            ("locomotive", "locomotives"),
        ],
        SubjectKind::Ball => &[
            ("ball", "balls"),
            ("ball", "balls"),
            ("rubber ball", "rubber balls"),
        ],
        SubjectKind::Kite => &[
            ("kite", "kites"),
            ("kite", "kites"),
            ("paper kite", "paper kites"),
        ],
        SubjectKind::Lighthouse => &[
            ("lighthouse", "lighthouses"),
            ("light house", "light houses"),
        ],
    }
}
