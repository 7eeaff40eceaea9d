//! A warm server allocates nothing: neither for a cached file, nor for a 304, nor for pipelined
//! requests, nor for the lines of its access log. The same holds for HTTP/2, with any number of streams.
//!
//! The whole process is counted, so the client in here reads and writes with fixed buffers.

mod support;

use httpd::{AccessLog, Format, Root, Running, Server, Site, StaticFiles, Workers};
use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::num::NonZeroUsize;
use std::time::{Duration, SystemTime};
use support::counting::{self, Counting};
use support::{Folder, PATIENCE};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Whether the server writes an access log.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Logs {
    No,
    Yes,
}

/// A server with one worker, a connection to it, and its files, gone when it is dropped.
struct Warm {
    running: Option<Running>,
    client: TcpStream,
    _folder: Folder,
    received: Box<[u8]>,
}

impl Warm {
    fn new(logs: Logs, scheme: &str) -> Warm {
        let folder = folder();
        let root = Root::open(folder.path("www")).expect("it was just made");
        let log = match logs {
            Logs::No => AccessLog::off(),
            Logs::Yes => AccessLog::to_file(folder.path("access.log"), Format::Combined),
        };
        let precompressed = Root::open(folder.path("www/folder")).expect("it was just made");
        let site = Site::new()
            .at("/", StaticFiles::new(root))
            .at("/folder/", StaticFiles::new(precompressed).precompressed(true));
        let running = Server::new(site)
            .listen(&format!("{scheme}127.0.0.1:0"))
            .workers(Workers::Count(NonZeroUsize::MIN))
            .access_log(log)
            .start()
            .expect("a port is free");
        let address = running.addresses()[0].to_string();
        let client = TcpStream::connect(address).expect("the server listens");
        client.set_nodelay(true).expect("it is TCP");
        client.set_read_timeout(Some(PATIENCE)).expect("it is not zero");
        Warm {
            running: Some(running),
            client,
            _folder: folder,
            received: vec![0; 1 << 20].into_boxed_slice(),
        }
    }

    /// Sends the requests and reads exactly so many bytes of answers.
    fn exchange(&mut self, requests: &[u8], answers_bytes: usize) {
        self.client.write_all(requests).expect("the server reads");
        self.client.read_exact(&mut self.received[..answers_bytes]).expect("the server answers");
    }

    /// The length of the answers to these requests, which come `count` to a batch.
    fn measure(&mut self, requests: &[u8], count: usize, status: &str) -> usize {
        self.client.write_all(requests).expect("the server reads");
        let mut length = 0;
        let mut answers = 0;
        let mut end = 0;
        while answers < count {
            length += self.client.read(&mut self.received[length..]).expect("the server answers");
            while let Some(next) = answer_bytes(&self.received[end..length], status) {
                end += next;
                answers += 1;
            }
        }
        assert_eq!(end, length, "more than was asked for");
        length
    }

    /// How often anything in the process allocates while the requests are made so many times.
    fn allocations_of(&mut self, requests: &[u8], count: usize, status: &str) -> usize {
        let answers_bytes = self.measure(requests, count, status);
        // Long enough that every buffer has found its size and the log was written out.
        for _ in 0..ROUNDS {
            self.exchange(requests, answers_bytes);
        }
        counting::allocations_of(|| {
            for _ in 0..ROUNDS {
                self.exchange(requests, answers_bytes);
            }
        })
    }
}

impl Drop for Warm {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.handle().stop_now();
            running.wait();
        }
    }
}

/// The length of the answer at the front, if it is whole. It must have this status.
fn answer_bytes(bytes: &[u8], status: &str) -> Option<usize> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&bytes[..end]).expect("a head is ASCII");
    assert_eq!(&head[9..12], status, "{head}");
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("Content-Length: "))
        .map_or(0, |length| length.parse().expect("a length has digits"));
    (bytes.len() >= end + length).then_some(end + length)
}

