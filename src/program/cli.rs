//! The flags, as [`Options`]. Only this file, `questions` and
//! `environment` know clap. Knows nothing of the contents of a
//! configuration file.

use std::env;
use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::num::NonZeroUsize;
use std::path::PathBuf;

use crate::config::{
    LEVELS, Origin, Overrides, Terminal, Written, nearest, parse_processes, parse_workers,
};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgAction, CommandFactory, Parser};
use log::LevelFilter;

use crate::program::control::Order;
use crate::program::environment::Environment;
use crate::program::orders;
use crate::program::questions::{self, Question};

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
        (Some(ordered), _) => ordered,
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

/// Serve static files and Python (WSGI) applications.
///
/// By default, serves the current directory on http://localhost:8080, to this machine only.
#[derive(Debug, Default, Parser)]
#[command(
    name = "httpd",
    version,
    disable_help_flag = true,
    disable_version_flag = true,
    after_help = AFTER_HELP
)]
pub(super) struct Flags {
    /// The directory to serve, as with --root
    #[arg(value_name = "DIR", help_heading = "What to serve")]
    pub(super) directory: Option<PathBuf>,

    /// The directory to serve [default: .]
    #[arg(short, long = "root", value_name = "DIR", help_heading = "What to serve")]
    root: Option<PathBuf>,

    /// Run this WSGI application from the current directory instead of serving files
    #[arg(long, value_name = "MODULE:CALLABLE", help_heading = "What to serve")]
    wsgi: Option<String>,

    /// Restart the application when one of its source files changes
    #[arg(long, help_heading = "What to serve")]
    reload: bool,

    /// How many requests each application process serves at the same time [default: 4]
    #[arg(long, value_name = "N", value_parser = parse_threads, help_heading = "What to serve")]
    threads: Option<usize>,

    /// How long an application may take to begin its response, such as 30s [default: 30s]
    #[arg(long, value_name = "TIME", value_parser = crate::config::parse_timeout, help_heading = "What to serve")]
    timeout: Option<std::time::Duration>,

    /// Read the configuration from FILE
    #[arg(short, long, value_name = "FILE", help_heading = "What to serve")]
    config: Option<PathBuf>,

    /// Speak HTTPS; without a configured certificate, one for localhost is made in memory
    #[arg(long, help_heading = "Where and how")]
    tls: bool,

    /// Listen on HOST:PORT, :PORT, unix:PATH or https://HOST:PORT; may be repeated [default: localhost:8080]
    #[arg(short, long, value_name = "ADDRESS", conflicts_with_all = ["host", "port"], help_heading = "Where and how")]
    bind: Vec<String>,

    /// The port to listen on; 0 chooses a free one [default: 8080]
    #[arg(short, long, value_name = "N", value_parser = parse_port, help_heading = "Where and how")]
    port: Option<u16>,

    /// The address to listen on [default: localhost]
    #[arg(short = 'h', long, value_name = "ADDR", num_args = 0..=1, help_heading = "Where and how")]
    host: Option<Option<String>>,

    /// Listen as root, and serve as this user
    #[arg(
        long,
        value_name = "USER",
        conflicts_with = "serve_as_root",
        help_heading = "Where and how"
    )]
    user: Option<String>,

    /// Serve others than this machine as root, which is refused otherwise
    #[arg(long, help_heading = "Where and how")]
    serve_as_root: bool,

    /// How many processes serve; a supervisor replaces any that dies [default: 1]
    #[arg(short = 'P', long, value_name = "N", value_parser = parse_processes, help_heading = "Where and how")]
    processes: Option<NonZeroUsize>,

    /// How many workers (threads) in each process; "auto": one per CPU in total [default: auto]
    #[arg(short, long, value_name = "N", value_parser = parse_workers_flag, help_heading = "Where and how")]
    workers: Option<crate::Workers>,

    /// Also log normal events; on a terminal, print a line for each request
    #[arg(short, long, action = ArgAction::Count, help_heading = "Logging")]
    verbose: u8,

    /// Debug output
    #[arg(short, long, action = ArgAction::Count, help_heading = "Logging")]
    debug: u8,

    /// Write the log (errors and warnings) to FILE instead of standard error
    #[arg(short, long, value_name = "FILE", help_heading = "Logging")]
    log: Option<PathBuf>,

    /// Log each request to FILE, to "stdout", or not at all ("off") [default: off; FILE: stdout]
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = "stdout", help_heading = "Logging")]
    access_log: Option<PathBuf>,

    /// Test the configuration and exit
    #[arg(short, help_heading = "Print and exit")]
    test: bool,

    /// Test the configuration, print it with where each value comes from, and exit
    #[arg(short = 'T', help_heading = "Print and exit")]
    show: bool,

    /// Print this help and exit (so does -h without ADDR)
    #[arg(long, action = ArgAction::Help, help_heading = "Print and exit")]
    help: Option<bool>,

    /// Print the version and exit
    #[arg(short = 'V', long, action = ArgAction::Version, help_heading = "Print and exit")]
    version: Option<bool>,
}

impl Flags {
    /// These, and no others.
    pub(super) fn of(
        directory: Option<PathBuf>,
        root: Option<PathBuf>,
        config: Option<PathBuf>,
    ) -> Flags {
        Flags { directory, root, config, ..Flags::default() }
    }

