//! TLS of a server that serves, with the thread that keeps it fresh, which ends when no worker speaks TLS any more.

use super::keeper::TlsKeeper;
use super::news::TlsNews;
use super::state::TlsState;
use super::tickets::TicketSecrets;
use super::{CertificateError, Tls};
use rustls::ServerConfig;
use std::error::Error;
use std::sync::Arc;

/// TLS, and who keeps it fresh.
#[derive(Debug)]
pub(crate) struct KeptTls {
    state: Arc<TlsState>,
    /// `None`: somebody else does that, and says what changes.
    keeper: Option<TlsKeeper>,
}

impl KeptTls {
    /// `secrets`: the keys of tickets, if somebody else keeps TLS fresh.
    ///
    /// # Errors
    /// If the system has no random numbers or gives no thread.
    pub(crate) fn start(
        tls: Tls,
        secrets: Option<TicketSecrets>,
    ) -> Result<KeptTls, Box<dyn Error>> {
        if let Some(secrets) = secrets {
            return Ok(KeptTls { state: TlsState::new(tls, &secrets)?, keeper: None });
        }
        let secrets = TicketSecrets::generate()?;
        let state = TlsState::new(tls.clone(), &secrets)?;
        let kept = Arc::downgrade(&state);
        let take = move |news: TlsNews| {
            let Some(state) = kept.upgrade() else { return false };
            if let Err(error) = state.apply(&news) {
                log::error!("{error}");
            }
            true
        };
        let keeper = TlsKeeper::start(&tls, secrets, take)?;
        Ok(KeptTls { state, keeper: Some(keeper) })
    }

    /// What rustls needs to know for a new connection.
    pub(crate) fn config(&self) -> &Arc<ServerConfig> {
        self.state.config()
    }

    /// When each certificate in use expires, by its names.
    pub(crate) fn expiries(&self) -> Vec<(String, std::time::SystemTime)> {
        self.state.expiries()
    }

    /// Uses something new from now on, for new handshakes.
    ///
    /// # Errors
    /// What is wrong with a certificate; the one before it stays.
    pub(crate) fn apply(&self, news: &TlsNews) -> Result<(), CertificateError> {
        self.state.apply(news)
    }

    /// Uses other certificates from now on, for new handshakes. Sessions are resumed as before.
    pub(crate) fn replace(&self, tls: Tls) {
        if let Some(keeper) = &self.keeper {
            keeper.watch(&tls);
        }
        self.state.replace(tls);
    }
}
