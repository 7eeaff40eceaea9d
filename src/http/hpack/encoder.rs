//! Names and values → blocks of fields (RFC 7541 §6).

use super::dynamic_table::{DynamicTable, Name};
use super::prepared::{Part, PreparedFields};
use super::static_table::{self, Known};
use super::{ENTRY_BYTES, TABLE_BYTES_USUAL, huffman, integer};

/// The encoder of one connection.
#[derive(Debug)]
pub(crate) struct Encoder {
    table: DynamicTable,
    /// The numbers of entries, each in the slot of its hash or in the one beside it, so that a field is found without a
    /// search. An entry that has no slot any more is inserted again. Empty until one is inserted.
    numbers: Vec<u16>,
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

/// A field that the other side keeps, as it is looked for and sent the first time.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeptField<'a> {
    pub name: &'a [u8],
    pub value: &'a [u8],
    pub slot: usize,
}

impl<'a> KeptField<'a> {
    pub(super) fn new(name: &'a [u8], value: &'a [u8]) -> KeptField<'a> {
        KeptField { name, value, slot: hash(name, value) % SLOTS }
    }
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
        match (static_table::find(name, value), indexing) {
            (Known::Field(index), Indexing::Kept | Indexing::NotKept) => write_index(out, index),
            (known, Indexing::Kept) => {
                let name_index = known.name_index();
                self.kept(out, KeptField::new(name, value), name_index, |out| {
                    write_literal(out, Literal::Kept, name_index, name, value);
                });
            }
            (known, indexing) => {
                write_literal(out, indexing.literal(), known.name_index(), name, value);
            }
        }
    }

    /// Appends fields that were prepared.
    pub(crate) fn prepared(&mut self, out: &mut Vec<u8>, fields: &PreparedFields) {
        for part in fields.parts() {
            match part {
                Part::Fixed(bytes) => out.extend_from_slice(bytes),
                Part::Kept { field, name_index, literal } => {
                    self.kept(out, field, name_index, |out| out.extend_from_slice(literal));
                }
            }
        }
    }

    /// Appends a field that the other side keeps: its place in the table, or, the first time, what `first` appends.
    #[inline]
    fn kept(
        &mut self,
        out: &mut Vec<u8>,
        field: KeptField<'_>,
        name_index: usize,
        first: impl FnOnce(&mut Vec<u8>),
    ) {
        if let Some(place) = self.find(field) {
            return write_index(out, static_table::COUNT + 1 + place);
        }
        let KeptField { name, value, slot } = field;
        if name.len() + value.len() + ENTRY_BYTES > self.table.size_max() / KEPT_SHARE {
            return write_literal(out, Literal::NotKept, name_index, name, value);
        }
        first(out);
        self.table.insert(Name::Bytes(name), value);
        self.numbers.resize(SLOTS, 0);
        let is_taken =
            |slot: usize| self.place(slot).is_some_and(|it| self.table.get(it).is_some());
        let slot = if is_taken(slot) && !is_taken(slot ^ 1) { slot ^ 1 } else { slot };
        self.numbers[slot] = self.table.inserted() as u16;
    }

    /// The place of a field in the table, if it is in one of its slots.
    #[inline]
    fn find(&self, field: KeptField<'_>) -> Option<usize> {
        let is_there = |place: &usize| self.table.get(*place) == Some((field.name, field.value));
        let place = self.place(field.slot).filter(is_there);
        place.or_else(|| self.place(field.slot ^ 1).filter(is_there))
    }

    /// The place in the table that a slot names. Whether its entry is still the same is not known.
    #[inline]
    fn place(&self, slot: usize) -> Option<usize> {
        let number = *self.numbers.get(slot)?;
        Some(usize::from((self.table.inserted() as u16).wrapping_sub(number)))
    }
}

impl Indexing {
    fn literal(self) -> Literal {
        match self {
            Indexing::Kept => Literal::Kept,
            Indexing::NotKept => Literal::NotKept,
            Indexing::Never => Literal::NeverKept,
        }
    }
}

/// The forms of a field that is written out (RFC 7541 §6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Literal {
    Kept,
    NotKept,
    NeverKept,
}

/// Appends a field of one of the tables, by its index.
#[inline]
pub(crate) fn write_index(out: &mut Vec<u8>, index: usize) {
    integer::write(out, 0x80, 7, index);
}

/// Appends a field that nobody keeps, whose name has this index in the static table.
pub(crate) fn write_with_name(out: &mut Vec<u8>, name_index: usize, value: &[u8]) {
    integer::write(out, 0, 4, name_index);
    if value.len() < GAINING_BYTES {
        integer::write(out, 0, 7, value.len());
        return out.extend_from_slice(value);
    }
    write_string(out, value);
}

/// Appends a field that does not depend on the connection.
pub(super) fn write_fixed(out: &mut Vec<u8>, name: &[u8], value: &[u8], indexing: Indexing) {
    match (static_table::find(name, value), indexing) {
        (Known::Field(index), Indexing::Kept | Indexing::NotKept) => write_index(out, index),
        (known, indexing) => {
            write_literal(out, indexing.literal(), known.name_index(), name, value);
        }
    }
}

/// Appends a field in full. `name_index` is that of its name in the static table, or 0.
pub(super) fn write_literal(
    out: &mut Vec<u8>,
    literal: Literal,
    name_index: usize,
    name: &[u8],
    value: &[u8],
) {
    match literal {
        Literal::Kept => integer::write(out, 0x40, 6, name_index),
        Literal::NotKept => integer::write(out, 0, 4, name_index),
        Literal::NeverKept => integer::write(out, 0x10, 4, name_index),
    }
    if name_index == 0 {
        write_string(out, name);
    }
    write_string(out, value);
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

/// The Huffman code saves nothing of a shorter string: the shortest code of a symbol has five bits.
const GAINING_BYTES: usize = 3;

/// As many as there can be entries of usual length, twice.
const SLOTS: usize = 128;
