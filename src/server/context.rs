//! What a worker lends to each connection that it drives. Only [`Threads`] and the site are shared with others.
//!
//! It owns parts that belong to connections, exchanges and applications, and all of these get it as an argument. So this
//! file and theirs import each other, and cannot do otherwise: what is lent to a connection includes what another one has
//! given back (`FreeList`). This is the only circle of imports with more than a few files. None of them keeps a reference
//! to it.

use super::access_log::LogWriter;
use super::application::RunningApplication;
use super::application::gateway::Gateway;
use super::buffers::Buffers;
use super::clock::TurnClock;
use super::connection::{FreeList, FreeStreams};
use super::encoders::Encoders;
use super::exchange::body_sink::OnDisk;
use super::exchange::encoding::PieceEncoding;
use super::exchange::overflow::{Backlog, Room};
use super::handler_runs::HandlerJobs;
use super::id::{ConnectionId, ExchangeId};
use super::id_maker::IdMaker;
use super::jobs::{self, CompletionSender};
use super::limits::Limits;
use super::mailbox::{Completion, Mailbox};
use super::memory_watch::MemoryWatch;
use super::metrics::Counters;
use super::pool::{Owner, Pool, SingleJob, Ticket, Yielded};
use super::refusals::Refusals;
#[cfg(feature = "tls")]
use super::tls::KeptTls;
#[cfg(feature = "tls")]
use super::wire::TlsWorker;
use crate::files::{Now, OpenFiles, Prefetch, Summation};
use crate::http::Cancellation;
use crate::http::HeadLimits;
use crate::http::RequestName;
use crate::site::pipe::{self, BodyReader, Inlet};
use crate::site::stream::{WakeWorker, Waker};
use crate::site::{self, Route, Site, TrustedProxies};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

/// What a worker owns and its connections use.
pub(crate) struct WorkerContext {
    /// The setup that a new exchange is served by.
    pub setup: Rc<Setup>,
    /// The same at addresses for the status of the server.
    pub status_setup: Rc<Setup>,
    pub counters: Counters,
    pub files: OpenFiles,
    pub clock: TurnClock,
    pub free_list: FreeList,
    pub free_streams: FreeStreams,
    pub buffers: Buffers,
    /// Room on the disk for response bodies whose clients are too slow.
    pub room: Room,
    pub memory: MemoryWatch,
    /// Connections whose responses found no room, so that their producers wait.
    pub without_room: BTreeSet<ConnectionId>,
    pub log: Option<LogWriter>,
    pub id_maker: IdMaker,
    /// Requests that found no thread for their handler.
    pub refusals: Refusals,
    /// When a connection that did not begin as it has to was last a warning.
    pub beginning_warned_at: Option<Instant>,
    /// When TLS on an address without it was last a warning.
    pub tls_warned_at: Option<Instant>,
    pub scratch: Vec<u8>,
    /// Whether the worker stops: it takes no new requests.
    pub is_stopping: bool,
    /// Whether it does so because another process goes on in its place. Then idle clients may send one more request: a
    /// request that is on its way would be lost with its connection.
    pub is_draining: bool,
    pub gateway: Gateway,
    /// Where connections have come to, by number: the worker's listeners, also those of before a reload, and the addresses
    /// of connections from elsewhere.
    pub places: Vec<ListenPlace>,
    /// What TLS connections share.
    #[cfg(feature = "tls")]
    pub tls: Rc<TlsWorker>,
    pub threads: Threads,
}

/// The site and the bounds of an exchange, which stay the same from its beginning to its end, whatever the operator
/// changes meanwhile.
pub(crate) struct Setup {
    pub site: Arc<Site>,
    pub proxies: TrustedProxies,
    pub limits: Limits,
    pub head_limits: HeadLimits,
    /// The header for the ids of requests, if they have ids.
    pub request_id: Option<Arc<str>>,
    /// Where the worker's [`LogWriter`] has each log of the site. `None`: it is off.
    pub logs: Box<[Option<u16>]>,
    /// Where the worker counts the requests of each host of the site.
    pub host_places: Box<[u32]>,
    /// How TLS is spoken, for new connections.
    #[cfg(feature = "tls")]
    pub tls: Option<Arc<KeptTls>>,
    /// The applications of the site. They run for as long as an exchange may need them.
    #[expect(dead_code, reason = "to have them keeps them alive")]
    pub applications: Vec<Arc<RunningApplication>>,
}

/// Where a connection has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ListenPlace {
    /// `None` for a Unix socket.
    pub address: Option<SocketAddr>,
    /// Whether HTTP/2 is spoken there too, without TLS.
    pub speaks_http2: bool,
    /// Whether only the status of the server is served there.
    pub for_status: bool,
}

/// Threads that may wait for the disk or for a handler, and the mailbox that they send their messages to.
pub(crate) struct Threads {
    pub disk: Arc<Pool>,
    pub handlers: Arc<Pool>,
    /// For requests for the status of the server, which must not wait for handlers.
    pub status: Arc<Pool>,
    pub encoders: Arc<Encoders>,
    /// The handlers that these threads run for the worker's requests.
    pub handler_jobs: HandlerJobs,
    pub mailbox: Arc<Mailbox>,
    /// Where bodies that are too large for memory are kept.
    pub spool_directory: Arc<Path>,
}

