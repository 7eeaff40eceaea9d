//! One process of a pool: it takes over what its supervisor hands to it, serves, and follows
//! instructions. When the supervisor has died, it completes open requests and ends. Knows nothing of the
//! other processes.

use std::os::fd::AsFd;
use std::process;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::config::Source;
use crate::server::listener::Listeners;
use crate::sys::channel::{Channel, Received};
use crate::sys::descriptors;
use crate::sys::process::{set_name, take_stdin};
use crate::sys::signal::{Signal, Signals};
use crate::sys::wait::wait_readable;
use crate::{Handle, Running};

use super::child::name;
use super::protocol::{self, Handover, Instruction, Report};
use crate::program::cli::Options;
use crate::program::failure::Failure;
use crate::program::logging;
use crate::program::signals;

/// Serves until the supervisor tells it to end, or dies.
///
/// # Errors
/// Why it could not start; without a line where the supervisor prints it.
pub(crate) fn serve(options: &Options) -> Result<(), Failure> {
    set_name(env!("CARGO_PKG_NAME"));
    let nobody = |error| {
        Failure::of_usage([format!(
            "--supervised is for processes that a supervisor starts: {error}"
        )])
    };
    let channel = take_stdin().map(Channel::from_end).map_err(nobody)?;
    let handover = protocol::take_over(&channel).map_err(nobody)?;
    let channel = Arc::new(channel);
    match start(options, handover, &channel) {
        Ok(running) => {
            running.wait();
            log::info!("stopped");
            Ok(())
        }
        Err(failure) => match channel.send(&Report::Failed(failure.clone()).words(), &[]) {
            Ok(()) => Err(Failure { lines: Vec::new(), ..failure }),
            Err(_) => Err(failure),
        },
    }
}

fn start(
    options: &Options,
    handover: Handover,
    channel: &Arc<Channel>,
) -> Result<Running, Failure> {
    let role = handover.role;
    descriptors::inherit((role.descriptors != u32::MAX).then_some(role.descriptors.into()));
    let config = Source::of(options.config.as_deref(), handover.text)
        .load(&options.overrides)
        .map_err(Failure::of_usage)?;
    logging::start(&config.log, Some(name(role.number as usize, process::id())))
        .map_err(|message| Failure::of_usage([message]))?;
    let signals = Signals::listen()
        .map_err(|error| Failure::at_run_time(format!("cannot take signals: {error}")))?;
    let listeners = Listeners::take_over(handover.listeners, role.workers as usize)
        .map_err(|error| Failure::at_run_time(format!("cannot take listeners over: {error}")))?
        .proxied(handover.proxied.into_iter().map(|number| number as usize));
    let running = config.server.start_on(listeners).map_err(Failure::of_start)?;
    let follower = Follower {
        supervisor: Some(Arc::clone(channel)),
        signals,
        handle: running.handle(),
        stop_timeout: config.stop_timeout,
        stops: 0,
    };
    thread::Builder::new()
        .name("orders".to_owned())
        .spawn(move || follower.run())
        .map_err(|error| Failure::at_run_time(format!("cannot start a thread: {error}")))?;
    Ok(running)
}

/// Follows the supervisor's instructions for as long as the process lives.
struct Follower {
    /// `None` once it has died.
    supervisor: Option<Arc<Channel>>,
    signals: Signals,
    handle: Handle,
    stop_timeout: Duration,
    /// How many signals to stop this process itself has got.
    stops: u32,
}

impl Follower {
    fn run(mut self) {
        self.report(&Report::Serving);
        loop {
            let supervisor = self.supervisor.iter().map(|channel| channel.as_fd());
            let awaited: Vec<_> = supervisor.chain([self.signals.as_fd()]).collect();
            wait_readable(&awaited, None).expect("two descriptors are polled without any memory");
            for signal in self.signals.pending() {
                self.on_signal(signal);
            }
            self.read_instructions();
        }
    }

    fn report(&self, report: &Report) {
        if let Some(channel) = &self.supervisor {
            // That the supervisor has died is noticed when the channel is read.
            let _ = channel.send(&report.words(), &[]);
        }
    }

    /// The first signal to stop that only this process gets asks for a replacement: the supervisor retires
    /// this process when the replacement serves. Ctrl-C signals all processes: then the supervisor's
    /// instruction to stop comes before any replacement.
    fn on_signal(&mut self, signal: Signal) {
        match signal {
            Signal::Reload => signals::reload(&self.handle),
            Signal::Reopen => signals::decline_to_reopen(),
            Signal::Upgrade => signals::decline_to_upgrade(),
            Signal::Stop => {
                self.stops += 1;
                match (&self.supervisor, self.stops) {
                    (Some(_), 1) => self.report(&Report::Leaving),
                    _ => self.stop_now(),
                }
            }
        }
    }

    fn stop_now(&self) {
        self.handle.stop_now();
        signals::end_after(signals::STOP_NOW_TIME);
    }

    fn read_instructions(&mut self) {
        while let Some(channel) = &self.supervisor {
            match channel.receive() {
                Ok(Received::Nothing) => return,
                Ok(Received::Message(message)) => match Instruction::read(&message.bytes) {
                    Some(instruction) => self.follow(instruction),
                    None => log::error!("the supervisor sent something that is not an instruction"),
                },
                Ok(Received::End) | Err(_) => {
                    log::error!("the supervisor has died; stopping when open requests have ended");
                    self.supervisor = None;
                    self.handle.stop();
                    signals::end_after(self.stop_timeout + signals::STOP_NOW_TIME);
                }
            }
        }
    }

    fn follow(&self, instruction: Instruction) {
        match instruction {
            Instruction::Reload => signals::reload(&self.handle),
            Instruction::Reopen => signals::decline_to_reopen(),
            Instruction::Retire => {
                log::info!("replaced; stopping when open requests have ended");
                self.handle.retire();
            }
            Instruction::Stop => self.handle.stop(),
            Instruction::StopNow => self.stop_now(),
        }
    }
}
