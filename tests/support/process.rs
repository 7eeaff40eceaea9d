//! Processes as `/proc` shows them.

use super::{Folder, Signal, until};
use rustix::process::{Pid, kill_process};
use std::collections::{BTreeSet, HashSet};
use std::fs;

/// A process, as `/proc` shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Process(pub u32);

impl Process {
    pub fn all() -> Vec<Process> {
        let id = |entry: fs::DirEntry| entry.file_name().to_str()?.parse().ok();
        fs::read_dir("/proc").expect("proc(5)").flatten().filter_map(id).map(Process).collect()
    }

    /// Those that run in this folder, which is a test's own.
    pub fn running_in(folder: &Folder) -> Vec<Process> {
        let here = folder.path("").canonicalize().expect("proc(5)");
        let is_there = |it: &Process| fs::read_link(it.path("cwd")).is_ok_and(|path| path == here);
        Process::all().into_iter().filter(is_there).collect()
    }

    /// Those that this one has started and that run, in the order of their ids.
    pub fn children(self) -> BTreeSet<Process> {
        let is_child = |it: &Process| {
            let stat = it.stat("stat");
            stat.is_some_and(|(state, parent)| state != "Z" && parent == self.0)
        };
        Process::all().into_iter().filter(is_child).collect()
    }

    /// Those of its children that serve.
    pub fn serving(self) -> BTreeSet<Process> {
        let serves = |it: &Process| {
            let words = fs::read(it.path("cmdline")).unwrap_or_default();
            words.split(|byte| *byte == 0).nth(1) == Some(b"--supervised")
        };
        self.children().into_iter().filter(serves).collect()
    }

    /// Whether it has not ended.
    pub fn is_running(self) -> bool {
        self.stat("stat").is_some_and(|(state, _)| !["Z", "X"].contains(&state.as_str()))
    }

    /// How much memory it has now, and the most that it ever had, in bytes (VmRSS and VmHWM).
    pub fn memory_bytes(self) -> (u64, u64) {
        (self.status_bytes("VmRSS"), self.status_bytes("VmHWM"))
    }

    /// How much of that it shares with no other process, nor with the file of its program (RssAnon).
    pub fn own_memory_bytes(self) -> u64 {
        self.status_bytes("RssAnon")
    }

    fn status_bytes(self, field: &str) -> u64 {
        let status = fs::read_to_string(self.path("status")).expect("it is running");
        let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("proc(5)");
        let kilobytes = line.trim_matches([':', ' ', '\t', 'k', 'B']);
        kilobytes.parse::<u64>().expect("a number") * 1024
    }

    /// How much of the CPU it has taken, in clock ticks.
    pub fn cpu_ticks(self) -> u64 {
        let stat = fs::read_to_string(self.path("stat")).expect("it is running");
        // proc(5): utime and stime are the 14th and 15th field; the second may hold spaces.
        let (_, rest) = stat.rsplit_once(')').expect("the name is in parentheses");
        let fields: Vec<&str> = rest.split_whitespace().collect();
        fields[11..13].iter().map(|ticks| ticks.parse::<u64>().expect("a number")).sum()
    }

    pub fn path(self, name: &str) -> String {
        format!("/proc/{}/{name}", self.0)
    }

    /// State and parent, as proc(5) has them behind the name in parentheses.
    pub fn stat(self, name: &str) -> Option<(String, u32)> {
        let stat = fs::read_to_string(self.path(name)).ok()?;
        let (_, rest) = stat.rsplit_once(')')?;
        let mut fields = rest.split_whitespace();
        Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?))
    }

    pub fn send(self, signal: Signal) {
        let id = Pid::from_raw(i32::try_from(self.0).expect("proc(5)")).expect("proc(5)");
        kill_process(id, signal).expect("it runs");
    }

    /// Stops it, and waits until all of its threads stand still.
    pub fn freeze(self) {
        self.send(Signal::STOP);
        until("it stands still", || {
            let threads = fs::read_dir(self.path("task")).expect("proc(5)");
            threads.flatten().all(|thread| {
                let name = thread.file_name().into_string().expect("proc(5)");
                self.stat(&format!("task/{name}/stat")).is_none_or(|(state, _)| state == "T")
            })
        });
    }

    /// The same to one that may have ended.
    pub fn try_send(self, signal: Signal) {
        let id = Pid::from_raw(i32::try_from(self.0).expect("proc(5)")).expect("proc(5)");
        let _ = kill_process(id, signal);
    }

    /// Continues it, unless somebody else has and it has ended.
    pub fn go_on(self) {
        let id = Pid::from_raw(i32::try_from(self.0).expect("proc(5)")).expect("proc(5)");
        let _ = kill_process(id, Signal::CONT);
    }

    pub fn sockets(self) -> HashSet<String> {
        let descriptors = fs::read_dir(self.path("fd")).into_iter().flatten().flatten();
        let target = |entry: fs::DirEntry| {
            let target = fs::read_link(entry.path()).ok()?;
            Some(target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned())
        };
        descriptors.filter_map(target).collect()
    }

    /// How many TCP sockets it has that listen, and that are connections.
    pub fn listeners_and_connections(self) -> (usize, usize) {
        let sockets = self.sockets();
        let tables = ["net/tcp", "net/tcp6"].map(|name| fs::read_to_string(self.path(name)));
        let mut counts = (0, 0);
        for line in tables.iter().flatten().flat_map(|table| table.lines().skip(1)) {
            let mut words = line.split_ascii_whitespace();
            match words.nth(3) {
                // TIME_WAIT, of which there may be thousands, belongs to nobody.
                None | Some("06") => {}
                Some(state) if words.nth(5).is_some_and(|inode| sockets.contains(inode)) => {
                    match state {
                        "0A" => counts.0 += 1,
                        _ => counts.1 += 1,
                    }
                }
                Some(_) => {}
            }
        }
        counts
    }
}
