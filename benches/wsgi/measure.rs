//! One run: wrk against one server, what that spent meanwhile, and how a newcomer fares.

use std::path::Path;
use std::time::Duration;

use crate::probe;
use crate::shared::load;
use crate::shared::process::Interrupt;
use crate::shared::running::Running;
use crate::work::Work;

/// What wrk is told.
pub struct Load<'a> {
    pub wrk: &'a Path,
    /// For what it says.
    pub folder: &'a Path,
    pub work: Work,
    pub connections: u32,
    pub duration: Duration,
    pub cpu: Option<usize>,
}

/// What one run showed.
#[derive(Clone, Debug)]
pub struct Sample {
    pub requests_per_second: f64,
    /// CPU time of the server and its Python, in microseconds.
    pub cpu_per_request: f64,
    /// Milliseconds in which half of the requests were answered.
    pub p50: f64,
    pub p99: f64,
    /// Milliseconds that a client waits who comes in the middle of the run; infinite when it is not
    /// answered before the end. wrk does not see whom a server lets wait for good.
    pub newcomer: f64,
    /// Memory of all the server's processes under load, what they share counted once.
    pub pss_bytes: f64,
    /// Requests without the right answer.
    pub errors: f64,
}

/// One run of wrk; the server is left running.
pub fn run(load: &Load<'_>, server: &Running, interrupt: &Interrupt) -> Result<Sample, String> {
    let Load { work, duration, .. } = *load;
    let mut wrk = load::wrk(load.wrk, load.cpu, load.connections, duration, Path::new(TELL));
    wrk.arg(format!("http://127.0.0.1:{}{}", server.port, work.target()));
    let output = load.folder.join("wrk.out");
    let mut newcomer = None;
    let seen = load::run(wrk, &output, duration, server, interrupt, || {
        newcomer = probe::newcomer(work, server.port, duration / 3);
    })?;
    let [requests, microseconds, bytes, failures, p50, p99] = seen.tally()?;
    // Of answers that are too short, wrk knows the bytes only.
    let short = (requests - bytes / work.bytes() as f64).max(0.0).floor();
    Ok(Sample {
        requests_per_second: requests / microseconds * 1e6,
        cpu_per_request: seen.spent.as_secs_f64() * 1e6 / requests,
        p50: p50 / 1e3,
        p99: p99 / 1e3,
        newcomer: newcomer.map_or(f64::INFINITY, |waited| waited.as_secs_f64() * 1e3),
        pss_bytes: seen.pss_bytes,
        errors: failures + short,
    })
}

/// Requests, microseconds, bytes, failures, and the two percentiles in microseconds.
const TELL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/wsgi/tell.lua");
