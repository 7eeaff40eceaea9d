//! What a client makes of the bytes that it gets.

use super::text;
use memchr::memmem;

/// A response as a client reads it.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl Reply {
    /// The response at the front and its length, if it is complete. `has_body`: the body that the head announces
    /// follows it.
    pub(super) fn read(bytes: &[u8], has_body: bool) -> Option<(Reply, usize)> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
        let head = text(&bytes[..end]);
        let status = head.get(9..12)?.parse().ok()?;
        let mut reply = Reply { status, head, body: Vec::new() };
        if has_body && reply.header("Transfer-Encoding").is_some() {
            let rest = bytes.get(end..)?;
            let length = memmem::find(rest, b"0\r\n\r\n")? + 5;
            reply.body = rest[..length].to_vec();
            return Some((reply, end + length));
        }
        let length = match reply.header("Content-Length") {
            Some(length) if has_body => length.parse().expect("a length is a number"),
            _ => 0,
        };
        reply.body = bytes.get(end..end + length)?.to_vec();
        Some((reply, end + length))
    }

    /// Has exactly this body, which is too long to be printed.
    #[track_caller]
    pub(super) fn is(&self, body: &str) {
        assert!(self.body == body.as_bytes(), "another body");
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}
