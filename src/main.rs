//! The program: flags and configuration, then the log, then the server, until a signal ends it.
//! Exits 0 when all went well, 1 when something failed at run time, 2 when what was asked for
//! cannot be.
#![forbid(unsafe_code)]

mod banner;
mod cli;
mod logging;

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;
use std::thread;

use cli::{Mode, Options};
use httpd::config::{self, Config};
use httpd::sys::file::raise_descriptor_limit;
use httpd::sys::signal::{Signal, Signals};
use httpd::{Handle, Running};

fn main() -> ExitCode {
    let options = cli::read();
    let config = match config::load(options.config.as_deref(), &options.overrides) {
        Ok(config) => config,
        Err(errors) => {
            errors.iter().for_each(complain);
            return ExitCode::from(USAGE);
        }
    };
    match options.mode {
        Mode::Test => {
            banner::say_fine(options.config.as_deref());
            ExitCode::SUCCESS
        }
        Mode::Serve => serve(config, &options),
    }
}

fn serve(config: Config, options: &Options) -> ExitCode {
    if let Err(message) = logging::start(&config.log) {
        complain(message);
        return ExitCode::from(USAGE);
    }
    match start(config, options) {
        Ok(running) => {
            running.wait();
            log::info!("stopped");
            ExitCode::SUCCESS
        }
        Err(message) => {
            complain(message);
            ExitCode::from(FAILURE)
        }
    }
}

/// Signals are listened for before anything is started, so that none falls between.
fn start(config: Config, options: &Options) -> Result<Running, String> {
    match raise_descriptor_limit() {
        Some(limit) => log::info!("up to {limit} descriptors may be open"),
        None => log::info!("any number of descriptors may be open"),
    }
    let signals = Signals::listen().map_err(|error| format!("cannot take signals: {error}"))?;
    let running = config.server.start().map_err(|error| error.to_string())?;
    let handle = running.handle();
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || obey(signals, &handle))
        .map_err(|error| format!("cannot start a thread for signals: {error}"))?;
    banner::greet(&running, options.config.as_deref(), &config.roots);
    Ok(running)
}

/// Does what signals say, for as long as the process lives.
fn obey(mut signals: Signals, handle: &Handle) {
    let mut stopping = false;
    loop {
        match signals.wait() {
            Signal::Reload => {
                log::info!("SIGHUP: reading the configuration again is not supported yet")
            }
            Signal::Reopen => log::info!("SIGUSR1: opening the logs again is not supported yet"),
            Signal::Stop if stopping => {
                log::info!("stopping now");
                handle.stop_now();
            }
            Signal::Stop => {
                log::info!("stopping when open requests have ended; a second signal stops now");
                stopping = true;
                handle.stop();
            }
        }
    }
}

/// One line for the operator. Where standard error is gone, there is nobody to tell.
fn complain(message: impl Display) {
    let _ = writeln!(io::stderr(), "httpd: {message}");
}

const FAILURE: u8 = 1;
const USAGE: u8 = 2;
