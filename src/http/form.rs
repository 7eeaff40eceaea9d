//! Forms with files: `multipart/form-data` (RFC 7578, RFC 2046 §5.1), read as the bytes come in.
//!
//! Pure: bytes in, events out. It keeps only the head of the part that it reads.

use super::header::is_token;
use super::parameters::{Broken, Parameters};
use std::fmt;

/// How much of a form is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FormReaderLimits {
    pub parts_max: usize,
    /// Bytes of the headers of one part.
    pub head_bytes_max: usize,
}

impl Default for FormReaderLimits {
    fn default() -> FormReaderLimits {
        FormReaderLimits { parts_max: 1000, head_bytes_max: 8 * 1024 }
    }
}

/// Reads a form piece by piece. However the bytes are cut, they give the same events, except that data may
/// be cut elsewhere.
#[derive(Debug)]
pub(crate) struct FormReader {
    /// CRLF, two hyphens and the boundary.
    delimiter: Vec<u8>,
    state: FormState,
    /// How many bytes of the delimiter the last bytes matched.
    matched: usize,
    /// How many of those were not in the data, because the line end before them belongs to what precedes.
    borrowed: usize,
    head: Vec<u8>,
    parts: usize,
    limits: FormReaderLimits,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FormState {
    Preamble,
    /// After a boundary: hyphens, padding or the end of the line.
    Delimiter,
    Padding,
    LineEnd,
    Hyphen,
    Head,
    Data,
    Epilogue,
}

/// What the reader found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event<'a> {
    /// A part begins.
    Part(PartHead),
    /// Some of the part's data; never empty.
    Data(&'a [u8]),
    /// The part is complete.
    PartEnd,
    /// The form is complete. What follows is ignored (RFC 2046 §5.1.1).
    End,
}

/// The head of a part. The bytes are as the client sent them: do not trust them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PartHead {
    /// The name of the form's field.
    pub name: Vec<u8>,
    /// The name of the file, if the part is a file. Some clients send a whole path. `%22`, which browsers
    /// send for a quote, is not decoded, because they do not encode percent signs. `filename*` is ignored
    /// (RFC 7578 §4.2).
    pub filename: Option<Vec<u8>>,
    /// The value of the part's `Content-Type`.
    pub content_type: Option<Vec<u8>>,
}

/// Why a form cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FormError {
    /// The body is something else, or its type names no boundary.
    NotAForm,
    HeadTooLarge,
    Malformed(&'static str),
    TooManyParts,
    /// The form ended before its last boundary.
    Truncated,
}

impl fmt::Display for FormError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            FormError::NotAForm => "the content is not multipart/form-data with a boundary",
            FormError::HeadTooLarge => "the headers of a part are too large",
            FormError::Malformed(what) => what,
            FormError::TooManyParts => "the form has too many parts",
            FormError::Truncated => "the form ends before its last boundary",
        })
    }
}

impl std::error::Error for FormError {}

/// What a search for the delimiter found.
enum Matched<'a> {
    /// Bytes of the input that are not part of it.
    Data(&'a [u8]),
    /// Bytes that looked like its beginning and are data, as a place in the delimiter.
    Held(std::ops::Range<usize>),
    Delimiter,
    InputEnd,
}

impl FormReader {
    /// A reader of a body of this `Content-Type`.
    ///
    /// # Errors
    /// [`FormError::NotAForm`]: another type, or a boundary that is not 1 to 70 of the characters that
    /// may be in one (RFC 2046 §5.1.1).
    pub(crate) fn new(
        content_type: &[u8],
        limits: FormReaderLimits,
    ) -> Result<FormReader, FormError> {
        let parameters = Parameters::of(content_type);
        if !parameters.value.eq_ignore_ascii_case(b"multipart/form-data") {
            return Err(FormError::NotAForm);
        }
        let boundary = match parameters.find(b"boundary") {
            Ok(Some(boundary)) if is_boundary(&boundary) => boundary,
            _ => return Err(FormError::NotAForm),
        };
        Ok(FormReader {
            delimiter: [b"\r\n--", &boundary[..]].concat(),
            state: FormState::Preamble,
            matched: LINE_END_BYTES,
            borrowed: LINE_END_BYTES,
            head: Vec::new(),
            parts: 0,
            limits,
        })
    }

