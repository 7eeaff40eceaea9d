//! What a connection owns, whatever it speaks: the stream, its client, and the deadline.

use super::Phase;
use crate::http::{Peer, Reject, RequestHead, TlsFacts};
use crate::server::carrier::Carrier;
use crate::server::client_name::ClientName;
use crate::server::context::WorkerContext;
use crate::server::exchange::{BrokenBody, Exchange};
use crate::server::id::ConnectionId;
use crate::server::wire::{Edge, Transport};
use crate::site::status::Refusal;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A stream and its client.
pub(crate) struct Socket<W> {
    pub id: ConnectionId,
    pub wire: W,
    /// When the connection gives up waiting.
    pub deadline: Instant,
    /// The address of the other end, or of the client that a PROXY header names; `None` on a Unix socket.
    peer: Option<SocketAddr>,
    /// Which of the worker's listeners it came through.
    listener: u16,
    /// Whether it came to an address for the status of the server.
    pub for_status: bool,
    /// What is known of the clients behind a proxy, if the other end is one.
    relayed: Option<Box<Relayed>>,
    /// Whether it has served a request.
    pub has_served: bool,
    /// Whether there are unread bytes that epoll reported before the worker looked at the file changes.
    is_reported: bool,
}

/// What is known of the clients behind a proxy.
#[derive(Default)]
struct Relayed {
    /// Where the client has connected to, if a PROXY header says that.
    destination: Option<SocketAddr>,
    /// Whether the headers of its requests say who the client is.
    by_header: bool,
    /// The client of the request at hand, if its headers name one.
    client: Option<SocketAddr>,
}

impl<W: Transport> Socket<W> {
    /// A stream fresh from accept.
    pub(crate) fn new(
        id: ConnectionId,
        peer: Option<SocketAddr>,
        listener: u16,
        wire: W,
        deadline: Instant,
        for_status: bool,
    ) -> Socket<W> {
        Socket {
            id,
            wire,
            deadline,
            peer,
            listener,
            for_status,
            relayed: None,
            has_served: false,
            is_reported: false,
        }
    }

    /// Finds out whether the other end is a trusted proxy, before the first byte of the first request is read, and takes
    /// in what its PROXY header says. Without trusted proxies, such a header is believed from everybody.
    pub(crate) fn meet(&mut self, cx: &WorkerContext) {
        let proxies = &cx.setup.proxies;
        if let Some(proxied) = self.wire.take_proxied()
            && (proxies.are_none() || proxies.contain(self.peer))
        {
            self.peer = Some(proxied.client);
            self.relayed.get_or_insert_default().destination = Some(proxied.destination);
        }
        if !proxies.are_none() && proxies.contain(self.peer) {
            self.relayed.get_or_insert_default().by_header = true;
        }
    }

    /// Whether the headers of requests say who the client is.
    pub(crate) fn is_relayed(&self) -> bool {
        self.relayed.as_ref().is_some_and(|relayed| relayed.by_header)
    }

    /// Finds out who a request is from, and gives it its id.
    ///
    /// # Errors
    /// If the certificate of the connection does not cover its host.
    #[inline(always)]
    pub(crate) fn resolve(
        &mut self,
        head: &mut RequestHead<'_>,
        exchange: &mut Exchange,
        cx: &mut WorkerContext,
    ) -> Result<(), Reject> {
        // The host of the connection, not the one that a proxy says.
        if !self.wire.covers(head.host()) {
            return Err(Reject::NotCovered);
        }
        let is_relayed = self.is_relayed();
        if is_relayed {
            exchange.setup().proxies.resolve(head);
            self.know_client(head.peer());
        }
        exchange.identify(head, is_relayed, &mut cx.id_maker);
        Ok(())
    }

    /// Notes who the client of the request at hand is; `None`: its headers are not here.
    pub(crate) fn know_client(&mut self, client: Option<SocketAddr>) {
        if let Some(relayed) = &mut self.relayed {
            relayed.client = client;
        }
    }

    /// Takes in an edge, in a turn that has begun with the file changes.
    pub(crate) fn note(&mut self, edge: Edge) {
        self.wire.note(edge);
        self.is_reported |= edge.readable;
    }

    /// Whether epoll had reported the next bytes before the worker looked at the file changes. To be called once for each
    /// read.
    pub(crate) fn take_reported(&mut self) -> bool {
        std::mem::take(&mut self.is_reported)
    }

