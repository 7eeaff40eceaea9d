//! The physical limit: an event loop that parses nothing and sends fixed bytes. It shows what a request costs in the
//! kernel, and thereby what is left for a server to lose.
//!
//! It counts blank lines in what it reads, so that pipelined requests get as many answers; that is all that it knows
//! of HTTP. It runs as a process of its own, so that its CPU time is counted as a server's is.
//!
//! With [`Mode::Close`] it answers straight after accept: `TCP_DEFER_ACCEPT` has the request there by then.

use nix::sys::socket::setsockopt;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::path::Path;

use mio::event::Event;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use rustix::io::Errno;
use rustix::net::{SendFlags, SocketFlags};
use slab::Slab;
use socket2::{Domain, Socket, Type};

use crate::other;
use crate::site::{self, Site};
use crate::work::{RANGE_BYTES, Work};

/// The first argument of the process that is the limit.
pub const COMMAND: &str = "limit-responder";

/// How answers are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// From memory, and the connection is closed after one.
    Close,
    /// From memory, each answer of another length, in the order of the requests.
    Many,
    /// From memory.
    Memory,
    /// The head from memory, the body by sendfile.
    Sendfile,
}

/// What to start the limit with, for one kind of work; its answer is written into `folder`.
pub fn arguments(work: Work, port: u16, site: &Site, folder: &Path) -> io::Result<Vec<String>> {
    let mode = match work {
        Work::Close => "close",
        Work::File955k => "sendfile",
        Work::ManyFiles => "many",
        _ => "memory",
    };
    let body = match work {
        Work::NotModified => Vec::new(),
        Work::NotFound => vec![b'x'; NOT_FOUND_BYTES],
        Work::Range => vec![b'x'; RANGE_BYTES],
        Work::File98k => vec![b'x'; site::MEDIUM_BYTES],
        Work::ManyFiles => vec![b'x'; site.lengths.iter().copied().max().unwrap_or(0)],
        // Sent from the file.
        Work::File955k => Vec::new(),
        _ => vec![b'x'; site::SMALL_BYTES],
    };
    let answer = folder.join("answer");
    fs::write(&answer, [head(work, body.len()).into_bytes(), body].concat())?;
    let file = if work == Work::ManyFiles {
        let lengths = site.requests.iter().map(|&rank| format!("{}\n", site.lengths[rank]));
        let file = folder.join("lengths");
        fs::write(&file, lengths.collect::<String>())?;
        file
    } else {
        site.root.join("955k.bin")
    };
    Ok([COMMAND, mode, &port.to_string(), &answer.to_string_lossy(), &file.to_string_lossy()]
        .map(Into::into)
        .into())
}

/// About as long as the servers' heads are.
fn head(work: Work, body_bytes: usize) -> String {
    let length = if work == Work::File955k { site::LARGE_BYTES } else { body_bytes };
    let (status, framing) = match work {
        Work::NotModified => ("304 Not Modified", String::new()),
        Work::NotFound => ("404 Not Found", format!("Content-Length: {length}\r\n")),
        Work::Range => (
            "206 Partial Content",
            format!(
                "Content-Length: {length}\r\nContent-Range: bytes 400000-409215/{}\r\n",
                site::LARGE_BYTES
            ),
        ),
        // Room for the digits of any length.
        _ => ("200 OK", format!("{LENGTH}{length:0DIGITS$}\r\n")),
    };
    let connection = if work == Work::Close { "close" } else { "keep-alive" };
    format!(
        "HTTP/1.1 {status}\r\nServer: limit\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Type: text/html\r\n\
         {framing}Last-Modified: Wed, 31 Dec 2025 00:00:00 GMT\r\nConnection: {connection}\r\n\
         ETag: \"6954c780-26\"\r\nAccept-Ranges: bytes\r\n\r\n"
    )
}

/// The life of the process: it ends by a signal.
pub fn run(arguments: &[String]) -> io::Result<()> {
    let [mode, port, answer, file] = arguments else {
        return Err(other("wrong arguments"));
    };
    let mode = match mode.as_str() {
        "close" => Mode::Close,
        "many" => Mode::Many,
        "memory" => Mode::Memory,
        "sendfile" => Mode::Sendfile,
        unknown => return Err(other(format!("unknown mode {unknown}"))),
    };
    let port = port.parse().map_err(|_| other("the port is no number"))?;
    let mut source = Source::new(mode, fs::read(answer)?, File::open(file)?)?;
    if mode == Mode::Many {
        source.bodies = fs::read_to_string(file)?.lines().flat_map(str::parse).collect();
    }
    Responder::new(listen(port)?, source)?.serve()
}

