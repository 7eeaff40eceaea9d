//! The clients of the streams, all on one thread: they count what arrives, and when.

use crate::plain::Latencies;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::thread;
use std::time::{Duration, Instant};

/// Open streams.
pub struct Streams {
    poll: Poll,
    events: Events,
    streams: Vec<TcpStream>,
    buffer: Vec<u8>,
    /// When the last message was sent.
    sent: Instant,
    arrived: u64,
    latencies: Vec<u32>,
}

/// Each message holds it once, and nothing else that a server sends does.
pub const MARK: char = '~';

impl Streams {
    /// Opens so many streams; each has its head when this returns.
    pub fn open(address: SocketAddr, count: u32) -> io::Result<Streams> {
        let mut streams = Streams {
            poll: Poll::new()?,
            events: Events::with_capacity(1024),
            streams: Vec::new(),
            buffer: vec![0; 64 * 1024],
            sent: Instant::now(),
            arrived: 0,
            latencies: Vec::new(),
        };
        while streams.streams.len() < count as usize {
            let batch = BATCH.min(count as usize - streams.streams.len());
            for _ in 0..batch {
                let mut stream = TcpStream::connect(address)?;
                stream.write_all(REQUEST)?;
                stream.set_nonblocking(true)?;
                let token = Token(streams.streams.len());
                let descriptor = stream.as_raw_fd();
                let mut source = SourceFd(&descriptor);
                streams.poll.registry().register(&mut source, token, Interest::READABLE)?;
                streams.streams.push(stream);
            }
            streams.await_heads(batch)?;
        }
        Ok(streams)
    }

    fn await_heads(&mut self, count: usize) -> io::Result<()> {
        let deadline = Instant::now() + HEAD_TIMEOUT;
        let mut begun = vec![false; self.streams.len()];
        while begun.iter().filter(|has_begun| **has_begun).count() < count {
            if Instant::now() > deadline {
                let opened = self.streams.len();
                let message =
                    format!("a stream does not begin ({opened} are connected): check ulimit -n");
                return Err(io::Error::new(io::ErrorKind::TimedOut, message));
            }
            self.poll.poll(&mut self.events, Some(HEAD_TIMEOUT))?;
            for event in &self.events {
                let Token(index) = event.token();
                let length = drain(&mut self.streams[index], &mut self.buffer, |bytes| {
                    if !bytes.starts_with(b"HTTP/1.1 200") && !begun[index] {
                        eprintln!("{}", String::from_utf8_lossy(bytes));
                    }
                })?;
                begun[index] |= length > 0;
            }
        }
        Ok(())
    }

    /// Sends a message to all of them by way of the server.
    pub fn send(&mut self, address: SocketAddr, message: &str) -> io::Result<()> {
        let mut sender = TcpStream::connect(address)?;
        let length = message.len();
        self.sent = Instant::now();
        write!(
            sender,
            "POST /messages HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{message}"
        )
    }

    /// Reads what arrives for so long.
    pub fn watch(&mut self, time: Duration) -> io::Result<()> {
        let until = Instant::now() + time;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            // Clients elsewhere cost the server nothing when they wake up. These would: the kernel wakes who waits for
            // a socket in the time of who sends. So they do not wait, but look now and then.
            thread::sleep(LOOK_INTERVAL.min(left));
            match self.poll.poll(&mut self.events, Some(Duration::ZERO)) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
                result => result?,
            }
            let micros = u32::try_from(self.sent.elapsed().as_micros()).unwrap_or(u32::MAX);
            for event in &self.events {
                let Token(index) = event.token();
                let mut marks = 0;
                drain(&mut self.streams[index], &mut self.buffer, |bytes| {
                    marks += bytes.iter().filter(|byte| **byte == MARK as u8).count();
                })?;
                self.arrived += marks as u64;
                self.latencies.extend(std::iter::repeat_n(micros, marks));
            }
        }
    }

    /// How many messages have arrived.
    pub fn arrived(&self) -> u64 {
        self.arrived
    }

    /// How long they took from the request that sent them.
    pub fn latencies(&mut self) -> Latencies {
        Latencies::of(&mut self.latencies)
    }
}

/// Reads all that is there.
fn drain(
    stream: &mut TcpStream,
    buffer: &mut [u8],
    mut take: impl FnMut(&[u8]),
) -> io::Result<usize> {
    let mut length = 0;
    loop {
        match stream.read(buffer) {
            Ok(0) => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "a stream ended")),
            Ok(count) => {
                take(&buffer[..count]);
                length += count;
                if count < buffer.len() {
                    return Ok(length);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(length),
            Err(error) => return Err(error),
        }
    }
}

const REQUEST: &[u8] = b"GET /events HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream\r\n\r\n";

/// How often the clients look for messages.
const LOOK_INTERVAL: Duration = Duration::from_millis(2);

/// Streams that are opened before their heads are awaited.
const BATCH: usize = 100;

const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
