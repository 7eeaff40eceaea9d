//! The flags, what each is for, and how its value is read.

use crate::config::{LEVELS, Origin, Written, parse_processes, parse_workers};
use clap::error::ErrorKind;
use clap::{ArgAction, CommandFactory, Parser};
use log::LevelFilter;
use std::num::NonZeroUsize;
use std::path::PathBuf;

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
    pub(super) root: Option<PathBuf>,

    /// Run this WSGI application from the current directory instead of serving files
    #[arg(long, value_name = "MODULE:CALLABLE", help_heading = "What to serve")]
    pub(super) wsgi: Option<String>,

    /// Restart the application when one of its source files changes
    #[arg(long, help_heading = "What to serve")]
    pub(super) reload: bool,

    /// How many requests each application process serves at the same time [default: 4]
    #[arg(long, value_name = "N", value_parser = parse_threads, help_heading = "What to serve")]
    pub(super) threads: Option<usize>,

    /// How long an application may take to begin its response, such as 30s [default: 30s]
    #[arg(long, value_name = "TIME", value_parser = crate::config::parse_timeout, help_heading = "What to serve")]
    pub(super) timeout: Option<std::time::Duration>,

    /// Read the configuration from FILE
    #[arg(short, long, value_name = "FILE", help_heading = "What to serve")]
    pub(super) config: Option<PathBuf>,

    /// Speak HTTPS; without a configured certificate, one for localhost is made in memory
    #[arg(long, help_heading = "Where and how")]
    pub(super) tls: bool,

    /// Listen on HOST:PORT, :PORT, unix:PATH or https://HOST:PORT; may be repeated [default: localhost:8080]
    #[arg(short, long, value_name = "ADDRESS", conflicts_with_all = ["host", "port"], help_heading = "Where and how")]
    pub(super) bind: Vec<String>,

    /// The port to listen on; 0 chooses a free one [default: 8080]
    #[arg(short, long, value_name = "N", value_parser = parse_port, help_heading = "Where and how")]
    pub(super) port: Option<u16>,

    /// The address to listen on [default: localhost]
    #[arg(short = 'h', long, value_name = "ADDR", num_args = 0..=1, help_heading = "Where and how")]
    pub(super) host: Option<Option<String>>,

    /// Listen as root, and serve as this user
    #[arg(
        long,
        value_name = "USER",
        conflicts_with = "serve_as_root",
        help_heading = "Where and how"
    )]
    pub(super) user: Option<String>,

    /// Serve others than this machine as root, which is refused otherwise
    #[arg(long, help_heading = "Where and how")]
    pub(super) serve_as_root: bool,

    /// How many processes serve; a supervisor replaces any that dies [default: 1]
    #[arg(short = 'P', long, value_name = "N", value_parser = parse_processes, help_heading = "Where and how")]
    pub(super) processes: Option<NonZeroUsize>,

    /// How many workers (threads) in each process; "auto": one per CPU in total [default: auto]
    #[arg(short, long, value_name = "N", value_parser = parse_workers_flag, help_heading = "Where and how")]
    pub(super) workers: Option<crate::Workers>,

    /// Also log normal events; on a terminal, print a line for each request
    #[arg(short, long, action = ArgAction::Count, help_heading = "Logging")]
    pub(super) verbose: u8,

    /// Debug output
    #[arg(short, long, action = ArgAction::Count, help_heading = "Logging")]
    pub(super) debug: u8,

    /// Write the log (errors and warnings) to FILE instead of standard error
    #[arg(short, long, value_name = "FILE", help_heading = "Logging")]
    pub(super) log: Option<PathBuf>,

    /// Log each request to FILE, to "stdout", or not at all ("off") [default: off; FILE: stdout]
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = "stdout", help_heading = "Logging")]
    pub(super) access_log: Option<PathBuf>,

    /// Test the configuration and exit
    #[arg(short, help_heading = "Print and exit")]
    pub(super) test: bool,

    /// Test the configuration, print it with where each value comes from, and exit
    #[arg(short = 'T', help_heading = "Print and exit")]
    pub(super) show: bool,

    /// Print this help and exit (so does -h without ADDR)
    #[arg(long, action = ArgAction::Help, help_heading = "Print and exit")]
    pub(super) help: Option<bool>,

    /// Print the version and exit
    #[arg(short = 'V', long, action = ArgAction::Version, help_heading = "Print and exit")]
    pub(super) version: Option<bool>,
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

    pub(super) fn root(&self) -> Result<Option<Written<PathBuf>>, clap::Error> {
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
    pub(super) fn host(&self) -> Result<Option<Written<String>>, clap::Error> {
        match &self.host {
            None => Ok(None),
            Some(None) => Flags::try_parse_from(["httpd", "--help"]).map(|_| None),
            Some(Some(host)) => match check_host(host) {
                Ok(()) => Ok(given("-h", host.clone())),
                Err(message) => Err(usage(ErrorKind::ValueValidation, format!("-h {message}"))),
            },
        }
    }

    pub(super) fn wsgi(&self) -> Option<Written<String>> {
        self.wsgi.as_ref().and_then(|target| given("--wsgi", target.clone()))
    }

    pub(super) fn port(&self) -> Option<Written<u16>> {
        self.port.and_then(|port| given("-p", port))
    }

    pub(super) fn log(&self) -> Option<Written<PathBuf>> {
        self.log.as_ref().and_then(|log| given("-l", log.clone()))
    }

    pub(super) fn access_log(&self) -> Option<Written<PathBuf>> {
        self.access_log.as_ref().and_then(|log| given("--access-log", log.clone()))
    }

    pub(super) fn level(&self) -> Option<Written<LevelFilter>> {
        match (self.debug, self.verbose) {
            (1.., _) => given("-d", LevelFilter::Debug),
            (0, 1..) => given("-v", LevelFilter::Info),
            (0, 0) => None,
        }
    }
}

pub(super) fn given<T>(name: &'static str, value: T) -> Option<Written<T>> {
    Some(Written { value, origin: Origin::Given(name) })
}

pub(super) fn usage(kind: ErrorKind, message: String) -> clap::Error {
    Flags::command().error(kind, message)
}

pub(super) fn parse_port(text: &str) -> Result<u16, String> {
    text.parse().map_err(|_| format!("must be a port from 0 to 65535, not {text:?}"))
}

fn parse_threads(text: &str) -> Result<usize, String> {
    let threads =
        text.parse().ok().filter(|threads| (1..=crate::config::THREADS_MAX).contains(threads));
    threads
        .ok_or(format!("must be a number from 1 to {}, not {text:?}", crate::config::THREADS_MAX))
}

pub(super) fn parse_boolean(text: &str) -> Result<bool, String> {
    match text {
        "1" | "true" => Ok(true),
        "0" | "false" => Ok(false),
        _ => Err(format!("must be true or false, not {text:?}")),
    }
}

fn parse_workers_flag(text: &str) -> Result<crate::Workers, String> {
    parse_workers(text)
}

pub(super) fn parse_level(text: &str) -> Result<LevelFilter, String> {
    let found = LEVELS.iter().find(|(name, _)| *name == text);
    let names: Vec<&str> = LEVELS.iter().map(|(name, _)| *name).collect();
    found
        .map(|(_, level)| *level)
        .ok_or_else(|| format!("must be one of {}, not {text:?}", names.join(", ")))
}

/// Checks that this is a host without a port. Somebody who types `-h ./public` wants help, or `-r`.
pub(super) fn check_host(host: &str) -> Result<(), String> {
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
