//! Certificates and the settings of TLS. How its records move is `wire::tls`'s to say.
//!
//! TLS 1.2 and 1.3 with the suites of rustls, all of which have forward secrecy and authenticated encryption. Neither
//! compression nor renegotiation exists in rustls; early data (0-RTT), which an attacker could repeat, is never taken.

mod certificate;
mod crypto;
mod pem;
mod resolver;
mod self_made;
mod x509;

pub use certificate::{Certificate, CertificateError};
pub(crate) use resolver::{Chosen, take_chosen};

use crate::site::HostName;
use resolver::{CertificateTable, Resolver};
use rustls::ServerConfig;
use rustls::server::NoServerSessionStorage;
use std::sync::Arc;

/// The certificates of a server that listens at `https://` addresses.
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
}

impl Tls {
    /// With one certificate, for all clients.
    pub fn new(certificate: Certificate) -> Tls {
        Tls { certificates: vec![certificate], hosts: Vec::new(), refuses_unknown: false }
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

    /// What rustls needs to know.
    ///
    /// # Errors
    /// If the system has no random numbers.
    pub(crate) fn config(&self) -> Result<Arc<ServerConfig>, rustls::Error> {
        let table =
            CertificateTable::new(self.certificates.clone(), &self.hosts, self.refuses_unknown);
        let mut config = ServerConfig::builder_with_provider(Arc::new(certificate::provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(Resolver::new(table)));
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        // Tickets need no memory here, and any worker takes those of the others.
        config.ticketer = crypto::Ticketer::new()?;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(Arc::new(config))
    }
}
