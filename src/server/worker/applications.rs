//! How a worker hears of applications, and reads what they answer.

use super::{FIRST_PROCESS, Worker};
use crate::server::application::gateway::Deliveries;
use crate::server::application::link::{News, ProcessId};
use crate::site::{Application, Freshness};
use mio::unix::SourceFd;
use mio::{Interest, Token};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::time::Duration;

impl Worker {
    pub(super) fn hear_of(&mut self, application: &Arc<Application>, news: News) {
        let joined = match &news {
            News::Joined(link) => Some(link.process),
            News::Leaves(_) | News::Left(..) => None,
        };
        let now = self.local.clock.monotonic();
        let local = &mut self.local;
        let deliveries = local.gateway.hear(application, news, now, &mut local.buffers);
        if let Some(process) = joined
            && let Some(link) = self.local.gateway.link(process)
        {
            let answers = link.answers.as_fd().as_raw_fd();
            let token = Token(FIRST_PROCESS.0 + process.0 as usize);
            let mut source = SourceFd(&answers);
            let registry = self.poll.registry();
            if let Err(error) = registry.register(&mut source, token, Interest::READABLE) {
                log::error!("worker {}: registering an application: {error}", self.number);
            }
        }
        self.deliver(deliveries);
    }

    /// epoll reports answers of a process.
    pub(super) fn read_answers(&mut self, process: ProcessId) {
        let mut deliveries = Deliveries::new();
        let now = self.local.clock.monotonic();
        let local = &mut self.local;
        local.gateway.read(process, now, &mut local.buffers, &mut deliveries);
        self.deliver(deliveries);
    }

    /// What was left unread in the turn before.
    pub(super) fn read_on_answers(&mut self) {
        if self.local.gateway.has_unread() {
            let mut deliveries = Deliveries::new();
            let now = self.local.clock.monotonic();
            let local = &mut self.local;
            local.gateway.read_on(now, &mut local.buffers, &mut deliveries);
            self.deliver(deliveries);
        }
    }

    fn deliver(&mut self, deliveries: Deliveries) {
        for (id, delivery) in deliveries {
            if let Some(slot) = self.find(id) {
                self.drive(slot, Freshness::Unknown, |connection, local| {
                    connection.deliver(delivery, local)
                });
            }
        }
    }

    /// While applications have requests, now and then.
    pub(super) fn look_at_applications(&mut self) {
        let now = self.local.clock.monotonic();
        if self.applications_look_at.is_some_and(|at| at <= now) {
            self.local.gateway.look(now);
            self.applications_look_at = None;
        }
        if self.applications_look_at.is_none() && self.local.gateway.is_busy() {
            self.applications_look_at = Some(now + LOOK_EVERY);
        }
    }
}

const LOOK_EVERY: Duration = Duration::from_secs(1);
