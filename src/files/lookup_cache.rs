//! The results of lookups that a worker keeps, within bounds, and which of them make room for others.
//!
//! It must never know a disk, or whether what it keeps is still true.

mod family;

use family::Siblings;

use super::CachedFile;
use super::cache_limits::CacheLimits;
use super::key::{self, CacheKey};
use super::known_directory::Trust;
use super::lookup_result::LookupResult;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::ops::{Bound, Range};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

/// A result, and until when it may be used without asking the disk.
#[derive(Debug)]
pub(super) struct CacheEntry {
    pub(super) result: LookupResult,
    pub(super) trust: Trust,
    pub(super) fresh_until: Instant,
}

/// Results by key. Second chance (CLOCK) chooses which one makes room: a hand goes round, clears the mark
/// of each result that was used since it last came by, and takes the first one without a mark.
#[derive(Debug)]
pub(super) struct LookupCache {
    limits: CacheLimits,
    indices: HashMap<CacheKey, usize>,
    /// The same keys in the order of their bytes, in which everything beneath a directory is one range.
    order: BTreeSet<CacheKey>,
    slots: Vec<Option<CacheSlot>>,
    free: Vec<usize>,
    hand: usize,
    bytes: u64,
    descriptors: usize,
    /// Counts insertions, to tell the results before an [`Invalidated`] from those after it.
    kept: u64,
    invalidated: VecDeque<Invalidated>,
    /// The keys of results that were removed since [`LookupCache::take_removed`].
    removed: Vec<CacheKey>,
}

/// The results beneath a directory that are no longer true. They are not handed out from now on, and are
/// removed little by little.
#[derive(Debug)]
struct Invalidated {
    /// `None`: all directories.
    directory: Option<CacheKey>,
    /// The number of insertions until then.
    before: u64,
    /// Those from this key on remain to be removed.
    from: Bound<CacheKey>,
}

impl Invalidated {
    fn includes(&self, slot: &CacheSlot) -> bool {
        let directory = self.directory.as_deref();
        slot.number <= self.before
            && directory.is_none_or(|directory| key::is_within(&slot.key, directory))
    }
}

#[derive(Debug)]
struct CacheSlot {
    key: CacheKey,
    entry: CacheEntry,
    cost_bytes: u64,
    /// The count of insertions when it was kept.
    number: u64,
    /// Whether it was used since the hand came by.
    is_used: bool,
    /// How many times it was used since it was last checked on the disk.
    uses: u32,
    /// Where the entries of its siblings are, once they were all found.
    siblings: Option<Siblings>,
}

impl LookupCache {
    pub(super) fn new(limits: CacheLimits) -> LookupCache {
        LookupCache {
            limits,
            indices: HashMap::new(),
            order: BTreeSet::new(),
            slots: Vec::new(),
            free: Vec::new(),
            hand: 0,
            bytes: 0,
            descriptors: 0,
            kept: 0,
            invalidated: VecDeque::new(),
            removed: Vec::new(),
        }
    }

    /// Sets the bounds that hold from the next insertion on.
    pub(super) fn set_limits(&mut self, limits: CacheLimits) {
        self.limits = limits;
    }

    /// How many results it keeps.
    pub(super) fn length(&self) -> usize {
        self.indices.len()
    }

    /// How many bytes of memory they take, without tables.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The entry of this key, which counts as used.
    pub(super) fn touch(&mut self, key: &[u8]) -> Option<&CacheEntry> {
        let index = *self.indices.get(key)?;
        if self.is_invalidated(index) {
            return None;
        }
        let slot = self.slots[index].as_mut()?;
        slot.is_used = true;
        slot.uses = slot.uses.saturating_add(1);
        Some(&slot.entry)
    }

    /// The entry which says that a directory of this key's path is missing; it counts as used.
    pub(super) fn touch_missing_directory(&mut self, key: &[u8]) -> Option<&CacheEntry> {
        // Nothing is kept beneath a missing directory, so its key is the one just before this key.
        let all_before = (Bound::Unbounded, Bound::Excluded(key));
        let before = self.order.range::<[u8], _>(all_before).next_back()?;
        if !before.ends_with(b"/") || !key.starts_with(before) {
            return None;
        }
        let before = Rc::clone(before);
        self.touch(&before).filter(|entry| matches!(entry.result, LookupResult::Missing))
    }

    /// How many times the entry of this key was used since it was last checked on the disk.
    pub(super) fn uses(&self, key: &[u8]) -> u32 {
        self.slot(key).map_or(0, |slot| slot.uses)
    }

    /// The entry of this key, which does not count as used.
    pub(super) fn peek(&self, key: &[u8]) -> Option<&CacheEntry> {
        Some(&self.slot(key)?.entry)
    }

