//! What both ends of a command have to know: the orders, the name of the socket, and how an answer begins.

use std::fmt;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// What a command asks of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Read the configuration again.
    Reload,
    /// Open the logs again.
    Reopen,
    /// Change to the program that is now at the path of the one that runs.
    Upgrade,
    /// Let open requests finish, and end.
    Stop,
}

impl Order {
    pub(crate) const ALL: [Order; 4] = [Order::Reload, Order::Reopen, Order::Upgrade, Order::Stop];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Order::Reload => "reload",
            Order::Reopen => "reopen",
            Order::Upgrade => "upgrade",
            Order::Stop => "stop",
        }
    }

    pub(crate) fn read(word: &[u8]) -> Option<Order> {
        Order::ALL.into_iter().find(|order| order.word().as_bytes() == word)
    }
}

impl fmt::Display for Order {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.word())
    }
}

/// What a server is known by.
pub(super) fn key(config: Option<&Path>) -> io::Result<PathBuf> {
    match config {
        Some(path) => std::fs::canonicalize(path),
        None => std::env::current_dir(),
    }
}

/// The name of the socket: as long for every path. This sum (FNV-1a) never changes, so that a program finds a server of
/// another version.
pub(super) fn name(key: &Path) -> String {
    let add = |sum: u64, byte: &u8| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    let sum = key.as_os_str().as_bytes().iter().fold(0xcbf2_9ce4_8422_2325, add);
    format!("httpd-control-{sum:016x}")
}

pub(super) const DONE: &str = "done\n";
pub(super) const FAILED: &str = "failed\n";
