//! Header names that this server reads, and the block of headers that it sends (RFC 9110 §5).

use super::h1::field_lines::FieldLines;
use super::shared_lines::{ChangedBy, SharedLines};
use std::error::Error;
use std::fmt;
use std::sync::Arc;

macro_rules! header_names {
    ($($variant:ident = $name:literal),+ $(,)?) => {
        /// A request header that some part of the server reads. Others are found by their text.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum HeaderName { $($variant,)+ }

        impl HeaderName {
            /// How many names are known: the size of the table of first occurrences.
            pub(crate) const COUNT: usize = [$($name),+].len();

            /// The name in lower case.
            #[cfg(any(test, feature = "fuzzing"))]
            pub(crate) fn as_str(self) -> &'static str {
                match self { $(HeaderName::$variant => $name,)+ }
            }

            /// The known header of this name, in any case of letters (RFC 9110 §5.1).
            pub(crate) fn recognise(name: &[u8]) -> Option<HeaderName> {
                $(if name.len() == $name.len() && name.eq_ignore_ascii_case($name.as_bytes()) {
                    return Some(HeaderName::$variant);
                })+
                None
            }
        }
    };
}

header_names! {
    Accept = "accept",
    AcceptEncoding = "accept-encoding",
    Authorization = "authorization",
    Connection = "connection",
    ContentLength = "content-length",
    ContentType = "content-type",
    Cookie = "cookie",
    Expect = "expect",
    Host = "host",
    IfMatch = "if-match",
    IfModifiedSince = "if-modified-since",
    IfNoneMatch = "if-none-match",
    IfRange = "if-range",
    IfUnmodifiedSince = "if-unmodified-since",
    Range = "range",
    Referer = "referer",
    TransferEncoding = "transfer-encoding",
    UserAgent = "user-agent",
}

/// The header fields of one response: names and values, in order.
///
/// The fields of a file are rendered when the file is found, and shared. Fields that are added are stored in
/// the value itself up to [`Headers::INLINE_BYTES`], so that a static response never allocates. `Date`,
/// `Server`, `Connection` and the fields that frame the body are not in here: the server writes them when it
/// sends the response.
///
/// ```
/// let mut headers = httpd::Headers::new();
/// headers.add("Cache-Control", "no-cache")?;
/// assert_eq!(headers.value("cache-control"), Some(&b"no-cache"[..]));
/// assert!(headers.add("no token", "x").is_err());
/// # Ok::<(), httpd::HeaderError>(())
/// ```
#[derive(Clone)]
pub struct Headers {
    /// The first fields, already rendered.
    shared: Option<Arc<SharedLines>>,
    inline: [u8; Headers::INLINE_BYTES],
    inline_bytes: u16,
    /// All fields that were added, once `inline` has no room for them.
    spilled: Vec<u8>,
}

/// Why a header cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeaderError {
    /// The name is no token (RFC 9110 §5.1), or longer than 255 bytes.
    BadName(String),
    /// The server itself writes a header of this name when it sends the response: a second `Content-Length`
    /// would let two readers see two responses.
    WrittenWhenSent(String),
}

impl fmt::Display for HeaderError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HeaderError::BadName(name) => write!(formatter, "{name:?} is no header name"),
            HeaderError::WrittenWhenSent(name) => {
                write!(formatter, "the server itself sends the header {name}")
            }
        }
    }
}

impl Error for HeaderError {}

impl Headers {
    /// Holds a range and two or three fields of a handler.
    pub const INLINE_BYTES: usize = 128;

    /// No headers.
    pub fn new() -> Headers {
        Headers {
            shared: None,
            inline: [0; Headers::INLINE_BYTES],
            inline_bytes: 0,
            spilled: Vec::new(),
        }
    }

    /// Fields that are already rendered.
    pub(crate) fn shared(lines: &Arc<SharedLines>) -> Headers {
        Headers { shared: Some(Arc::clone(lines)), ..Headers::new() }
    }

