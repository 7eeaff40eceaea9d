//! What is asked for.

use std::path::PathBuf;

use clap::Parser;

use crate::servers::Server;
use crate::work::Work;

/// Measures Python applications behind httpd and its peers, one after the other, on this machine
#[derive(Parser)]
#[command(name = "wsgi", bin_name = "cargo bench --bench wsgi --")]
pub struct Options {
    /// A first impression: fewer and shorter runs
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

    /// Connections that wrk keeps busy
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub connections: u32,

    /// Also write the tables to this file
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
    pub fn works(&self) -> impl Iterator<Item = Work> {
        Work::ALL.into_iter().filter(|work| self.only.is_empty() || self.only.contains(work))
    }

    /// The servers to measure, in the order of the tables.
    pub fn servers(&self) -> impl Iterator<Item = Server> {
        let wanted = |server: &Server| self.servers.is_empty() || self.servers.contains(server);
        Server::ALL.into_iter().filter(wanted)
    }
}
