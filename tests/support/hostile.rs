//! Thousands of clients that are slow or silent, and what the others notice of them.
//!
//! Rounds of the others alone, then beside them, then alone again; on a clock that stands still while a thread waits for
//! a CPU that others have (see [`super::crowd`]). The program has one worker, and the limits that it always has.

use super::crowd::{Crowd, Seen};
use super::process::Process;
use super::secured::{Authority, TlsStream, try_secured};
use super::{Folder, Program, noise, until};
use httpd::Address;
use rustls::ClientConfig;
use socket2::{Domain, Socket, Type};
use std::fmt;
use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

/// What they do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A head that comes byte by byte.
    SlowHeads,
    /// A large file that is hardly read.
    SlowReaders,
    /// One request over TLS, and nothing after it.
    IdleTls,
    /// The beginning of a handshake, and nothing after it.
    HalfHandshakes,
}

impl Kind {
    /// What one connection may cost, by the limits: the buffers of a head, what is sent of a response, what TLS keeps
    /// between two records, a record.
    fn bytes_each_max(self) -> u64 {
        match self {
            Kind::SlowHeads => 2 * 32 * 1024,
            Kind::SlowReaders => 256 * 1024,
            Kind::IdleTls => 16 * 1024,
            Kind::HalfHandshakes => 48 * 1024,
        }
    }

    /// Within this time, each of them does something.
    fn pass(self) -> Duration {
        match self {
            // Most have been ended by then, and come again.
            Kind::HalfHandshakes => Duration::from_secs(5),
            _ => Duration::from_secs(1),
        }
    }

    /// How many of so many the program keeps: no more than `handshakes_max` handshakes.
    fn kept(self, count: usize) -> usize {
        if self == Kind::HalfHandshakes { count.min(2000) } else { count }
    }

    /// How many are open at any time, because those that were ended come again.
    fn least(self, count: usize) -> usize {
        self.kept(count) * 3 / 4
    }
}

/// The program, with what is asked for.
pub struct Server {
    _folder: Folder,
    program: Program,
    plain: SocketAddr,
    secure: Address,
    client: Arc<ClientConfig>,
}

impl Server {
    pub fn start() -> Server {
        let folder = Folder::with_www();
        let small = folder.write("www/small.bin", noise(1024));
        // The tag of a file that has just changed is weak, and longer: all responses are to be as long.
        let changed = SystemTime::now() - Duration::from_secs(3600);
        let file = fs::File::options().write(true).open(small).expect("it is there");
        file.set_modified(changed).expect("it is ours");
        folder.write("www/large.bin", noise(20_000_000));
        let authority = Authority::new();
        authority.issue(&["localhost"]).write(&folder, "cert.pem", "cert.key");
        folder.write(
            "httpd.toml",
            "listen = [\"127.0.0.1:0\", \"https://127.0.0.1:0\"]\nroot = \"www\"\nworkers = 1\n\
             certificate = \"cert.pem\"\ncertificate_key = \"cert.key\"\n",
        );
        let mut program = Program::start(&mut folder.httpd(&["-c", "httpd.toml"]));
        program.take_log().discard();
        let [plain, secure] = program.addresses()[..] else { panic!("two addresses") };
        let client = Arc::new(authority.client());
        Server { _folder: folder, program, plain, secure: Address::Tcp(secure), client }
    }

    fn process(&self) -> Process {
        self.program.serving()
    }

    /// What the kernel counts of its worker.
    fn worker(&self) -> String {
        let process = self.process();
        let is_worker = |task: &fs::DirEntry| {
            fs::read_to_string(task.path().join("comm")).is_ok_and(|it| it.starts_with("worker"))
        };
        // A thread gives itself its name, once it runs.
        let worker = until("it has a worker", || {
            fs::read_dir(process.path("task")).expect("it runs").flatten().find(is_worker)
        });
        worker.path().join("schedstat").display().to_string()
    }

