//! What is asked for.

use clap::Parser;

use crate::servers::Server;
use crate::shared::runs::Runs;
use crate::work::Work;

/// Measures Python applications behind httpd and its peers, one after the other, on this machine
#[derive(Parser)]
#[command(name = "wsgi", bin_name = "cargo bench --bench wsgi --")]
pub struct Options {
    #[command(flatten)]
    pub runs: Runs,

    /// Only these kinds of work
    #[arg(long, value_delimiter = ',', value_name = "WORK")]
    only: Vec<Work>,

    /// Only these servers
    #[arg(long, value_delimiter = ',', value_name = "SERVER")]
    servers: Vec<Server>,

    /// Connections that wrk keeps busy
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub connections: u32,
}

impl Options {
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
