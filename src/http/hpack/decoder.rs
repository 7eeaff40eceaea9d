//! Blocks of fields → names and values (RFC 7541 §3, §6).

use super::dynamic_table::{DynamicTable, Name};
use super::integer::{self, CUT_OFF};
use super::static_table;
use super::{HpackError, huffman};
use std::ops::Range;

/// The decoder of one connection: what its client has sent before decides what the next bytes mean.
#[derive(Debug)]
pub(crate) struct Decoder {
    table: DynamicTable,
    /// The size that the client may give the table.
    table_bytes_max: usize,
}

/// A string of a block.
enum Text<'a> {
    Plain(&'a [u8]),
    /// Its place in the scratch, where it was decoded.
    Decoded(Range<usize>),
}

impl Decoder {
    /// A decoder whose client was allowed a table of this size.
    pub(crate) fn new(table_bytes_max: usize) -> Decoder {
        Decoder { table: DynamicTable::new(table_bytes_max), table_bytes_max }
    }

    /// Decodes a whole block. Each field is handed out in order; `scratch` is lent for strings.
    ///
    /// # Errors
    /// If the block is broken. The fields before the fault have been handed out.
    pub(crate) fn decode(
        &mut self,
        block: &[u8],
        scratch: &mut Vec<u8>,
        mut each: impl FnMut(&[u8], &[u8]),
    ) -> Result<(), HpackError> {
        let mut rest = self.resize(block)?;
        while let Some(&first) = rest.first() {
            if first & 0x80 != 0 {
                let (index, after) = integer::read(rest, 7)?;
                let (name, value) = self.field(index)?;
                each(name, value);
                rest = after;
                continue;
            }
            let is_kept = first & 0xc0 == 0x40;
            if !is_kept && first & 0x20 != 0 {
                return Err(HpackError("a change of the table's size behind a field"));
            }
            let (index, after) = integer::read(rest, if is_kept { 6 } else { 4 })?;
            scratch.clear();
            let (literal_name, after) = match index {
                0 => read_string(after, scratch).map(|(name, after)| (Some(name), after))?,
                _ => (None, after),
            };
            let (value, after) = read_string(after, scratch)?;
            rest = after;
            let value = value.of(scratch);
            let name = match &literal_name {
                Some(name) => name.of(scratch),
                None => self.field(index)?.0,
            };
            each(name, value);
            if is_kept {
                let name = match (&literal_name, static_table::get(index)) {
                    (Some(name), _) => Name::Bytes(name.of(scratch)),
                    (None, Some((name, _))) => Name::Bytes(name),
                    (None, None) => Name::Of(index - static_table::COUNT - 1),
                };
                self.table.insert(name, value);
            }
        }
        Ok(())
    }

    /// Reads the changes of the table's size at the beginning of a block, and returns what follows. RFC 7541 §4.2: there
    /// are two of them at most, the smallest size since the last block and the last one.
    fn resize<'a>(&mut self, block: &'a [u8]) -> Result<&'a [u8], HpackError> {
        let mut rest = block;
        let mut count = 0;
        while let Some(first) = rest.first()
            && first & 0xe0 == 0x20
        {
            let (size, after) = integer::read(rest, 5)?;
            if size > self.table_bytes_max {
                return Err(HpackError("the table's size exceeds what was allowed"));
            }
            count += 1;
            if count > 2 {
                return Err(HpackError("more than two changes of the table's size"));
            }
            self.table.resize(size);
            rest = after;
        }
        Ok(rest)
    }

    fn field(&self, index: usize) -> Result<(&[u8], &[u8]), HpackError> {
        const BAD: HpackError = HpackError("an index of no field");
        match index.checked_sub(static_table::COUNT + 1) {
            Some(place) => self.table.get(place).ok_or(BAD),
            None => static_table::get(index).ok_or(BAD),
        }
    }
}

impl Text<'_> {
    fn of<'a>(&'a self, scratch: &'a [u8]) -> &'a [u8] {
        match self {
            Text::Plain(bytes) => bytes,
            Text::Decoded(range) => scratch.get(range.clone()).unwrap_or_default(),
        }
    }
}

/// Reads a string (RFC 7541 §5.2), and returns what follows it too.
fn read_string<'a>(
    input: &'a [u8],
    scratch: &mut Vec<u8>,
) -> Result<(Text<'a>, &'a [u8]), HpackError> {
    let is_encoded = input.first().is_some_and(|first| first & 0x80 != 0);
    let (length, rest) = integer::read(input, 7)?;
    let (string, rest) = rest.split_at_checked(length).ok_or(CUT_OFF)?;
    if !is_encoded {
        return Ok((Text::Plain(string), rest));
    }
    let start = scratch.len();
    huffman::decode(string, scratch)?;
    Ok((Text::Decoded(start..scratch.len()), rest))
}
