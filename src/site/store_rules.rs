//! What [`Store`](super::Store) and [`FormUpload`](super::FormUpload) both accept.
//!
//! It must never know how a body comes in, nor how a file gets its name.

use super::change::RequestedChange;
use super::dotfiles::Dotfiles;
use super::dotfiles::is_host_file;
use super::mapping::Mapping;
use super::{Request, Response};
use crate::files::WritableRoot;
use crate::http::target::encode_path;
use crate::http::{HeaderName, Status, Version};

/// The settings of a store.
pub(super) struct StoreRules {
    pub(super) root: WritableRoot,
    pub(super) mapping: Mapping,
    pub(super) dotfiles: Dotfiles,
    /// Whether files in the root say how it is served. No client stores those.
    pub(super) has_host_files: bool,
}

impl StoreRules {
    pub(super) fn new(root: WritableRoot) -> StoreRules {
        let (mapping, dotfiles) = (Mapping::default(), Dotfiles::default());
        StoreRules { root, mapping, dotfiles, has_host_files: false }
    }

    /// The path of the file beneath the root, if it is not hidden.
    pub(super) fn path<'r>(&self, request: &'r Request<'_>) -> Option<&'r [u8]> {
        let path = self.mapping.path_of(request);
        if self.has_host_files && is_host_file(path) {
            log::debug!(
                "{} cannot be changed: it says how the root is served",
                path.escape_ascii()
            );
            return None;
        }
        if self.dotfiles.hides(path) {
            log::debug!("{} cannot be changed: it is a dotfile or below one", path.escape_ascii());
            return None;
        }
        Some(path.strip_prefix(b"/").unwrap_or(path))
    }

    /// Refuses a body that is announced to be too large, and names the bound.
    pub(super) fn check_length(&self, request: &Request<'_>) -> Result<(), Box<Response>> {
        let bytes_max = self.root.rules().file_bytes_max;
        match announced_length(request) {
            Some(length) if length > bytes_max => {
                let reason =
                    format!("{length} bytes are too many; at most {bytes_max} are accepted");
                let response =
                    RequestedChange::of(request).refuse(Status::CONTENT_TOO_LARGE, &reason);
                Err(Box::new(response))
            }
            _ => Ok(()),
        }
    }
}

/// Refuses a body without a length, and one in a content coding: neither can be stored.
pub(super) fn check_body(request: &Request<'_>) -> Result<(), Box<Response>> {
    // A client of HTTP/1.0 may end its body by closing the connection. This server would read none, and empty the
    // file (RFC 9110 §15.5.12).
    // In HTTP/2 the last frame says where it ends (RFC 9113 §8.1).
    let is_framed = request.as_head().version() == Version::Http2
        || [HeaderName::ContentLength, HeaderName::TransferEncoding]
            .into_iter()
            .any(|name| request.as_head().first(name).is_some());
    if !is_framed {
        let reason = "the request has no Content-Length";
        return Err(Box::new(RequestedChange::of(request).refuse(Status::LENGTH_REQUIRED, reason)));
    }
    // The file would be sent without its coding (RFC 9110 §15.5.16, §12.5.3).
    match request.header_bytes("Content-Encoding") {
        Some(coding) if !coding.eq_ignore_ascii_case(b"identity") => {
            let reason = "a body with a Content-Encoding cannot be stored; send it without";
            let response =
                RequestedChange::of(request).refuse(Status::UNSUPPORTED_MEDIA_TYPE, reason);
            Err(Box::new(response.header("Accept-Encoding", "identity")))
        }
        _ => Ok(()),
    }
}

/// The length that `Content-Length` announces.
pub(super) fn announced_length(request: &Request<'_>) -> Option<u64> {
    std::str::from_utf8(request.as_head().first(HeaderName::ContentLength)?).ok()?.parse().ok()
}

/// A path as it stands in a URI.
pub(super) fn encoded(path: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::with_capacity(path.len());
    encode_path(path, &mut encoded);
    encoded
}

/// Why a name that begins with a dot is refused.
pub(super) const HIDDEN: &str = "names that begin with a dot are not accepted, nor are _headers and _redirects where they count";
