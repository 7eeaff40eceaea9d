//! What is asked for on the command line.

use std::path::PathBuf;

use clap::Parser;

use crate::downloads::Downloads;
use crate::secure::Secure;
use crate::servers::Server;
use crate::shared::runs::Runs;
use crate::work::Work;

/// Measures httpd beside its peers and beside the physical limit.
#[derive(Parser)]
#[command(name = "compare", bin_name = "cargo bench --bench compare --")]
pub struct Options {
    #[command(flatten)]
    pub runs: Runs,

    #[command(flatten)]
    pub downloads: Downloads,

    #[command(flatten)]
    pub secure: Secure,

    /// Only these kinds of work
    #[arg(long, value_delimiter = ',', value_name = "WORK")]
    only: Vec<Work>,

    /// Only these servers
    #[arg(long, value_delimiter = ',', value_name = "SERVER")]
    servers: Vec<Server>,

    /// Another build of httpd to measure beside this one, for before and after
    #[arg(long, value_name = "PROGRAM")]
    pub baseline: Option<PathBuf>,
}

impl Options {
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

    /// How long so many kinds of work will take, roughly.
    pub fn minutes(&self, works: usize, servers: usize) -> u64 {
        let runs = works as u64 * servers as u64 * u64::from(self.runs.rounds());
        (runs * self.runs.duration().as_secs() * 11 / 10).div_ceil(60)
    }
}
