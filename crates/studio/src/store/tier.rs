//! Tiers: who is served first.

use std::fmt;
use std::str::FromStr;

/// The tier of a video, and the highest one of an API key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// Waits behind Pro until it has waited long.
    #[default]
    Standard,
    /// First in the queue.
    Pro,
}

impl Tier {
    const ALL: [(Self, &'static str); 2] = [(Self::Standard, "standard"), (Self::Pro, "pro")];

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    /// The lane of the queue that its videos wait in; 0 is served first.
    pub(super) fn lane(self) -> i64 {
        match self {
            Self::Pro => 0,
            Self::Standard => 1,
        }
    }

    pub(super) fn column(self) -> &'static str {
        self.name()
    }

    pub(super) fn of_column(text: &str) -> Self {
        text.parse().expect("the table checks its tiers")
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.name())
    }
}

impl FromStr for Tier {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.iter().find(|(_, name)| *name == text);
        found.map(|(tier, _)| *tier).ok_or("standard or pro")
    }
}
