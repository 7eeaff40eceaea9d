//! A client that speaks HTTP/1.1 and may pipeline.

use super::client::{Speaks, Standing};
use super::reply::{self, Progress};
use super::socket::Socket;
use super::truth::{Ask, Truth};
use std::collections::VecDeque;
use std::fmt::Write;

/// What it asks for, and how far it is.
pub(super) struct Http1 {
    asks: Vec<Ask>,
    /// For each request that has not begun to leave, after how many bytes it begins.
    begins: VecDeque<usize>,
    bytes: Vec<u8>,
    sent_bytes: usize,
    read_bytes: usize,
    answered: usize,
    /// Whether a response has said that it is the last.
    is_over: bool,
}

impl Http1 {
    pub(super) fn new(asks: Vec<Ask>) -> Http1 {
        let mut bytes = Vec::new();
        let begins = asks
            .iter()
            .map(|ask| {
                let begin = bytes.len();
                bytes.extend(request(ask));
                begin
            })
            .collect();
        Http1 { asks, begins, bytes, sent_bytes: 0, read_bytes: 0, answered: 0, is_over: false }
    }
}

impl Speaks for Http1 {
    fn send(&mut self, most: usize, socket: &Socket, truth: &Truth) {
        let end = (self.sent_bytes + most).min(self.bytes.len());
        while self.begins.front().is_some_and(|begin| *begin < end) {
            self.begins.pop_front();
            let number = self.asks.len() - self.begins.len() - 1;
            truth.begin(&mut self.asks[number].expected);
        }
        if end > self.sent_bytes {
            socket.send(&self.bytes[self.sent_bytes..end]);
            self.sent_bytes = end;
        }
    }

    fn read(&mut self, socket: &Socket, truth: &Truth, stops: bool) {
        let arrived = socket.sent_from(self.read_bytes);
        let mut at = 0;
        while at < arrived.len() {
            let Some(ask) = self.asks.get(self.answered) else {
                panic!("a response that nobody has asked for");
            };
            assert!(!self.is_over, "bytes behind the last response");
            let Progress::Whole(reply, used) = reply::read(&arrived[at..], ask.method == "HEAD")
            else {
                break;
            };
            at += used;
            if reply.status < 200 {
                continue;
            }
            if matches!(reply.status, 408 | 503) {
                self.is_over = true;
                continue;
            }
            let begun = self.asks.len() - self.begins.len();
            assert!(self.answered < begun, "a response before its request");
            truth.check(&ask.expected, reply.status, &reply.body, stops);
            self.answered += 1;
            self.is_over = reply.closes;
        }
        self.read_bytes += at;
    }

    fn standing(&self) -> Standing {
        match (self.sent_bytes == self.bytes.len(), self.answered == self.asks.len()) {
            (_, true) => Standing::Answered,
            (true, false) => Standing::Waits,
            (false, false) => Standing::Sends,
        }
    }

    fn was_refused(&self) -> bool {
        self.is_over && self.answered < self.asks.len()
    }
}

fn request(ask: &Ask) -> Vec<u8> {
    let mut head = format!("{} {} HTTP/1.1\r\nHost: a\r\n", ask.method, ask.target);
    for (name, value) in &ask.headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    if ask.method != "POST" {
        return format!("{head}\r\n").into_bytes();
    }
    if !ask.is_chunked {
        let head = format!("{head}Content-Length: {}\r\n\r\n", ask.body.len());
        return [head.as_bytes(), &ask.body].concat();
    }
    let mut request = format!("{head}Transfer-Encoding: chunked\r\n\r\n").into_bytes();
    for chunk in ask.body.chunks(777) {
        request.extend(format!("{:x};it=ignored\r\n", chunk.len()).into_bytes());
        request.extend(chunk);
        request.extend(b"\r\n");
    }
    request.extend(b"0\r\nTrailer: ignored\r\n\r\n");
    request
}
