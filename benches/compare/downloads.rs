//! Large files over few and many connections, by several load generators: requests per second, and the slowest request.
//!
//! A mean hides what one client in fifty sees, and each load generator reads in its own way: so all three are asked.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::grid::{Grid, digits};
use crate::servers::Server;
use crate::shared::figures::median;
use crate::shared::load;
use crate::shared::process::{self, Cpus, Interrupt};
use crate::shared::running::Running;
use crate::site::{DOWNLOADS, Site};

/// What is measured of downloads, unless less is asked for.
#[derive(clap::Args)]
pub struct Downloads {
    /// Large files over 1 to 300 connections instead, by h2load, wrk and ab
    #[arg(long)]
    pub downloads: bool,

    /// With --downloads: only these files (300k, 1m, 10m, 100m)
    #[arg(long, value_delimiter = ',', value_name = "FILE", requires = "downloads")]
    files: Vec<String>,

    /// With --downloads: only so many connections
    #[arg(long, value_delimiter = ',', value_name = "COUNT", requires = "downloads")]
    connections: Vec<u32>,

    /// With --downloads: only these load generators
    #[arg(long, value_delimiter = ',', value_name = "TOOL", requires = "downloads")]
    tools: Vec<Tool>,
}

/// What loads a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Tool {
    #[value(name = "h2load")]
    H2load,
    Wrk,
    Ab,
}

/// One kind of download.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    file: &'static str,
    connections: u32,
    tool: Tool,
}

impl Downloads {
    /// The kinds to measure: each file, over each number of connections, by each load generator.
    pub fn cases(&self) -> Vec<Case> {
        let mut cases = Vec::new();
        for (file, _) in DOWNLOADS {
            for connections in CONNECTIONS {
                for tool in [Tool::H2load, Tool::Wrk, Tool::Ab] {
                    let is_wanted = (self.files.is_empty()
                        || self.files.iter().any(|one| one == file))
                        && (self.connections.is_empty() || self.connections.contains(&connections))
                        && (self.tools.is_empty() || self.tools.contains(&tool));
                    if is_wanted {
                        cases.push(Case { file, connections, tool });
                    }
                }
            }
        }
        cases
    }
}

/// What one run showed.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    requests_per_second: f64,
    /// Of the server, in microseconds.
    cpu_per_request: f64,
    /// The longest that a request took, in milliseconds.
    slowest: f64,
}

/// Loads one server once.
pub fn run(
    case: Case,
    duration: Duration,
    server: &Running,
    folder: &Path,
    cpus: &Cpus,
    interrupt: &Interrupt,
) -> Result<Sample, String> {
    let url = format!("http://127.0.0.1:{}/{}.bin", server.port, case.file);
    let mut command = process::command(&case.tool.program()?, cpus.client);
    let (connections, seconds) = (case.connections.to_string(), duration.as_secs().to_string());
    match case.tool {
        Tool::H2load => command.args(["--h1", "-t1", "-c", &connections, "-D", &seconds]),
        Tool::Wrk => command.args(["-t1", "--latency", "-c", &connections, "-d", &seconds]),
        // Without a number it stops after 50,000 requests.
        Tool::Ab => {
            command.args(["-k", "-q", "-c", &connections, "-t", &seconds, "-n", "100000000"])
        }
    };
    command.arg(&url);
    let seen = load::run(command, &folder.join("load.out"), duration, server, interrupt, || {})?;
    let (requests, requests_per_second, slowest) = case
        .tool
        .figures(&seen.said)
        .filter(|(requests, ..)| *requests > 0.0)
        .ok_or_else(|| format!("{} said: {}", case.tool, seen.said.trim()))?;
    let cpu_per_request = seen.spent.as_secs_f64() * 1e6 / requests;
    Ok(Sample { requests_per_second, cpu_per_request, slowest })
}

impl Tool {
    /// Where it is.
    pub fn program(self) -> Result<PathBuf, String> {
        let (name, package) = match self {
            Tool::H2load => ("h2load", "nghttp2-client"),
            Tool::Wrk => ("wrk", "wrk"),
            Tool::Ab => ("ab", "apache2-utils"),
        };
        process::find_program(name)
            .ok_or_else(|| format!("{name} is missing: apt install {package}"))
    }

