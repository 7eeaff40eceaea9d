//! The body of a request: what a handler wants of it, and what it gets.
//!
//! It must never know how it came.

use super::Response;
use super::pipe::BodyReader;
use crate::files::{Spool, SpoolPlace};
use crate::http::RequestError;
use std::io::{self, Cursor, Read};

/// What becomes of the body that a request announces. Decided before a byte of it is read, so
/// that a client that asks first (`Expect: 100-continue`) need not send what nobody wants.
pub struct BodyPolicy(pub(crate) BodyUse);

/// What a body is used for.
pub(crate) enum BodyUse {
    Discard,
    Refuse(Box<Response>),
    Memory {
        bytes_max: u64,
    },
    Collect {
        bytes_max: u64,
        /// A lower bound of the handler's own for what memory holds.
        memory_bytes_max: Option<usize>,
        place: SpoolPlace,
    },
    Stream {
        bytes_max: u64,
    },
}

impl BodyPolicy {
    /// Nobody wants it: it is thrown away up to
    /// [`Limits::body_discard_bytes_max`](crate::Limits::body_discard_bytes_max), so that the
    /// connection can go on; more is 413.
    pub fn discard() -> BodyPolicy {
        BodyPolicy(BodyUse::Discard)
    }

    /// This is the response; nothing of the body is read.
    pub fn refuse(response: Response) -> BodyPolicy {
        BodyPolicy(BodyUse::Refuse(Box::new(response)))
    }

    /// Taken in whole, in memory, before the handler is asked. More than `bytes_max` is 413.
    pub fn memory(bytes_max: u64) -> BodyPolicy {
        BodyPolicy(BodyUse::Memory { bytes_max })
    }

    /// Taken in whole before the handler is asked, on the disk what is more than
    /// [`Limits::body_memory_bytes_max`](crate::Limits::body_memory_bytes_max): a slow client
    /// costs neither a thread nor memory. More than `bytes_max` is 413.
    pub fn collect(bytes_max: u64) -> BodyPolicy {
        let place = SpoolPlace::Temporary;
        BodyPolicy(BodyUse::Collect { bytes_max, memory_bytes_max: None, place })
    }

    /// Handed on as it arrives, to a handler that reads it on a thread. More than `bytes_max` is
    /// 413 where it is announced, and breaks off where it is not.
    pub fn stream(bytes_max: u64) -> BodyPolicy {
        BodyPolicy(BodyUse::Stream { bytes_max })
    }

    /// The key of the configuration that bounds the body, for the log; `None` where a handler does.
    pub(crate) fn key(&self) -> Option<&'static str> {
        match &self.0 {
            BodyUse::Discard => Some("body_discard_bytes_max"),
            BodyUse::Collect {
                place: SpoolPlace::Named { .. } | SpoolPlace::Root { .. }, ..
            } => Some("body_bytes_max"),
            BodyUse::Collect { place: SpoolPlace::Temporary, .. }
            | BodyUse::Memory { .. }
            | BodyUse::Stream { .. }
            | BodyUse::Refuse(_) => None,
        }
    }
}

/// The body of a request. Reading it gives its bytes from the beginning; on a thread, that may wait for the disk or
/// for the client.
#[derive(Debug, Default)]
pub struct RequestBody(pub(crate) BodyStore);

/// Where a body is.
#[derive(Debug, Default)]
pub(crate) enum BodyStore {
    #[default]
    Empty,
    /// All of it, in memory.
    Bytes(Cursor<Vec<u8>>),
    /// All of it, on the disk.
    Spooled(Spool),
    /// It is still arriving.
    Stream(BodyReader),
}

impl RequestBody {
    /// How many bytes there are, unless more may come.
    pub fn length(&self) -> Option<u64> {
        match &self.0 {
            BodyStore::Empty => Some(0),
            BodyStore::Bytes(bytes) => Some(rest(bytes).len() as u64),
            BodyStore::Spooled(spool) => Some(spool.length()),
            BodyStore::Stream(_) => None,
        }
    }

    /// The bytes, if they are here.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match &self.0 {
            BodyStore::Empty => Some(b""),
            BodyStore::Bytes(bytes) => Some(rest(bytes)),
            BodyStore::Spooled(_) | BodyStore::Stream(_) => None,
        }
    }

    /// All bytes, waiting for them where they have to be waited for.
    ///
    /// # Errors
    /// When the disk fails, the client breaks off, or there are more than `bytes_max`.
    pub fn into_bytes(self, bytes_max: usize) -> io::Result<Vec<u8>> {
        let too_large = || {
            let text = format!("the body is larger than {bytes_max} bytes");
            io::Error::from(RequestError::too_large(text))
        };
        match self.0 {
            BodyStore::Bytes(bytes) if bytes.position() == 0 && rest(&bytes).len() <= bytes_max => {
                Ok(bytes.into_inner())
            }
            other => {
                let mut bytes = Vec::new();
                RequestBody(other)
                    .by_ref()
                    .take((bytes_max as u64).saturating_add(1))
                    .read_to_end(&mut bytes)?;
                if bytes.len() > bytes_max { Err(too_large()) } else { Ok(bytes) }
            }
        }
    }
}

/// What has not been read yet.
fn rest(bytes: &Cursor<Vec<u8>>) -> &[u8] {
    let start = usize::try_from(bytes.position()).unwrap_or(usize::MAX);
    bytes.get_ref().get(start..).unwrap_or_default()
}

impl From<Vec<u8>> for RequestBody {
    fn from(bytes: Vec<u8>) -> RequestBody {
        RequestBody(match bytes.is_empty() {
            true => BodyStore::Empty,
            false => BodyStore::Bytes(Cursor::new(bytes)),
        })
    }
}

impl Read for RequestBody {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.0 {
            BodyStore::Empty => Ok(0),
            BodyStore::Bytes(bytes) => bytes.read(buffer),
            BodyStore::Spooled(spool) => spool.read(buffer),
            BodyStore::Stream(reader) => reader.read(buffer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_once_in_order() {
        let mut content = RequestBody::from(b"abcdef".to_vec());
        let mut two = [0; 2];
        content.read_exact(&mut two).expect("they are here");
        assert_eq!((&two, content.length()), (b"ab", Some(4)));
        assert_eq!(content.into_bytes(4).expect("they fit"), b"cdef");
    }

    #[test]
    fn more_than_is_wanted_is_an_error() {
        let content = || RequestBody::from(b"abc".to_vec());
        assert_eq!(content().into_bytes(3).expect("it fits"), b"abc");
        let error = content().into_bytes(2).expect_err("it does not fit");
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(content().into_bytes(usize::MAX).expect("anything fits"), b"abc");
        assert!(RequestBody::default().into_bytes(0).expect("it fits").is_empty());
    }
}
