//! Names and passwords that were compared, as keyed hashes that nobody outside this process can compute.
//!
//! It must never know what they are for.

use super::htpasswd::Passwords;
use std::collections::hash_map::RandomState;
use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

/// Which were right lately, and which were wrong.
#[derive(Default)]
pub(super) struct Remembered {
    keys: [RandomState; 2],
    right_until: Mutex<HashMap<Key, SystemTime>>,
    wrong: Mutex<Wrong>,
}

/// A name with a password.
pub(super) type Key = [u64; 2];

/// Those that are wrong by one version of a file: a client that tries again and again costs no comparison.
#[derive(Default)]
struct Wrong {
    passwords: Option<Arc<Passwords>>,
    keys: HashSet<Key>,
}

impl Remembered {
    pub(super) fn key(&self, name: &[u8], password: &[u8]) -> Key {
        [0, 1].map(|place: usize| self.keys[place].hash_one((name, password)))
    }

    /// Whether it was right in the last minute.
    pub(super) fn is_right(&self, key: Key) -> bool {
        let until = lock(&self.right_until);
        let now = SystemTime::now();
        // A clock that was set back makes nobody remembered for longer.
        until
            .get(&key)
            .is_some_and(|until| until.duration_since(now).is_ok_and(|left| left <= REMEMBERED))
    }

    pub(super) fn note_right(&self, key: Key) {
        let mut until = lock(&self.right_until);
        let now = SystemTime::now();
        if until.len() >= REMEMBERED_MAX {
            until.retain(|_, until| *until > now);
        }
        if until.len() >= REMEMBERED_MAX
            && let Some(other) = until.keys().next().copied()
        {
            // What was right just now is asked for again at once, by whom it let pass.
            until.remove(&other);
        }
        until.insert(key, now + REMEMBERED);
    }

    /// Whether it is known to be wrong by these passwords.
    pub(super) fn is_wrong(&self, key: Key, passwords: &Arc<Passwords>) -> bool {
        let wrong = lock(&self.wrong);
        let is_same = wrong.passwords.as_ref().is_some_and(|its| Arc::ptr_eq(its, passwords));
        is_same && wrong.keys.contains(&key)
    }

    pub(super) fn note_wrong(&self, key: Key, passwords: &Arc<Passwords>) {
        let mut wrong = lock(&self.wrong);
        let is_same = wrong.passwords.as_ref().is_some_and(|its| Arc::ptr_eq(its, passwords));
        if !is_same || wrong.keys.len() >= REMEMBERED_MAX {
            wrong.keys.clear();
            wrong.passwords = Some(Arc::clone(passwords));
        }
        wrong.keys.insert(key);
    }
}

fn lock<V>(mutex: &Mutex<V>) -> MutexGuard<'_, V> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A password that was removed from the file is good for so long.
const REMEMBERED: Duration = Duration::from_secs(60);

/// So many are remembered at a time, of either kind.
const REMEMBERED_MAX: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_right_or_wrong_is_known_and_nothing_else() {
        let remembered = Remembered::default();
        let passwords = Arc::default();
        let [one, other] = [b"one", b"two"].map(|password| remembered.key(b"ann", password));
        remembered.note_right(one);
        remembered.note_wrong(other, &passwords);
        assert!(remembered.is_right(one) && !remembered.is_right(other));
        assert!(remembered.is_wrong(other, &passwords) && !remembered.is_wrong(one, &passwords));
        assert!(!remembered.is_wrong(other, &Arc::default()), "the file has changed");
        assert_ne!(remembered.key(b"a", b"bc"), remembered.key(b"ab", b"c"));
    }

    #[test]
    fn no_number_of_names_takes_more_memory() {
        let remembered = Remembered::default();
        let passwords = Arc::default();
        for number in 0..3 * REMEMBERED_MAX as u64 {
            remembered.note_right([number, 0]);
            assert!(remembered.is_right([number, 0]));
            remembered.note_wrong([number, 0], &passwords);
        }
        assert!(lock(&remembered.right_until).len() <= REMEMBERED_MAX);
        assert!(lock(&remembered.wrong).keys.len() <= REMEMBERED_MAX);
    }
}
