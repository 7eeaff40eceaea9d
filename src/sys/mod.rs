//! Floor 0: what the kernel offers, each call wrapped once. rustix, socket2, nix,
//! signal-hook, landlock and seccompiler live here only. It must never know HTTP, mio or a type of the floors above.

pub(crate) mod append;
#[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "only the program has one"))]
pub(crate) mod broker;
pub(crate) mod channel;
#[cfg(feature = "cli")]
pub(crate) mod confine;
#[cfg_attr(not(any(test, feature = "cli")), expect(dead_code, reason = "the program uses it"))]
pub(crate) mod control_socket;
pub(crate) mod cpus;
pub(crate) mod deferred;
pub(crate) mod descriptors;
pub(crate) mod file;
mod file_system;
pub(crate) mod group;
pub(crate) mod malloc;
pub(crate) mod memory;
pub(crate) mod memory_bound;
#[cfg(feature = "cli")]
pub(crate) mod notify;
#[cfg(feature = "cli")]
pub(crate) mod orphans;
#[cfg(feature = "cli")]
pub(crate) mod passed;
pub(crate) mod permission;
pub(crate) mod port_holder;
pub(crate) mod process;
pub(crate) mod reason;
pub(crate) mod self_use;
#[cfg(feature = "cli")]
pub(crate) mod signal;
pub(crate) mod socket;
pub(crate) mod sync;
pub(crate) mod trouble;
pub(crate) mod unix_socket;
pub(crate) mod unwinding;
pub(crate) mod uptime;
#[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "only the program changes its user"))]
pub(crate) mod user;
pub(crate) mod wait;
pub(crate) mod watch;
pub(crate) mod write;

#[cfg(test)]
pub(crate) mod temporary;
