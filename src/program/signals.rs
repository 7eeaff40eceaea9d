//! A server in this process, and what signals do to it.

use super::banner::{self, Banner};
use super::cli::Options;
use super::control::{Control, Order};
use super::failure::Failure;
use super::in_place::{Origin, Reloader};
use super::logging;
use crate::config::Config;
use crate::sys::signal::{Signal, Signals};
use crate::sys::wait::wait_readable;
use crate::{Handle, Running};
use std::os::fd::AsFd;
use std::process;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Starts the server. It takes signals over before that, so that none is missed.
pub(super) fn start(options: &Options, config: Config) -> Result<Running, Failure> {
    let signals = Signals::listen()
        .map_err(|error| Failure::at_run_time(format!("cannot take signals: {error}")))?;
    let state = Arc::new(Mutex::new(ServerState::Starting));
    let shared = Arc::clone(&state);
    let control = Control::listen(options.config.as_deref());
    let reloader = Reloader::new(Origin::of(options));
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || handle_signals(signals, control, &reloader, &shared))
        .map_err(|error| {
            Failure::at_run_time(format!("cannot start a thread for signals: {error}"))
        })?;
    let server = config.server.give_up_when(stops(&state));
    let running = server.start().map_err(Failure::of_start)?;
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
        applications: &running.applications(),
    });
    Ok(running)
}

/// How far the server has come. It decides what a signal does.
pub(super) enum ServerState {
    Starting,
    /// It was told to stop while it was starting.
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
    loop {
        let awaited: Vec<_> =
            [signals.as_fd()].into_iter().chain(control.as_ref().map(AsFd::as_fd)).collect();
        wait_readable(&awaited, None).expect("two descriptors are polled without any memory");
        for command in control.as_mut().map(Control::pending).unwrap_or_default() {
            match (command.order, &*lock(state)) {
                (Order::Reload, ServerState::Running(handle)) => {
                    reloader.begin(handle, Some(command));
                }
                (Order::Reload, _) => {
                    command.answer(Err(Failure::at_run_time("the server starts or stops")))
                }
            }
        }
        for signal in signals.pending() {
            let mut state = lock(state);
            match (signal, &*state) {
                (Signal::Stop, ServerState::Starting) => *state = ServerState::Stopping,
                (Signal::Stop, ServerState::Stopping | ServerState::Leaving) => {
                    end_after(STOP_NOW_TIME);
                }
                (Signal::Reload, ServerState::Running(handle)) => reloader.begin(handle, None),
                (Signal::Reopen, ServerState::Running(handle)) => reopen(handle),
                (Signal::Reopen, _) => logging::reopen(),
                (Signal::Upgrade, _) => decline_to_upgrade(),
                (Signal::Stop, ServerState::Running(handle)) if stopping => {
                    log::info!("stopping now");
                    handle.stop_now();
                    end_after(STOP_NOW_TIME);
                }
                (Signal::Stop, ServerState::Running(handle)) => {
                    log::info!("stopping when open requests have ended; a second signal stops now");
                    stopping = true;
                    handle.stop();
                    end_after(handle.stop_timeout() + STOP_NOW_TIME);
                }
                (Signal::Reload, _) => {}
            }
        }
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

/// Opens the logs again, for after they were renamed.
pub(super) fn reopen(handle: &Handle) {
    logging::reopen();
    handle.reopen_logs();
    log::info!("SIGUSR1: the logs are opened again");
}

pub(super) fn decline_to_upgrade() {
    log::warn!(
        "SIGUSR2 changes nothing: without a supervisor, this process cannot replace itself; restart it instead"
    );
}
