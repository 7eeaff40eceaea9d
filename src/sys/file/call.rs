//! What the disk is asked for, so that a simulation can let it fail there.

/// A call of the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    /// Opens what has a path.
    Open,
    /// Reads or sends bytes of a file.
    Read,
    /// Makes a file.
    Create,
    /// Writes bytes to it.
    Write,
    /// Gives it a name.
    Name,
}

/// Fails if a simulation lets this call fail.
#[cfg(test)]
pub(in crate::sys) fn refused(call: Call) -> std::io::Result<()> {
    super::simulated::refused(call)
}

/// Nothing fails but what the kernel lets fail.
#[cfg(not(test))]
#[inline(always)]
pub(in crate::sys) const fn refused(_: Call) -> std::io::Result<()> {
    Ok(())
}