    /// Under which key a file is kept.
    pub(super) fn key_of(&self, file: &Arc<CachedFile>) -> Option<&[u8]> {
        let is_of = |slot: &&CacheSlot| match &slot.entry.result {
            LookupResult::File(known) => Arc::ptr_eq(known, file),
            _ => false,
        };
        self.slots.iter().flatten().find(is_of).map(|slot| &slot.key[..])
    }

    fn slot(&self, key: &[u8]) -> Option<&CacheSlot> {
        let index = *self.indices.get(key)?;
        if self.is_invalidated(index) { None } else { self.slots[index].as_ref() }
    }

    /// Lets the entry of this key be used until then, and counts its uses from zero.
    pub(super) fn renew(&mut self, key: &[u8], fresh_until: Instant) {
        let index = self.indices.get(key).copied();
        if let Some(slot) = index.and_then(|index| self.slots[index].as_mut()) {
            slot.entry.fresh_until = fresh_until;
            slot.uses = 0;
        }
    }

    /// Whether anything is in memory under this key, invalidated or not.
    pub(super) fn contains(&self, key: &[u8]) -> bool {
        self.indices.contains_key(key)
    }

    /// Whether this directory or anything beneath it is in memory.
    pub(super) fn contains_within(&self, directory: &[u8]) -> bool {
        self.indices.contains_key(directory) || {
            let Range { start, end } = key::beneath(directory);
            let bounds = (Bound::Included(&start[..]), Bound::Excluded(&end[..]));
            self.order.range::<[u8], _>(bounds).next().is_some()
        }
    }

    /// Keeps an entry in place of the one that has this key, unless it exceeds the bounds by itself. Other
    /// entries may be evicted for it. Its dependencies take `dependencies_bytes`, and the directories
    /// take `others_bytes` of the memory.
    pub(super) fn insert(
        &mut self,
        key: &CacheKey,
        entry: CacheEntry,
        dependencies_bytes: u64,
        others_bytes: u64,
    ) {
        let is_used = self.replace(key);
        self.shrink_tables();
        let cost_bytes = cost_bytes(key, &entry.result) + dependencies_bytes;
        let descriptors = usize::from(entry.result.holds_descriptor());
        let limits = self.limits;
        let others_bytes = others_bytes + self.tables_bytes_with_another();
        let bytes_max = limits.bytes_max.saturating_sub(others_bytes);
        if limits.entries_max == 0 || cost_bytes > bytes_max || descriptors > limits.descriptors_max
        {
            self.removed.push(Rc::clone(key));
            return;
        }
        while self.descriptors + descriptors > limits.descriptors_max {
            self.evict(LookupResult::holds_descriptor);
        }
        while self.indices.len() >= limits.entries_max || self.bytes + cost_bytes > bytes_max {
            self.evict(|_| true);
        }
        self.bytes += cost_bytes;
        self.descriptors += descriptors;
        self.kept += 1;
        let number = self.kept;
        let slot = Some(CacheSlot {
            key: Rc::clone(key),
            entry,
            cost_bytes,
            number,
            is_used,
            uses: 0,
            siblings: None,
        });
        let index = match self.free.pop() {
            Some(index) => {
                self.slots[index] = slot;
                index
            }
            None => {
                self.slots.push(slot);
                self.slots.len() - 1
            }
        };
        self.indices.insert(Rc::clone(key), index);
        self.order.insert(Rc::clone(key));
    }

    /// How many bytes of memory the tables take once there is one entry more than now. A table that is full
    /// grows to twice its size.
    fn tables_bytes_with_another(&self) -> u64 {
        let grown = |length: usize, capacity: usize| {
            if length == capacity { (2 * capacity).max(4) } else { capacity }
        };
        let slots = grown(self.indices.len(), self.slots.capacity()) * SLOT_BYTES;
        let indices = grown(self.indices.len(), self.indices.capacity()) * INDEX_BYTES;
        (slots + indices + self.free.capacity() * size_of::<usize>()) as u64
    }

    /// Gives back the memory of tables that are mostly empty. As many entries were removed as are moved.
    fn shrink_tables(&mut self) {
        let room = 2 * self.indices.len();
        if self.slots.capacity() <= (2 * room).max(TABLE_LENGTH_MIN) {
            return;
        }
        let mut slots = Vec::with_capacity(room);
        slots.extend(std::mem::take(&mut self.slots).into_iter().filter(Option::is_some));
        for (index, slot) in slots.iter().enumerate() {
            if let Some(slot) = slot
                && let Some(known) = self.indices.get_mut(&slot.key)
            {
                *known = index;
            }
        }
        self.slots = slots;
        self.free = Vec::new();
        self.hand = 0;
        self.indices.shrink_to(room);
    }

    /// Removes the entry of this key for a new one; returns whether there was one, for then the new one
    /// counts as used.
    fn replace(&mut self, key: &[u8]) -> bool {
        match self.indices.get(key) {
            Some(&index) => {
                self.vacate(index);
                self.removed.pop();
                true
            }
            None => false,
        }
    }

