//! Range requests (RFC 9110 §14): which bytes of a representation a client wants.

use super::list;
use std::ops::Range;

/// What a `Range` header asks of a representation of known length.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ranges {
    /// No usable range: send everything with 200. This covers unknown units, bad syntax, too many ranges,
    /// and ranges that together are longer than the whole and therefore overlap (RFC 9110 §14.2 allows a
    /// server to ignore them). So no list of ranges makes a server send more than the whole.
    Whole,
    /// Exactly one part.
    One(Range<u64>),
    /// Several parts, in the order asked for, together no longer than the whole.
    Many(Vec<Range<u64>>),
    /// Well-formed, but no range is inside the representation: 416.
    Unsatisfiable,
}

/// Reads a `Range` value for a representation of `length` bytes, taking `ranges_max` parts at most.
pub(crate) fn parse(value: &[u8], length: u64, ranges_max: usize) -> Ranges {
    let Some((unit, set)) = value.split_at_checked(6) else {
        return Ranges::Whole;
    };
    if !unit.eq_ignore_ascii_case(b"bytes=") {
        return Ranges::Whole;
    }
    let mut wanted: Vec<Range<u64>> = Vec::new();
    let mut first = None;
    let mut asked = 0;
    let mut total = 0u64;
    for spec in list::elements(set) {
        asked += 1;
        let Some(resolved) = resolve(spec, length) else {
            return Ranges::Whole;
        };
        if asked > ranges_max {
            return Ranges::Whole;
        }
        let Some(part) = resolved else { continue };
        total = total.saturating_add(part.end - part.start);
        match first.take() {
            None if wanted.is_empty() => first = Some(part),
            Some(earlier) => wanted.extend([earlier, part]),
            None => wanted.push(part),
        }
    }
    match first {
        _ if asked == 0 => Ranges::Whole,
        // No client needs a byte twice, and such requests make servers send a file many times over.
        _ if total > length => Ranges::Whole,
        Some(part) => Ranges::One(part),
        None if wanted.is_empty() && length == 0 && is_suffix(set) => Ranges::Whole,
        None if wanted.is_empty() => Ranges::Unsatisfiable,
        None => Ranges::Many(wanted),
    }
}

/// `None`: not a range at all. `Some(None)`: a range outside the representation.
fn resolve(spec: &[u8], length: u64) -> Option<Option<Range<u64>>> {
    let dash = memchr::memchr(b'-', spec)?;
    let (from, to) = (&spec[..dash], &spec[dash + 1..]);
    match (from, to) {
        (b"", suffix) => {
            let count = number(suffix)?.min(length);
            Some((count > 0).then(|| length - count..length))
        }
        (from, b"") => {
            let start = number(from)?;
            Some((start < length).then_some(start..length))
        }
        (from, to) => {
            let (start, last) = (number(from)?, number(to)?);
            if last < start {
                return None;
            }
            Some((start < length).then(|| start..last.saturating_add(1).min(length)))
        }
    }
}

/// A position too large for 64 bits is beyond every file: it saturates.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(
        digits.iter().fold(0u64, |sum, digit| {
            sum.saturating_mul(10).saturating_add(u64::from(digit - b'0'))
        }),
    )
}

/// A suffix of an empty file is satisfiable (RFC 9110 §14.1.2), but no Content-Range can express it.
fn is_suffix(set: &[u8]) -> bool {
    list::elements(set).any(
        |spec| matches!(spec, [b'-', digits @ ..] if number(digits).is_some_and(|count| count > 0)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_of_a_single_range() {
        for (value, expected) in [
            ("bytes=0-0", Ranges::One(0..1)),
            ("bytes=0-", Ranges::One(0..1000)),
            ("bytes=990-", Ranges::One(990..1000)),
            ("bytes=-1", Ranges::One(999..1000)),
            ("bytes=-5000", Ranges::One(0..1000)),
            ("bytes=500-99999", Ranges::One(500..1000)),
            ("BYTES=1-2", Ranges::One(1..3)),
            ("bytes= 1-2 ", Ranges::One(1..3)),
            ("bytes=0-18446744073709551615", Ranges::One(0..1000)),
            ("bytes=0-99999999999999999999999", Ranges::One(0..1000)),
            ("bytes=1-2,", Ranges::One(1..3)),
            ("bytes=1-2, 5000-", Ranges::One(1..3)),
        ] {
            assert_eq!(parse(value.as_bytes(), 1000, 16), expected, "{value}");
        }
    }

    #[test]
    fn a_range_outside_is_unsatisfiable() {
        for value in [
            "bytes=1000-",
            "bytes=1000-2000",
            "bytes=-0",
            "bytes=2000-,3000-",
            "bytes=99999999999999999999999-",
        ] {
            assert_eq!(parse(value.as_bytes(), 1000, 16), Ranges::Unsatisfiable, "{value}");
        }
        assert_eq!(parse(b"bytes=0-", 0, 16), Ranges::Unsatisfiable);
        assert_eq!(parse(b"bytes=-5", 0, 16), Ranges::Whole);
    }

    #[test]
    fn what_is_not_a_byte_range_is_ignored() {
        for value in [
            "",
            "bytes",
            "bytes=",
            "bytes=,",
            "lines=1-2",
            "bytes=a-b",
            "bytes=1",
            "bytes=-",
            "bytes=5-4",
            "bytes=1-2-3",
            "bytes=+1-2",
            "bytes=1-2;3",
            "bytes=0x1-2",
            "bytes 1-2",
        ] {
            assert_eq!(parse(value.as_bytes(), 1000, 16), Ranges::Whole, "{value}");
        }
    }

    #[test]
    fn several_ranges_keep_their_order() {
        assert_eq!(parse(b"bytes=5-6, -1 ,0-1", 100, 16), Ranges::Many(vec![5..7, 99..100, 0..2]));
    }

    #[test]
    fn overlapping_or_too_many_ranges_are_ignored() {
        assert_eq!(parse(b"bytes=0-,0-", 100, 16), Ranges::Whole);
        assert_eq!(parse(b"bytes=0-0,1-1,2-2", 100, 2), Ranges::Whole);
        assert_eq!(parse(b"bytes=0-0,200-,300-", 100, 2), Ranges::Whole);
    }

    #[test]
    fn every_satisfiable_range_is_inside() {
        for length in 0..12u64 {
            for from in 0..14u64 {
                for to in 0..14u64 {
                    if let Ranges::One(part) =
                        parse(format!("bytes={from}-{to}").as_bytes(), length, 1)
                    {
                        assert!(part.start < part.end && part.end <= length);
                    }
                }
            }
        }
    }
}
