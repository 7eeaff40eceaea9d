//! One process: what it takes, what it says, and how its threads wait for credit.

use super::THREADS;
use super::plan::{Course, Manner, Plan};
use crate::server::application::commands::{CommandQueue, ProcessId};
use crate::server::application::link::Link;
use crate::server::application::scoreboard::{BegunRequest, Scoreboard};
use crate::sys::channel::{Channel, Received};
use crate::sys::wait::is_readable;
use crate::wsgi::{Token, WINDOW_BYTES};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// A process.
pub(super) struct Process {
    pub id: ProcessId,
    /// The slot's end, to say that no more requests come.
    pub to_requests: Arc<Channel>,
    /// `None`: it has died, and its slot has not noticed that.
    pub ends: Option<Ends>,
    pub scoreboard: Arc<Scoreboard>,
    pub threads: [Option<Busy>; THREADS],
    /// Until when it may take, if another has its place.
    pub leaves_until: Option<Instant>,
    /// Whether it has read that no more requests come.
    pub has_read_all: bool,
}

/// A process's ends of the sockets.
pub(super) struct Ends {
    requests: Channel,
    responses: Channel,
    credits: [Channel; THREADS],
}

/// A thread with a request.
pub(super) struct Busy {
    pub number: u32,
    token: Token,
    /// What was received.
    request: Vec<u8>,
    has_looked: bool,
    has_said_head: bool,
    /// How much it has sent that no client has taken yet.
    unpaid: usize,
    /// Whether the client wants no more.
    is_unwanted: bool,
}

impl Process {
    /// A process, and the worker's link to it.
    pub(super) fn new(id: ProcessId, commands: &CommandQueue) -> (Process, Link) {
        let pair = || {
            let (here, there) = Channel::pair().expect("descriptors are left");
            (here, Channel::from_end(there))
        };
        let (to_requests, requests) = pair();
        let (from_responses, responses) = pair();
        let (to_credits, credits): (Vec<Channel>, Vec<Channel>) =
            (0..THREADS).map(|_| pair()).unzip();
        let credits = credits.try_into().expect("there are so many");
        let to_requests = Arc::new(to_requests);
        let scoreboard = Arc::new(Scoreboard::new(THREADS, 1).expect("there is memory"));
        let link = Link::new(
            id,
            commands.clone(),
            Arc::clone(&to_requests),
            from_responses,
            to_credits.into(),
            Arc::clone(&scoreboard),
        );
        let process = Process {
            id,
            to_requests,
            ends: Some(Ends { requests, responses, credits }),
            scoreboard,
            threads: Default::default(),
            leaves_until: None,
            has_read_all: false,
        };
        (process, link)
    }

    /// An idle thread takes a request.
    pub(super) fn takes(
        &mut self,
        thread: usize,
        now: Instant,
        plans: &mut BTreeMap<u32, Plan>,
    ) -> bool {
        let ends = self.ends.as_ref().expect("it lives");
        if !is_readable(ends.requests.as_fd()) {
            return false;
        }
        let message = match ends.requests.receive().expect("the socket lives") {
            Received::Message(message) => message.bytes,
            Received::Nothing => return false,
            Received::End => {
                self.has_read_all = true;
                return false;
            }
        };
        let token = Token::of_request(&message).expect("it has one");
        let number = number_in(&message);
        let plan = plans.get_mut(&number).expect("it was planned");
        assert_eq!(plan.course, Course::Waits, "a request was begun twice");
        plan.course = Course::Begun;
        self.scoreboard.begin(thread, Some(BegunRequest { token, at: now }));
        let busy = Busy {
            number,
            token,
            request: message,
            has_looked: false,
            has_said_head: false,
            unpaid: 0,
            is_unwanted: false,
        };
        self.threads[thread] = Some(busy);
        true
    }

    /// A thread goes on with its request. `false`: it has to wait.
    pub(super) fn says(
        &mut self,
        thread: usize,
        most: usize,
        plans: &mut BTreeMap<u32, Plan>,
        file: &Path,
    ) -> bool {
        let ends = self.ends.as_ref().expect("it lives");
        let busy = self.threads[thread].as_mut().expect("it has a request");
        let plan = plans.get_mut(&busy.number).expect("it was planned");
        let mut say = Say { ends, thread, busy };
        let is_withdrawn =
            !say.busy.has_looked && self.scoreboard.withdrawn(0).contains(&say.busy.token.second());
        if is_withdrawn {
            // Nobody waits for it.
            if !say.message(PIECE, true, None, b"", None) {
                return false;
            }
            plan.course = Course::Unwanted;
        } else {
            if !std::mem::replace(&mut say.busy.has_looked, true) {
                let body = body_of(&say.busy.request, plan.request.len());
                assert!(body == plan.request, "another body of {} bytes", body.len());
            }
            say.takes_credit();
            if let Some(said) = say.goes_on(plan, most, file) {
                return said;
            }
        }
        self.scoreboard.begin(thread, None);
        self.threads[thread] = None;
        true
    }
}

/// A thread that says something about its request.
struct Say<'a> {
    ends: &'a Ends,
    thread: usize,
    busy: &'a mut Busy,
}

