//! Several ranges of one file in one response: `multipart/byteranges` (RFC 9110 §14.6).

use crate::files::CachedFile;
use crate::http::h1::write::write_number;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::ops::Range;
use std::sync::Arc;

/// Parts of a file. The text before each part is written when the part is sent, so that a response holds little
/// more than its ranges, however many there are.
pub(crate) struct Multipart {
    file: Arc<CachedFile>,
    ranges: Vec<Range<u64>>,
    boundary: String,
}

impl Multipart {
    /// Makes parts of these ranges, which are within the file.
    pub(crate) fn new(file: Arc<CachedFile>, ranges: Vec<Range<u64>>) -> Multipart {
        Multipart { file, ranges, boundary: boundary() }
    }

    /// How many parts there are.
    pub(crate) fn count(&self) -> usize {
        self.ranges.len()
    }

    /// The media type of the whole body.
    pub(crate) fn content_type(&self) -> String {
        format!("multipart/byteranges; boundary={}", self.boundary)
    }

    /// The length of the whole body in bytes.
    pub(crate) fn length(&self) -> u64 {
        let mut written = Vec::new();
        let mut sum = 0;
        for number in 0..=self.ranges.len() {
            written.clear();
            let part = self.write_before(number, &mut written);
            sum += written.len() as u64 + part.map_or(0, |(_, range)| range.end - range.start);
        }
        sum
    }

    /// The file.
    pub(crate) fn file(&self) -> &Arc<CachedFile> {
        &self.file
    }

    /// Writes the text before the part with this number; returns the file and the range of that part. `None`: the
    /// last part is over, and the text is the closing delimiter.
    pub(crate) fn write_before(
        &self,
        number: usize,
        out: &mut Vec<u8>,
    ) -> Option<(&Arc<CachedFile>, Range<u64>)> {
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
pub(crate) fn write_content_range(out: &mut Vec<u8>, range: &Range<u64>, length: u64) {
    out.extend_from_slice(b"bytes ");
    write_number(out, range.start);
    out.push(b'-');
    write_number(out, range.end - 1);
    out.push(b'/');
    write_number(out, length);
}

/// A boundary must not occur in the parts. It is 128 random bits from the hash keys of the process, which no one can
/// guess and put into a file.
fn boundary() -> String {
    let random = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", random(), random())
}
