//! Hostile requests of all kinds, many of them, beside a client that fetches a small file.
//!
//! `HTTPD_SOAK_REQUESTS` says how many; a soak worth the name has a million and a release build.
//!
//! Hostile clients, the client and the server share the CPUs, so that each waits for its turn to run. The kernel
//! counts how long (`schedstat`): what is left of a request's time without it is the server's own part.

use crate::support::{Client, Fixture, Program};
use std::collections::VecDeque;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How much longer the 99th percentile of the client may take, and what is allowed on top of it
/// because the kernel does not count all waiting: for memory, say.
const FACTOR_MAX: u32 = 2;
const ALLOWANCE: Duration = Duration::from_millis(5);

/// What the cache may hold, and what else the server may take: connections, buffers, and what the
/// allocator has not given back.
const CACHE_BYTES_MAX: u64 = 16 * 1024 * 1024;
const OTHER_BYTES_MAX: u64 = 24 * 1024 * 1024;
const TRIES: usize = 3;

#[test]
fn a_client_hardly_notices_mixed_hostile_requests_and_memory_stays_within_its_bounds() {
    let requests = std::env::var("HTTPD_SOAK_REQUESTS").map_or(30_000, |count| {
        count.parse().expect("HTTPD_SOAK_REQUESTS is a number of requests")
    });
    let fixture = Fixture::new().file("small.bin", "it").dir("directory");
    // One worker, which all of them share.
    let config = format!("workers = 1\n[cache]\nbytes_max = {CACHE_BYTES_MAX}\n");
    let program = Program::serve_with_config(&fixture.root(), &config);

    let mut hostile = Hostile::new(&program);
    hostile.round();
    let (at_first, _) = program.memory_bytes();
    let mut verdicts = String::new();
    // A verdict that holds is worth more than one that was unlucky: others use the machine, too.
    for _ in 0..TRIES {
        let (mut calm, mut disturbed) = (Vec::new(), Vec::new());
        let parts = 5;
        for _ in 0..parts {
            let until = Instant::now() + Duration::from_millis(300);
            calm.extend(fetch(&program, || Instant::now() < until));
            let goes_on = AtomicBool::new(true);
            disturbed.extend(thread::scope(|scope| {
                let client = scope.spawn(|| fetch(&program, || goes_on.load(Ordering::Relaxed)));
                let end = hostile.sent + requests / parts;
                while hostile.sent < end {
                    hostile.round();
                }
                goes_on.store(false, Ordering::Relaxed);
                client.join().expect("the client is served")
            }));
        }
        let sent = hostile.sent;
        let (at_last, most) = program.memory_bytes();
        let [calm_in_all, disturbed_in_all] =
            [&calm, &disturbed].map(|all| Percentiles::of(all, |it| it.in_all));
        let [calm, disturbed] = [&calm, &disturbed].map(|all| Percentiles::of(all, FetchTime::own));
        let megabytes = |bytes: u64| bytes as f64 / 1e6;
        let figures = format!(
            "{sent} hostile requests; in all: calm {calm_in_all}, disturbed {disturbed_in_all}; without \
             waiting for a CPU: calm {calm}, disturbed {disturbed}; memory {:.1} MB at first, {:.1} MB \
             at last, {:.1} MB at most",
            megabytes(at_first),
            megabytes(at_last),
            megabytes(most),
        );
        eprintln!("{figures}");
        assert!(most <= at_first + CACHE_BYTES_MAX + OTHER_BYTES_MAX, "{figures}");
        if disturbed.p99 <= calm.p99 * FACTOR_MAX + ALLOWANCE {
            return;
        }
        verdicts += &format!("\n{figures}");
    }
    panic!("{verdicts}");
}

/// How long a response took.
#[derive(Clone, Copy)]
struct FetchTime {
    in_all: Duration,
    /// How long the client or the server could run and did not, because others had the CPUs.
    without_cpu: Duration,
}

impl FetchTime {
    fn own(self) -> Duration {
        self.in_all.saturating_sub(self.without_cpu)
    }
}

/// Fetches the small file while it may.
fn fetch(program: &Program, goes_on: impl Fn() -> bool) -> Vec<FetchTime> {
    let mut client = program.connect();
    let threads = [worker(program), "/proc/thread-self/schedstat".to_owned()];
    let without_cpu = || threads.iter().map(|thread| time_without_cpu(thread)).sum::<Duration>();
    let mut times = Vec::new();
    while goes_on() {
        let waited = without_cpu();
        let before = Instant::now();
        client.send("GET /small.bin HTTP/1.1\r\nHost: test\r\n\r\n");
        let reply = client.reply();
        let in_all = before.elapsed();
        times.push(FetchTime { in_all, without_cpu: without_cpu() - waited });
        assert_eq!(reply.status, 200);
        // At a pace of its own: the server is not to be kept busy by this one.
        thread::sleep(Duration::from_micros(500));
    }
    times
}

