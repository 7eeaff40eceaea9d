//! Follows the instructions of a supervisor, in a process that serves: on a thread, from the first moment on.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::certificates;
use super::numbers_message::{NumbersMessage, Others};
use super::protocol::{self, Coming, Instruction, Report};
use super::taking_over::reload;
use crate::program::cli::Options;
use crate::program::reopening;
use crate::program::rights;
use crate::program::signals::{self, ServerState};
use crate::server::TlsNews;
use crate::sys::channel::{Channel, ChannelMessage, Received};
use crate::sys::signal::{Signal, Signals};
use crate::sys::wait::wait_readable;

/// What has come while the server was starting.
#[derive(Default)]
pub(super) struct Early {
    /// What has changed for TLS.
    pub(super) news: Vec<TlsNews>,
    /// Whether the logs are to be opened again.
    pub(super) reopen: bool,
}

/// Follows the supervisor's instructions for as long as the process lives.
pub(super) struct Follower {
    /// Where the numbers of other processes arrive.
    pub(super) others: Arc<Others>,
    /// `None` once it has died.
    pub(super) supervisor: Option<Arc<Channel>>,
    pub(super) signals: Signals,
    pub(super) state: Arc<Mutex<ServerState>>,
    pub(super) early: Arc<Mutex<Early>>,
    pub(super) stop_timeout: Duration,
    /// How many signals to stop this process itself has got.
    pub(super) stops: u32,
    /// What the supervisor hands over for a reload.
    pub(super) coming: Option<Coming>,
    pub(super) options: Options,
    /// The directories that it serves, unless it asked for a replacement because it may not read one.
    pub(super) roots: Vec<PathBuf>,
}

impl Follower {
    pub(super) fn run(mut self) {
        loop {
            let supervisor = self.supervisor.iter().map(|channel| channel.as_fd());
            let awaited: Vec<_> = supervisor.chain([self.signals.as_fd()]).collect();
            let time = rights::is_confined().then_some(LOOK_AT_ROOTS);
            wait_readable(&awaited, time).expect("two descriptors are polled without any memory");
            for signal in self.signals.pending() {
                self.on_signal(signal);
            }
            self.read_instructions();
            self.look_at_roots();
        }
    }

    /// A root may be another directory by now, which this process may not read, and a new one may.
    fn look_at_roots(&mut self) {
        let Some(root) = self.roots.iter().find(|root| !rights::reach(root)) else { return };
        log::warn!(
            "{root:?} is another directory now, which this process is kept from: asking for a replacement; \
             readable = [{:?}] at the top of the configuration lets processes read both",
            root.parent().unwrap_or(root)
        );
        self.roots.clear();
        if let Some(channel) = &self.supervisor {
            self.leave(channel);
        }
    }

    /// The first signal to stop that only this process gets asks for a replacement: the supervisor retires
    /// this process when the replacement serves. Ctrl-C signals all processes: then the supervisor's
    /// instruction to stop comes before any replacement. A process that does not serve yet gives up.
    fn on_signal(&mut self, signal: Signal) {
        match signal {
            // A signal to all processes means the supervisor, and a closed terminal is a stop.
            Signal::Reload => log::debug!("SIGHUP is for the supervisor"),
            Signal::Reopen => self.reopen(None),
            Signal::Upgrade => {
                log::warn!("SIGUSR2 changes nothing here: send it to the supervisor")
            }
            Signal::Stop => {
                self.stops += 1;
                match (&self.supervisor, self.stops) {
                    (Some(channel), 1) => {
                        log::info!("got a signal to stop: asking for a replacement");
                        self.leave(channel);
                    }
                    _ => self.stop_now(),
                }
            }
        }
    }

    fn leave(&self, channel: &Channel) {
        let mut state = signals::lock(&self.state);
        match *state {
            ServerState::Starting => *state = ServerState::Leaving,
            ServerState::Stopping | ServerState::Leaving => {}
            ServerState::Running(_) => report(channel, &Report::Leaving),
        }
    }

    /// Opens the logs again. A thread waits for that, and reports what comes of it.
    fn reopen(&self, supervisor: Option<&Arc<Channel>>) {
        let logs = match &*signals::lock(&self.state) {
            ServerState::Running(handle) => reopening::begin(Some(handle)),
            _ => {
                self.lock_early().reopen = true;
                reopening::begin(None)
            }
        };
        let Some(channel) = supervisor.map(Arc::clone) else { return };
        let wait = move || report(&channel, &Report::Reopened(reopening::outcome(logs)));
        if let Err(error) = thread::Builder::new().name("reopen".to_owned()).spawn(wait) {
            log::error!("cannot start a thread that waits for the logs: {error}");
        }
    }

