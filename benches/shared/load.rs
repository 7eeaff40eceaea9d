//! One run of wrk, and what all the processes of a server spent meanwhile.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::process::{self, Interrupt, Process};
use super::running::Running;

/// What a run showed beside what wrk counted.
pub struct Seen {
    pub said: String,
    /// CPU time of the server.
    pub spent: Duration,
    /// Memory of all the server's processes under load, what they share counted once.
    pub pss_bytes: f64,
}

/// wrk with one thread, so many connections and this script, which has to print what it counted; the
/// address is left to be added.
pub fn wrk(
    program: &Path,
    cpu: Option<usize>,
    connections: u32,
    duration: Duration,
    script: &Path,
) -> Command {
    let mut command = process::command(program, cpu);
    command
        .args(["--threads=1", "--timeout=10s", "--latency"])
        .arg(format!("--connections={connections}"))
        .arg(format!("--duration={}s", duration.as_secs()))
        .arg("--script")
        .arg(script);
    command
}

/// Runs wrk to its end, doing something in the middle; the server is left running.
pub fn run(
    mut wrk: Command,
    output: &Path,
    duration: Duration,
    server: &Running,
    interrupt: &Interrupt,
    midway: impl FnOnce(),
) -> Result<Seen, String> {
    let before = cpu_times(&server.tree());
    let started = File::create(output).and_then(|file| {
        wrk.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        Process::start(&mut wrk)
    });
    let mut wrk = started.map_err(|error| format!("wrk cannot be started: {error}"))?;
    // In the middle of the run all connections stand and all buffers are in use.
    interrupt.wait_for(duration / 2, || wrk.ended())?;
    let pss_bytes = memory_bytes(server);
    midway();
    interrupt.wait_for(duration + WRK_TIMEOUT, || wrk.ended())?.ok_or("wrk does not end")?;
    let spent = spent_since(&before, &cpu_times(&server.tree()));
    let said = fs::read_to_string(output).map_err(|error| error.to_string())?;
    Ok(Seen { said, spent, pss_bytes })
}

/// Memory of all processes of a server, what they share counted once.
pub fn memory_bytes(server: &Running) -> f64 {
    server.tree().into_iter().map(pss).sum()
}

impl Seen {
    /// The figures in the line that the script has printed behind `TALLY`.
    pub fn tally<const COUNT: usize>(&self) -> Result<[f64; COUNT], String> {
        let line = self.said.lines().find_map(|line| line.strip_prefix("TALLY "));
        let figures = line.unwrap_or_default().split(' ').filter_map(|figure| figure.parse().ok());
        let figures: Vec<f64> = figures.collect();
        let figures: Option<[f64; COUNT]> = figures.try_into().ok();
        let figures = figures.ok_or_else(|| format!("wrk said: {}", self.said.trim()))?;
        // The first are the requests.
        if figures[0] == 0.0 { Err("no request was answered".into()) } else { Ok(figures) }
    }
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
    let since = |(task, spent): (&PathBuf, &u64)| {
        spent.saturating_sub(before.get(task).copied().unwrap_or(0))
    };
    Duration::from_nanos(now.iter().map(since).sum())
}

/// Proportional set size, in bytes.
fn pss(id: u32) -> f64 {
    let rollup = fs::read_to_string(format!("/proc/{id}/smaps_rollup")).unwrap_or_default();
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or(0.0) * 1024.0
}

/// Beyond the length of the run.
const WRK_TIMEOUT: Duration = Duration::from_secs(20);
