//! Model families, one folder each. A family knows its layers and its config, never sigmas or
//! samplers, and never where its files come from.

mod describe;
mod held;
pub mod ltx;
pub mod native;
pub mod t5;
mod tiles;
pub mod wan;

pub use held::Held;
pub use tiles::Tiling;
