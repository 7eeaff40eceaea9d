//! Integers that begin in the middle of a byte (RFC 7541 §5.1).

use super::HpackError;

/// Reads an integer that begins in the last `prefix` bits of the first byte. Returns it and what follows it.
///
/// It is below 2²⁹: nothing in a block is that long, and a longer form of a small number has no use.
///
/// # Errors
/// If it is cut off, or has more than four bytes after the first.
#[inline]
pub(super) fn read(input: &[u8], prefix: u32) -> Result<(usize, &[u8]), HpackError> {
    let (&first, mut rest) = input.split_first().ok_or(CUT_OFF)?;
    let mask = u8::MAX >> (8 - prefix);
    let mut value = usize::from(first & mask);
    if value < usize::from(mask) {
        return Ok((value, rest));
    }
    for shift in [0, 7, 14, 21] {
        let (&byte, after) = rest.split_first().ok_or(CUT_OFF)?;
        rest = after;
        value += usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok((value, rest));
        }
    }
    Err(HpackError("an integer is too long"))
}

/// Appends an integer whose first byte has these bits before it.
#[inline]
pub(super) fn write(out: &mut Vec<u8>, pattern: u8, prefix: u32, value: usize) {
    let mask = u8::MAX >> (8 - prefix);
    if value < usize::from(mask) {
        out.push(pattern | value as u8);
        return;
    }
    out.push(pattern | mask);
    let mut rest = value - usize::from(mask);
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// The block ends too early.
pub(super) const CUT_OFF: HpackError = HpackError("the block is cut off");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_rfc_are_written_and_read() {
        for (value, prefix, bytes) in
            [(10, 5, &[0x0a][..]), (1337, 5, &[0x1f, 0x9a, 0x0a]), (42, 8, &[0x2a])]
        {
            let mut out = Vec::new();
            write(&mut out, 0, prefix, value);
            assert_eq!(out, bytes);
            assert_eq!(read(bytes, prefix), Ok((value, &b""[..])));
        }
    }

    #[test]
    fn what_is_written_is_read_again_and_nothing_shorter_is() {
        for prefix in 1..=8 {
            for value in (0..70).chain([126, 127, 128, 254, 255, 256, 16_511, 1 << 20, 1 << 28]) {
                let mut out = Vec::new();
                write(&mut out, 0, prefix, value);
                out.push(7);
                assert_eq!(read(&out, prefix), Ok((value, &[7][..])), "{value} in {prefix}");
                for cut in 0..out.len() - 1 {
                    assert_eq!(read(&out[..cut], prefix), Err(CUT_OFF));
                }
            }
        }
    }

    #[test]
    fn an_integer_has_a_bound() {
        assert!(read(&[0x1f, 0xff, 0xff, 0xff, 0x7f], 5).is_ok());
        for long in [&[0x1f, 0xff, 0xff, 0xff, 0xff, 0x01][..], &[0x1f, 0x80, 0x80, 0x80, 0x80, 0]]
        {
            assert_eq!(read(long, 5), Err(HpackError("an integer is too long")));
        }
    }
}
