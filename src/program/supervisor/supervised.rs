//! A process that serves: it takes over what its supervisor hands to it, serves, and follows instructions. When
//! the supervisor has died, it completes open requests and ends. Knows nothing of other processes.

use std::process;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use super::child::name;
use super::follower::{Early, Follower, report};
use super::inheritance;
use super::numbers_message::{NumbersMessage, Others};
use super::protocol::{self, Handover, Report};
use super::taking_over::{listeners, load};
use crate::Running;
use crate::config::Source;
use crate::program::cli::Options;
use crate::program::failure::Failure;
use crate::program::logging;
use crate::program::rights;
use crate::program::signals::{self, ServerState};
use crate::sys::channel::Channel;
use crate::sys::descriptors;
use crate::sys::process::{set_name, take_stdin};
use crate::sys::signal::Signals;

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
    report(&channel, &Report::Hello { inherits: inheritance::VERSION });
    let channel = Arc::new(channel);
    let is_one_of_several = handover.role.processes > 1;
    match start(options, handover, &channel) {
        Ok(None) => Ok(()),
        Ok(Some(running)) => {
            let handle = running.handle();
            running.wait();
            // The last ones, so that the server's counts do not become smaller.
            let _ = NumbersMessage::Are.send(&channel, &handle.own_metrics());
            // The only one says the same as its supervisor.
            if is_one_of_several {
                log::info!("stopped");
            }
            Ok(())
        }
        Err(failure) => match channel.send(&Report::Failed(failure.clone()).words(), &[]) {
            Ok(()) => Err(Failure { lines: Vec::new(), ..failure }),
            Err(_) => Err(failure),
        },
    }
}

/// `None`: it was stopped before it served.
fn start(
    options: &Options,
    handover: Handover,
    channel: &Arc<Channel>,
) -> Result<Option<Running>, Failure> {
    let role = handover.role;
    descriptors::inherit((role.descriptors != u32::MAX).then_some(role.descriptors.into()));
    let source = Source::of(options.config.as_deref(), handover.text);
    let config = load(&source, options, handover.tls)?;
    // Threads have the rights that the process had when they started: this comes before the first.
    let held = rights::give_up(&config, &source, false)?;
    let name = (role.processes > 1).then(|| name(role.number as usize, process::id()));
    logging::start(&config.log, name).map_err(|message| Failure::of_usage([message]))?;
    rights::log(&config, held);
    let signals = Signals::listen()
        .map_err(|error| Failure::at_run_time(format!("cannot take signals: {error}")))?;
    let listeners = listeners(role, handover.listeners, &handover.addresses)?;
    // It follows from now on: an application may take its time to start.
    let state = Arc::new(Mutex::new(ServerState::Starting));
    let early: Arc<Mutex<Early>> = Arc::default();
    let others = Arc::new(Others::new(Arc::clone(channel)));
    let follower = Follower {
        others: Arc::clone(&others),
        supervisor: Some(Arc::clone(channel)),
        signals,
        state: Arc::clone(&state),
        early: Arc::clone(&early),
        stop_timeout: config.stop_timeout,
        stops: 0,
        coming: None,
        options: options.clone(),
        roots: config.roots.clone(),
    };
    thread::Builder::new()
        .name("orders".to_owned())
        .spawn(move || follower.run())
        .map_err(|error| Failure::at_run_time(format!("cannot start a thread: {error}")))?;
    let server = config.server.give_up_when(signals::stops(&state));
    let Some(running) = signals::unless_stopped(server.start_on(listeners))? else {
        if matches!(*signals::lock(&state), ServerState::Leaving) {
            // The others go on, and another one is started.
            report(channel, &Report::Leaving);
        }
        return Ok(None);
    };
    running.handle().add_others(Box::new(move |own| others.ask(own)));
    // Until all is said, the follower neither says nor does anything.
    let mut state = signals::lock(&state);
    report(channel, &Report::Serving(running.applications()));
    match *state {
        ServerState::Stopping => running.handle().stop(),
        ServerState::Leaving => report(channel, &Report::Leaving),
        ServerState::Starting | ServerState::Running(_) => {}
    }
    let early = std::mem::take(&mut *early.lock().unwrap_or_else(PoisonError::into_inner));
    for news in early.news {
        running.handle().take_tls_news(&news);
    }
    if early.reopen {
        running.handle().reopen_logs();
    }
    *state = ServerState::Running(running.handle());
    Ok(Some(running))
}
