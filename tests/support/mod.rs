//! What the tests stand on: a folder, a server in this process or the program in one of its own, and a
//! client that believes nothing.
//!
//! Each target is one file beside this folder, which declares `mod support;` and, in a module of its own
//! name, the files of its folder: so a test is called the same everywhere, as `suite::ranges::…`. There
//! are few targets, because each is linked and run by itself: `cli` starts programs all the time and
//! would disturb what `suite` measures, `needs` and `wsgi` have another harness, `steady_state` and
//! `cache_memory` count what their whole process allocates.
//!
//! This is a module and no crate, because cargo tells only the tests of the package itself where the
//! program is (`CARGO_BIN_EXE_httpd`). What a target does not use of it costs its compiler little.
#![allow(dead_code, unused_imports, unused_macros, reason = "each target uses another part of it")]

#[macro_use]
pub mod trials;

pub mod child;
pub mod chromium;
pub mod client;
pub mod coded;
#[cfg(feature = "cli")]
pub mod configured;
pub mod counting;
pub mod crowd;
pub mod fixture;
pub mod folder;
#[cfg(all(feature = "cli", feature = "tls"))]
pub mod hostile;
pub mod hpack;
pub mod http2;
pub mod lacks;
pub mod logged;
pub mod process;
#[cfg(feature = "cli")]
pub mod program;
pub mod reply;
#[cfg(feature = "tls")]
pub mod secured;
pub mod slow_disk;
pub mod wait;
pub mod writable;

pub use child::{Child, Lines, output};
pub use client::Client;
#[cfg(feature = "cli")]
pub use configured::Configured;
pub use fixture::{Fixture, TestServer};
pub use folder::Folder;
pub use http2::Http2;
#[cfg(feature = "cli")]
pub use program::Program;
pub use reply::Reply;
pub use rustix::process::Signal;
pub use wait::{PATIENCE, until};

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

/// Bytes as text, whatever they are.
pub fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
