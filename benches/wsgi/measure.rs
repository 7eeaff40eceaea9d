//! One run: wrk against one server, and what all the processes of the server spent meanwhile.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use crate::probe;
use crate::process::{self, Interrupt, Process};
use crate::servers::Running;
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
    let output = load.folder.join("wrk.out");
    let before = cpu_times(&server.tree());
    let mut wrk = start(load, server.port, &output)
        .map_err(|error| format!("wrk cannot be started: {error}"))?;
    // In the middle of the run all connections stand and all buffers are in use.
    interrupt.wait_for(load.duration / 2, || wrk.ended())?;
    let pss_bytes = server.tree().into_iter().map(pss).sum();
    let newcomer = probe::newcomer(load.work, server.port, load.duration / 3);
    interrupt.wait_for(load.duration + WRK_TIMEOUT, || wrk.ended())?.ok_or("wrk does not end")?;
    let spent = spent_since(&before, &cpu_times(&server.tree()));

    let said = fs::read_to_string(&output).map_err(|error| error.to_string())?;
    let figures = tally(&said).ok_or_else(|| format!("wrk said: {}", said.trim()))?;
    let [requests, microseconds, bytes, failures, p50, p99] = figures;
    if requests == 0.0 {
        return Err("no request was answered".into());
    }
    // Of answers that are too short, wrk knows the bytes only.
    let short = (requests - bytes / load.work.bytes() as f64).max(0.0).floor();
    Ok(Sample {
        requests_per_second: requests / microseconds * 1e6,
        cpu_per_request: spent.as_secs_f64() * 1e6 / requests,
        p50: p50 / 1e3,
        p99: p99 / 1e3,
        newcomer: newcomer.map_or(f64::INFINITY, |waited| waited.as_secs_f64() * 1e3),
        pss_bytes,
        errors: failures + short,
    })
}

fn start(load: &Load<'_>, port: u16, output: &Path) -> io::Result<Process> {
    let file = File::create(output)?;
    let mut command = process::command(load.wrk, load.cpu);
    command
        .args(["--threads=1", "--timeout=10s", "--latency"])
        .arg(format!("--connections={}", load.connections))
        .arg(format!("--duration={}s", load.duration.as_secs()))
        .arg(concat!("--script=", env!("CARGO_MANIFEST_DIR"), "/benches/wsgi/tell.lua"))
        .arg(format!("http://127.0.0.1:{port}{}", load.work.target()))
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file);
    Process::start(&mut command)
}

/// Requests, microseconds, bytes, failures, and the two percentiles in microseconds.
fn tally(said: &str) -> Option<[f64; 6]> {
    let line = said.lines().find_map(|line| line.strip_prefix("TALLY "))?;
    let figures: Vec<f64> = line.split(' ').filter_map(|figure| figure.parse().ok()).collect();
    figures.try_into().ok()
}

/// CPU time of each thread of some processes, in nanoseconds.
fn cpu_times(tree: &[u32]) -> BTreeMap<PathBuf, u64> {
    let tasks = tree.iter().flat_map(|id| fs::read_dir(format!("/proc/{id}/task")));
    let spent_by = |task: fs::DirEntry| {
        let file = task.path().join("schedstat");
        let spent = fs::read_to_string(&file).ok()?.split(' ').next()?.parse().ok()?;
        Some((file, spent))
    };
    tasks.flatten().flatten().filter_map(spent_by).collect()
}

/// What all threads spent, new ones included; what one spent that has ended meanwhile is lost.
fn spent_since(before: &BTreeMap<PathBuf, u64>, now: &BTreeMap<PathBuf, u64>) -> Duration {
    let of = |(task, spent): (&PathBuf, &u64)| spent - before.get(task).copied().unwrap_or(0);
    Duration::from_nanos(now.iter().map(of).sum())
}

/// Proportional set size, in bytes.
fn pss(id: u32) -> f64 {
    let rollup = fs::read_to_string(format!("/proc/{id}/smaps_rollup")).unwrap_or_default();
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or(0.0) * 1024.0
}

/// Beyond the length of the run.
const WRK_TIMEOUT: Duration = Duration::from_secs(20);
