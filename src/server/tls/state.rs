//! TLS of a server that serves: how it is spoken, and the certificates and keys of the moment.

use super::Tls;
use super::certificate::{self, CertificateError};
use super::current::{Current, Material};
use super::news::TlsNews;
use super::resolver::Resolver;
use super::tickets::{TicketKeys, TicketSecrets, Tickets};
use rustls::ServerConfig;
use rustls::server::NoServerSessionStorage;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// TLS of a server.
#[derive(Debug)]
pub(crate) struct TlsState {
    config: Arc<ServerConfig>,
    current: Arc<Current>,
    /// The certificates in use, and which host has which.
    tls: Mutex<Tls>,
}

impl TlsState {
    /// # Errors
    /// If rustls does not take the settings.
    pub(crate) fn new(tls: Tls, secrets: &TicketSecrets) -> Result<Arc<TlsState>, rustls::Error> {
        let current = Current::new(Material {
            certificates: Arc::new(tls.table()),
            tickets: Arc::new(TicketKeys::new(secrets)),
        });
        let mut config = ServerConfig::builder_with_provider(Arc::new(certificate::provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(Resolver(Arc::clone(&current))));
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        // Tickets need no memory here, and any worker takes those of the others.
        config.ticketer = Arc::new(Tickets(Arc::clone(&current)));
        config.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(Arc::new(TlsState { config: Arc::new(config), current, tls: Mutex::new(tls) }))
    }

    /// What rustls needs to know for a new connection.
    pub(crate) fn config(&self) -> &Arc<ServerConfig> {
        &self.config
    }

    /// Uses something new from now on, for new handshakes.
    ///
    /// # Errors
    /// What is wrong with a certificate; the one before it stays.
    pub(crate) fn apply(&self, news: &TlsNews) -> Result<(), CertificateError> {
        match news {
            TlsNews::Certificate(text) => {
                let certificate = text.certificate()?;
                let mut tls = self.tls.lock().unwrap_or_else(PoisonError::into_inner);
                tls.renew(&certificate);
                let certificates = Arc::new(tls.table());
                self.current.replace(|material| material.certificates = certificates);
            }
            TlsNews::Tickets(secrets) => {
                let tickets = Arc::new(TicketKeys::new(secrets));
                self.current.replace(|material| material.tickets = tickets);
            }
        }
        Ok(())
    }

    /// When each certificate in use expires, by its names.
    pub(super) fn expiries(&self) -> Vec<(String, SystemTime)> {
        let tls = self.tls.lock().unwrap_or_else(PoisonError::into_inner);
        tls.all().map(|it| (it.names_in_short(), it.expires())).collect()
    }

    /// Uses other certificates and hosts from now on, for new handshakes. Sessions are resumed as before.
    pub(crate) fn replace(&self, new: Tls) {
        let mut tls = self.tls.lock().unwrap_or_else(PoisonError::into_inner);
        let certificates = Arc::new(new.table());
        *tls = new;
        self.current.replace(|material| material.certificates = certificates);
    }
}
