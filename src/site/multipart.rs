//! Several ranges of one file in one response: `multipart/byteranges` (RFC 9110 §14.6).

use crate::files::CachedFile;
use crate::http::h1::write::write_number;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::ops::Range;
use std::rc::Rc;

/// Parts of a file. What stands between them is written when each is sent, so that however many there
/// are, a response holds little more than their ranges.
pub struct Multipart {
    file: Rc<CachedFile>,
    ranges: Vec<Range<u64>>,
    boundary: String,
}

impl Multipart {
    /// These ranges, which lie inside of the file.
    pub fn new(file: Rc<CachedFile>, ranges: Vec<Range<u64>>) -> Multipart {
        Multipart { file, ranges, boundary: boundary() }
    }

    /// How many parts there are.
    pub fn count(&self) -> usize {
        self.ranges.len()
    }

    /// The type of the whole.
    pub fn content_type(&self) -> String {
        format!("multipart/byteranges; boundary={}", self.boundary)
    }

    /// The length of the whole in bytes.
    pub fn length(&self) -> u64 {
        let mut written = Vec::new();
        let mut sum = 0;
        for number in 0..=self.ranges.len() {
            written.clear();
            let part = self.write_before(number, &mut written);
            sum += written.len() as u64 + part.map_or(0, |(_, range)| range.end - range.start);
        }
        sum
    }

    /// Writes what goes before the part with this number, and says which part of which file that is.
    /// `None` after the last part: what is written is the end.
    pub fn write_before(
        &self,
        number: usize,
        out: &mut Vec<u8>,
    ) -> Option<(&Rc<CachedFile>, Range<u64>)> {
        out.extend_from_slice(b"\r\n--");
        out.extend_from_slice(self.boundary.as_bytes());
        let Some(range) = self.ranges.get(number) else {
            out.extend_from_slice(b"--\r\n");
            return None;
        };
        out.extend_from_slice(b"\r\nContent-Type: ");
        out.extend_from_slice(self.file.content_type());
        out.extend_from_slice(b"\r\nContent-Range: ");
        write_content_range(out, range, self.file.length());
        out.extend_from_slice(b"\r\n\r\n");
        Some((&self.file, range.clone()))
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
