//! The real worker in a simulated world: its turns, timers, mailbox, accepting, connections of HTTP/1 and HTTP/2,
//! exchanges and jobs, with sockets, threads and a clock that one seed moves.
//!
//! Handlers that read a body while it arrives have no part in it: they wait in a thread, which nobody moves here.
//!
//! A client never gets a byte that is wrong, no deadline is overrun, nothing is left at the end, and who is honest gets
//! all that it has asked for, across changes of files and reloads. A failing run prints its seed:
//! `HTTPD_SIMULATION_SEED=<seed> cargo test simulation` plays it again, and `HTTPD_SIMULATION_RUNS=<count>` plays more
//! of them.

mod client;
mod http1;
mod http2;
mod kernel;
mod reply;
mod socket;
mod truth;
mod world;

use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::SystemTime;
use world::World;

#[test]
fn a_worker_serves_honest_clients_whatever_happens_around_them() {
    let seeds = seeds();
    let next = AtomicU64::new(seeds.start);
    let lives = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return;
            }
            let lived = catch_unwind(AssertUnwindSafe(|| World::new(seed).lives()));
            if let Err(panic) = lived {
                eprintln!("HTTPD_SIMULATION_SEED={seed} plays this again");
                next.store(seeds.end, Ordering::Relaxed);
                resume_unwind(panic);
            }
        }
    };
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(lives);
        }
    });
}

fn seeds() -> std::ops::Range<u64> {
    let number = |name: &str| std::env::var(name).ok().map(|it| it.parse().expect(name));
    if let Some(seed) = number("HTTPD_SIMULATION_SEED") {
        return seed..seed + 1;
    }
    let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let first = time.map_or(0, |time| time.as_micros() as u64);
    first..first + number("HTTPD_SIMULATION_RUNS").unwrap_or(RUNS)
}

/// Some seconds' worth.
const RUNS: u64 = 400;
