//! Several ranges of one file in one response: `multipart/byteranges` (RFC 9110 §14.6).

use crate::files::CachedFile;
use crate::http::h1::write::write_number;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::ops::Range;
use std::rc::Rc;

/// The parts, ready to be sent one after the other.
pub struct Multipart {
    /// The file that all of them come from.
    pub file: Rc<CachedFile>,
    /// Each part with the delimiter and headers that go before it.
    pub parts: Vec<Part>,
    /// What goes after the last part.
    pub closing: Vec<u8>,
    boundary: String,
}

/// One part.
pub struct Part {
    pub preamble: Vec<u8>,
    pub range: Range<u64>,
}

impl Multipart {
    /// Puts delimiters and headers around ranges that lie inside of the file.
    pub fn new(file: Rc<CachedFile>, ranges: Vec<Range<u64>>) -> Multipart {
        let boundary = boundary();
        let parts = ranges
            .into_iter()
            .map(|range| {
                let mut preamble = format!("\r\n--{boundary}\r\nContent-Type: ").into_bytes();
                preamble.extend_from_slice(file.content_type());
                preamble.extend_from_slice(b"\r\nContent-Range: ");
                write_content_range(&mut preamble, &range, file.length());
                preamble.extend_from_slice(b"\r\n\r\n");
                Part { preamble, range }
            })
            .collect();
        let closing = format!("\r\n--{boundary}--\r\n").into_bytes();
        Multipart { file, parts, closing, boundary }
    }

    /// The type of the whole.
    pub fn content_type(&self) -> String {
        format!("multipart/byteranges; boundary={}", self.boundary)
    }

    /// The length of the whole in bytes.
    pub fn length(&self) -> u64 {
        self.length_from(0)
    }

    /// The length of what is left from the part with this number on, in bytes.
    pub fn length_from(&self, number: usize) -> u64 {
        let parts = self.parts.iter().skip(number);
        let sum: u64 =
            parts.map(|part| part.preamble.len() as u64 + part.range.end - part.range.start).sum();
        sum + self.closing.len() as u64
    }
}

/// `bytes first-last/complete` (RFC 9110 §14.4). The range must not be empty.
pub fn write_content_range(out: &mut Vec<u8>, range: &Range<u64>, length: u64) {
    out.extend_from_slice(b"bytes ");
    write_number(out, range.start);
    out.push(b'-');
    write_number(out, range.end - 1);
    out.push(b'/');
    write_number(out, length);
}

/// A boundary must not occur in the parts. 128 random bits of the process's hash keys make that
/// as good as certain, and nobody can put it into a file beforehand.
fn boundary() -> String {
    let random = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", random(), random())
}
