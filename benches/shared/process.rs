//! Processes that end with us, a folder that goes with us, and what the kernel tells about both.
//!
//! Ctrl-C sets a flag that every wait here looks at; what was started is then ended on the way out, by its id.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, Signal};

/// A child process and all that it started; ended when dropped.
pub struct Process {
    child: Child,
}

impl Process {
    /// Starts `command`.
    pub fn start(command: &mut Command) -> io::Result<Process> {
        Ok(Process { child: command.spawn()? })
    }

    /// How it ended, if it did.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// This process and its descendants, as they are now.
    pub fn tree(&self) -> Vec<u32> {
        let parents = parents();
        let mut tree = vec![self.child.id()];
        let mut next = 0;
        while let Some(&parent) = tree.get(next) {
            tree.extend(parents.iter().filter(|(_, of)| **of == parent).map(|(id, _)| *id));
            next += 1;
        }
        tree
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.ended().is_some() {
            return;
        }
        let tree = self.tree();
        signal(self.child.id(), Signal::TERM);
        let deadline = Instant::now() + END_TIMEOUT;
        while self.ended().is_none() && Instant::now() < deadline {
            thread::sleep(PAUSE);
        }
        if self.ended().is_none() {
            signal(self.child.id(), Signal::KILL);
            let _ = self.child.wait();
        }
        // A worker whose master was killed has another parent now; it is ours all the same.
        let survivors = parents();
        for id in tree.into_iter().skip(1).filter(|id| survivors.contains_key(id)) {
            signal(id, Signal::KILL);
        }
    }
}

/// Whether the operator wants to stop.
#[derive(Clone)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    pub fn watch() -> io::Result<Interrupt> {
        let flag = Arc::new(AtomicBool::new(false));
        for signal in
            [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP]
        {
            signal_hook::flag::register(signal, Arc::clone(&flag))?;
        }
        Ok(Interrupt(flag))
    }

    /// An error from the moment on in which the operator asked to stop.
    pub fn check(&self) -> Result<(), String> {
        if self.0.load(Ordering::Relaxed) { Err("interrupted".into()) } else { Ok(()) }
    }

    /// Asks again and again until there is an answer, the operator stops or the time is over (`Ok(None)`).
    pub fn wait_for<T>(
        &self,
        timeout: Duration,
        mut ask: impl FnMut() -> Option<T>,
    ) -> Result<Option<T>, String> {
        let deadline = Instant::now() + timeout;
        loop {
            self.check()?;
            if let Some(answer) = ask() {
                return Ok(Some(answer));
            }
            if Instant::now() >= deadline {
                return Ok(None);
            }
            thread::sleep(PAUSE);
        }
    }
}

/// Where the servers run and where wrk does; nowhere in particular on a machine with one CPU.
pub struct Cpus {
    pub server: Option<usize>,
    pub client: Option<usize>,
}

impl Cpus {
    /// Two CPUs that do not share a core, if this process may use such.
    pub fn choose() -> Cpus {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let allowed =
            status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).map(cpu_list);
        let allowed = allowed.unwrap_or_default();
        let (Some(&first), Some(&last), Some(_)) =
            (allowed.first(), allowed.last(), find_program("taskset"))
        else {
            return Cpus { server: None, client: None };
        };
        if first == last {
            return Cpus { server: None, client: None };
        }
        let siblings = format!("/sys/devices/system/cpu/cpu{first}/topology/thread_siblings_list");
        let siblings = fs::read_to_string(siblings).map(|list| cpu_list(&list)).unwrap_or_default();
        let apart = allowed.iter().rev().find(|cpu| !siblings.contains(cpu));
        Cpus { server: Some(first), client: Some(*apart.unwrap_or(&last)) }
    }

    /// The machine and its use, in one line.
    pub fn describe(&self) -> String {
        let model = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = model.lines().find(|line| line.starts_with("model name"));
        let model =
            model.and_then(|line| line.split_once(": ")).map_or("unknown CPU", |(_, model)| model);
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let place = match (self.server, self.client) {
            (Some(server), Some(client)) => format!("servers on CPU {server}, wrk on CPU {client}"),
            _ => "nothing is pinned (one CPU, or no taskset): only compare, believe nothing".into(),
        };
        format!("{model}, Linux {}, {place}", kernel.trim())
    }
}

/// A command that will run on one CPU; `None` leaves that to the kernel.
pub fn command(program: &Path, cpu: Option<usize>) -> Command {
    let mut command = match cpu {
        None => Command::new(program),
        Some(cpu) => {
            let mut command = Command::new("taskset");
            command.arg("--cpu-list").arg(cpu.to_string()).arg(program);
            command
        }
    };
    // Benches may be run by root.
    command.env("HTTPD_SERVE_AS_ROOT", "true");
    command
}

/// A program in `PATH`, or where a system keeps its servers.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/local/sbin", "/usr/local/bin"].map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// Thousands of connections and open files are needed; a shell's usual 1,024 are not enough.
pub fn raise_descriptor_limit() {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if rustix::process::setrlimit(Resource::Nofile, raised).is_err() {
        eprintln!("the limit of open files stays at {:?}", limit.current);
    }
}

/// Waits until no other comparison runs on this machine: two at once would measure each other. What they share is wrk,
/// so its file is the lock, held as long as the result lives.
pub fn be_alone(wrk: &Path, interrupt: &Interrupt) -> Result<File, String> {
    let file =
        File::open(wrk).map_err(|error| format!("cannot open {}: {error}", wrk.display()))?;
    // A file system without locks is no reason not to measure.
    if let Err(TryLockError::WouldBlock) = file.try_lock() {
        eprintln!("another comparison is running: waiting for its end");
        interrupt.wait_for(ALONE_TIMEOUT, || file.try_lock().ok())?.ok_or("it does not end")?;
    }
    Ok(file)
}

/// A folder that is removed when dropped. Others may read it: some servers change their user.
pub struct TempFolder(PathBuf);

impl TempFolder {
    pub fn new() -> io::Result<TempFolder> {
        let path = std::env::temp_dir().join(format!("httpd-compare-{}", std::process::id()));
        fs::create_dir(&path)?;
        let folder = TempFolder(path);
        fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        Ok(folder)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempFolder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("{} is left behind: {error}", self.0.display());
        }
    }
}

/// Each process of this machine and its parent.
fn parents() -> BTreeMap<u32, u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let id = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            // The name in parentheses may hold anything; after it come the state and the parent.
            let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
            Some((id, parent))
        })
        .collect()
}

fn signal(id: u32, signal: Signal) {
    if let Some(id) = i32::try_from(id).ok().and_then(Pid::from_raw) {
        let _ = rustix::process::kill_process(id, signal);
    }
}

/// `0-3,8` and the like.
fn cpu_list(text: &str) -> Vec<usize> {
    let spans = text.trim().split(',');
    spans
        .filter_map(|span| {
            let (first, last) = span.split_once('-').unwrap_or((span, span));
            Some(first.parse::<usize>().ok()?..=last.parse().ok()?)
        })
        .flatten()
        .collect()
}

/// How long another comparison may take.
const ALONE_TIMEOUT: Duration = Duration::from_secs(2 * 3600);
/// How long a server may take to end when asked to.
const END_TIMEOUT: Duration = Duration::from_secs(3);
/// Between two looks at something that is awaited.
const PAUSE: Duration = Duration::from_millis(5);
