//! A running server and the signals that it obeys.

use super::banner::{self, Told};
use super::cli::Options;
use super::failure::Failure;
use super::logging;
use crate::config::Config;
use crate::sys::signal::{Signal, Signals};
use crate::{Handle, Running};
use std::process;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Signals are listened for before anything is started, so that none falls between.
pub(super) fn start(options: &Options, config: Config) -> Result<Running, Failure> {
    let signals = Signals::listen()
        .map_err(|error| Failure::at_run_time(format!("cannot take signals: {error}")))?;
    let stage = Arc::new(Mutex::new(Stage::Starting));
    let shared = Arc::clone(&stage);
    let stop_timeout = config.stop_timeout;
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || obey(signals, &shared, stop_timeout))
        .map_err(|error| {
            Failure::at_run_time(format!("cannot start a thread for signals: {error}"))
        })?;
    let shared = Arc::clone(&stage);
    let server = config.server.give_up_when(move || matches!(*lock(&shared), Stage::Stopping));
    let running = server.start().map_err(Failure::of_start)?;
    match &mut *lock(&stage) {
        Stage::Stopping => running.handle().stop(),
        stage => *stage = Stage::Running(running.handle()),
    }
    banner::greet(&Told {
        addresses: running.addresses(),
        processes: 1,
        workers: running.workers(),
        config: options.config.as_deref(),
        roots: &config.roots,
        note: config.note.as_deref(),
        applications: running.applications(),
    });
    Ok(running)
}

/// How far the server has come: decides what a signal does.
enum Stage {
    Starting,
    /// It is to stop as soon as it can.
    Stopping,
    Running(Handle),
}

fn lock(stage: &Mutex<Stage>) -> MutexGuard<'_, Stage> {
    stage.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Does what signals say, for as long as the process lives.
fn obey(mut signals: Signals, stage: &Mutex<Stage>, stop_timeout: Duration) {
    let mut stopping = false;
    loop {
        for signal in signals.wait() {
            let mut stage = lock(stage);
            match (signal, &*stage) {
                (Signal::Stop, Stage::Starting) => *stage = Stage::Stopping,
                (Signal::Stop, Stage::Stopping) => end_after(STOP_NOW_TIME),
                (Signal::Reload, Stage::Running(handle)) => reload(handle),
                (Signal::Reopen, _) => decline_to_reopen(),
                (Signal::Upgrade, _) => decline_to_upgrade(),
                (Signal::Stop, Stage::Running(handle)) if stopping => {
                    log::info!("stopping now");
                    handle.stop_now();
                    end_after(STOP_NOW_TIME);
                }
                (Signal::Stop, Stage::Running(handle)) => {
                    log::info!("stopping when open requests have ended; a second signal stops now");
                    stopping = true;
                    handle.stop();
                    end_after(stop_timeout + STOP_NOW_TIME);
                }
                (Signal::Reload, Stage::Starting | Stage::Stopping) => {}
            }
        }
    }
}

/// Ends the process after this time, whatever a worker or a log may still wait for.
pub(super) fn end_after(time: Duration) {
    let end = move || {
        thread::sleep(time);
        log::error!("a worker or a log is stuck; exiting without waiting for it");
        logging::finish();
        process::exit(1);
    };
    if let Err(error) = thread::Builder::new().name("end".to_owned()).spawn(end) {
        log::error!("cannot start a thread that bounds the end: {error}");
    }
}

/// What remains to be done after the last request: applications have two seconds of it.
pub(super) const STOP_NOW_TIME: Duration = Duration::from_secs(4);

/// Restarts applications; the rest of the configuration stays as it is.
pub(super) fn reload(handle: &Handle) {
    if handle.has_applications() {
        log::info!("SIGHUP: restarting Python applications");
        handle.renew_applications();
    } else {
        log::warn!("SIGHUP: this version cannot reload its configuration: restart it instead");
    }
}

pub(super) fn decline_to_reopen() {
    log::warn!(
        "SIGUSR1: this version cannot reopen its logs: let logrotate use copytruncate, or restart it"
    );
}

pub(super) fn decline_to_upgrade() {
    log::warn!("SIGUSR2: this version cannot replace itself while it serves: restart it instead");
}