    /// How many it has with others than the normal ones.
    fn connections(&self) -> usize {
        self.process().listeners_and_connections().1.saturating_sub(NORMAL)
    }

    /// What so many of them do to the others.
    pub fn suffers(&self, kind: Kind, count: usize) -> Figures {
        let mut crowd = Crowd::connect_to(self.plain, NORMAL, "/small.bin", &self.worker());
        crowd.ask(ROUND);
        let before = self.process().own_memory_bytes();
        let (mut calm, mut disturbed) = (Vec::new(), Vec::new());
        calm.extend((0..ROUNDS).map(|_| crowd.ask(ROUND)));
        let attack = Attack::begin(self, kind, count);
        let wanted = kind.least(count);
        until("they are accepted", || self.connections() >= wanted);
        crowd.ask(ROUND);
        disturbed.extend((0..ROUNDS).map(|_| crowd.ask(ROUND)));
        let open = self.connections();
        let bytes = self.process().own_memory_bytes().saturating_sub(before);
        drop(attack);
        until("they are gone", || self.connections() <= 1);
        calm.extend((0..ROUNDS).map(|_| crowd.ask(ROUND)));
        let [calm, disturbed] = [calm, disturbed].map(p99);
        Figures { kind, count, open, calm, disturbed, bytes }
    }
}

/// The median of the rounds.
fn p99(rounds: Vec<Seen>) -> Duration {
    let mut all: Vec<Duration> = rounds.iter().map(Seen::p99).collect();
    all.sort_unstable();
    all[all.len() / 2]
}

/// What was seen.
pub struct Figures {
    kind: Kind,
    count: usize,
    /// How many were open at the end.
    open: usize,
    calm: Duration,
    disturbed: Duration,
    bytes: u64,
}

impl Figures {
    /// How many times as long the 99th percentile is.
    pub fn factor(&self) -> f64 {
        self.disturbed.as_secs_f64() / self.calm.as_secs_f64()
    }

    /// What went wrong beside the time.
    pub fn problem(&self) -> Option<String> {
        if self.open < self.kind.least(self.count) {
            return Some(format!("not enough are open: {self}"));
        }
        let most = self.kind.kept(self.count) as u64 * self.kind.bytes_each_max();
        (self.bytes > most).then(|| format!("more memory than {most} bytes: {self}"))
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Figures { kind, count, open, calm, disturbed, bytes } = self;
        let kept = (*open).min(kind.kept(*count)).max(1) as u64;
        write!(
            formatter,
            "{count} {kind:?} ({open} open): p99 {calm:.0?} alone, {disturbed:.0?} beside them, {:.2} times; \
             {:.1} MB more, {} bytes each",
            self.factor(),
            *bytes as f64 / 1e6,
            bytes / kept
        )
    }
}

/// So many of a kind, on a thread of their own, until it is dropped.
struct Attack {
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Attack {
    /// When this returns, all are there.
    fn begin(server: &Server, kind: Kind, count: usize) -> Attack {
        let ends = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&ends);
        let begin = beginner(server, kind);
        let is_ready = Arc::new(AtomicBool::new(false));
        let ready = Arc::clone(&is_ready);
        let thread = thread::spawn(move || {
            let mut all: Vec<Guest> = (0..count).map(|_| begin()).collect();
            ready.store(true, Ordering::Relaxed);
            while !flag.load(Ordering::Relaxed) {
                let began = Instant::now();
                let mut done = 0;
                // They do not know of each other: what they do is spread over the time.
                for slice in all.chunks_mut(count.div_ceil(SLICES).max(1)) {
                    let due = began + kind.pass().mul_f64(f64::from(done) / count as f64);
                    for guest in slice {
                        if flag.load(Ordering::Relaxed) {
                            return;
                        }
                        done += 1;
                        // One that the server has ended comes again.
                        if guest.step(kind).is_err() {
                            *guest = begin();
                        }
                    }
                    thread::sleep(due.saturating_duration_since(Instant::now()));
                }
            }
        });
        let attack = Attack { ends, thread: Some(thread) };
        let deadline = Instant::now() + SET_UP_MAX;
        while !is_ready.load(Ordering::Relaxed) && Instant::now() < deadline {
            let is_there = attack.thread.as_ref().is_some_and(|it| !it.is_finished());
            assert!(is_there, "the clients have failed");
            thread::sleep(Duration::from_millis(10));
        }
        attack
    }
}

