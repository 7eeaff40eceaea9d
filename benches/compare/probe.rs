//! Asks a server once, before it is measured: a fast wrong answer is worth nothing.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use crate::work::Work;

/// One answer, as far as it matters here.
struct Reply {
    status: u16,
    head: String,
    body_bytes: usize,
}

/// Checks that the answer is right and returns the headers to measure with.
pub fn check(work: Work, port: u16) -> Result<Vec<String>, String> {
    let mut headers = work.headers();
    if work == Work::NotModified {
        let whole = ask(port, work.target(), &headers)?;
        let etag = whole.header("etag").ok_or("sends no ETag")?;
        headers.push(format!("If-None-Match: {etag}"));
    }
    let reply = ask(port, work.target(), &headers)?;
    let expected = work.expected();
    if reply.status != expected.status {
        return Err(format!("answers {} instead of {}", reply.status, expected.status));
    }
    if reply.body_bytes < expected.body_bytes_min {
        return Err(format!(
            "sends {} bytes instead of {}",
            reply.body_bytes, expected.body_bytes_min
        ));
    }
    Ok(headers)
}

/// One request over a connection of its own.
fn ask(port: u16, target: &str, headers: &[String]) -> Result<Reply, String> {
    let mut bytes = Vec::new();
    let mut exchange = || -> std::io::Result<()> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        let mut request = format!("GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n");
        for header in headers.iter().filter(|header| !header.starts_with("Connection:")) {
            request.push_str(header);
            request.push_str("\r\n");
        }
        request.push_str("Connection: close\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        let mut part = [0; 64 * 1024];
        // The limit keeps the connection; the length tells the end as well.
        while !is_complete(&bytes) {
            match stream.read(&mut part)? {
                0 => break,
                length => bytes.extend_from_slice(&part[..length]),
            }
        }
        Ok(())
    };
    exchange().map_err(|error| format!("does not answer {target}: {error}"))?;
    parse(&bytes).ok_or_else(|| format!("answers {target} with no HTTP"))
}

fn is_complete(bytes: &[u8]) -> bool {
    let Some(reply) = parse(bytes) else {
        return false;
    };
    let length = reply.header("content-length").and_then(|length| length.parse::<usize>().ok());
    reply.status == 304 || length.is_some_and(|length| reply.body_bytes >= length)
}

fn parse(bytes: &[u8]) -> Option<Reply> {
    let end = memchr::memmem::find(bytes, b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Reply { status, head, body_bytes: bytes.len() - end - 4 })
}

impl Reply {
    fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}

const TIMEOUT: Duration = Duration::from_secs(5);
