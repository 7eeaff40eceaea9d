//! Where the operator wrote a value: in the file, in a flag or a variable, or nowhere.

/// A value, and where the operator wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Written<T> {
    pub value: T,
    pub origin: Origin,
}

/// Where a value was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Origin {
    /// Nowhere: it is a default.
    Default,
    /// In a flag or a variable of this name.
    Given(&'static str),
    /// In the file, at this byte.
    File(usize),
}

impl Origin {
    /// The byte of the file; 0 where it was not written there.
    pub(super) fn byte(self) -> usize {
        match self {
            Origin::File(at) => at,
            Origin::Default | Origin::Given(_) => 0,
        }
    }
}

/// An error whose origin is not a line and a column yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LocatedError {
    pub(super) origin: Origin,
    pub(super) message: String,
}
