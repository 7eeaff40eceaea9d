//! Clients that send and read a byte at a time: they wait in the server, not in Python.

use super::server::{PATIENCE, Server};
use crate::support::{Client, lacks};
use httpd::Address;
use socket2::{Domain, Socket, Type};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// So many slow ones, and two Python threads in all.
const CLIENTS: usize = 500;
const CONTENT_BYTES: usize = 40;
/// More than lies in the sockets' buffers, and in the window for what Python has under way.
const ANSWER_BYTES: usize = 400_000;
/// The fast client's requests, of which the middle one counts.
const ASKED: usize = 101;

fn slow_clients_occupy_no_python_thread() {
    let server = Server::behaviours("processes = 1\nthreads = 2");
    let alone = usual_wait(&server);

    let mut crowd: Vec<Slow> = (0..CLIENTS).map(|_| Slow::connect(server.address())).collect();
    // All of them are in the middle of their content, for as long as the fast one asks.
    let (mut crowd, beside_senders) = meanwhile(&server, move |on| {
        for _ in 0..CONTENT_BYTES - 1 {
            crowd.iter_mut().for_each(Slow::send);
            breathe();
        }
        while on() {
            breathe();
        }
        crowd
    });

    // Now the last byte: each has an answer to read, and does so byte by byte.
    crowd.iter_mut().for_each(Slow::send);
    let (crowd, beside_readers) = meanwhile(&server, move |on| {
        while on() {
            crowd.iter_mut().for_each(Slow::read);
            breathe();
        }
        crowd
    });
    for (whom, waited) in [("senders", beside_senders), ("readers", beside_readers)] {
        let bound = alone * 20 + Duration::from_millis(50);
        assert!(waited < bound, "{waited:?} beside slow {whom}, {alone:?} alone");
    }
    // They get what is theirs in the end, every byte.
    for (number, slow) in crowd.into_iter().enumerate() {
        let answer = slow.rest();
        let head = answer.len() - ANSWER_BYTES.min(answer.len());
        assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"), "{number}: {} bytes", answer.len());
        assert!(answer[head..].iter().all(|byte| *byte == b'x'), "{number}");
        assert!(answer[..head].ends_with(b"\r\n\r\n"), "{number}: {head}");
    }
}

/// Does something on a thread, for as long as a fast client is being served beside it at least, and
/// tells how long that one usually waited.
fn meanwhile<T: Send + 'static>(
    server: &Server,
    work: impl FnOnce(&dyn Fn() -> bool) -> T + Send + 'static,
) -> (T, Duration) {
    let on = Arc::new(AtomicBool::new(true));
    let until = Arc::clone(&on);
    let worker = thread::spawn(move || work(&|| until.load(Ordering::Relaxed)));
    let waited = usual_wait(server);
    on.store(false, Ordering::Relaxed);
    (worker.join().expect("slow clients are served"), waited)
}

/// The median time of an answer to a client that asks for something small, again and again.
fn usual_wait(server: &Server) -> Duration {
    let mut client = Client::connect(server.address());
    let mut waits: Vec<Duration> = (0..ASKED)
        .map(|_| {
            let begun = Instant::now();
            client.send("GET /app/hello HTTP/1.1\r\nHost: x\r\n\r\n");
            client.reply().expect(200).body("hello, world\n");
            begun.elapsed()
        })
        .collect();
    waits.sort();
    waits[ASKED / 2]
}

/// Between two bytes of each: this machine has to do other things, too.
fn breathe() {
    thread::sleep(Duration::from_millis(5));
}

/// One slow client.
struct Slow {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Slow {
    /// Sends a head, and takes little at a time: the rest of an answer stays where it came from.
    fn connect(address: &Address) -> Slow {
        let Address::Tcp(address) = address else { panic!("it listens on TCP") };
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.set_recv_buffer_size(4096).expect("a socket");
        socket.connect(&(*address).into()).expect("it listens");
        let mut stream = TcpStream::from(socket);
        stream.set_nodelay(true).expect("a socket");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        let head = format!(
            "POST /app/sized?size={ANSWER_BYTES} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
             Content-Length: {CONTENT_BYTES}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).expect("it reads");
        Slow { stream, received: Vec::new() }
    }

    fn send(&mut self) {
        self.stream.write_all(b"x").expect("it reads on");
    }

    /// One byte, if there is one.
    fn read(&mut self) {
        let mut byte = [0];
        self.stream.set_nonblocking(true).expect("a socket");
        match self.stream.read(&mut byte) {
            Ok(count) => self.received.extend_from_slice(&byte[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => panic!("reading slowly: {error}"),
        }
        self.stream.set_nonblocking(false).expect("a socket");
    }

    fn rest(mut self) -> Vec<u8> {
        self.stream.read_to_end(&mut self.received).expect("it sends all");
        self.received
    }
}

tests! {
    lacks::python:
        slow_clients_occupy_no_python_thread;
}
