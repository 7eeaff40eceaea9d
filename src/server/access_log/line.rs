//! The lines of the responses that are queued on a connection and have not ended.
//!
//! What is known when a response is queued is rendered then, because the request is forgotten soon after. When the
//! response has ended, the line is put together in the buffer of its log.

use super::writer::LogWriter;
use crate::files::{CacheUse, Now};
use crate::http::table::HeaderTable;
use crate::http::{HeaderName, Headers, Method, Scheme, Status, TlsFacts, Version};
use crate::server::carrier::Carrier;
use crate::server::record::Record;
use crate::site::{Route, Site};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

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

/// The lines of one connection, or of one stream.
#[derive(Debug, Default)]
pub(crate) struct PendingLines {
    /// What is rendered of all lines.
    texts: Vec<u8>,
    /// Where in `texts` late values belong, and where each line ends.
    cuts: Vec<u32>,
    /// A line for each response, in order.
    lines: Vec<PendingLine>,
}

#[derive(Clone, Copy, Debug)]
struct PendingLine {
    /// The place of its log among those of the writer. `None`: the response is not logged.
    log: Option<u16>,
    /// How many of the cuts are its.
    cuts: u32,
}

impl PendingLines {
    /// Renders what is known of the line of a response that was just queued.
    pub(crate) fn add(&mut self, writer: &mut LogWriter, subject: &Subject<'_>, now: Now) {
        let cuts_before = self.cuts.len();
        let log = subject
            .log
            .filter(|log| writer.begin_line(*log, &mut self.texts, &mut self.cuts, subject, now));
        let cuts = (self.cuts.len() - cuts_before) as u32;
        self.lines.push(PendingLine { log, cuts });
    }

    /// The responses have ended: each of these records has a line.
    pub(crate) fn finish(&mut self, writer: &mut LogWriter, now: Instant, records: &[Record]) {
        let (mut text, mut cut) = (0, 0);
        for (line, record) in self.lines.iter().zip(records) {
            let cuts = &self.cuts[cut..cut + line.cuts as usize];
            cut += cuts.len();
            let end = cuts.last().map_or(text, |end| *end as usize);
            if let Some(log) = line.log {
                writer.end_line(log, &self.texts[..end], text, cuts, now, record);
            }
            text = end;
        }
        self.clear();
    }

    /// Takes the last line out.
    pub(crate) fn split_last(&mut self) -> Option<PendingLines> {
        let last = self.lines.pop()?;
        let cuts_at = self.cuts.len() - last.cuts as usize;
        let text_at = match cuts_at {
            0 => 0,
            at => self.cuts[at - 1],
        };
        last.log?;
        let texts = self.texts.split_off(text_at as usize);
        let cuts = self.cuts.split_off(cuts_at).into_iter().map(|cut| cut - text_at).collect();
        Some(PendingLines { texts, cuts, lines: vec![last] })
    }

    /// Adds the line of a response that is not logged.
    pub(crate) fn add_none(&mut self) {
        self.lines.push(PendingLine { log: None, cuts: 0 });
    }

    /// Drops all.
    pub(crate) fn clear(&mut self) {
        self.texts.clear();
        self.cuts.clear();
        self.lines.clear();
    }
}