    /// Adds one header. Control characters in its value become spaces, so that no value can start another
    /// header (RFC 9110 §5.5).
    ///
    /// # Errors
    /// When the name is no token or longer than 255 bytes, or the server writes that header itself. Nothing is added then.
    pub fn add(&mut self, name: &str, value: impl AsRef<[u8]>) -> Result<(), HeaderError> {
        if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(is_token) {
            return Err(HeaderError::BadName(name.to_owned()));
        }
        if WRITTEN_WHEN_SENT.iter().any(|ours| ours.eq_ignore_ascii_case(name)) {
            return Err(HeaderError::WrittenWhenSent(name.to_owned()));
        }
        self.push(name.as_bytes(), value.as_ref());
        Ok(())
    }

    /// Adds one header as [`Headers::add`] does, in place of all that have its name.
    ///
    /// # Errors
    /// As [`Headers::add`]; nothing is removed then.
    ///
    /// ```
    /// let mut headers = httpd::Headers::new();
    /// headers.add("X-Frame-Options", "DENY")?;
    /// headers.set("x-frame-options", "SAMEORIGIN")?;
    /// assert_eq!(headers.iter().count(), 1);
    /// # Ok::<(), httpd::HeaderError>(())
    /// ```
    pub fn set(&mut self, name: &str, value: impl AsRef<[u8]>) -> Result<(), HeaderError> {
        let mut added = Headers::new();
        added.add(name, value)?;
        self.remove(name);
        self.append(&added);
        Ok(())
    }

    /// Adds a header of the server itself, whose name is known to be a token.
    pub(crate) fn put(&mut self, name: &'static str, value: impl AsRef<[u8]>) {
        debug_assert!(name.bytes().all(is_token));
        self.push(name.as_bytes(), value.as_ref());
    }

    /// Adds all headers of another set.
    pub fn append(&mut self, other: &Headers) {
        for (name, value) in other.iter() {
            self.push(name, value);
        }
    }

    /// Removes every header of this name, in any case of letters.
    pub fn remove(&mut self, name: &str) {
        if self.value(name).is_none() {
            return;
        }
        let mut kept = Headers::new();
        for (found, value) in self.iter() {
            if !found.eq_ignore_ascii_case(name.as_bytes()) {
                kept.push(found, value);
            }
        }
        *self = kept;
    }

