//! An open stream that waits for its sender costs a few hundred bytes, as the allocator counts: before its first
//! message and after others, over HTTP/1 and HTTP/2.

mod support;

use httpd::{Broadcast, Event, Limits, Request, Running, Server, Site, Workers};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::num::NonZeroUsize;
use std::sync::Mutex;
use support::PATIENCE;
use support::counting::{self, Counting};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The whole process is counted.
static ALONE: Mutex<()> = Mutex::new(());

/// A server whose listeners at `/events` get what is broadcast.
fn started(scheme: &str) -> (Running, Broadcast) {
    let broadcast = Broadcast::new();
    let listeners = broadcast.clone();
    let site = Site::new().at("/events", move |_: &Request<'_>| listeners.listen());
    let server = Server::new(site)
        .limits(Limits::default().connections_max(STREAMS + 10))
        .workers(Workers::Count(NonZeroUsize::MIN))
        .listen(&format!("{scheme}127.0.0.1:0"));
    (server.start().expect("a port is free"), broadcast)
}

fn connect(running: &Running) -> TcpStream {
    let address = running.addresses()[0].to_string();
    let client = TcpStream::connect(address).expect("the server listens");
    client.set_read_timeout(Some(PATIENCE)).expect("it is not zero");
    client
}

#[test]
fn a_stream_that_waits_costs_a_few_hundred_bytes() {
    let _alone = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let (running, broadcast) = started("");
    let mut clients: Vec<TcpStream> = Vec::with_capacity(STREAMS);
    let mut buffer = vec![0; 64 * 1024];
    let mut open = |count: usize, clients: &mut Vec<TcpStream>| {
        for _ in 0..count {
            let mut client = connect(&running);
            client.write_all(REQUEST).expect("the server reads");
            let length = client.read(&mut buffer).expect("a head comes");
            assert!(buffer[..length].ends_with(b"\r\n\r\n"), "it is the head");
            clients.push(client);
        }
    };
    // What the worker has for all of them.
    open(10, &mut clients);
    let before = counting::bytes();
    open(STREAMS - 10, &mut clients);
    let idle = counting::bytes().saturating_sub(before) / (STREAMS - 10);
    let mut received = vec![0; 1024];
    for _ in 0..3 {
        assert_eq!(broadcast.send(Event::data("a message to all of them")), STREAMS);
        for client in &mut clients {
            let length = client.read(&mut received).expect("it comes");
            assert!(received[..length].ends_with(b"\n\n\r\n"), "it is a chunk");
        }
    }
    // The worker reduces the last one after its client has the message.
    support::until("all of them wait again", || {
        counting::bytes().saturating_sub(before) / (STREAMS - 10) < BYTES_MAX
    });
    let after = counting::bytes().saturating_sub(before) / (STREAMS - 10);
    eprintln!("{idle} bytes before the first message, {after} after the last");
    assert!(idle < BYTES_MAX, "{idle} bytes for each stream");
    running.handle().stop_now();
    running.wait();
}

/// Of a client over HTTP/2, and what has come of a frame.
struct Streams {
    client: TcpStream,
    arrived: Vec<u8>,
}

impl Streams {
    /// Opens so many streams on one connection, and reads their heads.
    fn open(running: &Running, count: usize) -> Streams {
        let mut it = Streams { client: connect(running), arrived: Vec::with_capacity(4096) };
        // The preface, settings, and the acknowledgement of those of the server.
        let mut out = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
        out.extend(b"\0\0\0\x04\x01\0\0\0\0");
        for number in 0..count as u32 {
            // GET, http, the path, the host.
            let block = b"\x82\x86\x04\x07/events\x01\x04test";
            out.extend([0, 0, block.len() as u8, 1, 5]);
            out.extend((2 * number + 1).to_be_bytes());
            out.extend(block);
        }
        it.client.write_all(&out).expect("the server reads");
        it.read(1, count);
        it
    }

    /// Reads until so many frames of this type have come.
    fn read(&mut self, kind: u8, count: usize) {
        let mut left = count;
        while left > 0 {
            let mut buffer = [0; 4096];
            let length = self.client.read(&mut buffer).expect("frames come");
            assert!(length > 0, "the connection stays open");
            self.arrived.extend_from_slice(&buffer[..length]);
            let mut start = 0;
            while let Some([l0, l1, l2, of_frame, ..]) = self.arrived[start..].first_chunk::<9>() {
                let end = start + 9 + u32::from_be_bytes([0, *l0, *l1, *l2]) as usize;
                if end > self.arrived.len() {
                    break;
                }
                left -= usize::from(*of_frame == kind);
                start = end;
            }
            self.arrived.drain(..start);
        }
    }
}

#[test]
fn the_same_over_http_2() {
    let _alone = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    for (streams_each, bytes_max) in [(1, BYTES_MAX_WITH_HTTP_2), (100, BYTES_MAX)] {
        let (running, broadcast) = started("h2c://");
        let mut clients: Vec<Streams> = Vec::with_capacity(STREAMS);
        // What the worker has for all of them.
        clients.extend((0..10).map(|_| Streams::open(&running, streams_each)));
        let count = STREAMS / streams_each;
        let before = counting::bytes();
        clients.extend((0..count).map(|_| Streams::open(&running, streams_each)));
        // What the test has of each is not the server's.
        let own = count * 4096;
        let each = || counting::bytes().saturating_sub(before + own) / (count * streams_each);
        // The worker reduces the last one after its client has the head.
        support::until("all of them wait", || each() < bytes_max);
        let idle = each();
        for _ in 0..3 {
            let message = Event::data("a message to all of them");
            assert_eq!(broadcast.send(message), clients.len() * streams_each);
            clients.iter_mut().for_each(|client| client.read(0, streams_each));
        }
        support::until("all of them wait again", || each() < bytes_max);
        let after = each();
        eprintln!("{streams_each} on each connection: {idle} bytes at first, {after} at last");
        running.handle().stop_now();
        running.wait();
    }
}

const STREAMS: usize = 1_000;

const BYTES_MAX: usize = 600;

/// One on its own has the state of its connection with it: the tables of HPACK, windows, and accounts.
const BYTES_MAX_WITH_HTTP_2: usize = 2_500;

const REQUEST: &[u8] = b"GET /events HTTP/1.1\r\nHost: test\r\nAccept: text/event-stream\r\n\r\n";
