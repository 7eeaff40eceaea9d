//! The fields that one side has sent before, up to a size that the other side bounds (RFC 7541 §2.3.2, §4).

use super::ENTRY_BYTES;
use std::collections::VecDeque;

/// A table. It takes memory only for what was put into it.
#[derive(Debug)]
pub(super) struct DynamicTable {
    /// Names and values of all entries, the oldest first, after those of entries that have gone.
    bytes: Vec<u8>,
    /// The oldest first.
    entries: VecDeque<Entry>,
    size: usize,
    size_max: usize,
    /// How many entries were ever inserted.
    inserted: u64,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Where in the bytes its name begins. Its value follows.
    start: u32,
    name_bytes: u32,
    value_bytes: u32,
}

/// The name of an entry to be inserted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Name<'a> {
    Bytes(&'a [u8]),
    /// That of another entry, which may have to go for this one.
    Of(usize),
}

impl Entry {
    fn bytes(self) -> usize {
        (self.name_bytes + self.value_bytes) as usize
    }
}

impl DynamicTable {
    /// An empty table of this size.
    pub(super) fn new(size_max: usize) -> DynamicTable {
        DynamicTable { bytes: Vec::new(), entries: VecDeque::new(), size: 0, size_max, inserted: 0 }
    }

    /// The field at a place, 0 for the newest.
    pub(super) fn get(&self, place: usize) -> Option<(&[u8], &[u8])> {
        let entry = self.entry(place)?;
        let both = self.bytes.get(entry.start as usize..)?.get(..entry.bytes())?;
        both.split_at_checked(entry.name_bytes as usize)
    }

    fn entry(&self, place: usize) -> Option<Entry> {
        let from_oldest = self.entries.len().checked_sub(place)?.checked_sub(1)?;
        self.entries.get(from_oldest).copied()
    }

    /// The largest size at the moment.
    pub(super) fn size_max(&self) -> usize {
        self.size_max
    }

    /// How many entries were ever inserted, those that have gone among them.
    pub(super) fn inserted(&self) -> u64 {
        self.inserted
    }

    /// Changes the largest size (RFC 7541 §4.3).
    pub(super) fn resize(&mut self, size_max: usize) {
        self.size_max = size_max;
        self.evict(0);
    }

    /// Inserts a field; the oldest ones go for it. One that is larger than the table empties it (RFC 7541 §4.4).
    pub(super) fn insert(&mut self, name: Name<'_>, value: &[u8]) {
        let name_bytes = match name {
            Name::Bytes(name) => name.len(),
            Name::Of(place) => self.entry(place).map_or(0, |entry| entry.name_bytes as usize),
        };
        let size = name_bytes + value.len() + ENTRY_BYTES;
        if size > self.size_max {
            self.evict(self.size_max);
            return;
        }
        self.compact(size);
        let start = self.bytes.len() as u32;
        match name {
            Name::Bytes(name) => self.bytes.extend_from_slice(name),
            Name::Of(place) => {
                let from = self.entry(place).map_or(0, |entry| entry.start as usize);
                self.bytes.extend_from_within(from..from + name_bytes);
            }
        }
        self.bytes.extend_from_slice(value);
        self.evict(size);
        self.size += size;
        self.inserted += 1;
        let (name_bytes, value_bytes) = (name_bytes as u32, value.len() as u32);
        self.entries.push_back(Entry { start, name_bytes, value_bytes });
    }

    /// Removes the oldest entries until there is room for so many bytes.
    fn evict(&mut self, size: usize) {
        while self.size + size > self.size_max
            && let Some(oldest) = self.entries.pop_front()
        {
            self.size -= oldest.bytes() + ENTRY_BYTES;
        }
    }

    /// Moves the bytes to the front before they take more than twice the size of the table.
    fn compact(&mut self, more: usize) {
        if self.bytes.len() + more <= 2 * self.size_max {
            return;
        }
        let gone = self.entries.front().map_or(self.bytes.len(), |oldest| oldest.start as usize);
        self.bytes.drain(..gone);
        for entry in &mut self.entries {
            entry.start -= gone as u32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(table: &DynamicTable) -> Vec<(String, String)> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (0..).map_while(|place| table.get(place)).map(|(n, v)| (text(n), text(v))).collect()
    }

    #[test]
    fn the_oldest_go_for_the_newest() {
        let mut table = DynamicTable::new(100);
        for (name, value) in [("a", "1"), ("b", "2"), ("c", "3")] {
            table.insert(Name::Bytes(name.as_bytes()), value.as_bytes());
        }
        let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(fields(&table), [field("c", "3"), field("b", "2")]);
        table.insert(Name::Of(1), b"4");
        assert_eq!(fields(&table), [field("b", "4"), field("c", "3")], "its name goes for it");
        table.resize(40);
        assert_eq!(fields(&table), [field("b", "4")]);
        table.insert(Name::Bytes(&[b'n'; 100]), b"");
        assert_eq!(fields(&table), []);
        assert_eq!((table.size, table.inserted()), (0, 4));
    }

    #[test]
    fn it_keeps_its_bounds_and_forgets_no_byte() {
        let mut table = DynamicTable::new(500);
        let mut model: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        let mut number: usize = 1;
        for _ in 0..20_000 {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695);
            let random = number >> 33;
            let value = vec![random as u8; random % 90];
            let name = if random.is_multiple_of(3) && !model.is_empty() {
                let place = random / 3 % model.len();
                table.insert(Name::Of(place), &value);
                model[place].0.clone()
            } else {
                let name = vec![b'n'; random / 90 % 60];
                table.insert(Name::Bytes(&name), &value);
                name
            };
            model.insert(0, (name, value));
            let size = |it: &[(Vec<u8>, Vec<u8>)]| -> usize {
                it.iter().map(|(name, value)| name.len() + value.len() + ENTRY_BYTES).sum()
            };
            while size(&model) > 500 {
                model.pop();
            }
            assert_eq!(table.size, size(&model));
            for (place, (name, value)) in model.iter().enumerate() {
                assert_eq!(table.get(place), Some((&name[..], &value[..])));
            }
            assert_eq!(table.get(model.len()), None);
            assert!(table.bytes.len() <= 1000);
        }
    }
}
