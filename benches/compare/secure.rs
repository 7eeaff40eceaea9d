//! HTTPS and HTTP/2, with TLS and without: CPU time per request beside the peers that can do both.
//!
//! Every server has the same certificate (ECDSA P-256). Each case is loaded for a round by the same tool over all
//! servers in turn.

use std::cell::Cell;
use std::fmt;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::downloads::Tool;
use crate::grid::{Grid, digits};
use crate::idle::{self, Idle, Kind, Opener};
use crate::servers::{Launch, Server};
use crate::shared::figures::median;
use crate::shared::load;
use crate::shared::process::{self, Cpus, Interrupt};
use crate::shared::running::Running;

/// Whether HTTPS and HTTP/2 are measured.
#[derive(clap::Args)]
pub struct Secure {
    /// HTTPS and HTTP/2 instead, by wrk and h2load
    #[arg(long, conflicts_with = "downloads")]
    pub secure: bool,
}

/// One kind of load.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    protocol: Protocol,
    file: &'static str,
    connections: u32,
    /// How many requests a connection has under way.
    streams: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    /// HTTP/1 over TLS.
    Https,
    /// The same, each request over a connection of its own, with a full handshake.
    Full,
    /// The same, with the session of the first one.
    Resumed,
    /// HTTP/2 over TLS.
    H2,
    /// HTTP/2 without.
    H2c,
}

/// All of them, in the order of the table.
pub const CASES: [Case; 10] = [
    case(Protocol::Https, "small.html", 50, 1),
    case(Protocol::Https, "955k.bin", 10, 1),
    case(Protocol::H2, "small.html", 10, 100),
    case(Protocol::H2, "98k.bin", 10, 10),
    case(Protocol::H2, "955k.bin", 10, 10),
    case(Protocol::H2c, "small.html", 10, 100),
    case(Protocol::H2c, "98k.bin", 10, 10),
    case(Protocol::H2c, "955k.bin", 10, 10),
    case(Protocol::Full, "small.html", 1, 1),
    case(Protocol::Resumed, "small.html", 1, 1),
];

const fn case(protocol: Protocol, file: &'static str, connections: u32, streams: u32) -> Case {
    Case { protocol, file, connections, streams }
}

/// A server with a port for TLS and one without.
pub struct Contender {
    pub server: Server,
    running: Running,
    clear_port: u16,
}

/// The files of the certificate that all servers have.
pub struct Certificate {
    chain: PathBuf,
    key: PathBuf,
}

impl Certificate {
    /// Makes one, for ECDSA P-256.
    pub fn make(folder: &Path) -> Result<Certificate, String> {
        let made = rcgen::generate_simple_self_signed(["localhost".into(), "127.0.0.1".into()])
            .map_err(|error| format!("cannot make a certificate: {error}"))?;
        let (chain, key) = (folder.join("chain.pem"), folder.join("key.pem"));
        fs::write(&chain, made.cert.pem())
            .and_then(|()| fs::write(&key, made.signing_key.serialize_pem()))
            .map_err(|error| format!("cannot write the certificate: {error}"))?;
        Ok(Certificate { chain, key })
    }
}

impl Contender {
    /// Starts a server.
    pub fn start(
        server: Server,
        launch: &Launch<'_>,
        certificate: &Certificate,
        interrupt: &Interrupt,
    ) -> Result<Contender, String> {
        let clear = Cell::new(0);
        let command_for = |port| -> std::io::Result<Command> {
            clear.set(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port());
            let text = config(server, launch, certificate, port, clear.get());
            server.command_with(launch, &text)
        };
        let running = Running::start(&launch.folder, START_TIMEOUT, interrupt, command_for)?;
        Ok(Contender { server, running, clear_port: clear.get() })
    }

    /// Loads it once. Returns microseconds of its CPU time per request, and requests per second.
    pub fn run(
        &self,
        case: Case,
        duration: Duration,
        folder: &Path,
        cpus: &Cpus,
        interrupt: &Interrupt,
    ) -> Result<(f64, f64), String> {
        let (scheme, port, tool) = match case.protocol {
            Protocol::Https => ("https", self.running.port, Tool::Wrk),
            Protocol::H2 => ("https", self.running.port, Tool::H2load),
            Protocol::H2c => ("http", self.clear_port, Tool::H2load),
            Protocol::Full => return self.shake_hands("-new", duration, folder, cpus, interrupt),
            Protocol::Resumed => {
                return self.shake_hands("-reuse", duration, folder, cpus, interrupt);
            }
        };
        let mut command = process::command(&tool.program()?, cpus.client);
        let (connections, streams) = (case.connections.to_string(), case.streams.to_string());
        let seconds = duration.as_secs().to_string();
        match tool {
            Tool::Wrk => command.args(["-t1", "--latency", "-c", &connections, "-d", &seconds]),
            _ => command.args(["-t1", "-c", &connections, "-m", &streams, "-D", &seconds]),
        };
        command.arg(format!("{scheme}://127.0.0.1:{port}/{}", case.file));
        let output = folder.join("load.out");
        let seen = load::run(command, &output, duration, &self.running, interrupt, || {})?;
        let figures = tool.figures(&seen.said).filter(|(requests, ..)| *requests > 0.0);
        let (requests, rate, _) =
            figures.ok_or_else(|| format!("{tool} said: {}", seen.said.trim()))?;
        Ok((seen.spent.as_secs_f64() * 1e6 / requests, rate))
    }

