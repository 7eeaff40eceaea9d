//! `Content-Length` (RFC 9110 §8.6).

use super::Reject;

/// Reads `1*DIGIT` and nothing else: no sign, no list, no white space inside.
///
/// # Errors
/// [`Reject::Malformed`] for anything else, or a number beyond 64 bits.
pub(crate) fn read(value: &[u8]) -> Result<u64, Reject> {
    const BAD: Reject = Reject::Malformed("malformed Content-Length");
    if value.is_empty() {
        return Err(BAD);
    }
    value.iter().try_fold(0u64, |sum, &byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0')).ok_or(BAD)?;
        sum.checked_mul(10).and_then(|sum| sum.checked_add(digit)).ok_or(BAD)
    })
}
