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
    /// Whether it may be refused, or broken off, because it was too slow or the server ends.
    pub is_excused: bool,
}

/// What a client says and understands.
pub(super) trait Speaks {
    /// Sends so many bytes more, if it has any.
    fn send(&mut self, most: usize, socket: &Socket, truth: &Truth);

    /// Reads what has come. Panics if it is wrong. `stops`: the server may end responses that have no end.
    fn read(&mut self, socket: &Socket, truth: &Truth, stops: bool);

    /// How far it is.
    fn standing(&self) -> Standing;

    /// Whether it was refused a part of what it has asked for.
    fn was_refused(&self) -> bool;
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
        Client { socket, speaks: Box::new(speaks), has_cut: false, is_excused: false }
    }

    pub(super) fn http2(socket: Socket, speaks: Http2) -> Client {
        Client { socket, speaks: Box::new(speaks), has_cut: false, is_excused: false }
    }

    /// Sends so many bytes more.
    pub(super) fn send(&mut self, most: usize, truth: &Truth) {
        if !self.has_cut && self.socket.end() == StreamEnd::Open {
            self.speaks.send(most, &self.socket, truth);
        }
    }

    /// Ends its side of the connection, or resets it.
    pub(super) fn cut(&mut self, resets: bool) {
        if !self.has_cut {
            self.has_cut = true;
            if resets { self.socket.reset() } else { self.socket.finish() }
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

    /// Panics if an honest client was not served.
    pub(super) fn is_served(&self) {
        if self.has_cut || self.is_excused {
            return;
        }
        assert!(!self.speaks.was_refused(), "an honest client was refused");
        assert!(self.is_answered(), "an honest client waits: {:?}", self.speaks.standing());
        assert_ne!(self.socket.end(), StreamEnd::Broken, "an honest client was broken off");
    }
}
