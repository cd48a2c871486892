//! A part of a model that is borrowed, or that goes when its user goes.

use std::ops::Deref;

/// A decoder, of one's own or somebody else's.
pub enum Held<'a, T> {
    /// Given back with what holds it.
    Own(Box<T>),
    /// Kept by another.
    Lent(&'a T),
}

impl<T> Deref for Held<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        match self {
            Self::Own(value) => value,
            Self::Lent(value) => value,
        }
    }
}

impl<T> From<T> for Held<'_, T> {
    fn from(value: T) -> Self {
        Self::Own(Box::new(value))
    }
}

impl<'a, T> From<&'a T> for Held<'a, T> {
    fn from(value: &'a T) -> Self {
        Self::Lent(value)
    }
}
