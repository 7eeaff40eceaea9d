use super::*;
use crate::server::tls::{Certificate, Tls};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

/// A client whose end of the stream never waits.
struct Client {
    session: ClientConnection,
    socket: UnixStream,
    /// What it has read.
    got: Vec<u8>,
    /// Whether the server has said that nothing more comes.
    is_over: bool,
}

impl Client {
    /// Reads at most so many bytes of what is in the kernel, and writes what there is to write.
    fn turn(&mut self, most: usize) {
        let mut bytes = vec![0; most];
        if let Ok(count) = self.socket.read(&mut bytes) {
            let mut rest = &bytes[..count];
            while !rest.is_empty() {
                self.session.read_tls(&mut rest).expect("from memory");
                let state = self.session.process_new_packets().expect("it is sound");
                let start = self.got.len();
                self.got.resize(start + state.plaintext_bytes_to_read(), 0);
                self.session.reader().read_exact(&mut self.got[start..]).expect("it is there");
                self.is_over |= state.peer_has_closed();
            }
        }
        while self.session.wants_write() {
            self.session.write_tls(&mut self.socket).expect("there is room");
        }
    }

    fn send(&mut self, bytes: &[u8]) {
        self.session.writer().write_all(bytes).expect("into memory");
        self.turn(0);
    }
}

/// Both ends, before the handshake. The kernel holds few bytes between them.
fn pair() -> (TlsStream, Client, Rc<TlsWorker>) {
    let certificate = Certificate::for_trying().expect("the system has random numbers");
    let mut roots = RootCertStore::empty();
    roots.add(certificate.der().clone()).expect("it is a certificate");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("they are known")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").expect("it is a name");
    let session = ClientConnection::new(Arc::new(client), name).expect("it is sound");
    let (ours, socket) = UnixStream::pair().expect("sockets can be made");
    ours.set_nonblocking(true).expect("it is a socket");
    socket.set_nonblocking(true).expect("it is a socket");
    socket2::SockRef::from(&ours).set_send_buffer_size(10_000).expect("it is a socket");
    let worker = Rc::new(TlsWorker::new());
    let config = Tls::new(certificate).config().expect("the system has random numbers");
    let server = TlsStream::new(Plain::new(ours.into()), &config, &worker).expect("it is sound");
    (server, Client { session, socket, got: Vec::new(), is_over: false }, worker)
}

const EDGE: Edge = Edge { readable: true, writable: true, read_closed: false, gone: false };

fn shake_hands(server: &mut TlsStream, client: &mut Client) {
    let worker = Rc::clone(&server.worker);
    for _ in 0..100 {
        client.turn(100_000);
        worker.begin_turn();
        server.note(EDGE);
        let readiness = server.progress().expect("it is sound");
        if readiness == Readiness::Ready && !client.session.is_handshaking() {
            return;
        }
    }
    panic!("it never ends");
}

fn noise(length: usize) -> Vec<u8> {
    (0..length as u32).map(|at| (at.wrapping_mul(0x9e37_79b9) >> 24) as u8).collect()
}

/// Numbers that look random and are the same each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) as usize % most
    }
}

#[test]
fn what_is_taken_has_left_and_every_byte_arrives_once() {
    for seed in 0..20 {
        let (mut server, mut client, _) = pair();
        shake_hands(&mut server, &mut client);
        let mut numbers = Numbers(seed);
        let all = noise(300_000);
        let mut taken = 0;
        for _ in 0..100_000 {
            if taken == all.len() {
                break;
            }
            let rest = &all[taken..];
            // The connection may offer less than before: the head of a response without its body.
            let head = numbers.below(40_000).min(rest.len());
            let body = numbers.below(90_000).min(rest.len() - head);
            let end = numbers.below(3).min(rest.len() - head - body);
            if head + body + end == 0 {
                continue;
            }
            let (head, rest) = rest.split_at(head);
            let (body, rest) = rest.split_at(body);
            match server.write([head, body, &rest[..end]], More::Nothing).expect("it is open") {
                WriteOutcome::Took(count) => {
                    assert!(count > 0 && count <= head.len() + body.len() + end, "{count}");
                    taken += count;
                    assert!(
                        server.session.outgoing.is_empty() || server.ahead > 0,
                        "it has not left"
                    );
                }
                outcome => {
                    assert_eq!(outcome, WriteOutcome::Blocked);
                    assert!(server.wants_write(), "nobody would wake it");
                    client.turn(1 + numbers.below(30_000));
                    server.note(EDGE);
                }
            }
        }
        assert_eq!((server.ahead, server.session.outgoing.len()), (0, 0));
        server.shut_write();
        for _ in 0..1000 {
            client.turn(10_000);
            server.note(EDGE);
            server.progress().expect("it is open");
        }
        assert!(client.is_over && !server.has_unsent(), "the end was not said");
        assert!(client.got == all, "seed {seed}");
    }
}

