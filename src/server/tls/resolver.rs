//! Which certificate a client gets: by the name that it asks for, and by what it can verify.

use super::certificate::{Certificate, CoveredNames};
use super::current::Current;
use crate::site::HostName;
use rustls::SignatureScheme;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

/// The certificates of a server, of the moment.
#[derive(Debug)]
pub(super) struct Resolver(pub(super) Arc<Current>);

/// Which host has which certificates.
#[derive(Debug, Default)]
pub(super) struct CertificateTable {
    /// Each is what one host has; the first is what all others have.
    groups: Vec<Vec<Certificate>>,
    exact: HashMap<String, usize>,
    /// Without `*.`.
    below: HashMap<String, usize>,
    /// Whether a client that asks for any other name is refused.
    refuses_unknown: bool,
}

thread_local! {
    /// What was chosen last. rustls asks in the midst of a call that this thread makes for one connection, and says
    /// nothing of the choice to the connection.
    static CHOSEN: RefCell<Option<Chosen>> = const { RefCell::new(None) };
}

/// Which certificate a client gets, and why.
#[derive(Debug)]
pub(crate) struct Chosen {
    /// What the certificate covers.
    pub covered: Arc<CoveredNames>,
    /// The name that the client asked for.
    pub server_name: Option<Box<str>>,
    /// The host of the last request, if the certificate covers it and it is short.
    known: Box<[u8]>,
}

impl Chosen {
    /// Whether the certificate covers the host of a request. A connection asks for the same one again and again, and a
    /// certificate may have a hundred names.
    pub(crate) fn covers(&mut self, host: &[u8]) -> bool {
        if *self.known == *host {
            return true;
        }
        let is_covered = self.covered.covers(host);
        if is_covered && host.len() <= KNOWN_BYTES_MAX {
            self.known = host.into();
        }
        is_covered
    }
}

/// Whether a client reaches a host over TLS.
#[cfg(feature = "cli")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HostCover {
    Covered,
    /// The certificate of the connection is for other names: 421.
    NotCovered,
    /// Unknown hosts are refused: the handshake ends.
    NoCertificate,
}

/// Takes what this thread has chosen last.
pub(crate) fn take_chosen() -> Option<Chosen> {
    CHOSEN.take()
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.with(|material| {
            let table = &material.certificates;
            let chosen = table.choose(hello.server_name(), hello.signature_schemes())?;
            let covered = Arc::clone(&chosen.covered);
            let server_name = hello.server_name().map(Into::into);
            CHOSEN.set(Some(Chosen { covered, server_name, known: Box::default() }));
            Some(Arc::clone(&chosen.key))
        })
    }
}

impl CertificateTable {
    pub(super) fn new(
        default: Vec<Certificate>,
        hosts: &[(HostName, Certificate)],
        refuses_unknown: bool,
    ) -> CertificateTable {
        let mut table = CertificateTable {
            groups: vec![default],
            refuses_unknown,
            ..CertificateTable::default()
        };
        for (name, certificate) in hosts {
            let names = if name.is_wildcard() { &mut table.below } else { &mut table.exact };
            let group = *names.entry(name.bare().to_owned()).or_insert(table.groups.len());
            if group == table.groups.len() {
                table.groups.push(Vec::new());
            }
            table.groups[group].push(certificate.clone());
        }
        table
    }

    fn choose(&self, name: Option<&str>, schemes: &[SignatureScheme]) -> Option<&Certificate> {
        let group = match name {
            None => &self.groups[0],
            Some(name) => match self.group_of(name) {
                Some(group) => &self.groups[group],
                None if self.refuses_unknown => return None,
                None => &self.groups[0],
            },
        };
        let can_verify = |it: &&Certificate| it.key.key.choose_scheme(schemes).is_some();
        let covers = |it: &&Certificate| name.is_none_or(|name| it.covers(name));
        let best = group.iter().filter(can_verify).find(covers);
        // Without one that the client can verify, rustls ends the handshake with the right alert.
        best.or_else(|| group.iter().find(can_verify)).or_else(|| group.first())
    }

    /// What becomes of a request for a host, over a connection to an authority of a client that can verify everything.
    #[cfg(feature = "cli")]
    pub(super) fn judge(&self, authority: &str, host: &[u8]) -> HostCover {
        let end = authority.rfind(':').unwrap_or(authority.len());
        // Addresses are no server names (RFC 6066 §3).
        let is_address =
            authority.starts_with('[') || authority[..end].parse::<std::net::Ipv4Addr>().is_ok();
        let name = (!is_address).then(|| authority[..end].trim_end_matches('.'));
        let group = match name.map(|name| self.group_of(name)) {
            Some(None) if self.refuses_unknown => return HostCover::NoCertificate,
            Some(Some(group)) => &self.groups[group],
            _ => &self.groups[0],
        };
        let best = group.iter().find(|it| name.is_none_or(|name| it.covers(name)));
        match best.or(group.first()) {
            Some(certificate) if !certificate.covered.covers(host) => HostCover::NotCovered,
            _ => HostCover::Covered,
        }
    }

    /// That of an exact name, then that of the longest name that it is below.
    fn group_of(&self, name: &str) -> Option<usize> {
        let lower = name.trim_end_matches('.').to_ascii_lowercase();
        if let Some(group) = self.exact.get(&lower) {
            return Some(*group);
        }
        let mut rest = lower.as_str();
        while let Some((_, parent)) = rest.split_once('.') {
            if let Some(group) = self.below.get(parent) {
                return Some(*group);
            }
            rest = parent;
        }
        None
    }
}

/// The longest host that a connection keeps for this.
const KNOWN_BYTES_MAX: usize = 128;