/// `www` with a few files that have rested for a day.
fn folder() -> Folder {
    let folder = Folder::new();
    for (name, length) in [
        ("www/small.txt", 38),
        ("www/page.html", 9_000),
        ("www/folder/index.html", 500),
        ("www/folder/a.css", 500),
        ("www/folder/a.css.gz", 400),
        ("www/large.bin", 400_000),
    ] {
        let path = folder.write(name, vec![b'x'; length]);
        let file = File::options().append(true).open(path).expect("it was just written");
        let a_day_ago = SystemTime::now() - Duration::from_secs(86_400);
        file.set_modified(a_day_ago).expect("the file is ours");
    }
    folder
}

/// As a browser asks.
fn get(target: &str, headers: &str) -> Vec<u8> {
    format!(
        "GET {target} HTTP/1.1\r\nHost: localhost:8080\r\nUser-Agent: Mozilla/5.0 (X11; Linux)\r\n\
         Accept: text/html,*/*;q=0.8\r\nAccept-Encoding: gzip, br\r\nReferer: http://localhost/\r\n\
         Connection: keep-alive\r\n{headers}\r\n"
    )
    .into_bytes()
}

/// What is asked for again and again.
struct Case {
    name: &'static str,
    requests: Vec<u8>,
    /// How many requests these are.
    count: usize,
    status: &'static str,
}

impl Case {
    fn new(name: &'static str, requests: Vec<u8>, count: usize, status: &'static str) -> Case {
        Case { name, requests, count, status }
    }
}

fn cases() -> Vec<Case> {
    let since = "If-Modified-Since: Tue, 31 Dec 2199 23:59:59 GMT\r\n";
    let small = get("/small.txt", "");
    vec![
        Case::new("a small file", small.clone(), 1, "200"),
        Case::new("a file that is not copied", get("/page.html", ""), 1, "200"),
        Case::new("the index of a folder", get("/folder/", ""), 1, "200"),
        Case::new("a part", get("/page.html", "Range: bytes=100-199\r\n"), 1, "206"),
        Case::new("a file sent from its descriptor", get("/large.bin", ""), 1, "200"),
        Case::new("a file that is not there", get("/no-such", ""), 1, "404"),
        Case::new("not modified by tag", get("/small.txt", "If-None-Match: *\r\n"), 1, "304"),
        Case::new("not modified by date", get("/small.txt", since), 1, "304"),
        Case::new("a compressed sibling", get("/folder/a.css", ""), 1, "200"),
        Case::new("not modified", get("/folder/a.css", "If-None-Match: *\r\n"), 1, "304"),
        Case::new("sixteen pipelined requests", small.repeat(16), 16, "200"),
    ]
}

fn faults(logs: Logs) -> Vec<String> {
    let mut faults = Vec::new();
    for case in cases() {
        let allocations =
            Warm::new(logs, "").allocations_of(&case.requests, case.count, case.status);
        if allocations > 0 {
            let name = case.name;
            faults.push(format!("{name}: {allocations} allocations in {ROUNDS} rounds"));
        }
    }
    faults
}

/// The same over HTTP/2: each round asks for all targets at once, each on a stream of its own.
struct Streams {
    warm: Warm,
    /// The frames of a round, with the places of their streams' numbers.
    requests: Vec<u8>,
    places: Vec<usize>,
    next_stream: u32,
}

impl Streams {
    fn new(logs: Logs, targets: &[Target]) -> Streams {
        let mut warm = Warm::new(logs, "h2c://");
        let mut greeting = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        let window = i32::MAX.to_be_bytes();
        greeting.extend([&frame(6, 4, 0, 0)[..], &[0, 4], &window].concat());
        greeting.extend([&frame(0, 4, 1, 0)[..], &frame(4, 8, 0, 0)].concat());
        greeting.extend((i32::MAX - 65_535).to_be_bytes());
        warm.client.write_all(&greeting).expect("the server reads");
        let (mut requests, mut places) = (Vec::new(), Vec::new());
        for (target, fields) in targets {
            // GET, http, and the path, all of which leave the tables as they are.
            let mut block = vec![0x82, 0x86];
            literal(&mut block, &[0x04], target);
            literal(&mut block, &[0x01], "localhost:8080");
            for (name, value) in *fields {
                block.extend([0x00, name.len() as u8]);
                block.extend(name.bytes());
                literal(&mut block, &[], value);
            }
            places.push(requests.len() + 5);
            requests.extend(frame(block.len(), 1, 5, 1));
            requests.extend(block);
        }
        Streams { warm, requests, places, next_stream: 1 }
    }

