//! A socket whose client and kernel a test plays: what comes in, how much goes out, and when epoll reports it.
//!
//! It keeps readiness by the same rules as [`Plain`](crate::server::wire::Plain): an edge
//! sets a flag; a read that fills less than the buffer, a write that takes less than it was given
//! and `WouldBlock` clear it.

use crate::http::Scheme;
use crate::server::wire::{Edge, ReadOutcome, Readiness, Transport, WriteOutcome};
use crate::sys::file;
use crate::sys::socket::More;
#[cfg(test)]
use std::cell::Ref;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::os::fd::BorrowedFd;
use std::rc::Rc;

/// Both ends of it: the connection holds a clone, the test another.
#[derive(Clone, Default)]
pub(in crate::server) struct Script(Rc<RefCell<Wire>>);

#[derive(Default)]
struct Wire {
    /// What the client has sent and the server has not read.
    incoming: VecDeque<u8>,
    client: Client,
    ready: Edge,
    /// How many bytes the kernel still takes.
    room_bytes: usize,
    stutter: Stutter,
    /// Whether it is a stream that sends bytes from where they are, as a socket without TLS does.
    scatters: bool,
    sent: Vec<u8>,
    calls: KernelCalls,
    end: StreamEnd,
}

/// How the client's side of the stream is.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Client {
    #[default]
    Open,
    Finished,
    Reset,
}

/// Whether a write is refused once before it is taken.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Stutter {
    #[default]
    Never,
    RefuseNext,
    TakeNext,
}

/// How the server's side of the stream ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::server) enum StreamEnd {
    #[default]
    Open,
    /// The client sees the end of the stream.
    Finished,
    /// The client will see a failure.
    Broken,
}

/// KernelCalls that reached the kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::server) struct KernelCalls {
    pub reads: usize,
    pub writes: usize,
}

impl Script {
    /// A stream fresh from accept, whose client takes everything.
    pub(in crate::server) fn new() -> Script {
        let script = Script::default();
        {
            let mut wire = script.0.borrow_mut();
            wire.ready.readable = true;
            wire.ready.writable = true;
            wire.room_bytes = usize::MAX;
        }
        script
    }

    /// The client sends bytes; the edge that epoll will report.
    pub(in crate::server) fn send(&self, bytes: &[u8]) -> Edge {
        self.0.borrow_mut().incoming.extend(bytes);
        Edge { readable: true, ..Edge::default() }
    }

    /// The client sends its FIN.
    pub(in crate::server) fn finish(&self) -> Edge {
        self.0.borrow_mut().client = Client::Finished;
        Edge { readable: true, read_closed: true, ..Edge::default() }
    }

    /// The client resets the connection.
    pub(in crate::server) fn reset(&self) -> Edge {
        self.0.borrow_mut().client = Client::Reset;
        Edge { readable: true, writable: true, read_closed: true, gone: true }
    }

    /// From now on the kernel takes so many bytes and no more.
    pub(in crate::server) fn limit(&self, room_bytes: usize) {
        self.0.borrow_mut().room_bytes = room_bytes;
    }

    /// The client makes room for so many bytes more.
    pub(in crate::server) fn make_room(&self, bytes: usize) -> Edge {
        let mut wire = self.0.borrow_mut();
        wire.room_bytes = wire.room_bytes.saturating_add(bytes);
        if wire.stutter != Stutter::Never {
            wire.stutter = Stutter::TakeNext;
        }
        Edge { writable: true, ..Edge::default() }
    }

    /// From now on each write is refused once before it is taken.
    pub(in crate::server) fn stutter(&self) {
        self.0.borrow_mut().stutter = Stutter::RefuseNext;
    }

    /// From now on bytes are sent from where they are, or not.
    pub(super) fn scatter(&self, scatters: bool) {
        self.0.borrow_mut().scatters = scatters;
    }

    /// Everything that was written so far.
    pub(in crate::server) fn sent(&self) -> Vec<u8> {
        self.0.borrow().sent.clone()
    }

    /// What was written from this place on.
    #[cfg(test)]
    pub(in crate::server) fn sent_from(&self, place: usize) -> Ref<'_, [u8]> {
        Ref::map(self.0.borrow(), |wire| &wire.sent[place..])
    }

    /// Whether it is the other end's clone.
    #[cfg(test)]
    pub(in crate::server) fn is(&self, other: &Script) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }

    /// Whether the connection has let go of it.
    #[cfg(test)]
    pub(in crate::server) fn is_dropped(&self) -> bool {
        Rc::strong_count(&self.0) == 1
    }

    /// What is the case, as epoll reports it of a socket that is new to it.
    #[cfg(test)]
    pub(in crate::server) fn readiness(&self) -> Edge {
        let wire = self.0.borrow();
        Edge {
            readable: !wire.incoming.is_empty() || wire.client != Client::Open,
            writable: wire.room_bytes > 0,
            read_closed: wire.client != Client::Open,
            gone: wire.client == Client::Reset,
        }
    }

    pub(in crate::server) fn calls(&self) -> KernelCalls {
        self.0.borrow().calls
    }

    /// How the server's side stands; closing without more ado counts as finished.
    pub(in crate::server) fn end(&self) -> StreamEnd {
        self.0.borrow().end
    }

    /// Bytes that the client has sent and the server has not read: closing now would destroy what is on
    /// its way to the client.
    pub(in crate::server) fn unread_bytes(&self) -> usize {
        self.0.borrow().incoming.len()
    }
}

