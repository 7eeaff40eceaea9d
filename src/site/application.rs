//! An application that runs in processes of its own, and its bounds.
//!
//! It must never know how those are started or reached.

#[cfg(feature = "cli")]
use crate::sys::confine::Reach;
use crate::sys::user::Identity;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// An application.
#[derive(Clone, Debug)]
pub struct Application {
    id: Arc<AtomicU64>,
    /// `package.module:callable`.
    pub target: String,
    /// The interpreter.
    pub python: PathBuf,
    /// The working directory, from which modules are imported.
    pub directory: PathBuf,
    /// Environment variables in addition to those of the server.
    pub environment: Vec<(String, String)>,
    pub processes: usize,
    /// The threads of each process.
    pub threads: usize,
    /// How long a request may wait for a free thread (then 503), and how long the application may then take to begin
    /// its response (then 504, and the process is replaced).
    pub timeout: Duration,
    /// How long a response that has begun may pause. Event streams are silent for long.
    pub stream_timeout: Duration,
    /// The largest request body in bytes; a larger one is answered with 413.
    pub body_bytes_max: u64,
    /// How many requests a process serves before it is replaced; 0: no limit.
    pub requests_max: u64,
    /// How long a process lives before it is replaced; zero: no limit.
    pub lifetime: Duration,
    /// How much memory (RSS) a process may take before it is replaced; 0: no limit.
    pub memory_bytes_max: u64,
    pub reload: Reload,
    /// How many processes died or were replaced because of what they did.
    replaced: Arc<AtomicU64>,
    /// Whom its processes run as; `None`: as whom the server runs.
    pub(crate) identity: Option<Identity>,
    /// The group that reads large request bodies, if it is not the server's.
    pub(crate) file_group: Option<u32>,
    /// What they may reach; `None`: whatever the server may.
    #[cfg(feature = "cli")]
    pub(crate) confinement: Option<Reach>,
    /// The same as it is written. A process that has given rights up can mean others by it, because it sees less of the
    /// disk.
    pub(crate) written_rights: WrittenRights,
}

/// What a configuration says of the rights of an application.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct WrittenRights {
    pub(crate) is_confined: bool,
    pub(crate) has_network: bool,
    pub(crate) readable: Vec<PathBuf>,
    /// `None`: its directory.
    pub(crate) writable: Option<Vec<PathBuf>>,
}

/// Whether the processes are replaced when a source file changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reload {
    #[default]
    Never,
    OnChange,
}

impl Application {
    /// `target` in one process with four threads, run by this interpreter in the working directory.
    pub fn new(target: &str, python: PathBuf) -> Application {
        Application {
            id: next_id(),
            target: target.to_owned(),
            python,
            directory: PathBuf::from("."),
            environment: Vec::new(),
            processes: 1,
            threads: 4,
            timeout: Duration::from_secs(30),
            stream_timeout: Duration::from_secs(3600),
            body_bytes_max: 128 * 1024 * 1024,
            requests_max: 0,
            lifetime: Duration::ZERO,
            memory_bytes_max: 0,
            reload: Reload::Never,
            replaced: Arc::default(),
            identity: None,
            file_group: None,
            #[cfg(feature = "cli")]
            confinement: None,
            written_rights: WrittenRights::default(),
        }
    }

    /// Its number, which no other application in this process has.
    pub fn id(&self) -> u64 {
        self.id.load(Ordering::Relaxed)
    }

    /// A number that another process of this program has for the same application, if both have read it in the same
    /// configuration, and for no other.
    pub(crate) fn fingerprint(&self) -> u32 {
        let mut hasher = DefaultHasher::new();
        (&self.target, &self.python, &self.directory, &self.environment).hash(&mut hasher);
        format!("{:?}", self.identity).hash(&mut hasher);
        self.written_rights.hash(&mut hasher);
        hasher.finish() as u32
    }

    /// Whether the same is run, in the same way.
    pub(crate) fn is_same(&self, other: &Application) -> bool {
        // All fields, so that none is forgotten.
        let Application {
            id: _,
            target,
            python,
            directory,
            environment,
            processes,
            threads,
            timeout,
            stream_timeout,
            body_bytes_max,
            requests_max,
            lifetime,
            memory_bytes_max,
            reload,
            replaced: _,
            identity,
            file_group,
            #[cfg(feature = "cli")]
                confinement: _,
            written_rights,
        } = self;
        if (identity, file_group, written_rights)
            != (&other.identity, &other.file_group, &other.written_rights)
        {
            return false;
        }
        (target, python, directory, environment, reload)
            == (&other.target, &other.python, &other.directory, &other.environment, &other.reload)
            && (processes, threads, timeout, stream_timeout)
                == (&other.processes, &other.threads, &other.timeout, &other.stream_timeout)
            && (body_bytes_max, requests_max, lifetime, memory_bytes_max)
                == (
                    &other.body_bytes_max,
                    &other.requests_max,
                    &other.lifetime,
                    &other.memory_bytes_max,
                )
    }

    /// Becomes the same application as one whose processes run: they serve its requests.
    pub(crate) fn continue_as(&self, running: &Application) {
        self.id.store(running.id(), Ordering::Relaxed);
    }

    /// A process died, or is replaced because of what it did.
    pub(crate) fn note_replaced(&self) {
        self.replaced.fetch_add(1, Ordering::Relaxed);
    }

    /// How many there were.
    pub(crate) fn replaced(&self) -> u64 {
        self.replaced.load(Ordering::Relaxed)
    }

    /// What is run, in how many processes and threads and by which Python, in words.
    pub fn summary(&self) -> String {
        let python = self.python.display();
        format!("{}, {} x {} threads, run by {python}", self.target, self.processes, self.threads)
    }

    /// Another application that differs from this one by the change.
    pub fn changed(mut self, change: impl FnOnce(&mut Application)) -> Application {
        change(&mut self);
        self.id = next_id();
        self
    }
}

fn next_id() -> Arc<AtomicU64> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    Arc::new(AtomicU64::new(NEXT.fetch_add(1, Ordering::Relaxed)))
}
