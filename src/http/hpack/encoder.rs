//! Names and values → blocks of fields (RFC 7541 §6).

use super::dynamic_table::{DynamicTable, Name};
use super::static_table::{self, Known};
use super::{ENTRY_BYTES, TABLE_BYTES_USUAL, huffman, integer};

/// The encoder of one connection.
#[derive(Debug)]
pub(crate) struct Encoder {
    table: DynamicTable,
    /// The number of the last entry inserted with each hash, so that a field is found without a search. Empty until one
    /// is inserted.
    numbers: Vec<u32>,
    /// The sizes that the table was given since the last block: the smallest and the last.
    resized: Option<(usize, usize)>,
}

/// Whether the other side keeps a field, to be named by a number next time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Indexing {
    /// It does.
    Kept,
    /// It does not.
    NotKept,
    /// Nobody may ever keep it, because its value is secret (RFC 7541 §7.1.3).
    Never,
}

impl Encoder {
    /// An encoder with a table of this size, which the other side uses too.
    pub(crate) fn new(table_bytes_max: usize) -> Encoder {
        Encoder { table: DynamicTable::new(table_bytes_max), numbers: Vec::new(), resized: None }
    }

    /// The other side bounds the table to this size from now on. More than the usual size is not used.
    pub(crate) fn bound(&mut self, table_bytes_max: usize) {
        let size = table_bytes_max.min(TABLE_BYTES_USUAL);
        if self.resized.is_none() && size == self.table.size_max() {
            return;
        }
        let smallest = self.resized.map_or(size, |(smallest, _)| smallest.min(size));
        self.resized = Some((smallest, size));
    }

    /// Begins a block: tells the other side the size of the table if that has changed (RFC 7541 §4.2).
    pub(crate) fn begin(&mut self, out: &mut Vec<u8>) {
        if let Some((smallest, last)) = self.resized.take() {
            for size in [Some(smallest).filter(|it| *it < last), Some(last)].into_iter().flatten() {
                integer::write(out, 0x20, 5, size);
                self.table.resize(size);
            }
        }
    }

    /// Appends a field, whose name is in lower case.
    pub(crate) fn field(
        &mut self,
        out: &mut Vec<u8>,
        name: &[u8],
        value: &[u8],
        indexing: Indexing,
    ) {
        let name_index = match static_table::find(name, value) {
            Known::Field(index) if indexing != Indexing::Never => {
                return integer::write(out, 0x80, 7, index);
            }
            Known::Field(index) | Known::Name(index) => index,
            Known::Nothing => 0,
        };
        let size = name.len() + value.len() + ENTRY_BYTES;
        match indexing {
            Indexing::Kept if size <= self.table.size_max() / KEPT_SHARE => {
                let slot = hash(name, value) % SLOTS;
                if let Some(place) = self.find(slot, name, value) {
                    return integer::write(out, 0x80, 7, static_table::COUNT + 1 + place);
                }
                integer::write(out, 0x40, 6, name_index);
                self.table.insert(Name::Bytes(name), value);
                self.numbers.resize(SLOTS, 0);
                self.numbers[slot] = self.table.inserted() as u32;
            }
            Indexing::Kept | Indexing::NotKept => integer::write(out, 0, 4, name_index),
            Indexing::Never => integer::write(out, 0x10, 4, name_index),
        }
        if name_index == 0 {
            write_string(out, name);
        }
        write_string(out, value);
    }

    /// The place of a field in the table, if it is the last of its hash.
    fn find(&self, slot: usize, name: &[u8], value: &[u8]) -> Option<usize> {
        let number = *self.numbers.get(slot)?;
        let place = (self.table.inserted() as u32).wrapping_sub(number) as usize;
        (self.table.get(place)? == (name, value)).then_some(place)
    }
}

/// Appends a string, by the Huffman code if that is not longer.
fn write_string(out: &mut Vec<u8>, bytes: &[u8]) {
    let encoded = huffman::encoded_length(bytes);
    if encoded <= bytes.len() && !bytes.is_empty() {
        integer::write(out, 0x80, 7, encoded);
        huffman::encode(bytes, out);
    } else {
        integer::write(out, 0, 7, bytes.len());
        out.extend_from_slice(bytes);
    }
}

/// A number that fields with other names, lengths or ends hardly share.
fn hash(name: &[u8], value: &[u8]) -> usize {
    let ends = |bytes: &[u8]| {
        let last = bytes.last_chunk::<8>().map_or(0, |last| u64::from_le_bytes(*last));
        let first = bytes.first().map_or(0, |first| u64::from(*first));
        last ^ first << 32 ^ (bytes.len() as u64) << 48
    };
    let mixed = (ends(name) ^ ends(value).rotate_left(17)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 48) as usize
}

/// A field that would take more than this part of the table is not worth the others that go for it.
const KEPT_SHARE: usize = 2;

/// As many as there can be entries of usual length, twice.
const SLOTS: usize = 128;
