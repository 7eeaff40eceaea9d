//! How what is kept is forgotten: after changes on the disk, to give room, and bit by bit what is of
//! no use any more.
//!
//! It must never know how anything is found.

use super::{OpenFiles, Sought};
use crate::files::key::{self, Key};
use crate::files::watches::{Doubt, Reach};
use std::collections::BTreeSet;

impl OpenFiles {
    /// Reads what has changed on the disk, and forgets what rested on it. One system call when
    /// nothing has.
    pub fn look(&mut self) {
        let doubts = self.ground.read();
        if doubts.is_empty() {
            return;
        }
        let mut changed = BTreeSet::new();
        for doubt in doubts {
            match doubt {
                Doubt::Key(key, reach) => self.doubt(key, reach, &mut changed),
                Doubt::Directory(watch) => {
                    changed.extend(self.ground.keys_of(watch).cloned());
                    for (key, reach) in self.ground.resting_elsewhere(watch) {
                        self.doubt(key, reach, &mut changed);
                    }
                    self.sought_is = Sought::Disturbed;
                }
                Doubt::Everything => return self.forget_everything(),
            }
        }
        changed.iter().for_each(|key| self.forget_within(key));
        self.release_gone();
    }

    /// Forgets an answer, or collects the directory that is to be forgotten.
    fn doubt(&mut self, key: Key, reach: Reach, changed: &mut BTreeSet<Key>) {
        match reach {
            Reach::Alone => {
                self.store.remove(&key);
                self.disturb(|sought| key::rests_on(sought, &key));
                self.ground.release(&key);
            }
            Reach::Beneath => {
                changed.insert(key);
            }
        }
    }

    /// Keeps nothing any more. What has been handed out stays as it is.
    pub fn forget_everything(&mut self) {
        self.store.condemn_everything();
        self.ground.clear();
        self.sought_is = Sought::Disturbed;
        self.release_gone();
    }

    /// Gives back descriptors that are kept for nobody in particular, up to `count`, those first that
    /// were not used for longest; says how many. Each is closed once nothing is sent from it.
    pub fn give_back_descriptors(&mut self, count: usize) -> usize {
        let given_back = self.store.remove_descriptors(count);
        self.release_gone();
        given_back
    }

    pub(super) fn forget_within(&mut self, directory: &Key) {
        self.store.condemn_within(directory);
        self.ground.forget_within(directory);
        self.disturb(|sought| key::is_within(sought, directory));
    }

    /// Notes whether what is sought has been touched by a change.
    fn disturb(&mut self, is_touched: impl Fn(&Key) -> bool) {
        if self.sought.as_ref().is_some_and(is_touched) {
            self.sought_is = Sought::Disturbed;
        }
    }

    /// Drops the notes about answers that are not kept, and does a portion of what is left to do:
    /// removes answers that are not given any more, and forgets directories of no use.
    pub(super) fn clear_up(&mut self) {
        self.store.remove_condemned();
        self.release_gone();
        for key in self.ground.take_noted() {
            if !self.store.contains(&key) {
                self.ground.release(&key);
            }
        }
        let is_crowded =
            self.ground.is_full() || self.ground.directories_bytes() > self.limits.bytes_max / 4;
        if self.gone >= GONE_MAX || is_crowded && self.gone >= GONE_MAX_CROWDED {
            self.gone = 0;
            self.ground.begin_sweep();
        }
        let store = &self.store;
        self.ground.sweep_on(|directory| store.contains_within(directory));
    }

    fn release_gone(&mut self) {
        let gone = self.store.take_gone();
        self.gone += gone.len();
        for key in gone {
            if !self.store.contains(&key) {
                self.disturb(|sought| key::rests_on(sought, &key));
                self.ground.release(&key);
            }
        }
    }
}

/// So many answers that went leave directories behind that are worth looking for.
pub(super) const GONE_MAX: usize = 4096;

/// The same where what is known of directories takes much of the room.
const GONE_MAX_CROWDED: usize = 256;
