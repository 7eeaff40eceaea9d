//! The conversation with rustls: what has come is decrypted, what goes is encrypted, in buffers that are lent.
//!
//! It must never know the socket.

use super::lent::{LENT_BYTES, Outgoing};
use super::records::{Room, failure};
use super::{TlsWorker, alerts};
use crate::http::{TlsFacts, TlsVersion};
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncodeTlsData, EncryptError, UnbufferedStatus, WriteTraffic,
};
use rustls::{CipherSuite, HandshakeKind, ProtocolVersion, ServerConfig};
use std::io;
use std::rc::Rc;
use std::sync::Arc;

/// rustls, with what it has not got and what it has made.
pub(super) struct Session {
    rustls: UnbufferedServerConnection,
    worker: Rc<TlsWorker>,
    /// What has come of a record that is not complete yet.
    pub(super) incoming: Vec<u8>,
    /// What was decrypted and not read yet, from `read_at` on.
    pub(super) decrypted: Vec<u8>,
    read_at: usize,
    pub(super) outgoing: Outgoing,
    /// Whether the client has said that it will send nothing more.
    has_ended: bool,
}

/// What comes of one step of rustls.
enum Step {
    /// It has more to say.
    More,
    /// It waits for bytes, or for something to send.
    Done,
}

impl Session {
    pub(super) fn new(config: &Arc<ServerConfig>, worker: &Rc<TlsWorker>) -> io::Result<Session> {
        Ok(Session {
            rustls: UnbufferedServerConnection::new(Arc::clone(config)).map_err(failure)?,
            worker: Rc::clone(worker),
            incoming: Vec::new(),
            decrypted: Vec::new(),
            read_at: 0,
            outgoing: Outgoing::default(),
            has_ended: false,
        })
    }

    pub(super) fn is_handshaking(&self) -> bool {
        self.rustls.is_handshaking()
    }

    /// Whether this protocol was agreed on (RFC 7301).
    pub(super) fn has_agreed_on(&self, protocol: &[u8]) -> bool {
        self.rustls.alpn_protocol() == Some(protocol)
    }

    /// What requests learn of it. `None` before the handshake is over.
    pub(super) fn facts(&self, server_name: Option<Box<str>>) -> Option<TlsFacts> {
        let version = match self.rustls.protocol_version()? {
            ProtocolVersion::TLSv1_2 => TlsVersion::Tls12,
            _ => TlsVersion::Tls13,
        };
        let suite = name_of(self.rustls.negotiated_cipher_suite()?.suite());
        let facts = TlsFacts::new(version, suite)
            .resumed(self.rustls.handshake_kind() == Some(HandshakeKind::Resumed));
        Some(match server_name {
            Some(name) => facts.with_server_name(&name),
            None => facts,
        })
    }

    /// Whether something was decrypted and not read.
    pub(super) fn has_decrypted(&self) -> bool {
        self.read_at < self.decrypted.len()
    }

    /// Whether the client has said that it will send nothing more.
    pub(super) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Reads what was decrypted.
    pub(super) fn take_decrypted(&mut self, buffer: &mut [u8]) -> usize {
        let unread = &self.decrypted[self.read_at..];
        let count = unread.len().min(buffer.len());
        buffer[..count].copy_from_slice(&unread[..count]);
        self.read_at += count;
        if !self.has_decrypted() {
            self.decrypted = Vec::new();
            self.read_at = 0;
        }
        count
    }

    /// A buffer to read into, and where: behind what has come of an incomplete record.
    ///
    /// # Errors
    /// If that is as large as the buffer.
    pub(super) fn lend_input(&self) -> io::Result<(Vec<u8>, usize)> {
        let held = self.incoming.len();
        if held >= LENT_BYTES {
            return Err(failure("a message of the handshake is too large"));
        }
        let mut lent = self.worker.lend();
        lent[..held].copy_from_slice(&self.incoming);
        Ok((lent, held))
    }

    /// Gives so much of a lent buffer to rustls, and the buffer back. What is decrypted goes into the room; what does not
    /// fit is kept.
    ///
    /// # Errors
    /// Those of TLS. The alert about it waits to be sent.
    pub(super) fn feed(
        &mut self,
        mut lent: Vec<u8>,
        length: usize,
        room: &mut Room<'_>,
    ) -> io::Result<()> {
        let mut used = 0;
        let result = loop {
            match self.step(&mut lent[used..length], room, &mut used) {
                Ok(Step::More) => {}
                Ok(Step::Done) => break Ok(()),
                Err(error) => {
                    alerts::correct(self.outgoing.waiting_mut(), &lent[used..length]);
                    break Err(error);
                }
            }
        };
        let rest = if result.is_ok() { &lent[used..length] } else { &[] };
        self.incoming.clear();
        self.incoming.shrink_to(rest.len());
        self.incoming.extend_from_slice(rest);
        self.worker.give_back(lent);
        result
    }

