//! The operations: `Tensor` methods that check shapes, and the options they take.

mod attention;
mod conv;
mod elementwise;
mod layout;
mod linear;
mod norm;

pub use attention::{Attention, AttentionForward};
pub(crate) use attention::{bias_start, length};
pub use conv::{Conv, Pad};
pub use elementwise::Unary;
pub use linear::{Activation, Epilogue, Residual};
pub use norm::{Heads, Modulation, Norm, QkNorm, Rotary};
