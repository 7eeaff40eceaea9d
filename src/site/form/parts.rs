//! The parts of a `multipart/form-data` body, one after the other (RFC 7578).
//!
//! It must never know where the bytes come from, or what becomes of them.

use crate::http::form::{Event, FormError, FormReader, FormReaderLimits, PartHead};
use crate::http::{RequestError, Status};
use crate::site::RequestBody;
use std::borrow::Cow;
use std::io::{self, Read};

/// The parts of a form with files, in the order in which they come.
///
/// Only a piece of a part is in memory at a time: this is for large files.
/// [`Request::form`](crate::Request::form) is simpler where everything fits into memory.
pub struct FormParts<R = RequestBody> {
    reader: FormReader,
    parts_max: usize,
    source: R,
    /// What has been read of the source; the reader has not seen `unread` of it.
    buffer: Box<[u8]>,
    unread: std::ops::Range<usize>,
    /// Data that the reader gave and the caller had no room for: a piece of a boundary, at most.
    left: Vec<u8>,
    state: PartState,
    /// Why nothing more can be read.
    error: Option<RequestError>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PartState {
    Between,
    Within,
    /// The form is complete.
    Over,
}

/// One part of a form: a field or a file. Reading it gives its bytes, up to the end of the part. What is not read is
/// skipped.
pub struct FormPart<'a, R = RequestBody> {
    head: PartHead,
    parts: &'a mut FormParts<R>,
}

impl<R: Read> FormParts<R> {
    /// The parts of a body of this `Content-Type`, at most `parts_max`.
    pub(crate) fn new(
        content_type: Option<&[u8]>,
        source: R,
        parts_max: usize,
    ) -> Result<FormParts<R>, RequestError> {
        let limits = FormReaderLimits { parts_max, ..FormReaderLimits::default() };
        let reader = FormReader::new(content_type.unwrap_or_default(), limits).map_err(|_| {
            if super::is_type(content_type, super::MULTIPART) {
                RequestError::malformed("Content-Type names no sound boundary")
            } else {
                RequestError::wrong_type(&[super::MULTIPART], content_type)
            }
        })?;
        Ok(FormParts {
            reader,
            parts_max,
            source,
            buffer: vec![0; BUFFER_BYTES].into_boxed_slice(),
            unread: 0..0,
            left: Vec::new(),
            state: PartState::Between,
            error: None,
        })
    }

    /// The next part. What was not read of the one before is skipped.
    ///
    /// # Errors
    /// 400 where the form breaks the grammar or breaks off, 413 where it has too many parts or is larger than the
    /// handler takes. Nothing can be read after that.
    pub fn next_part(&mut self) -> Result<Option<FormPart<'_, R>>, RequestError> {
        let mut skipped = [0; 4096];
        while self.read_data(&mut skipped)? > 0 {}
        while self.state == PartState::Between {
            self.fill()?;
            let mut input = &self.buffer[self.unread.clone()];
            let event = self.reader.read(&mut input);
            self.unread.start = self.unread.end - input.len();
            match event {
                Ok(Some(Event::Part(head))) => {
                    self.state = PartState::Within;
                    return Ok(Some(FormPart { head, parts: self }));
                }
                Ok(Some(Event::End)) => self.state = PartState::Over,
                Ok(_) => {}
                Err(error) => return Err(self.broken_by(error)),
            }
        }
        Ok(None)
    }

    /// Reads some data of the part that is open; 0 at its end.
    fn read_data(&mut self, out: &mut [u8]) -> Result<usize, RequestError> {
        if let Some(error) = &self.error {
            return Err(error.clone());
        }
        if !self.left.is_empty() {
            let count = self.left.len().min(out.len());
            out[..count].copy_from_slice(&self.left[..count]);
            self.left.drain(..count);
            return Ok(count);
        }
        while self.state == PartState::Within && !out.is_empty() {
            self.fill()?;
            // No more than there is room for: the data that comes back is a part of it.
            let shown = self.unread.len().min(out.len());
            let mut input = &self.buffer[self.unread.start..][..shown];
            let event = self.reader.read(&mut input);
            self.unread.start += shown - input.len();
            match event {
                Ok(Some(Event::Data(data))) => {
                    let (now, later) = data.split_at(data.len().min(out.len()));
                    out[..now.len()].copy_from_slice(now);
                    self.left.extend_from_slice(later);
                    return Ok(now.len());
                }
                Ok(Some(Event::PartEnd)) => self.state = PartState::Between,
                Ok(_) => {}
                Err(error) => return Err(self.broken_by(error)),
            }
        }
        Ok(0)
    }

    /// Sees to it that there is something for the reader.
    fn fill(&mut self) -> Result<(), RequestError> {
        while self.unread.is_empty() {
            match self.source.read(&mut self.buffer) {
                Ok(0) => return Err(self.broken_by(FormError::Truncated)),
                Ok(count) => self.unread = 0..count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed(error.into())),
            }
        }
        Ok(())
    }

    fn broken_by(&mut self, error: FormError) -> RequestError {
        let error = match error {
            FormError::TooManyParts => {
                let text = format!("the form has more than {} parts", self.parts_max);
                RequestError::too_large(text)
            }
            FormError::HeadTooLarge => RequestError::too_large(error.to_string()),
            FormError::NotAForm | FormError::Malformed(_) | FormError::Truncated => {
                RequestError::malformed(error.to_string())
            }
        };
        self.failed(error)
    }

    fn failed(&mut self, error: RequestError) -> RequestError {
        self.error = Some(error.clone());
        error
    }
}

