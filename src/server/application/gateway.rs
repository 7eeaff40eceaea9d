//! How a worker reaches applications: it sends requests to the process that has the fewest, and reads
//! responses when epoll reports them.
//!
//! It must never know an exchange, only its id.

mod responses;
mod upstream;

pub(crate) use self::responses::Completions;
use self::responses::{
    ApplicationMessage, CreditExceeded, MessageTimes, lose, on_message, refuse, take_back,
};
use self::upstream::Upstream;
use super::commands::{ProcessId, SlotCommand, Why};
use super::link::{Link, LinkState, ProcessEvent, RequestExpired};
use super::pending::{Forwarded, KeptSpool};
use crate::files::Spool;
use crate::server::buffers::Buffers;
use crate::server::id::ExchangeId;
use crate::server::metrics::counters::ApplicationNumbers;
use crate::server::pool::{Pool, Yielded};
use crate::site::{Application, Backend, BodyStore, Forward, RequestBody};
use crate::sys::channel::{Arrived, MESSAGE_BYTES_MAX};
use crate::wsgi::response::HEADER_BYTES;
use crate::wsgi::{REQUEST_BYTES_MAX, marshal};
use std::io::{self, IoSliceMut};
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::time::Instant;

/// The applications, as one worker sees them.
pub(crate) struct Gateway {
    /// The number of the worker, by which processes address their responses.
    reactor: usize,
    upstreams: Vec<Upstream>,
    next_number: u64,
    /// What messages are received into.
    buffer: Vec<u8>,
    /// Processes that may have sent more than was read in the turn at hand.
    unread: Vec<ProcessId>,
}

impl Gateway {
    /// The gateway of the worker with this number; it knows no application yet.
    pub(crate) fn new(reactor: usize) -> Gateway {
        Gateway {
            reactor,
            upstreams: Vec::new(),
            // An idle thread shows a token of zeros.
            next_number: 1,
            buffer: Vec::new(),
            unread: Vec::new(),
        }
    }

    /// Sends a request on, or keeps it until a process has room.
    pub(crate) fn submit(
        &mut self,
        id: ExchangeId,
        forward: Forward,
        disk: &Arc<Pool>,
    ) -> Submitted {
        let Forward { backend: Backend(application), message: environ, body } = forward;
        let index = self.index_of(&application);
        let upstream = &mut self.upstreams[index];
        if upstream.waiting.first.len() >= WAITING_MAX {
            return Submitted::Refused;
        }
        let (body, spool) = match marshalled(body) {
            Ok(body) => body,
            Err(error) => {
                log::error!("{}: cannot send the body of a request: {error}", application.target);
                return Submitted::Refused;
            }
        };
        let bytes = environ.len() + body.len();
        if bytes > REQUEST_BYTES_MAX {
            log::error!(
                "{}: cannot send a request of {bytes} bytes: the longest has {REQUEST_BYTES_MAX}",
                application.target
            );
            return Submitted::Refused;
        }
        let spool = spool.map(|spool| KeptSpool::new(spool, Arc::clone(disk)));
        let exchange = Forwarded { id, environ, body, spool };
        upstream.waiting.first.push_back(exchange);
        upstream.dispatch(self.reactor, &mut self.next_number);
        Submitted::Accepted
    }

    /// What it knows of each application, to be counted.
    pub(crate) fn numbers(&self) -> Vec<ApplicationNumbers> {
        self.upstreams.iter().map(Upstream::numbers).collect()
    }

