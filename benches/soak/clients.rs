//! Clients that ask for what they may, and demand that they get it.

use crate::pace::Pace;
use crate::strangers;
use crate::support::coded::decoded;
use crate::support::http2::{END_STREAM, StreamReply, fields, head};
use crate::support::secured::begin;
use crate::support::{Client, Http2, Reply, noise};
use crate::tally::{self, Tally, answered};
use crate::world::{FILE_BYTES, FILES, LARGE_BYTES, PAGE, World};
use httpd::Address;
use rustls::ClientConfig;
use std::fs;
use std::io::Write;
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::Duration;

/// A kind of client.
pub struct Kind {
    pub name: &'static str,
    pub needs_python: bool,
    round: fn(&mut Asker<'_>),
}

const fn kind(name: &'static str, round: fn(&mut Asker<'_>)) -> Kind {
    Kind { name, needs_python: false, round }
}

/// All that ask at once; some kinds do so several times.
pub const ALL: &[Kind] = &[
    kind("keep-alive", keep_alive),
    kind("keep-alive", keep_alive),
    kind("keep-alive, TLS", keep_alive_over_tls),
    kind("keep-alive, TLS", keep_alive_over_tls),
    kind("short", short),
    kind("short", short),
    kind("short, TLS", short_over_tls),
    kind("HTTP/2", http_2),
    kind("HTTP/2, TLS", http_2_over_tls),
    kind("slow", slow),
    kind("slow", slow),
    kind("slow, TLS", slow_over_tls),
    kind("idle", idle),
    kind("uploads", uploads),
    kind("uploads", uploads),
    kind("ranges", ranges),
    kind("changing files", changing_files),
    kind("compressed, listed", compressed),
    Kind { name: "application", needs_python: true, round: application },
    kind("aborting", strangers::abort),
    kind("hostile", strangers::send_nonsense),
    kind("hostile", strangers::send_nonsense),
];

/// One client, whatever its kind.
pub struct Asker<'a> {
    pub world: &'a World,
    pub pace: &'a Pace,
    pub number: u64,
    random: u64,
}

/// Rounds of a client until it is over.
pub fn run(kind: &Kind, number: u64, world: &World, pace: &Pace, tally: &Tally) {
    let mut asker = Asker { world, pace, number, random: number + 1 };
    while pace.next() {
        if !tally.round(kind.name, || (kind.round)(&mut asker)) {
            thread::sleep(PAUSE);
        }
    }
    pace.leave();
}

impl Asker<'_> {
    /// One of so many numbers.
    pub fn below(&mut self, count: usize) -> usize {
        // xorshift64*.
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        (self.random.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % count
    }

    pub fn connect(&self) -> Client {
        connect(&self.world.plain)
    }

    pub fn secured(&self, config: &Arc<ClientConfig>) -> Client {
        let mut stream = begin(&self.world.secure, config, "localhost");
        tally::connected(stream.sock.local_addr().expect("a socket").port());
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock).expect("the handshake");
        }
        Client::over_tls(stream)
    }

    /// The path of some file, and its content.
    fn file(&mut self) -> (String, &'static [u8]) {
        let number = self.below(FILES);
        (format!("/files/{number}.bin"), &NOISE[..FILE_BYTES[number % FILE_BYTES.len()]])
    }
}

pub fn connect(address: &Address) -> Client {
    let client = Client::connect(address);
    tally::connected(client.local_port());
    client
}