impl<R> FormPart<'_, R> {
    /// The name of the form's field. What is no UTF-8 is shown as U+FFFD.
    pub fn name(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.head.name)
    }

    /// The name of the file, if this is a file: the last component of what the client sent, so that it is no path.
    /// Empty if nothing is left that could name a file. What is no UTF-8 is shown as U+FFFD.
    pub fn file_name(&self) -> Option<Cow<'_, str>> {
        self.head.filename.as_deref().map(last_component).map(String::from_utf8_lossy)
    }

    /// The type of the part as the client says it; browsers guess it from the file's name.
    pub fn content_type(&self) -> Option<Cow<'_, str>> {
        self.head.content_type.as_deref().map(String::from_utf8_lossy)
    }

    /// Whether it is a file field of a page in which no file was chosen, so far as the head says: browsers
    /// send an empty name then.
    pub(super) fn is_nameless_file(&self) -> bool {
        self.head.filename.as_deref() == Some(b"")
    }
}

impl<R: Read> FormPart<'_, R> {
    /// The rest of the part, in memory.
    ///
    /// # Errors
    /// 413 if it is larger than this, and what [`FormParts::next_part`] can fail with.
    pub fn read_bytes(&mut self, bytes_max: usize) -> Result<Vec<u8>, RequestError> {
        let mut bytes = Vec::new();
        let limit = (bytes_max as u64).saturating_add(1);
        self.by_ref().take(limit).read_to_end(&mut bytes)?;
        if bytes.len() > bytes_max {
            let name = self.name();
            let text = format!("{name}: more than {bytes_max} bytes");
            return Err(RequestError::new(Status::CONTENT_TOO_LARGE, text));
        }
        Ok(bytes)
    }

    /// The same as text. What is no UTF-8 becomes U+FFFD.
    ///
    /// # Errors
    /// As [`FormPart::read_bytes`].
    pub fn read_text(&mut self, bytes_max: usize) -> Result<String, RequestError> {
        let bytes = self.read_bytes(bytes_max)?;
        Ok(String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
    }
}

impl<R: Read> Read for FormPart<'_, R> {
    /// An error has a [`RequestError`] in it: `?` in a function that returns one takes it out again.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.parts.read_data(buffer).map_err(io::Error::from)
    }
}

/// What follows the last slash or backslash; empty if that leads to a directory.
fn last_component(filename: &[u8]) -> &[u8] {
    let is_separator = |byte: &u8| matches!(byte, b'/' | b'\\');
    match filename.rsplit(is_separator).next().unwrap_or_default() {
        b"." | b".." => b"",
        name => name,
    }
}

const BUFFER_BYTES: usize = 32 * 1024;