/// A job of a handler that an exchange waits for.
pub(crate) struct PendingJob {
    pool: Arc<Pool>,
    ticket: Ticket,
    cancellation: Cancellation,
}

impl Setup {
    /// A site within these limits.
    pub(crate) fn new(site: Arc<Site>, limits: Limits) -> Setup {
        Setup {
            site,
            proxies: TrustedProxies::default(),
            head_limits: limits.head(),
            host_places: Box::default(),
            limits,
            request_id: None,
            logs: Box::new([Some(0)]),
            #[cfg(feature = "tls")]
            tls: None,
            applications: Vec::new(),
        }
    }

    /// Where the worker has the log of the responses of a route; that of the site itself if the route is not known.
    pub(crate) fn log_of(&self, route: Option<&Route>) -> Option<u16> {
        let number = self.site.log_of(route);
        self.logs.get(usize::from(number)).copied().flatten()
    }

    /// The same, with a place in the worker's counters for each host.
    pub(crate) fn counted_by(self, counters: &mut Counters) -> Setup {
        Setup { host_places: counters.places_of(&self.site.host_labels()), ..self }
    }

    /// Where the requests of a route are counted.
    #[inline]
    pub(crate) fn host_place(&self, route: Option<&Route>) -> u32 {
        let host = route.map_or(0, Route::host_place);
        // What has no place is not counted: requests for the status of the server.
        self.host_places.get(host).copied().unwrap_or(u32::MAX)
    }

    /// The same, with these proxies that are believed when they name their client.
    pub(crate) fn trusting(self, proxies: TrustedProxies) -> Setup {
        Setup { proxies, ..self }
    }
}

impl WorkerContext {
    /// The context of a new worker with this number.
    pub(crate) fn new(
        setup: Setup,
        files: OpenFiles,
        log: Option<LogWriter>,
        threads: Threads,
        worker: usize,
        now: Now,
    ) -> WorkerContext {
        let mut counters = Counters::default();
        let setup = Rc::new(setup.counted_by(&mut counters));
        WorkerContext {
            files,
            clock: TurnClock::new(now),
            room: Room::new(setup.limits.response_spool_bytes_max),
            memory: MemoryWatch::default(),
            without_room: BTreeSet::new(),
            status_setup: Rc::clone(&setup),
            setup,
            counters,
            free_list: FreeList::default(),
            free_streams: FreeStreams::default(),
            buffers: Buffers::default(),
            log,
            id_maker: IdMaker::default(),
            refusals: Refusals::default(),
            beginning_warned_at: None,
            tls_warned_at: None,
            scratch: Vec::new(),
            is_stopping: false,
            is_draining: false,
            gateway: Gateway::new(worker),
            places: Vec::new(),
            #[cfg(feature = "tls")]
            tls: Rc::new(TlsWorker::new()),
            threads,
        }
    }

    /// The address of a listener.
    pub(crate) fn listening_at(&self, place: u16) -> Option<SocketAddr> {
        self.places.get(usize::from(place)).and_then(|place| place.address)
    }

    /// Whether clients of a listener may speak HTTP/2 without TLS.
    pub(crate) fn speaks_http2(&self, place: u16) -> bool {
        self.places.get(usize::from(place)).is_some_and(|place| place.speaks_http2)
    }

    /// Whether only the status of the server is served at a place.
    pub(crate) fn is_for_status(&self, place: u16) -> bool {
        self.places.get(usize::from(place)).is_some_and(|place| place.for_status)
    }

    /// The number of a place, by which the others find it again. Connections keep it for their lives, so that no number
    /// ever gets another meaning.
    pub(crate) fn number_of(&mut self, place: ListenPlace) -> u16 {
        let known = self.places.iter().position(|it| *it == place);
        let number = known.unwrap_or(self.places.len());
        if known.is_none() && number < PLACES_MAX {
            self.places.push(place);
        }
        u16::try_from(number).unwrap_or(u16::MAX)
    }

    /// The number of an address to which a connection from elsewhere has come.
    pub(crate) fn listening_number(&mut self, address: Option<SocketAddr>) -> u16 {
        match self.places.iter().position(|it| it.address == address) {
            Some(number) => number as u16,
            None => self.number_of(ListenPlace { address, speaks_http2: false, for_status: false }),
        }
    }

    /// Has threads encode what was found to be worth it, and compute the tags of files that were sent without: no request
    /// waits for either.
    pub(crate) fn begin_encodings(&mut self) {
        if let Some(summation) = self.files.take_summation() {
            self.threads.sum(summation);
        }
        for encoding in self.files.take_encodings() {
            self.threads.encoders.encode(encoding);
        }
    }

    /// Drops a value that may hold a file without a name on a thread: freeing its blocks may take the disk a while.
    pub(crate) fn drop_elsewhere(&self, value: impl Send + 'static) {
        self.threads.submit_to_disk(Box::new(move || drop(value)));
    }

