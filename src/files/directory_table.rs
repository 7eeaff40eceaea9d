//! A table of the directories that paths lead through, by key; and under which keys a watched directory
//! is known.
//!
//! It must never know what is in a directory, or why it is forgotten.

use super::key::{self, CacheKey};
use super::known_directory::KnownDirectory;
use crate::sys::watch::WatchId;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::{Bound, Range};
use std::rc::Rc;

/// The directories that are known, those of the roots among them.
#[derive(Debug)]
pub(super) struct DirectoryTable {
    directories: BTreeMap<CacheKey, KnownDirectory>,
    /// Links give a directory several keys.
    keys: HashMap<WatchId, BTreeSet<CacheKey>>,
    bytes: u64,
    bytes_max: u64,
}

impl DirectoryTable {
    /// Sets the bound that holds from the next directory on.
    pub(super) fn set_bytes_max(&mut self, bytes_max: u64) {
        self.bytes_max = bytes_max;
    }

    /// An empty table of about `bytes_max` bytes at most.
    pub(super) fn new(bytes_max: u64) -> DirectoryTable {
        DirectoryTable { directories: BTreeMap::new(), keys: HashMap::new(), bytes: 0, bytes_max }
    }

    /// Keeps a directory unless the table is full; returns whether it is kept.
    pub(super) fn insert(&mut self, key: &CacheKey, directory: KnownDirectory) -> bool {
        self.remove(key);
        if self.is_full() {
            return false;
        }
        if let Some(watch) = directory.watch {
            self.keys.entry(watch).or_default().insert(Rc::clone(key));
        }
        self.directories.insert(Rc::clone(key), directory);
        self.bytes += cost_bytes(key);
        true
    }

    pub(super) fn get(&self, key: &[u8]) -> Option<KnownDirectory> {
        self.directories.get(key).copied()
    }

    pub(super) fn remove(&mut self, key: &[u8]) -> Option<CacheKey> {
        let (key, directory) = self.directories.remove_entry(key)?;
        self.bytes -= cost_bytes(&key);
        if let Some(watch) = directory.watch
            && let Some(keys) = self.keys.get_mut(&watch)
        {
            keys.remove(&key);
            if keys.is_empty() {
                self.keys.remove(&watch);
            }
        }
        Some(key)
    }

    /// The keys of this directory and of the directories beneath it.
    pub(super) fn within(&self, directory: &[u8]) -> Vec<CacheKey> {
        let itself = self.directories.get_key_value(directory).map(|(key, _)| key);
        itself.into_iter().chain(self.beneath(directory)).cloned().collect()
    }

    /// Whether a directory beneath this one is known.
    pub(super) fn has_beneath(&self, directory: &[u8]) -> bool {
        self.beneath(directory).next().is_some()
    }

    fn beneath(&self, directory: &[u8]) -> impl Iterator<Item = &CacheKey> {
        let Range { start, end } = key::beneath(directory);
        let bounds = (Bound::Included(&start[..]), Bound::Excluded(&end[..]));
        self.directories.range::<[u8], _>(bounds).map(|(key, _)| key)
    }

    /// The directory before this key in the order of keys, or the last one without a key. In this order a
    /// directory comes after those beneath it.
    pub(super) fn before(&self, key: Option<&CacheKey>) -> Option<(&CacheKey, &KnownDirectory)> {
        let end = key.map_or(Bound::Unbounded, |key| Bound::Excluded(&key[..]));
        self.directories.range::<[u8], _>((Bound::Unbounded, end)).next_back()
    }

    /// The keys under which a watched directory is known.
    pub(super) fn keys_of(&self, watch: WatchId) -> impl Iterator<Item = &CacheKey> {
        self.keys.get(&watch).into_iter().flatten()
    }

    /// Whether there is no room for another.
    pub(super) fn is_full(&self) -> bool {
        self.directories.len() >= DIRECTORIES_MAX || self.bytes >= self.bytes_max
    }

    /// How many bytes of memory they take.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
}

fn cost_bytes(key: &[u8]) -> u64 {
    OVERHEAD_BYTES + key.len() as u64
}

/// About what a directory takes in the tables, with what it depends on.
const OVERHEAD_BYTES: u64 = 768;

/// How many directories are known at a time.
const DIRECTORIES_MAX: usize = 16_384;
