//! The way back: gradients of what an operation took, from the gradient of what it gave.

pub(super) mod attention;
pub(super) mod elementwise;
pub(super) mod reference;
pub(super) mod rows;
