//! A worker before it runs: what may fail is done on the thread that starts the server, the rest on its own.

use super::access_log::OpenLogs;
use super::clock;
use super::context::{Threads, WorkerContext};
use super::encoders::Encoders;
use super::handler_runs::{HandlerJobs, HandlerRuns};
use super::listener::Listeners;
use super::mailbox::Mailbox;
use super::memory_watch::MemoryWatch;
use super::metrics::Board;
use super::pool::Pool;
use super::replacement::SharedSetup;
use super::start_error::StartError;
use super::worker::{self, Epoll, Worker};
use crate::files::OpenFiles;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};

/// The threads that all workers share for as long as the server lives.
pub(super) struct Common {
    pub(super) disk: Arc<Pool>,
    pub(super) handlers: Arc<Pool>,
    pub(super) status: Arc<Pool>,
    pub(super) board: Arc<Board>,
    pub(super) encoders: Arc<Encoders>,
    pub(super) runs: Arc<HandlerRuns>,
}

/// The parts of a worker that may fail to be created and can be sent to its thread. The rest is created on that
/// thread and never leaves it.
pub(super) struct Prepared {
    number: usize,
    poll: mio::Poll,
    pub(super) mailbox: Arc<Mailbox>,
    common: Arc<Common>,
}

/// A worker whose thread waits for what it is to serve. Without that, it ends.
pub(super) struct Waiting {
    pub(super) number: usize,
    pub(super) mailbox: Arc<Mailbox>,
    pub(super) thread: JoinHandle<()>,
    pub(super) begin: Sender<Beginning>,
}

/// What a worker serves at first.
pub(super) struct Beginning {
    pub(super) setup: Arc<SharedSetup>,
    pub(super) listeners: Arc<Listeners>,
    pub(super) logs: OpenLogs,
}

impl Prepared {
    pub(super) fn new(number: usize, common: &Arc<Common>) -> Result<Prepared, StartError> {
        let poll = mio::Poll::new().map_err(StartError::Worker)?;
        let waker =
            mio::Waker::new(poll.registry(), worker::MESSAGES).map_err(StartError::Worker)?;
        let mailbox = Arc::new(Mailbox::new(waker));
        Ok(Prepared { number, poll, mailbox, common: Arc::clone(common) })
    }

    /// Starts the worker's thread.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub(super) fn spawn(self) -> io::Result<Waiting> {
        let number = self.number;
        let mailbox = Arc::clone(&self.mailbox);
        let (begin, beginning) = mpsc::channel();
        let thread = thread::Builder::new()
            .name(format!("worker-{number}"))
            .spawn(move || self.run(&beginning))?;
        Ok(Waiting { number, mailbox, thread, begin })
    }

    fn run(self, beginning: &Receiver<Beginning>) {
        let Ok(Beginning { setup, listeners, logs }) = beginning.recv() else {
            return self.mailbox.end();
        };
        let files = OpenFiles::new(setup.cache);
        let threads = Threads {
            disk: Arc::clone(&self.common.disk),
            handlers: Arc::clone(&self.common.handlers),
            status: Arc::clone(&self.common.status),
            encoders: Arc::clone(&self.common.encoders),
            handler_jobs: HandlerJobs::new(&self.common.runs, self.number),
            mailbox: Arc::clone(&self.mailbox),
            spool_directory: Arc::clone(&setup.spool_directory),
        };
        let now = clock::read();
        let (log, places) = logs.writer().unzip();
        drop(logs);
        let own = setup.setup(places.unwrap_or_default());
        let mut cx = WorkerContext::new(own, files, log, threads, self.number, now);
        cx.status_setup = Rc::new(setup.status_setup());
        cx.memory = MemoryWatch::of_this_process();
        let board = Arc::clone(&self.common.board);
        drop((setup, self.common));
        let mailbox = Arc::clone(&self.mailbox);
        let kernel = Epoll::new(self.poll);
        match Worker::new(self.number, kernel, self.mailbox, listeners, board, cx) {
            Ok(worker) => worker.run(),
            Err(error) => {
                log::error!("worker {} cannot start: {error}", self.number);
                mailbox.end();
            }
        }
    }
}