/// What the kernel counts of the one worker.
fn worker(program: &Program) -> String {
    let tasks = fs::read_dir(program.serving().path("task")).expect("it is running");
    let tasks = tasks.map(|task| task.expect("it can be read").path());
    let is_worker = |task: &std::path::PathBuf| {
        fs::read_to_string(task.join("comm")).is_ok_and(|name| name.starts_with("worker"))
    };
    let mut workers = tasks.filter(is_worker);
    let only = workers.next().expect("a worker runs").join("schedstat");
    assert!(workers.next().is_none(), "there is one worker");
    only.to_str().expect("it is a number").to_owned()
}

/// How long a thread has waited for a CPU so far.
fn time_without_cpu(schedstat: &str) -> Duration {
    let text = fs::read_to_string(schedstat).expect("the kernel counts it");
    let nanoseconds = text.split(' ').nth(1).expect("it is the second number");
    Duration::from_nanos(nanoseconds.parse().expect("it is a number"))
}

struct Percentiles {
    p50: Duration,
    p99: Duration,
    max: Duration,
    count: usize,
}

impl Percentiles {
    fn of(times: &[FetchTime], part: impl Fn(FetchTime) -> Duration) -> Percentiles {
        let mut times: Vec<Duration> = times.iter().map(|&time| part(time)).collect();
        times.sort_unstable();
        let at = |percent: usize| times[(times.len() - 1) * percent / 100];
        Percentiles { p50: at(50), p99: at(99), max: at(100), count: times.len() }
    }
}

impl std::fmt::Display for Percentiles {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Percentiles { p50, p99, max, count } = self;
        write!(formatter, "p50 {p50:.2?}, p99 {p99:.2?}, max {max:.2?} of {count}")
    }
}

/// A client that means harm.
struct Hostile<'a> {
    program: &'a Program,
    steady: Client,
    /// Connections that have begun a request and say no more.
    stopped: VecDeque<Client>,
    number: u64,
    sent: usize,
}

impl<'a> Hostile<'a> {
    fn new(program: &'a Program) -> Hostile<'a> {
        let steady = program.connect();
        Hostile { program, steady, stopped: VecDeque::new(), number: 0, sent: 0 }
    }

    /// A hundred requests.
    fn round(&mut self) {
        for length in [3_900, 7_900, 500, 2_000, 7_900] {
            let number = self.next();
            self.ask(&format!("/{number}/{}", "a/".repeat(length / 2)));
            self.ask(&format!("/{number}{}", "n".repeat(length)));
        }
        for _ in 0..15 {
            let number = self.next();
            self.ask(&format!("/no/such/directory/{number}"));
        }
        for _ in 0..10 {
            let number = self.next();
            self.ask(&format!("/directory/{number}{}", "n".repeat(200)));
        }
        self.pipeline(59);
        for _ in 0..3 {
            self.begin_and_stop();
            self.ask_and_leave();
        }
    }

    fn next(&mut self) -> u64 {
        self.number += 1;
        self.number.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    fn ask(&mut self, target: &str) {
        self.steady.send(format!("GET {target} HTTP/1.1\r\nHost: test\r\n\r\n"));
        self.steady.reply().expect(404);
        self.sent += 1;
    }

    /// Many requests at once, of which none is missing.
    fn pipeline(&mut self, count: usize) {
        let mut batch = String::new();
        for _ in 0..count {
            let number = self.next();
            batch += &format!("GET /no/{number} HTTP/1.1\r\nHost: test\r\n\r\n");
        }
        self.steady.send(batch);
        for _ in 0..count {
            self.steady.reply().expect(404);
        }
        self.sent += count;
    }

    /// Announces content and sends none of it.
    fn begin_and_stop(&mut self) {
        let mut client = self.program.connect();
        client.send("POST /x HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n");
        self.stopped.push_back(client);
        if self.stopped.len() > STOPPED_MAX {
            self.stopped.pop_front();
        }
        self.sent += 1;
    }

    fn ask_and_leave(&mut self) {
        let mut client = self.program.connect();
        client.send("GET /small.bin HTTP/1.1\r\nHost: test\r\n\r\n");
        self.sent += 1;
    }
}

const STOPPED_MAX: usize = 300;
