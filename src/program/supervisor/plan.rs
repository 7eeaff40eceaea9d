//! By what the processes of the pool serve.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::certificates::PoolTls;
use crate::program::cli::{SUPERVISED, own_arguments};
use crate::server::listener::Listeners;
use crate::sys::process::sealed;

/// What every process of the pool is given, at the start and as a replacement.
pub(super) struct Plan {
    pub listeners: Listeners,
    pub tls: Option<PoolTls>,
    /// The configuration as it was when it was checked: later edits do not reach replacements.
    text: OwnedFd,
    /// The supervisor's own arguments. The environment is inherited.
    pub(super) arguments: Vec<OsString>,
    processes: usize,
}

impl Plan {
    /// # Errors
    /// When out of descriptors or memory.
    pub(super) fn new(
        listeners: Listeners,
        text: &str,
        tls: Option<PoolTls>,
        processes: usize,
    ) -> io::Result<Plan> {
        Ok(Plan::with_text(listeners, sealed(text.as_bytes())?, tls, processes))
    }

    /// The same, with a text that is sealed.
    pub(super) fn with_text(
        listeners: Listeners,
        text: OwnedFd,
        tls: Option<PoolTls>,
        processes: usize,
    ) -> Plan {
        let supervised = OsString::from(SUPERVISED);
        Plan {
            listeners,
            tls,
            text,
            arguments: [supervised].into_iter().chain(own_arguments()).collect(),
            processes,
        }
    }

    /// The text of the configuration, which nobody can change.
    pub(super) fn text(&self) -> BorrowedFd<'_> {
        self.text.as_fd()
    }

    /// How many processes the pool has.
    pub(super) fn processes(&self) -> usize {
        self.processes
    }
}
