//! Who takes part: how each is found, started and asked for its version.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::configs::{self, OpenFileCache};
use crate::limit;
use crate::shared::process::{self, Interrupt, find_program};
use crate::shared::running::Running;
use crate::site::Site;
use crate::work::Work;

/// One server, in the order of the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Server {
    /// A bare event loop that parses nothing and sends fixed bytes
    Limit,
    /// This server
    Httpd,
    /// Another build of this server (--baseline)
    Baseline,
    /// nginx with open_file_cache
    Nginx,
    /// nginx without
    NginxDefault,
    Lighttpd,
    #[value(name = "h2o")]
    H2o,
    Caddy,
    #[value(name = "apache2")]
    Apache2,
    #[value(name = "static-web-server")]
    StaticWeb,
}

/// What a server is started with.
pub struct Launch<'a> {
    pub work: Work,
    pub site: &'a Site,
    /// Its own, for its config and its logs.
    pub folder: PathBuf,
    pub logging: Logging,
    pub cpu: Option<usize>,
    pub baseline: Option<&'a Path>,
}

/// Whether each request is written to an access log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logging {
    Off,
    On,
}

impl Server {
    pub const ALL: [Server; 10] = [
        Server::Limit,
        Server::Httpd,
        Server::Baseline,
        Server::Nginx,
        Server::NginxDefault,
        Server::Lighttpd,
        Server::H2o,
        Server::Caddy,
        Server::Apache2,
        Server::StaticWeb,
    ];

    /// As `--servers` takes it and as the tables show it.
    pub fn name(self) -> &'static str {
        match self {
            Server::Limit => "limit",
            Server::Httpd => "httpd",
            Server::Baseline => "baseline",
            Server::Nginx => "nginx",
            Server::NginxDefault => "nginx-default",
            Server::Lighttpd => "lighttpd",
            Server::H2o => "h2o",
            Server::Caddy => "caddy",
            Server::Apache2 => "apache2",
            Server::StaticWeb => "static-web-server",
        }
    }

    /// Neither the limit nor a build of ours.
    pub fn is_peer(self) -> bool {
        !matches!(self, Server::Limit | Server::Httpd | Server::Baseline)
    }

    pub fn has_access_log(self) -> bool {
        !matches!(self, Server::Limit | Server::NginxDefault | Server::StaticWeb)
    }

    pub fn is_installed(self, baseline: Option<&Path>) -> bool {
        self.program(baseline).is_some()
    }

    /// How to get it.
    pub fn install_hint(self) -> &'static str {
        match self {
            Server::Limit | Server::Httpd | Server::Baseline => "cargo build --release",
            Server::Nginx | Server::NginxDefault => "apt install nginx-light",
            Server::Lighttpd => "apt install lighttpd",
            Server::H2o => "apt install h2o",
            Server::Caddy => "apt install caddy",
            Server::Apache2 => "apt install apache2-bin",
            Server::StaticWeb => "cargo install static-web-server",
        }
    }

    /// The line in which it names its version.
    pub fn version(self) -> String {
        let flag = match self {
            Server::Limit | Server::Baseline => return String::new(),
            Server::Caddy => "version",
            Server::Nginx
            | Server::NginxDefault
            | Server::Lighttpd
            | Server::H2o
            | Server::Apache2 => "-v",
            Server::Httpd | Server::StaticWeb => "--version",
        };
        let Some(program) = self.program(None) else {
            return String::new();
        };
        let Ok(output) = Command::new(program).arg(flag).stdin(Stdio::null()).output() else {
            return String::new();
        };
        let said = [output.stdout, output.stderr].concat();
        let line =
            String::from_utf8_lossy(&said).lines().next().unwrap_or_default().trim().to_owned();
        if self == Server::Caddy { format!("caddy {line}") } else { line }
    }

    /// Starts it and waits until it accepts.
    pub fn start(self, launch: &Launch<'_>, interrupt: &Interrupt) -> Result<Running, String> {
        Running::start(&launch.folder, START_TIMEOUT, interrupt, |port| self.command(launch, port))
    }

    fn program(self, baseline: Option<&Path>) -> Option<PathBuf> {
        match self {
            Server::Limit => std::env::current_exe().ok(),
            Server::Httpd => Some(env!("CARGO_BIN_EXE_httpd").into()),
            Server::Baseline => baseline.map(Path::to_owned),
            Server::Nginx | Server::NginxDefault => find_program("nginx"),
            _ => find_program(self.name()),
        }
    }

    fn command(self, launch: &Launch<'_>, port: u16) -> std::io::Result<Command> {
        let text = match self {
            Server::Limit => {
                let mut command = self.bare_command(launch)?;
                command.args(limit::arguments(launch.work, port, launch.site, &launch.folder)?);
                return Ok(command);
            }
            Server::Httpd | Server::Baseline => configs::httpd(launch, port),
            Server::Nginx => configs::nginx(launch, port, OpenFileCache::On),
            Server::NginxDefault => configs::nginx(launch, port, OpenFileCache::Off),
            Server::Lighttpd => configs::lighttpd(launch, port),
            Server::H2o => configs::h2o(launch, port),
            Server::Caddy => configs::caddy(launch, port),
            Server::Apache2 => configs::apache2(launch, port),
            Server::StaticWeb => configs::static_web_server(launch, port),
        };
        self.command_with(launch, &text)
    }

    fn bare_command(self, launch: &Launch<'_>) -> std::io::Result<Command> {
        let program = self.program(launch.baseline).ok_or_else(|| crate::other("not installed"))?;
        Ok(process::command(&program, launch.cpu))
    }

    /// What starts it with this configuration.
    pub fn command_with(self, launch: &Launch<'_>, config: &str) -> std::io::Result<Command> {
        let mut command = self.bare_command(launch)?;
        let file = launch.folder.join(if self == Server::Caddy { "Caddyfile" } else { "config" });
        fs::write(&file, config)?;
        match self {
            Server::Nginx | Server::NginxDefault => {
                command.arg("-p").arg(&launch.folder).args(["-e", "stderr", "-c"]);
            }
            Server::Lighttpd => {
                command.args(["-D", "-f"]);
            }
            Server::Caddy => {
                // It keeps certificates and a lock even where it needs none.
                for home in ["HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"] {
                    command.env(home, &launch.folder);
                }
                command.args(["run", "--adapter", "caddyfile", "--config"]);
            }
            Server::Apache2 => {
                command.args(["-D", "FOREGROUND", "-f"]);
            }
            Server::StaticWeb => {
                command.arg("--config-file");
            }
            _ => {
                command.arg("-c");
            }
        }
        command.arg(&file);
        Ok(command)
    }
}

impl Launch<'_> {
    /// A file of its own, for a config.
    pub fn file(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }
}

const START_TIMEOUT: Duration = Duration::from_secs(10);
