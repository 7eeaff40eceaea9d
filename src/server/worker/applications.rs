//! How a worker learns of the processes of applications, and reads their responses.

use super::Worker;
use super::kernel::Kernel;
use crate::server::application::commands::ProcessId;
use crate::server::application::gateway::Completions;
use crate::server::application::link::ProcessEvent;
use crate::site::Application;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

impl<K: Kernel> Worker<K> {
    pub(super) fn on_process_event(&mut self, application: &Arc<Application>, event: ProcessEvent) {
        let joined = match &event {
            ProcessEvent::Serves(link) => Some(link.process),
            ProcessEvent::Leaves(_) | ProcessEvent::TakenBack(..) | ProcessEvent::Ended(..) => None,
        };
        let now = self.cx.clock.monotonic();
        let cx = &mut self.cx;
        let mut completions = cx.gateway.on_process_event(application, event, now, &mut cx.buffers);
        if let Some(process) = joined
            && let Some(link) = self.cx.gateway.link(process)
            && let Err(error) = self.kernel.watch_process(process, link.responses.as_fd())
        {
            log::error!("worker {}: registering an application: {error}", self.number);
        }
        self.complete_all(&mut completions);
    }

    /// epoll reports responses of a process. What this turn leaves unread is read in the next.
    pub(super) fn read_responses(&mut self, process: ProcessId) {
        let now = self.cx.clock.monotonic();
        let mut completions = Completions::new();
        let mut has_more = true;
        for _ in 0..MESSAGES_PER_TURN {
            let cx = &mut self.cx;
            has_more = cx.gateway.read(process, now, &mut cx.buffers, &mut completions);
            self.complete_all(&mut completions);
            if !has_more {
                break;
            }
        }
        // Only now: a process that is sent a request may want this CPU at once.
        self.cx.gateway.send_waiting();
        if has_more {
            self.cx.gateway.put_off(process);
        }
    }

    /// Reads what was left unread in the turn before.
    pub(super) fn read_on_responses(&mut self) {
        for process in self.cx.gateway.take_unread() {
            self.read_responses(process);
        }
    }

    fn complete_all(&mut self, completions: &mut Completions) {
        for (id, completion) in completions.drain(..) {
            self.complete(id, completion);
        }
    }

    /// Looks at the applications once a second while they have requests.
    pub(super) fn look_at_applications(&mut self) {
        let now = self.cx.clock.monotonic();
        if self.applications_look_at.is_some_and(|at| at <= now) {
            self.cx.gateway.look(now);
            self.applications_look_at = None;
        }
    }

    /// Makes sure that they are looked at, if they have requests by now.
    pub(super) fn plan_look_at_applications(&mut self) {
        if self.applications_look_at.is_none() && self.cx.gateway.is_busy() {
            self.applications_look_at = Some(self.cx.clock.monotonic() + LOOK_EVERY);
        }
    }
}

/// How many messages of one process are read before others have their turn: more than an honest process can have under
/// way, unless it has many threads.
const MESSAGES_PER_TURN: usize = 32;

const LOOK_EVERY: Duration = Duration::from_secs(1);
