//! The place of one process: a thread that starts it, tells the workers of it, and puts another in its
//! place when it has died, hangs, or is to be renewed.
//!
//! A new process serves before the old one is told to end, and what the old one was never given or
//! never took is served by the new one.

use super::link::News;
use super::orders::{Order, Orders, ProcessId};
use super::printed::Printed;
use super::process::{Process, Said};
use crate::server::backoff::Backoff;
use crate::server::mailbox::{Mailbox, Message};
use crate::site::Application;
use crate::sys::wait;
use std::io;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

/// How the first start went.
pub enum Started {
    /// What the process says of itself.
    Serves(String),
    Failed(String),
}

/// One slot of an application.
pub struct Slot {
    application: Arc<Application>,
    number: usize,
    mailboxes: Vec<Arc<Mailbox>>,
    orders: Orders,
    /// Who waits for the first process to serve; taken once it does.
    starter: Option<mpsc::Sender<Started>>,
    /// What serves now.
    current: Option<Process>,
    /// What will serve when it is ready.
    coming: Option<Process>,
    /// Whether what is coming may have been loaded before the last change: another follows it.
    outdated: bool,
    /// What has been told to end, and until when it has time.
    leaving: Vec<(Process, Instant)>,
    backoff: Backoff,
    started_at: Instant,
    /// When the next one is started, after some that died at once.
    start_at: Option<Instant>,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Serving,
    Stopping,
}

impl Slot {
    /// A slot without a process.
    pub fn new(
        application: Arc<Application>,
        number: usize,
        mailboxes: Vec<Arc<Mailbox>>,
        orders: Orders,
        starter: mpsc::Sender<Started>,
    ) -> Slot {
        let now = Instant::now();
        Slot {
            application,
            number,
            mailboxes,
            orders,
            starter: Some(starter),
            current: None,
            coming: None,
            outdated: false,
            leaving: Vec::new(),
            backoff: Backoff::up_to(PAUSE_MAX),
            started_at: now,
            start_at: Some(now),
            stage: Stage::Serving,
        }
    }

    /// Supervises until it is told to stop and all processes have ended.
    pub fn run(mut self) {
        loop {
            self.start_if_due();
            if self.stage == Stage::Stopping && self.processes().next().is_none() {
                return;
            }
            self.sleep();
            while let Some(order) = self.orders.next() {
                self.obey(order);
            }
            self.listen();
            self.look();
        }
    }

    fn processes(&self) -> impl Iterator<Item = &Process> {
        let leaving = self.leaving.iter().map(|(process, _)| process);
        self.current.iter().chain(&self.coming).chain(leaving)
    }

    /// Until something happens, or is due.
    fn sleep(&self) {
        let orders = [self.orders.woken()];
        let descriptors: Vec<_> =
            orders.into_iter().chain(self.processes().flat_map(Process::descriptors)).collect();
        let lost = self.processes().flat_map(|it| &it.prints).filter_map(Printed::due);
        let due = self.leaving.iter().map(|(_, until)| *until).chain(self.start_at);
        let due = due.chain(lost).min();
        let mut time = due.map(|due| due.saturating_duration_since(Instant::now()));
        if self.application.memory_bytes_max > 0 {
            time = Some(time.unwrap_or(MEMORY_LOOK).min(MEMORY_LOOK));
        }
        if let Err(error) = wait::wait_readable(&descriptors, time) {
            log::error!("{}: waiting for its processes: {error}", self.name());
        }
    }

    fn start_if_due(&mut self) {
        if self.stage == Stage::Stopping || self.start_at.is_none_or(|at| at > Instant::now()) {
            return;
        }
        self.start_at = None;
        if self.coming.is_some() {
            return;
        }
        self.outdated = false;
        self.started_at = Instant::now();
        match Process::start(&self.application, self.mailboxes.len(), &self.orders) {
            Ok(process) => self.coming = Some(process),
            Err(error) => {
                let python = self.application.python.display();
                let directory = &self.application.directory;
                let directory = std::path::absolute(directory).unwrap_or(directory.clone());
                let directory = directory.display();
                self.failed(format!("cannot run {python} in {directory}: {error}"));
            }
        }
    }

