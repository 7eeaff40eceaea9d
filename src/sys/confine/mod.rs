//! What the kernel keeps a process from: files outside of some directories ([`landlock`]) and calls outside of a
//! list ([`calls`]). Knows nothing of what is served.
//!
//! Both hold for the thread that asks and for all threads and programs that it starts, for good: ask before the first
//! thread starts.

mod calls;
mod landlock;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::thread;

pub(crate) use landlock::LandlockStatus;

/// What a process may still do with files and on the network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reach {
    /// Files, or directories with everything below, that it may read.
    pub read: Vec<PathBuf>,
    /// Directories that it may list, with everything below.
    pub list: Vec<PathBuf>,
    /// Directories in which it may make, change and remove files and directories.
    pub change: Vec<PathBuf>,
    /// Files that it may write to as they are.
    pub write: Vec<PathBuf>,
    /// Files, or directories with everything below, that it may read and run.
    pub run: Vec<PathBuf>,
    /// Whether it may bind and connect TCP sockets, and connect to Unix sockets.
    pub network: bool,
    /// Whether it may listen at further addresses.
    pub listens: bool,
    /// Whether it may send datagrams to daemons that take logs, and to their sockets.
    pub daemons: bool,
}

/// Which calls a process may make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Calls {
    /// Those of a serving process.
    Serving {
        /// Whether it may make sockets and connect them, as logs need that daemons take.
        daemons: bool,
        /// Whether it may make sockets that listen.
        listens: bool,
    },
    /// All but those that administer the system, or that no program of a site needs.
    Application {
        /// Whether it may make sockets of other kinds than Unix sockets.
        network: bool,
    },
}

/// What holds, for the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Confinement {
    pub landlock: LandlockStatus,
    /// How many calls are listed; `None` where the kernel has no seccomp, or this processor no list.
    pub calls: Option<usize>,
}

/// Confines this thread and all that it starts.
///
/// # Errors
/// What the kernel refuses, although it has it.
pub(crate) fn confine(reach: &Reach, calls: Calls) -> io::Result<Confinement> {
    refuse_new_privileges()?;
    // What the kernel has told this process about the system is read from a file when it is first asked for.
    let _ = rustix::param::page_size();
    let landlock = landlock::restrict(reach)?;
    let calls = calls::restrict(calls)?;
    Ok(Confinement { landlock, calls })
}

/// No program that this thread and its threads start gets more rights than they have, whatever its file says.
///
/// # Errors
/// When the kernel refuses.
pub(crate) fn refuse_new_privileges() -> io::Result<()> {
    Ok(rustix::thread::set_no_new_privs(true)?)
}

/// What this kernel can hold of a list of calls and of files, without confining anything.
#[must_use]
pub(crate) fn offered(calls: Calls) -> Confinement {
    // Whatever a thread that ends is kept from.
    let probe = move || confine(&Reach::default(), calls);
    let probed = thread::Builder::new().name("probe".to_owned()).spawn(probe);
    let probed = probed.ok().and_then(|probe| probe.join().ok()).and_then(Result::ok);
    probed.unwrap_or(Confinement { landlock: LandlockStatus::Missing, calls: None })
}

impl fmt::Display for Confinement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.landlock.fmt(formatter)?;
        match self.calls {
            Some(calls) => write!(formatter, "; seccomp: {calls} calls"),
            None => formatter.write_str("; no seccomp"),
        }
    }
}
