//! Tables of the setting layer: what places and hours are called.

use crate::program::{Program, Setting, TimeOfDay, Weather};

/// Names of the setting without preposition, with article where one is due.
pub const fn names(setting: Setting) -> &'static [&'static str] {
    match setting {
        Setting::Harbor => &[
            "a harbor",
            "a harbour",
            "a small harbor",
            "a fishing harbor",
            "a port",
            "a fishing port",
            "a pier",
        ],
        Setting::Beach => &[
            "a beach",
            "a sandy beach",
            "a wide beach",
            "the seashore",
            "a sandy shore",
        ],
        Setting::Sea => &[
            "the sea",
            "the open sea",
            "the ocean",
            "the open water",
            "the open ocean",
        ],
        Setting::WheatField => &[
            "a wheat field",
            "a field of wheat",
            "a wheat field",
            "a wide wheat field",
            "a field",
            "a grain field",
        ],
        Setting::Mountains => &[
            "the mountains",
            "a mountain landscape",
            "a mountain valley",
            "mountain ridges",
            "high mountains",
            "a mountain range",
        ],
        Setting::Desert => &[
            "a desert",
            "the desert",
            "desert dunes",
            "sand dunes",
            "a desert valley",
        ],
        Setting::SnowVillage => &[
            "a snowy village",
            "a snow-covered village",
            "a winter village",
            "a snow village",
            "a village in winter",
        ],
        Setting::Street => &[
            "a city street",
            "a street",
            "a street in the city",
            "a town street",
            "an urban street",
        ],
        Setting::Skyline => &[
            "a city skyline",
            "a skyline",
            "the skyline of a city",
            "the towers of a city",
            "a skyline of towers",
        ],
        Setting::Forest => &[
            "a forest",
            "the woods",
            "a forest of tall trees",
            "a woodland",
            "a pine forest",
        ],
    }
}

pub const fn on_land(setting: Setting) -> &'static [&'static str] {
    match setting {
        Setting::Harbor => &[
            "on a wooden dock",
            "on a pier",
            "at the harbor",
            "in a harbor",
            "at a harbour",
            "on a dock",
            "on the quay",
            "at the port",
            "on a jetty in the harbor",
            "in a fishing port",
            "by the harbor wall",
        ],
        Setting::Beach => &[
            "on a beach",
            "on the beach",
            "on a sandy beach",
            "along the shore",
            "at the seashore",
            "on the sand by the sea",
            "on a wide beach",
        ],
        Setting::Sea => &["at sea", "on the open sea"],
        Setting::WheatField => &[
            "in a wheat field",
            "in a field of wheat",
            "in waist-high wheat",
            "in a wheat field",
            "in the wheat",
            "in a golden wheat field",
            "in a field",
            "through the wheat",
        ],
        Setting::Mountains => &[
            "in the mountains",
            "in front of mountains",
            "in a mountain valley",
            "on a mountain meadow",
            "before high mountains",
            "among the mountains",
        ],
        Setting::Desert => &[
            "in a desert",
            "in the desert",
            "among sand dunes",
            "on the dunes",
            "in a desert valley",
            "across the sand dunes",
        ],
        Setting::SnowVillage => &[
            "in a snowy village",
            "in a village in winter",
            "in a snow-covered village",
            "in a winter village",
            "in a snow village",
        ],
        Setting::Street => &[
            "on a city street",
            "in a street",
            "on a street",
            "in a city street",
            "on the street of a city",
            "in an urban street",
            "on the pavement of a city street",
        ],
        Setting::Skyline => &[
            "in front of a city skyline",
            "before a skyline",
            "against a city skyline",
            "with a skyline behind",
        ],
        Setting::Forest => &[
            "in a forest",
            "in the forest",
            "in the woods",
            "among tall trees",
            "between the trees of a forest",
            "in a pine forest",
        ],
    }
}

pub const fn on_water(setting: Setting) -> &'static [&'static str] {
    match setting {
        Setting::Harbor => &[
            "in a harbor",
            "in a harbour",
            "in the port",
            "off the pier",
            "in a fishing port",
            "near the dock",
            "in a small harbor",
        ],
        Setting::Beach => &[
            "off a beach",
            "off a sandy beach",
            "near the beach",
            "off the seashore",
        ],
        _ => &[
            "on the sea",
            "at sea",
            "on the open sea",
            "on the ocean",
            "out at sea",
            "on open water",
        ],
    }
}

pub const fn in_air(setting: Setting) -> &'static [&'static str] {
    match setting {
        Setting::Harbor => &[
            "over a harbor",
            "above a harbour",
            "over the pier",
            "above a port",
        ],
        Setting::Beach => &["over a beach", "above the beach", "over a sandy beach"],
        Setting::Sea => &[
            "over the sea",
            "above the ocean",
            "over open water",
            "over the open sea",
        ],
        Setting::WheatField => &[
            "over a wheat field",
            "above a field of wheat",
            "over the wheat",
            "above a field",
        ],
        Setting::Mountains => &[
            "over the mountains",
            "above a mountain valley",
            "over mountain ridges",
        ],
        Setting::Desert => &[
            "over a desert",
            "above the dunes",
            "over a desert valley",
            "over sand dunes",
        ],
        Setting::SnowVillage => &["over a snowy village", "above a village in winter"],
        Setting::Street => &["over a city street", "above a street"],
        Setting::Skyline => &[
            "over a city skyline",
            "above the city skyline",
            "over the towers of a city",
        ],
        Setting::Forest => &[
            "over a forest",
            "above the trees of a forest",
            "over the woods",
        ],
    }
}

/// The hour as a noun that takes an adjective: "a foggy dawn".
pub const fn part_of_day(time: TimeOfDay) -> Option<&'static [&'static str]> {
    Some(match time {
        TimeOfDay::Dawn => &["dawn", "dawn", "daybreak"],
        TimeOfDay::Morning => &["morning"],
        TimeOfDay::Noon => &["noon", "midday"],
        TimeOfDay::GoldenHour => return None,
        TimeOfDay::Dusk => &["evening", "dusk"],
        TimeOfDay::Night => &["night"],
    })
}

/// Things that always stand in a setting.
pub const fn detail(program: &Program) -> Option<&'static [&'static str]> {
    let wet = matches!(program.weather, Weather::Rain);
    Some(match program.setting {
        Setting::Street if wet => &[
            "wet asphalt",
            "the road is wet",
            "a row of shops",
            "reflections on the wet road",
            "wet pavement",
        ],
        Setting::Street => &["a row of shops", "shop fronts", "houses along the street"],
        Setting::Mountains => &[
            "snow on the peaks",
            "ridge behind ridge",
            "a meadow with firs",
        ],
        Setting::Desert => &["mesas far off", "dunes in rows", "dunes and mesas"],
        Setting::SnowVillage => &[
            "white roofs",
            "snow-covered roofs",
            "a church among the houses",
        ],
        Setting::Forest => &["tall trunks", "rows of trunks", "branches overhead"],
        Setting::Skyline => &["towers in rows", "towers behind towers", "tall buildings"],
        Setting::WheatField => &["low hills behind", "golden stalks", "ears of wheat"],
        Setting::Harbor => &["houses on the far shore", "sheds on the far shore"],
        Setting::Beach | Setting::Sea => return None,
    })
}
