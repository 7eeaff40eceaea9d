//! A soak: the real program under mixed traffic and faults, for as long as one says. Clients count every request that
//! fails, and what the program uses is measured while the clients rest.
//!
//! ```sh
//! cargo bench --bench soak -- --minutes 30                # time: faults, and whether anything grows
//! cargo bench --bench soak -- --minutes 30 --rate 20      # the same with a fifth of a CPU, clients included
//! cargo bench --bench soak -- --counted                   # so many of each fault, as fast as they go
//! cargo bench --bench soak -- --hostile                   # thousands of slow clients beside normal ones
//! ```
//!
//! It fails if a request fails for another reason than a process that was killed with it, if a fault is not coped with,
//! or if memory, descriptors, inotify watches or threads (without those of pools) grow by more than one percent after a
//! warm-up. Which connections a killed process had is known exactly: it is stopped first, and the kernel is asked.
//!
//! In this order: [`world`] the program and what it serves, [`clients`] and [`strangers`] who ask, [`tally`] what they
//! count, [`pace`] when they rest, [`faults`] what happens meanwhile, [`samples`] what is measured, [`hostile`] the
//! slow ones.

mod clients;
mod faults;
mod hostile;
mod pace;
mod samples;
mod strangers;
#[macro_use]
#[path = "../../tests/support/mod.rs"]
mod support;
mod tally;
mod world;

use clap::Parser;
use faults::{Fault, Faults};
use pace::Pace;
use samples::{Growth, Sample};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};
use tally::Tally;
use world::World;

/// Runs the program for long, under traffic and faults
#[derive(Parser)]
#[command(name = "soak", bin_name = "cargo bench --bench soak --")]
struct Options {
    /// For how many minutes
    #[arg(long, default_value_t = 30.0)]
    minutes: f64,

    /// How much of one CPU program and clients may take together, in percent. Default: what there is
    #[arg(long, value_name = "PERCENT")]
    rate: Option<f64>,

    /// Seconds between two faults
    #[arg(long, default_value_t = 10.0)]
    pause: f64,

    /// So many of each fault instead of a time
    #[arg(long)]
    counted: bool,

    /// With --counted: reloads
    #[arg(long, default_value_t = 500)]
    reloads: usize,

    /// With --counted: upgrades
    #[arg(long, default_value_t = 50)]
    upgrades: usize,

    /// With --counted: log reopenings
    #[arg(long, default_value_t = 200)]
    reopenings: usize,

    /// With --counted: certificate renewals
    #[arg(long, default_value_t = 100)]
    renewals: usize,

    /// With --counted: processes that are stopped by a signal, and as many that are killed
    #[arg(long, default_value_t = 50)]
    kills: usize,

    /// Thousands of slow and silent clients, and what the normal ones notice
    #[arg(long)]
    hostile: bool,

    /// With --hostile: how many of each kind
    #[arg(long, default_value_t = 5000)]
    crowd: usize,

    /// Processes that serve
    #[arg(long, default_value_t = 2)]
    processes: usize,

    #[arg(long, hide = true)]
    bench: bool,

    #[arg(long, hide = true)]
    test: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    // Cargo runs it as a test as well, which must cost nothing.
    if options.test || !options.bench {
        return ExitCode::SUCCESS;
    }
    tally::keep_panics();
    let problems = if options.hostile { hostile::run(options.crowd) } else { soak(&options) };
    for problem in &problems {
        println!("FAILED: {problem}");
    }
    if problems.is_empty() {
        println!("nothing failed");
        return ExitCode::SUCCESS;
    }
    ExitCode::FAILURE
}

