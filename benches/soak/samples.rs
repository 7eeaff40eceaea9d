//! What the program uses, measured while its clients rest.

use crate::pace::tree;
use crate::support::process::Process;
use crate::world::World;
use std::fmt;
use std::fs;
use std::time::Duration;

/// What all processes use together.
#[derive(Clone, Debug)]
pub struct Sample {
    pub at: Duration,
    /// Memory of the supervisor, of what serves, and of applications.
    memory: [f64; 3],
    /// Without those of connections.
    descriptors: usize,
    connections: usize,
    watches: usize,
    /// Without those of pools.
    threads: usize,
    /// As many as had jobs at once lately; the bounds of the pools bound them.
    pool_threads: usize,
    pub supervisor_descriptors: usize,
}

impl Sample {
    pub fn take(world: &World, at: Duration) -> Sample {
        let supervisor = world.process();
        let serving = supervisor.serving();
        let mut sample = Sample {
            at,
            memory: [0.0; 3],
            descriptors: 0,
            connections: 0,
            watches: 0,
            threads: 0,
            pool_threads: 0,
            supervisor_descriptors: open(supervisor),
        };
        for process in tree(supervisor) {
            let role = match process {
                it if it == supervisor => 0,
                it if serving.contains(&it) => 1,
                _ => 2,
            };
            let (_, connections) = process.listeners_and_connections();
            sample.memory[role] += own_bytes(process);
            sample.descriptors += open(process).saturating_sub(connections);
            sample.connections += connections;
            sample.watches += watches(process);
            let (of_pools, others) = threads(process);
            sample.threads += others;
            sample.pool_threads += of_pools;
        }
        sample
    }

    fn memory(&self) -> f64 {
        self.memory.iter().sum()
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [supervisor, serving, applications] = self.memory.map(|bytes| bytes / 1e6);
        let Sample { descriptors, connections, watches, threads, pool_threads, .. } = self;
        write!(
            formatter,
            "{:.2} MB (supervisor {supervisor:.2}, serving {serving:.2}, applications {applications:.2}), \
             {descriptors} descriptors, {connections} connections, {watches} watches, {threads} threads and {pool_threads} of pools",
            self.memory() / 1e6
        )
    }
}

/// How something has changed from the first third of the samples to the last.
pub struct Growth {
    name: &'static str,
    first: f64,
    last: f64,
    count: usize,
}

impl Growth {
    pub fn of(samples: &[&Sample]) -> Vec<Growth> {
        let third = samples.len().div_ceil(3);
        let growth = |name, value: fn(&Sample) -> f64| {
            let of = |part: &[&Sample]| median(part.iter().map(|it| value(it)).collect());
            let (first, last) = (&samples[..third], &samples[samples.len() - third..]);
            Growth { name, first: of(first), last: of(last), count: samples.len() }
        };
        vec![
            growth("memory, MB", |it| it.memory() / 1e6),
            growth("memory of the supervisor, MB", |it| it.memory[0] / 1e6),
            growth("memory of what serves, MB", |it| it.memory[1] / 1e6),
            growth("memory of applications, MB", |it| it.memory[2] / 1e6),
            growth("descriptors", |it| it.descriptors as f64),
            growth("inotify watches", |it| it.watches as f64),
            growth("threads", |it| it.threads as f64),
            growth("threads of pools", |it| it.pool_threads as f64),
        ]
    }

    fn percent(&self) -> f64 {
        if self.first == self.last { 0.0 } else { (self.last / self.first - 1.0) * 100.0 }
    }

    /// That it is too much.
    pub fn problem(&self, percent_max: f64) -> Option<String> {
        if self.count < SAMPLES_MIN {
            let message = format!("{} samples are too few to judge {}", self.count, self.name);
            return (self.name == "descriptors").then_some(message);
        }
        // The parts of the memory are shown to say which of them it is; threads of pools follow what there is to do.
        let is_judged = !self.name.contains(" of ");
        (is_judged && self.percent() > percent_max).then(|| self.to_string())
    }
}

impl fmt::Display for Growth {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Growth { name, first, last, count } = self;
        let percent = self.percent();
        write!(formatter, "{name:29} {first:9.2} to {last:9.2}: {percent:+.2} % ({count} samples)")
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Memory of a process that is not that of files: it is given back only by the process itself, and does not depend on what
/// others on the machine run, as the share of a library does. What several processes have is counted once (PSS).
fn own_bytes(process: Process) -> f64 {
    let rollup = fs::read_to_string(process.path("smaps_rollup")).unwrap_or_default();
    let own = |line: &str| {
        let (name, amount) = line.split_once(':')?;
        let is_own = ["Pss_Anon", "Pss_Shmem"].contains(&name);
        is_own.then(|| amount.trim().trim_end_matches(" kB").parse::<f64>().ok())?
    };
    rollup.lines().filter_map(own).sum::<f64>() * 1024.0
}

fn open(process: Process) -> usize {
    entries(&process.path("fd"))
}

fn entries(path: &str) -> usize {
    fs::read_dir(path).map_or(0, Iterator::count)
}

/// How many threads of pools it has, and how many others.
fn threads(process: Process) -> (usize, usize) {
    let tasks = fs::read_dir(process.path("task")).into_iter().flatten().flatten();
    let name = |task: fs::DirEntry| fs::read_to_string(task.path().join("comm")).ok();
    let (of_pools, others): (Vec<_>, Vec<_>) =
        tasks.filter_map(name).partition(|name| POOLS.iter().any(|pool| name.starts_with(pool)));
    (of_pools.len(), others.len())
}

/// What the threads of pools are called.
const POOLS: [&str; 4] = ["disk", "handler", "status", "encoder"];

/// proc(5) has a line for each watch of a descriptor of inotify.
fn watches(process: Process) -> usize {
    let files = fs::read_dir(process.path("fdinfo")).into_iter().flatten().flatten();
    let lines = files.filter_map(|file| fs::read_to_string(file.path()).ok());
    lines.map(|text| text.lines().filter(|line| line.starts_with("inotify ")).count()).sum()
}

/// With fewer, a median says nothing.
const SAMPLES_MIN: usize = 6;
