//! HTTP/2 under attack: what a flood costs the server, against a client that works and sends as many bytes, and that
//! other clients hardly notice it.
//!
//! A flood that its connection is ended for goes on with another connection, as an attacker would.

mod server;

use crate::support::http2::*;
use crate::support::{Client, hpack, lacks};
use httpd::Address;
use server::Flooded;
pub use server::serve_if_asked;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// What an attacker sends on each of its connections.
struct Flood<'a> {
    name: &'static str,
    settings: &'a [(u16, u32)],
    /// The bytes of each step, of which there may be any number.
    step: &'a (dyn Fn(u32) -> Vec<u8> + Sync),
    /// Whether the server ends its connections with ENHANCE_YOUR_CALM, within the bytes that are sent. `None`: that depends
    /// on how many requests wait for a thread at once.
    is_ended: Option<bool>,
}

/// What a flood was like.
struct Seen {
    bytes: usize,
    connections: usize,
    /// Codes of GOAWAY.
    codes: Vec<u32>,
}

/// A connection that only sends, while another thread reads.
fn send(address: &Address, flood: &Flood<'_>, bytes_max: usize) -> (usize, Option<u32>) {
    let Address::Tcp(address) = address else { panic!("it listens on TCP") };
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_write_timeout(Some(PATIENCE)).expect("it is not zero");
    let mut reader = stream.try_clone().expect("descriptors are left");
    let read = thread::spawn(move || {
        let mut all = Vec::new();
        let _ = reader.read_to_end(&mut all);
        goaway(&all)
    });
    let greeting = [
        &b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..],
        &settings_frame(flood.settings),
        &frame(SETTINGS, ACK, 0, b""),
        // Nothing waits for the window of the connection.
        &window_update(0, 1 << 30),
    ];
    let mut batch = greeting.concat();
    let mut sent = 0;
    for number in 0.. {
        batch.extend((flood.step)(number));
        if batch.len() < 4096 {
            continue;
        }
        if stream.write_all(&batch).is_err() {
            break;
        }
        sent += batch.len();
        batch.clear();
        if sent >= bytes_max || read.is_finished() {
            break;
        }
    }
    let _ = stream.shutdown(Shutdown::Write);
    (sent, read.join().expect("it only reads"))
}

/// The code of the last GOAWAY.
fn goaway(mut bytes: &[u8]) -> Option<u32> {
    let mut code = None;
    while let Some(([l0, l1, l2, kind, ..], rest)) = bytes.split_first_chunk::<9>()
        && let Some((payload, rest)) =
            rest.split_at_checked(u32::from_be_bytes([0, *l0, *l1, *l2]) as usize)
    {
        if *kind == GOAWAY {
            code = payload[4..].first_chunk().map(|code| u32::from_be_bytes(*code));
        }
        bytes = rest;
    }
    code
}

/// Sends so many bytes in all, over as many connections as that takes.
fn attack(address: &Address, flood: &Flood<'_>, bytes: usize) -> Seen {
    let mut seen = Seen { bytes: 0, connections: 0, codes: Vec::new() };
    while seen.bytes < bytes {
        let (sent, code) = send(address, flood, bytes - seen.bytes);
        seen.bytes += sent.max(1);
        seen.connections += 1;
        seen.codes.extend(code);
    }
    seen
}

/// Asks again and again until it is over; how long each answer took, in order.
fn bystander(address: &Address, is_over: &AtomicBool) -> Vec<Duration> {
    let mut client = Http2::connect(address);
    let mut times = Vec::new();
    while !is_over.load(Ordering::Relaxed) || times.len() < 100 {
        let begin = Instant::now();
        client.get("/hello").expect(200).body("hello\n");
        times.push(begin.elapsed());
        thread::sleep(Duration::from_micros(500));
    }
    times.sort_unstable();
    times
}

fn p99(times: &[Duration]) -> Duration {
    times[times.len() * 99 / 100]
}

/// While something is done: its result, the time that the server took, without that of a bystander, and how long the
/// bystander waited.
fn measured<T: Send>(server: &Flooded, run: impl FnOnce() -> T + Send) -> (T, Duration, Duration) {
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let bystander = scope.spawn(|| bystander(&server.address, &is_over));
        let before = server.cpu();
        let result = run();
        let cpu = server.cpu() - before;
        is_over.store(true, Ordering::Relaxed);
        let times = bystander.join().expect("it is served");
        let its_own = PER_REQUEST * times.len() as u32;
        (result, cpu.saturating_sub(its_own), p99(&times))
    })
}

