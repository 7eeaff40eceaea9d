//! Measures this server beside its peers and beside the physical limit, on this machine, now.
//!
//! `cargo bench --bench compare -- --help` tells the flags; `--quick` gives a first impression.
//!
//! Every server runs with one worker on one CPU, wrk on another; the rounds go round-robin over the servers, so that
//! an hour in which the machine is slower is slower for all of them; medians are shown. Figures drift between
//! machines and hours: the ratios are what counts.
//!
//! Told in this order: [`options`] what is asked for, [`site`] the files that all serve, [`work`] what is requested,
//! [`servers`] (with their [`configs`]) who answers, [`limit`] the bare responder, [`probe`] whether the answer is right,
//! [`measure`] one run, [`table`] (in [`grid`]s) what is shown; [`downloads`] measures large files in its own way, and
//! [`secure`] HTTPS and HTTP/2. [`shared`] is what both comparisons are made of; its `process` ends whatever was started.

mod configs;
mod downloads;
mod grid;
mod idle;
mod limit;
mod measure;
mod options;
mod probe;
mod secure;
mod servers;
#[path = "../shared/mod.rs"]
mod shared;
mod site;
mod table;
mod work;

use std::fs;
use std::io::{self, IsTerminal};
use std::process::ExitCode;

use clap::Parser;

use measure::{Load, Sample};
use options::Options;
use servers::{Launch, Logging, Server};
use shared::process::{self, Cpus, Interrupt, TempFolder};
use shared::running::Running;
use shared::runs::show_progress;
use site::Site;
use table::{Report, Standing};
use work::Work;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.get(1).is_some_and(|first| first == limit::COMMAND) {
        return exit_code(limit::run(&arguments[2..]).map_err(|error| format!("limit: {error}")));
    }
    let options = Options::parse();
    if options.runs.is_test() {
        return ExitCode::SUCCESS;
    }
    exit_code(compare(&options))
}

fn exit_code(outcome: Result<(), String>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("compare: {message}");
            ExitCode::FAILURE
        }
    }
}

fn compare(options: &Options) -> Result<(), String> {
    let wrk = process::find_program("wrk").ok_or("wrk is missing: apt install wrk")?;
    process::raise_descriptor_limit();
    let interrupt =
        Interrupt::watch().map_err(|error| format!("cannot watch for signals: {error}"))?;
    let _alone = process::be_alone(&wrk, &interrupt)?;
    let cpus = Cpus::choose();
    let (servers, missing) = options.servers();
    let mut report = Report::new(cpus.describe(), &servers, missing);
    eprint!("{}", report.preamble());

    let folder =
        TempFolder::new().map_err(|error| format!("cannot make a temporary folder: {error}"))?;
    let has_works = !options.downloads.downloads && !options.secure.secure;
    let works = if has_works { options.works() } else { Vec::new() };
    let site =
        build_site(&folder, &works).map_err(|error| format!("cannot write the site: {error}"))?;
    let bench = Bench { options, wrk, interrupt, cpus, site, folder };
    if options.downloads.downloads {
        return bench.measure_downloads(&servers);
    }
    if options.secure.secure {
        return bench.measure_secure(&servers);
    }
    eprintln!("about {} minutes", options.minutes(works.len(), servers.len()));
    for work in works {
        let (standings, problems) = bench.measure(work, &servers)?;
        report.add(work, standings, problems);
        print!("{}", report.last_text());
    }
    print!("{}", report.summary_text());
    options.runs.write_markdown(&report.markdown())
}

fn build_site(folder: &TempFolder, works: &[Work]) -> io::Result<Site> {
    let mut site = Site::build(folder.path())?;
    if works.contains(&Work::ManyFiles) {
        site.add_many()?;
    }
    Ok(site)
}

/// What stays the same from one kind of work to the next.
struct Bench<'a> {
    options: &'a Options,
    wrk: std::path::PathBuf,
    interrupt: Interrupt,
    cpus: Cpus,
    site: Site,
    folder: TempFolder,
}

/// A server that answers this work rightly, and what was measured of it.
struct Contender {
    server: Server,
    running: Running,
    load: Load,
    samples: Vec<Sample>,
}