    /// The same for connections that are made for one request each, one after the other. (wrk resumes sessions wherever
    /// it can, so it cannot tell the two kinds apart.)
    fn shake_hands(
        &self,
        kind: &str,
        duration: Duration,
        folder: &Path,
        cpus: &Cpus,
        interrupt: &Interrupt,
    ) -> Result<(f64, f64), String> {
        let openssl = process::find_program("openssl").ok_or("openssl is missing")?;
        let mut command = process::command(&openssl, cpus.client);
        let address = format!("127.0.0.1:{}", self.running.port);
        command.args(["s_time", kind, "-connect", &address, "-www", "/small.html", "-time"]);
        command.arg(duration.as_secs().to_string());
        let output = folder.join("load.out");
        let began = Instant::now();
        let seen = load::run(command, &output, duration, &self.running, interrupt, || {})?;
        let seconds = began.elapsed().as_secs_f64();
        // It marks each resumed session with an r, and prints "N connections in M real seconds" at the end.
        let is_resumed = seen.said.contains("rr");
        let line = seen.said.lines().rev().find(|line| line.contains("real seconds"));
        let count = line.and_then(|line| line.split(' ').next()?.parse::<f64>().ok());
        match count.filter(|count| *count > 0.0 && is_resumed == (kind == "-reuse")) {
            Some(count) => Ok((seen.spent.as_secs_f64() * 1e6 / count, count / seconds)),
            None => Err(format!("openssl said: {}", seen.said.trim())),
        }
    }
}

impl Contender {
    /// Bytes of its memory for each idle connection.
    pub fn idle_bytes(&self, kind: Kind) -> Result<f64, String> {
        let port = if kind == Kind::H2c { self.clear_port } else { self.running.port };
        let opener = Opener::new()?;
        let open = |count: usize| -> Result<Vec<Idle>, String> {
            let each = (0..count).map(|_| opener.open(kind, port));
            each.collect::<Result<_, _>>().map_err(|error| error.to_string())
        };
        // What the first ones make the server allocate is not for each.
        drop(open(100)?);
        idle::settle();
        let before = load::memory_bytes(&self.running);
        let connections = open(IDLE_CONNECTIONS)?;
        idle::settle();
        let taken = load::memory_bytes(&self.running) - before;
        drop(connections);
        idle::settle();
        Ok(taken / IDLE_CONNECTIONS as f64)
    }
}

fn config(
    server: Server,
    launch: &Launch<'_>,
    certificate: &Certificate,
    port: u16,
    clear: u16,
) -> String {
    let (root, folder) = (launch.site.root.display(), launch.folder.display());
    let (chain, key) = (certificate.chain.display(), certificate.key.display());
    match server {
        Server::Nginx => {
            let user = if crate::configs::is_root() { "user root;" } else { "" };
            format!(
                "daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log stderr error; {user}
                events {{ worker_connections 4096; }}
                http {{
                    types {{ text/html html; application/octet-stream bin; }}
                    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
                    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
                    access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000;
                    open_file_cache max=1000; ssl_session_cache shared:a:10m; ssl_protocols TLSv1.2 TLSv1.3;
                    ssl_certificate {chain}; ssl_certificate_key {key};
                    server {{ listen 127.0.0.1:{port} ssl http2; root {root}; }}
                    server {{ listen 127.0.0.1:{clear} http2; root {root}; }}
                }}\n"
            )
        }
        Server::H2o => {
            let user = if crate::configs::is_root() { "user: root\n" } else { "" };
            format!(
                "num-threads: 1\nerror-log: {folder}/error.log\n{user}listen:\n  host: 127.0.0.1\n  port: {port}
  ssl:\n    certificate-file: {chain}\n    key-file: {key}\nlisten:\n  host: 127.0.0.1\n  port: {clear}
hosts:\n  default:\n    paths:\n      /:\n        file.dir: {root}\n"
            )
        }
        Server::Caddy => format!(
            "{{\n admin off\n auto_https off\n log {{\n  level ERROR\n }}
 servers {{\n  protocols h1 h2 h2c\n }}\n}}
https://:{port} {{\n bind 127.0.0.1\n tls {chain} {key}\n root * {root}\n file_server\n}}
http://:{clear} {{\n bind 127.0.0.1\n root * {root}\n file_server\n}}\n"
        ),
        _ => format!(
            "listen = [\"https://127.0.0.1:{port}\", \"h2c://127.0.0.1:{clear}\"]\nroot = \"{root}\"\nworkers = 1
certificate = \"{chain}\"\ncertificate_key = \"{key}\"\n\n[access_log]\nfile = \"off\"\n"
        ),
    }
}

