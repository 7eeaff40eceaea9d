//! Percent-encoding (RFC 3986 §2.1).

use super::Reject;

/// Checks that every percent sign begins an encoding.
///
/// # Errors
/// [`Reject::Malformed`] where one does not.
pub(super) fn check(raw: &[u8]) -> Result<(), Reject> {
    let sound = memchr::memchr_iter(b'%', raw).all(|percent| {
        matches!(raw.get(percent + 1..percent + 3), Some(digits) if digits.iter().all(u8::is_ascii_hexdigit))
    });
    if sound { Ok(()) } else { Err(Reject::Malformed("bad percent-encoding")) }
}

/// A byte as two hexadecimal digits, in upper case (RFC 3986 §2.1).
pub(crate) fn hex(byte: u8) -> [u8; 2] {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]
}
