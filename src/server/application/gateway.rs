//! How a worker reaches applications: requests go to the process that has the fewest, answers are read
//! when epoll reports them.
//!
//! It must never know an exchange, only its name.

mod said;
mod waiting;

use self::said::{ApplicationMessage, Said, Times, lose, refuse, take_in};
pub use self::waiting::RequestExpired;
use self::waiting::Waiting;
use super::link::{Forwarded, KeptSpool, Link, LinkState, News, Pending, Progress};
use super::orders::{Order, ProcessId, Why};
use crate::files::Spool;
use crate::server::buffers::Buffers;
use crate::server::id::ExchangeId;
use crate::server::mailbox::Completion;
use crate::server::pool::Pool;
use crate::site::{Application, Backend, Forward, RequestBody};
use crate::sys::channel::{Arrived, MESSAGE_BYTES_MAX};
use crate::wsgi::answer::HEADER_BYTES;
use crate::wsgi::{REQUEST_BYTES_MAX, Token, marshal, request};
use std::io::{self, IoSlice, IoSliceMut};
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::time::Instant;

/// What there is to tell connections after something was read.
pub type Completions = Vec<(ExchangeId, Completion)>;

/// The applications, as one worker sees them.
pub struct Gateway {
    /// The number of the worker, by which processes send their answers.
    reactor: usize,
    served: Vec<Served>,
    next_number: u64,
    /// What messages are received into.
    buffer: Vec<u8>,
    /// Who may have said more than was read in the turn at hand.
    unread: Vec<ProcessId>,
}

struct Served {
    application: Arc<Application>,
    links: Vec<Link>,
    waiting: Waiting,
    /// When it was last said that requests found no thread.
    reported_at: Option<Instant>,
}

/// Whether a request was sent, so that another may be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sent {
    Yes,
    No,
}

impl Gateway {
    /// Of a worker with this number; it knows no application yet.
    pub fn new(reactor: usize) -> Gateway {
        Gateway {
            reactor,
            served: Vec::new(),
            // The number of nobody is 0.
            next_number: 1,
            buffer: Vec::new(),
            unread: Vec::new(),
        }
    }

    /// Sends a request on, or keeps it until a process has room.
    pub fn submit(&mut self, id: ExchangeId, forward: Forward, disk: &Arc<Pool>) -> Handed {
        let Forward { backend: Backend(application), message: environ, body } = forward;
        let index = self.index_of(&application);
        let served = &mut self.served[index];
        if served.waiting.first.len() >= WAITING_MAX {
            return Handed::Refused;
        }
        let (content, spool) = match marshalled(body) {
            Ok(content) => content,
            Err(error) => {
                log::error!("content for an application: {error}");
                return Handed::Refused;
            }
        };
        if environ.len() + content.len() > REQUEST_BYTES_MAX {
            log::error!("a request is too long to be sent to an application");
            return Handed::Refused;
        }
        let spool = spool.map(|spool| KeptSpool::new(spool, Arc::clone(disk)));
        let exchange = Forwarded { id, environ, content, spool };
        served.waiting.first.push_back(exchange);
        self.dispatch(index);
        Handed::Over
    }

    /// Sends what waits to processes that have room, the one with the fewest exchanges first. Requests of
    /// clients that may have gone are sent where a thread would be idle otherwise.
    fn dispatch(&mut self, index: usize) {
        let served = &mut self.served[index];
        let room = served.room();
        while served.dispatch_first(room, self.reactor, &mut self.next_number) == Sent::Yes {}
    }

