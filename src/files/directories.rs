//! The directories that answers have been found through, by key: where they are, and under which keys
//! a watched one is known.
//!
//! It must never know an answer, or why a directory is forgotten.

use super::key::{self, Key};
use super::walk::Place;
use crate::sys::watch::WatchId;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::{Bound, Range};
use std::rc::Rc;

/// The directories that are known; those of the roots too.
#[derive(Debug)]
pub(super) struct Directories {
    places: BTreeMap<Key, Place>,
    /// Links give a directory several keys.
    keys: HashMap<WatchId, BTreeSet<Key>>,
    bytes: u64,
    bytes_max: u64,
}

impl Directories {
    /// Keeps about so many bytes at most.
    pub(super) fn new(bytes_max: u64) -> Directories {
        Directories { places: BTreeMap::new(), keys: HashMap::new(), bytes: 0, bytes_max }
    }

    /// Keeps where a directory is, unless there are too many. Says whether it is kept.
    pub(super) fn insert(&mut self, key: &Key, place: Place) -> bool {
        self.remove(key);
        if self.is_full() {
            return false;
        }
        if let Some(watch) = place.watch {
            self.keys.entry(watch).or_default().insert(Rc::clone(key));
        }
        self.places.insert(Rc::clone(key), place);
        self.bytes += cost_bytes(key);
        true
    }

    pub(super) fn get(&self, key: &[u8]) -> Option<Place> {
        self.places.get(key).copied()
    }

    pub(super) fn remove(&mut self, key: &[u8]) -> Option<Key> {
        let (key, place) = self.places.remove_entry(key)?;
        self.bytes -= cost_bytes(&key);
        if let Some(watch) = place.watch
            && let Some(keys) = self.keys.get_mut(&watch)
        {
            keys.remove(&key);
            if keys.is_empty() {
                self.keys.remove(&watch);
            }
        }
        Some(key)
    }

    /// The keys of this directory and of those beneath it.
    pub(super) fn within(&self, directory: &[u8]) -> Vec<Key> {
        let itself = self.places.get_key_value(directory).map(|(key, _)| key);
        itself.into_iter().chain(self.beneath(directory)).cloned().collect()
    }

    /// Whether any are known that lie beneath this one.
    pub(super) fn has_beneath(&self, directory: &[u8]) -> bool {
        self.beneath(directory).next().is_some()
    }

    fn beneath(&self, directory: &[u8]) -> impl Iterator<Item = &Key> {
        let Range { start, end } = key::beneath(directory);
        let bounds = (Bound::Included(&start[..]), Bound::Excluded(&end[..]));
        self.places.range::<[u8], _>(bounds).map(|(key, _)| key)
    }

    /// The directory before this one in the order of keys, or the last: first what lies beneath a
    /// directory, then the directory.
    pub(super) fn before(&self, key: Option<&Key>) -> Option<(&Key, &Place)> {
        let end = key.map_or(Bound::Unbounded, |key| Bound::Excluded(&key[..]));
        self.places.range::<[u8], _>((Bound::Unbounded, end)).next_back()
    }

    /// The keys under which a watched directory is known.
    pub(super) fn keys_of(&self, watch: WatchId) -> impl Iterator<Item = &Key> {
        self.keys.get(&watch).into_iter().flatten()
    }

    /// Whether no more are kept.
    pub(super) fn is_full(&self) -> bool {
        self.places.len() >= DIRECTORIES_MAX || self.bytes >= self.bytes_max
    }

    /// What they take in memory, in bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
}

fn cost_bytes(key: &[u8]) -> u64 {
    OVERHEAD_BYTES + key.len() as u64
}

/// What the tables take for a directory, about, with the notes of what it rests on.
const OVERHEAD_BYTES: u64 = 768;

/// Directories that are known at a time.
const DIRECTORIES_MAX: usize = 16_384;