    fn lock_early(&self) -> MutexGuard<'_, Early> {
        self.early.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a part of a handover in; once it is whole, serves by it. Applications may take their time to start: a thread
    /// waits for them.
    fn take_in(&mut self, message: ChannelMessage) -> io::Result<()> {
        let coming = match self.coming.take() {
            _ if Coming::begins(&message) => Coming::begin(message)?,
            Some(mut coming) => {
                coming.add(message)?;
                coming
            }
            None => return Err(io::ErrorKind::InvalidData.into()),
        };
        if !coming.is_whole() {
            self.coming = Some(coming);
            return Ok(());
        }
        let ServerState::Running(handle) = &*signals::lock(&self.state) else {
            return Ok(());
        };
        let (handle, options) = (handle.clone(), self.options.clone());
        let Some(channel) = self.supervisor.clone() else { return Ok(()) };
        let handover = coming.handover;
        thread::Builder::new().name("reload".to_owned()).spawn(move || {
            report(&channel, &reload(&options, handover, &handle));
        })?;
        Ok(())
    }

    fn stop(&self) {
        let mut state = signals::lock(&self.state);
        let mut stop_timeout = self.stop_timeout;
        match &*state {
            ServerState::Running(handle) => {
                stop_timeout = handle.stop_timeout();
                handle.stop();
            }
            _ => *state = ServerState::Stopping,
        }
        signals::end_after(stop_timeout + signals::STOP_NOW_TIME);
    }

    fn retire(&self) {
        let mut state = signals::lock(&self.state);
        match &*state {
            ServerState::Running(handle) => {
                log::info!("replaced; stopping when open requests have ended");
                handle.retire();
                return signals::end_after(handle.stop_timeout() + signals::STOP_NOW_TIME);
            }
            // If it serves all the same, it says that it leaves, and gets the instruction again.
            _ => *state = ServerState::Leaving,
        }
        signals::end_after(self.stop_timeout + signals::STOP_NOW_TIME);
    }

    /// Reports when each worker has had a turn; one that is stuck keeps it from that.
    fn ask_workers(&self) {
        let (ServerState::Running(handle), Some(channel)) =
            (&*signals::lock(&self.state), &self.supervisor)
        else {
            return;
        };
        let channel = Arc::clone(channel);
        handle.ask_workers(move || report(&channel, &Report::Works));
    }

    fn stop_now(&self) {
        let mut state = signals::lock(&self.state);
        match &*state {
            ServerState::Running(handle) => handle.stop_now(),
            _ => *state = ServerState::Stopping,
        }
        signals::end_after(signals::STOP_NOW_TIME);
    }

    fn read_instructions(&mut self) {
        while let Some(channel) = &self.supervisor {
            match channel.receive() {
                Ok(Received::Nothing) => return,
                Ok(Received::Message(message)) if message.bytes == protocol::TLS => {
                    self.take_tls_news(message.descriptors);
                }
                Ok(Received::Message(message))
                    if NumbersMessage::read(&message.bytes).is_some() =>
                {
                    self.take_numbers(message);
                }
                Ok(Received::Message(message)) => match Instruction::read(&message.bytes) {
                    Some(instruction) => self.follow(instruction),
                    None => {
                        if let Err(error) = self.take_in(message) {
                            log::error!("what the supervisor sent cannot be used: {error}");
                        }
                    }
                },
                Ok(Received::End) | Err(_) => {
                    log::error!("the supervisor has died; stopping when open requests have ended");
                    self.supervisor = None;
                    self.stop();
                }
            }
        }
    }

    fn take_tls_news(&self, sealed: Vec<OwnedFd>) {
        for memory in sealed {
            match certificates::unpacked(memory) {
                Ok(news) => match &*signals::lock(&self.state) {
                    ServerState::Running(handle) => {
                        news.iter().for_each(|news| handle.take_tls_news(news));
                    }
                    _ => self.lock_early().news.extend(news),
                },
                Err(error) => log::error!("cannot take a renewed certificate: {error}"),
            }
        }
    }

    fn take_numbers(&self, message: ChannelMessage) {
        match NumbersMessage::read(&message.bytes) {
            Some(NumbersMessage::Answer(question)) => {
                self.others.take(question, message.descriptors.into_iter().next());
            }
            Some(NumbersMessage::Wanted) => self.report_numbers(),
            Some(NumbersMessage::Asks(_) | NumbersMessage::Are) | None => {}
        }
    }

    /// Reports the numbers of this process. Its workers may take a moment, and instructions shall not wait for that.
    fn report_numbers(&self) {
        let ServerState::Running(handle) = &*signals::lock(&self.state) else { return };
        let (handle, Some(channel)) = (handle.clone(), self.supervisor.clone()) else { return };
        let report = move || {
            let _ = NumbersMessage::Are.send(&channel, &handle.own_metrics());
        };
        if let Err(error) = thread::Builder::new().name("numbers".to_owned()).spawn(report) {
            log::error!("cannot start a thread: {error}");
        }
    }

    fn follow(&self, instruction: Instruction) {
        match instruction {
            Instruction::Reopen => self.reopen(self.supervisor.as_ref()),
            Instruction::Retire => self.retire(),
            Instruction::Stop => self.stop(),
            Instruction::StopNow => self.stop_now(),
            Instruction::Ping => self.ask_workers(),
        }
    }
}

/// How often a confined process looks whether it may still read its roots.
const LOOK_AT_ROOTS: Duration = Duration::from_secs(1);

/// That the supervisor has died is noticed where the channel is read.
pub(super) fn report(channel: &Channel, report: &Report) {
    let _ = channel.send(&report.words(), &[]);
}
