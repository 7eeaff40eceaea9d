//! What threads share and wait with: mutexes, condition variables, atomic numbers and threads of the standard library.
//!
//! The files where threads meet take them from here, so that tests can put their own in the place: within
//! [`every_interleaving`] they are those of loom, which runs a model in all orders that its threads can have, and in a
//! coroutine of the simulation a thread that waits gives its turn back. Both are decided while the tests run: the
//! models are tests like others, of the code itself: `cargo test models` runs them, in some seconds. Where threads have
//! too many orders, those are tried in which they are interrupted up to two or three times.

#[cfg(not(test))]
mod plain {
    pub(crate) use std::sync::atomic::{AtomicU64, AtomicUsize};
    pub(crate) use std::sync::{Condvar, Mutex, MutexGuard};

    /// Starts a thread.
    pub(crate) fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
        std::thread::Builder::new().name(name.to_owned()).spawn(work).map(drop)
    }
}
#[cfg(not(test))]
pub(crate) use plain::*;

#[cfg(test)]
mod modelled;
#[cfg(test)]
pub(crate) use modelled::*;
