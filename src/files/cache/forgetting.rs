//! Forgetting: what has changed on the disk, what must make room, and, little by little, directories that
//! nothing needs any more.
//!
//! It must never know how anything is found.

use super::OpenFiles;
use crate::files::Root;
use crate::files::key::{self, CacheKey};
use crate::files::watches::{Extent, Invalidation};
use std::collections::BTreeSet;

impl OpenFiles {
    /// Reads what has changed on the disk, and forgets what depended on it. It takes one system call if
    /// nothing has changed.
    pub(crate) fn look(&mut self) {
        let invalidations = self.directories.read();
        if invalidations.is_empty() {
            return;
        }
        let mut changed = BTreeSet::new();
        for invalidation in invalidations {
            match invalidation {
                Invalidation::Key(key, extent) => self.invalidate(key, extent, &mut changed),
                Invalidation::Directory(watch) => {
                    changed.extend(self.directories.keys_of(watch).cloned());
                    for (key, extent) in self.directories.dependents_elsewhere(watch) {
                        self.invalidate(key, extent, &mut changed);
                    }
                    self.is_disturbed = true;
                }
                Invalidation::Everything => return self.forget_everything(),
            }
        }
        changed.iter().for_each(|key| self.forget_within(key));
        self.release_removed();
    }

    /// Forgets a result, or collects the directory that is to be forgotten.
    fn invalidate(&mut self, key: CacheKey, extent: Extent, changed: &mut BTreeSet<CacheKey>) {
        match extent {
            Extent::Entry => {
                self.cache.remove(&key);
                self.disturb(|sought| key::is_answered_by(sought, &key));
                self.directories.release(&key);
            }
            Extent::Subtree => {
                changed.insert(key);
            }
        }
    }

    /// Forgets everything. Files that were handed out stay as they are.
    pub(crate) fn forget_everything(&mut self) {
        self.cache.invalidate_all();
        self.encoded.clear();
        self.directories.clear();
        self.is_disturbed = true;
        self.release_removed();
    }

    /// Drops everything that is kept, now and not in portions.
    pub(crate) fn give_back_memory(&mut self) {
        self.forget_everything();
        for _ in 0..self.cache.length() {
            self.cache.remove_invalidated();
        }
        self.release_removed();
    }

    /// Forgets what is known of roots that no site has any more.
    pub(crate) fn forget_dead_roots(&mut self) {
        let living = Root::living_ids();
        for key in self.directories.roots_except(&living) {
            self.forget_within(&key);
        }
        self.release_removed();
    }

    /// Drops up to `count` files that are kept by descriptor, the least recently used first, and returns how
    /// many. Each descriptor is closed once nothing is sent from it.
    pub(crate) fn give_back_descriptors(&mut self, count: usize) -> usize {
        let given_back = self.cache.remove_descriptors(count);
        self.release_removed();
        given_back
    }

    pub(super) fn forget_within(&mut self, directory: &CacheKey) {
        self.cache.invalidate_within(directory);
        self.directories.forget_within(directory);
        self.disturb(|sought| key::is_within(sought, directory));
    }

    /// Notes that a change affects the path that is being looked up, if it does.
    fn disturb(&mut self, is_touched: impl Fn(&CacheKey) -> bool) {
        if self.sought.as_ref().is_some_and(is_touched) {
            self.is_disturbed = true;
        }
    }

    /// Drops the dependencies of results that are not kept, then does a portion of the remaining work: it
    /// removes invalidated results, and forgets directories that nothing needs.
    pub(super) fn clean_up(&mut self) {
        self.cache.remove_invalidated();
        self.release_removed();
        for key in self.directories.take_new_dependents() {
            if !self.cache.contains(&key) {
                self.directories.release(&key);
            }
        }
        let is_crowded = self.directories.is_full()
            || self.directories.directories_bytes() > self.limits.bytes_max / 4;
        if self.removed >= REMOVED_MAX || is_crowded && self.removed >= REMOVED_MAX_CROWDED {
            self.removed = 0;
            self.directories.begin_sweep();
        }
        let cache = &self.cache;
        self.directories.sweep_on(|directory| cache.contains_within(directory));
    }

    fn release_removed(&mut self) {
        let removed = self.cache.take_removed();
        self.removed += removed.len();
        for key in removed {
            if !self.cache.contains(&key) {
                self.disturb(|sought| key::is_answered_by(sought, &key));
                self.directories.release(&key);
            }
        }
    }
}

/// A sweep of the directories is worth its time after so many results were removed.
pub(super) const REMOVED_MAX: usize = 4096;

/// The same where directories take much of the memory.
const REMOVED_MAX_CROWDED: usize = 256;
