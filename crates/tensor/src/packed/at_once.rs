//! Packing before the first use, so that no weight is in memory twice for long.

use super::{ConvWeight, PackedWeight};

impl PackedWeight {
    /// Packs the weight now and not on first use.
    #[must_use]
    pub fn packed(self) -> Self {
        let _ = self.factor();
        self
    }
}

impl ConvWeight {
    /// Packs the weight now and not on first use.
    #[must_use]
    pub fn packed(self) -> Self {
        let _ = self.panels();
        self
    }
}
