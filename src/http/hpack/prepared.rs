//! Fields that are encoded once and sent often: all of their encoding that does not depend on a connection.
//!
//! It must never know what a field means. The encoder writes them, and they are written as it writes: the two are one
//! thing in two files.

use super::encoder::{Indexing, KeptField, Literal, write_fixed, write_literal};
use super::static_table::{self, Known};
use std::ops::Range;

/// Fields in order. On any connection they take a copy, and a look into its table for those that are kept there.
#[derive(Debug, Default)]
pub(crate) struct PreparedFields {
    /// What the places refer to.
    bytes: Vec<u8>,
    places: Vec<Place>,
}

/// Where in the bytes a part is.
#[derive(Debug)]
enum Place {
    Fixed(Range<u32>),
    Kept {
        /// Its name, its value, and it in full, one after the other.
        start: u32,
        name_bytes: u32,
        value_bytes: u32,
        literal_bytes: u32,
        name_index: u8,
        slot: u8,
    },
}

/// A part of the encoding.
#[derive(Debug)]
pub(super) enum Part<'a> {
    /// The same on every connection: one or more fields.
    Fixed(&'a [u8]),
    /// A field that the other side keeps, and what it gets the first time.
    Kept { field: KeptField<'a>, name_index: usize, literal: &'a [u8] },
}

impl PreparedFields {
    /// Appends a field, whose name is in lower case.
    pub(crate) fn add(&mut self, name: &[u8], value: &[u8], indexing: Indexing) {
        let start = self.bytes.len() as u32;
        let known = static_table::find(name, value);
        if indexing != Indexing::Kept || matches!(known, Known::Field(_)) {
            write_fixed(&mut self.bytes, name, value, indexing);
            let end = self.bytes.len() as u32;
            match self.places.last_mut() {
                Some(Place::Fixed(before)) if before.end == start => before.end = end,
                _ => self.places.push(Place::Fixed(start..end)),
            }
            return;
        }
        let name_index = known.name_index();
        self.bytes.extend_from_slice(name);
        self.bytes.extend_from_slice(value);
        let literal_start = self.bytes.len();
        write_literal(&mut self.bytes, Literal::Kept, name_index, name, value);
        self.places.push(Place::Kept {
            start,
            name_bytes: name.len() as u32,
            value_bytes: value.len() as u32,
            literal_bytes: (self.bytes.len() - literal_start) as u32,
            name_index: name_index as u8,
            slot: KeptField::new(name, value).slot as u8,
        });
    }

    /// The parts, in order.
    #[inline]
    pub(super) fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        self.places.iter().map(|place| match place {
            Place::Fixed(range) => Part::Fixed(self.run(range.start, range.end - range.start)),
            Place::Kept { start, name_bytes, value_bytes, literal_bytes, name_index, slot } => {
                let value_start = start + name_bytes;
                let field = KeptField {
                    name: self.run(*start, *name_bytes),
                    value: self.run(value_start, *value_bytes),
                    slot: usize::from(*slot),
                };
                let literal = self.run(value_start + value_bytes, *literal_bytes);
                Part::Kept { field, name_index: usize::from(*name_index), literal }
            }
        })
    }

    fn run(&self, start: u32, length: u32) -> &[u8] {
        self.bytes.get(start as usize..(start + length) as usize).unwrap_or_default()
    }

    /// Forgets all fields and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.places.clear();
    }

    /// Gives back the memory that no field takes.
    pub(crate) fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
        self.places.shrink_to_fit();
    }
}
