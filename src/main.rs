//! The program: flags and configuration, then the log, then the server, until a signal ends it.
//! Exits 0 when all went well, 1 when something failed at run time, 2 when what was asked for
//! cannot be.
#![forbid(unsafe_code)]

mod banner;
mod cli;
mod environment;
mod failure;
mod logging;
mod supervisor;

use std::process::{self, ExitCode};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use banner::Told;
use cli::{Mode, Options};
use failure::Failure;
use httpd::config::{Config, Source};
use httpd::sys::descriptors;
use httpd::sys::orphans;
use httpd::sys::signal::{Signal, Signals};
use httpd::{Handle, Running};
use supervisor::supervised;

fn main() -> ExitCode {
    let options = cli::read();
    let result = match options.mode {
        Mode::Test => test(&options),
        Mode::Serve => serve(&options),
        Mode::ServeSupervised => supervised::serve(&options),
    };
    logging::finish();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.tell(),
    }
}

fn load(options: &Options) -> Result<(Source, Config), Failure> {
    let source = Source::read(options.config.as_deref()).map_err(|it| Failure::of_usage([it]))?;
    let config = source.load(&options.overrides).map_err(Failure::of_usage)?;
    Ok((source, config))
}

fn test(options: &Options) -> Result<(), Failure> {
    load(options)?;
    for warning in &options.warnings {
        failure::warn(warning);
    }
    banner::say_fine(options.config.as_deref());
    Ok(())
}

fn serve(options: &Options) -> Result<(), Failure> {
    let (source, config) = load(options)?;
    logging::start(&config.log, None).map_err(|message| Failure::of_usage([message]))?;
    for warning in &options.warnings {
        log::warn!("{warning}");
    }
    if let Err(error) = orphans::reap_as_init() {
        log::error!("orphans will not be reaped: {error}");
    }
    match descriptors::raise_limit() {
        Some(limit) => log::debug!("up to {limit} descriptors may be open"),
        None => log::debug!("any number of descriptors may be open"),
    }
    match config.processes.get() {
        1 => start(options, config)?.wait(),
        _ => supervisor::serve(options, &source, config)?,
    }
    log::info!("stopped");
    Ok(())
}

/// Signals are listened for before anything is started, so that none falls between.
fn start(options: &Options, config: Config) -> Result<Running, Failure> {
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

/// How far the server has come, for whoever obeys signals.
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
pub(crate) fn end_after(time: Duration) {
    let end = move || {
        thread::sleep(time);
        log::error!("what should have ended has not; the process ends all the same");
        logging::finish();
        process::exit(1);
    };
    if let Err(error) = thread::Builder::new().name("end".to_owned()).spawn(end) {
        log::error!("cannot start a thread that bounds the end: {error}");
    }
}

/// What remains to be done after the last request: applications have two seconds of it.
pub(crate) const STOP_NOW_TIME: Duration = Duration::from_secs(4);

/// Restarts applications; the rest of the configuration stays as it is.
fn reload(handle: &Handle) {
    if handle.has_applications() {
        log::info!("SIGHUP: restarting Python applications");
        handle.renew_applications();
    } else {
        log::warn!("SIGHUP: this version cannot reload its configuration: restart it instead");
    }
}

fn decline_to_reopen() {
    log::warn!(
        "SIGUSR1: this version cannot reopen its logs: let logrotate use copytruncate, or restart it"
    );
}

fn decline_to_upgrade() {
    log::warn!("SIGUSR2: this version cannot replace itself while it serves: restart it instead");
}
