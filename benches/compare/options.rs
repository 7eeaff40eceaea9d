//! What is asked for on the command line.

use std::path::PathBuf;

use clap::Parser;

use crate::servers::Server;
use crate::work::Work;

/// Measures httpd beside its peers and beside the physical limit.
#[derive(Parser)]
#[command(name = "compare", bin_name = "cargo bench --bench compare --")]
pub struct Options {
    /// Shorter runs and fewer rounds: a first impression
    #[arg(long)]
    quick: bool,

    /// Only these kinds of work
    #[arg(long, value_delimiter = ',', value_name = "WORK")]
    only: Vec<Work>,

    /// Only these servers
    #[arg(long, value_delimiter = ',', value_name = "SERVER")]
    servers: Vec<Server>,

    /// How many times each server is measured on each kind of work [default: 5, or 3 with --quick]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: Option<u32>,

    /// Length of one run, in seconds [default: 5, or 2 with --quick]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: Option<u64>,

    /// Another build of httpd to measure beside this one, for before and after
    #[arg(long, value_name = "PROGRAM")]
    pub baseline: Option<PathBuf>,

    /// Also write the tables to this file, as Markdown
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,

    #[arg(long, hide = true)]
    bench: bool,

    #[arg(long, hide = true)]
    test: bool,
}

impl Options {
    /// Whether Cargo runs this as a test and not as a benchmark.
    pub fn is_test(&self) -> bool {
        self.test || !self.bench
    }

    pub fn rounds(&self) -> u32 {
        self.rounds.unwrap_or(if self.quick { 3 } else { 5 })
    }

    pub fn seconds(&self) -> u64 {
        self.seconds.unwrap_or(if self.quick { 2 } else { 5 })
    }

    /// The kinds of work to measure, in the order of the tables.
    pub fn works(&self) -> Vec<Work> {
        Work::ALL
            .into_iter()
            .filter(|work| self.only.is_empty() || self.only.contains(work))
            .collect()
    }

    /// The servers to measure, and those that would be if they were installed.
    pub fn servers(&self) -> (Vec<Server>, Vec<Server>) {
        Server::ALL
            .into_iter()
            .filter(|server| self.servers.is_empty() || self.servers.contains(server))
            .filter(|server| *server != Server::Baseline || self.baseline.is_some())
            .partition(|server| server.is_installed(self.baseline.as_deref()))
    }

    /// How long it will take, roughly.
    pub fn minutes(&self, servers: usize) -> u64 {
        let runs = self.works().len() as u64 * servers as u64 * u64::from(self.rounds());
        (runs * self.seconds() * 11 / 10).div_ceil(60)
    }
}