fn listen(port: u16) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    // Accepted sockets inherit both. The first bounds what lies unsent in a socket buffer: beyond that, sendfile only
    // pushes the file's bytes out of the CPU's cache before the network reads them.
    socket.set_tcp_notsent_lowat(NOTSENT_BYTES_MAX)?;
    socket.set_tcp_nodelay(true)?;
    setsockopt(&socket, option::DeferAccept, &1)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Where the bytes of an answer come from.
struct Source {
    mode: Mode,
    /// One answer or, if it is short, several: one write serves many pipelined requests.
    memory: Vec<u8>,
    /// Of one answer, that are in `memory`.
    memory_bytes: usize,
    file: File,
    /// Of one answer, in all.
    length: usize,
    /// With [`Mode::Many`], the lengths of the bodies, in order, over and over again.
    bodies: Vec<usize>,
    next_body: usize,
    head_bytes: usize,
    /// Where the length stands in the head.
    digits_at: usize,
}

impl Source {
    fn new(mode: Mode, answer: Vec<u8>, file: File) -> io::Result<Source> {
        let memory_bytes = answer.len();
        let (copies, file_bytes) = match mode {
            Mode::Close | Mode::Many => (1, 0),
            Mode::Memory => ((GATHERED_BYTES_MAX / memory_bytes.max(1)).max(1), 0),
            Mode::Sendfile => (1, file.metadata()?.len() as usize),
        };
        Ok(Source {
            mode,
            memory: answer.repeat(copies),
            memory_bytes,
            file,
            length: memory_bytes + file_bytes,
            bodies: Vec::new(),
            next_body: 0,
            head_bytes: end_of(BLANK_LINE, &answer),
            digits_at: end_of(LENGTH.as_bytes(), &answer),
        })
    }

    /// How much is to be sent for so many requests.
    fn answer(&mut self, requests: usize) -> usize {
        if self.mode != Mode::Many || requests == 0 {
            return requests * self.length;
        }
        let body = self.bodies[self.next_body];
        self.next_body = (self.next_body + 1) % self.bodies.len();
        let digits = self.digits_at..self.digits_at + DIGITS;
        self.memory[digits].copy_from_slice(format!("{body:0DIGITS$}").as_bytes());
        self.head_bytes + body
    }

    /// Sends what can be sent at once, at most `owed` bytes, from `place` in the answer on.
    fn send(&self, stream: &mut TcpStream, place: usize, owed: usize) -> io::Result<usize> {
        if place >= self.memory_bytes {
            let mut offset = (place - self.memory_bytes) as u64;
            let count = owed.min(self.length - place);
            return Ok(rustix::fs::sendfile(&*stream, &self.file, Some(&mut offset), count)?);
        }
        let bytes = &self.memory[place..self.memory.len().min(place + owed)];
        // A close that follows at once sends its FIN with the last bytes.
        if self.length > self.memory_bytes || self.mode == Mode::Close {
            return Ok(rustix::net::send(&*stream, bytes, SendFlags::MORE)?);
        }
        stream.write(bytes)
    }
}

/// Where the first `text` ends.
fn end_of(text: &[u8], bytes: &[u8]) -> usize {
    memchr::memmem::find(bytes, text).map_or(0, |start| start + text.len())
}

/// One client.
struct Client {
    stream: TcpStream,
    /// How much of a blank line (`\r\n\r\n`) the last read ended with.
    matched: usize,
    /// Where in the answer the next byte is.
    place: usize,
    /// Bytes still to be sent.
    owed: usize,
}

/// What becomes of a client after a turn.
#[derive(PartialEq, Eq)]
enum Verdict {
    Keep,
    Close,
}

struct Responder {
    poll: Poll,
    listener: TcpListener,
    clients: Slab<Client>,
    source: Source,
    buffer: Vec<u8>,
}

impl Responder {
    fn new(listener: TcpListener, source: Source) -> io::Result<Responder> {
        let poll = Poll::new()?;
        poll.registry().register(
            &mut SourceFd(&listener.as_raw_fd()),
            LISTENER,
            Interest::READABLE,
        )?;
        Ok(Responder { poll, listener, clients: Slab::new(), source, buffer: vec![0; READ_BYTES] })
    }

