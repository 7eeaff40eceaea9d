//! One run: wrk against one server, and what the server spent meanwhile.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::shared::load;
use crate::shared::process::Interrupt;
use crate::shared::running::Running;
use crate::site::Site;
use crate::work::{Expected, Work};

/// What wrk is told.
pub struct Load {
    pub wrk: PathBuf,
    pub script: PathBuf,
    pub url: String,
    pub headers: Vec<String>,
    pub connections: u32,
    pub pipelined: usize,
    pub duration: Duration,
    pub expected: Expected,
    pub cpu: Option<usize>,
}

/// What one run showed.
#[derive(Clone, Debug)]
pub struct Sample {
    pub requests_per_second: f64,
    /// The server's CPU time, in microseconds.
    pub cpu_per_request: f64,
    /// Milliseconds in which half of the requests were answered; not a number where wrk cannot tell.
    pub p50: f64,
    pub p99: f64,
    /// The longest that any request took.
    pub slowest: f64,
    /// Memory of all the server's processes under load, what they share counted once.
    pub pss_bytes: f64,
    /// Requests without the right answer.
    pub errors: f64,
}

/// One run of wrk; the server is left running.
pub fn run(load: &Load, server: &Running, interrupt: &Interrupt) -> Result<Sample, String> {
    let mut wrk = load::wrk(&load.wrk, load.cpu, load.connections, load.duration, &load.script);
    for header in &load.headers {
        wrk.arg("--header").arg(header);
    }
    wrk.arg(&load.url);
    let output = load.script.with_extension("out");
    let seen = load::run(wrk, &output, load.duration, server, interrupt, || {})?;
    let tally = Tally::of(seen.tally()?);
    Ok(Sample {
        requests_per_second: tally.requests / tally.seconds,
        cpu_per_request: seen.spent.as_secs_f64() * 1e6 / tally.requests,
        p50: milliseconds(tally.p50, load.pipelined),
        p99: milliseconds(tally.p99, load.pipelined),
        slowest: milliseconds(tally.slowest, load.pipelined),
        pss_bytes: seen.pss_bytes,
        errors: tally.errors(load.expected),
    })
}

/// The script by which wrk sends this work's requests and tells its figures.
pub fn write_script(work: Work, site: &Site, folder: &Path) -> io::Result<PathBuf> {
    let mut script = String::from(TELL);
    if work.pipelined() > 1 {
        let _ = write!(script, "local depth = {}\n{PIPELINED}", work.pipelined());
    }
    if work == Work::ManyFiles {
        let targets: Vec<String> =
            site.targets.iter().map(|target| format!("\"{target}\"")).collect();
        // Lua counts from one.
        let requests: Vec<String> =
            site.requests.iter().map(|rank| (rank + 1).to_string()).collect();
        let _ = write!(
            script,
            "local targets = {{{}}}\nlocal ranks = {{{}}}\n{MANY_FILES}",
            targets.join(","),
            requests.join(",")
        );
    }
    let path = folder.join("wrk.lua");
    fs::write(&path, script)?;
    Ok(path)
}

/// What wrk counted.
struct Tally {
    requests: f64,
    seconds: f64,
    bytes: f64,
    /// Connections refused or broken, and answers that did not come in time.
    failures: f64,
    /// Answers with a status of 400 or more.
    refusals: f64,
    p50: f64,
    p99: f64,
    slowest: f64,
}

impl Tally {
    /// As the script tells it.
    fn of(figures: [f64; 8]) -> Tally {
        let [requests, microseconds, bytes, failures, refusals, p50, p99, slowest] = figures;
        let seconds = microseconds / 1e6;
        Tally { requests, seconds, bytes, failures, refusals, p50, p99, slowest }
    }

    fn errors(&self, expected: Expected) -> f64 {
        let wrong =
            if expected.status >= 400 { self.requests - self.refusals } else { self.refusals };
        // The bytes of answers that were cut off by the end of the run are counted too, never too few.
        let right_bytes = self.requests * expected.body_bytes_min as f64;
        let short = if self.bytes < right_bytes {
            self.requests - self.bytes / (right_bytes / self.requests)
        } else {
            0.0
        };
        self.failures + wrong.max(0.0) + short.floor()
    }
}

/// wrk corrects its latencies by the time between two answers; it takes each of a pipelined batch for an answer to
/// a request of its own, and what then comes out means nothing.
fn milliseconds(microseconds: f64, pipelined: usize) -> f64 {
    if pipelined > 1 || microseconds == 0.0 { f64::NAN } else { microseconds / 1e3 }
}

const TELL: &str = r#"
done = function(summary, latency, requests)
   local errors = summary.errors
   io.write(string.format("TALLY %d %d %d %d %d %d %d %d\n", summary.requests, summary.duration, summary.bytes,
      errors.connect + errors.read + errors.write + errors.timeout, errors.status,
      latency:percentile(50), latency:percentile(99), latency.max))
end
"#;

const PIPELINED: &str = r"
local batch
init = function(args)
   local requests = {}
   for place = 1, depth do requests[place] = wrk.format() end
   batch = table.concat(requests)
end
request = function() return batch end
";

const MANY_FILES: &str = r#"
local requests, place = {}, 0
init = function(args)
   for rank, target in ipairs(targets) do requests[rank] = wrk.format("GET", target) end
end
request = function()
   place = place % #ranks + 1
   return requests[ranks[place]]
end
"#;
