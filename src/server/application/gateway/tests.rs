//! A gateway whose processes are played.

mod requests;
mod responses;
mod waiting;

use super::*;
use crate::files::SpoolPlace;
use crate::server::application::commands::CommandQueue;
use crate::server::application::scoreboard::{BegunRequest, Scoreboard};
use crate::server::id::{ConnectionId, ExchangeId};
use crate::server::mailbox::Completion;
use crate::server::pool::Pool;
use crate::site::pipe::{Outlet, Piece};
use crate::site::{Backend, Body, Handler, Wsgi};
use crate::sys::channel::{Channel, Received};
use crate::wsgi::{Token, WINDOW_BYTES};
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

/// A worker's gateway to one application, and the ends that its processes have.
struct Played {
    gateway: Gateway,
    application: Arc<Application>,
    commands: CommandQueue,
    now: Instant,
}

/// The ends of one process.
struct Python {
    process: ProcessId,
    requests: Channel,
    responses: Channel,
    credits: Channel,
    scoreboard: Arc<Scoreboard>,
}

impl Played {
    /// With one thread in each process, so that two requests fill it.
    fn new() -> Played {
        Played::with(Wsgi::new("m:app").threads(1))
    }

    fn with(wsgi: Wsgi) -> Played {
        let wsgi = wsgi.timeout(Duration::from_secs(10));
        let application = Arc::clone(&wsgi.backend().expect("it has one").0);
        let commands = CommandQueue::new().expect("descriptors are left");
        Played { gateway: Gateway::new(0), application, commands, now: Instant::now() }
    }

    /// A process that has taken a request, on its one thread.
    fn asked() -> (Played, Python, Token) {
        let mut it = Played::new();
        let python = it.joins(1);
        it.submits(0);
        let (token, _) = python.takes().expect("it was sent");
        python.begins(token, it.now);
        (it, python, token)
    }

    /// One that has begun its answer, with the content "one".
    fn streaming() -> (Played, Python, Token, Outlet) {
        let (mut it, python, token) = Played::asked();
        python.says(token, 1, false, OK, b"one");
        let (_, completion) = it.reads(&python).pop().expect("the head is here");
        let Completion::Answered(response) = completion else { panic!("no answer") };
        let Body::Piped(outlet, None) = response.body else { panic!("not piped") };
        (it, python, token, outlet)
    }

    fn joins(&mut self, number: u64) -> Python {
        let pair = || {
            let (here, there) = Channel::pair().expect("descriptors are left");
            (here, Channel::from_end(there))
        };
        let ((requests, its_requests), (responses, its_responses), (credits, its_credits)) =
            (pair(), pair(), pair());
        let process = ProcessId(number);
        let threads = self.application.threads;
        let scoreboard = Arc::new(Scoreboard::new(threads, 1).expect("there is memory"));
        let link = Link::new(
            process,
            self.commands.clone(),
            Arc::new(requests),
            responses,
            [credits].into(),
            Arc::clone(&scoreboard),
        );
        let event = ProcessEvent::Serves(Box::new(link));
        assert!(self.reports(event).is_empty());
        Python {
            process,
            requests: its_requests,
            responses: its_responses,
            credits: its_credits,
            scoreboard,
        }
    }

    fn submits(&mut self, number: u32) -> Submitted {
        let forward = Forward {
            backend: Backend(Arc::clone(&self.application)),
            message: b"{0".to_vec(),
            body: RequestBody::from(vec![number as u8]),
        };
        self.gateway.submit(id(number), forward, &disk())
    }

    fn reports(&mut self, event: ProcessEvent) -> Completions {
        self.gateway.on_process_event(&self.application, event, self.now, &mut Buffers::default())
    }

    fn reads(&mut self, python: &Python) -> Completions {
        let mut completions = Completions::new();
        let mut buffers = Buffers::default();
        let mut read =
            || self.gateway.read(python.process, self.now, &mut buffers, &mut completions);
        while read() {}
        self.gateway.send_waiting();
        completions
    }

    /// Time passes, in which it is looked as often as a worker does.
    fn passes(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.now += Duration::from_secs(1);
            self.gateway.look(self.now);
        }
    }

    /// Whether a process was to be replaced since this was last asked.
    fn replaces(&self) -> bool {
        self.commands.has(|command| matches!(command, SlotCommand::Replace { .. }))
    }

    fn leaves(&mut self, python: &Python, begun: &[Token]) -> Completions {
        self.reports(ProcessEvent::Ended(python.process, begun.into()))
    }
}

impl Python {
    /// The next request: its token, and which one it is.
    fn takes(&self) -> Option<(Token, u8)> {
        match self.requests.receive().expect("the socket lives") {
            Received::Message(message) => {
                let token = Token::of_request(&message.bytes).expect("it has one");
                Some((token, *message.bytes.last().expect("it has content")))
            }
            Received::Nothing | Received::End => None,
        }
    }

    /// Its first thread begins a request.
    fn begins(&self, token: Token, at: Instant) {
        self.scoreboard.begin(0, Some(BegunRequest { token, at }));
    }

    fn says(&self, token: Token, kind: u8, last: bool, head: &[u8], content: &[u8]) {
        let mut message = token.0.to_vec();
        message.extend_from_slice(&[kind, u8::from(last), 0, 0]);
        message.extend_from_slice(&(head.len() as u32).to_le_bytes());
        message.extend_from_slice(content);
        message.extend_from_slice(head);
        self.responses.send(&message, &[]).expect("there is room");
    }

    /// One that is longer than any that is received.
    fn says_cut(&self, token: Token) {
        let message = [&token.0[..], &[1, 1, 0, 0, 0, 0, 0, 0], &[0; MESSAGE_BYTES_MAX]].concat();
        let socket = self.responses.as_fd().try_clone_to_owned().expect("a descriptor is left");
        UnixDatagram::from(socket).send(&message).expect("there is room");
    }
}

/// A pool whose work nobody does.
fn disk() -> Arc<Pool> {
    Arc::new(Pool::new("disk", 0, usize::MAX))
}

fn id(number: u32) -> ExchangeId {
    ConnectionId::new(number, 1).into()
}

/// Who is answered, with which status and content.
fn answered(completions: Completions) -> Vec<(usize, u16, Vec<u8>)> {
    completions
        .into_iter()
        .map(|(id, completion)| match completion {
            Completion::Answered(response) => {
                let content = match response.body {
                    Body::Bytes(bytes) => bytes,
                    Body::Empty => Vec::new(),
                    _ => b"piped".to_vec(),
                };
                (id.connection.slot(), response.status.code(), content)
            }
            _ => panic!("no answer"),
        })
        .collect()
}

const OK: &[u8] = b"200 OK\nContent-Type\0text/plain\n";
