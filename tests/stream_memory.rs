//! An open stream that waits for its sender costs a few hundred bytes, as the allocator counts: before its first
//! message and after others.

mod support;

use httpd::{Broadcast, Event, Limits, Request, Server, Site, Workers};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::num::NonZeroUsize;
use support::PATIENCE;
use support::counting::{self, Counting};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_stream_that_waits_costs_a_few_hundred_bytes() {
    let broadcast = Broadcast::new();
    let listeners = broadcast.clone();
    let site = Site::new().at("/events", move |_: &Request<'_>| listeners.listen());
    let server = Server::new(site)
        .limits(Limits::default().connections_max(STREAMS + 10))
        .workers(Workers::Count(NonZeroUsize::MIN))
        .listen("127.0.0.1:0");
    let running = server.start().expect("a port is free");
    let address = running.addresses()[0].to_string();
    let mut clients: Vec<TcpStream> = Vec::with_capacity(STREAMS);
    let mut buffer = vec![0; 64 * 1024];
    let mut open = |count: usize, clients: &mut Vec<TcpStream>| {
        for _ in 0..count {
            let mut client = TcpStream::connect(&address).expect("the server listens");
            client.set_read_timeout(Some(PATIENCE)).expect("it is not zero");
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

const STREAMS: usize = 1_000;

const BYTES_MAX: usize = 600;

const REQUEST: &[u8] = b"GET /events HTTP/1.1\r\nHost: test\r\nAccept: text/event-stream\r\n\r\n";
