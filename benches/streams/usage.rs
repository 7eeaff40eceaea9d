//! What processes have used so far, as the kernel says.

use std::fs;
use std::time::Duration;

use rustix::thread::{CpuSet, sched_setaffinity};

/// Memory and CPU time of some processes.
pub struct Usage {
    /// Resident memory that is not a file's.
    pub bytes: f64,
    pub cpu: Duration,
    pub threads: usize,
}

impl Usage {
    /// What these processes have used.
    pub fn of(tree: &[u32]) -> Usage {
        let mut usage = Usage { bytes: 0.0, cpu: Duration::ZERO, threads: 0 };
        for id in tree {
            let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
            let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
            let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
            usage.bytes += kilobytes.unwrap_or(0.0) * 1024.0;
            for task in fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten() {
                let spent = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
                let nanos = spent.split(' ').next().and_then(|nanos| nanos.parse().ok());
                usage.cpu += Duration::from_nanos(nanos.unwrap_or(0));
                usage.threads += 1;
            }
        }
        usage
    }

    /// The memory, as it is shown.
    pub fn megabytes(&self) -> f64 {
        self.bytes / 1e6
    }
}

/// Keeps this thread, and those that it starts, on one CPU.
pub fn stay_on(cpu: usize) {
    let mut set = CpuSet::new();
    set.set(cpu);
    // Without it the figures only scatter more.
    let _ = sched_setaffinity(None, &set);
}
