//! The parts of a block of fields, joined: HEADERS and the CONTINUATION frames behind it (RFC 9113 §4.3).

use super::error::{ErrorCode, Fault};

/// A block that did not come in one frame.
#[derive(Debug, Default)]
pub(crate) struct HeaderBlock {
    bytes: Vec<u8>,
    stream: u32,
    ends_stream: bool,
    parts: u32,
}

impl HeaderBlock {
    /// Begins with the part in HEADERS.
    ///
    /// # Errors
    /// As [`HeaderBlock::push`].
    pub(crate) fn begin(
        &mut self,
        stream: u32,
        ends_stream: bool,
        fragment: &[u8],
        bytes_max: usize,
    ) -> Result<(), Fault> {
        self.stream = stream;
        self.ends_stream = ends_stream;
        self.parts = 0;
        self.bytes.clear();
        self.push(fragment, bytes_max)
    }

    /// Adds the part in CONTINUATION.
    ///
    /// # Errors
    /// If it becomes too long, or comes in too many parts: the connection ends, because a block that is not decoded
    /// leaves the decoder behind.
    pub(crate) fn push(&mut self, fragment: &[u8], bytes_max: usize) -> Result<(), Fault> {
        self.parts += 1;
        if self.bytes.len() + fragment.len() > bytes_max || self.parts > PARTS_MAX {
            self.bytes = Vec::new();
            return Err(Fault::new(ErrorCode::EnhanceYourCalm, "a block of fields is too long"));
        }
        self.bytes.extend_from_slice(fragment);
        Ok(())
    }

    /// The stream that it is for.
    pub(crate) fn stream(&self) -> u32 {
        self.stream
    }

    /// Whether nothing follows it on its stream.
    pub(crate) fn ends_stream(&self) -> bool {
        self.ends_stream
    }

    /// What has come of it.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Forgets it, and gives its memory back.
    pub(crate) fn clear(&mut self) {
        *self = HeaderBlock::default();
    }
}

/// A client with frames of the least length that is usual needs no more for a head of 32 KiB.
const PARTS_MAX: u32 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_bounded_in_bytes_and_in_parts() {
        let mut block = HeaderBlock::default();
        block.begin(1, true, b"abc", 5).expect("it is short");
        block.push(b"de", 5).expect("it is just as long");
        assert_eq!((block.bytes(), block.stream(), block.ends_stream()), (&b"abcde"[..], 1, true));
        let fault = block.push(b"f", 5).expect_err("it is longer");
        assert_eq!(fault.code, ErrorCode::EnhanceYourCalm);
        block.begin(3, false, b"", 5).expect("it is short");
        for _ in 1..PARTS_MAX {
            block.push(b"", 5).expect("empty parts are allowed");
        }
        assert!(block.push(b"", 5).is_err(), "but not any number of them");
    }
}
