//! What rules see of a request.

use crate::http::{RequestHead, Scheme};
use percent_encoding::percent_decode;

/// What rules see of a request.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen<'a> {
    pub(crate) path: &'a [u8],
    pub(crate) query: Option<&'a [u8]>,
    pub(crate) host: &'a [u8],
    pub(crate) scheme: Scheme,
}

impl Seen<'_> {
    /// What they see of this request.
    pub(crate) fn of<'h>(head: &'h RequestHead<'_>) -> Seen<'h> {
        let (path, query, host) = (head.path(), head.query(), head.host());
        Seen { path, query, host, scheme: head.scheme() }
    }
}

/// The path of a location, if it is on the same host as the request.
pub(crate) fn path_of(location: &[u8], seen: &Seen<'_>) -> Option<Vec<u8>> {
    let origin = [seen.scheme.as_str().as_bytes(), b"://", seen.host].concat();
    let local = location.strip_prefix(&origin[..]).unwrap_or(location);
    if !local.starts_with(b"/") {
        return None;
    }
    let end = local.iter().position(|byte| b"?#".contains(byte)).unwrap_or(local.len());
    Some(percent_decode(&local[..end]).collect())
}
