//! HPACK (RFC 7541): how HTTP/2 writes names and values in few bytes, by what was sent before.
//!
//! Pure like all of floor 1. It must never know a frame, nor what a field means.

mod decoder;
mod dynamic_table;
mod encoder;
mod huffman;
mod integer;
mod prepared;
mod static_table;

#[cfg(test)]
mod tests;

pub(crate) use decoder::Decoder;
pub(crate) use encoder::{Encoder, Indexing, write_index, write_with_name};
pub(crate) use prepared::PreparedFields;

/// Why a block cannot be decoded. What follows on its connection cannot be decoded either (RFC 9113 §4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HpackError(pub &'static str);

/// The size of a dynamic table that nobody has changed (RFC 9113 §6.5.2).
pub(crate) const TABLE_BYTES_USUAL: usize = 4096;

/// What an entry of a dynamic table costs beside its name and value (RFC 7541 §4.1).
pub(crate) const ENTRY_BYTES: usize = 32;