impl Bench<'_> {
    /// All servers on one kind of work; each is started for it, so that memory is counted from a fresh process.
    fn measure(
        &self,
        work: Work,
        servers: &[Server],
    ) -> Result<(Vec<Standing>, Vec<String>), String> {
        if !io::stderr().is_terminal() {
            eprintln!("{work} …");
        }
        let mut problems = Vec::new();
        let mut contenders = Vec::new();
        for &server in servers.iter().filter(|server| work.concerns(**server)) {
            self.interrupt.check()?;
            match self.enter(work, server) {
                Ok(contender) => contenders.push(contender),
                Err(problem) => {
                    eprintln!("{:<18} {problem}", server.name());
                    problems.push(format!("{}: {problem}", server.name()));
                }
            }
        }
        for round in 1..=self.options.runs.rounds() {
            for contender in &mut contenders {
                let name = contender.server.name();
                show_progress(&format!(
                    "{work}: round {round} of {}: {name}",
                    self.options.runs.rounds()
                ));
                match measure::run(&contender.load, &contender.running, &self.interrupt) {
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

    /// All servers on all kinds of downloads; each is started once.
    fn measure_downloads(&self, servers: &[Server]) -> Result<(), String> {
        let cases = self.options.downloads.cases();
        downloads::add_files(&self.site, &cases)
            .map_err(|error| format!("cannot write the site: {error}"))?;
        let servers: Vec<Server> =
            servers.iter().copied().filter(|server| *server != Server::Limit).collect();
        eprintln!("about {} minutes", self.options.minutes(cases.len(), servers.len()));
        // One of the works has to be named; these servers do not look at it.
        let contenders = servers.iter().map(|server| self.enter(Work::File955k, *server));
        let contenders: Vec<Contender> = contenders.collect::<Result<_, _>>()?;
        let mut report = downloads::Report::new(&servers);
        for case in cases {
            let mut samples = vec![Vec::new(); contenders.len()];
            for round in 1..=self.options.runs.rounds() {
                for (contender, samples) in contenders.iter().zip(&mut samples) {
                    show_progress(&format!("{case}: round {round}: {}", contender.server.name()));
                    let duration = self.options.runs.duration();
                    let folder = self.folder.path();
                    let run = downloads::run(
                        case,
                        duration,
                        &contender.running,
                        folder,
                        &self.cpus,
                        &self.interrupt,
                    );
                    match run {
                        Ok(sample) => samples.push(sample),
                        Err(problem) => eprintln!("{}: {case}: {problem}", contender.server.name()),
                    }
                    self.interrupt.check()?;
                }
            }
            report.add(case, &samples);
        }
        show_progress("");
        print!("{}", report.text());
        self.options.runs.write_markdown(&report.markdown())
    }

    /// HTTPS and HTTP/2 on all servers that speak both. Each is started once, and for each kind of idle connection.
    fn measure_secure(&self, servers: &[Server]) -> Result<(), String> {
        let certificate = secure::Certificate::make(self.folder.path())?;
        let servers: Vec<Server> =
            servers.iter().copied().filter(|server| secure::concerns(*server)).collect();
        eprintln!("about {} minutes", self.options.minutes(secure::CASES.len(), servers.len()));
        let mut contenders = Vec::new();
        for server in servers {
            match self.start_secure(server, &certificate) {
                Ok(contender) => contenders.push(contender),
                Err(problem) => eprintln!("{}: {problem}", server.name()),
            }
            self.interrupt.check()?;
        }
        let servers: Vec<Server> = contenders.iter().map(|contender| contender.server).collect();
        let mut report = secure::Report::new(&servers);
        for case in secure::CASES {
            let mut samples = vec![Vec::new(); contenders.len()];
            for round in 1..=self.options.runs.rounds() {
                for (contender, samples) in contenders.iter().zip(&mut samples) {
                    let name = contender.server.name();
                    show_progress(&format!("{case}: round {round}: {name}"));
                    let (duration, folder) = (self.options.runs.duration(), self.folder.path());
                    match contender.run(case, duration, folder, &self.cpus, &self.interrupt) {
                        Ok(sample) => samples.push(sample),
                        Err(problem) => eprintln!("{name}: {case}: {problem}"),
                    }
                    self.interrupt.check()?;
                }
            }
            report.add(case, &samples);
        }
        drop(contenders);
        for kind in idle::Kind::ALL {
            show_progress(kind.title());
            // Memory that connections have left free would hide what the next ones take: each kind has fresh servers.
            let bytes = servers.iter().map(|server| {
                self.start_secure(*server, &certificate)
                    .and_then(|contender| contender.idle_bytes(kind))
            });
            report.add_idle(kind, &bytes.collect::<Vec<_>>());
            self.interrupt.check()?;
        }
        show_progress("");
        print!("{}", report.text());
        self.options.runs.write_markdown(&report.markdown())
    }

    /// Starts a server with the certificate.
    fn start_secure(
        &self,
        server: Server,
        certificate: &secure::Certificate,
    ) -> Result<secure::Contender, String> {
        let folder = self.folder.path().join(format!("secure-{}", server.name()));
        let launch = self.launch(Work::Small, folder)?;
        secure::Contender::start(server, &launch, certificate, &self.interrupt)
    }

    /// What a server is started with, in this folder of its own.
    fn launch(&self, work: Work, folder: std::path::PathBuf) -> Result<Launch<'_>, String> {
        fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        Ok(Launch {
            work,
            site: &self.site,
            folder,
            logging: if work == Work::AccessLog { Logging::On } else { Logging::Off },
            cpu: self.cpus.server,
            baseline: self.options.baseline.as_deref(),
        })
    }

    /// Starts one server and asks it once, so that nothing is measured that is not the right answer.
    fn enter(&self, work: Work, server: Server) -> Result<Contender, String> {
        let folder = self.folder.path().join(format!("{}-{}", work.name(), server.name()));
        let launch = self.launch(work, folder)?;
        let running = server.start(&launch, &self.interrupt)?;
        let headers =
            probe::check(work, running.port).map_err(|problem| running.explained(problem))?;
        let load = Load {
            wrk: self.wrk.clone(),
            script: measure::write_script(work, &self.site, &launch.folder)
                .map_err(|error| error.to_string())?,
            url: format!("http://127.0.0.1:{}{}", running.port, work.target()),
            headers,
            connections: work.connections(),
            pipelined: work.pipelined(),
            duration: self.options.runs.duration(),
            expected: work.expected(),
            cpu: self.cpus.client,
        };
        Ok(Contender { server, running, load, samples: Vec::new() })
    }
}

/// An I/O error that is only words.
fn other(message: impl Into<String>) -> io::Error {
    io::Error::other(message.into())
}
