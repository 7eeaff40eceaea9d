//! What handshakes need and what is replaced while the server serves: certificates and the keys of tickets.
//!
//! No handshake waits for another or for a replacement: each thread keeps what it has got, and looks at a number that
//! says whether there is something newer. Only then it takes a lock.
//!
//! rustls holds the resolver and the ticketer for as long as it lives. So both ask for what is current, which consists of
//! their tables and keys: the three import each other.

use super::resolver::CertificateTable;
use super::tickets::TicketKeys;
use crate::sys::sync::{AtomicU64, Mutex, MutexGuard};
use std::cell::RefCell;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

/// What a handshake needs.
#[derive(Clone, Debug)]
pub(super) struct Material {
    pub(super) certificates: Arc<CertificateTable>,
    pub(super) tickets: Arc<TicketKeys>,
}

/// The material of the moment.
#[derive(Debug)]
pub(super) struct Current {
    /// Tells it from others that this thread may have used.
    id: u64,
    /// Counts the replacements.
    version: AtomicU64,
    material: Mutex<Material>,
}

/// What a thread has got: from which `Current`, its version then, and the material.
struct Held {
    id: u64,
    version: u64,
    material: Material,
}

thread_local! {
    static HELD: RefCell<Option<Held>> = const { RefCell::new(None) };
}

impl Current {
    pub(super) fn new(material: Material) -> Arc<Current> {
        static IDS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        Arc::new(Current {
            id: IDS.fetch_add(1, Ordering::Relaxed),
            version: AtomicU64::new(0),
            material: Mutex::new(material),
        })
    }

    /// Does something with the material. It must not ask for it again meanwhile.
    pub(super) fn with<R>(&self, act: impl FnOnce(&Material) -> R) -> R {
        HELD.with_borrow_mut(|held| act(self.newest(held)))
    }

    /// The material, if need be in the place of what this thread has got.
    fn newest<'h>(&self, held: &'h mut Option<Held>) -> &'h Material {
        let version = self.version.load(Ordering::Acquire);
        let is_current = |it: &Held| it.id == self.id && it.version == version;
        if !held.as_ref().is_some_and(is_current) {
            *held = None;
        }
        let get = || Held { id: self.id, version, material: self.lock().clone() };
        &held.get_or_insert_with(get).material
    }

    /// Replaces it for all handshakes that begin from now on.
    pub(super) fn replace(&self, change: impl FnOnce(&mut Material)) {
        let mut material = self.lock();
        change(&mut material);
        // A worker that reads this number finds at least that material.
        self.version.fetch_add(1, Ordering::Release);
    }

    fn lock(&self) -> MutexGuard<'_, Material> {
        self.material.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::tls::tickets::TicketSecrets;
    use std::thread;

    fn tickets() -> Arc<TicketKeys> {
        let secrets = TicketSecrets::generate().expect("random numbers");
        Arc::new(TicketKeys::new(&secrets))
    }

    fn current() -> Arc<Current> {
        Current::new(Material { certificates: Arc::default(), tickets: tickets() })
    }

    #[test]
    fn what_was_replaced_is_seen_by_every_thread_at_once() {
        let current = current();
        for _ in 0..100 {
            let newest = tickets();
            let other = Arc::clone(&newest);
            current.replace(|material| material.tickets = other);
            assert!(current.with(|it| Arc::ptr_eq(&it.tickets, &newest)));
            thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(|| {
                        assert!(current.with(|it| Arc::ptr_eq(&it.tickets, &newest)));
                    });
                }
            });
        }
    }

    #[test]
    fn two_of_them_in_one_thread_are_not_taken_for_each_other() {
        let (one, other) = (current(), current());
        let of = |current: &Current| current.with(|it| Arc::as_ptr(&it.tickets));
        let (first, second) = (of(&one), of(&other));
        assert_ne!(first, second);
        assert_eq!((of(&one), of(&other), of(&one)), (first, second, first));
    }

    /// In every interleaving (see [`crate::sys::sync`]): a worker that reads the number of a replacement finds its
    /// material, and never goes back. If the number is counted before the material is replaced, this fails.
    #[test]
    fn a_handshake_that_begins_while_material_is_replaced_never_goes_back() {
        use crate::sys::sync::every_interleaving;
        let versions = [tickets(), tickets(), tickets()];
        every_interleaving(move || {
            let first = Arc::clone(&versions[0]);
            let current = Current::new(Material { certificates: Arc::default(), tickets: first });
            let replaces = Arc::clone(&current);
            let new = versions[1..].to_vec();
            let replacing = loom::thread::spawn(move || {
                for newest in new {
                    replaces.replace(|material| material.tickets = newest);
                }
            });
            let mut held = None;
            let mut number = |current: &Current| {
                let tickets = Arc::clone(&current.newest(&mut held).tickets);
                versions.iter().position(|it| Arc::ptr_eq(it, &tickets)).expect("one of them")
            };
            let before = number(&current);
            let then = number(&current);
            assert!(before <= then, "{then} after {before}");
            replacing.join().expect("it does not panic");
            assert_eq!(number(&current), 2, "what was replaced is seen at once");
        });
    }
}
