//! What happens to the program while it serves.

use crate::support::process::Process;
use crate::support::secured::try_secured;
use crate::support::{Signal, lossy, output, until};
use crate::tally::Tally;
use crate::world::{World, configuration};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::{Duration, Instant};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    Reload,
    Reopen,
    Renew,
    /// A process that serves gets a signal to stop.
    Terminate,
    Kill,
    Upgrade,
}

impl Fault {
    pub const ALL: [Fault; 6] =
        [Fault::Reload, Fault::Reopen, Fault::Renew, Fault::Terminate, Fault::Kill, Fault::Upgrade];

    /// Those that replace no process.
    pub const IN_PLACE: [Fault; 3] = [Fault::Reload, Fault::Reopen, Fault::Renew];

    fn name(self) -> &'static str {
        match self {
            Fault::Reload => "reloads",
            Fault::Reopen => "log reopenings",
            Fault::Renew => "certificate renewals",
            Fault::Terminate => "processes stopped",
            Fault::Kill => "processes killed",
            Fault::Upgrade => "upgrades",
        }
    }
}

pub struct Faults<'a> {
    world: &'a World,
    tally: &'a Tally,
    made: BTreeMap<Fault, Made>,
    number: usize,
    problems: Vec<String>,
}

#[derive(Default)]
struct Made {
    count: usize,
    time: Duration,
    longest: Duration,
}

impl<'a> Faults<'a> {
    pub fn new(world: &'a World, tally: &'a Tally) -> Faults<'a> {
        Faults { world, tally, made: BTreeMap::new(), number: 0, problems: Vec::new() }
    }

    /// Makes one and waits until the program has coped with it.
    pub fn make(&mut self, fault: Fault) {
        self.number += 1;
        let began = Instant::now();
        let result = catch_unwind(AssertUnwindSafe(|| match fault {
            Fault::Reload => self.reload(),
            Fault::Reopen => self.reopen(),
            Fault::Renew => self.renew(),
            Fault::Terminate => self.terminate(),
            Fault::Kill => self.kill(),
            Fault::Upgrade => self.upgrade(),
        }));
        let time = began.elapsed();
        let made = self.made.entry(fault).or_default();
        made.count += 1;
        made.time += time;
        made.longest = made.longest.max(time);
        if let Err(panic) = result {
            let said = panic.downcast_ref::<String>().cloned();
            let said = said.or_else(|| panic.downcast_ref::<&str>().map(|it| (*it).to_owned()));
            self.problems.push(format!("{}: {}", fault.name(), said.unwrap_or_default()));
        }
    }

    pub fn problems(self) -> Vec<String> {
        self.problems
    }

    /// By the command or by the signal, in turn.
    fn reload(&self) {
        let folder = &self.world.folder;
        let text = configuration(self.world.processes, self.world.has_python, self.number);
        let new = folder.write("httpd.toml.new", text);
        fs::rename(new, folder.path("httpd.toml")).expect("there is room");
        if self.number.is_multiple_of(2) {
            let output = output(&mut folder.httpd(&["reload", "-c", "httpd.toml"]));
            assert!(output.status.success(), "{}", lossy(&output.stderr));
        } else {
            let lines = self.world.lines();
            self.world.process().send(Signal::HUP);
            self.world.says("the configuration is reloaded", lines);
        }
    }

    fn reopen(&self) {
        let logs = ["access.log", "drop.log"];
        let folder = &self.world.folder;
        for log in logs {
            fs::rename(folder.path(log), folder.path(format!("{log}.1"))).expect("it is there");
        }
        self.world.process().send(Signal::USR1);
        until("the logs are there again", || logs.iter().all(|it| folder.path(it).exists()));
    }

    fn renew(&self) {
        let (folder, issued) = (&self.world.folder, self.world.issue());
        issued.write(folder, "new.pem", "new.key");
        fs::rename(folder.path("new.key"), folder.path("cert.key")).expect("there is room");
        fs::rename(folder.path("new.pem"), folder.path("cert.pem")).expect("there is room");
        let new = issued.certificate_der();
        let is_shown = || {
            let stream = try_secured(&self.world.secure, &self.world.fresh_client(), "localhost");
            let shown =
                stream.ok().and_then(|it| Some(it.conn.peer_certificates()?.first()? == &new));
            shown == Some(true)
        };
        until("every process shows it", || (0..6).all(|_| is_shown()));
    }

    fn terminate(&self) {
        let process = self.some_process();
        process.send(Signal::TERM);
        self.until_replaced(&BTreeSet::from([process]));
    }

    fn kill(&self) {
        let process = self.some_process();
        // It takes no more connections, so that those that it has are known.
        process.freeze();
        self.tally.kills(clients_of(process));
        process.send(Signal::KILL);
        self.until_replaced(&BTreeSet::from([process]));
    }

    fn upgrade(&self) {
        let new = self.world.folder.path("httpd.new");
        fs::copy(crate::support::program::HTTPD, &new).expect("there is room");
        fs::rename(new, self.world.program()).expect("there is room");
        let (before, lines) = (self.world.process().serving(), self.world.lines());
        self.world.process().send(Signal::USR2);
        self.world.says("upgraded to httpd ", lines);
        self.until_replaced(&before);
    }

    fn some_process(&self) -> Process {
        let serving: Vec<Process> = self.world.process().serving().into_iter().collect();
        serving[self.number % serving.len()]
    }

    fn until_replaced(&self, gone: &BTreeSet<Process>) {
        // Those that are replaced have ten seconds for their last requests, and a busy machine takes its time.
        let deadline = Instant::now() + REPLACED_MAX;
        let is_done = || {
            let serving = self.world.process().serving();
            let serves = |it: &Process| {
                self.world.first.contains(it) || self.world.has_said(&format!("({}) serves", it.0))
            };
            serving.len() == self.world.processes
                && serving.is_disjoint(gone)
                && serving.iter().all(serves)
        };
        while !is_done() {
            assert!(Instant::now() < deadline, "the processes are not replaced: {gone:?}");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

const REPLACED_MAX: Duration = Duration::from_secs(60);

/// The ports of the clients that a process has connections with.
fn clients_of(process: Process) -> HashSet<u16> {
    let sockets = process.sockets();
    let table = fs::read_to_string(process.path("net/tcp")).unwrap_or_default();
    let client = |line: &str| {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let is_its = *words.get(3)? != "0A" && sockets.contains(*words.get(9)?);
        let (_, port) = words.get(2)?.split_once(':')?;
        is_its.then(|| u16::from_str_radix(port, 16).ok())?
    };
    table.lines().skip(1).filter_map(client).collect()
}

impl fmt::Display for Faults<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (fault, made) in &self.made {
            let Made { count, time, longest } = made;
            let mean = time.as_secs_f64() / *count as f64;
            let longest = longest.as_secs_f64();
            writeln!(
                formatter,
                "{count:4} {:21} {mean:6.2} s each, {longest:.2} s at most",
                fault.name()
            )?;
        }
        Ok(())
    }
}