    pub(super) fn remove(&mut self, key: &[u8]) {
        if let Some(&index) = self.indices.get(key) {
            self.vacate(index);
        }
    }

    /// Invalidates the entry of this directory and all entries beneath it. Where they are many,
    /// [`remove_invalidated`](LookupCache::remove_invalidated) removes them little by little.
    pub(super) fn invalidate_within(&mut self, directory: &CacheKey) {
        self.invalidate(Some(Rc::clone(directory)));
    }

    /// Invalidates every entry.
    pub(super) fn invalidate_all(&mut self) {
        self.invalidate(None);
    }

    fn invalidate(&mut self, directory: Option<CacheKey>) {
        let from = match &directory {
            Some(directory) => {
                self.remove(directory);
                Bound::Included(Rc::from(key::beneath(directory).start))
            }
            None => Bound::Unbounded,
        };
        self.invalidated.push_back(Invalidated { directory, before: self.kept, from });
        while self.invalidated.len() > INVALIDATED_MAX {
            self.remove_invalidated();
        }
        self.remove_invalidated();
    }

    /// Removes a portion of the invalidated entries.
    pub(super) fn remove_invalidated(&mut self) {
        for _ in 0..REMOVALS_AT_ONCE {
            let Some(invalidated) = self.invalidated.front_mut() else {
                return;
            };
            let left = (invalidated.from.clone(), Bound::Unbounded);
            let next = self.order.range::<CacheKey, _>(left).next();
            let directory = invalidated.directory.as_deref();
            let Some(key) = next.filter(|key| directory.is_none_or(|it| key::is_within(key, it)))
            else {
                self.invalidated.pop_front();
                continue;
            };
            invalidated.from = Bound::Excluded(Rc::clone(key));
            let index = self.indices[key];
            if self.slots[index].as_ref().is_some_and(|slot| invalidated.includes(slot)) {
                self.vacate(index);
            }
        }
    }

    fn is_invalidated(&self, index: usize) -> bool {
        !self.invalidated.is_empty()
            && self.slots[index]
                .as_ref()
                .is_some_and(|slot| self.invalidated.iter().any(|it| it.includes(slot)))
    }

    /// Removes up to `count` entries that hold a descriptor, the least recently used first; returns how
    /// many.
    pub(super) fn remove_descriptors(&mut self, count: usize) -> usize {
        let count = count.min(self.descriptors);
        for _ in 0..count {
            self.evict(LookupResult::holds_descriptor);
        }
        count
    }

    /// The keys of the results that were removed since the last call.
    pub(super) fn take_removed(&mut self) -> Vec<CacheKey> {
        std::mem::take(&mut self.removed)
    }

    /// Moves the hand on until it finds an entry to remove among those that `may_go`. There must be one.
    fn evict(&mut self, may_go: impl Fn(&LookupResult) -> bool) {
        // The first round clears all marks; the second one finds an entry without.
        for _ in 0..2 * self.slots.len() {
            self.hand = (self.hand + 1) % self.slots.len();
            let Some(slot) = &mut self.slots[self.hand] else {
                continue;
            };
            if !may_go(&slot.entry.result) {
                continue;
            }
            if slot.is_used {
                slot.is_used = false;
                continue;
            }
            self.vacate(self.hand);
            return;
        }
    }

    fn vacate(&mut self, index: usize) {
        if let Some(slot) = self.slots[index].take() {
            self.indices.remove(&slot.key);
            self.order.remove(&slot.key);
            self.bytes -= slot.cost_bytes;
            self.descriptors -= usize::from(slot.entry.result.holds_descriptor());
            self.free.push(index);
            self.removed.push(slot.key);
        }
    }
}

fn cost_bytes(key: &CacheKey, result: &LookupResult) -> u64 {
    let contents = match result {
        LookupResult::File(file) => file.cost_bytes(),
        LookupResult::Directory | LookupResult::Missing => 0,
    };
    contents + key.len() as u64 + OVERHEAD_BYTES
}

/// About what an entry takes beside its slot and its index: the key is counted once, and kept in an ordered set.
const OVERHEAD_BYTES: u64 = 240;

/// What a slot takes, whether an entry is in it or not.
const SLOT_BYTES: usize = size_of::<Option<CacheSlot>>();

/// What an index takes; a seventh of a table of hashes is always empty, and a byte belongs to each.
const INDEX_BYTES: usize = (size_of::<(CacheKey, usize)>() + 1) * 8 / 7;

/// Tables up to this length are not worth shrinking.
const TABLE_LENGTH_MIN: usize = 64;

/// Removals that take a small part of a turn.
const REMOVALS_AT_ONCE: usize = 256;

/// How many invalidated directories wait at a time.
const INVALIDATED_MAX: usize = 16;

#[cfg(test)]
impl LookupCache {
    /// Entries, bytes, descriptors.
    pub(super) fn totals(&self) -> (usize, u64, usize) {
        (self.length(), self.bytes, self.descriptors)
    }
}
