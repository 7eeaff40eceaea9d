//! The real worker in a simulated world: its turns, timers, mailbox, accepting, connections of HTTP/1 and HTTP/2,
//! exchanges and jobs, with sockets, threads and a clock that one seed moves.
//!
//! Threads that read a body while it arrives, or produce one, are coroutines (`threads.rs`).
//!
//! An application's processes are played over the real sockets (`application.rs`), and calls of the disk fail where the
//! seed says so (`ground.rs`).
//!
//! A client never gets a byte that is wrong, no deadline is overrun, nothing is left at the end, and who is honest gets
//! all that it has asked for, across changes of files and reloads; what the disk or an application has failed, fails
//! visibly. A failing run prints its seed:
//! `HTTPD_SIMULATION_SEED=<seed> cargo test simulation` plays it again, the same to the last byte: what of the files is in
//! memory is the seed's decision, too. `HTTPD_SIMULATION_RUNS=1000000 cargo test --profile simulation --lib simulation`
//! plays as many as one likes, from that seed on.

mod application;
mod ask;
mod client;
mod content;
mod ground;
mod handlers;
mod http1;
mod http2;
mod kernel;
mod reply;
mod socket;
mod stream;
mod threads;
mod truth;
mod world;

use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::SystemTime;
use truth::Truth;
use world::World;

#[test]
fn a_worker_serves_honest_clients_whatever_happens_around_them() {
    let seeds = seeds();
    let next = AtomicU64::new(seeds.start);
    let failed = Mutex::new(Vec::new());
    let lives = || {
        let mut ground = Truth::ground();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return;
            }
            if catch_unwind(AssertUnwindSafe(|| World::new(seed, &ground).lives())).is_err() {
                eprintln!("HTTPD_SIMULATION_SEED={seed} plays this again");
                ground = Truth::ground();
                let mut failed = failed.lock().expect("nothing panics here");
                failed.push(seed);
                if failed.len() >= FAILED_MAX {
                    next.store(seeds.end, Ordering::Relaxed);
                }
            }
        }
    };
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(lives);
        }
    });
    let failed = failed.into_inner().expect("nothing panics there");
    assert!(failed.is_empty(), "of {seeds:?}, these seeds fail: {failed:?}");
}

#[cfg(feature = "content-tags")]
#[test]
fn a_seed_plays_the_same_again() {
    let mut ground = Truth::ground();
    for seed in 0..AGAIN {
        let first = World::new(seed, &ground).lives();
        ground = Truth::ground();
        assert_eq!(World::new(seed, &ground).lives(), first, "seed {seed}");
    }
}

fn seeds() -> std::ops::Range<u64> {
    let number = |name: &str| std::env::var(name).ok().map(|it| it.parse().expect(name));
    let runs = number("HTTPD_SIMULATION_RUNS");
    if let Some(seed) = number("HTTPD_SIMULATION_SEED") {
        return seed..seed + runs.unwrap_or(1);
    }
    let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let first = time.map_or(0, |time| time.as_micros() as u64);
    first..first + runs.unwrap_or(RUNS)
}

/// Some seconds' worth.
const RUNS: u64 = 400;

#[cfg(feature = "content-tags")]
const AGAIN: u64 = 20;

/// So many seeds that fail say enough.
const FAILED_MAX: usize = 16;