    /// One step of rustls. Adds to `used` how much of the input it is done with.
    fn step(
        &mut self,
        input: &mut [u8],
        room: &mut Room<'_>,
        used: &mut usize,
    ) -> io::Result<Step> {
        let length = input.len();
        let UnbufferedStatus { mut discard, state } = self.rustls.process_tls_records(input);
        let step = match state {
            Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                while let Some(record) = traffic.next_record() {
                    let record = record.map_err(failure)?;
                    discard += record.discard;
                    let rest = room.fill(record.payload);
                    self.decrypted.extend_from_slice(rest);
                }
                // Behind the last record of a request nothing waits: to ask would cost as much as half a record.
                if discard < length { Step::More } else { Step::Done }
            }
            Ok(ConnectionState::EncodeTlsData(data)) => {
                encode(data, &mut self.outgoing, &self.worker)?;
                Step::More
            }
            Ok(ConnectionState::TransmitTlsData(data)) => {
                data.done();
                Step::More
            }
            Ok(ConnectionState::PeerClosed) => {
                self.has_ended = true;
                Step::More
            }
            Ok(_) => Step::Done,
            Err(error) => {
                let error = failure(error);
                self.queue_alerts();
                return Err(error);
            }
        };
        *used += discard;
        Ok(step)
    }

    /// Has rustls say why the connection ends.
    fn queue_alerts(&mut self) {
        while self.rustls.wants_write() {
            let state = self.rustls.process_tls_records(&mut []).state;
            let Ok(ConnectionState::EncodeTlsData(data)) = state else { break };
            if encode(data, &mut self.outgoing, &self.worker).is_err() {
                break;
            }
        }
    }

    /// Encrypts bytes as one record, behind what waits.
    ///
    /// # Errors
    /// If the session has ended.
    pub(super) fn encrypt(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.when_open(|traffic, outgoing, worker| {
            let mut room = bytes.len() + RECORD_OVERHEAD;
            loop {
                match traffic.encrypt(bytes, outgoing.room(room, worker)) {
                    Ok(count) => break outgoing.grew(count),
                    Err(EncryptError::InsufficientSize(size)) if size.required_size > room => {
                        room = size.required_size;
                    }
                    Err(error) => return Err(failure(error)),
                }
            }
            Ok(())
        })
    }

    /// Says that the server will send nothing more, behind what waits.
    pub(super) fn queue_end(&mut self) {
        // It fails only if the session has ended already.
        let _ = self.when_open(|traffic, outgoing, worker| {
            let count = traffic.queue_close_notify(outgoing.room(ALERTS_BYTES, worker));
            count.map(|count| outgoing.grew(count)).map_err(failure)
        });
    }

    /// Does something that rustls allows when it has nothing else to say.
    fn when_open(
        &mut self,
        act: impl Fn(
            &mut WriteTraffic<'_, ServerConnectionData>,
            &mut Outgoing,
            &TlsWorker,
        ) -> io::Result<()>,
    ) -> io::Result<()> {
        // rustls looks at what it had of an incomplete message before.
        let mut incoming = std::mem::take(&mut self.incoming);
        let result = loop {
            let UnbufferedStatus { discard, state } =
                self.rustls.process_tls_records(&mut incoming);
            let mut used = discard;
            let mut acted = None;
            let step = match state {
                Ok(ConnectionState::WriteTraffic(mut traffic)) => {
                    acted = Some(act(&mut traffic, &mut self.outgoing, &self.worker));
                    Ok(Step::Done)
                }
                Ok(ConnectionState::EncodeTlsData(data)) => {
                    encode(data, &mut self.outgoing, &self.worker).map(|()| Step::More)
                }
                Ok(ConnectionState::TransmitTlsData(data)) => {
                    data.done();
                    Ok(Step::More)
                }
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    while let Some(Ok(record)) = traffic.next_record() {
                        used += record.discard;
                        self.decrypted.extend_from_slice(record.payload);
                    }
                    Ok(Step::More)
                }
                Ok(ConnectionState::PeerClosed) => {
                    self.has_ended = true;
                    Ok(Step::More)
                }
                Ok(_) => Ok(Step::Done),
                Err(error) => Err(failure(error)),
            };
            incoming.drain(..used.min(incoming.len()));
            match (acted, step) {
                (Some(result), _) => break result,
                (None, Ok(Step::More)) => {}
                (None, Ok(Step::Done)) => break Err(failure("the session has ended")),
                (None, Err(error)) => break Err(error),
            }
        };
        self.incoming = incoming;
        result
    }
}

/// Puts a message of rustls behind what waits.
fn encode(
    mut data: EncodeTlsData<'_, ServerConnectionData>,
    outgoing: &mut Outgoing,
    worker: &TlsWorker,
) -> io::Result<()> {
    let mut room = 0;
    loop {
        match data.encode(outgoing.room(room, worker)) {
            Ok(count) => break outgoing.grew(count),
            Err(EncodeError::InsufficientSize(size)) if size.required_size > room => {
                room = size.required_size;
            }
            Err(error) => return Err(failure(error)),
        }
    }
    Ok(())
}

/// The name of a suite at IANA. rustls writes those of TLS 1.3 with the version.
fn name_of(suite: CipherSuite) -> &'static str {
    match suite {
        CipherSuite::TLS13_AES_128_GCM_SHA256 => "TLS_AES_128_GCM_SHA256",
        CipherSuite::TLS13_AES_256_GCM_SHA384 => "TLS_AES_256_GCM_SHA384",
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256 => "TLS_CHACHA20_POLY1305_SHA256",
        suite => suite.as_str().unwrap_or("unknown"),
    }
}

/// A header, a nonce and a tag.
const RECORD_OVERHEAD: usize = 64;

/// rustls has no more than a few short messages to send when a connection ends.
const ALERTS_BYTES: usize = 1024;
