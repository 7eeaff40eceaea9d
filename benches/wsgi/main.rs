//! Measures Python applications behind this server and behind its peers, on this machine, now.
//!
//! `cargo bench --bench wsgi -- --help` tells the flags; `--quick` gives a first impression.
//!
//! Every server runs the same application (`application.py`) on the same Python, in one process with
//! four threads; all its processes share one CPU, wrk has another. The rounds go round-robin over the
//! servers, so that an hour in which the machine is slower is slower for all of them; medians are
//! shown. Figures drift between machines and hours: the ratios are what counts.
//!
//! Told in this order: [`options`] what is asked for, [`work`] what is requested, [`servers`] who
//! answers, [`probe`] whether the answer is right, [`measure`] one run, [`table`] what is shown.
//! [`shared`] is what both comparisons are made of; its `process` ends whatever was started.

mod measure;
mod options;
mod probe;
mod servers;
#[path = "../shared/mod.rs"]
mod shared;
mod table;
#[path = "../../tests/wsgi/venv.rs"]
mod venv;
mod work;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use measure::{Load, Sample};
use options::Options;
use servers::{Launch, Server};
use shared::process::{self, Cpus, Interrupt, TempFolder};
use shared::running::Running;
use shared::runs::show_progress;
use table::Standing;
use work::Work;

fn main() -> ExitCode {
    let options = Options::parse();
    if options.runs.is_test() {
        return ExitCode::SUCCESS;
    }
    match compare(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("wsgi: {message}");
            ExitCode::FAILURE
        }
    }
}

fn compare(options: &Options) -> Result<(), String> {
    let wrk = process::find_program("wrk").ok_or("wrk is missing: apt install wrk")?;
    process::raise_descriptor_limit();
    let interrupt =
        Interrupt::watch().map_err(|error| format!("cannot watch for signals: {error}"))?;
    let environment = venv::with("bench", servers::PACKAGES)
        .map_err(|reason| format!("the peers cannot be installed: {reason}"))?;
    let _alone = process::be_alone(&wrk, &interrupt)?;
    let folder =
        TempFolder::new().map_err(|error| format!("cannot make a temporary folder: {error}"))?;
    work::write_file(&folder.path().join(work::FILE))
        .map_err(|error| format!("cannot write the file to send: {error}"))?;
    let bench = Bench { options, wrk, interrupt, cpus: Cpus::choose(), environment, folder };
    let mut report = format!("{}.\n", bench.cpus.describe());
    println!("{report}");
    for work in options.works() {
        let (standings, problems) = bench.measure(work)?;
        let table = table::markdown(work, &standings, &problems);
        print!("{table}");
        report.push_str(&table);
    }
    options.runs.write_markdown(&report)
}

/// What stays the same from one kind of work to the next.
struct Bench<'a> {
    options: &'a Options,
    wrk: PathBuf,
    interrupt: Interrupt,
    cpus: Cpus,
    environment: PathBuf,
    folder: TempFolder,
}

/// A server that answers this work rightly, and what was measured of it.
struct Contender {
    server: Server,
    running: Running,
    samples: Vec<Sample>,
}

impl Bench<'_> {
    /// All servers on one kind of work; each is started for it, so that memory is counted from a fresh
    /// process.
    fn measure(&self, work: Work) -> Result<(Vec<Standing>, Vec<String>), String> {
        let mut problems = Vec::new();
        let mut contenders = Vec::new();
        for server in self.options.servers() {
            self.interrupt.check()?;
            match self.enter(work, server) {
                Ok(running) => contenders.push(Contender { server, running, samples: Vec::new() }),
                Err(problem) => problems.push(format!("{}: {problem}", server.name())),
            }
        }
        for round in 1..=self.options.runs.rounds() {
            for contender in &mut contenders {
                let name = contender.server.name();
                show_progress(&format!("{work}: round {round}: {name}"));
                let load = Load {
                    wrk: &self.wrk,
                    folder: self.folder.path(),
                    work,
                    connections: self.options.connections,
                    duration: self.options.runs.duration(),
                    cpu: self.cpus.client,
                };
                match measure::run(&load, &contender.running, &self.interrupt) {
                    Ok(sample) => contender.samples.push(sample),
                    Err(problem) => problems.push(format!("{name}: {problem}")),
                }
                self.interrupt.check()?;
            }
        }
        show_progress("");
        let standings = contenders
            .iter()
            .filter_map(|contender| Standing::of(contender.server, &contender.samples))
            .collect();
        Ok((standings, problems))
    }

    /// Starts one server and asks it once, so that nothing is measured that is not the right answer.
    fn enter(&self, work: Work, server: Server) -> Result<Running, String> {
        let folder = self.folder.path().join(format!("{}-{}", work.name(), server.name()));
        fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        let launch = Launch {
            environment: &self.environment,
            file: self.folder.path().join(work::FILE),
            folder,
            cpu: self.cpus.server,
        };
        let running = server.start(&launch, &self.interrupt)?;
        probe::check(work, running.port).map_err(|problem| running.explained(problem))?;
        Ok(running)
    }
}
