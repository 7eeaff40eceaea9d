//! A client that requests a file again and again, and how long that took.
//!
//! Its requests are due at fixed times, and each time is counted from there: while one response is late, the next
//! requests wait too, and that is not forgotten.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// The client, on a thread of its own.
pub struct Plain {
    ends: Arc<AtomicBool>,
    thread: JoinHandle<io::Result<Vec<u32>>>,
}

impl Plain {
    /// Begins to request the file.
    pub fn start(address: SocketAddr) -> Plain {
        let ends = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&ends);
        let thread = thread::spawn(move || request(address, &flag));
        Plain { ends, thread }
    }

    /// Ends.
    pub fn finish(self) -> io::Result<Latencies> {
        self.ends.store(true, Ordering::Relaxed);
        let mut micros = self.thread.join().expect("it does not panic")?;
        Ok(Latencies::of(&mut micros))
    }
}

fn request(address: SocketAddr, ends: &AtomicBool) -> io::Result<Vec<u32>> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut micros = Vec::new();
    let mut buffer = vec![0; 16 * 1024];
    let mut due = Instant::now();
    while !ends.load(Ordering::Relaxed) {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        stream.write_all(b"GET /plain.txt HTTP/1.1\r\nHost: h\r\n\r\n")?;
        let mut filled = 0;
        // The file and its head arrive together, or in two parts.
        while !buffer[..filled].ends_with(b"0123456789abcdef\n") {
            match stream.read(&mut buffer[filled..])? {
                0 => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "no /plain.txt")),
                count => filled += count,
            }
        }
        if !buffer.starts_with(b"HTTP/1.1 200") {
            return Err(io::Error::other("/plain.txt is not 200"));
        }
        micros.push(u32::try_from(due.elapsed().as_micros()).unwrap_or(u32::MAX));
        due += INTERVAL;
    }
    Ok(micros)
}

/// How long something took.
pub struct Latencies {
    count: usize,
    median: u32,
    p99: u32,
    longest: u32,
}

impl Latencies {
    /// Those of these times in microseconds.
    pub fn of(micros: &mut [u32]) -> Latencies {
        micros.sort_unstable();
        let at = |part: f64| {
            let index = (micros.len() as f64 * part) as usize;
            micros.get(index.min(micros.len().saturating_sub(1))).copied().unwrap_or(0)
        };
        Latencies { count: micros.len(), median: at(0.5), p99: at(0.99), longest: at(1.0) }
    }
}

impl fmt::Display for Latencies {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [median, p99, longest] =
            [self.median, self.p99, self.longest].map(|micros| f64::from(micros) / 1000.0);
        let count = self.count;
        write!(
            formatter,
            "median {median:.2} ms, p99 {p99:.2} ms, longest {longest:.2} ms ({count})"
        )
    }
}

/// Between two requests, if none is late.
const INTERVAL: Duration = Duration::from_millis(2);
