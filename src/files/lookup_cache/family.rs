//! A file and its encoded siblings: their entries, found by one key.
//!
//! A part of the cache, which remembers in each entry where its siblings are. It must never know which of them is sent.

use super::{CacheEntry, LookupCache};
use crate::files::known_directory::Trust;
use crate::http::Coding;

/// Where an entry is. No later one is ever at the same place with the same number.
#[derive(Clone, Copy, Debug)]
pub(in crate::files) struct EntryPlace {
    index: usize,
    number: u64,
}

/// Where the entries of the encoded siblings of a file are, in the order of [`Coding::ALL`].
pub(in crate::files) type Siblings = [EntryPlace; Coding::ALL.len()];

/// A file, and what is at the names of its siblings.
pub(in crate::files) struct Family<'a> {
    pub(in crate::files) place: EntryPlace,
    pub(in crate::files) file: &'a CacheEntry,
    pub(in crate::files) places: Siblings,
    pub(in crate::files) siblings: [&'a CacheEntry; Coding::ALL.len()],
}

impl LookupCache {
    /// The entry of this key and those of its siblings, if they are all known and there. Nothing counts as used.
    pub(in crate::files) fn family(&self, key: &[u8]) -> Option<Family<'_>> {
        let index = *self.indices.get(key)?;
        let slot = self.slots[index].as_ref().filter(|_| !self.is_invalidated(index))?;
        let places = slot.siblings?;
        let mut siblings = [&slot.entry; Coding::ALL.len()];
        for (entry, place) in siblings.iter_mut().zip(places) {
            *entry = self.at(place)?;
        }
        let place = EntryPlace { index, number: slot.number };
        Some(Family { place, file: &slot.entry, places, siblings })
    }

    fn at(&self, place: EntryPlace) -> Option<&CacheEntry> {
        let slot = self.slots.get(place.index)?.as_ref()?;
        let is_there = slot.number == place.number && !self.is_invalidated(place.index);
        is_there.then_some(&slot.entry)
    }

    /// Notes that this entry was used.
    pub(in crate::files) fn mark_used(&mut self, place: EntryPlace) {
        if let Some(slot) = self.slots[place.index].as_mut() {
            slot.is_used = true;
            slot.uses = slot.uses.saturating_add(1);
        }
    }

    /// Notes that this entry is still wanted, although its contents were not used.
    pub(in crate::files) fn keep_longer(&mut self, place: EntryPlace) {
        if let Some(slot) = self.slots[place.index].as_mut() {
            slot.is_used = true;
        }
    }

    /// Where the entry of this key is, if nothing has to ask the disk for it.
    pub(in crate::files) fn place(&self, key: &[u8]) -> Option<EntryPlace> {
        let slot = self.slot(key).filter(|slot| slot.entry.trust == Trust::Watched)?;
        Some(EntryPlace { index: *self.indices.get(key)?, number: slot.number })
    }

    /// Remembers where the siblings of a file are. What is kept of them in addition takes `bytes`.
    pub(in crate::files) fn set_siblings(&mut self, key: &[u8], siblings: Siblings, bytes: u64) {
        let index = self.indices.get(key).copied();
        if let Some(slot) = index.and_then(|index| self.slots[index].as_mut()) {
            if slot.siblings.is_none() {
                slot.cost_bytes += bytes;
                self.bytes += bytes;
            }
            slot.siblings = Some(siblings);
        }
    }
}