    fn root(&self) -> Result<Option<Written<PathBuf>>, clap::Error> {
        match (&self.directory, &self.root) {
            (Some(directory), Some(root)) if directory != root => Err(usage(
                ErrorKind::ArgumentConflict,
                format!("two directories to serve: {directory:?} and -r {root:?}; give one"),
            )),
            (_, Some(root)) => Ok(given("-r", root.clone())),
            (Some(directory), None) => Ok(given("DIR", directory.clone())),
            (None, None) => Ok(None),
        }
    }

    /// Many people type `-h` alone for help.
    fn host(&self) -> Result<Option<Written<String>>, clap::Error> {
        match &self.host {
            None => Ok(None),
            Some(None) => Flags::try_parse_from(["httpd", "--help"]).map(|_| None),
            Some(Some(host)) => match check_host(host) {
                Ok(()) => Ok(given("-h", host.clone())),
                Err(message) => Err(usage(ErrorKind::ValueValidation, format!("-h {message}"))),
            },
        }
    }

    fn wsgi(&self) -> Option<Written<String>> {
        self.wsgi.as_ref().and_then(|target| given("--wsgi", target.clone()))
    }

    fn port(&self) -> Option<Written<u16>> {
        self.port.and_then(|port| given("-p", port))
    }

    fn log(&self) -> Option<Written<PathBuf>> {
        self.log.as_ref().and_then(|log| given("-l", log.clone()))
    }

    fn access_log(&self) -> Option<Written<PathBuf>> {
        self.access_log.as_ref().and_then(|log| given("--access-log", log.clone()))
    }

    fn level(&self) -> Option<Written<LevelFilter>> {
        match (self.debug, self.verbose) {
            (1.., _) => given("-d", LevelFilter::Debug),
            (0, 1..) => given("-v", LevelFilter::Info),
            (0, 0) => None,
        }
    }
}

fn given<T>(name: &'static str, value: T) -> Option<Written<T>> {
    Some(Written { value, origin: Origin::Given(name) })
}

pub(super) fn usage(kind: ErrorKind, message: String) -> clap::Error {
    Flags::command().error(kind, message)
}

fn parse_port(text: &str) -> Result<u16, String> {
    text.parse().map_err(|_| format!("must be a port from 0 to 65535, not {text:?}"))
}

fn parse_threads(text: &str) -> Result<usize, String> {
    let threads =
        text.parse().ok().filter(|threads| (1..=crate::config::THREADS_MAX).contains(threads));
    threads
        .ok_or(format!("must be a number from 1 to {}, not {text:?}", crate::config::THREADS_MAX))
}

fn parse_boolean(text: &str) -> Result<bool, String> {
    match text {
        "1" | "true" => Ok(true),
        "0" | "false" => Ok(false),
        _ => Err(format!("must be true or false, not {text:?}")),
    }
}

fn parse_workers_flag(text: &str) -> Result<crate::Workers, String> {
    parse_workers(text)
}

fn parse_level(text: &str) -> Result<LevelFilter, String> {
    let found = LEVELS.iter().find(|(name, _)| *name == text);
    let names: Vec<&str> = LEVELS.iter().map(|(name, _)| *name).collect();
    found
        .map(|(_, level)| *level)
        .ok_or_else(|| format!("must be one of {}, not {text:?}", names.join(", ")))
}

/// Checks that this is a host without a port. Somebody who types `-h ./public` wants help, or `-r`.
fn check_host(host: &str) -> Result<(), String> {
    let colons = host.matches(':').count();
    if host.contains("://") {
        Err(format!("takes an address alone, not the URL {host:?}; the port is given with -p"))
    } else if host.contains('/') {
        Err(format!("takes an address, and {host:?} is a path; a directory is served with -r"))
    } else if colons == 1 {
        Err(format!("takes an address alone, not {host:?}; the port is given with -p"))
    } else {
        Ok(())
    }
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

const AFTER_HELP: &str = "\
Examples:
  httpd                            serve the current directory on http://localhost:8080
  httpd -v -p 8000 ./public        serve ./public, print a line for each request
  httpd -h 0.0.0.0 -p 80 ./public  serve ./public to everyone
  httpd --wsgi shop:app --reload   run the Python application app of shop.py
  httpd -c /etc/httpd.toml -t      test this configuration
  httpd check -c /etc/httpd.toml   look at the files that it serves as well
  httpd explain -c /etc/httpd.toml http://example.org/
                                   print what it answers, and why
  httpd reload -c /etc/httpd.toml  have the server that runs read it again; reopen: open its logs
                                   again; upgrade: change to a new program; stop: end

Environment: HTTPD_CONFIG, HTTPD_ROOT, HTTPD_WSGI, HTTPD_HOST, HTTPD_PORT, HTTPD_PROCESSES,
HTTPD_WORKERS, HTTPD_USER, HTTPD_SERVE_AS_ROOT, HTTPD_LOG, HTTPD_LOG_LEVEL and HTTPD_ACCESS_LOG
set defaults. Flags override the environment, the environment overrides the configuration file.
Signals: INT, TERM and QUIT let open requests finish, then stop the server; a second one stops it
immediately. HUP, USR1 and USR2 do what httpd reload, reopen and upgrade do.";

#[cfg(test)]
mod tests;
