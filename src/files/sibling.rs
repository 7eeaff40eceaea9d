//! The names of encoded siblings: `a.css.gz` is `a.css`, encoded with gzip.
//!
//! It must never know whether there are such files.

use crate::http::Coding;

/// Writes the name of the sibling of a file in this coding in place of what is in `name`.
pub(super) fn write_name(name: &mut Vec<u8>, path: &[u8], coding: Coding) {
    name.clear();
    name.extend_from_slice(path);
    name.extend_from_slice(suffix(coding).as_bytes());
}

/// Whether a file of this name may be the sibling of another one.
pub(super) fn is_one(path: &[u8]) -> bool {
    Coding::ALL.iter().any(|&coding| path.ends_with(suffix(coding).as_bytes()))
}

/// What the name of a sibling in this coding ends with.
pub(crate) fn suffix(coding: Coding) -> &'static str {
    match coding {
        Coding::Zstd => ".zst",
        Coding::Brotli => ".br",
        Coding::Gzip => ".gz",
    }
}
