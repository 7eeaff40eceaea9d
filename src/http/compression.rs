//! What is compressed while it is served: which types, from which size on, in which codings.

use super::{AcceptedCodings, Coding};

/// What is compressed while it is served, and how.
///
/// ```
/// use httpd::{Coding, Compression};
/// let compression = Compression::new([Coding::Brotli, Coding::Gzip])
///     .types(["text/*", "application/json", "*+json"])
///     .bytes_min(4096);
/// # let _ = compression;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compression {
    /// Among those that a client likes equally, the first is sent.
    codings: Vec<Coding>,
    types: Vec<TypePattern>,
    bytes_min: u64,
}

impl Default for Compression {
    /// All codings: zstd before brotli before gzip.
    fn default() -> Compression {
        Compression::new(Coding::ALL)
    }
}

impl Compression {
    /// These codings, the first before the others where a client likes them equally, for text and for what is like text
    /// (JSON, XML, SVG, scripts, WebAssembly, some fonts), from 1 KiB on.
    pub fn new(codings: impl IntoIterator<Item = Coding>) -> Compression {
        let mut compression =
            Compression { codings: Vec::new(), types: Vec::new(), bytes_min: BYTES_MIN };
        for coding in codings {
            if !compression.codings.contains(&coding) {
                compression.codings.push(coding);
            }
        }
        compression.types(TYPES)
    }

    /// Only these content types, in place of the usual ones. `*` stands for any part of a type, once: `"text/*"`,
    /// `"*+json"`, `"*"`. `text/event-stream` is meant only where it is written in full: each of its messages would be
    /// compressed alone, which costs much and saves little.
    pub fn types<T: AsRef<str>>(mut self, types: impl IntoIterator<Item = T>) -> Compression {
        self.types = types.into_iter().map(|it| TypePattern::new(it.as_ref())).collect();
        self
    }

    /// The size from which on a body is compressed, where its size is known. A smaller one fits into one packet anyway.
    pub fn bytes_min(mut self, bytes_min: u64) -> Compression {
        self.bytes_min = bytes_min;
        self
    }

    /// Whether a body of this type and size is compressed for those who accept that.
    pub(crate) fn covers(&self, content_type: &[u8], bytes: Option<u64>) -> bool {
        if bytes.is_some_and(|bytes| bytes < self.bytes_min) {
            return false;
        }
        let end = content_type.iter().position(|&byte| byte == b';').unwrap_or(content_type.len());
        let essence = content_type[..end].trim_ascii();
        let is_events = essence.eq_ignore_ascii_case(EVENTS);
        self.types.iter().any(|it| it.matches(essence) && (!is_events || it.after.is_none()))
    }

    /// The coding that a client gets, if it prefers one to identity.
    pub(crate) fn choose(&self, accepted: &AcceptedCodings) -> Option<Coding> {
        accepted.choose_among(self.codings.iter().copied())
    }
}

/// A content type, or those with this beginning and this end.
#[derive(Clone, Debug, PartialEq, Eq)]
struct TypePattern {
    before: Box<[u8]>,
    /// What comes after `*`. `None`: there is none.
    after: Option<Box<[u8]>>,
}

impl TypePattern {
    fn new(text: &str) -> TypePattern {
        let bytes = |text: &str| text.as_bytes().into();
        match text.split_once('*') {
            Some((before, after)) => {
                TypePattern { before: bytes(before), after: Some(bytes(after)) }
            }
            None => TypePattern { before: bytes(text), after: None },
        }
    }

    fn matches(&self, essence: &[u8]) -> bool {
        let Some(after) = &self.after else {
            return essence.eq_ignore_ascii_case(&self.before);
        };
        let Some((before, rest)) = essence.split_at_checked(self.before.len()) else {
            return false;
        };
        let end = rest.len().checked_sub(after.len()).map(|start| &rest[start..]);
        before.eq_ignore_ascii_case(&self.before)
            && end.is_some_and(|end| end.eq_ignore_ascii_case(after))
    }
}

/// What shrinks to less than half, as a rule.
const TYPES: [&str; 17] = [
    "text/*",
    "application/javascript",
    "application/json",
    "application/xml",
    "application/wasm",
    "image/svg+xml",
    "*+json",
    "*+xml",
    "application/x-javascript",
    "application/x-ndjson",
    "application/jsonl",
    "application/toml",
    "application/yaml",
    "application/vnd.ms-fontobject",
    "font/otf",
    "font/ttf",
    "image/x-icon",
];

/// With its head, a smaller response fits into one packet.
const BYTES_MIN: u64 = 1024;

const EVENTS: &[u8] = b"text/event-stream";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_what_is_like_it_is_compressed_and_what_is_compressed_already_is_not() {
        let usual = Compression::default();
        for content_type in [
            "text/html",
            "Text/HTML; charset=utf-8",
            "text/css ; charset=utf-8",
            "text/x-anything",
            "text/javascript",
            "application/json",
            "application/ld+json",
            "application/xhtml+xml",
            "image/svg+xml",
            "application/wasm",
            "font/ttf",
        ] {
            assert!(usual.covers(content_type.as_bytes(), Some(1024)), "{content_type}");
            assert!(usual.covers(content_type.as_bytes(), None), "{content_type}");
            assert!(!usual.covers(content_type.as_bytes(), Some(1023)), "{content_type}");
        }
        for content_type in [
            "",
            "text",
            "image/png",
            "font/woff2",
            "video/mp4",
            "application/zip",
            "application/octet-stream",
            "application/jsonx",
            "text/event-stream",
            "TEXT/event-stream; charset=utf-8",
        ] {
            assert!(!usual.covers(content_type.as_bytes(), Some(1 << 20)), "{content_type}");
        }
    }

    #[test]
    fn types_that_are_written_replace_the_usual_ones() {
        let some = Compression::default().types(["Text/*", "*+json", "a/b"]).bytes_min(0);
        for (content_type, expected) in [
            ("text/plain", true),
            ("text/", true),
            ("a/b+json", true),
            ("+json", true),
            ("A/B;c=d", true),
            ("a/bc", false),
            ("application/json", false),
            ("text/event-stream", false),
        ] {
            assert_eq!(some.covers(content_type.as_bytes(), Some(0)), expected, "{content_type}");
        }
        assert!(Compression::default().types(["*"]).covers(b"image/png", None));
        assert!(!Compression::default().types(["*"]).covers(b"text/event-stream", None));
        let events = Compression::default().types(["text/event-stream"]);
        assert!(events.covers(b"text/event-stream; charset=utf-8", None));
    }

    #[test]
    fn the_first_coding_is_sent_among_equals() {
        let choose = |compression: &Compression, accepted: &str| {
            compression.choose(&AcceptedCodings::of(accepted.as_bytes()))
        };
        let compression = Compression::new([Coding::Gzip, Coding::Brotli, Coding::Gzip]);
        assert_eq!(choose(&compression, "gzip, deflate, br, zstd"), Some(Coding::Gzip));
        assert_eq!(choose(&compression, "gzip;q=0.9, br"), Some(Coding::Brotli));
        assert_eq!(choose(&compression, "zstd"), None);
        assert_eq!(choose(&compression, "identity, gzip;q=0.5"), None);
        assert_eq!(choose(&Compression::default(), "gzip, deflate, br, zstd"), Some(Coding::Zstd));
    }
}
