//! The answers that a worker keeps, within bounds; which of them go, when there are too many.
//!
//! It must never know a disk, or whether what it keeps is still true.

use super::cached::{CachedFile, Contents};
use super::found::{Found, OpenError};
use super::key::{self, Key};
use super::walk::End;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::ops::{Bound, Range};
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
    /// The same keys in the order of their bytes: what lies beneath a directory is a range of them.
    order: BTreeSet<Key>,
    slots: Vec<Option<Slot>>,
    free: Vec<usize>,
    hand: usize,
    bytes: u64,
    descriptors: usize,
    /// Counts the answers that are kept, to tell those before a [`Condemned`] from those after it.
    kept: u64,
    condemned: VecDeque<Condemned>,
    /// The keys of answers that have gone, until [`Store::take_gone`].
    gone: Vec<Key>,
}

/// The answers beneath a directory that are not true any more. They are not given from now on, and
/// removed little by little.
#[derive(Debug)]
struct Condemned {
    /// `None`: all directories.
    directory: Option<Key>,
    /// How many answers had been kept until then.
    before: u64,
    /// From here on they are yet to be removed.
    from: Bound<Key>,
}

impl Condemned {
    fn includes(&self, slot: &Slot) -> bool {
        let directory = self.directory.as_deref();
        slot.number <= self.before
            && directory.is_none_or(|directory| key::is_within(&slot.key, directory))
    }
}