impl Say<'_> {
    /// Says the next thing. `None`: that was the last. Otherwise whether anything was said.
    fn goes_on(&mut self, plan: &mut Plan, most: usize, file: &Path) -> Option<bool> {
        let response = plan.response;
        let length = Some(response.len());
        let (is_said, course) = match plan.manner {
            Manner::Whole => (self.message(HEAD, true, length, response, None), Course::Whole),
            Manner::Unmeasured => (self.message(HEAD, true, None, response, None), Course::Whole),
            Manner::Head => (self.message(HEAD, true, length, b"", None), Course::Whole),
            Manner::Fails => (self.message(FAILED, true, None, b"", None), Course::Failed),
            Manner::File => {
                let file = File::open(file).expect("it is there");
                let part = [0u64.to_le_bytes(), (response.len() as u64).to_le_bytes()].concat();
                (self.message(FILE, true, length, &part, Some(&file)), Course::Whole)
            }
            Manner::Pieces | Manner::Measured | Manner::Breaks | Manner::Short => {
                if self.busy.is_unwanted {
                    (self.message(PIECE, true, None, b"", None), Course::Unwanted)
                } else {
                    return self.next_piece(plan, most);
                }
            }
        };
        if !is_said {
            return Some(false);
        }
        plan.course = course;
        None
    }

    fn next_piece(&mut self, plan: &mut Plan, most: usize) -> Option<bool> {
        // Half of it, where it does not come to its end.
        let end = match plan.manner {
            Manner::Breaks | Manner::Short => plan.response.len() / 2,
            _ => plan.response.len(),
        };
        let rest = &plan.response[plan.sent_bytes..end];
        let piece = &rest[..rest.len().min(most)];
        if self.busy.has_said_head && self.busy.unpaid + piece.len() > WINDOW_BYTES {
            return Some(false);
        }
        let is_all = plan.sent_bytes + piece.len() == plan.response.len();
        let is_last = self.busy.has_said_head && piece.is_empty()
            || plan.manner == Manner::Measured && is_all && !plan.response.is_empty();
        let kind = match self.busy.has_said_head {
            false => HEAD,
            true if is_last && plan.manner == Manner::Breaks => BROKEN,
            true => PIECE,
        };
        let length = matches!(plan.manner, Manner::Measured | Manner::Short);
        // A length of nothing would end the response with its head.
        let length = length.then_some(plan.response.len().max(1));
        if !self.message(kind, is_last, length, piece, None) {
            return Some(false);
        }
        self.busy.has_said_head = true;
        self.busy.unpaid += piece.len();
        plan.sent_bytes += piece.len();
        if !is_last {
            return Some(true);
        }
        let is_whole = plan.sent_bytes == plan.response.len()
            && length.is_none_or(|length| length == plan.sent_bytes)
            && plan.manner != Manner::Breaks;
        plan.course = if is_whole { Course::Whole } else { Course::Broken };
        None
    }

    /// Reads what the client has taken.
    fn takes_credit(&mut self) {
        let credits = &self.ends.credits[self.thread];
        while is_readable(credits.as_fd())
            && let Ok(Received::Message(message)) = credits.receive()
        {
            let (token, amount) = message.bytes.split_at(Token::BYTES);
            let amount = i64::from_le_bytes(amount.try_into().expect("eight bytes"));
            if token == self.busy.token.0 {
                self.busy.is_unwanted |= amount < 0;
                self.busy.unpaid -= usize::try_from(amount).unwrap_or(0);
            }
        }
    }

    /// Sends one message. `false`: there is no room.
    fn message(
        &self,
        kind: u8,
        is_last: bool,
        length: Option<usize>,
        content: &[u8],
        file: Option<&File>,
    ) -> bool {
        let head = match (kind, length) {
            (HEAD | FILE, Some(length)) => {
                format!("200 OK\nContent-Type\0text/plain\nContent-Length\0{length}\n")
            }
            (HEAD | FILE, None) => "200 OK\nContent-Type\0text/plain\n".to_owned(),
            _ => String::new(),
        };
        let mut message = self.busy.token.0.to_vec();
        message.extend_from_slice(&[kind, u8::from(is_last), self.thread as u8, 0]);
        message.extend_from_slice(&(head.len() as u32).to_le_bytes());
        message.extend_from_slice(content);
        message.extend_from_slice(head.as_bytes());
        let files: Vec<_> = file.iter().map(|file| file.as_fd()).collect();
        self.ends.responses.send(&message, &files).is_ok()
    }
}

/// The body that a request ends with, if it is so long, or that is in the file whose path it ends with.
fn body_of(request: &[u8], length: usize) -> Vec<u8> {
    let is_in_memory = |(rest, _): &(&[u8], &[u8])| {
        rest.ends_with(&[&b"s"[..], &(length as u32).to_le_bytes()].concat())
    };
    let parts = request.len().checked_sub(length).map(|at| request.split_at(at));
    if let Some((_, body)) = parts.filter(is_in_memory) {
        return body.to_vec();
    }
    let is_path = |length: &usize| {
        request.len() > *length
            && request[..request.len() - length].ends_with(&[b'z', *length as u8])
    };
    let length = (1..256).find(is_path).expect("it ends with a path");
    let path = OsStr::from_bytes(&request[request.len() - length..]);
    let body = fs::read(path).expect("it is kept for as long as the request");
    fs::remove_file(path).expect("its folder is ours");
    body
}

/// The number in the target of a request, which ends with a point.
fn number_in(message: &[u8]) -> u32 {
    let at = memchr::memmem::find(message, b"ask=").expect("its target says it") + 4;
    let digits = message[at..].iter().take_while(|it| it.is_ascii_digit());
    digits.fold(0, |number, digit| number * 10 + u32::from(digit - b'0'))
}

const HEAD: u8 = 1;
const PIECE: u8 = 2;
const FILE: u8 = 3;
const FAILED: u8 = 4;
const BROKEN: u8 = 5;