#[test]
fn a_file_arrives_as_it_is() {
    let here = crate::sys::temporary::Directory::new();
    here.write("a", noise(250_000));
    let file = std::fs::File::open(here.at("a")).expect("it is there");
    let (mut server, mut client, _) = pair();
    shake_hands(&mut server, &mut client);
    let mut numbers = Numbers(7);
    let mut sent = 0;
    for _ in 0..100_000 {
        if sent == 250_000 {
            break;
        }
        let count = (1 + numbers.below(200_000)).min(250_000 - sent);
        let file = std::os::fd::AsFd::as_fd(&file);
        match server.send_file(file, sent as u64, count).expect("it is open") {
            WriteOutcome::Took(count) => sent += count,
            _ => {
                client.turn(1 + numbers.below(30_000));
                server.note(EDGE);
            }
        }
    }
    let end = server.send_file(std::os::fd::AsFd::as_fd(&file), 250_000, 10).expect("it is open");
    assert_eq!(end, WriteOutcome::Took(0), "the file ends there");
    (0..1000).for_each(|_| client.turn(10_000));
    assert!(client.got == noise(250_000));
}

#[test]
fn readers_of_any_size_get_every_byte() {
    for size in [1, 7, 1000, 16_384, 70_000] {
        let (mut server, mut client, _) = pair();
        shake_hands(&mut server, &mut client);
        let mut numbers = Numbers(size as u64);
        let all = noise(60_000);
        let (mut sent, mut got) = (0, Vec::new());
        let mut buffer = vec![0; size];
        for _ in 0..100_000 {
            if got.len() == all.len() {
                break;
            }
            let count = numbers.below(20_000).min(all.len() - sent);
            client.send(&all[sent..sent + count]);
            sent += count;
            server.note(EDGE);
            while let ReadOutcome::Bytes(count) = server.read(&mut buffer).expect("it is open") {
                got.extend_from_slice(&buffer[..count]);
            }
            assert!(!server.has_unread(), "it has said that nothing is there");
        }
        assert!(got == all, "{size}");
    }
}

#[test]
fn an_idle_connection_has_no_buffers() {
    let (mut server, mut client, worker) = pair();
    shake_hands(&mut server, &mut client);
    client.send(b"GET / HTTP/1.1\r\n\r\n");
    server.note(EDGE);
    let mut buffer = [0; 100];
    assert_eq!(server.read(&mut buffer).expect("it is open"), ReadOutcome::Bytes(18));
    assert_eq!(
        server.write([b"HTTP/1.1 200 OK\r\n\r\n", b"", b""], More::Nothing).expect("it is open"),
        WriteOutcome::Took(19)
    );
    assert_eq!(server.read(&mut buffer).expect("it is open"), ReadOutcome::Blocked);
    assert_eq!((server.session.incoming.capacity(), server.session.decrypted.capacity()), (0, 0));
    assert_eq!(server.session.outgoing.len(), 0);
    assert!(server.session.outgoing.is_given_back(), "the buffer is the worker's");
    drop(worker);
}

/// A longer buffer would not be taken back, and the next write would ask the kernel for another.
#[test]
fn a_write_of_any_length_fits_a_lent_buffer() {
    for length in [60_000, 65_500, 65_537, 70_000, 81_919, 100_037, 200_000] {
        let (mut server, mut client, _) = pair();
        shake_hands(&mut server, &mut client);
        let bytes = noise(length);
        // Heads of any length come before a body.
        let runs: [&[u8]; 3] = [&bytes[..333], &bytes[333..50_000], &bytes[50_000..]];
        server.write(runs, More::Nothing).expect("it is sound");
        assert!(server.has_unsent(), "the kernel holds few bytes");
        assert_eq!(server.session.outgoing.buffer_bytes(), lent::LENT_BYTES, "of {length}");
    }
}

#[test]
fn the_end_is_said_once_and_a_failure_says_nothing() {
    let (mut server, mut client, _) = pair();
    shake_hands(&mut server, &mut client);
    server.take_leave();
    server.shut_write();
    client.turn(10_000);
    assert!(client.is_over);
    let (mut server, mut client, _) = pair();
    shake_hands(&mut server, &mut client);
    server.fail_on_close();
    server.take_leave();
    client.turn(10_000);
    assert!(!client.is_over);
}

/// RFC 8446 §5.1: a message may come in any pieces.
#[test]
fn a_client_hello_may_be_cut_anywhere() {
    let length = hello(&mut pair().1).len();
    assert!(length > 150, "{length}");
    for cut in (0..120).chain((120..length).step_by(29)) {
        let (mut server, mut client, worker) = pair();
        let hello = hello(&mut client);
        let (before, after) = hello.split_at(cut);
        client.socket.write_all(before).expect("there is room");
        worker.begin_turn();
        server.note(EDGE);
        assert_eq!(server.progress().expect("nothing is wrong yet"), Readiness::Blocked, "{cut}");
        client.socket.write_all(after).expect("there is room");
        shake_hands(&mut server, &mut client);
    }
}

/// The handshake fails, or goes on as if nothing had happened where the byte means nothing.
#[test]
fn a_client_hello_may_be_broken_anywhere() {
    let mut refused = 0;
    let length = hello(&mut pair().1).len();
    for broken in (0..120).chain((120..length).step_by(29)) {
        let (mut server, mut client, worker) = pair();
        let mut hello = hello(&mut client);
        hello[broken] ^= 0xff;
        client.socket.write_all(&hello).expect("there is room");
        worker.begin_turn();
        server.note(EDGE);
        match server.progress() {
            Err(_) => refused += 1,
            Ok(readiness) => assert_ne!(readiness, Readiness::Ready, "{broken}"),
        }
    }
    assert!(refused > 10, "{refused}");
}

/// What a client says first.
fn hello(client: &mut Client) -> Vec<u8> {
    let mut hello = Vec::new();
    client.session.write_tls(&mut hello).expect("into memory");
    hello
}