impl Drop for Attack {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

enum Guest {
    Plain(TcpStream),
    Secured(Box<TlsStream>),
}

impl Guest {
    /// What it does about once a second; an error when it has been sent away.
    fn step(&mut self, kind: Kind) -> io::Result<()> {
        let stream = match self {
            Guest::Plain(stream) => stream,
            Guest::Secured(stream) => &mut stream.sock,
        };
        let mut buffer = [0; 2048];
        let read = match kind {
            // What TLS sends on its own, such as tickets, may wait.
            Kind::IdleTls => stream.peek(&mut buffer),
            _ => stream.read(&mut buffer),
        };
        match read {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(_) if matches!(kind, Kind::SlowHeads | Kind::HalfHandshakes) => {
                return Err(ErrorKind::ConnectionAborted.into());
            }
            Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error),
            _ => {}
        }
        if kind == Kind::SlowHeads { stream.write_all(b"x") } else { Ok(()) }
    }
}

/// How one of them begins.
fn beginner(server: &Server, kind: Kind) -> impl Fn() -> Guest + Send + use<> {
    let (plain, secure, client) = (server.plain, server.secure.clone(), Arc::clone(&server.client));
    let Address::Tcp(secure_socket) = secure else { panic!("TLS is for TCP") };
    move || {
        let guest = match kind {
            Kind::SlowHeads => {
                let mut stream = TcpStream::connect(plain).expect("it listens");
                stream
                    .write_all(b"GET /small.bin HTTP/1.1\r\nHost: x\r\nX: ")
                    .expect("there is room");
                Guest::Plain(stream)
            }
            Kind::SlowReaders => {
                let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
                socket.set_recv_buffer_size(4096).expect("a socket");
                socket.connect(&plain.into()).expect("it listens");
                let mut stream = TcpStream::from(socket);
                stream
                    .write_all(b"GET /large.bin HTTP/1.1\r\nHost: x\r\n\r\n")
                    .expect("there is room");
                Guest::Plain(stream)
            }
            Kind::IdleTls => {
                let stream = try_secured(&Address::Tcp(secure_socket), &client, "localhost");
                let mut stream = stream.expect("the handshake");
                stream
                    .write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    .expect("there is room");
                let mut answer = Vec::new();
                while !answer.ends_with(b"from www\n") {
                    let mut piece = [0; 1024];
                    let count = stream.read(&mut piece).expect("an answer");
                    assert!(count > 0, "{}", answer.escape_ascii());
                    answer.extend_from_slice(&piece[..count]);
                }
                Guest::Secured(Box::new(stream))
            }
            Kind::HalfHandshakes => {
                let mut stream = TcpStream::connect(secure_socket).expect("it listens");
                stream
                    .write_all(b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03beginning")
                    .expect("there is room");
                Guest::Plain(stream)
            }
        };
        let stream = match &guest {
            Guest::Plain(stream) => stream,
            Guest::Secured(stream) => &stream.sock,
        };
        stream.set_nonblocking(true).expect("a socket");
        guest
    }
}

/// Clients that ask all the time.
const NORMAL: usize = 20;
const ROUND: Duration = Duration::from_millis(400);
const ROUNDS: usize = 5;
/// In so many parts.
const SLICES: usize = 1000;
const SET_UP_MAX: Duration = Duration::from_secs(180);