    /// Reads one message that a process has sent to this worker, so that it can be passed on while it is in
    /// the CPU's cache. Returns whether there may be another.
    pub(crate) fn read(
        &mut self,
        process: ProcessId,
        now: Instant,
        buffers: &mut Buffers,
        completions: &mut Completions,
    ) -> bool {
        let Some((index, place)) = self.place_of(process) else {
            return false;
        };
        let upstream = &mut self.upstreams[index];
        let times = MessageTimes {
            now,
            quiet_max: upstream.application.stream_timeout,
            given_up: now + upstream.application.timeout,
        };
        let link = &mut upstream.links[place];
        // A process without requests sends nothing: that saves a call.
        if link.pending.is_empty() {
            return false;
        }
        let mut header = [0; HEADER_BYTES];
        // It has this length already, unless the one before was kept.
        self.buffer.resize(MESSAGE_BYTES_MAX, 0);
        let room = &mut [IoSliceMut::new(&mut header), IoSliceMut::new(&mut self.buffer)];
        match link.responses.receive_into(room) {
            Ok(Some(Arrived { length: 0, .. })) | Ok(None) => return false,
            Ok(Some(Arrived { length, descriptors })) => {
                let length = length.saturating_sub(HEADER_BYTES);
                let buffer = &mut self.buffer;
                let message = ApplicationMessage { header, length, buffer, descriptors };
                if on_message(link, message, times, buffers, completions) == Err(CreditExceeded) {
                    link.state = LinkState::Leaving;
                    let why = Why::SendsTooMuch;
                    link.slot.send(SlotCommand::Replace { process, why });
                }
            }
            // The message arrived cut, without its descriptors, or empty.
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                refuse(link, &header, completions);
            }
            Err(error) => {
                let target = &upstream.application.target;
                log::error!("{target}: cannot read from a process: {error}");
                return false;
            }
        }
        true
    }

    /// Sends on what waits, once responses have made room for it.
    pub(crate) fn send_waiting(&mut self) {
        for upstream in &mut self.upstreams {
            upstream.dispatch(self.reactor, &mut self.next_number);
        }
    }

    /// Remembers that a process may have sent more than was read in this turn.
    pub(crate) fn put_off(&mut self, process: ProcessId) {
        if !self.unread.contains(&process) {
            self.unread.push(process);
        }
    }

    /// The processes that were put off in the turn before.
    pub(crate) fn take_unread(&mut self) -> Vec<ProcessId> {
        std::mem::take(&mut self.unread)
    }

    /// Whether a process was put off.
    pub(crate) fn has_unread(&self) -> bool {
        !self.unread.is_empty()
    }

    /// A slot reports about its process.
    pub(crate) fn on_process_event(
        &mut self,
        application: &Arc<Application>,
        event: ProcessEvent,
        now: Instant,
        buffers: &mut Buffers,
    ) -> Completions {
        let mut completions = Vec::new();
        match event {
            ProcessEvent::Serves(link) => {
                let index = self.index_of(application);
                self.upstreams[index].links.push(*link);
                self.upstreams[index].dispatch(self.reactor, &mut self.next_number);
            }
            ProcessEvent::Leaves(process) => {
                if let Some((index, place)) = self.place_of(process) {
                    self.upstreams[index].links[place].state = LinkState::Leaving;
                }
            }
            ProcessEvent::TakenBack(process, taken) => {
                if let Some((index, place)) = self.place_of(process) {
                    let upstream = &mut self.upstreams[index];
                    let waiting = &mut upstream.waiting.first;
                    take_back(&mut upstream.links[place], self.reactor, &taken, waiting);
                    upstream.dispatch(self.reactor, &mut self.next_number);
                }
            }
            ProcessEvent::Ended(process, begun) => {
                // What it sent before it ended counts.
                for _ in 0..LAST_MESSAGES_MAX {
                    if !self.read(process, now, buffers, &mut completions) {
                        break;
                    }
                }
                if let Some((index, place)) = self.place_of(process) {
                    let upstream = &mut self.upstreams[index];
                    let link = upstream.links.swap_remove(place);
                    let waiting = &mut upstream.waiting.first;
                    lose(link, self.reactor, &begun, waiting, &mut completions);
                    upstream.dispatch(self.reactor, &mut self.next_number);
                }
            }
        }
        completions
    }

    /// What became of a request whose time is over, as far as its connection knows. Unless it has more time,
    /// nobody waits for it any more.
    pub(crate) fn expire(&mut self, id: ExchangeId, now: Instant) -> RequestExpired {
        let mut upstreams = self.upstreams.iter_mut();
        upstreams
            .find_map(|upstream| upstream.expire(id, self.reactor, now))
            .unwrap_or(RequestExpired::InQueue)
    }

    /// The client of a request has gone: no process begins it any more, and its response is dropped.
    pub(crate) fn withdraw(&mut self, id: ExchangeId, now: Instant) {
        let _ = self.upstreams.iter_mut().any(|it| it.withdraw(id, self.reactor, now));
    }

    /// The client of a request will send nothing more, and may have gone: other requests come first.
    pub(crate) fn yield_place(&mut self, id: ExchangeId) -> Yielded {
        let mut upstreams = self.upstreams.iter_mut();
        upstreams.find_map(|upstream| upstream.yield_place(id)).unwrap_or(Yielded::Kept)
    }

    /// Once a second or so: sees what has begun, and finds processes that hang although the time of no
    /// request is over.
    pub(crate) fn look(&mut self, now: Instant) {
        for upstream in &mut self.upstreams {
            upstream.look(self.reactor, now);
            upstream.dispatch(self.reactor, &mut self.next_number);
        }
    }

    /// Whether there is anything to [`look`](Gateway::look) at.
    pub(crate) fn is_busy(&self) -> bool {
        self.upstreams.iter().any(Upstream::is_busy)
    }

    /// The link to a process, to register it.
    pub(crate) fn link(&self, process: ProcessId) -> Option<&Link> {
        let (index, place) = self.place_of(process)?;
        self.upstreams[index].links.get(place)
    }

    /// Forgets applications that have neither a process nor a request.
    pub(crate) fn forget_ended(&mut self) {
        self.upstreams.retain(|upstream| !upstream.links.is_empty() || upstream.is_busy());
    }

    /// The place of an application, which is made where it has none yet.
    fn index_of(&mut self, application: &Arc<Application>) -> usize {
        let known = |it: &Upstream| it.application.id() == application.id();
        self.upstreams.iter().position(known).unwrap_or_else(|| {
            self.upstreams.push(Upstream::new(Arc::clone(application)));
            self.upstreams.len() - 1
        })
    }

    fn place_of(&self, process: ProcessId) -> Option<(usize, usize)> {
        self.upstreams.iter().enumerate().find_map(|(index, upstream)| {
            let place = upstream.links.iter().position(|link| link.process == process)?;
            Some((index, place))
        })
    }
}

/// A body as the last value of a request: bytes, or the path of a file that is kept meanwhile.
fn marshalled(body: RequestBody) -> io::Result<(Vec<u8>, Option<Spool>)> {
    let mut marshalled = Vec::new();
    match body {
        RequestBody(BodyStore::Spooled(spool)) => {
            let path = spool.path().ok_or(io::ErrorKind::InvalidInput)?;
            marshal::text_latin_1(&mut marshalled, path.as_os_str().as_bytes());
            Ok((marshalled, Some(spool)))
        }
        other => {
            marshal::bytes(&mut marshalled, other.as_bytes().unwrap_or_default());
            Ok((marshalled, None))
        }
    }
}

/// Whether the gateway takes a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Submitted {
    /// A completion will answer its exchange.
    Accepted,
    /// Too many requests wait, or this one cannot be sent.
    Refused,
}

/// Messages that are read of a process that has ended. Its socket holds fewer, and what the process has left
/// behind may still write to it.
const LAST_MESSAGES_MAX: usize = 8192;

/// Requests of one worker that wait for a process; more are answered with 503.
const WAITING_MAX: usize = 1024;

#[cfg(test)]
mod tests;