    /// A process that should have come cannot.
    fn failed(&mut self, reason: String) {
        if let Some(starter) = self.starter.take() {
            let _ = starter.send(Started::Failed(format!("{}: {reason}", self.name())));
            self.stage = Stage::Stopping;
            return;
        }
        // What serves goes on serving: it was good enough until now.
        if let Some(current) = &self.current {
            let old = current.child.id();
            log::error!(
                "{}: cannot start a new process; process {old} keeps serving: {reason}",
                self.name()
            );
            if self.outdated {
                self.renew();
            }
        } else {
            log::error!("{}: {reason}", self.name());
            self.start_at = Some(Instant::now() + self.backoff.after(Duration::ZERO));
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Replace { process, why } => {
                if let Some(current) = self.current.as_ref().filter(|it| it.id == process)
                    && self.coming.is_none()
                    && self.start_at.is_none()
                {
                    let number = current.child.id();
                    log::error!("{}: process {number} {why}; replacing it", self.name());
                    self.renew();
                }
            }
            Order::Renew => self.load_anew(),
            Order::Stop { grace } => {
                self.stage = Stage::Stopping;
                let until = Instant::now() + grace;
                let all = self.current.take().into_iter().chain(self.coming.take());
                self.leaving.extend(all.map(|process| (process, until)));
                for (process, deadline) in &mut self.leaving {
                    process.take_no_more();
                    *deadline = until.min(*deadline);
                }
            }
        }
    }

    /// Starts another, which takes over when it serves.
    fn renew(&mut self) {
        if self.stage == Stage::Serving && self.coming.is_none() {
            self.start_at.get_or_insert_with(Instant::now);
        }
    }

    /// Starts another whose sources are read from now on, be it after the one that is coming.
    fn load_anew(&mut self) {
        self.outdated |= self.coming.is_some();
        self.renew();
    }

    /// Reads what processes say and print, and notices those that have ended.
    fn listen(&mut self) {
        let name = self.name();
        let mut coming = self.coming.take();
        let mut current = self.current.take();
        let mut leaving = std::mem::take(&mut self.leaving);
        let all =
            coming.iter_mut().chain(&mut current).chain(leaving.iter_mut().map(|it| &mut it.0));
        let mut said = Vec::new();
        for process in all {
            tell_prints(&name, process);
            let id = process.id;
            for _ in 0..WORDS_AT_ONCE_MAX {
                let Some(words) = process.said() else { break };
                let ended = words == Said::Ended;
                said.push((id, words));
                if ended {
                    // What it printed last.
                    tell_prints(&name, process);
                    break;
                }
            }
        }
        (self.coming, self.current, self.leaving) = (coming, current, leaving);
        for (id, words) in said {
            let serves = self.current.as_ref().is_some_and(|current| current.id == id);
            match words {
                Said::Serves(story) => self.serves(id, story),
                Said::CannotLoad(reason) => {
                    log::error!(
                        "{name}: a page shows what is wrong until that is mended: {reason}"
                    );
                }
                Said::LoadsLong(why) => log::warn!("{name}: {why}"),
                Said::CannotServe(reason) => self.cannot_serve(id, reason),
                // Those that are leaving see changes, too, and have been replaced for whatever they want.
                Said::SourceChanged(_) | Said::WantsReplacement(_) if !serves => {}
                Said::SourceChanged(path) => {
                    log::info!("{name}: {path} has changed");
                    self.load_anew();
                }
                Said::WantsReplacement(why) => {
                    log::info!("{name}: {why}; replacing the process");
                    self.renew();
                }
                Said::Ended => self.ended(id),
            }
        }
    }

    fn serves(&mut self, id: ProcessId, story: String) {
        if self.coming.as_ref().is_none_or(|coming| coming.id != id) {
            return;
        }
        let Some(mut process) = self.coming.take() else { return };
        log::info!("{}: process {} serves", self.name(), process.child.id());
        for (mailbox, link) in self.mailboxes.iter().zip(process.links.drain(..)) {
            let news = News::Joined(Box::new(link));
            post(mailbox, &self.application, news);
        }
        if let Some(old) = self.current.replace(process) {
            for mailbox in &self.mailboxes {
                post(mailbox, &self.application, News::Leaves(old.id));
            }
            old.take_no_more();
            self.leaving.push((old, Instant::now() + self.application.timeout + LEAVING_MARGIN));
            if self.leaving.len() > LEAVING_MAX {
                self.leaving[0].1 = Instant::now();
            }
        }
        if let Some(starter) = self.starter.take() {
            let _ = starter.send(Started::Serves(story));
        }
        if self.outdated {
            self.renew();
        }
    }

