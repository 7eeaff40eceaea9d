//! Any bytes where a handshake is expected, however they are cut (a fuzz target).

use super::*;
use crate::server::tls::{Certificate, Tls};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::LazyLock;

/// What becomes of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// More has to come.
    Waits,
    /// It speaks no TLS.
    Clear,
    Open,
    Refused,
}

/// Sends the bytes at once, then cut into pieces as the first byte says: the same becomes of both clients, and of one
/// that has sent nothing wrong, nothing.
pub fn records(bytes: &[u8]) {
    let Some((&cut, stream)) = bytes.split_first() else { return };
    let at_once = outcome(stream, stream.len().max(1));
    let in_pieces = outcome(stream, usize::from(cut) + 1);
    assert_eq!(at_once, in_pieces, "cut into {}", usize::from(cut) + 1);
    // The first byte of a handshake is the type of its record.
    assert_eq!(at_once == Outcome::Clear, stream.first().is_some_and(is_letter));
}

fn is_letter(byte: &u8) -> bool {
    byte.is_ascii_uppercase()
}

fn outcome(stream: &[u8], piece: usize) -> Outcome {
    static CONFIG: LazyLock<Arc<ServerConfig>> = LazyLock::new(|| {
        let certificate = Certificate::for_trying().expect("the system has random numbers");
        Tls::new(certificate).config().expect("the system has random numbers")
    });
    let (ours, mut client) = UnixStream::pair().expect("sockets can be made");
    ours.set_nonblocking(true).expect("it is a socket");
    client.set_nonblocking(true).expect("it is a socket");
    let worker = Rc::new(TlsWorker::new());
    let server = TlsStream::new(Plain::new(ours.into()), &CONFIG, &worker);
    let mut server = server.expect("it is sound");
    let mut outcome = Outcome::Waits;
    for bytes in stream.chunks(piece) {
        // It may have closed.
        let _ = client.write_all(bytes);
        outcome = turns(&mut server, &worker);
        let _ = client.read(&mut [0; 16 * 1024]);
        if outcome != Outcome::Waits {
            break;
        }
    }
    outcome
}

/// The server goes as far as it can.
fn turns(server: &mut TlsStream, worker: &TlsWorker) -> Outcome {
    for _ in 0..100 {
        worker.begin_turn();
        server.note(Edge { readable: true, writable: true, read_closed: false, gone: false });
        match server.progress() {
            Ok(Readiness::Ready) => return Outcome::Open,
            Ok(Readiness::Blocked) => return Outcome::Waits,
            Ok(Readiness::Unsecured) => return Outcome::Clear,
            Ok(Readiness::Later) => {}
            Err(_) => return Outcome::Refused,
        }
    }
    panic!("it never comes to an end");
}
