//! The handshake: as far as the client has sent something, and the turn has time for it.

use super::lent::HandshakeEnd;
use super::records::Room;
use super::{Stage, TlsStream};
use crate::server::tls::take_chosen;
use crate::server::wire::{ReadOutcome, Readiness, Transport};
use crate::sys::socket::More;
use std::io;
use std::sync::Arc;
use std::time::Instant;

impl TlsStream {
    /// The handshake has ended, if it was still under way.
    pub(super) fn count_handshake(&mut self, end: HandshakeEnd) {
        if std::mem::take(&mut self.is_counted) {
            self.worker.ends_handshake(end);
        }
    }

    /// Goes on with the handshake as far as the client has sent something and the turn has time for it.
    pub(super) fn shake_hands(&mut self) -> io::Result<Readiness> {
        // What a proxy says comes first, in clear.
        match self.socket.progress()? {
            Readiness::Ready => {}
            readiness => return Ok(readiness),
        }
        loop {
            if self.worker.is_out_of_time() && self.socket.has_unread() {
                return Ok(Readiness::Later);
            }
            let (mut lent, held) = self.session.lend_input()?;
            let count = match self.socket.read(&mut lent[held..])? {
                ReadOutcome::Bytes(count) => count,
                ReadOutcome::Blocked => {
                    self.worker.give_back(lent);
                    self.push(More::Nothing)?;
                    return Ok(Readiness::Blocked);
                }
                ReadOutcome::End => return Err(io::ErrorKind::ConnectionReset.into()),
            };
            if self.stage == Stage::New && is_no_tls(&lent[..count]) {
                self.worker.give_back(lent);
                self.stage = Stage::Clear;
                self.count_handshake(HandshakeEnd::WithoutTls);
                return Ok(Readiness::Unsecured);
            }
            self.stage = Stage::Handshake;
            let start = Instant::now();
            self.feed(lent, held + count, &mut Room::default())?;
            self.worker.spend_since(start);
            self.chosen = take_chosen().or(self.chosen.take());
            if !self.session.is_handshaking() {
                self.stage = Stage::Open;
                let server_name = self.chosen.as_mut().and_then(|chosen| chosen.server_name.take());
                self.facts = self.session.facts(server_name).map(Arc::new);
                self.count_handshake(match &self.facts {
                    Some(facts) => HandshakeEnd::Complete {
                        version: facts.version(),
                        is_resumed: facts.is_resumed(),
                    },
                    None => HandshakeEnd::Failed,
                });
                // Tickets leave with the response, if its request is here already.
                if !self.has_unread() {
                    self.push(More::Nothing)?;
                }
                return Ok(Readiness::Ready);
            }
            self.push(More::Nothing)?;
        }
    }
}

/// Whether these are the first bytes of something else. A record of the handshake begins with 22.
fn is_no_tls(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(u8::is_ascii_uppercase)
}