impl fmt::Display for Case {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocol = match self.protocol {
            Protocol::Https => "HTTPS, HTTP/1",
            Protocol::H2 => "HTTPS, HTTP/2",
            Protocol::H2c => "HTTP/2 without TLS",
            Protocol::Full => return formatter.write_str("a connection with a full handshake"),
            Protocol::Resumed => return formatter.write_str("a connection that resumes a session"),
        };
        let size = match self.file {
            "small.html" => "small",
            "98k.bin" => "98 KB",
            _ => "955 KB",
        };
        write!(formatter, "{protocol}, {size}")
    }
}

/// Whether a server can do all of this.
pub fn concerns(server: Server) -> bool {
    use Server::{Baseline, Caddy, H2o, Httpd, Nginx};
    matches!(server, Httpd | Baseline | Nginx | H2o | Caddy)
}

/// The medians of all runs, a row for each case.
pub struct Report {
    servers: Vec<Server>,
    grid: Grid,
}

impl Report {
    /// No rows yet.
    pub fn new(servers: &[Server]) -> Report {
        let names = servers.iter().map(|server| server.name());
        let header = std::iter::once("work").chain(names).chain(["÷ best peer"]);
        Report { servers: servers.to_vec(), grid: Grid::new(header) }
    }

    /// Adds a case; `samples` has those of each server, in its order.
    pub fn add(&mut self, case: Case, samples: &[Vec<(f64, f64)>]) {
        let cost = |samples: &Vec<(f64, f64)>| median(samples.iter().map(|sample| sample.0));
        let mut row = vec![case.to_string()];
        for samples in samples {
            if samples.is_empty() {
                row.push("—".into());
                continue;
            }
            let rate = median(samples.iter().map(|sample| sample.1));
            row.push(format!("{} ({})", digits(cost(samples)), digits(rate / 1e3)));
        }
        let of = |wanted: &dyn Fn(Server) -> bool| {
            let of_servers = self.servers.iter().zip(samples);
            let costs =
                of_servers.filter(|(server, samples)| wanted(**server) && !samples.is_empty());
            costs.map(|(_, samples)| cost(samples)).reduce(f64::min)
        };
        row.push(match (of(&|it| it == Server::Httpd), of(&Server::is_peer)) {
            (Some(own), Some(best)) => format!("{:.2}", own / best),
            _ => "—".into(),
        });
        self.grid.rows.push(row);
    }

    /// Adds what an idle connection takes.
    pub fn add_idle(&mut self, kind: Kind, bytes: &[Result<f64, String>]) {
        let mut row = vec![format!("{}, bytes", kind.title())];
        for bytes in bytes {
            row.push(bytes.as_ref().map_or_else(Clone::clone, |bytes| format!("{bytes:.0}")));
        }
        let of = |wanted: &dyn Fn(Server) -> bool| {
            let all = self.servers.iter().zip(bytes).filter(|(server, _)| wanted(**server));
            all.filter_map(|(_, bytes)| bytes.as_ref().ok().copied()).reduce(f64::min)
        };
        row.push(match (of(&|it| it == Server::Httpd), of(&Server::is_peer)) {
            (Some(own), Some(best)) => format!("{:.2}", own / best),
            _ => "—".into(),
        });
        self.grid.rows.push(row);
    }

    /// For a terminal.
    pub fn text(&self) -> String {
        format!("{EXPLANATION}\n{}", self.grid.text())
    }

    /// For the README.
    pub fn markdown(&self) -> String {
        format!("{EXPLANATION}\n\n{}", self.grid.markdown())
    }
}

/// So many that their memory shows, and that no server refuses any.
const IDLE_CONNECTIONS: usize = 2_000;

const START_TIMEOUT: Duration = Duration::from_secs(10);

const EXPLANATION: &str = "CPU time of the server per request in microseconds and, in brackets, thousands of requests \
                           per second; httpd's ÷ the best peer's. wrk with 50 connections (10 for 955 KB), h2load with \
                           10 connections of 100 streams (10 for larger files), openssl s_time for handshakes.";
