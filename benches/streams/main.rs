//! Ten thousand open event streams: what each costs in memory, what a message to all of them costs in CPU time, and
//! how long a plain file takes beside them.
//!
//! ```sh
//! cargo bench --bench streams                                  # this server
//! cargo bench --bench streams -- --streams 1000 -- PROGRAM     # any other
//! ```
//!
//! A program is started as `PROGRAM ADDRESS DIRECTORY`, on one CPU; the clients have another. It serves
//!
//! - `GET /events`: a stream of server-sent events that stays open,
//! - `POST /messages`: sends the body as one event to all streams, and answers with any 2xx,
//! - `GET /plain.txt`: that file in the directory.
//!
//! In this order: [`server`] this server's program, [`streams`] the clients of the streams, [`plain`] the client of
//! the file, [`usage`] what the server has used.

mod plain;
mod server;
#[expect(dead_code, reason = "the comparisons use the rest of it")]
#[path = "../shared/mod.rs"]
mod shared;
mod streams;
mod usage;

use clap::Parser;
use plain::Plain;
use shared::process::{self, Cpus, Interrupt, TempFolder};
use shared::running::Running;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};
use streams::Streams;
use usage::Usage;

/// Measures open event streams on this machine
#[derive(Parser)]
#[command(name = "streams", bin_name = "cargo bench --bench streams --")]
struct Options {
    /// How many streams are opened
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=25_000))]
    streams: u32,

    /// For how many seconds messages are sent, one a second
    #[arg(long, default_value_t = 10)]
    seconds: u32,

    /// Bytes of a message
    #[arg(long, default_value_t = 100)]
    bytes: usize,

    /// Accepted for cargo
    #[arg(long, hide = true)]
    bench: bool,

    /// The program to measure, with its first arguments. Default: this server
    #[arg(last = true, value_name = "PROGRAM")]
    program: Vec<String>,
}

fn main() -> ExitCode {
    process::raise_descriptor_limit();
    let arguments: Vec<String> = std::env::args().collect();
    let result = match &arguments[..] {
        [_, serve, address, directory] if serve == SERVE => server::serve(address, directory),
        _ => measure(&Options::parse()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("streams: {message}");
            ExitCode::FAILURE
        }
    }
}

fn measure(options: &Options) -> Result<(), String> {
    let interrupt =
        Interrupt::watch().map_err(|error| format!("cannot watch for signals: {error}"))?;
    let folder = TempFolder::new().map_err(|error| format!("no temporary folder: {error}"))?;
    let file = folder.path().join("plain.txt");
    fs::write(&file, "0123456789abcdef\n".repeat(60)).map_err(|error| error.to_string())?;
    let cpus = Cpus::choose();
    let this = std::env::current_exe().map_err(|error| error.to_string())?;
    let own = [this.display().to_string(), SERVE.to_owned()];
    let program = if options.program.is_empty() { &own[..] } else { &options.program[..] };
    let running = Running::start(folder.path(), START_TIMEOUT, &interrupt, |port| {
        let mut command = process::command(&PathBuf::from(&program[0]), cpus.server);
        command.args(&program[1..]).arg(format!("127.0.0.1:{port}")).arg(folder.path());
        Ok(command)
    })?;
    if let Some(cpu) = cpus.client {
        usage::stay_on(cpu);
    }
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, running.port));
    report(options, address, &running, &interrupt).map_err(|problem| running.explained(problem))
}

fn report(
    options: &Options,
    address: SocketAddr,
    running: &Running,
    interrupt: &Interrupt,
) -> Result<(), String> {
    let failed = |error| format!("{error}");
    let measure_plain = |streams: Option<&mut Streams>, seconds: u32| {
        let plain = Plain::start(address);
        match streams {
            Some(streams) => streams.watch(Duration::from_secs(seconds.into()))?,
            None => thread::sleep(Duration::from_secs(seconds.into())),
        }
        plain.finish()
    };
    let (before, _) = (measure_plain(None, QUIET_SECONDS).map_err(failed)?, interrupt.check()?);
    let empty = Usage::of(&running.tree());
    println!("before the streams     {:8.1} MB    file {before}", empty.megabytes());

    let began = Instant::now();
    let mut streams = Streams::open(address, options.streams).map_err(failed)?;
    println!("{} streams opened in {:.1} s", options.streams, began.elapsed().as_secs_f64());
    streams.watch(SETTLING).map_err(failed)?;
    let idle_from = Usage::of(&running.tree());
    let idle_plain = measure_plain(Some(&mut streams), QUIET_SECONDS).map_err(failed)?;
    let idle = Usage::of(&running.tree());
    println!(
        "streams, no messages   {:8.1} MB    file {idle_plain}    {:.0} bytes per stream",
        idle.megabytes(),
        (idle.bytes - empty.bytes) / f64::from(options.streams),
    );
    println!(
        "                       CPU {:.2} % with the requests for the file",
        (idle.cpu - idle_from.cpu).as_secs_f64() / f64::from(QUIET_SECONDS) * 100.0
    );

    let padding = "x".repeat(options.bytes.saturating_sub(1));
    let from = Usage::of(&running.tree());
    let plain = Plain::start(address);
    let began = Instant::now();
    for number in 0..options.seconds {
        interrupt.check()?;
        streams.send(address, &format!("{}{padding}", streams::MARK)).map_err(failed)?;
        let next = began + Duration::from_secs(u64::from(number) + 1);
        streams.watch(next.saturating_duration_since(Instant::now())).map_err(failed)?;
    }
    let busy_plain = plain.finish().map_err(failed)?;
    let busy = Usage::of(&running.tree());
    let sent = f64::from(options.seconds) * f64::from(options.streams);
    let arrived = streams.latencies();
    println!("a message each second  {:8.1} MB    file {busy_plain}", busy.megabytes());
    println!(
        "                       {} of {sent:.0} messages arrived: {arrived}",
        streams.arrived()
    );
    // The requests for the file cost as much as they did without messages.
    let of_file = (idle.cpu - idle_from.cpu).as_secs_f64() / f64::from(QUIET_SECONDS)
        * f64::from(options.seconds);
    let spent = (busy.cpu - from.cpu).as_secs_f64() - of_file;
    println!(
        "                       CPU {:.2} us per message and stream; {:.0} messages per CPU second",
        spent / sent * 1e6,
        sent / spent
    );
    println!("threads                {:8}", busy.threads);
    Ok(())
}

/// The argument that makes this program the server.
const SERVE: &str = "serve";

const START_TIMEOUT: Duration = Duration::from_secs(10);

/// For how long the file is requested without messages.
const QUIET_SECONDS: u32 = 4;

/// Between the last stream and the first measurement.
const SETTLING: Duration = Duration::from_secs(1);