impl Wire {
    /// How much of `wanted` bytes the kernel takes now.
    fn take(&mut self, wanted: usize) -> WriteOutcome {
        assert!(wanted > 0, "a write of nothing");
        assert_eq!(self.end, StreamEnd::Open, "a write after the end");
        if !self.ready.writable {
            return WriteOutcome::Blocked;
        }
        self.calls.writes += 1;
        if self.stutter == Stutter::RefuseNext || self.room_bytes == 0 {
            self.ready.writable = false;
            return WriteOutcome::Blocked;
        }
        if self.stutter == Stutter::TakeNext {
            self.stutter = Stutter::RefuseNext;
        }
        let count = wanted.min(self.room_bytes);
        self.room_bytes -= count;
        WriteOutcome::Took(count)
    }
}

impl Transport for Script {
    fn note(&mut self, edge: Edge) {
        let ready = &mut self.0.borrow_mut().ready;
        ready.readable |= edge.readable || edge.read_closed;
        ready.writable |= edge.writable;
        ready.read_closed |= edge.read_closed;
        ready.gone |= edge.gone;
    }

    fn progress(&mut self) -> io::Result<Readiness> {
        Ok(Readiness::Ready)
    }

    fn has_unread(&self) -> bool {
        self.0.borrow().ready.readable
    }

    fn wants_write(&self) -> bool {
        !self.0.borrow().ready.writable
    }

    fn scheme(&self) -> Scheme {
        Scheme::Http
    }

    fn look(&mut self) {}

    fn is_half_closed(&self) -> bool {
        self.0.borrow().ready.read_closed
    }

    fn is_gone(&self) -> bool {
        self.0.borrow().ready.gone
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<ReadOutcome> {
        assert!(!buffer.is_empty(), "a read into nothing");
        let wire = &mut *self.0.borrow_mut();
        if !wire.ready.readable {
            return Ok(ReadOutcome::Blocked);
        }
        wire.calls.reads += 1;
        if wire.client == Client::Reset {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let count = buffer.len().min(wire.incoming.len());
        if count == 0 {
            if wire.client == Client::Finished {
                return Ok(ReadOutcome::End);
            }
            wire.ready.readable = false;
            return Ok(ReadOutcome::Blocked);
        }
        let (front, back) = wire.incoming.as_slices();
        let from_front = front.len().min(count);
        buffer[..from_front].copy_from_slice(&front[..from_front]);
        buffer[from_front..count].copy_from_slice(&back[..count - from_front]);
        wire.incoming.drain(..count);
        wire.ready.readable = count == buffer.len() || wire.ready.read_closed;
        Ok(ReadOutcome::Bytes(count))
    }

    fn write(&mut self, runs: [&[u8]; 3], _more: More) -> io::Result<WriteOutcome> {
        let wire = &mut *self.0.borrow_mut();
        if wire.client == Client::Reset {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let all: usize = runs.iter().map(|run| run.len()).sum();
        let taken = wire.take(all);
        if let WriteOutcome::Took(mut count) = taken {
            wire.ready.writable = count == all;
            for run in runs {
                let of_run = run.len().min(count);
                wire.sent.extend_from_slice(&run[..of_run]);
                count -= of_run;
            }
        }
        Ok(taken)
    }

    fn scatters(&self) -> bool {
        self.0.borrow().scatters
    }

    fn write_many(&mut self, runs: &[IoSlice<'_>], _more: More) -> io::Result<WriteOutcome> {
        assert!(runs.iter().all(|run| !run.is_empty()), "a run of nothing");
        let all = runs.iter().map(|run| &**run).collect::<Vec<_>>().concat();
        self.write([&all, b"", b""], More::Nothing)
    }

    fn send_file(
        &mut self,
        file: BorrowedFd<'_>,
        offset: u64,
        count: usize,
    ) -> io::Result<WriteOutcome> {
        let wire = &mut *self.0.borrow_mut();
        if wire.client == Client::Reset {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        match wire.take(count) {
            WriteOutcome::Took(count) => {
                let before = wire.sent.len();
                wire.sent.resize(before + count, 0);
                let piece = &mut wire.sent[before..];
                let read = file::read_at(file, piece, offset, file::Disk::MayBlock);
                wire.sent.truncate(before + read.as_ref().map_or(0, |read| *read));
                Ok(WriteOutcome::Took(read?))
            }
            other => Ok(other),
        }
    }

    fn shut_write(&mut self) {
        self.0.borrow_mut().end = StreamEnd::Finished;
    }

    fn fail_on_close(&mut self) {
        self.0.borrow_mut().end = StreamEnd::Broken;
    }
}
