//! A warm server allocates nothing: neither for a cached file, nor for a 304, nor for pipelined
//! requests, nor for the lines of its access log.
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
    fn new(logs: Logs) -> Warm {
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
            .listen("127.0.0.1:0")
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
        let allocations = Warm::new(logs).allocations_of(&case.requests, case.count, case.status);
        if allocations > 0 {
            let name = case.name;
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
    assert!(
        without_log.is_empty() && with_log.is_empty(),
        "\n{}\nwith an access log:\n{}",
        without_log.join("\n"),
        with_log.join("\n")
    );
}

/// How often each case is played, once to warm up and once to be counted.
const ROUNDS: usize = 1_000;
