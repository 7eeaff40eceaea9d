//! Flags and environment, as [`Options`]. Only this file, `flags`, `questions` and `environment` know clap. Knows nothing of
//! the contents of a configuration file.

use crate::config::{Overrides, Terminal, nearest, parse_processes, parse_workers};
use crate::program::control::Order;
use crate::program::environment::Environment;
use crate::program::flags::{Flags, check_host, given, parse_boolean, parse_level, parse_port};
use crate::program::orders;
use crate::program::questions::{self, Question};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Parser};
use std::env;
use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::path::PathBuf;

/// What the operator asked for on the command line or in the environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub mode: Mode,
    pub config: Option<PathBuf>,
    pub overrides: Overrides,
    /// What the operator wrote that has no effect, one line each.
    pub warnings: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Read the configuration, print its errors, and exit.
    Test,
    /// The same, and print what it comes to.
    Show,
    /// Look at the site, and print what is wrong with it.
    Check,
    /// Print what the site makes of a request.
    Explain(Question),
    /// Tell the server that runs what to do.
    Command(Order),
    Serve,
    /// Serve, as a process that a supervisor has started.
    ServeSupervised,
    /// Take the place of a supervisor that this process was.
    Succeed,
    /// Keep rights for a process that serves, which has started this one.
    Broker,
}

/// Reads the command line and the environment. Exits after `--help`, `-V` and usage errors.
pub(super) fn read() -> Options {
    let mut options = parse(env::args_os(), env::vars_os()).unwrap_or_else(|error| error.exit());
    options.overrides.terminal = terminal();
    options
}

/// The terminal on standard output, if it is one. Colours: <https://no-color.org>.
fn terminal() -> Option<Terminal> {
    let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_dumb = env::var_os("TERM").is_none_or(|value| value == "dumb");
    let colours = !is_set("NO_COLOR") && !is_dumb;
    io::stdout().is_terminal().then_some(Terminal { colours })
}

fn parse(
    arguments: impl IntoIterator<Item = OsString>,
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Options, clap::Error> {
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    let is_first = |flag| arguments.get(1).is_some_and(|it| it == flag);
    let started_for = if is_first(SUPERVISED) {
        Mode::ServeSupervised
    } else if is_first(SUCCESSOR) {
        Mode::Succeed
    } else if is_first(BROKER) {
        Mode::Broker
    } else {
        Mode::Serve
    };
    if started_for != Mode::Serve {
        arguments.remove(1);
    }
    let ordered = orders::given(&arguments)?;
    let (flags, mode) = match (ordered, questions::asked(&arguments)?) {
        (Some((flags, order)), _) => (flags, Mode::Command(order)),
        (None, Some((flags, None))) => (flags, Mode::Check),
        (None, Some((flags, Some(question)))) => (flags, Mode::Explain(question)),
        (None, None) => {
            let flags = Flags::try_parse_from(arguments).map_err(with_own_suggestion)?;
            let mode = match (flags.show, flags.test) {
                (true, _) => Mode::Show,
                (false, true) => Mode::Test,
                (false, false) => started_for,
            };
            (flags, mode)
        }
    };
    let mut environment = Environment::new(variables);
    let overrides = Overrides {
        root: match flags.root()? {
            Some(root) => Some(root),
            None => environment.path("HTTPD_ROOT"),
        },
        wsgi: match flags.wsgi() {
            Some(wsgi) => Some(wsgi),
            None => environment.read("HTTPD_WSGI", |it| Ok(it.to_owned()))?,
        },
        reload: flags.reload.then_some(crate::site::Reload::OnChange),
        threads: flags.threads.and_then(|threads| given("--threads", threads)),
        timeout: flags.timeout.and_then(|timeout| given("--timeout", timeout)),
        listen: flags.bind.iter().filter_map(|it| given("-b", it.clone())).collect(),
        tls: flags.tls,
        certificates: Vec::new(),
        user: match flags.user.clone().and_then(|user| given("--user", user)) {
            Some(user) => Some(user),
            None => environment.read("HTTPD_USER", |it| Ok(it.to_owned()))?,
        },
        serves_as_root: match flags.serve_as_root {
            true => given("--serve-as-root", true),
            false => environment.read("HTTPD_SERVE_AS_ROOT", parse_boolean)?,
        },
        host: match flags.host()? {
            Some(host) => Some(host),
            None => {
                environment.read("HTTPD_HOST", |host| check_host(host).map(|()| host.to_owned()))?
            }
        },
        port: match flags.port() {
            Some(port) => Some(port),
            None => environment.read("HTTPD_PORT", parse_port)?,
        },
        processes: match flags.processes {
            Some(processes) => given("-P", processes),
            None => environment.read("HTTPD_PROCESSES", parse_processes)?,
        },
        workers: match flags.workers {
            Some(workers) => given("-w", workers),
            None => environment.read("HTTPD_WORKERS", parse_workers)?,
        },
        log: match flags.log() {
            Some(log) => Some(log),
            None => environment.path("HTTPD_LOG"),
        },
        level: match flags.level() {
            Some(level) => Some(level),
            None => environment.read("HTTPD_LOG_LEVEL", parse_level)?,
        },
        access_log: match flags.access_log() {
            Some(access_log) => Some(access_log),
            None => environment.path("HTTPD_ACCESS_LOG"),
        },
        terminal: None,
    };
    let config = match flags.config {
        Some(config) => Some(config),
        None => environment.path("HTTPD_CONFIG").map(|it| it.value),
    };
    let mut warnings = environment.into_warnings();
    if let (Some(crate::Workers::Count(count)), Some(_)) = (flags.workers, &overrides.wsgi) {
        warnings.push(format!(
            "-w {count} sets the reactors, which read and write on the network; an application runs in \
             one process of 4 threads. For more, write --threads N, or -P N for whole processes, or \
             processes = N in the [[location]] of a configuration"
        ));
    }
    Ok(Options { mode, config, overrides, warnings })
}

/// clap suggests flags that look only a little alike; a wrong suggestion is worse than none.
fn with_own_suggestion(mut error: clap::Error) -> clap::Error {
    if error.kind() != ErrorKind::UnknownArgument {
        return error;
    }
    let Some(ContextValue::String(unknown)) = error.remove(ContextKind::InvalidArg) else {
        return error;
    };
    error.remove(ContextKind::SuggestedArg);
    error.remove(ContextKind::Suggested);
    error.insert(ContextKind::InvalidArg, ContextValue::String(unknown.clone()));
    let command = Flags::command();
    let known: Vec<&str> = command.get_arguments().filter_map(|it| it.get_long()).collect();
    if let Some(near) = unknown.strip_prefix("--").and_then(|it| nearest(it, &known)) {
        let suggestion = ContextValue::String(format!("--{near}"));
        error.insert(ContextKind::SuggestedArg, suggestion);
    }
    error
}

/// The first argument of a process that a supervisor has started. clap does not know it, so that it is
/// neither shown nor suggested.
pub(super) const SUPERVISED: &str = "--supervised";

/// The same of a program that takes the place of a supervisor in its process.
pub(super) const SUCCESSOR: &str = "--successor";

/// The same for a process that a serving process has started.
pub(super) const BROKER: &str = "--broker";

/// What the operator wrote behind the name of the program.
pub(super) fn own_arguments() -> impl Iterator<Item = OsString> {
    let mut arguments = env::args_os().skip(1).peekable();
    arguments.next_if(|it| it == SUPERVISED || it == SUCCESSOR || it == BROKER);
    arguments
}

#[cfg(test)]
mod tests;
