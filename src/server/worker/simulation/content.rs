//! What is in the files and responses of the simulated world.

use std::sync::LazyLock;

/// Bytes of which a missing or repeated one shows.
pub(super) fn pattern(length: usize) -> &'static [u8] {
    static LONGEST: LazyLock<Vec<u8>> = LazyLock::new(|| {
        (0..LARGE_BYTES).map(|place| b'a' + ((place ^ (place / 23)) % 23) as u8).collect()
    });
    &LONGEST[..length]
}

/// The same in capitals.
pub(super) fn capitals(length: usize) -> &'static [u8] {
    static LONGEST: LazyLock<Vec<u8>> = LazyLock::new(|| pattern(LARGE_BYTES).to_ascii_uppercase());
    &LONGEST[..length]
}

pub(super) fn all_produced() -> &'static [u8] {
    static ALL: LazyLock<Vec<u8>> = LazyLock::new(|| pattern(LARGE_BYTES).repeat(5));
    &ALL
}

/// A version of the changing file: its number again and again.
pub(super) fn version_text(version: u32) -> Vec<u8> {
    format!("{version:0VERSION_DIGITS$}").into_bytes().repeat(VERSION_REPEATS)
}

/// The version that such a text begins with.
pub(super) fn version_of(text: &[u8]) -> u32 {
    let version = String::from_utf8_lossy(&text[..VERSION_DIGITS.min(text.len())]);
    version.parse().expect("a version")
}

const VERSION_DIGITS: usize = 8;
const VERSION_REPEATS: usize = 1500;
pub(super) const MIDDLE_BYTES: usize = 5_000;
pub(super) const LARGE_BYTES: usize = 60_000;
pub(super) const LONG_BYTES: usize = 20_000;
