//! The headers of one request, as places in the bytes that they came in.
//!
//! A parser fills it; handlers read it through [`RequestHead`](super::RequestHead). It must never know which
//! version of HTTP the bytes were written in.

use super::HeaderName;
use std::ops::Range;

/// A place in a buffer, stored where a slice would borrow. Buffers are far below 4 GiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// From `start` up to, not including, `end`.
    pub(crate) fn new(start: usize, end: usize) -> Span {
        debug_assert!(start <= end && end <= u32::MAX as usize);
        Span { start: start as u32, end: end as u32 }
    }

    /// As a range.
    pub(crate) fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// The bytes there; empty when the buffer is shorter.
    pub(crate) fn of(self, bytes: &[u8]) -> &[u8] {
        bytes.get(self.range()).unwrap_or_default()
    }
}

/// One header line.
#[derive(Clone, Copy, Debug)]
struct Field {
    name: Span,
    value: Span,
    known: Option<HeaderName>,
}

/// All header lines of one request, in the order in which they came.
#[derive(Clone, Debug, Default)]
pub(crate) struct HeaderTable {
    fields: Vec<Field>,
    /// One more than the index of the first line of each known name; 0 for none.
    first: [u16; HeaderName::COUNT],
}

impl HeaderTable {
    /// Empties the table and keeps its memory for the next request.
    pub(crate) fn clear(&mut self) {
        self.fields.clear();
        self.first = [0; HeaderName::COUNT];
    }

    /// How many lines there are.
    pub(crate) fn count(&self) -> usize {
        self.fields.len()
    }

    /// Adds a line whose name and value are at these places in `bytes`.
    pub(crate) fn add(&mut self, bytes: &[u8], name: Span, value: Span) {
        let known = HeaderName::recognise(name.of(bytes));
        self.fields.push(Field { name, value, known });
        if let Some(name) = known {
            let first = &mut self.first[name as usize];
            if *first == 0 {
                *first = u16::try_from(self.fields.len()).unwrap_or(u16::MAX);
            }
        }
    }

    /// The value of the first line of this name.
    pub(crate) fn first<'a>(&self, bytes: &'a [u8], name: HeaderName) -> Option<&'a [u8]> {
        self.first_place(name).map(|place| place.of(bytes))
    }

    /// The place of the value of the first line of this name.
    pub(crate) fn first_place(&self, name: HeaderName) -> Option<Span> {
        let index = usize::from(self.first[name as usize]).checked_sub(1)?;
        self.fields.get(index).map(|field| field.value)
    }

    /// The values of all lines of this name, in order.
    pub(crate) fn values<'a>(
        &'a self,
        bytes: &'a [u8],
        name: HeaderName,
    ) -> impl Iterator<Item = &'a [u8]> {
        let from = match self.first[name as usize] {
            0 => self.fields.len(),
            place => usize::from(place) - 1,
        };
        self.fields[from..]
            .iter()
            .filter(move |field| field.known == Some(name))
            .map(|field| field.value.of(bytes))
    }

    /// The value of the first line of a name, known or not, in any case of letters.
    pub(crate) fn find<'a>(&'a self, bytes: &'a [u8], name: &str) -> Option<&'a [u8]> {
        match HeaderName::recognise(name.as_bytes()) {
            Some(known) => self.first(bytes, known),
            None => self
                .lines(bytes)
                .find(|(found, _)| found.eq_ignore_ascii_case(name.as_bytes()))
                .map(|(_, value)| value),
        }
    }

    /// Every line as name and value.
    pub(crate) fn lines<'a>(
        &'a self,
        bytes: &'a [u8],
    ) -> impl DoubleEndedIterator<Item = (&'a [u8], &'a [u8])> {
        self.fields.iter().map(|field| (field.name.of(bytes), field.value.of(bytes)))
    }
}
