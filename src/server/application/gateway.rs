//! How a worker reaches applications: requests go to the process that has the fewest, answers are read
//! when epoll reports them.
//!
//! It must never know a connection, only its name.

use super::link::{Exchange, Link, LinkState, News, Pending, ProcessId, Progress};
use super::orders::{Order, Orders};
use crate::files::Spool;
use crate::http::Status;
use crate::server::buffers::Buffers;
use crate::server::id::ConnectionId;
use crate::server::mailbox::Delivery;
use crate::server::state::Handed;
use crate::site::pipe::{Reader, within_worker};
use crate::site::{Application, Content, Forward, OwnedContent, OwnedResponse};
use crate::sys::channel::{Arrived, MESSAGE_BYTES_MAX};
use crate::wsgi::answer::{Answer, Head, Kind, Last};
use crate::wsgi::{Token, marshal, request};
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::time::Instant;

/// What there is to tell connections after something was read.
pub type Deliveries = Vec<(ConnectionId, Delivery)>;

/// The applications, as one worker sees them.
pub struct Gateway {
    /// The number of the worker, by which processes send their answers.
    reactor: usize,
    served: Vec<Served>,
    next_number: u64,
    buffer: Vec<u8>,
}

struct Served {
    application: Arc<Application>,
    links: Vec<Link>,
    /// To whom it is told when a process hangs.
    orders: Vec<Orders>,
    /// Requests that no process has room for.
    waiting: VecDeque<Exchange>,
}

impl Gateway {
    /// Of a worker with this number; it knows no application yet.
    pub fn new(reactor: usize) -> Gateway {
        Gateway { reactor, served: Vec::new(), next_number: 0, buffer: Vec::new() }
    }

    /// Sends a request on, or keeps it until a process has room.
    pub fn submit(&mut self, id: ConnectionId, forward: Forward, now: Instant) -> Handed {
        let application = forward.application;
        let index = self.index_of(&application);
        let served = &mut self.served[index];
        if served.waiting.len() >= WAITING_MAX {
            return Handed::Refused;
        }
        let (content, spool) = match marshalled(forward.content) {
            Ok(content) => content,
            Err(error) => {
                log::error!("content for an application: {error}");
                return Handed::Refused;
            }
        };
        let deadline = now + application.timeout;
        let exchange = Exchange { id, environ: forward.environ, content, spool, deadline };
        served.waiting.push_back(exchange);
        self.dispatch(index, now);
        Handed::Over
    }

    /// Sends what waits to processes that have room, the one with the fewest exchanges first.
    fn dispatch(&mut self, index: usize, now: Instant) {
        let served = &mut self.served[index];
        let room = served.application.threads + 1;
        while let Some(exchange) = served.waiting.pop_front() {
            if exchange.deadline <= now {
                // It has been answered for.
                continue;
            }
            let links = served.links.iter_mut().filter(|link| link.state == LinkState::Open);
            let Some(link) =
                links.min_by_key(|link| link.pending.len()).filter(|it| it.pending.len() < room)
            else {
                served.waiting.push_front(exchange);
                return;
            };
            let number = self.next_number;
            self.next_number += 1;
            let token = Token::new(self.reactor as u64, number);
            let mut head = Vec::with_capacity(32);
            request::begin(&mut head, token, self.reactor);
            let slices = [&head, &exchange.environ, &exchange.content].map(|it| IoSlice::new(it));
            match link.requests.send_slices(&slices, &[]) {
                Ok(()) => {
                    let deadline = exchange.deadline;
                    let pending = Pending { exchange, progress: Progress::None, deadline };
                    link.pending.insert(number, pending);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    // Its queue is full of other workers' requests. An answer to one of ours will
                    // let us try again, and where there is none of ours, the next look will.
                    served.waiting.push_front(exchange);
                    return;
                }
                Err(_) => {
                    // It is being replaced: the news is on its way.
                    link.state = LinkState::Leaving;
                    served.waiting.push_front(exchange);
                }
            }
        }
    }