#[derive(Debug)]
struct Slot {
    key: Key,
    entry: Entry,
    cost_bytes: u64,
    /// So many answers were kept before this one, and it.
    number: u64,
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
            order: BTreeSet::new(),
            slots: Vec::new(),
            free: Vec::new(),
            hand: 0,
            bytes: 0,
            descriptors: 0,
            kept: 0,
            condemned: VecDeque::new(),
            gone: Vec::new(),
        }
    }

    /// The entry of this key, to be used.
    pub(super) fn touch(&mut self, key: &[u8]) -> Option<&Entry> {
        let place = *self.places.get(key)?;
        if self.is_condemned(place) {
            return None;
        }
        let slot = self.slots[place].as_mut()?;
        slot.use_since = Use::Used;
        slot.uses = slot.uses.saturating_add(1);
        Some(&slot.entry)
    }

    /// The entry that keeps a directory on the way of this key as one that is not there, to be used.
    pub(super) fn touch_missing_directory(&mut self, key: &[u8]) -> Option<&Entry> {
        // Nothing that is kept lies beneath a directory that is not there: it is the one before.
        let all_before = (Bound::Unbounded, Bound::Excluded(key));
        let before = self.order.range::<[u8], _>(all_before).next_back()?;
        if !before.ends_with(b"/") || !key.starts_with(before) {
            return None;
        }
        let before = Rc::clone(before);
        self.touch(&before).filter(|entry| matches!(entry.answer, Answer::Nothing))
    }

    /// How often the entry of this key was given since it was last looked at.
    pub(super) fn uses(&self, key: &[u8]) -> u32 {
        self.slot(key).map_or(0, |slot| slot.uses)
    }

    /// The entry of this key, to be looked at.
    pub(super) fn peek(&self, key: &[u8]) -> Option<&Entry> {
        Some(&self.slot(key)?.entry)
    }

    fn slot(&self, key: &[u8]) -> Option<&Slot> {
        let place = *self.places.get(key)?;
        if self.is_condemned(place) { None } else { self.slots[place].as_ref() }
    }

    /// Lets the entry of this key be given until then. Its uses are counted anew.
    pub(super) fn renew(&mut self, key: &[u8], fresh_until: Instant) {
        let place = self.places.get(key).copied();
        if let Some(slot) = place.and_then(|place| self.slots[place].as_mut()) {
            slot.entry.fresh_until = fresh_until;
            slot.uses = 0;
        }
    }

    /// Whether anything is in memory under this key, even what is not given any more.
    pub(super) fn contains(&self, key: &[u8]) -> bool {
        self.places.contains_key(key)
    }

    /// Whether anything is in memory that lies beneath this directory, or is this directory.
    pub(super) fn contains_within(&self, directory: &[u8]) -> bool {
        self.places.contains_key(directory) || {
            let Range { start, end } = key::beneath(directory);
            let bounds = (Bound::Included(&start[..]), Bound::Excluded(&end[..]));
            self.order.range::<[u8], _>(bounds).next().is_some()
        }
    }

    /// Keeps an entry in place of the one that has this key, unless it alone is beyond the bounds.
    /// Others may go for it. What it rests on takes `notes_bytes`, and what else is known of
    /// directories takes `others_bytes` of what may be kept.
    pub(super) fn insert(&mut self, key: &Key, entry: Entry, notes_bytes: u64, others_bytes: u64) {
        let use_since = self.replace(key);
        let cost_bytes = cost_bytes(key, &entry.answer) + notes_bytes;
        let descriptors = usize::from(entry.answer.holds_descriptor());
        let limits = self.limits;
        let bytes_max = limits.bytes_max.saturating_sub(others_bytes);
        if limits.entries_max == 0 || cost_bytes > bytes_max || descriptors > limits.descriptors_max
        {
            self.gone.push(Rc::clone(key));
            return;
        }
        while self.descriptors + descriptors > limits.descriptors_max {
            self.evict(Answer::holds_descriptor);
        }
        while self.places.len() >= limits.entries_max || self.bytes + cost_bytes > bytes_max {
            self.evict(|_| true);
        }
        self.bytes += cost_bytes;
        self.descriptors += descriptors;
        self.kept += 1;
        let number = self.kept;
        let slot =
            Some(Slot { key: Rc::clone(key), entry, cost_bytes, number, use_since, uses: 0 });
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
        self.order.insert(Rc::clone(key));
    }

    /// Makes room for a new entry of this key. What is found again is in use.
    fn replace(&mut self, key: &[u8]) -> Use {
        match self.places.get(key) {
            Some(&place) => {
                self.vacate(place);
                self.gone.pop();
                Use::Used
            }
            None => Use::Unused,
        }
    }

    pub(super) fn remove(&mut self, key: &[u8]) {
        if let Some(&place) = self.places.get(key) {
            self.vacate(place);
        }
    }

    /// Gives nothing any more of what is kept of this directory and beneath it. Where there is much
    /// of it, [`remove_condemned`](Store::remove_condemned) removes it bit by bit.
    pub(super) fn condemn_within(&mut self, directory: &Key) {
        self.condemn(Some(Rc::clone(directory)));
    }

    /// Gives nothing any more of what is kept.
    pub(super) fn condemn_everything(&mut self) {
        self.condemn(None);
    }

    fn condemn(&mut self, directory: Option<Key>) {
        let from = match &directory {
            Some(directory) => {
                self.remove(directory);
                Bound::Included(Rc::from(key::beneath(directory).start))
            }
            None => Bound::Unbounded,
        };
        self.condemned.push_back(Condemned { directory, before: self.kept, from });
        while self.condemned.len() > CONDEMNED_MAX {
            self.remove_condemned();
        }
        self.remove_condemned();
    }

    /// Removes some of what is not given any more.
    pub(super) fn remove_condemned(&mut self) {
        for _ in 0..REMOVALS_AT_ONCE {
            let Some(condemned) = self.condemned.front_mut() else {
                return;
            };
            let left = (condemned.from.clone(), Bound::Unbounded);
            let next = self.order.range::<Key, _>(left).next();
            let directory = condemned.directory.as_deref();
            let Some(key) = next.filter(|key| directory.is_none_or(|it| key::is_within(key, it)))
            else {
                self.condemned.pop_front();
                continue;
            };
            condemned.from = Bound::Excluded(Rc::clone(key));
            let place = self.places[key];
            if self.slots[place].as_ref().is_some_and(|slot| condemned.includes(slot)) {
                self.vacate(place);
            }
        }
    }

    fn is_condemned(&self, place: usize) -> bool {
        !self.condemned.is_empty()
            && self.slots[place]
                .as_ref()
                .is_some_and(|slot| self.condemned.iter().any(|it| it.includes(slot)))
    }

    /// Removes up to `count` answers that hold a descriptor, those first that are not in use; says
    /// how many.
    pub(super) fn remove_descriptors(&mut self, count: usize) -> usize {
        let count = count.min(self.descriptors);
        for _ in 0..count {
            self.evict(Answer::holds_descriptor);
        }
        count
    }

    /// The keys of the answers that have gone since this was last asked.
    pub(super) fn take_gone(&mut self) -> Vec<Key> {
        std::mem::take(&mut self.gone)
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
            self.vacate(self.hand);
            return;
        }
    }

    fn vacate(&mut self, place: usize) {
        if let Some(slot) = self.slots[place].take() {
            self.places.remove(&slot.key);
            self.order.remove(&slot.key);
            self.bytes -= slot.cost_bytes;
            self.descriptors -= usize::from(slot.entry.answer.holds_descriptor());
            self.free.push(place);
            self.gone.push(slot.key);
        }
    }
}

fn cost_bytes(key: &Key, answer: &Answer) -> u64 {
    let contents = match answer {
        Answer::File(file) => file.cost_bytes(),
        Answer::Directory | Answer::Nothing => 0,
    };
    contents + key.len() as u64 + OVERHEAD_BYTES
}

/// What the tables of this file and a key's counts take for an entry, about.
const OVERHEAD_BYTES: u64 = 400;

/// Removals that make a short portion of a turn.
const REMOVALS_AT_ONCE: usize = 256;

/// Directories whose answers wait for their removal at a time.
const CONDEMNED_MAX: usize = 16;

#[cfg(test)]
impl Store {
    pub(super) fn length(&self) -> usize {
        self.places.len()
    }

    /// Entries, bytes, descriptors.
    pub(super) fn totals(&self) -> (usize, u64, usize) {
        (self.length(), self.bytes, self.descriptors)
    }
}
