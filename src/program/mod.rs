//! The program: flags and configuration, then the log, then the server, until a signal ends it. The exit
//! status is 0 after a stop, 1 after an error at run time, 2 if the program cannot do what it was asked to.

mod banner;
mod broker;
mod check;
mod cli;
mod control;
mod environment;
mod explain;
mod failure;
mod flags;
mod healthcheck;
mod in_place;
mod leftovers;
mod logging;
mod orders;
mod questions;
mod reopening;
pub(crate) mod rights;
mod signals;
pub(crate) mod supervisor;

use std::io::Write;
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use crate::config::{Config, Source};
use crate::server::listener::passed::Passed;
use crate::sys::descriptors;
use crate::sys::malloc;
use crate::sys::passed;
use crate::sys::process;
use crate::sys::signal;
use cli::{Mode, Options};
use control::{NamedSocket, Order};
use failure::Failure;
use leftovers::{close_rest, reap_orphans};
use supervisor::supervised;

/// Runs the program.
pub fn main() -> ExitCode {
    if let Some(code) = healthcheck::asked(std::env::args_os()) {
        return code;
    }
    let options = cli::read();
    let result = match &options.mode {
        Mode::Test => test(&options),
        Mode::Show => show(&options),
        Mode::Check => return check::check(&options),
        Mode::Explain(question) => explain::explain(&options, question),
        Mode::Serve => {
            malloc::give_memory_back();
            serve(&options)
        }
        Mode::Command(order) => command(options.config.as_deref(), *order),
        Mode::ServeSupervised => supervised::serve(&options),
        Mode::Succeed => {
            malloc::give_memory_back();
            supervisor::succeed(&options)
        }
        Mode::Broker => broker::serve(&options),
    };
    logging::finish();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.print(),
    }
}

fn load(options: &Options) -> Result<(Source, Config), Failure> {
    let source = Source::read(options.config.as_deref()).map_err(|it| Failure::of_usage([it]))?;
    let config = source.load(&options.overrides).map_err(Failure::of_usage)?;
    Ok((source, config))
}

fn test(options: &Options) -> Result<(), Failure> {
    let (_, config) = load(options)?;
    warn(options, &config);
    // Somebody else may start it.
    if let Err(refusal) = rights::refuse_root(&config.rights) {
        refusal.warn();
    }
    for certificate in &config.certificates {
        banner::print_certificate(certificate);
    }
    banner::print_fine(options.config.as_deref());
    Ok(())
}

fn show(options: &Options) -> Result<(), Failure> {
    let (source, config) = load(options)?;
    warn(options, &config);
    write_out(&source.effective(&options.overrides));
    Ok(())
}

/// Tells the server that runs what to do, and prints what came of it.
fn command(config: Option<&Path>, order: Order) -> Result<(), Failure> {
    let said = control::command(config, order)?;
    let said = match (&*said, order) {
        ("", Order::Reload) => "the configuration is reloaded",
        ("", Order::Reopen) => reopening::REOPENED,
        ("", Order::Upgrade) => "the server is upgraded",
        ("", Order::Stop) => "the server has stopped",
        (said, _) => said,
    };
    write_out(&format!("httpd: {said}\n"));
    Ok(())
}

/// Prints the warnings of what the operator wrote.
fn warn(options: &Options, config: &Config) {
    for warning in &options.warnings {
        failure::warn(warning);
    }
    for warning in &config.warnings {
        failure::warn(&warning.to_string());
    }
}

/// Writes all of a text to standard output, however long its reader takes. One that has gone has read enough.
fn write_out(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn serve(options: &Options) -> Result<(), Failure> {
    // Before anything else is opened.
    let passed = passed::take().map_err(|message| Failure::of_usage([message]))?;
    let passed = Arc::new(Passed::at_the_start(passed));
    let (source, mut config) = load(options)?;
    config.server = config.server.with_passed(Arc::clone(&passed));
    rights::refuse_root(&config.rights)?;
    if config.supervisor && (config.processes.get() > 1 || process::can_start_again()) {
        start_log(options, &config)?;
        log_limit(descriptors::raise_limit());
        supervisor::serve(options, &source, config, &passed)?;
    } else {
        alone(options, &source, config, &passed)?;
    }
    log::info!("stopped");
    Ok(())
}

/// Serves in this process. It listens, and then gives up what serving does not take, before any thread starts.
fn alone(
    options: &Options,
    source: &Source,
    mut config: Config,
    passed: &Passed,
) -> Result<(), Failure> {
    if let Some(reach) = &mut config.rights.reach {
        // Nobody else listens for it when a reload adds an address.
        reach.listens = true;
        if std::process::id() == 1 {
            // It looks for orphans there.
            reach.read.push("/proc".into());
        }
    }
    let limit = descriptors::raise_limit();
    let listeners = config.server.bind(NonZeroUsize::MIN).map_err(Failure::at_run_time)?;
    let control = NamedSocket::bind(options.config.as_deref());
    let held = rights::give_up(&config, source, true)?;
    start_log(options, &config)?;
    close_rest(passed);
    log_limit(limit);
    rights::log(&config, held);
    if let Some(running) = signals::start(options, config, listeners, control, held)? {
        running.wait();
    }
    Ok(())
}

fn start_log(options: &Options, config: &Config) -> Result<(), Failure> {
    // The threads that start here leave signals to this one.
    let held = signal::hold();
    logging::start(&config.log, None).map_err(|message| Failure::of_usage([message]))?;
    for warning in &options.warnings {
        log::warn!("{warning}");
    }
    for warning in &config.warnings {
        log::warn!("{warning}");
    }
    reap_orphans();
    drop(held);
    Ok(())
}

fn log_limit(limit: Option<u64>) {
    match limit {
        Some(limit) => log::debug!("up to {limit} descriptors may be open"),
        None => log::debug!("any number of descriptors may be open"),
    }
}
