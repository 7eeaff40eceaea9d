//! What a line can show of an exchange.

use crate::files::CacheUse;
use crate::http::table::HeaderTable;
use crate::http::{HeaderName, Headers, Method, Scheme, Status, TlsFacts, Version};
use crate::server::carrier::Carrier;
use crate::site::{Route, Site};
use std::net::SocketAddr;
use std::sync::Arc;

/// What a line can show of an exchange when its response is queued, as long as it can be seen.
pub(crate) struct Subject<'a> {
    /// `None`: the head could not be read so far.
    pub method: Option<Method>,
    pub version: Version,
    /// As the client uses it, if a trusted proxy says so.
    pub scheme: Scheme,
    pub status: Status,
    /// What the cache of open files did.
    pub cache: CacheUse,
    pub client: Option<SocketAddr>,
    /// Where the server listens for the client.
    pub listener: Option<SocketAddr>,
    pub request_line: &'a [u8],
    pub target: &'a [u8],
    /// The host, if it is not in the headers.
    pub authority: Option<&'a [u8]>,
    pub headers: &'a HeaderTable,
    /// What the headers are places in.
    pub bytes: &'a [u8],
    /// The headers of the response.
    pub sent: &'a Headers,
    pub request_id: Option<&'a [u8]>,
    pub site: &'a Site,
    pub route: Option<&'a Route>,
    /// Where the worker has the log of the response, if it is logged.
    pub log: Option<u16>,
    pub carrier: &'a dyn Carrier,
}

impl<'a> Subject<'a> {
    pub(super) fn header(&self, name: HeaderName) -> Option<&'a [u8]> {
        self.headers.first(self.bytes, name)
    }

    /// As it came. `None`: it could not be read so far.
    pub(super) fn target(&self) -> Option<&'a [u8]> {
        (!self.target.is_empty()).then_some(self.target)
    }

    /// The path in the target, as it came.
    pub(super) fn raw_path(&self) -> Option<&'a [u8]> {
        let target = self.target()?;
        let target = &target[..memchr::memchr(b'?', target).unwrap_or(target.len())];
        // A target may be a URL (RFC 9112 §3.2.2).
        let Some(scheme) = memchr::memmem::find(target, b"://").filter(|_| target[0] != b'/')
        else {
            return Some(target);
        };
        let rest = &target[scheme + 3..];
        Some(memchr::memchr(b'/', rest).map_or(b"/", |path| &rest[path..]))
    }

    pub(super) fn query(&self) -> Option<&'a [u8]> {
        let target = self.target()?;
        memchr::memchr(b'?', target).map(|at| &target[at + 1..])
    }

    /// The host that the client asks for, without a port.
    pub(super) fn host(&self) -> Option<&'a [u8]> {
        let host = self.authority.or_else(|| self.header(HeaderName::Host))?;
        let name = match memchr::memrchr(b':', host) {
            // In brackets stands an IPv6 address.
            Some(colon) if !host[colon..].contains(&b']') => &host[..colon],
            _ => host,
        };
        Some(name.strip_suffix(b".").unwrap_or(name))
    }

    pub(super) fn tls(&self) -> Option<Arc<TlsFacts>> {
        self.carrier.tls()
    }

    /// The first name of the host that answered.
    pub(super) fn server_name(&self) -> Option<&'a str> {
        self.site.host_name(self.route?.host())
    }

    /// The path of the location that answered.
    pub(super) fn location(&self) -> Option<&'a [u8]> {
        self.site.location_path(self.route?)
    }
}
