//! What a reload puts in the place of what a worker has. Made whole before the first worker gets it: taking it cannot
//! fail.

use super::access_log::OpenLogs;
use super::application::RunningApplication;
use super::context::Setup;
use super::limits::Limits;
use super::listener::Listeners;
#[cfg(feature = "tls")]
use super::tls::KeptTls;
use crate::files::CacheLimits;
use crate::site::{Site, TrustedProxies};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::Sender;

/// What exchanges are served by, as all workers share it. Each makes a [`Setup`] of it.
pub(crate) struct SharedSetup {
    pub(crate) site: Arc<Site>,
    /// What is served at addresses for the status of the server.
    pub(crate) status_site: Arc<Site>,
    pub(crate) proxies: TrustedProxies,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<Arc<KeptTls>>,
    pub(crate) limits: Limits,
    /// The header for the ids of requests, if they have ids.
    pub(crate) request_id: Option<Arc<str>>,
    pub(crate) cache: CacheLimits,
    pub(crate) spool_directory: Arc<Path>,
    pub(crate) applications: Vec<Arc<RunningApplication>>,
}

/// What a worker changes to.
pub(crate) struct Replacement {
    pub(crate) setup: Arc<SharedSetup>,
    pub(crate) listeners: Arc<Listeners>,
    /// Where its access logs go from now on.
    pub(crate) logs: OpenLogs,
    /// Whether it accepts connections. One that does not ends with its last connection.
    pub(crate) accepts: bool,
    /// Dropped when the worker has changed.
    pub(crate) done: Sender<()>,
}

impl SharedSetup {
    /// The setup of what comes to addresses for the status of the server: nothing of it is logged or counted.
    pub(crate) fn status_setup(&self) -> Setup {
        Setup::new(Arc::clone(&self.status_site), self.limits.clone())
    }

    /// The setup of a worker whose access logs have these places.
    pub(crate) fn setup(&self, logs: Box<[Option<u16>]>) -> Setup {
        let setup =
            Setup::new(Arc::clone(&self.site), self.limits.clone()).trusting(self.proxies.clone());
        #[cfg(feature = "tls")]
        let setup = Setup { tls: self.tls.clone(), ..setup };
        Setup {
            applications: self.applications.clone(),
            request_id: self.request_id.clone(),
            logs,
            ..setup
        }
    }
}
