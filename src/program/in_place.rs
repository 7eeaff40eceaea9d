//! Reloading the server of this process: its configuration is read again, and the server changes to it in place.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use super::cli::Options;
use super::control::Command;
use super::failure::Failure;
use super::logging;
use super::rights;
use crate::Handle;
use crate::config::{Config, Overrides, Source};
use crate::server::listener::Listeners;

/// What is read again: the file, with the flags that the program was started with.
#[derive(Clone)]
pub(super) struct Origin {
    config: Option<PathBuf>,
    overrides: Overrides,
}

impl Origin {
    pub(super) fn of(options: &Options) -> Origin {
        Origin { config: options.config.clone(), overrides: options.overrides.clone() }
    }

    /// Reads and checks the configuration.
    ///
    /// # Errors
    /// All errors, each with its line.
    pub(super) fn load(&self) -> Result<(Source, Config), Failure> {
        let source = Source::read(self.config.as_deref()).map_err(|it| Failure::of_usage([it]))?;
        let config = source.load(&self.overrides).map_err(Failure::of_usage)?;
        rights::refuse_root(&config.rights)?;
        Ok((source, config))
    }
}

/// Changes a server, and the log of this process. On listeners of a supervisor, if there are any.
///
/// # Errors
/// Why nothing has changed.
pub(super) fn change(
    handle: &Handle,
    config: Config,
    listeners: Option<Listeners>,
) -> Result<(), Failure> {
    let log = logging::open(&config.log).map_err(|message| Failure::of_usage([message]))?;
    let result = match listeners {
        Some(listeners) => handle.reload_on(config.server, listeners),
        None => handle.reload(config.server),
    };
    result.map_err(Failure::of_start)?;
    log.into_iter().for_each(logging::OpenLog::take_effect);
    Ok(())
}

/// Logs what came of a reload.
pub(super) fn log_outcome(outcome: &Result<(), Failure>) {
    match outcome {
        Ok(()) => log::info!("the configuration is reloaded"),
        Err(failure) => {
            for line in &failure.lines {
                log::error!("{line}");
            }
            log::error!("the configuration is not reloaded; the server goes on with the old one");
        }
    }
}

/// Reloads the server of this process, one time after the other.
#[derive(Clone)]
pub(super) struct Reloader {
    origin: Origin,
    state: Arc<Mutex<Reloads>>,
}

#[derive(Default)]
struct Reloads {
    is_running: bool,
    /// Whether it was asked for while one was running, which may have read the old file.
    is_due: bool,
    /// Who waits for the next one.
    waiting: Vec<Command>,
}

impl Reloader {
    pub(super) fn new(origin: Origin) -> Reloader {
        Reloader { origin, state: Arc::default() }
    }

    /// Reloads on a thread. If a reload is running, there will be one more after it.
    pub(super) fn begin(&self, handle: &Handle, command: Option<Command>) {
        let mut state = self.lock();
        state.waiting.extend(command);
        state.is_due = true;
        if std::mem::replace(&mut state.is_running, true) {
            return;
        }
        drop(state);
        let (reloader, handle) = (self.clone(), handle.clone());
        let run = move || reloader.run(&handle);
        if let Err(error) = thread::Builder::new().name("reload".to_owned()).spawn(run) {
            log::error!("cannot start a thread for the reload: {error}");
            let mut state = self.lock();
            state.is_running = false;
            // Dropped: they were not carried out.
            state.waiting.clear();
        }
    }

    fn run(&self, handle: &Handle) {
        loop {
            let mut state = self.lock();
            if !std::mem::take(&mut state.is_due) {
                state.is_running = false;
                return;
            }
            let waiting = std::mem::take(&mut state.waiting);
            drop(state);
            rights::renew();
            let outcome = self.origin.load().and_then(|(_, config)| {
                warn(&config);
                rights::cover(&config).map_err(lacks_rights)?;
                change(handle, config, None)
            });
            log_outcome(&outcome);
            waiting.into_iter().for_each(|command| command.answer(outcome.clone().map(|()| "")));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Reloads> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says what to do where nobody starts another process.
fn lacks_rights(lack: Failure) -> Failure {
    let lack = lack.lines.join("; ");
    Failure::at_run_time(format!(
        "this process has given up what the configuration takes ({lack}): restart it, or serve with supervisor = true"
    ))
}

/// Logs the warnings of a configuration.
pub(super) fn warn(config: &Config) {
    for warning in &config.warnings {
        log::warn!("{warning}");
    }
}
