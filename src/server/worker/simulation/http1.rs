//! A client that speaks HTTP/1.1 and may pipeline.

use super::ask::{Ask, Judged};
use super::client::{Speaks, Standing};
use super::reply::{self, Progress};
use super::socket::Socket;
use super::truth::Truth;
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
    /// What it has looked at, the beginning of a response among it.
    seen_bytes: usize,
    answered: usize,
    /// Where clients wait that ask first whether their body is wanted, and for which request.
    gates: VecDeque<(usize, usize)>,
    /// The request whose body the server has asked for.
    continued: Option<usize>,
    /// Whether a response has said that it is the last, and whether that one was an error of the disk or the application.
    is_over: bool,
    has_failed: bool,
}

impl Http1 {
    pub(super) fn new(mut asks: Vec<Ask>) -> Http1 {
        // A response that begins before its request has come to the end is the last.
        if let Some(last) = asks.iter().position(Ask::is_answered_early) {
            asks.truncate(last + 1);
        }
        let (mut bytes, mut begins, mut gates) = (Vec::new(), VecDeque::new(), VecDeque::new());
        for (number, ask) in asks.iter().enumerate() {
            begins.push_back(bytes.len());
            let (head, body) = request(ask);
            bytes.extend(head.into_bytes());
            if ask.asks_first && ask.is_patient {
                gates.push_back((bytes.len(), number));
            }
            bytes.extend(body);
        }
        Http1 {
            asks,
            begins,
            bytes,
            sent_bytes: 0,
            read_bytes: 0,
            seen_bytes: 0,
            answered: 0,
            gates,
            continued: None,
            is_over: false,
            has_failed: false,
        }
    }
}

impl Speaks for Http1 {
    fn send(&mut self, most: usize, socket: &Socket, truth: &Truth) {
        let is_open = |(_, number): &(usize, usize)| {
            self.answered > *number || self.continued == Some(*number)
        };
        while self.gates.front().is_some_and(is_open) {
            self.gates.pop_front();
        }
        let gate = self.gates.front().map_or(self.bytes.len(), |(gate, _)| *gate);
        let end = (self.sent_bytes + most).min(gate);
        while self.begins.front().is_some_and(|begin| *begin < end) {
            self.begins.pop_front();
            let number = self.asks.len() - self.begins.len() - 1;
            truth.begin(&mut self.asks[number]);
        }
        if end > self.sent_bytes {
            socket.send(&self.bytes[self.sent_bytes..end]);
            self.sent_bytes = end;
        }
    }

    fn read(&mut self, socket: &Socket, truth: &Truth, stops: bool) {
        let arrived = socket.sent_from(self.read_bytes);
        if self.read_bytes + arrived.len() == self.seen_bytes {
            return;
        }
        self.seen_bytes = self.read_bytes + arrived.len();
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
                assert_eq!((reply.status, ask.asks_first), (100, true), "nobody has asked");
                assert_ne!(self.continued, Some(self.answered), "100 twice");
                self.continued = Some(self.answered);
                continue;
            }
            if reply.status == 408 {
                self.is_over = true;
                continue;
            }
            let begun = self.asks.len() - self.begins.len();
            assert!(self.answered < begun, "a response before its request");
            let judged = truth.judge(ask, reply.status, &reply.body, stops);
            if judged == Judged::Refused {
                self.is_over = true;
                continue;
            }
            self.answered += 1;
            self.is_over = reply.closes;
            self.has_failed = judged == Judged::Failed && reply.closes;
        }
        self.read_bytes += at;
    }

    fn has_said_all(&self) -> bool {
        self.sent_bytes == self.bytes.len()
    }

    fn makes_room(&self) -> bool {
        false
    }

    fn describe(&self) -> String {
        let ask = self.asks.get(self.answered).map(|ask| (ask.method, &ask.target, ask.body.len()));
        format!(
            "{:?}, {} of {} answered, next {ask:?}",
            self.standing(),
            self.answered,
            self.asks.len()
        )
    }

    fn standing(&self) -> Standing {
        match (self.sent_bytes == self.bytes.len(), self.answered == self.asks.len()) {
            (_, true) => Standing::Answered,
            (true, false) => Standing::Waits,
            (false, false) => Standing::Sends,
        }
    }

    fn was_refused(&self, _: &Truth) -> bool {
        self.is_over && self.answered < self.asks.len()
    }

    fn has_stalled(&self) -> bool {
        false
    }

    fn was_stalled_refused(&self, _: &Truth) -> bool {
        false
    }

    fn has_failed(&self, truth: &Truth, is_open: bool) -> bool {
        // Responses that wait to be sent go with the one that cannot be completed.
        let begun = self.asks.len() - self.begins.len();
        let mut unanswered = self.asks[self.answered..begun.max(self.answered)].iter();
        self.has_failed || !is_open && unanswered.any(|ask| truth.may_break(ask))
    }
}

/// A request: its head and its body.
fn request(ask: &Ask) -> (String, Vec<u8>) {
    let mut head = format!("{} {} HTTP/1.1\r\nHost: a\r\n", ask.method, ask.target);
    for (name, value) in &ask.headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    if ask.asks_first {
        head.push_str("Expect: 100-continue\r\n");
    }
    if !ask.has_body() {
        return (format!("{head}\r\n"), Vec::new());
    }
    if !ask.is_chunked {
        return (format!("{head}Content-Length: {}\r\n\r\n", ask.body.len()), ask.body.to_vec());
    }
    let mut body = Vec::new();
    for chunk in ask.body.chunks(777) {
        body.extend(format!("{:x};it=ignored\r\n", chunk.len()).into_bytes());
        body.extend(chunk);
        body.extend(b"\r\n");
    }
    body.extend(b"0\r\nTrailer: ignored\r\n\r\n");
    (format!("{head}Transfer-Encoding: chunked\r\n\r\n"), body)
}