    /// Reads what a process has answered to this worker.
    pub fn read(
        &mut self,
        process: ProcessId,
        now: Instant,
        buffers: &mut Buffers,
        deliveries: &mut Deliveries,
    ) {
        let Some((index, place)) = self.place_of(process) else {
            return;
        };
        self.buffer.resize(MESSAGE_BYTES_MAX, 0);
        let served = &mut self.served[index];
        let timeout = served.application.timeout;
        let link = &mut served.links[place];
        // Whoever has nothing to say says nothing: there is no need to ask then.
        while !link.pending.is_empty() {
            match link.answers.receive_into(&mut self.buffer) {
                Ok(Some(Arrived { length: 0, .. })) | Ok(None) => break,
                Ok(Some(Arrived { length, descriptors })) => {
                    let message = &self.buffer[..length];
                    take_in(link, message, descriptors, now + timeout, buffers, deliveries);
                }
                Err(error) => {
                    log::error!("reading from an application: {error}");
                    break;
                }
            }
        }
        self.dispatch(index, now);
    }

    /// Takes in what a slot tells.
    pub fn hear(
        &mut self,
        application: &Arc<Application>,
        news: News,
        now: Instant,
        buffers: &mut Buffers,
    ) -> Deliveries {
        let mut deliveries = Vec::new();
        match news {
            News::Joined(link, orders) => {
                let index = self.index_of(application);
                self.served[index].links.push(*link);
                self.served[index].orders.push(orders);
                self.dispatch(index, now);
            }
            News::Leaves(process) => {
                if let Some((index, place)) = self.place_of(process) {
                    self.served[index].links[place].state = LinkState::Leaving;
                }
            }
            News::Left(process, unread) => {
                // What it said before it ended counts.
                self.read(process, now, buffers, &mut deliveries);
                if let Some((index, place)) = self.place_of(process) {
                    let served = &mut self.served[index];
                    let link = served.links.swap_remove(place);
                    served.orders.swap_remove(place);
                    lose(link, self.reactor, &unread, &mut served.waiting, &mut deliveries);
                    self.dispatch(index, now);
                }
            }
        }
        deliveries
    }

    /// Nobody waits any more for an answer that has not come in its time: its process hangs.
    pub fn give_up(&mut self, id: ConnectionId) {
        for served in &mut self.served {
            served.waiting.retain(|exchange| exchange.id != id);
            for (link, orders) in served.links.iter_mut().zip(&served.orders) {
                let mut hangs = false;
                for pending in link.pending.values_mut() {
                    if pending.exchange.id == id && !matches!(pending.progress, Progress::GivenUp) {
                        pending.progress = Progress::GivenUp;
                        hangs = true;
                    }
                }
                if hangs {
                    orders.give(Order::Replace { process: link.process, why: "it hangs" });
                }
            }
        }
    }

    /// Once a second or so: whoever does not go on with an answer that nobody waits for hangs, too.
    pub fn look(&mut self, now: Instant) {
        for index in 0..self.served.len() {
            let served = &mut self.served[index];
            for (link, orders) in served.links.iter_mut().zip(&served.orders) {
                let late = link.pending.values_mut().filter(|pending| pending.deadline <= now);
                let mut hangs = false;
                for pending in late {
                    pending.deadline = now + served.application.timeout;
                    hangs = true;
                }
                if hangs {
                    orders.give(Order::Replace { process: link.process, why: "it hangs" });
                }
            }
            self.dispatch(index, now);
        }
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
        Served { application, links: Vec::new(), orders: Vec::new(), waiting: VecDeque::new() }
    }
}