    /// Drops a completion that came too late.
    pub(crate) fn drop_completion(&self, completion: Completion) {
        if matches!(completion, Completion::Spooled(_) | Completion::BacklogWritten(_)) {
            self.drop_elsewhere(completion);
        }
    }
}

impl Threads {
    fn sender(&self, id: ExchangeId) -> CompletionSender {
        CompletionSender { id, mailbox: Arc::clone(&self.mailbox) }
    }

    /// Exchanges bound the queue of the disk pool themselves: each has one job under way at most, and files to drop.
    fn submit_to_disk(&self, job: SingleJob) {
        if self.disk.submit(job).is_err() {
            log::error!("the disk pool refuses a job");
        }
    }

    /// Reads something from the disk on a thread, or encodes it, which sends a message when that is done, or when no
    /// thread can do it.
    pub(crate) fn prefetch(&self, id: ExchangeId, prefetch: Prefetch) {
        let sender = self.sender(id);
        match prefetch {
            Prefetch::Encode(_) => self.encoders.prefetch(sender, prefetch),
            _ => self.submit_to_disk(jobs::prefetch(sender, prefetch)),
        }
    }

    /// Encodes a piece of a response body on a thread, which sends it in a message.
    pub(crate) fn encode_piece(&self, id: ExchangeId, piece: PieceEncoding) {
        self.encoders.encode_piece(self.sender(id), piece);
    }

    /// Computes the sum of a file on a thread, in steps. Nobody waits for it.
    pub(crate) fn sum(&self, summation: Summation) {
        self.submit_to_disk(jobs::sum(Arc::downgrade(&self.disk), summation));
    }

    /// Writes a part of a request body to the disk on a thread, which sends a message when that is done.
    pub(crate) fn write(&self, id: ExchangeId, on_disk: OnDisk, bytes: Vec<u8>) {
        let directory = Arc::clone(&self.spool_directory);
        self.submit_to_disk(jobs::write(self.sender(id), directory, on_disk, bytes));
    }

    /// Writes a part of a response body to the disk on a thread, which sends a message with what the disk did not take.
    pub(crate) fn write_backlog(&self, id: ExchangeId, backlog: Backlog) {
        let directory = Arc::clone(&self.spool_directory);
        self.submit_to_disk(jobs::write_backlog(self.sender(id), directory, backlog));
    }

    /// Lets a handler find its response on a thread of this pool, when its connection has its turn; it comes as a
    /// message. `None`: all threads are busy and their queue is full.
    pub(crate) fn answer(
        &self,
        id: ExchangeId,
        job: site::Job,
        pool: Arc<Pool>,
        request: Arc<RequestName>,
    ) -> Option<PendingJob> {
        let cancellation = Cancellation::default();
        let handler = self.handler_jobs.job(request);
        let attempts = jobs::answer(self.sender(id), job, cancellation.clone(), handler);
        let owner =
            Owner { worker: self.handler_jobs.worker(), number: id.connection.to_token() as u64 };
        match pool.submit_retried(attempts, Some(owner)) {
            Ok(ticket) => Some(PendingJob { pool, ticket, cancellation }),
            Err(attempts) => {
                self.submit_to_disk(Box::new(move || drop(attempts)));
                None
            }
        }
    }

    /// Cancels a handler's job. If a thread has begun it, the handler can find that out. Returns whether one had.
    pub(crate) fn cancel(&self, work: PendingJob) -> bool {
        work.cancellation.cancel();
        let waiting = work.pool.withdraw(work.ticket);
        let has_begun = waiting.is_none();
        if let Some(attempts) = waiting {
            self.submit_to_disk(Box::new(move || drop(attempts)));
        }
        has_begun
    }

    /// What keeps the threads for handlers busy, for the log.
    pub(crate) fn load(&self, now: Instant) -> String {
        let (count, waiting) = (self.handlers.threads_max(), self.handlers.waiting());
        let (longest, streams) = self.handler_jobs.longest(now);
        let longest =
            longest.map_or(String::new(), |it| format!(", {} for {:.1?}", it.request, it.time));
        let streams = match streams {
            0 => String::new(),
            _ => format!(", {streams} of them with response streams"),
        };
        format!(
            "all {count} threads for handlers are busy{longest}{streams}, and {waiting} requests wait"
        )
    }

    /// Lets other jobs go before one that has not begun, because its client may have gone.
    pub(crate) fn yield_place(&self, work: &PendingJob) -> Yielded {
        work.pool.yield_place(work.ticket)
    }

    /// What wakes this exchange when its sender has sent something.
    pub(crate) fn waker(&self, id: ExchangeId) -> Waker {
        let worker: Arc<dyn WakeWorker> = Arc::<Mailbox>::clone(&self.mailbox);
        Waker { worker, key: id.into() }
    }

    /// A pipe to a thread that wakes this exchange.
    pub(crate) fn pipe_to_thread(&self, id: ExchangeId) -> (Inlet, BodyReader) {
        pipe::to_thread(self.sender(id).wake())
    }
}

/// More addresses than a machine usually has. The requests of connections to others do not know to which they came.
const PLACES_MAX: usize = 4096;
