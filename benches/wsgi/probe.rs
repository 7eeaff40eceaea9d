//! One request by hand: whether the answer is right, and how long a newcomer waits for it.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use crate::work::Work;

/// Checks that the answer is right.
pub fn check(work: Work, port: u16) -> Result<(), String> {
    let target = work.target();
    let answer =
        ask(work, port, TIMEOUT).map_err(|error| format!("does not answer {target}: {error}"))?;
    let end = memchr::memmem::find(&answer, b"\r\n\r\n")
        .ok_or_else(|| format!("answers {target} with no HTTP"))?;
    let status = String::from_utf8_lossy(answer.get(9..12).unwrap_or_default()).into_owned();
    if status != "200" {
        return Err(format!("answers {target} with {status}"));
    }
    let length = answer.len() - end - 4;
    if length != work.bytes() {
        return Err(format!("sends {length} bytes instead of {}", work.bytes()));
    }
    Ok(())
}

/// How long a client waits that comes now; `None` when there is no answer within `timeout`.
pub fn newcomer(work: Work, port: u16, timeout: Duration) -> Option<Duration> {
    let begun = Instant::now();
    ask(work, port, timeout).ok().map(|_| begun.elapsed())
}

/// A whole answer over a connection of its own.
fn ask(work: Work, port: u16, timeout: Duration) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(timeout))?;
    let target = work.target();
    let request =
        format!("GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}

const TIMEOUT: Duration = Duration::from_secs(5);
