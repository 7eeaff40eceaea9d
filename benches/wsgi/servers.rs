//! Who takes part: how each is started. One process with four threads, keep-alive, no access log,
//! everything else as its makers recommend.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::shared::process::{self, Interrupt};
use crate::shared::running::Running;
use crate::venv;

/// One server, in the order of the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Server {
    /// This server: one worker and one Python process
    Httpd,
    /// gunicorn with threads
    Gunicorn,
    /// uWSGI behind its HTTP router, which keeps connections alive
    Uwsgi,
    /// uWSGI speaking HTTP itself: a connection has a thread for as long as it lives
    UwsgiHttp11,
    Granian,
}

/// The peers, as pip installs them.
pub const PACKAGES: &[&str] = &["gunicorn==27.0.1", "uwsgi==2.0.31", "granian==2.8.7"];

/// What a server is started with.
pub struct Launch<'a> {
    /// The virtual environment whose Python all of them run.
    pub environment: &'a Path,
    /// What the application sends.
    pub file: PathBuf,
    /// Its own, for its config and its output.
    pub folder: PathBuf,
    pub cpu: Option<usize>,
}

impl Server {
    pub const ALL: [Server; 5] =
        [Server::Httpd, Server::Gunicorn, Server::Uwsgi, Server::UwsgiHttp11, Server::Granian];

    /// As `--servers` takes it and as the tables show it.
    pub fn name(self) -> &'static str {
        match self {
            Server::Httpd => "httpd",
            Server::Gunicorn => "gunicorn",
            Server::Uwsgi => "uwsgi",
            Server::UwsgiHttp11 => "uwsgi-http11",
            Server::Granian => "granian",
        }
    }

    /// Starts it and waits until it accepts.
    pub fn start(self, launch: &Launch<'_>, interrupt: &Interrupt) -> Result<Running, String> {
        Running::start(&launch.folder, START_TIMEOUT, interrupt, |port| {
            let mut command = self.command(launch, port)?;
            command.env("BENCH_FILE", &launch.file).env("PYTHONDONTWRITEBYTECODE", "1");
            command.current_dir(HERE);
            Ok(command)
        })
    }

    fn command(self, launch: &Launch<'_>, port: u16) -> std::io::Result<Command> {
        let program = match self {
            Server::Httpd => PathBuf::from(env!("CARGO_BIN_EXE_httpd")),
            Server::Uwsgi | Server::UwsgiHttp11 => venv::program(launch.environment, "uwsgi"),
            Server::Gunicorn | Server::Granian => venv::program(launch.environment, self.name()),
        };
        let mut command = process::command(&program, launch.cpu);
        let address = format!("127.0.0.1:{port}");
        let port = port.to_string();
        match self {
            Server::Httpd => {
                let config = launch.folder.join("httpd.toml");
                fs::write(&config, config_of_httpd(launch, &address))?;
                command.arg("-c").arg(config)
            }
            Server::Gunicorn => command
                .args(["--worker-class", "gthread", "--workers", "1", "--threads", "4"])
                .args(["--keep-alive", "75", "--log-level", "error", "--bind", &address])
                .arg(APPLICATION),
            Server::Uwsgi => command.args(UWSGI).args(["--http", &address, "--http-keepalive=75"]),
            Server::UwsgiHttp11 => command.args(UWSGI).args(["--http11-socket", &address]),
            Server::Granian => command
                .args(["--interface", "wsgi", "--http", "1", "--no-ws", "--workers", "1"])
                .args(["--blocking-threads", "4", "--backlog", "4096", "--log-level", "error"])
                .args(["--host", "127.0.0.1", "--port", &port, APPLICATION]),
        };
        Ok(command)
    }
}

fn config_of_httpd(launch: &Launch<'_>, address: &str) -> String {
    let python = venv::program(launch.environment, "python");
    format!(
        "listen = [\"{address}\"]\nworkers = 1\n\n[access_log]\nfile = \"off\"\n\n[[location]]\npath = \"/\"\n\
         wsgi = \"{APPLICATION}\"\npython = \"{}\"\nchdir = \"{HERE}\"\nprocesses = 1\nthreads = 4\n",
        python.display()
    )
}

/// The folder of the application.
const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/wsgi");
const APPLICATION: &str = "application:application";
/// uWSGI's own backlog is 100, and its lines about requests are its access log.
const UWSGI: [&str; 11] = [
    "--master",
    "--die-on-term",
    "--need-app",
    "--disable-logging",
    "--processes",
    "1",
    "--threads",
    "4",
    "--listen=1024",
    "--module",
    APPLICATION,
];
/// Python has to start.
const START_TIMEOUT: Duration = Duration::from_secs(20);
