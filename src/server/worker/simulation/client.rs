//! A client of the simulated world.

use super::http1::Http1;
use super::http2::Http2;
use super::socket::Socket;
use super::truth::Truth;
use crate::server::driven::script::StreamEnd;

/// A client and its connection.
pub(super) struct Client {
    pub socket: Socket,
    speaks: Box<dyn Speaks>,
    /// Whether the client itself has cut the connection short.
    has_cut: bool,
    /// Whether it ends its side as soon as it has said everything.
    half_closes: bool,
    has_half_closed: bool,
    /// Whether it may be refused, or broken off, because it was too slow or the server ends.
    pub is_excused: bool,
}

/// What a client says and understands.
pub(super) trait Speaks {
    /// Sends so many bytes more, if it has any.
    fn send(&mut self, most: usize, socket: &Socket, truth: &Truth);

    /// Reads what has come. Panics if it is wrong. `stops`: the server may end responses that have no end.
    fn read(&mut self, socket: &Socket, truth: &Truth, stops: bool);

    /// Whether it has nothing more to say, whatever comes.
    fn has_said_all(&self) -> bool;

    /// Whether it has to make room for what it gets.
    fn makes_room(&self) -> bool;

    /// What it waits for, to find a fault by.
    fn describe(&self) -> String;

    /// How far it is.
    fn standing(&self) -> Standing;

    /// Whether it was refused a part of what it has asked for.
    fn was_refused(&self, truth: &Truth) -> bool;

    /// Whether it has requests open that it leaves stalled, and whether one of those was refused.
    fn has_stalled(&self) -> bool;
    fn was_stalled_refused(&self, truth: &Truth) -> bool;

    /// Whether it goes without the rest, because the disk or the application has failed its connection.
    fn has_failed(&self, truth: &Truth, is_open: bool) -> bool;
}

/// How far a client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It has something to send.
    Sends,
    /// It waits for responses.
    Waits,
    /// It has got all that it has asked for.
    Answered,
}

impl Client {
    pub(super) fn http1(socket: Socket, speaks: Http1) -> Client {
        Client::new(socket, Box::new(speaks))
    }

    pub(super) fn http2(socket: Socket, speaks: Http2) -> Client {
        Client::new(socket, Box::new(speaks))
    }

    fn new(socket: Socket, speaks: Box<dyn Speaks>) -> Client {
        Client {
            socket,
            speaks,
            has_cut: false,
            half_closes: false,
            has_half_closed: false,
            is_excused: false,
        }
    }

    /// The same, but it ends its side as soon as it has said everything. One of HTTP/2 that cannot make room any more gets
    /// what it has room for.
    pub(super) fn half_closing(self) -> Client {
        let is_excused = self.is_excused || self.speaks.makes_room();
        Client { half_closes: true, is_excused, ..self }
    }

    /// Sends so many bytes more.
    pub(super) fn send(&mut self, most: usize, truth: &Truth) {
        if !self.has_cut && self.socket.end() == StreamEnd::Open {
            if !self.has_half_closed {
                self.speaks.send(most, &self.socket, truth);
            }
            if self.half_closes && !self.has_half_closed && self.speaks.has_said_all() {
                self.has_half_closed = true;
                self.socket.finish();
            }
        }
    }

    /// Ends its side of the connection, or resets it.
    pub(super) fn cut(&mut self, resets: bool) {
        if !self.has_cut {
            self.has_cut = true;
            match resets {
                true => self.socket.reset(),
                false => self.socket.finish(),
            }
        }
    }

    /// Reads what has come.
    pub(super) fn read(&mut self, truth: &Truth, stops: bool) {
        self.speaks.read(&self.socket, truth, stops);
    }

    /// Whether nothing more has to happen to it.
    pub(super) fn is_over_or_answered(&self) -> bool {
        self.socket.end() != StreamEnd::Open || self.is_answered()
    }

    fn is_answered(&self) -> bool {
        self.speaks.standing() == Standing::Answered
    }

    /// Whether it has requests open that it leaves stalled.
    pub(super) fn has_stalled(&self) -> bool {
        !self.has_cut && self.socket.end() == StreamEnd::Open && self.speaks.has_stalled()
    }

    /// Panics if the server has lost patience too early.
    pub(super) fn is_patiently_served(&self, truth: &Truth) {
        assert!(
            self.is_excused || self.has_cut || !self.speaks.was_stalled_refused(truth),
            "refused too early: {}",
            self.speaks.describe()
        );
    }

    /// Panics if an honest client was not served.
    pub(super) fn is_served(&self, truth: &Truth) {
        if self.has_cut || self.is_excused {
            return;
        }
        if self.speaks.has_failed(truth, self.socket.end() == StreamEnd::Open) {
            return;
        }
        assert!(
            !self.speaks.was_refused(truth),
            "an honest client was refused: {}",
            self.speaks.describe()
        );
        assert!(self.is_answered(), "an honest client waits: {}", self.speaks.describe());
        assert_ne!(self.socket.end(), StreamEnd::Broken, "an honest client was broken off");
    }
}