    /// Reads on up to the next event, and moves `input` forward. `None`: the input is used up.
    ///
    /// # Errors
    /// When the form breaks the grammar or a limit. Nothing can be read after that.
    pub(crate) fn read<'form, 'input: 'form>(
        &'form mut self,
        input: &mut &'input [u8],
    ) -> Result<Option<Event<'form>>, FormError> {
        loop {
            match self.state {
                FormState::Preamble => match self.search(input) {
                    Matched::Data(_) | Matched::Held(_) => {}
                    Matched::Delimiter => self.state = FormState::Delimiter,
                    Matched::InputEnd => return Ok(None),
                },
                FormState::Data => match self.search(input) {
                    Matched::Data(data) => return Ok(Some(Event::Data(data))),
                    Matched::Held(held) if held.is_empty() => {}
                    Matched::Held(held) => return Ok(Some(Event::Data(&self.delimiter[held]))),
                    Matched::Delimiter => {
                        self.state = FormState::Delimiter;
                        return Ok(Some(Event::PartEnd));
                    }
                    Matched::InputEnd => return Ok(None),
                },
                FormState::Head => {
                    if !self.read_head(input)? {
                        return Ok(None);
                    }
                    let head = parse_head(&self.head)?;
                    self.state = FormState::Data;
                    self.matched = LINE_END_BYTES;
                    self.borrowed = LINE_END_BYTES;
                    return Ok(Some(Event::Part(head)));
                }
                FormState::Epilogue => {
                    *input = &[];
                    return Ok(None);
                }
                FormState::Delimiter
                | FormState::Padding
                | FormState::LineEnd
                | FormState::Hyphen => {
                    let Some((&byte, rest)) = input.split_first() else {
                        return Ok(None);
                    };
                    *input = rest;
                    self.state = self.after_boundary(byte)?;
                    if self.state == FormState::Epilogue {
                        return Ok(Some(Event::End));
                    }
                }
            }
        }
    }

    /// Checks that the form is complete; call it when there are no more bytes.
    ///
    /// # Errors
    /// [`FormError::Truncated`] when the last boundary has not been read.
    pub(crate) fn finish(&self) -> Result<(), FormError> {
        if self.state == FormState::Epilogue { Ok(()) } else { Err(FormError::Truncated) }
    }

    /// Looks for the delimiter. No boundary has a CR, so after a mismatch the next match can begin no earlier
    /// than at the byte that did not match.
    fn search<'a>(&mut self, input: &mut &'a [u8]) -> Matched<'a> {
        if self.matched == 0 {
            let data = memchr::memchr(b'\r', input).map_or(*input, |place| &input[..place]);
            *input = &input[data.len()..];
            if !data.is_empty() {
                return Matched::Data(data);
            }
        }
        while let Some((&byte, rest)) = input.split_first() {
            if byte != self.delimiter[self.matched] {
                let held = self.borrowed..self.matched;
                (self.matched, self.borrowed) = (0, 0);
                return Matched::Held(held);
            }
            *input = rest;
            self.matched += 1;
            if self.matched == self.delimiter.len() {
                (self.matched, self.borrowed) = (0, 0);
                return Matched::Delimiter;
            }
        }
        Matched::InputEnd
    }

    /// The state after this byte, which follows a boundary: `--` closes the form; the end of the line, after
    /// white space, begins a part.
    fn after_boundary(&mut self, byte: u8) -> Result<FormState, FormError> {
        match (self.state, byte) {
            (FormState::Delimiter, b'-') => Ok(FormState::Hyphen),
            (FormState::Hyphen, b'-') => Ok(FormState::Epilogue),
            (FormState::Delimiter | FormState::Padding, b' ' | b'\t') => Ok(FormState::Padding),
            (FormState::Delimiter | FormState::Padding, b'\r') => Ok(FormState::LineEnd),
            (FormState::LineEnd, b'\n') if self.parts == self.limits.parts_max => {
                Err(FormError::TooManyParts)
            }
            (FormState::LineEnd, b'\n') => {
                self.parts += 1;
                self.head.clear();
                Ok(FormState::Head)
            }
            _ => Err(FormError::Malformed("something else behind a boundary")),
        }
    }

    /// Reads the head of a part up to its empty line. Returns whether the head is complete.
    fn read_head(&mut self, input: &mut &[u8]) -> Result<bool, FormError> {
        while !input.is_empty() {
            let end = memchr::memchr(b'\n', input).map_or(input.len(), |place| place + 1);
            let (line, rest) = input.split_at(end);
            if self.head.len() + line.len() > self.limits.head_bytes_max {
                return Err(FormError::HeadTooLarge);
            }
            self.head.extend_from_slice(line);
            *input = rest;
            if self.head.ends_with(b"\n") && !self.head.ends_with(b"\r\n") {
                return Err(FormError::Malformed("bare line feed in the head of a part"));
            }
            if self.head.ends_with(b"\r\n\r\n") || self.head == b"\r\n" {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Parses the head of a part, with its empty line.
fn parse_head(head: &[u8]) -> Result<PartHead, FormError> {
    let mut disposition = None;
    let mut content_type = None;
    for line in head.split(|&byte| byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            continue;
        }
        if line.iter().any(|byte| matches!(byte, b'\r' | b'\0')) {
            return Err(FormError::Malformed("control character in the head of a part"));
        }
        let colon = memchr::memchr(b':', line)
            .filter(|&colon| colon > 0 && line[..colon].iter().all(u8::is_ascii_graphic))
            .ok_or(FormError::Malformed("no header in the head of a part"))?;
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        let slot = if name.eq_ignore_ascii_case(b"Content-Disposition") {
            &mut disposition
        } else if name.eq_ignore_ascii_case(b"Content-Type") {
            &mut content_type
        } else {
            // RFC 7578 §4.8: all others are ignored.
            continue;
        };
        if slot.replace(value).is_some() {
            return Err(FormError::Malformed("repeated header in the head of a part"));
        }
    }

    let disposition = Parameters::of(disposition.unwrap_or_default());
    if !disposition.value.eq_ignore_ascii_case(b"form-data") {
        return Err(FormError::Malformed("a part without Content-Disposition: form-data"));
    }
    let parameter = |name| match disposition.find(name) {
        Ok(value) => Ok(value.map(|value| value.into_owned())),
        Err(Broken) => Err(FormError::Malformed("broken Content-Disposition")),
    };
    Ok(PartHead {
        name: parameter(b"name")?.ok_or(FormError::Malformed("a part without a name"))?,
        filename: parameter(b"filename")?,
        content_type: content_type.map(<[u8]>::to_vec),
    })
}

/// Whether a form may have this boundary: it has the characters of RFC 2046 §5.1.1, and also those of
/// tokens, which RFC 2046 does not allow and many programs send (`*****`). It does not end in a space.
fn is_boundary(boundary: &[u8]) -> bool {
    let may_be_in_one = |&byte: &u8| is_token(byte) || b"()',/:=? ".contains(&byte);
    (1..=BOUNDARY_BYTES_MAX).contains(&boundary.len())
        && boundary.iter().all(may_be_in_one)
        && !boundary.ends_with(b" ")
}

/// RFC 2046 §5.1.1.
const BOUNDARY_BYTES_MAX: usize = 70;

/// A boundary at the very beginning of the form or of a part's data needs no line end before it.
const LINE_END_BYTES: usize = 2;

#[cfg(test)]
mod tests;
