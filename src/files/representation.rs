//! What a response says of a file that does not depend on the request: its validators and its headers.
//!
//! It must never know the file's contents, or which representation a client gets.

use super::version::FileVersion;
use crate::http::h1::field_lines::FieldLines;
use crate::http::shared_lines::SharedLines;
use crate::http::{Coding, date};
use std::sync::Arc;

/// What a response says of a file: its validators, and its headers.
#[derive(Debug)]
pub(crate) struct Representation {
    version: FileVersion,
    /// `ETag` and `Last-Modified`, where the file has them, `Accept-Ranges`, `Content-Type`, `X-Content-Type-Options`; of
    /// one of several representations also `Vary` and `Content-Encoding`.
    headers: Arc<SharedLines>,
    coding: Option<Coding>,
}

impl Representation {
    /// The file as it is, if it has this type.
    pub(super) fn plain(version: FileVersion, content_type: &[u8]) -> Representation {
        let modified = version.modified().map(date::format);
        let validators = [
            version.etag().map(|etag| ("ETag", etag.as_bytes())),
            modified.as_ref().map(|date| ("Last-Modified", &date[..])),
        ];
        let others = [
            ("Accept-Ranges", &b"bytes"[..]),
            (CONTENT_TYPE, content_type),
            // Without it, some browsers guess that text is a script.
            ("X-Content-Type-Options", b"nosniff"),
        ];
        let headers = validators.into_iter().flatten().chain(others);
        let headers = FieldLines::render(headers);
        Representation { version, headers: Arc::new(headers.into()), coding: None }
    }

    /// One of several representations of what has this type when it is decoded.
    pub(super) fn variant(
        version: &FileVersion,
        content_type: &[u8],
        coding: Option<Coding>,
    ) -> Representation {
        let version = match coding {
            Some(coding) => version.with_coding(coding.token()),
            None => *version,
        };
        Representation::negotiated(version, content_type, coding)
    }

    /// The same, with a version that is that of these encoded bytes already.
    pub(super) fn negotiated(
        version: FileVersion,
        content_type: &[u8],
        coding: Option<Coding>,
    ) -> Representation {
        let plain = Representation::plain(version, content_type);
        let encoding = coding.map(|coding| (&b"Content-Encoding"[..], coding.token().as_bytes()));
        let added = [VARY].into_iter().chain(encoding);
        let headers = FieldLines::render(plain.headers.fields().chain(added));
        Representation { headers: Arc::new(headers.into()), coding, ..plain }
    }

    /// Its entity tag, when it was modified, and how reliable both are.
    pub(crate) fn version(&self) -> &FileVersion {
        &self.version
    }

    /// The fields of a 200 that depend on the file alone, rendered once. `Content-Length` is not among them.
    pub(crate) fn headers(&self) -> &Arc<SharedLines> {
        &self.headers
    }

    /// How the bytes of the file are encoded.
    pub(crate) fn coding(&self) -> Option<Coding> {
        self.coding
    }
}

/// The name of the field for the type.
pub(super) const CONTENT_TYPE: &str = "Content-Type";

/// What each of several representations says (RFC 9110 §12.5.5).
pub(crate) const VARY: (&[u8], &[u8]) = (b"Vary", b"Accept-Encoding");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::file::{FileKind, Identity, Timestamp};
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn one_of_several_representations_says_so() {
        let modified = Timestamp { seconds: 784_111_777, nanoseconds: 7 };
        let identity = Identity {
            device: 1,
            inode: 2,
            kind: FileKind::File,
            names: 1,
            size_bytes: 3,
            modified,
            changed: modified,
        };
        let wall = UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        let version = FileVersion::judged(&identity, || false, wall);
        let lines = |coding| {
            let variant = Representation::variant(&version, b"text/css", coding);
            assert_eq!(variant.coding(), coding);
            String::from_utf8_lossy(variant.headers().as_bytes()).into_owned()
        };
        assert_eq!(
            lines(None),
            "ETag: \"ae1b981bc490a07-3\"\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
             Accept-Ranges: bytes\r\nContent-Type: text/css\r\nX-Content-Type-Options: nosniff\r\n\
             Vary: Accept-Encoding\r\n"
        );
        assert_eq!(
            lines(Some(Coding::Gzip)),
            "ETag: \"ae1b981bc490a07-3-gzip\"\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
             Accept-Ranges: bytes\r\nContent-Type: text/css\r\nX-Content-Type-Options: nosniff\r\n\
             Vary: Accept-Encoding\r\n\
             Content-Encoding: gzip\r\n"
        );
    }
}