    /// Asks once, and reads until all streams have ended.
    fn round(&mut self) {
        for place in &self.places {
            self.requests[*place..place + 4].copy_from_slice(&self.next_stream.to_be_bytes());
            self.next_stream += 2;
        }
        self.warm.client.write_all(&self.requests).expect("the server reads");
        let received = &mut self.warm.received;
        let (mut start, mut end, mut ended) = (0, 0, 0);
        while ended < self.places.len() {
            received.copy_within(start..end, 0);
            (start, end) = (0, end - start);
            end += self.warm.client.read(&mut received[end..]).expect("the server answers");
            while let Some([l0, l1, l2, kind, flags, ..]) = received[start..end].first_chunk::<9>()
            {
                let length = u32::from_be_bytes([0, *l0, *l1, *l2]) as usize;
                if start + 9 + length > end {
                    break;
                }
                assert!(matches!(kind, 0 | 1 | 4 | 8), "a frame of the type {kind}");
                ended += usize::from(matches!(kind, 0 | 1) && flags & 1 == 1);
                start += 9 + length;
            }
        }
        assert_eq!(start, end, "more than was asked for");
    }

    fn allocations(mut self) -> usize {
        (0..ROUNDS).for_each(|_| self.round());
        counting::allocations_of(|| (0..ROUNDS).for_each(|_| self.round()))
    }
}

type Field<'a> = (&'a str, &'a str);

/// A path, and headers of the request for it.
type Target<'a> = (&'a str, &'a [Field<'a>]);

/// What precedes the payload of a frame.
fn frame(length: usize, kind: u8, flags: u8, stream: u32) -> Vec<u8> {
    let [_, l0, l1, l2] = (length as u32).to_be_bytes();
    [&[l0, l1, l2, kind, flags][..], &stream.to_be_bytes()].concat()
}

fn literal(block: &mut Vec<u8>, before: &[u8], value: &str) {
    block.extend(before);
    block.push(value.len() as u8);
    block.extend(value.bytes());
}

fn faults_over_http2(logs: Logs) -> Vec<String> {
    let small: Target = ("/small.txt", &[]);
    let page: Target = ("/page.html", &[]);
    let cases: [(&str, Vec<Target>); 7] = [
        ("a small file", vec![small]),
        ("a hundred small files", vec![small; 100]),
        ("a file that is not copied", vec![page]),
        ("many at once", [vec![page; 10], vec![("/large.bin", &[]); 1], vec![small]].concat()),
        ("a file that is not there", vec![("/no-such", &[])]),
        ("a part", vec![("/page.html", &[("range", "bytes=100-199")])]),
        ("not modified", vec![("/folder/a.css", &[("if-none-match", "*")])]),
    ];
    let mut faults = Vec::new();
    for (name, targets) in cases {
        let allocations = Streams::new(logs, &targets).allocations();
        if allocations > TABLE_ALLOCATIONS {
            faults.push(format!("{name}: {allocations} allocations in {ROUNDS} rounds"));
        }
    }
    faults
}

/// One test for all cases: a test that ends makes its harness allocate, which would be counted.
#[test]
fn a_warm_server_allocates_nothing() {
    let without_log = faults(Logs::No);
    let with_log = faults(Logs::Yes);
    let over_http2 = [Logs::No, Logs::Yes].map(faults_over_http2).concat();
    assert!(
        without_log.is_empty() && with_log.is_empty() && over_http2.is_empty(),
        "\n{}\nwith an access log:\n{}\nover HTTP/2, without a log and with one:\n{}",
        without_log.join("\n"),
        with_log.join("\n"),
        over_http2.join("\n")
    );
}

/// The date is kept in the table of a connection, which so grows to its bound in the first minute.
const TABLE_ALLOCATIONS: usize = 3;

/// How often each case is played, once to warm up and once to be counted.
const ROUNDS: usize = 1_000;