    /// Reads one message of what a process has answered to this worker, so that it can be passed on
    /// while it is in the CPU's cache.
    pub fn read(
        &mut self,
        process: ProcessId,
        now: Instant,
        buffers: &mut Buffers,
        completions: &mut Completions,
    ) -> Rest {
        let Some((index, place)) = self.place_of(process) else {
            return Rest::None;
        };
        let served = &mut self.served[index];
        let times = Times {
            now,
            quiet_max: served.application.stream_timeout,
            given_up: now + served.application.timeout,
        };
        let link = &mut served.links[place];
        // Whoever has nothing to say says nothing: there is no need to ask then.
        if link.pending.is_empty() {
            return Rest::None;
        }
        let mut header = [0; HEADER_BYTES];
        // It has this length already, unless the one before was kept.
        self.buffer.resize(MESSAGE_BYTES_MAX, 0);
        let room = &mut [IoSliceMut::new(&mut header), IoSliceMut::new(&mut self.buffer)];
        match link.answers.receive_into(room) {
            Ok(Some(Arrived { length: 0, .. })) | Ok(None) => return Rest::None,
            Ok(Some(Arrived { length, descriptors })) => {
                let length = length.saturating_sub(HEADER_BYTES);
                let buffer = &mut self.buffer;
                let message = ApplicationMessage { header, length, buffer, descriptors };
                if take_in(link, message, times, buffers, completions) == Said::TooMuch {
                    link.state = LinkState::Leaving;
                    let why = Why::SendsTooMuch;
                    link.orders.give(Order::Replace { process, why });
                }
            }
            // It arrived cut, or without what came with it, or says nothing.
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                refuse(link, &header, completions);
            }
            Err(error) => {
                log::error!("reading from an application: {error}");
                return Rest::None;
            }
        }
        Rest::Perhaps
    }

    /// Sends on what waits, once answers have made room for it.
    pub fn send_waiting(&mut self) {
        for index in 0..self.served.len() {
            self.dispatch(index);
        }
    }

    /// Remembers that a process may have said more than was read in this turn.
    pub fn put_off(&mut self, process: ProcessId) {
        if !self.unread.contains(&process) {
            self.unread.push(process);
        }
    }

    /// Who was put off in the turn before.
    pub fn take_unread(&mut self) -> Vec<ProcessId> {
        std::mem::take(&mut self.unread)
    }

    /// Whether anybody was put off.
    pub fn has_unread(&self) -> bool {
        !self.unread.is_empty()
    }

    /// Takes in what a slot tells.
    pub fn on_news(
        &mut self,
        application: &Arc<Application>,
        news: News,
        now: Instant,
        buffers: &mut Buffers,
    ) -> Completions {
        let mut completions = Vec::new();
        match news {
            News::Joined(link) => {
                let index = self.index_of(application);
                self.served[index].links.push(*link);
                self.dispatch(index);
            }
            News::Leaves(process) => {
                if let Some((index, place)) = self.place_of(process) {
                    self.served[index].links[place].state = LinkState::Leaving;
                }
            }
            News::Left(process, begun) => {
                // What it said before it ended counts.
                for _ in 0..LAST_MESSAGES_MAX {
                    if self.read(process, now, buffers, &mut completions) == Rest::None {
                        break;
                    }
                }
                if let Some((index, place)) = self.place_of(process) {
                    let served = &mut self.served[index];
                    let link = served.links.swap_remove(place);
                    lose(link, self.reactor, &begun, &mut served.waiting.first, &mut completions);
                    self.dispatch(index);
                }
            }
        }
        completions
    }

    /// Whether there is anything to [`look`](Gateway::look) at.
    pub fn is_busy(&self) -> bool {
        self.served.iter().any(|served| {
            !served.waiting.is_empty() || served.links.iter().any(|link| !link.pending.is_empty())
        })
    }

    /// The link to a process, to register it.
    pub fn link(&self, process: ProcessId) -> Option<&Link> {
        let (index, place) = self.place_of(process)?;
        self.served[index].links.get(place)
    }

    /// The place of an application, which is made where it has none yet.
    fn index_of(&mut self, application: &Arc<Application>) -> usize {
        let known = |served: &Served| served.application.id() == application.id();
        self.served.iter().position(known).unwrap_or_else(|| {
            self.served.push(Served::new(Arc::clone(application)));
            self.served.len() - 1
        })
    }

    fn place_of(&self, process: ProcessId) -> Option<(usize, usize)> {
        self.served.iter().enumerate().find_map(|(index, served)| {
            let place = served.links.iter().position(|link| link.process == process)?;
            Some((index, place))
        })
    }
}

impl Served {
    fn new(application: Arc<Application>) -> Served {
        Served { application, links: Vec::new(), waiting: Waiting::default(), reported_at: None }
    }

    fn dispatch_first(&mut self, room: usize, reactor: usize, next_number: &mut u64) -> Sent {
        if self.waiting.is_empty() {
            return Sent::No;
        }
        let (queue, room) = match self.waiting.first.is_empty() {
            false => (&mut self.waiting.first, room),
            true => (&mut self.waiting.yielded, self.application.threads),
        };
        let links = self.links.iter_mut().filter(|link| link.state == LinkState::Open);
        let link = links.min_by_key(|link| (link.hangs_until.is_some(), link.pending.len()));
        let Some(link) = link.filter(|link| link.pending.len() < room) else {
            return Sent::No;
        };
        let Some(exchange) = queue.pop_front() else {
            return Sent::No;
        };
        let number = *next_number;
        *next_number += 1;
        let mut head = Vec::with_capacity(32);
        request::begin(&mut head, Token::new(reactor as u64, number), reactor);
        let slices = [&head, &exchange.environ, &exchange.content].map(|it| IoSlice::new(it));
        match link.requests.send_slices(&slices, &[]) {
            Ok(()) => {
                let pending = Pending { exchange, progress: Progress::Sent, deadline: None };
                link.pending.insert(number, pending);
                Sent::Yes
            }
            Err(error) if is_closed(&error) => {
                // It is being replaced: the news is on its way.
                link.state = LinkState::Leaving;
                queue.push_front(exchange);
                Sent::Yes
            }
            Err(_) => {
                // Its queue is full of other workers' requests, or the kernel has no memory now.
                // An answer to one of ours will let us try again, and where there is none of
                // ours, the next look will.
                queue.push_front(exchange);
                Sent::No
            }
        }
    }

    /// How many requests a process is given at a time: for each of its threads one, and what it does
    /// next. Where there are several processes that is one request in all, for what waits in the one
    /// cannot go to another that is free sooner.
    fn room(&self) -> usize {
        let threads = self.application.threads;
        if self.application.processes == 1 { 2 * threads } else { threads + 1 }
    }
}

/// Content as the last value of a request: bytes, or the path of a file that is kept meanwhile.
fn marshalled(content: RequestBody) -> io::Result<(Vec<u8>, Option<Spool>)> {
    let mut marshalled = Vec::new();
    match content {
        RequestBody::Spooled(spool) => {
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

/// Whether a process will find the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handed {
    Over,
    Refused,
}

/// Whether there may be more to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    None,
    Perhaps,
}

/// Whether the other end of a socket is gone.
fn is_closed(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionRefused, ConnectionReset, NotConnected};
    matches!(error.kind(), BrokenPipe | ConnectionRefused | ConnectionReset | NotConnected)
}

/// Messages that are read of a process that has ended; its socket holds fewer, and what it has left
/// behind may still write to it.
const LAST_MESSAGES_MAX: usize = 8192;

/// Requests of one worker that wait for a process; more are answered with 503.
const WAITING_MAX: usize = 1024;

#[cfg(test)]
mod tests;
