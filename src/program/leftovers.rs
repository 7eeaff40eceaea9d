//! What a program that starts finds: sockets that nobody has asked for, and processes that others have left to it.

use crate::server::listener::passed::Passed;
use crate::sys::orphans;

/// Closes sockets of a service manager that nobody has asked for.
pub(super) fn close_rest(passed: &Passed) {
    for line in passed.close_rest() {
        log::warn!("{line}");
    }
}

/// Has processes reaped whose parents have died, where this process has to do it.
pub(super) fn reap_orphans() {
    if let Err(error) = orphans::reap_as_init() {
        log::error!("cannot reap orphans: {error}");
    }
}
