//! Entity tags (RFC 9110 §8.8.3): a file's version in a few bytes.
//!
//! Pure: it must never know a file. The caller passes its time of modification and its length.

use std::fmt;
use std::io::Write;

/// How much an entity tag promises (RFC 9110 §8.8.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strength {
    /// Byte for byte the same.
    Strong,
    /// Good enough for a cache; never for joining ranges.
    Weak,
}

/// An entity tag, as it stands in the header: `"18a2b3c4d5e6f7-26"`, or `W/"18a2b3c4d5e6f7-26~"`.
///
/// It is a small value that is cheap to copy.
#[derive(Clone, Copy)]
pub(crate) struct ETag {
    text: [u8; TEXT_BYTES_MAX],
    length: u8,
}

impl ETag {
    /// The tag of a file's version: its time of modification in nanoseconds since 1970 (negative
    /// before) and its size in bytes, both in hexadecimal.
    ///
    /// A weak tag ends in `~`, so that it does not even match weakly the strong tag that the same file has
    /// later. A tag is weak while the file may have been read in the middle of a write. If the two tags
    /// matched, a client with such a half would get 304 for ever.
    pub(crate) fn of(modified_nanoseconds: i128, size_bytes: u64, strength: Strength) -> ETag {
        let modified = modified_nanoseconds as u128 & MODIFIED_MASK;
        let mut text = [0; TEXT_BYTES_MAX];
        let mut rest = &mut text[..];
        match strength {
            Strength::Strong => write!(rest, "\"{modified:x}-{size_bytes:x}\""),
            Strength::Weak => write!(rest, "W/\"{modified:x}-{size_bytes:x}~\""),
        }
        .expect("24 and 16 hexadecimal digits and 6 more characters fit");
        let length = TEXT_BYTES_MAX - rest.len();
        ETag { text, length: length as u8 }
    }

    /// The strong tag of contents with this sum, in hexadecimal.
    pub(crate) fn of_contents(sum: [u8; 16]) -> ETag {
        let mut text = [0; TEXT_BYTES_MAX];
        let mut rest = &mut text[..];
        write!(rest, "\"{:032x}\"", u128::from_be_bytes(sum)).expect("34 characters fit");
        let length = TEXT_BYTES_MAX - rest.len();
        ETag { text, length: length as u8 }
    }

    /// The tag of the same version in a content coding, which is another representation (RFC 9110 §8.8.3.3). It
    /// ends in the name of the coding, of which the first [`CODING_BYTES_MAX`] bytes count.
    pub(crate) fn with_coding(&self, coding: &str) -> ETag {
        let name = &coding.as_bytes()[..coding.len().min(CODING_BYTES_MAX)];
        let plain = self.as_bytes();
        let (quote, before) = plain.split_last().unwrap_or((&b'"', b""));
        let mut text = [0; TEXT_BYTES_MAX];
        let mut length = 0;
        for piece in [before, b"-", name, &[*quote]] {
            text[length..length + piece.len()].copy_from_slice(piece);
            length += piece.len();
        }
        ETag { text, length: length as u8 }
    }

    /// What a tag as it came on the wire has in addition to this one, if it is of the same version in a content coding:
    /// the name that [`with_coding`](ETag::with_coding) was given.
    pub(crate) fn coding_of<'t>(&self, tag: &'t [u8]) -> Option<&'t [u8]> {
        let (quote, before) = self.opaque().split_last()?;
        opaque(tag).strip_prefix(before)?.strip_prefix(b"-")?.strip_suffix(&[*quote])
    }

    /// Whether a tag as it came on the wire is that of the same version in a content coding, and both are strong.
    pub(crate) fn has_encoding(&self, tag: &[u8]) -> bool {
        let is_name = |name: &[u8]| (1..=CODING_BYTES_MAX).contains(&name.len());
        !self.is_weak() && !tag.starts_with(b"W/") && self.coding_of(tag).is_some_and(is_name)
    }

    /// The tag as it stands in the header, with its quotes and, if weak, its `W/`.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.text[..usize::from(self.length)]
    }

    /// Whether the tag is weak.
    pub(crate) fn is_weak(&self) -> bool {
        self.text[0] == b'W'
    }

    /// The tag without `W/`: what weak comparison looks at. The quotes are part of it.
    pub(crate) fn opaque(&self) -> &[u8] {
        opaque(self.as_bytes())
    }

    /// Strong comparison (RFC 9110 §8.8.3.2) with one entity tag as it came on the wire: both are
    /// strong and equal byte for byte.
    pub(crate) fn matches_strongly(&self, tag: &[u8]) -> bool {
        !self.is_weak() && self.as_bytes() == tag
    }

    /// Weak comparison (RFC 9110 §8.8.3.2) with one entity tag as it came on the wire: both are equal,
    /// whether or not either is weak.
    pub(crate) fn matches_weakly(&self, tag: &[u8]) -> bool {
        self.opaque() == opaque(tag)
    }
}

impl fmt::Debug for ETag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ETag({})", self.as_bytes().escape_ascii())
    }
}

