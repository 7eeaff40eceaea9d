//! A server in this process, and what signals do to it.

use super::banner::{self, Banner};
use super::cli::Options;
use super::control::{Command, Control, NamedSocket, Order};
use super::failure::Failure;
use super::in_place::{Origin, Reloader};
use super::logging;
use super::reopening;
use crate::config::Config;
use crate::server::listener::Listeners;
use crate::sys::confine::Confinement;
use crate::sys::signal::{Signal, Signals};
use crate::sys::wait::wait_readable;
use crate::{Handle, Running, StartError};
use std::os::fd::AsFd;
use std::process;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Starts the server on what listens already. It takes signals over before that, so that none is missed. `None`: one of
/// them has stopped it before it served.
pub(super) fn start(
    options: &Options,
    config: Config,
    listeners: Listeners,
    control: NamedSocket,
    held: Option<Confinement>,
) -> Result<Option<Running>, Failure> {
    let signals = Signals::listen()
        .map_err(|error| Failure::at_run_time(format!("cannot take signals: {error}")))?;
    let state = Arc::new(Mutex::new(ServerState::Starting));
    let shared = Arc::clone(&state);
    let control = control.listen();
    let reloader = Reloader::new(Origin::of(options));
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || handle_signals(signals, control, &reloader, &shared))
        .map_err(|error| {
            Failure::at_run_time(format!("cannot start a thread for signals: {error}"))
        })?;
    let server = config.server.give_up_when(stops(&state));
    let Some(running) = unless_stopped(server.start_on(listeners))? else { return Ok(None) };
    match &mut *lock(&state) {
        ServerState::Stopping => running.handle().stop(),
        state => *state = ServerState::Running(running.handle()),
    }
    banner::greet(&Banner {
        addresses: &running.addresses(),
        schemes: &running.schemes(),
        processes: 1,
        workers: running.workers(),
        config: options.config.as_deref(),
        roots: &config.roots,
        certificate: config.made_certificate,
        note: config.note.as_deref(),
        user: config.rights.identity.as_ref().map(|it| it.name.as_str()),
        confinement: Some(&held.map_or("off".to_owned(), |it| it.to_string())),
        applications: &running.applications(),
    });
    Ok(Some(running))
}

/// What has started. To be stopped meanwhile, as [`stops`] finds out, is no failure.
pub(super) fn unless_stopped(
    started: Result<Running, StartError>,
) -> Result<Option<Running>, Failure> {
    match started {
        Err(error @ StartError::GivenUp) => {
            log::info!("{error}");
            Ok(None)
        }
        started => started.map(Some).map_err(Failure::of_start),
    }
}

/// How far the server has come. It decides what a signal does.
pub(super) enum ServerState {
    Starting,
    /// A signal to stop came while it was starting.
    Stopping,
    /// The same, by a signal that only one of several processes got: the others go on.
    Leaving,
    Running(Handle),
}

/// Whether a server that starts is to give up.
pub(super) fn stops(state: &Arc<Mutex<ServerState>>) -> impl FnMut() -> bool + Send + use<> {
    let state = Arc::clone(state);
    move || matches!(*lock(&state), ServerState::Stopping | ServerState::Leaving)
}

pub(super) fn lock(state: &Mutex<ServerState>) -> MutexGuard<'_, ServerState> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Acts on signals for as long as the process lives.
fn handle_signals(
    mut signals: Signals,
    mut control: Option<Control>,
    reloader: &Reloader,
    state: &Mutex<ServerState>,
) {
    let mut stopping = false;
    let mut stop_commands = Vec::new();
    loop {
        let awaited: Vec<_> =
            [signals.as_fd()].into_iter().chain(control.as_ref().map(AsFd::as_fd)).collect();
        wait_readable(&awaited, None).expect("two descriptors are polled without any memory");
        for command in control.as_mut().map(Control::pending).unwrap_or_default() {
            let mut state = lock(state);
            match (command.order, &*state) {
                (Order::Reload, ServerState::Running(handle)) => {
                    reloader.begin(handle, Some(command));
                }
                (Order::Reload, _) => {
                    command.answer(Err(Failure::at_run_time("the server starts or stops")))
                }
                (Order::Reopen, _) => reopen(&state, Some(command)),
                (Order::Upgrade, _) => {
                    command.answer(Err(Failure::at_run_time(CANNOT_UPGRADE)));
                }
                (Order::Stop, _) => {
                    if stop_commands.is_empty() && !stopping {
                        stop(&mut state, &mut stopping);
                    }
                    // The end of this process answers them.
                    stop_commands.push(command);
                }
            }
        }
        for signal in signals.pending() {
            let mut state = lock(state);
            match (signal, &*state) {
                (Signal::Stop, _) => stop(&mut state, &mut stopping),
                (Signal::Reload, ServerState::Running(handle)) => reloader.begin(handle, None),
                (Signal::Reload, _) => {}
                (Signal::Reopen, _) => reopen(&state, None),
                (Signal::Upgrade, _) => log::warn!("SIGUSR2 changes nothing: {CANNOT_UPGRADE}"),
            }
        }
    }
}

/// Stops; at once, if this is the second signal.
fn stop(state: &mut ServerState, stopping: &mut bool) {
    match &*state {
        ServerState::Starting => *state = ServerState::Stopping,
        ServerState::Stopping | ServerState::Leaving => end_after(STOP_NOW_TIME),
        ServerState::Running(handle) if *stopping => {
            log::info!("stopping now");
            handle.stop_now();
            end_after(STOP_NOW_TIME);
        }
        ServerState::Running(handle) => {
            log::info!("stopping when open requests have ended; a second signal stops now");
            *stopping = true;
            handle.stop();
            end_after(handle.stop_timeout() + STOP_NOW_TIME);
        }
    }
}

/// Opens the logs again, for after they were renamed. A thread waits for that if a command does.
fn reopen(state: &ServerState, command: Option<Command>) {
    let server = match state {
        ServerState::Running(handle) => Some(handle),
        _ => None,
    };
    let logs = reopening::begin(server);
    let Some(command) = command else { return };
    let wait = move || command.answer(reopening::outcome(logs).map(|()| reopening::REOPENED));
    if let Err(error) = thread::Builder::new().name("reopen".to_owned()).spawn(wait) {
        log::error!("cannot start a thread that waits for the logs: {error}");
    }
}

/// Ends the process after this time, even if a worker or a log does not.
pub(super) fn end_after(time: Duration) {
    let end = move || {
        thread::sleep(time);
        log::error!("a worker or a log is stuck; exiting without waiting for it");
        logging::finish();
        process::exit(1);
    };
    if let Err(error) = thread::Builder::new().name("end".to_owned()).spawn(end) {
        log::error!("cannot start a thread that bounds the time to stop: {error}");
    }
}

/// How long ending takes after the last request; applications have two seconds of it.
pub(super) const STOP_NOW_TIME: Duration = Duration::from_secs(4);

const CANNOT_UPGRADE: &str =
    "without a supervisor, this process cannot replace itself; restart it instead";
