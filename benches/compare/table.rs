//! What is shown: one table per kind of work and one that sums up, for a terminal and as Markdown.

use std::fmt::Write as _;

use crate::grid::{Grid, digits};
use crate::measure::Sample;
use crate::servers::Server;
use crate::shared::figures::{median, spread_percent};

use crate::work::Work;

/// What all runs of one server on one kind of work showed: medians, and errors in all.
pub struct Standing {
    server: Server,
    sample: Sample,
    /// Of CPU time per request, between the runs: (largest - smallest) / 2, in percent of the median.
    spread: f64,
}

/// Everything that was measured.
pub struct Report {
    machine: String,
    servers: Vec<Server>,
    missing: Vec<Server>,
    results: Vec<(Work, Vec<Standing>, Vec<String>)>,
}

impl Standing {
    /// `None` if no run succeeded.
    pub fn of(server: Server, samples: &[Sample]) -> Option<Standing> {
        if samples.is_empty() {
            return None;
        }
        let of = |figure: fn(&Sample) -> f64| median(samples.iter().map(figure));
        let sample = Sample {
            requests_per_second: of(|sample| sample.requests_per_second),
            cpu_per_request: of(|sample| sample.cpu_per_request),
            p50: of(|sample| sample.p50),
            p99: of(|sample| sample.p99),
            slowest: of(|sample| sample.slowest),
            pss_bytes: of(|sample| sample.pss_bytes),
            errors: samples.iter().map(|sample| sample.errors).sum(),
        };
        let spread = spread_percent(samples.iter().map(|sample| sample.cpu_per_request));
        Some(Standing { server, sample, spread })
    }
}

impl Report {
    pub fn new(machine: String, servers: &[Server], missing: Vec<Server>) -> Report {
        Report { machine, servers: servers.to_vec(), missing, results: Vec::new() }
    }

    pub fn add(&mut self, work: Work, standings: Vec<Standing>, problems: Vec<String>) {
        self.results.push((work, standings, problems));
    }

    /// The machine, who takes part, and who could.
    pub fn preamble(&self) -> String {
        let mut text = format!("{}\n", self.machine);
        let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        if load
            .split(' ')
            .next()
            .and_then(|load| load.parse::<f64>().ok())
            .is_some_and(|load| load > 0.3)
        {
            let _ = writeln!(
                text,
                "this machine is busy (load {}): the figures will be noisy",
                load.trim()
            );
        }
        for server in &self.missing {
            let _ = writeln!(text, "{} is missing: {}", server.name(), server.install_hint());
        }
        text
    }

    /// The table of the last kind of work that was added.
    pub fn last_text(&self) -> String {
        let Some((work, standings, problems)) = self.results.last() else {
            return String::new();
        };
        format!(
            "\n{work}\n{}{}",
            details(standings).text(),
            problems.iter().map(|line| format!("! {line}\n")).collect::<String>()
        )
    }

    pub fn summary_text(&self) -> String {
        format!("\nCPU µs per request (thousand requests per second)\n{}", self.summary().text())
    }

    pub fn markdown(&self) -> String {
        let mut text = format!("{}.\n\n", self.machine);
        let versions: Vec<String> = self
            .servers
            .iter()
            .map(|server| server.version())
            .filter(|version| !version.is_empty())
            .collect();
        let mut distinct = versions;
        distinct.dedup();
        let _ = writeln!(text, "{}.\n", distinct.join("; "));
        let _ = writeln!(
            text,
            "CPU µs per request (thousand requests per second):\n\n{}",
            self.summary().markdown()
        );
        for (work, standings, problems) in &self.results {
            let _ = writeln!(text, "\n### {work}\n\n{}", details(standings).markdown());
            for problem in problems {
                let _ = writeln!(text, "- {problem}");
            }
        }
        text
    }

    fn summary(&self) -> Grid {
        let header = std::iter::once("work").chain(self.servers.iter().map(|server| server.name()));
        let mut grid = Grid::new(header);
        for (work, standings, _) in &self.results {
            let figures = self.servers.iter().map(|server| {
                let standing = standings.iter().find(|standing| standing.server == *server);
                standing.map_or("—".into(), |Standing { sample, .. }| {
                    format!(
                        "{} ({})",
                        digits(sample.cpu_per_request),
                        digits(sample.requests_per_second / 1e3)
                    )
                })
            });
            grid.rows.push(std::iter::once(work.to_string()).chain(figures).collect());
        }
        grid
    }
}

fn details(standings: &[Standing]) -> Grid {
    let mut grid = Grid::new([
        "server",
        "req/s",
        "÷ peer",
        "÷ limit",
        "CPU µs",
        "±",
        "÷ peer",
        "÷ limit",
        "p50 ms",
        "p99 ms",
        "slowest ms",
        "PSS MB",
        "errors",
    ]);
    let peers = || standings.iter().filter(|standing| standing.server.is_peer());
    let peer_rate = peers().map(|peer| peer.sample.requests_per_second).reduce(f64::max);
    let peer_cpu = peers().map(|peer| peer.sample.cpu_per_request).reduce(f64::min);
    let limit = standings
        .iter()
        .find(|standing| standing.server == Server::Limit)
        .map(|standing| &standing.sample);
    for Standing { server, sample, spread } in standings {
        let to = |own: f64, theirs: Option<f64>| {
            theirs.map_or("—".into(), |theirs| format!("{:.2}", own / theirs))
        };
        grid.rows.push(vec![
            server.name().into(),
            format!("{:.0}", sample.requests_per_second),
            to(sample.requests_per_second, peer_rate),
            to(sample.requests_per_second, limit.map(|limit| limit.requests_per_second)),
            digits(sample.cpu_per_request),
            format!("{spread:.0}%"),
            to(sample.cpu_per_request, peer_cpu),
            to(sample.cpu_per_request, limit.map(|limit| limit.cpu_per_request)),
            milliseconds(sample.p50),
            milliseconds(sample.p99),
            milliseconds(sample.slowest),
            format!("{:.1}", sample.pss_bytes / 1e6),
            format!("{:.0}", sample.errors),
        ]);
    }
    grid
}

fn milliseconds(figure: f64) -> String {
    if figure.is_nan() { "—".into() } else { format!("{figure:.2}") }
}