impl PartialEq for ETag {
    /// Whether the header text is the same. Compare what a client sent by the two comparisons of the RFC.
    fn eq(&self, other: &ETag) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for ETag {}

/// `W/` is case-sensitive (RFC 9110 §8.8.3).
fn opaque(tag: &[u8]) -> &[u8] {
    tag.strip_prefix(b"W/").unwrap_or(tag)
}

/// `W/"`, 24 digits, `-`, 16 digits, `~"`: 46, and `-` with the name of a coding. The whole value stays within 56.
const TEXT_BYTES_MAX: usize = 55;

/// No coding in use has a longer name.
const CODING_BYTES_MAX: usize = 8;

/// Signed 64-bit seconds in nanoseconds take 94 bits; negative ones are shown as two's complement.
const MODIFIED_MASK: u128 = (1 << 96) - 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_shows_time_and_size_in_hexadecimal() {
        assert_eq!(
            ETag::of(0x18a2b3c4d5e6f7, 0x26, Strength::Strong).as_bytes(),
            b"\"18a2b3c4d5e6f7-26\""
        );
        assert_eq!(
            ETag::of(0x18a2b3c4d5e6f7, 0x26, Strength::Weak).as_bytes(),
            b"W/\"18a2b3c4d5e6f7-26~\""
        );
        assert_eq!(ETag::of(0, 0, Strength::Strong).as_bytes(), b"\"0-0\"");
    }

    #[test]
    fn a_tag_of_contents_shows_their_sum() {
        let mut sum = [0xab; 16];
        sum[0] = 0;
        let tag = ETag::of_contents(sum);
        assert_eq!(tag.as_bytes(), b"\"00ababababababababababababababab\"");
        assert!(!tag.is_weak());
        assert_eq!(
            tag.with_coding("gzip").as_bytes(),
            b"\"00ababababababababababababababab-gzip\""
        );
    }

    #[test]
    fn the_widest_values_fit() {
        for modified in
            [i128::from(i64::MAX) * 1_000_000_000, i128::from(i64::MIN) * 1_000_000_000, -1]
        {
            let tag = ETag::of(modified, u64::MAX, Strength::Weak);
            assert!(tag.as_bytes().ends_with(b"-ffffffffffffffff~\""), "{tag:?}");
        }
        assert!(size_of::<ETag>() <= 56);
    }

    #[test]
    fn each_coding_has_a_tag_of_its_own() {
        for strength in [Strength::Strong, Strength::Weak] {
            let plain = ETag::of(i128::from(i64::MIN) * 1_000_000_000, u64::MAX, strength);
            let coded = ["gzip", "br", "eightlet", "eightlets"].map(|it| plain.with_coding(it));
            assert_eq!(coded[0].is_weak(), plain.is_weak());
            assert!(!coded[0].matches_weakly(plain.as_bytes()));
            assert!(!coded[0].matches_weakly(coded[1].as_bytes()));
            assert_eq!(coded[2], coded[3]);
        }
        let plain = ETag::of(1, 2, Strength::Strong);
        assert_eq!(plain.coding_of(b"\"1-2-gzip\""), Some(&b"gzip"[..]));
        assert_eq!(plain.coding_of(b"W/\"1-2-\""), Some(&b""[..]));
        for other in [&b"\"1-2\""[..], b"\"1-2-gzip", b"\"1-3-gzip\"", b"1-2-gzip\"", b"\"1-2", b""]
        {
            assert_eq!(plain.coding_of(other), None);
        }
        let strong = plain.with_coding("gzip");
        assert_eq!(strong.as_bytes(), b"\"1-2-gzip\"");
        let weak = ETag::of(1, 2, Strength::Weak).with_coding("gzip");
        assert_eq!(weak.as_bytes(), b"W/\"1-2~-gzip\"");
        assert!(!strong.matches_weakly(weak.as_bytes()));
    }

    /// The table of RFC 9110 §8.8.3.2.
    #[test]
    fn comparison_follows_the_table_of_the_rfc() {
        let strong = ETag::of(1, 2, Strength::Strong);
        let weak = ETag::of(1, 2, Strength::Weak);
        assert!(!weak.matches_strongly(b"W/\"1-2~\"") && weak.matches_weakly(b"W/\"1-2~\""));
        assert!(!weak.matches_strongly(b"\"1-2~\"") && weak.matches_weakly(b"\"1-2~\""));
        assert!(!strong.matches_strongly(b"W/\"1-2\"") && strong.matches_weakly(b"W/\"1-2\""));
        assert!(strong.matches_strongly(b"\"1-2\"") && strong.matches_weakly(b"\"1-2\""));
        assert!(!strong.matches_strongly(b"\"1-3\"") && !strong.matches_weakly(b"W/\"1-3\""));
    }

    #[test]
    fn the_strong_tag_of_a_file_does_not_match_its_weak_one() {
        let strong = ETag::of(1, 2, Strength::Strong);
        assert!(!strong.matches_weakly(ETag::of(1, 2, Strength::Weak).as_bytes()));
    }

    #[test]
    fn what_is_not_a_tag_matches_nothing() {
        let tag = ETag::of(1, 2, Strength::Strong);
        for text in [&b""[..], b"1-2", b"\"1-2", b"w/\"1-2\"", b"W/", b"\"1-2\"\"", b"*"] {
            assert!(!tag.matches_strongly(text) && !tag.matches_weakly(text), "{text:?}");
        }
    }
}
