//! How large the head of a request may be, whatever version of HTTP it comes in.

/// The bounds of a head.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeadLimits {
    /// The longest request target, in bytes.
    pub target_bytes_max: usize,
    /// The longest head, in bytes: in HTTP/1 with its last empty line, in HTTP/2 as RFC 9113 §10.5.1 counts.
    pub head_bytes_max: usize,
    /// The most headers.
    pub header_count_max: usize,
}
