//! What the tests stand on: a server with a root of its own, and a client that trusts nobody.

pub mod binary;
pub mod client;
pub mod fixture;
pub mod reply;
pub mod wait;

pub use binary::Binary;
pub use client::Client;
pub use fixture::{Fixture, TestServer};
pub use reply::Reply;
pub use wait::until;

use std::io::Write;

/// Says why a test could not be done here. Past the harness, which swallows the output of tests
/// that pass.
pub fn skip(reason: &str) {
    let name = std::thread::current().name().unwrap_or("a test").to_owned();
    let _ = writeln!(std::io::stderr(), "{name}: not tested here: {reason}");
}

/// So many bytes of which no two neighbourhoods look alike, so that a misplaced piece is noticed:
/// each eight bytes are their own number.
pub fn numbered(length: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..length.div_ceil(8) as u64)
        .flat_map(|number| (number.wrapping_mul(0x9e37_79b9_7f4a_7c15)).to_le_bytes())
        .collect();
    bytes.truncate(length);
    bytes
}

/// `0123456789` over and over.
pub fn digits(length: usize) -> Vec<u8> {
    b"0123456789".iter().copied().cycle().take(length).collect()
}
