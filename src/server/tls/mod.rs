//! Certificates and the settings of TLS. How its records move is `wire::tls`'s to say.
//!
//! TLS 1.2 and 1.3 with the suites of rustls, all of which have forward secrecy and authenticated encryption. Neither
//! compression nor renegotiation exists in rustls; early data (0-RTT), which an attacker could repeat, is never taken.
//!
//! What changes while a server serves is found by one thread ([`keeper`]) and used by all workers ([`state`]). With
//! several processes, the supervisor has that thread.

mod certificate;
mod crypto;
mod current;
mod expiry;
mod keeper;
mod kept;
mod news;
mod pem;
mod renewal;
mod resolver;
mod self_made;
mod state;
mod text;
mod tickets;
mod x509;

pub use certificate::{Certificate, CertificateError};
pub(crate) use keeper::TlsKeeper;
pub(crate) use kept::KeptTls;
pub(crate) use news::TlsNews;
#[cfg(feature = "cli")]
pub(crate) use resolver::HostCover;
pub(crate) use resolver::{Chosen, take_chosen};
pub(crate) use text::{CertificateFiles, CertificateText};
pub(crate) use tickets::TicketSecrets;

use crate::site::HostName;
use resolver::CertificateTable;
use std::time::Duration;

/// The certificates of a server that listens at `https://` addresses.
///
/// Those that were [read from files](Certificate::read) are renewed while the server serves: it looks at the files every
/// two seconds, and when both make a pair that is not the one in use, new connections get it. Until then, and when
/// something is wrong with the new one, which the log says, they get the one before it. The log warns of a certificate
/// that expires: with 30 and 14 days left, and every day from 7 days on.
///
/// Sessions are resumed with tickets, whose keys are in memory only and change every six hours.
///
/// ```
/// use httpd::{Certificate, Request, Response, Server, Site, Tls};
/// let site = Site::new().at("/", |_: &Request<'_>| Response::text("hello\n"));
/// // Certificate::read("fullchain.pem", "privkey.pem") reads one from files.
/// let tls = Tls::new(Certificate::for_trying()?);
/// let server = Server::new(site).tls(tls).listen("https://127.0.0.1:0").start()?;
/// println!("https://{}/", server.addresses()[0]);
/// server.handle().stop();
/// server.wait();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Tls {
    certificates: Vec<Certificate>,
    hosts: Vec<(HostName, Certificate)>,
    refuses_unknown: bool,
    looks_every: Duration,
    /// Whether the operator knows of certificates that expire soon.
    has_warned: bool,
}

impl Tls {
    /// With one certificate, for all clients.
    pub fn new(certificate: Certificate) -> Tls {
        Tls {
            certificates: vec![certificate],
            hosts: Vec::new(),
            refuses_unknown: false,
            looks_every: LOOKS_EVERY,
            has_warned: false,
        }
    }

    /// Adds a certificate: for other names, or of another kind of key. A client gets the first one that it can verify
    /// and that covers the name that it asks for, else the first that it can verify.
    pub fn certificate(mut self, certificate: Certificate) -> Tls {
        self.certificates.push(certificate);
        self
    }

    /// Adds a certificate that only clients get that ask for this host; the others are not for it. A host may have
    /// several.
    pub fn host(mut self, name: HostName, certificate: Certificate) -> Tls {
        self.hosts.push((name, certificate));
        self
    }

    /// Ends the handshake of a client that asks for a name which no [`host`](Tls::host) goes by. Default: it gets one
    /// of the certificates for all.
    pub fn refuse_unknown_hosts(mut self) -> Tls {
        self.refuses_unknown = true;
        self
    }

    /// How often the server looks at the files of certificates. Default: 2 s.
    pub fn look_every(mut self, pause: Duration) -> Tls {
        self.looks_every = pause;
        self
    }

    /// The operator has read the warnings of the certificates.
    pub(crate) fn after_warnings(mut self) -> Tls {
        self.has_warned = true;
        self
    }

    fn has_warned(&self) -> bool {
        self.has_warned
    }

    fn looks_every(&self) -> Duration {
        self.looks_every
    }

    /// All certificates; one that several hosts have comes several times.
    fn all(&self) -> impl Iterator<Item = &Certificate> {
        self.certificates.iter().chain(self.hosts.iter().map(|(_, certificate)| certificate))
    }

    /// Puts a certificate in the place of what was read from the same files before.
    fn renew(&mut self, new: &Certificate) {
        let hosts = self.hosts.iter_mut().map(|(_, certificate)| certificate);
        for old in self.certificates.iter_mut().chain(hosts) {
            if old.files() == new.files() {
                *old = new.clone();
            }
        }
    }

    /// What rustls needs to know, for keys of its own.
    #[cfg(any(test, feature = "fuzzing"))]
    #[cfg_attr(not(test), allow(dead_code))]
    pub(crate) fn config(&self) -> Result<std::sync::Arc<rustls::ServerConfig>, rustls::Error> {
        let secrets = TicketSecrets::generate();
        let secrets = secrets.map_err(|error| rustls::Error::General(error.to_string()))?;
        Ok(std::sync::Arc::clone(state::TlsState::new(self.clone(), &secrets)?.config()))
    }

    /// Whether a client reaches a host over a connection to an authority. Both may have a port.
    #[cfg(feature = "cli")]
    pub(crate) fn judge(&self, authority: &str, host: &[u8]) -> HostCover {
        self.table().judge(authority, host)
    }

    fn table(&self) -> CertificateTable {
        CertificateTable::new(self.certificates.clone(), &self.hosts, self.refuses_unknown)
    }
}

/// Two calls per certificate, which cost microseconds.
const LOOKS_EVERY: Duration = Duration::from_secs(2);