    fn cannot_serve(&mut self, id: ProcessId, reason: String) {
        if let Some(mut process) = self.coming.take_if(|coming| coming.id == id) {
            tell_prints(&self.name(), &mut process);
            let _ = process.ended();
            self.failed(reason);
        }
    }

    fn ended(&mut self, id: ProcessId) {
        let name = self.name();
        if let Some(mut process) = self.coming.take_if(|coming| coming.id == id) {
            let (status, _) = process.ended();
            self.failed(format!("the process ended before it served: {}", told(status)));
        } else if let Some(mut process) = self.current.take_if(|current| current.id == id) {
            let (status, begun) = process.ended();
            log::error!("{name}: process {} has ended: {}", process.child.id(), told(status));
            self.tell_left(id, begun.into());
            let pause = self.backoff.after(self.started_at.elapsed());
            self.start_at = Some(Instant::now() + pause);
        } else if let Some(place) = self.leaving.iter().position(|(process, _)| process.id == id) {
            let (mut process, _) = self.leaving.swap_remove(place);
            let (_, begun) = process.ended();
            self.tell_left(id, begun.into());
        }
    }

    fn tell_left(&self, id: ProcessId, begun: Arc<[crate::wsgi::Token]>) {
        for mailbox in &self.mailboxes {
            post(mailbox, &self.application, News::Left(id, Arc::clone(&begun)));
        }
    }

    /// Ends those that have had their time, and replaces one that takes too much memory.
    fn look(&mut self) {
        let now = Instant::now();
        for (process, until) in &mut self.leaving {
            if *until <= now {
                log::warn!(
                    "{}: process {} does not end; killed",
                    self.application.target,
                    process.child.id()
                );
                process.kill();
                // Its end is noticed as any other.
                *until = now + KILLED_WAIT;
            }
        }
        let bytes_max = self.application.memory_bytes_max;
        if bytes_max > 0
            && let Some(bytes) = self.current.as_ref().and_then(Process::memory_bytes)
            && bytes > bytes_max
            && self.coming.is_none()
        {
            log::warn!(
                "{}: the process uses {bytes} bytes of memory (memory_bytes_max = {bytes_max}); replacing it",
                self.name()
            );
            self.renew();
        }
    }

    fn name(&self) -> String {
        match self.application.processes {
            1 => self.application.target.clone(),
            _ => format!("{} [{}]", self.application.target, self.number),
        }
    }
}

fn post(mailbox: &Mailbox, application: &Arc<Application>, news: News) {
    if let Err(error) = mailbox.post(Message::Application(Arc::clone(application), news)) {
        log::error!("waking a worker: {error}");
    }
}

fn tell_prints(name: &str, process: &mut Process) {
    let now = Instant::now();
    for printed in &mut process.prints {
        for (level, line) in printed.lines(now) {
            log::log!(level, "{name}: {line}");
        }
    }
}

fn told(status: io::Result<std::process::ExitStatus>) -> String {
    status.map_or_else(|error| error.to_string(), |status| status.to_string())
}

/// Before a process is started again, however many have died young: a client that can crash an
/// application at will must not keep it from others for long.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// How long the kernel has to end a process that was killed, before it is killed again.
const KILLED_WAIT: Duration = Duration::from_secs(5);

/// What a process says of itself that is listened to before anything else is done.
const WORDS_AT_ONCE_MAX: usize = 16;

/// Processes that have been replaced and take their time to end; with one more, the oldest has had it.
const LEAVING_MAX: usize = 4;

/// A worker notices about once a second what a process has begun, and counts the timeout from then: what
/// hangs in a process that is leaving is answered with 504 before the process is killed.
const LEAVING_MARGIN: Duration = Duration::from_secs(2);

/// How often memory is looked at, where it is bounded.
const MEMORY_LOOK: Duration = Duration::from_secs(1);