/// What a client costs that works: a request of some sixty bytes after the other, sixteen at a time.
fn worker(address: &Address, bytes: usize) -> usize {
    let mut client = Http2::connect(address);
    let mut sent = 0;
    while sent < bytes {
        let mut batch = Vec::new();
        let streams: Vec<u32> = (0..16).map(|_| client.next_stream()).collect();
        for stream in &streams {
            batch.extend(get(*stream, &format!("/hello?{stream:039}")));
        }
        client.send(&batch);
        sent += batch.len();
        for stream in streams {
            client.reply(stream).expect(200);
        }
    }
    sent
}

/// HEADERS of a GET, in which everything but the path is known.
fn get(stream: u32, path: &str) -> Vec<u8> {
    // :method GET, :scheme http, and :authority as a literal of a known name.
    let mut block = b"\x82\x86\x01\x01h\x04".to_vec();
    hpack::integer(&mut block, 0, 7, path.len());
    block.extend_from_slice(path.as_bytes());
    frame(HEADERS, END_HEADERS | END_STREAM, stream, &block)
}

/// HEADERS of a POST, whose content follows.
fn post(stream: u32, path: &str) -> Vec<u8> {
    let mut block = b"\x83\x86\x01\x01h\x04".to_vec();
    hpack::integer(&mut block, 0, 7, path.len());
    block.extend_from_slice(path.as_bytes());
    frame(HEADERS, END_HEADERS, stream, &block)
}

