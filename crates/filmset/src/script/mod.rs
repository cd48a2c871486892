//! Scripts: which scenes exist, and what people would write about them.

pub mod caption;
mod casting;
mod filming;
pub mod random;
mod recipe;
mod sample;
pub mod slots;

pub use caption::{Caption, Style, caption};
pub use casting::{settings_of, turn_seconds};
pub use recipe::{Recipe, Split, belongs, is_held_out};
pub use sample::{is_absent, sample};
pub use slots::{SLOTS, Slot, SlotSpec, truth};
