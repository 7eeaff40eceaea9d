//! A worker before it runs: what may fail is done on the thread that starts the server, the rest on its own.

use super::access_log::{LogWriter, OpenLogs};
use super::clock;
use super::context::{Setup, Threads, WorkerContext};
use super::encoders::Encoders;
use super::handler_runs::{HandlerJobs, HandlerRuns};
use super::limits::Limits;
use super::listener::Listeners;
use super::mailbox::Mailbox;
use super::pool::Pool;
use super::start_error::StartError;
use super::worker::{self, Worker};
use crate::files::{CacheLimits, OpenFiles};
use crate::site::{Site, TrustedProxies};
use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

/// What all workers share, read-only.
pub(super) struct Common {
    pub(super) site: Arc<Site>,
    pub(super) proxies: TrustedProxies,
    #[cfg(feature = "tls")]
    pub(super) tls: Option<Arc<rustls::ServerConfig>>,
    pub(super) listeners: Arc<Listeners>,
    pub(super) limits: Limits,
    pub(super) cache: CacheLimits,
    pub(super) disk: Arc<Pool>,
    pub(super) handlers: Arc<Pool>,
    pub(super) encoders: Arc<Encoders>,
    pub(super) runs: Arc<HandlerRuns>,
    pub(super) spool_directory: Arc<Path>,
}

/// The parts of a worker that may fail to be created and can be sent to its thread. The rest is created on that
/// thread and never leaves it.
pub(super) struct Prepared {
    number: usize,
    poll: mio::Poll,
    pub(super) mailbox: Arc<Mailbox>,
    log: Option<(LogWriter, Box<[Option<u16>]>)>,
    common: Arc<Common>,
}

impl Prepared {
    pub(super) fn new(
        number: usize,
        common: &Arc<Common>,
        logs: &OpenLogs,
    ) -> Result<Prepared, StartError> {
        let log = logs.writer();
        let poll = mio::Poll::new().map_err(StartError::Worker)?;
        let waker =
            mio::Waker::new(poll.registry(), worker::MESSAGES).map_err(StartError::Worker)?;
        let mailbox = Arc::new(Mailbox::new(waker));
        Ok(Prepared { number, poll, mailbox, log, common: Arc::clone(common) })
    }

    /// Starts the worker's thread.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub(super) fn spawn(self) -> std::io::Result<JoinHandle<()>> {
        let name = format!("worker-{}", self.number);
        thread::Builder::new().name(name).spawn(move || {
            let common = self.common;
            let files = OpenFiles::new(common.cache);
            let setup = Setup::new(Arc::clone(&common.site), common.limits.clone())
                .trusting(common.proxies.clone());
            #[cfg(feature = "tls")]
            let setup = Setup { tls: common.tls.clone(), ..setup };
            let (log, places) = self.log.unzip();
            let setup = Setup { logs: places.unwrap_or_default(), ..setup };
            let threads = Threads {
                disk: Arc::clone(&common.disk),
                handlers: Arc::clone(&common.handlers),
                encoders: Arc::clone(&common.encoders),
                handler_jobs: HandlerJobs::new(&common.runs, self.number),
                mailbox: Arc::clone(&self.mailbox),
                spool_directory: Arc::clone(&common.spool_directory),
            };
            let now = clock::read();
            let cx = WorkerContext::new(setup, files, log, threads, self.number, now);
            let listeners = Arc::clone(&common.listeners);
            let mailbox = Arc::clone(&self.mailbox);
            match Worker::new(self.number, self.poll, self.mailbox, listeners, cx) {
                Ok(worker) => worker.run(),
                Err(error) => {
                    log::error!("worker {} cannot start: {error}", self.number);
                    drop(mailbox.close());
                }
            }
        })
    }
}