    /// Both ends, for a request.
    pub(crate) fn ends(&self, cx: &WorkerContext) -> Peer {
        Peer {
            address: self.peer,
            listener: self.listener(cx),
            scheme: self.wire.scheme(),
            is_relayed: self.relayed.is_some(),
            tls: self.wire.tls(),
            request_id: None,
        }
    }

    /// Where the server listens for the client; `None` on a Unix socket.
    pub(crate) fn listener(&self, cx: &WorkerContext) -> Option<SocketAddr> {
        match &self.relayed {
            Some(relayed) if relayed.destination.is_some() => relayed.destination,
            _ => cx.listening_at(self.listener),
        }
    }

    /// Whether the client may speak HTTP/2 on this stream: it has agreed on it by TLS, or the listener allows it.
    pub(crate) fn may_speak_http2(&self, cx: &WorkerContext) -> bool {
        self.wire.has_agreed_on_http2() || cx.speaks_http2(self.listener)
    }

    /// The address of the client of the request at hand, as far as it is known; `None` on a Unix socket.
    pub(crate) fn client(&self) -> Option<SocketAddr> {
        self.relayed.as_ref().and_then(|relayed| relayed.client).or(self.peer)
    }

    /// The client, as the log names it.
    pub(crate) fn name(&self) -> ClientName {
        ClientName(self.client())
    }

    /// Logs the error that ends the connection. A client that goes away is usual; anything else is a warning.
    pub(crate) fn log_failure(&self, error: &io::Error, phase: Phase) {
        let level = match error.kind() {
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::TimedOut => log::Level::Debug,
            // A client that speaks TLS in another way, or trusts the certificate not.
            io::ErrorKind::ConnectionAborted => log::Level::Info,
            _ => log::Level::Warn,
        };
        if error.get_ref().is_some_and(|it| it.is::<BrokenBody>()) {
            return log::log!(level, "{}: {error}; the response is broken off", self.name());
        }
        log::log!(level, "{}: {error} while {phase}", self.name());
    }

    /// Logs why a connection did not begin as it has to. A wrong setting does that to every connection, and so does a
    /// stranger who tries ports: so there is a warning once in a while.
    pub(crate) fn log_bad_beginning(&self, error: &io::Error, cx: &mut WorkerContext) {
        Refusal::NoProxyHeader.note();
        let now = cx.clock.monotonic();
        let is_due = cx.beginning_warned_at.is_none_or(|at| now >= at + WARNED_EVERY);
        let level = match error.kind() {
            io::ErrorKind::InvalidData if is_due => {
                cx.beginning_warned_at = Some(now);
                log::Level::Warn
            }
            _ => log::Level::Debug,
        };
        log::log!(
            level,
            "{}: {error}, which its listener requires (proxy_protocol = true)",
            self.name()
        );
    }

    /// Logs what both ends have agreed on.
    pub(crate) fn log_handshake(&self, tls: &TlsFacts) {
        log::debug!(
            "{}: {}, {}, {}, {} for {}",
            self.name(),
            tls.version(),
            if tls.is_resumed() { "resumed" } else { "full handshake" },
            tls.cipher_suite(),
            if self.wire.has_agreed_on_http2() { "h2" } else { "http/1.1" },
            tls.server_name().unwrap_or("no name"),
        );
    }

    /// Logs that a client speaks TLS on an address without it. A wrong setting makes all clients do that; and strangers who
    /// try ports do it a few times a day.
    pub(crate) fn log_tls(&self, cx: &mut WorkerContext) {
        let now = cx.clock.monotonic();
        let is_due = cx.tls_warned_at.is_none_or(|at| now >= at + TLS_WARNED_EVERY);
        let level = if is_due { log::Level::Warn } else { log::Level::Debug };
        if is_due {
            cx.tls_warned_at = Some(now);
        }
        let address = cx.listening_at(self.listener);
        let address = address.map_or("a Unix socket".to_owned(), |address| address.to_string());
        log::log!(
            level,
            "{}: speaks TLS at {address}, which does not; answered 400 (if it should, write https:// before that address in \
             listen)",
            self.name()
        );
    }
}

impl<W: Transport> Carrier for Socket<W> {
    fn client_has_gone(&mut self) -> bool {
        self.wire.look();
        self.wire.is_gone()
    }

    fn name(&self) -> ClientName {
        ClientName(self.client())
    }

    fn tls(&self) -> Option<Arc<TlsFacts>> {
        self.wire.tls()
    }
}

/// How often TLS where none is expected is a warning.
const TLS_WARNED_EVERY: Duration = Duration::from_secs(3600);

/// How often a connection without its PROXY header is a warning.
const WARNED_EVERY: Duration = Duration::from_secs(60);
