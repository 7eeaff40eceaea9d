//! The answers that a worker keeps, within bounds; which of them go, when there are too many.
//!
//! It must never know a disk, or whether what it keeps is still true.

use super::cached::{CachedFile, Contents};
use super::found::{Found, OpenError};
use super::key::{self, Key};
use super::walk::End;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::time::Instant;

/// How much a worker keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheLimits {
    /// Bytes in memory: contents, headers, names and tables.
    pub bytes_max: u64,
    /// The largest file whose contents are kept in memory, in bytes: while it is small, or asked
    /// for often. Of others the descriptor is kept.
    pub contents_bytes_max: u64,
    /// Answers: files, directories, and that there is nothing.
    pub entries_max: usize,
    /// Open descriptors of larger files.
    pub descriptors_max: usize,
}

impl Default for CacheLimits {
    fn default() -> CacheLimits {
        CacheLimits {
            bytes_max: 128 * 1024 * 1024,
            contents_bytes_max: 128 * 1024,
            entries_max: 50_000,
            descriptors_max: 8192,
        }
    }
}

/// What was found at a path.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    File(Rc<CachedFile>),
    Directory,
    Nothing,
}

impl Answer {
    pub(super) fn found(&self) -> Result<Found, OpenError> {
        match self {
            Answer::File(file) => Ok(Found::File(Rc::clone(file))),
            Answer::Directory => Ok(Found::Directory),
            Answer::Nothing => Err(OpenError::NotFound),
        }
    }

    /// What is at the end of the way to it.
    pub(super) fn end(&self) -> End {
        match self {
            Answer::Directory => End::Directory,
            Answer::File(_) => End::File,
            Answer::Nothing => End::Nothing,
        }
    }

    /// Whether both are of the same version.
    pub(super) fn is_same(&self, other: &Answer) -> bool {
        match (self, other) {
            (Answer::File(one), Answer::File(other)) => one.identity() == other.identity(),
            _ => self.end() == other.end(),
        }
    }

    fn holds_descriptor(&self) -> bool {
        matches!(self, Answer::File(file) if matches!(file.contents(), Contents::Descriptor(_)))
    }
}

/// How it is known that an answer is still true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// Every name that led to it is watched.
    Watched,
    /// It is not: each use asks the disk.
    Asked,
}

/// An answer, and until when it can be given without asking the disk.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) answer: Answer,
    pub(super) trust: Trust,
    pub(super) fresh_until: Instant,
}

/// Answers by key. What is to go is chosen by second chance: a hand goes round, takes the mark off
/// each answer that was used since it last came by, and takes the first one without.
#[derive(Debug)]
pub(super) struct Store {
    limits: CacheLimits,
    places: HashMap<Key, usize>,
    slots: Vec<Option<Slot>>,
    free: Vec<usize>,
    hand: usize,
    bytes: u64,
    descriptors: usize,
    /// How many answers have gone since [`Store::reset_gone`].
    gone: usize,
}

#[derive(Debug)]
struct Slot {
    key: Key,
    entry: Entry,
    cost_bytes: u64,
    use_since: Use,
    /// How often it was given since it was last looked at.
    uses: u32,
}

/// Whether an answer was given since the hand came by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    Unused,
    Used,
}

impl Store {
    pub(super) fn new(limits: CacheLimits) -> Store {
        Store {
            limits,
            places: HashMap::new(),
            slots: Vec::new(),
            free: Vec::new(),
            hand: 0,
            bytes: 0,
            descriptors: 0,
            gone: 0,
        }
    }

    /// The entry of this key, to be used.
    pub(super) fn touch(&mut self, key: &[u8]) -> Option<&Entry> {
        let slot = self.slots.get_mut(*self.places.get(key)?)?.as_mut()?;
        slot.use_since = Use::Used;
        slot.uses = slot.uses.saturating_add(1);
        Some(&slot.entry)
    }

    /// How often the entry of this key was given since it was last looked at.
    pub(super) fn uses(&self, key: &[u8]) -> u32 {
        let slot = self.places.get(key).and_then(|&place| self.slots.get(place));
        slot.and_then(Option::as_ref).map_or(0, |slot| slot.uses)
    }

    /// The entry of this key, to be looked at.
    pub(super) fn peek(&self, key: &[u8]) -> Option<&Entry> {
        Some(&self.slots.get(*self.places.get(key)?)?.as_ref()?.entry)
    }

    /// Lets the entry of this key be given until then. Its uses are counted anew.
    pub(super) fn renew(&mut self, key: &[u8], fresh_until: Instant) {
        let place = self.places.get(key).copied();
        if let Some(slot) = place.and_then(|place| self.slots[place].as_mut()) {
            slot.entry.fresh_until = fresh_until;
            slot.uses = 0;
        }
    }

