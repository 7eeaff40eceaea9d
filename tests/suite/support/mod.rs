//! What the tests stand on: a server with a root of its own, and a client that trusts nobody.

pub mod binary;
pub mod child;
pub mod client;
pub mod crowd;
pub mod fixture;
pub mod reply;
pub mod slow_disk;
pub mod wait;
pub mod writable;

pub use binary::Binary;
pub use child::{Child, Lines};
pub use client::Client;
pub use fixture::{Fixture, TestServer};
pub use reply::Reply;
pub use wait::until;

use std::io::Write;
use std::net::Ipv4Addr;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU8, Ordering};

/// An address of this machine that nobody else uses: a port that was free there a moment ago is not
/// given to another test in the meantime.
pub fn own_loopback() -> Ipv4Addr {
    static COUNT: AtomicU8 = AtomicU8::new(0);
    let [.., third, fourth] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, 100 + COUNT.fetch_add(1, Ordering::Relaxed) % 100, third, fourth)
}

/// Says why a test could not be done here. Past the harness, which swallows the output of tests
/// that pass.
pub fn skip(reason: &str) {
    let name = std::thread::current().name().unwrap_or("a test").to_owned();
    let _ = writeln!(std::io::stderr(), "{name}: not tested here: {reason}");
}

/// So many bytes of which a piece that is misplaced is noticed: noise that repeats after a prime
/// number of bytes, so that what is off by any round number differs.
pub fn noise(length: usize) -> Vec<u8> {
    const PERIOD: usize = 1_048_573;
    static NOISE: LazyLock<Vec<u8>> = LazyLock::new(|| {
        (1..=PERIOD as u64)
            .map(|number| (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8)
            .collect()
    });
    over_and_over(&NOISE, length)
}

/// `0123456789` over and over.
pub fn digits(length: usize) -> Vec<u8> {
    over_and_over(b"0123456789", length)
}

fn over_and_over(period: &[u8], length: usize) -> Vec<u8> {
    let mut bytes = period.repeat(length.div_ceil(period.len()));
    bytes.truncate(length);
    bytes
}