    fn serve(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        loop {
            match self.poll.poll(&mut events, None) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                outcome => outcome?,
            }
            for event in events.iter().filter(|event| event.token() != LISTENER) {
                self.serve_client(event);
            }
            // Last, so that no new client takes the place of one that an event of this batch still means.
            if events.iter().any(|event| event.token() == LISTENER) {
                self.accept()?;
            }
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
            let stream = match rustix::net::accept_with(&self.listener, flags) {
                Ok(socket) => TcpStream::from(socket),
                Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::CONNABORTED) => continue,
                Err(error) => return Err(error.into()),
            };
            let mut client = Client { stream, matched: 0, place: 0, owed: 0 };
            // Answered straight after accept, a short connection is never registered at all.
            if self.source.mode == Mode::Close
                && client.drive(&mut self.source, &mut self.buffer, Reading::Some) == Verdict::Close
            {
                continue;
            }
            let entry = self.clients.vacant_entry();
            let token = Token(entry.key());
            let interest = Interest::READABLE | Interest::WRITABLE;
            let descriptor = client.stream.as_raw_fd();
            self.poll.registry().register(&mut SourceFd(&descriptor), token, interest)?;
            entry.insert(client);
        }
    }

    fn serve_client(&mut self, event: &Event) {
        let Some(client) = self.clients.get_mut(event.token().0) else {
            return;
        };
        let reading = match (event.is_readable(), event.is_read_closed()) {
            (_, true) => Reading::ToTheEnd,
            (true, false) => Reading::Some,
            (false, false) => Reading::Nothing,
        };
        if client.drive(&mut self.source, &mut self.buffer, reading) == Verdict::Close {
            self.clients.remove(event.token().0);
        }
    }
}

/// What there is to read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    Nothing,
    Some,
    /// The client has announced that it sends no more.
    ToTheEnd,
}

impl Client {
    /// Reads whatever is there, then sends whatever can be sent.
    fn drive(&mut self, source: &mut Source, buffer: &mut [u8], reading: Reading) -> Verdict {
        if reading != Reading::Nothing && self.read(source, buffer, reading) == Verdict::Close {
            return Verdict::Close;
        }
        while self.owed > 0 {
            match source.send(&mut self.stream, self.place, self.owed) {
                Ok(sent) => {
                    self.owed -= sent;
                    let place = (self.place + sent) % source.length;
                    self.place = if self.owed == 0 { 0 } else { place };
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Verdict::Keep,
                Err(_) => return Verdict::Close,
            }
            if self.owed == 0 && source.mode == Mode::Close {
                return Verdict::Close;
            }
        }
        Verdict::Keep
    }

    /// Counts what is owed for whatever is there; a short read has drained the socket, what comes later is a new edge.
    fn read(&mut self, source: &mut Source, buffer: &mut [u8], reading: Reading) -> Verdict {
        loop {
            match self.stream.read(buffer) {
                Ok(0) => return Verdict::Close,
                Ok(length) => {
                    self.owed += source.answer(self.count_blank_lines(&buffer[..length]));
                    if length < buffer.len() && reading == Reading::Some {
                        return Verdict::Keep;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Verdict::Keep,
                Err(_) => return Verdict::Close,
            }
        }
    }

    fn count_blank_lines(&mut self, bytes: &[u8]) -> usize {
        // Almost always a read holds whole requests, and memmem is the fastest way through them.
        if self.matched == 0 && bytes.ends_with(BLANK_LINE) {
            return memchr::memmem::find_iter(bytes, BLANK_LINE).count();
        }
        let mut count = 0;
        for &byte in bytes {
            self.matched = match (self.matched, byte) {
                (0 | 2, b'\r') | (1 | 3, b'\n') => self.matched + 1,
                (_, b'\r') => 1,
                _ => 0,
            };
            if self.matched == BLANK_LINE.len() {
                self.matched = 0;
                count += 1;
            }
        }
        count
    }
}

const LISTENER: Token = Token(usize::MAX - 1);
const LENGTH: &str = "Content-Length: ";
const DIGITS: usize = 6;
const BLANK_LINE: &[u8] = b"\r\n\r\n";
const BACKLOG: i32 = 4096;
const READ_BYTES: usize = 64 * 1024;
const GATHERED_BYTES_MAX: usize = 64 * 1024;
const NOTSENT_BYTES_MAX: u32 = 64 * 1024;
const NOT_FOUND_BYTES: usize = 150;

/// As the server does: a connection is accepted with its first bytes.
mod option {
    use nix::{libc, setsockopt_impl, sockopt_impl};

    sockopt_impl!(
        /// Seconds.
        DeferAccept,
        SetOnly,
        libc::IPPROTO_TCP,
        libc::TCP_DEFER_ACCEPT,
        libc::c_int
    );
}