fn ask(client: &mut Client, method: &str, path: &str, headers: &str) -> Reply {
    client.send(format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n"));
    let reply = client.reply_to(method);
    answered();
    reply
}

fn keep_alive(asker: &mut Asker<'_>) {
    let client = asker.connect();
    requests(asker, client);
}

fn keep_alive_over_tls(asker: &mut Asker<'_>) {
    let client = asker.secured(&asker.world.trusting);
    requests(asker, client);
}

fn requests(asker: &mut Asker<'_>, mut client: Client) {
    for _ in 0..100 {
        let (path, content) = asker.file();
        let reply = match asker.below(10) {
            0 => {
                let reply = ask(&mut client, "HEAD", &path, "");
                assert_eq!(reply.expect(200).announced_length(), content.len() as u64);
                reply
            }
            1 => {
                let reply = ask(&mut client, "GET", &format!("/none/{path}"), "");
                reply.expect(404);
                reply
            }
            2 => {
                let first = ask(&mut client, "GET", &path, "");
                if !first.expect(200).body(content).keeps_alive() {
                    return;
                }
                let condition = format!("If-None-Match: {}\r\n", first.etag());
                let second = ask(&mut client, "GET", &path, &condition);
                second.expect(304);
                second
            }
            _ => {
                let reply = ask(&mut client, "GET", &path, "");
                reply.expect(200).body(content);
                reply
            }
        };
        if !reply.keeps_alive() || !asker.pace.goes_on() {
            return;
        }
    }
}

fn short(asker: &mut Asker<'_>) {
    let client = asker.connect();
    one_request(asker, client);
}

fn short_over_tls(asker: &mut Asker<'_>) {
    let client = asker.secured(&asker.world.trusting);
    one_request(asker, client);
}

fn one_request(asker: &mut Asker<'_>, mut client: Client) {
    let (path, content) = asker.file();
    client.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"));
    client.last_reply().expect(200).body(content);
    answered();
}

fn http_2(asker: &mut Asker<'_>) {
    let client = connect(&asker.world.h2c);
    streams(asker, client, "http");
}

fn http_2_over_tls(asker: &mut Asker<'_>) {
    let client = asker.secured(&asker.world.trusting_http_2);
    streams(asker, client, "https");
}

/// Many requests at once on one connection, and an upload among them.
fn streams(asker: &mut Asker<'_>, client: Client, scheme: &str) {
    let mut connection = Http2::over(client);
    let host = [(":scheme", scheme), (":authority", "localhost")];
    for _ in 0..10 {
        let mut asked = Vec::new();
        let mut out = Vec::new();
        for _ in 0..10 {
            let (path, content) = asker.file();
            let stream = connection.next_stream();
            out.extend(head(stream, &fields("GET", &path, &host), END_STREAM));
            asked.push((stream, content));
        }
        let path = format!("/drop/{}", asker.number);
        let upload = connection.next_stream();
        out.extend(head(upload, &fields("PUT", &path, &host), 0));
        // The server may have sent that it takes no more, and closed: then none of this was looked at.
        let _ = connection.try_send(&out);
        let length = asker.below(30_000);
        send_data(&mut connection, upload, &NOISE[..length]);
        for (stream, content) in asked {
            if let Some(reply) = reply(&mut connection, stream) {
                reply.expect(200).body(content);
            }
        }
        if let Some(reply) = reply(&mut connection, upload) {
            assert!([201, 204].contains(&reply.status()), "{reply:?}");
        }
        if !connection.goaways.is_empty() || !asker.pace.goes_on() {
            return;
        }
    }
}

fn send_data(connection: &mut Http2, stream: u32, bytes: &[u8]) {
    let mut out = Vec::new();
    for piece in bytes.chunks(16_384) {
        out.extend(crate::support::http2::frame(0, 0, stream, piece));
    }
    out.extend(crate::support::http2::frame(0, END_STREAM, stream, b""));
    let _ = connection.try_send(&out);
}

/// What is answered on a stream; nothing if the server says that it did not look at it (RFC 9113 §6.8).
fn reply(connection: &mut Http2, stream: u32) -> Option<StreamReply> {
    let is_there =
        |it: &Http2| it.so_far(stream).is_some_and(|it| it.has_ended || it.reset.is_some());
    while !is_there(connection) {
        if !connection.read() {
            let is_refused = connection.goaways.last().is_some_and(|(last, _)| *last < stream);
            assert!(is_refused, "the connection ended: {:?}", connection.goaways);
            tally::repeated();
            return None;
        }
    }
    answered();
    Some(connection.reply(stream))
}

fn slow(asker: &mut Asker<'_>) {
    let client = asker.connect();
    slowly(asker, client);
}

fn slow_over_tls(asker: &mut Asker<'_>) {
    let client = asker.secured(&asker.world.trusting);
    slowly(asker, client);
}

/// Sends a head in pieces, and reads a large file in pieces.
fn slowly(asker: &mut Asker<'_>, mut client: Client) {
    let request = b"GET /large.bin HTTP/1.1\r\nHost: localhost\r\nX: slow\r\n\r\n";
    for piece in request.chunks(1 + asker.below(20)) {
        client.send(piece);
        thread::sleep(Duration::from_millis(40));
    }
    client.reply_head("GET").expect(200);
    let mut taken = 0;
    while taken < LARGE_BYTES {
        let piece = client.read(128 * 1024).expect("it goes on");
        assert!(piece == NOISE[taken..taken + piece.len()], "other bytes at {taken}");
        taken += piece.len();
        thread::sleep(Duration::from_millis(20));
    }
    answered();
}

/// Keeps connections open and uses them rarely.
fn idle(asker: &mut Asker<'_>) {
    let mut all: Vec<Client> = Vec::new();
    for _ in 0..10 {
        all.resize_with(IDLE, || asker.connect());
        for client in &mut all {
            // A process that is replaced closes them in the end. A client that has slept looks before it asks.
            if client.has_news() {
                *client = asker.connect();
            }
            let reply = ask(client, "GET", "/", "");
            if !reply.expect(200).body("from www\n").keeps_alive() {
                *client = asker.connect();
                ask(client, "GET", "/", "").expect(200);
            }
        }
        asker.pace.sleep(Duration::from_secs(2));
        // They stay open while something is measured.
        if !asker.pace.next() {
            return;
        }
    }
}

const IDLE: usize = 40;

/// Stores files, in one piece or many, and reads them again.
fn uploads(asker: &mut Asker<'_>) {
    let mut client = asker.connect();
    for turn in 0..4 {
        let path = format!("/drop/{}-{turn}.bin", asker.number);
        let lengths = [0, 100, 20_000, 200_000];
        let content = &NOISE[..lengths[asker.below(lengths.len())]];
        let is_chunked = asker.below(2) == 0;
        let framing = match is_chunked {
            true => "Transfer-Encoding: chunked".to_owned(),
            false => format!("Content-Length: {}", content.len()),
        };
        client.send(format!("PUT {path} HTTP/1.1\r\nHost: localhost\r\n{framing}\r\n\r\n"));
        for piece in content.chunks(20_000) {
            match is_chunked {
                true => client
                    .send([format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat()),
                false => client.send(piece),
            };
            thread::sleep(Duration::from_millis(10));
        }
        if is_chunked {
            client.send("0\r\n\r\n");
        }
        let stored = client.reply_to("PUT");
        assert!([201, 204].contains(&stored.status), "{stored:?}");
        answered();
        if !stored.keeps_alive() || asker.below(2) == 0 {
            client = asker.connect();
        }
        let read = ask(&mut client, "GET", &path, "");
        if !read.expect(200).body(content).keeps_alive() {
            client = asker.connect();
        }
        if asker.below(2) == 0 {
            let removed = ask(&mut client, "DELETE", &path, "");
            if !removed.expect(204).keeps_alive() {
                client = asker.connect();
            }
        }
        if !asker.pace.goes_on() {
            return;
        }
    }
}

fn ranges(asker: &mut Asker<'_>) {
    let mut client = asker.connect();
    for _ in 0..10 {
        let first = asker.below(LARGE_BYTES);
        let last = (first + asker.below(20_000)).min(LARGE_BYTES - 1);
        let headers = format!("Range: bytes={first}-{last}\r\n");
        let reply = ask(&mut client, "GET", "/large.bin", &headers);
        if !reply.expect(206).body(&NOISE[first..=last]).keeps_alive() {
            return;
        }
        let reply = ask(&mut client, "GET", "/large.bin", "Range: bytes=0-9,100-199,-5\r\n");
        let parts = reply.expect(206).parts();
        assert_eq!(parts.len(), 3);
        assert!(parts[1].content == NOISE[100..200]);
        if !reply.keeps_alive() || !asker.pace.goes_on() {
            return;
        }
    }
}

/// Files that are changed, in place or by renaming: who asks after that gets what is new.
fn changing_files(asker: &mut Asker<'_>) {
    let mut client = asker.connect();
    for _ in 0..20 {
        let name = format!("changing/{}.txt", asker.below(10));
        let content = format!("{:x} ", asker.below(1 << 30)).repeat(1 + asker.below(2000));
        let path = asker.world.folder.path(format!("www/{name}"));
        if asker.below(2) == 0 {
            fs::write(&path, &content).expect("there is room");
        } else {
            let new = asker.world.folder.write("new.txt", &content);
            fs::rename(new, &path).expect("there is room");
        }
        let reply = ask(&mut client, "GET", &format!("/{name}"), "");
        reply.expect(200).body(&content);
        if !reply.keeps_alive() || !asker.pace.goes_on() {
            return;
        }
    }
}

fn compressed(asker: &mut Asker<'_>) {
    let mut client = asker.connect();
    for _ in 0..10 {
        let coding = ["gzip", "br", "zstd"][asker.below(3)];
        let headers = format!("Accept-Encoding: {coding}\r\n");
        let reply = ask(&mut client, "GET", "/page.html", &headers);
        assert!(decoded(reply.expect(200)) == PAGE.repeat(400).as_bytes());
        if !reply.keeps_alive() {
            return;
        }
        let reply = ask(&mut client, "GET", "/listed/", "");
        assert!(reply.expect(200).text().contains("99.txt"));
        if !reply.keeps_alive() || !asker.pace.goes_on() {
            return;
        }
    }
}

fn application(asker: &mut Asker<'_>) {
    let mut client = asker.connect();
    for _ in 0..5 {
        let content = &NOISE[..asker.below(30_000)];
        let length = content.len();
        client.send(format!(
            "POST /app/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n"
        ));
        let reply = client.send(content).reply_to("POST");
        reply.expect(200).body([format!("{length} ").as_bytes(), content].concat());
        answered();
        if !reply.keeps_alive() || !asker.pace.goes_on() {
            return;
        }
    }
}

/// What all files are the beginning of.
pub static NOISE: LazyLock<Vec<u8>> = LazyLock::new(|| noise(LARGE_BYTES));

/// After a failure.
const PAUSE: Duration = Duration::from_millis(50);

/// Leaves in the middle of a handshake.
pub fn begin_handshake(asker: &Asker<'_>) {
    let mut stream = begin(&asker.world.secure, &asker.world.trusting, "localhost");
    let _ = stream.conn.write_tls(&mut stream.sock);
    let _ = stream.sock.flush();
}
