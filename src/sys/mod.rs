//! Floor 0: what the kernel offers, each call wrapped once. rustix, socket2, nix and
//! signal-hook live here only. It must never know HTTP, mio or a type of the floors above.

pub mod append;
pub mod channel;
pub mod deferred;
pub mod descriptors;
pub mod file;
mod file_system;
pub mod malloc;
pub mod memory;
#[cfg(feature = "cli")]
pub mod orphans;
pub mod permission;
pub mod port_holder;
pub mod process;
pub mod reason;
#[cfg(feature = "cli")]
pub mod signal;
pub mod socket;
pub mod wait;
pub mod watch;
pub mod write;

#[cfg(test)]
pub(crate) mod temporary;

pub use port_holder::{Holder, port_holder};