/// Demands that the server takes little more time for each byte of a flood than for one of a client that works, that it
/// takes little memory, and that a bystander is served.
fn costs_little(floods: &[Flood<'_>]) {
    let server = Flooded::start();
    // What is made once is made.
    worker(&server.address, BYTES / 4);
    for flood in floods {
        let mut told = String::new();
        let is_fine = (0..TRIES).any(|_| {
            let (bytes, cpu, calm) = measured(&server, || worker(&server.address, BYTES));
            let useful = cpu.as_nanos() as f64 / bytes as f64;
            let (before, _) = server.memory_bytes();
            let (seen, cpu, busy) = measured(&server, || attack(&server.address, flood, BYTES));
            let (_, most) = server.memory_bytes();
            let useless = cpu.as_nanos() as f64 / seen.bytes as f64;
            let grown = most.saturating_sub(before);
            let calmed = seen.codes.iter().filter(|code| **code == ENHANCE_YOUR_CALM).count();
            told += &format!(
                "\n{}: {useless:.0} ns a byte (work {useful:.0}); p99 of others {busy:.1?} (calm {calm:.1?}); \
                 {} KB more memory; {} connections, of which {calmed} ended with ENHANCE_YOUR_CALM",
                flood.name,
                grown / 1024,
                seen.connections,
            );
            assert!(flood.is_ended.is_none_or(|it| it == (calmed > 0)), "{told} {:?}", seen.codes);
            useless < useful * FACTOR_MAX && busy < (calm * 10).max(LATE) && grown < MEMORY_BYTES
        });
        eprintln!("{told}");
        assert!(is_fine, "{told}");
    }
}

fn resets_cost_little() {
    let stream = |number: u32| number * 2 + 1;
    costs_little(&[
        Flood {
            name: "rapid reset",
            settings: &[],
            step: &|it| [get(stream(it), "/large.bin"), reset(stream(it))].concat(),
            is_ended: Some(true),
        },
        Flood {
            name: "resets of requests that threads answer",
            settings: &[],
            step: &|it| [get(stream(it), "/slow"), reset(stream(it))].concat(),
            is_ended: Some(true),
        },
        Flood {
            name: "windows beyond their bound",
            settings: &[],
            step: &|it| {
                [post(stream(it), "/read"), window_update(stream(it), u32::MAX >> 1)].concat()
            },
            is_ended: Some(true),
        },
        Flood {
            name: "windows that grow by nothing",
            settings: &[],
            step: &|it| [post(stream(it), "/read"), window_update(stream(it), 0)].concat(),
            is_ended: Some(true),
        },
        Flood {
            name: "data behind the end",
            settings: &[],
            step: &|it| [get(stream(it), "/slow"), frame(DATA, 0, stream(it), b"x")].concat(),
            is_ended: Some(true),
        },
        Flood {
            name: "a head behind the end",
            settings: &[],
            step: &|it| [get(stream(it), "/slow"), get(stream(it), "/slow")].concat(),
            is_ended: Some(true),
        },
        Flood {
            name: "PRIORITY of a wrong length",
            settings: &[],
            step: &|it| {
                [post(stream(it), "/read"), frame(PRIORITY, 0, stream(it), b"1234")].concat()
            },
            is_ended: Some(true),
        },
        Flood {
            name: "malformed requests",
            settings: &[],
            step: &|it| head(stream(it), &fields("GET", "/", &[("te", "x")]), END_STREAM),
            is_ended: Some(true),
        },
    ]);
}

fn frames_that_do_nothing_cost_little() {
    let same = |bytes: Vec<u8>| move |_: u32| bytes.clone();
    let update = [&1_u32.to_be_bytes()[..], b"u=1"].concat();
    let settings = settings_frame(&[(4, 65_535)]);
    let long_settings = settings_frame(&[(4, 65_535); 2000]);
    let plain = |name, step| Flood { name, settings: &[], step, is_ended: Some(true) };
    costs_little(&[
        plain("PING", &same(frame(PING, 0, 0, &[0; 8]))),
        plain("SETTINGS", &same(settings)),
        Flood { is_ended: Some(false), ..plain("long SETTINGS", &same(long_settings)) },
        plain("SETTINGS acknowledged again and again", &same(frame(SETTINGS, ACK, 0, b""))),
        plain("PRIORITY", &same(frame(PRIORITY, 0, 1, b"\0\0\0\0\0"))),
        plain("PRIORITY_UPDATE", &same(frame(PRIORITY_UPDATE, 0, 0, &update))),
        plain("frames of an unknown type", &same(frame(0xbe, 0, 0, b""))),
        plain("WINDOW_UPDATE by 1", &same(window_update(0, 1))),
        plain("empty heads", &|it| frame(HEADERS, END_HEADERS | END_STREAM, it * 2 + 1, b"")),
        plain("empty data", &|it| match it {
            0 => post(1, "/read"),
            _ => frame(DATA, 0, 1, b""),
        }),
        plain("padded data that is empty", &|it| match it {
            0 => post(1, "/read"),
            _ => frame(DATA, PADDED, 1, b"\x03\0\0\0"),
        }),
    ]);
}

fn long_heads_cost_little() {
    let bomb = |stream: u32, before: &[u8], ends: u8| {
        let mut block = before.to_vec();
        hpack::kept(&mut block, "x-long", &"x".repeat(3900));
        block.resize(16_000, 0x80 | 62);
        frame(HEADERS, END_HEADERS | ends, stream, &block)
    };
    let part = |length: usize| {
        move |it: u32| match it {
            0 => frame(HEADERS, END_STREAM, 1, b"\x82\x86"),
            _ => frame(CONTINUATION, 0, 1, &vec![0x82; length]),
        }
    };
    let plain = |name, step| Flood { name, settings: &[], step, is_ended: Some(true) };
    costs_little(&[
        plain("CONTINUATION of no bytes", &part(0)),
        plain("CONTINUATION of a byte", &part(1)),
        plain("CONTINUATION of 1000 bytes", &part(1000)),
        Flood {
            is_ended: Some(false),
            ..plain("a head that repeats one long field", &|it| {
                bomb(it * 2 + 1, b"\x82\x86\x84\x01\x01h", END_STREAM)
            })
        },
        Flood {
            is_ended: Some(false),
            ..plain("trailers that repeat one long field", &|it| {
                let stream = it * 2 + 1;
                [post(stream, "/read"), bomb(stream, b"", END_STREAM)].concat()
            })
        },
    ]);
}

fn requests_that_are_refused_cost_no_more_than_others() {
    costs_little(&[
        Flood {
            name: "403 each time",
            settings: &[],
            step: &|it| get(it * 2 + 1, &format!("/refused?{it:039}")),
            is_ended: None,
        },
        Flood {
            name: "404 each time",
            settings: &[],
            step: &|it| get(it * 2 + 1, &format!("/none/{it:039}")),
            is_ended: None,
        },
        Flood {
            name: "413 each time",
            settings: &[],
            step: &|it| {
                let stream = it * 2 + 1;
                let length = [("content-length", "99999999999")];
                head(stream, &fields("POST", "/read", &length), 0)
            },
            is_ended: None,
        },
    ]);
}

fn bodies_in_tiny_pieces_cost_little() {
    let body = |piece: Vec<u8>, flags: u8| {
        move |it: u32| match it {
            0 => post(1, "/read"),
            _ => frame(DATA, flags, 1, &piece),
        }
    };
    let plain = |name, step| Flood { name, settings: &[], step, is_ended: Some(false) };
    costs_little(&[
        plain("a body byte by byte", &body(b"x".to_vec(), 0)),
        plain("a body that is padding", &body([&[255][..], &[0; 256]].concat(), PADDED)),
    ]);
}

/// What waits for a client or for a handler holds memory, and nobody up.
fn what_waits_costs_memory_within_bounds_and_no_time() {
    let server = Flooded::start();
    worker(&server.address, BYTES / 4);
    type Waiting<'a> = (&'static str, &'a [(u16, u32)], &'a dyn Fn(u32) -> Vec<u8>, u64);
    let kib = |count: u64| count * 1024;
    let waiting: [Waiting<'_>; 5] = [
        ("windows of nothing", &[(4, 0)], &|stream| get(stream, "/large.bin"), kib(1500)),
        ("windows of a byte", &[(4, 1)], &|stream| get(stream, "/large.bin"), kib(1500)),
        ("a slow handler", &[], &|stream| get(stream, "/slow"), kib(1500)),
        ("bodies that stop at once", &[], &|stream| post(stream, "/read"), kib(1500)),
        (
            "bodies that stop when the window is full",
            &[],
            &|stream| {
                let data = frame(DATA, 0, stream, &[b'x'; 15_000]).repeat(4);
                [post(stream, "/read"), data].concat()
            },
            // What was sent, where Vec doubles.
            kib(128 * 64 * 2),
        ),
    ];
    for (name, settings, step, bytes_max) in waiting {
        const CONNECTIONS: u64 = 8;
        let (before, _) = server.memory_bytes();
        let mut held = Vec::new();
        for _ in 0..CONNECTIONS {
            let mut client = Http2::with_settings(Client::connect(&server.address), settings);
            client.makes_room = false;
            let all: Vec<u8> = (0..128).flat_map(|number| step(number * 2 + 1)).collect();
            client.send(&all);
            held.push(client);
        }
        let ((), cpu, busy) = measured(&server, || thread::sleep(Duration::from_millis(500)));
        let (_, most) = server.memory_bytes();
        let each = most.saturating_sub(before) / CONNECTIONS;
        eprintln!(
            "{name}: {} KB for each connection of 128 streams, {cpu:.1?} of the CPU, p99 of others {busy:.1?}",
            each / 1024
        );
        assert!(each < bytes_max, "{name}: {each} bytes for each connection");
        assert!(busy < LATE, "{name}: others wait {busy:?}");
        drop(held);
    }
    // All of it ends, and the memory serves others.
    let (_, cpu, _) = measured(&server, || worker(&server.address, BYTES / 4));
    assert!(cpu > Duration::ZERO);
}

tests! {
    lacks::nothing:
        resets_cost_little,
        frames_that_do_nothing_cost_little,
        long_heads_cost_little,
        requests_that_are_refused_cost_no_more_than_others,
        bodies_in_tiny_pieces_cost_little,
        what_waits_costs_memory_within_bounds_and_no_time;
}

const PATIENCE: Duration = Duration::from_secs(20);

/// So much each client sends in all.
const BYTES: usize = 1_000_000;

/// A flood costs less for a byte than so many times what work does.
const FACTOR_MAX: f64 = 3.0;

/// Nobody may wait for longer.
const LATE: Duration = Duration::from_millis(250);

/// The buffers of a connection, and what those that end leave behind.
const MEMORY_BYTES: u64 = 16 * 1024 * 1024;

const TRIES: usize = 3;

/// About what a request of the bystander costs.
const PER_REQUEST: Duration = Duration::from_micros(30);
