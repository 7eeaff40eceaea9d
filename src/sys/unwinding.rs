//! Whether this thread ends by a panic, for values that are dropped meanwhile.

/// Whether this thread unwinds.
pub(crate) fn is_unwinding() -> bool {
    std::thread::panicking()
}