/// Content as the last value of a request: bytes, or the path of a file that is kept meanwhile.
fn marshalled(content: Content) -> io::Result<(Vec<u8>, Option<Spool>)> {
    let mut marshalled = Vec::new();
    match content {
        Content::Spooled(spool) => {
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

/// One message of a process.
fn take_in(
    link: &mut Link,
    message: &[u8],
    mut descriptors: Vec<OwnedFd>,
    deadline: Instant,
    buffers: &mut Buffers,
    deliveries: &mut Deliveries,
) {
    let Some(answer) = Answer::read(message) else {
        return refuse(link, message, deliveries);
    };
    let number = answer.token.second();
    let Some(mut pending) = link.pending.remove(&number) else {
        return;
    };
    pending.deadline = deadline;
    let id = pending.exchange.id;
    let mut tell = |delivery| deliveries.push((id, delivery));
    let answered = |response| Delivery::Answered(Box::new(response));
    match (answer.kind, &pending.progress) {
        (_, Progress::GivenUp) => {}
        (Kind::Head(head, content), Progress::None) if answer.last == Last::Yes => {
            tell(answered(whole(head, buffers.copy(content))));
        }
        (Kind::Head(head, content), Progress::None) => {
            let (feeder, outlet) = link.pipe(answer.token, answer.thread);
            feeder.push(buffers.copy(content));
            pending.progress = Progress::Content(feeder);
            let Head { status, headers, length } = head;
            let content = OwnedContent::Piped(outlet, length);
            tell(answered(OwnedResponse { status, headers, content }));
        }
        (Kind::File { head, offset, length }, Progress::None) => {
            let Head { status, headers, length: announced } = head;
            let content = match descriptors.pop() {
                Some(open) => OwnedContent::Open(open, offset, length.or(announced)),
                None => OwnedContent::Empty,
            };
            tell(answered(OwnedResponse { status, headers, content }));
        }
        (Kind::Failed, Progress::None) => {
            tell(answered(OwnedResponse::new(Status::INTERNAL_SERVER_ERROR)));
        }
        (Kind::Piece(content), Progress::Content(feeder)) => {
            let mut reader = feeder.push(buffers.copy(content));
            if answer.last == Last::Yes && feeder.finish() == Reader::Waits {
                reader = Reader::Waits;
            }
            if reader == Reader::Waits {
                tell(Delivery::Moved);
            }
        }
        (Kind::Broken, Progress::Content(feeder)) => {
            if feeder.break_off() == Reader::Waits {
                tell(Delivery::Moved);
            }
        }
        (kind, _) => log::error!("an application says {kind:?} out of turn"),
    }
    if answer.last == Last::No {
        link.pending.insert(number, pending);
    }
}

/// An answer that came in one message. What it says of its length counts: to a HEAD it is that of the
/// content that a GET would get (RFC 9110 §9.3.2), and to a GET that is shorter it is a promise broken.
fn whole(head: Head, content: Vec<u8>) -> OwnedResponse {
    let Head { status, headers, length } = head;
    let content = match length {
        Some(length) if length != content.len() as u64 => {
            let (feeder, outlet) = within_worker(Box::new(|_| {}));
            feeder.push(content);
            feeder.finish();
            OwnedContent::Piped(outlet, Some(length))
        }
        _ if content.is_empty() => OwnedContent::Empty,
        _ => OwnedContent::Bytes(content),
    };
    OwnedResponse { status, headers, content }
}

/// A head that cannot be sent, from whoever it is.
fn refuse(link: &mut Link, message: &[u8], deliveries: &mut Deliveries) {
    log::error!("an application answers with a head that cannot be sent");
    let token = message.first_chunk().map(|bytes| Token(*bytes));
    if let Some(pending) = token.and_then(|token| link.pending.remove(&token.second())) {
        let failed = OwnedResponse::new(Status::INTERNAL_SERVER_ERROR);
        deliveries.push((pending.exchange.id, Delivery::Answered(Box::new(failed))));
    }
}

/// A process has ended: what it never took goes to another, what it had begun is lost.
fn lose(
    link: Link,
    reactor: usize,
    unread: &[Token],
    waiting: &mut VecDeque<Exchange>,
    deliveries: &mut Deliveries,
) {
    for (number, pending) in link.pending {
        let id = pending.exchange.id;
        match pending.progress {
            Progress::GivenUp => {}
            Progress::None if unread.contains(&Token::new(reactor as u64, number)) => {
                waiting.push_front(pending.exchange);
            }
            Progress::None => {
                let lost = OwnedResponse::new(Status::BAD_GATEWAY);
                deliveries.push((id, Delivery::Answered(Box::new(lost))));
            }
            Progress::Content(feeder) => {
                if feeder.break_off() == Reader::Waits {
                    deliveries.push((id, Delivery::Moved));
                }
            }
        }
    }
}

/// Requests of one worker that wait for a process; more are answered with 503.
const WAITING_MAX: usize = 1024;

#[cfg(test)]
mod tests;
