//! How a worker hears of applications, and reads what they answer.

use super::{FIRST_PROCESS, Worker};
use crate::server::application::gateway::{Completions, Rest};
use crate::server::application::link::News;
use crate::server::application::orders::ProcessId;
use crate::site::Application;
use mio::unix::SourceFd;
use mio::{Interest, Token};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::time::Duration;

impl Worker {
    pub(super) fn on_news(&mut self, application: &Arc<Application>, news: News) {
        let joined = match &news {
            News::Joined(link) => Some(link.process),
            News::Leaves(_) | News::Left(..) => None,
        };
        let now = self.cx.clock.monotonic();
        let cx = &mut self.cx;
        let mut completions = cx.gateway.on_news(application, news, now, &mut cx.buffers);
        if let Some(process) = joined
            && let Some(link) = self.cx.gateway.link(process)
        {
            let answers = link.answers.as_fd().as_raw_fd();
            let token = Token(FIRST_PROCESS.0 + process.0 as usize);
            let mut source = SourceFd(&answers);
            let registry = self.poll.registry();
            if let Err(error) = registry.register(&mut source, token, Interest::READABLE) {
                log::error!("worker {}: registering an application: {error}", self.number);
            }
        }
        self.complete_all(&mut completions);
    }

    /// epoll reports answers of a process. Where that may not be all of them, it goes on in the next
    /// turn.
    pub(super) fn read_answers(&mut self, process: ProcessId) {
        let now = self.cx.clock.monotonic();
        let mut completions = Completions::new();
        let mut rest = Rest::Perhaps;
        for _ in 0..MESSAGES_PER_TURN {
            let cx = &mut self.cx;
            rest = cx.gateway.read(process, now, &mut cx.buffers, &mut completions);
            self.complete_all(&mut completions);
            if rest == Rest::None {
                break;
            }
        }
        // Only now: whoever is given a request may want this CPU at once.
        self.cx.gateway.send_waiting();
        if rest == Rest::Perhaps {
            self.cx.gateway.put_off(process);
        }
    }

    /// What was left unread in the turn before.
    pub(super) fn read_on_answers(&mut self) {
        for process in self.cx.gateway.take_unread() {
            self.read_answers(process);
        }
    }

    fn complete_all(&mut self, completions: &mut Completions) {
        for (id, completion) in completions.drain(..) {
            self.complete(id, completion);
        }
    }

    /// While applications have requests, now and then.
    pub(super) fn look_at_applications(&mut self) {
        let now = self.cx.clock.monotonic();
        if self.applications_look_at.is_some_and(|at| at <= now) {
            self.cx.gateway.look(now);
            self.applications_look_at = None;
        }
        if self.applications_look_at.is_none() && self.cx.gateway.is_busy() {
            self.applications_look_at = Some(now + LOOK_EVERY);
        }
    }
}

/// Messages of one process that are read before others have their turn: more than an honest one can
/// have under way, but for one with many threads.
const MESSAGES_PER_TURN: usize = 32;

const LOOK_EVERY: Duration = Duration::from_secs(1);