    /// Names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.shared.iter().flat_map(|lines| lines.fields()).chain(self.added())
    }

    /// The value of the first header of this name as text, if it is UTF-8.
    ///
    /// ```
    /// let response = httpd::Response::text("hello");
    /// assert_eq!(response.headers.text("content-type"), Some("text/plain; charset=utf-8"));
    /// ```
    #[doc(alias = "get")]
    pub fn text(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.value(name)?).ok()
    }

    /// The value of the first header of this name, in any case of letters.
    pub fn value(&self, name: &str) -> Option<&[u8]> {
        self.iter()
            .find(|(found, _)| found.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| value)
    }

    /// The first fields, if they are already rendered.
    pub(crate) fn rendered(&self) -> Option<&FieldLines> {
        self.shared.as_ref().map(|shared| &***shared)
    }

    /// The first fields, if they are those of a file or what rules have made of them.
    pub(crate) fn shared_lines(&self) -> Option<&SharedLines> {
        self.shared.as_deref()
    }

    /// Changes the fields as `change` does. If these are the fields of a file and nothing else, the result is kept
    /// beside them, and `change` is not called for them again.
    pub(crate) fn change_once(&mut self, by: ChangedBy, change: impl FnOnce(&mut Headers)) {
        let shared = self.shared.clone().filter(|_| self.stored().is_empty());
        if let Some(changed) = shared.as_ref().and_then(|shared| shared.changed_by(&by)) {
            self.shared = Some(Arc::clone(changed));
            return;
        }
        change(self);
        if let Some(shared) = shared {
            let changed = Arc::new(SharedLines::from(FieldLines::render(self.iter())));
            shared.keep(by, &changed);
        }
    }

    /// The fields that were added behind those.
    pub(crate) fn added(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut rest = self.stored();
        std::iter::from_fn(move || {
            let (lengths, after) = rest.split_first_chunk::<LENGTHS_BYTES>()?;
            let [n, v0, v1, v2, v3] = *lengths;
            let (name, after) = after.split_at_checked(usize::from(n))?;
            let length = u32::from_le_bytes([v0, v1, v2, v3]) as usize;
            let (value, after) = after.split_at_checked(length)?;
            rest = after;
            Some((name, value))
        })
    }

    fn stored(&self) -> &[u8] {
        if self.spilled.is_empty() {
            &self.inline[..usize::from(self.inline_bytes)]
        } else {
            &self.spilled
        }
    }

    /// Stores a field as two lengths, its name and its value.
    fn push(&mut self, name: &[u8], value: &[u8]) {
        let name = &name[..name.len().min(NAME_BYTES_MAX)];
        let value = &value[..value.len().min(u32::MAX as usize)];
        let start = usize::from(self.inline_bytes);
        let end = start + LENGTHS_BYTES + name.len() + value.len();
        if self.spilled.is_empty() && end <= Headers::INLINE_BYTES {
            let (lengths, rest) = self.inline[start..end].split_at_mut(LENGTHS_BYTES);
            let (name_room, value_room) = rest.split_at_mut(name.len());
            lengths[0] = name.len() as u8;
            lengths[1..].copy_from_slice(&(value.len() as u32).to_le_bytes());
            name_room.copy_from_slice(name);
            value_room.copy_from_slice(value);
            clean(value_room);
            self.inline_bytes = end as u16;
        } else {
            if self.spilled.is_empty() {
                self.spilled.extend_from_slice(&self.inline[..start]);
            }
            self.spilled.push(name.len() as u8);
            self.spilled.extend_from_slice(&(value.len() as u32).to_le_bytes());
            self.spilled.extend_from_slice(name);
            let value_start = self.spilled.len();
            self.spilled.extend_from_slice(value);
            clean(&mut self.spilled[value_start..]);
        }
    }
}

/// Replaces what no value may hold by spaces (RFC 9110 §5.5).
fn clean(value: &mut [u8]) {
    for byte in value {
        if is_control(*byte) {
            *byte = b' ';
        }
    }
}

/// `tchar` (RFC 9110 §5.6.2).
pub(crate) fn is_token(byte: u8) -> bool {
    TOKEN[usize::from(byte)]
}

/// What no value may hold (RFC 9110 §5.5).
fn is_control(byte: u8) -> bool {
    (byte < b' ' && byte != b'\t') || byte == 0x7f
}

/// No header in use has a longer name.
const NAME_BYTES_MAX: usize = 255;

/// The lengths of a name and of a value.
const LENGTHS_BYTES: usize = 5;

/// Headers that frame and date a response, or describe its connection.
const WRITTEN_WHEN_SENT: [&str; 5] =
    ["Connection", "Content-Length", "Date", "Server", "Transfer-Encoding"];

const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        let c = byte as u8;
        table[byte] = c.is_ascii_alphanumeric()
            || matches!(
                c,
                b'!' | b'#'
                    | b'$'
                    | b'%'
                    | b'&'
                    | b'\''
                    | b'*'
                    | b'+'
                    | b'-'
                    | b'.'
                    | b'^'
                    | b'_'
                    | b'`'
                    | b'|'
                    | b'~'
            );
        byte += 1;
    }
    table
};

impl Default for Headers {
    fn default() -> Headers {
        Headers::new()
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        formatter.debug_map().entries(self.iter().map(|(n, v)| (text(n), text(v)))).finish()
    }
}

#[cfg(test)]
mod tests;