/// What went wrong.
fn soak(options: &Options) -> Vec<String> {
    let world = World::start(options.processes);
    let (pace, tally) = (Pace::default(), Tally::default());
    let mut faults = Faults::new(&world, &tally);
    let mut problems = thread::scope(|scope| {
        for (number, kind) in clients::ALL.iter().enumerate() {
            if kind.needs_python && !world.has_python {
                continue;
            }
            let (world, pace, tally) = (&world, &pace, &tally);
            pace.enter();
            scope.spawn(move || clients::run(kind, number as u64, world, pace, tally));
        }
        if let Some(percent) = options.rate {
            let (pace, process) = (&pace, world.process());
            scope.spawn(move || pace::bound(pace, process, percent));
        }
        // The clients end, whatever happens here.
        struct Over<'a>(&'a Pace);
        impl Drop for Over<'_> {
            fn drop(&mut self) {
                self.0.end();
            }
        }
        let _over = Over(&pace);
        if options.counted {
            count(options, &mut faults, &tally);
            Vec::new()
        } else {
            endure(options, &world, &mut faults, &pace, &tally)
        }
    });
    println!("{tally}");
    println!("{faults}");
    problems.extend(tally.problems());
    problems.extend(faults.problems());
    problems.extend(world.problems());
    problems
}

/// So many of each fault, in turn.
fn count(options: &Options, faults: &mut Faults<'_>, tally: &Tally) {
    let mut left = [
        (Fault::Reload, options.reloads),
        (Fault::Upgrade, options.upgrades),
        (Fault::Reopen, options.reopenings),
        (Fault::Renew, options.renewals),
        (Fault::Terminate, options.kills),
        (Fault::Kill, options.kills),
    ];
    let all: usize = left.iter().map(|(_, count)| count).sum();
    let mut done = 0;
    // Each is spread over the whole.
    let totals = left.map(|(_, count)| count.max(1));
    while let Some(next) = (0..left.len())
        .filter(|it| left[*it].1 > 0)
        .max_by(|a, b| (left[*a].1 * totals[*b]).cmp(&(left[*b].1 * totals[*a])))
    {
        tally.goes_on(50);
        faults.make(left[next].0);
        left[next].1 -= 1;
        done += 1;
        if done % 50 == 0 {
            println!("{done} of {all} faults, {}", tally.in_short());
        }
    }
    tally.goes_on(200);
}

/// As long as was asked for: first with faults that replace processes, then without, so that what grows can be seen.
fn endure(
    options: &Options,
    world: &World,
    faults: &mut Faults<'_>,
    pace: &Pace,
    tally: &Tally,
) -> Vec<String> {
    let time = Duration::from_secs_f64(options.minutes * 60.0);
    let (began, pause) = (Instant::now(), Duration::from_secs_f64(options.pause));
    let mut samples: Vec<Sample> = Vec::new();
    let mut supervisor = Vec::new();
    let mut last_shown = began;
    for number in 0.. {
        let passed = began.elapsed().as_secs_f64() / time.as_secs_f64();
        if passed >= 1.0 {
            break;
        }
        let is_replacing = passed < REPLACING;
        let cycle: &[Fault] = if is_replacing { &Fault::ALL } else { &Fault::IN_PLACE };
        thread::sleep(pause);
        let fault = cycle[number % cycle.len()];
        faults.make(fault);
        let sample = pace.at_rest(|| Sample::take(world, began.elapsed()));
        if fault == Fault::Upgrade {
            supervisor.push(sample.supervisor_descriptors);
        }
        if last_shown.elapsed() > Duration::from_secs(60) {
            last_shown = Instant::now();
            println!("{:3.0} min: {sample}; {}", sample.at.as_secs_f64() / 60.0, tally.in_short());
        }
        samples.push(sample);
    }
    let counted = REPLACING + (1.0 - REPLACING) * WARM_UP;
    let is_counted = |it: &&Sample| it.at.as_secs_f64() / time.as_secs_f64() >= counted;
    let counted: Vec<&Sample> = samples.iter().filter(is_counted).collect();
    let mut problems = Vec::new();
    for growth in Growth::of(&counted) {
        println!("{growth}");
        problems.extend(growth.problem(GROWTH_PERCENT_MAX));
    }
    if let (Some(first), Some(last)) = (supervisor.first(), supervisor.last()) {
        println!(
            "descriptors of the supervisor after the first upgrade {first}, after the last {last}"
        );
        if last > first {
            problems.push("upgrades leave descriptors behind".to_owned());
        }
    }
    problems
}

/// The part of the time in which processes are replaced.
const REPLACING: f64 = 0.3;

/// The part of the rest after which what is measured counts.
const WARM_UP: f64 = 0.5;

const GROWTH_PERCENT_MAX: f64 = 1.0;
