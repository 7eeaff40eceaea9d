//! `Expect` (RFC 9110 §10.1.1).

use super::{Reject, list};

/// Whether the client waits for `100 Continue` before it sends its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expectation {
    None,
    Continue,
}

/// Reads the lines of `Expect`.
///
/// # Errors
/// [`Reject::ExpectationUnknown`] for anything but `100-continue`.
pub(crate) fn read<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Result<Expectation, Reject> {
    let mut elements = lines.flat_map(list::elements).peekable();
    if elements.peek().is_none() {
        return Ok(Expectation::None);
    }
    if elements.all(|element| element.eq_ignore_ascii_case(b"100-continue")) {
        Ok(Expectation::Continue)
    } else {
        Err(Reject::ExpectationUnknown)
    }
}
