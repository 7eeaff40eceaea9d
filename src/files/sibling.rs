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

/// Why a sibling of this length and time is not sent in place of its file.
pub(super) fn flaw<T: PartialOrd>(
    length: u64,
    modified: T,
    file_modified: T,
) -> Option<&'static str> {
    if length == 0 {
        Some("it is empty")
    } else if modified < file_modified {
        Some("it is older than the file that it is made of; make it again")
    } else {
        None
    }
}

/// The same by the paths of both. `None`: it may be sent, or there is none.
#[cfg(feature = "cli")]
pub(crate) fn flaw_at(sibling: &std::path::Path, file: &std::path::Path) -> Option<&'static str> {
    let (sibling, file) = (std::fs::metadata(sibling).ok()?, std::fs::metadata(file).ok()?);
    let flaw = || flaw(sibling.len(), sibling.modified().ok()?, file.modified().ok()?);
    if sibling.is_file() { flaw() } else { None }
}

/// What the name of a sibling in this coding ends with.
pub(crate) fn suffix(coding: Coding) -> &'static str {
    match coding {
        Coding::Zstd => ".zst",
        Coding::Brotli => ".br",
        Coding::Gzip => ".gz",
    }
}