    /// How many requests were answered, how many in a second, and in how many milliseconds the slowest one.
    pub fn figures(self, said: &str) -> Option<(f64, f64, f64)> {
        match self {
            Tool::H2load => {
                let finished =
                    line(said, "finished in")?.split(", ").nth(1)?.strip_suffix(" req/s")?;
                let done = line(said, "requests:")?.split(", ").nth(2)?.strip_suffix(" done")?;
                let slowest = line(said, "time for request:")?.split_whitespace().nth(1)?;
                Some((done.parse().ok()?, finished.parse().ok()?, milliseconds(slowest)?))
            }
            Tool::Wrk => {
                let count = said.lines().find(|line| line.contains(" requests in "))?;
                let rate = line(said, "Requests/sec:")?;
                let slowest = line(said, "Latency  ")?.split_whitespace().nth(2)?;
                let count = count.split_whitespace().next()?;
                Some((count.parse().ok()?, rate.parse().ok()?, milliseconds(slowest)?))
            }
            Tool::Ab => {
                let rate = line(said, "Requests per second:")?.split_whitespace().next()?;
                let slowest = line(said, "100%")?.split_whitespace().next()?;
                let count = line(said, "Complete requests:")?;
                Some((count.parse().ok()?, rate.parse().ok()?, slowest.parse().ok()?))
            }
        }
    }
}

/// What stands behind these words, in the first line that begins with them.
fn line<'a>(said: &'a str, words: &str) -> Option<&'a str> {
    said.lines().find_map(|line| line.trim_start().strip_prefix(words)).map(str::trim)
}

/// A duration as wrk and h2load write it: `870us`, `1.52ms`, `2.10s`.
fn milliseconds(text: &str) -> Option<f64> {
    let unit_at = text.find(|letter: char| letter.is_ascii_alphabetic())?;
    let (figure, unit) = text.split_at(unit_at);
    let factor = match unit {
        "us" => 1e-3,
        "ms" => 1.0,
        "s" => 1e3,
        "m" => 6e4,
        _ => return None,
    };
    figure.parse::<f64>().ok().map(|figure| figure * factor)
}

impl fmt::Display for Tool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Tool::H2load => "h2load",
            Tool::Wrk => "wrk",
            Tool::Ab => "ab",
        })
    }
}

impl fmt::Display for Case {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} × {}, {}", self.file, self.connections, self.tool)
    }
}

/// The medians of all runs, a row for each case: requests per second, and the slowest request.
pub struct Report {
    servers: Vec<Server>,
    grid: Grid,
}

impl Report {
    /// No rows yet.
    pub fn new(servers: &[Server]) -> Report {
        let names = servers.iter().map(|server| server.name());
        let header =
            std::iter::once("file × connections").chain(names).chain(["÷ peer", "÷ slowest"]);
        Report { servers: servers.to_vec(), grid: Grid::new(header) }
    }

    /// Adds a case; `samples` has those of each server, in its order.
    pub fn add(&mut self, case: Case, samples: &[Vec<Sample>]) {
        let of =
            |samples: &[Sample], figure: fn(&Sample) -> f64| median(samples.iter().map(figure));
        let mut row = vec![case.to_string()];
        for samples in samples {
            row.push(format!(
                "{:.0} ({} ms, {} µs)",
                of(samples, |sample| sample.requests_per_second),
                digits(of(samples, |sample| sample.slowest)),
                digits(of(samples, |sample| sample.cpu_per_request)),
            ));
        }
        let figure_of = |server: Server, figure: fn(&Sample) -> f64| {
            let place = self.servers.iter().position(|one| *one == server)?;
            Some(of(&samples[place], figure))
        };
        let rate = |server| figure_of(server, |sample| sample.requests_per_second);
        let slowest = |server| figure_of(server, |sample| sample.slowest);
        let peers = self.servers.iter().filter(|server| server.is_peer());
        let best = peers.filter_map(|peer| rate(*peer)).reduce(f64::max);
        let ratio = |own: Option<f64>, theirs: Option<f64>| match (own, theirs) {
            (Some(own), Some(theirs)) => format!("{:.2}", own / theirs),
            _ => "—".into(),
        };
        row.push(ratio(rate(Server::Httpd), best));
        row.push(ratio(slowest(Server::Httpd), slowest(Server::Lighttpd)));
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

/// Writes the files that are downloaded.
pub fn add_files(site: &Site, cases: &[Case]) -> std::io::Result<()> {
    let wanted = |name: &str| cases.iter().any(|case| case.file == name);
    site.add_downloads(wanted)
}

const CONNECTIONS: [u32; 6] = [1, 5, 10, 50, 100, 300];

const EXPLANATION: &str = "Requests per second (slowest request, CPU time per request); httpd's requests per second ÷ \
                           the best peer's; its slowest request ÷ lighttpd's.";
