//! Many clients in one thread: what is measured is the server, and not how a machine shares its
//! cores among clients.

use super::TestServer;
use super::wait::PATIENCE;
use httpd::Address;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use rustix::net::RecvFlags;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Connections that each ask for the same file over and over, the next time when the answer is
/// there; and downloads beside them.
pub struct Crowd {
    address: SocketAddr,
    poll: Poll,
    askers: Vec<Asker>,
    downloads: Vec<Download>,
    request: Vec<u8>,
    response_bytes: usize,
    clock: Clock,
}

struct Asker {
    stream: TcpStream,
    asked_at: Duration,
    missing_bytes: usize,
}

/// Content that is thrown away unseen, which costs next to nothing, by a thread that does nothing
/// else.
struct Download {
    stream: Arc<TcpStream>,
    taken_bytes: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

/// How fast a download is read.
#[derive(Clone, Copy)]
pub enum Pace {
    AsItComes,
    BytesPerSecond(u64),
}

/// What a crowd has seen.
pub struct Seen {
    /// How long each answer took, the longest last, on the crowd's [`Clock`].
    taken: Vec<Duration>,
    pub downloaded_bytes: u64,
}

impl Seen {
    /// What 99 in 100 answers did not exceed.
    pub fn p99(&self) -> Duration {
        self.taken[self.taken.len() * 99 / 100]
    }

    pub fn answers(&self) -> usize {
        self.taken.len()
    }
}

impl Crowd {
    /// Connects so many clients to a server that serves its worker's [`name_thread`] at `/thread`.
    pub fn connect(server: &TestServer, count: usize, target: &str) -> Crowd {
        let &Address::Tcp(address) = server.address() else { panic!("a crowd comes over TCP") };
        let reply = server.get("/thread").send();
        let thread = std::str::from_utf8(&reply.expect(200).body).expect("a number").to_owned();
        Crowd::connect_to(address, count, target, &format!("/proc/self/task/{thread}/schedstat"))
    }

    /// The same to a server in another process, whose worker has this `schedstat`.
    pub fn connect_to(address: SocketAddr, count: usize, target: &str, worker: &str) -> Crowd {
        let request = get(target);
        let response_bytes = response_to(address, &request).len();
        let poll = Poll::new().expect("epoll");
        let asker = |number| {
            let stream = connect(address);
            register(&poll, &stream, number);
            Asker { stream, asked_at: Duration::ZERO, missing_bytes: 0 }
        };
        let askers = (0..count).map(asker).collect();
        let clock = Clock::of(worker);
        let downloads = Vec::new();
        Crowd { address, poll, askers, downloads, request, response_bytes, clock }
    }

    /// Begins a download beside the others.
    pub fn download(&mut self, target: &str, pace: Pace) {
        self.downloads.push(Download::begin(self.address, target, pace));
    }

    /// Ends all downloads where they are.
    pub fn hang_up(&mut self) {
        self.downloads.clear();
    }

    /// Asks for this long.
    pub fn ask(&mut self, time: Duration) -> Seen {
        let until = Instant::now() + time;
        let mut events = Events::with_capacity(1024);
        let mut taken = Vec::new();
        let mut buffer = vec![0; 64 * 1024];
        let mut asking = self.askers.len();
        let before = self.downloaded_bytes();
        self.clock.look();
        for asker in &mut self.askers {
            asker.ask(&self.request, self.response_bytes, &self.clock);
        }
        while asking > 0 {
            self.poll.poll(&mut events, Some(PATIENCE)).expect("epoll");
            assert!(!events.is_empty(), "no answer came within {PATIENCE:?}");
            self.clock.look();
            for token in events.iter().map(|event| event.token().0) {
                let asker = &mut self.askers[token];
                if asker.receive(&mut buffer) > 0 {
                    continue;
                }
                taken.push(self.clock.now().saturating_sub(asker.asked_at));
                if Instant::now() < until {
                    asker.ask(&self.request, self.response_bytes, &self.clock);
                } else {
                    asking -= 1;
                }
            }
        }
        taken.sort_unstable();
        Seen { taken, downloaded_bytes: self.downloaded_bytes() - before }
    }

    fn downloaded_bytes(&self) -> u64 {
        self.downloads.iter().map(|download| download.taken_bytes.load(Ordering::Relaxed)).sum()
    }
}

impl Asker {
    fn ask(&mut self, request: &[u8], response_bytes: usize, clock: &Clock) {
        self.asked_at = clock.now();
        self.missing_bytes = response_bytes;
        self.stream.write_all(request).expect("a request fits");
    }