    pub(super) fn contains(&self, key: &[u8]) -> bool {
        self.places.contains_key(key)
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &Key> {
        self.places.keys()
    }

    pub(super) fn length(&self) -> usize {
        self.places.len()
    }

    /// Keeps an entry in place of the one that has this key, unless it alone is beyond the bounds.
    /// Others may go for it.
    pub(super) fn insert(&mut self, key: &Key, entry: Entry) {
        let use_since = self.replace(key);
        let cost_bytes = cost_bytes(key, &entry.answer);
        let descriptors = usize::from(entry.answer.holds_descriptor());
        let limits = self.limits;
        if limits.entries_max == 0
            || cost_bytes > limits.bytes_max
            || descriptors > limits.descriptors_max
        {
            self.gone += 1;
            return;
        }
        while self.descriptors + descriptors > limits.descriptors_max {
            self.evict(Answer::holds_descriptor);
        }
        while self.places.len() >= limits.entries_max || self.bytes + cost_bytes > limits.bytes_max
        {
            self.evict(|_| true);
        }
        self.bytes += cost_bytes;
        self.descriptors += descriptors;
        let slot = Some(Slot { key: Rc::clone(key), entry, cost_bytes, use_since, uses: 0 });
        let place = match self.free.pop() {
            Some(place) => {
                self.slots[place] = slot;
                place
            }
            None => {
                self.slots.push(slot);
                self.slots.len() - 1
            }
        };
        self.places.insert(Rc::clone(key), place);
    }

    /// Makes room for a new entry of this key. What is found again is in use.
    fn replace(&mut self, key: &[u8]) -> Use {
        match self.places.remove(key) {
            Some(place) => {
                self.vacate(place);
                self.gone -= 1;
                Use::Used
            }
            None => Use::Unused,
        }
    }

    pub(super) fn remove(&mut self, key: &[u8]) {
        if let Some(place) = self.places.remove(key) {
            self.vacate(place);
        }
    }

    /// Removes whatever is one of `keys` or lies beneath one. One pass, however many they are.
    pub(super) fn remove_within(&mut self, keys: &HashSet<Key>) {
        for place in 0..self.slots.len() {
            let Some(slot) = &self.slots[place] else {
                continue;
            };
            if is_within_any(&slot.key, keys) {
                self.places.remove(&slot.key);
                self.vacate(place);
            }
        }
    }

    /// Removes all that hold a descriptor; says how many.
    pub(super) fn remove_descriptors(&mut self) -> usize {
        let count = self.descriptors;
        while self.descriptors > 0 {
            self.evict(Answer::holds_descriptor);
        }
        count
    }

    pub(super) fn clear(&mut self) {
        let gone = self.gone + self.length();
        *self = Store { gone, ..Store::new(self.limits) };
    }

    /// How many answers have gone, or were never kept, since [`reset_gone`](Store::reset_gone).
    pub(super) fn gone(&self) -> usize {
        self.gone
    }

    /// Counts one that was never kept.
    pub(super) fn note_unkept(&mut self) {
        self.gone += 1;
    }

    pub(super) fn reset_gone(&mut self) {
        self.gone = 0;
    }

    /// Moves the hand on until it finds one to take, among those that `may_go`; there is one.
    fn evict(&mut self, may_go: impl Fn(&Answer) -> bool) {
        // Once round takes all marks off; the second time round one goes.
        for _ in 0..2 * self.slots.len() {
            self.hand = (self.hand + 1) % self.slots.len();
            let Some(slot) = &mut self.slots[self.hand] else {
                continue;
            };
            if !may_go(&slot.entry.answer) {
                continue;
            }
            if slot.use_since == Use::Used {
                slot.use_since = Use::Unused;
                continue;
            }
            self.places.remove(&slot.key);
            self.vacate(self.hand);
            return;
        }
    }

    fn vacate(&mut self, place: usize) {
        if let Some(slot) = self.slots[place].take() {
            self.bytes -= slot.cost_bytes;
            self.descriptors -= usize::from(slot.entry.answer.holds_descriptor());
            self.gone += 1;
            self.free.push(place);
        }
    }
}

/// Whether `key` is one of `keys` or lies beneath one.
pub(super) fn is_within_any(key: &[u8], keys: &HashSet<Key>) -> bool {
    keys.contains(key) || key::ancestors(key).any(|ancestor| keys.contains(ancestor))
}

fn cost_bytes(key: &Key, answer: &Answer) -> u64 {
    let contents = match answer {
        Answer::File(file) => file.cost_bytes(),
        Answer::Directory | Answer::Nothing => 0,
    };
    contents + key.len() as u64 + OVERHEAD_BYTES
}

/// What the tables take for an entry, about, with the names that it rests on.
const OVERHEAD_BYTES: u64 = 384;

#[cfg(test)]
impl Store {
    /// Entries, bytes, descriptors.
    pub(super) fn totals(&self) -> (usize, u64, usize) {
        (self.length(), self.bytes, self.descriptors)
    }
}