    /// Reads what is there; says how much is missing still.
    fn receive(&mut self, buffer: &mut [u8]) -> usize {
        match self.stream.read(buffer) {
            Ok(0) => panic!("the server closed"),
            Ok(count) => {
                self.missing_bytes = self
                    .missing_bytes
                    .checked_sub(count)
                    .expect("one answer, as long as the first");
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => panic!("reading: {error}"),
        }
        self.missing_bytes
    }
}

impl Download {
    fn begin(address: SocketAddr, target: &str, pace: Pace) -> Download {
        let stream = Arc::new(TcpStream::connect(address).expect("it listens"));
        (&*stream).write_all(&get(target)).expect("a request fits");
        let taken_bytes = Arc::new(AtomicU64::new(0));
        let (socket, taken) = (Arc::clone(&stream), Arc::clone(&taken_bytes));
        let thread = Some(thread::spawn(move || read(&socket, &taken, pace)));
        Download { stream, taken_bytes, thread }
    }
}

impl Drop for Download {
    fn drop(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Both);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Reads until there is nothing more.
fn read(socket: &TcpStream, taken_bytes: &AtomicU64, pace: Pace) {
    let (piece_bytes, pause) = match pace {
        Pace::AsItComes => (4 << 20, Duration::ZERO),
        Pace::BytesPerSecond(pace) => {
            (PACED_BYTES, Duration::from_secs_f64(PACED_BYTES as f64 / pace as f64))
        }
    };
    let mut nowhere = vec![0; piece_bytes];
    // tcp(7): with MSG_TRUNC the bytes are thrown away instead of copied.
    while let Ok((_, count @ 1..)) = rustix::net::recv(socket, &mut nowhere[..], RecvFlags::TRUNC) {
        taken_bytes.fetch_add(count as u64, Ordering::Relaxed);
        thread::sleep(pause);
    }
}

/// A clock that stands still while the worker or this thread waits for a core that somebody else
/// has: as if each had one of its own. It goes on while they wait for anything else, as a disk.
struct Clock {
    /// `schedstat` of both: nanoseconds on a core, nanoseconds of waiting for one, times.
    threads: Vec<File>,
    /// How long they had waited at the last look.
    waited: Duration,
    looked_at: Instant,
    /// What it showed then.
    shown: Duration,
}

impl Clock {
    fn of(worker: &str) -> Clock {
        let own = rustix::thread::gettid().as_raw_nonzero();
        let own = format!("/proc/self/task/{own}/schedstat");
        let threads = [worker, &own].into_iter().filter_map(|it| File::open(it).ok()).collect();
        Clock { threads, waited: Duration::ZERO, looked_at: Instant::now(), shown: Duration::ZERO }
    }

    /// Takes off what the threads have waited since the last look.
    fn look(&mut self) {
        let waited = self.threads.iter().map(waited).sum::<Duration>();
        let looked_at = Instant::now();
        // A wait is counted when it is over, and both may have waited at once.
        self.shown += (looked_at - self.looked_at).saturating_sub(waited - self.waited);
        (self.waited, self.looked_at) = (waited, looked_at);
    }

    fn now(&self) -> Duration {
        self.shown + self.looked_at.elapsed()
    }
}

fn waited(thread: &File) -> Duration {
    let mut buffer = [0; 100];
    let length = thread.read_at(&mut buffer, 0).unwrap_or(0);
    let text = std::str::from_utf8(&buffer[..length]).unwrap_or_default();
    let nanoseconds = text.split_whitespace().nth(1).and_then(|field| field.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or(0))
}

/// A handler that names the thread that it runs on.
pub fn name_thread(_: &httpd::Request<'_>) -> httpd::Response {
    httpd::Response::text(rustix::thread::gettid().as_raw_nonzero().to_string())
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("it listens");
    stream.set_nodelay(true).expect("a socket");
    stream.set_nonblocking(true).expect("a socket");
    stream
}

fn register(poll: &Poll, stream: &TcpStream, number: usize) {
    poll.registry()
        .register(&mut SourceFd(&stream.as_raw_fd()), Token(number), Interest::READABLE)
        .expect("epoll takes a socket");
}

fn get(target: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nHost: test\r\n\r\n").into_bytes()
}

fn response_to(address: SocketAddr, request: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("it is not zero");
    stream.write_all(request).expect("a request fits");
    stream.shutdown(Shutdown::Write).expect("a socket");
    let mut response = Vec::new();
    stream.read_to_end(&mut response).expect("an answer");
    assert!(response.starts_with(b"HTTP/1.1 200"), "{}", response.escape_ascii());
    response
}

/// What a paced download takes at a time.
const PACED_BYTES: usize = 128 * 1024;
