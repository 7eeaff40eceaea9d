//! What is to be run in processes of its own, and within which bounds.
//!
//! It must never know how it is run, or reached.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// An application.
#[derive(Clone, Debug)]
pub struct Application {
    id: u64,
    /// `package.module:callable`.
    pub target: String,
    /// The interpreter.
    pub python: PathBuf,
    /// The working directory, from which modules are imported.
    pub directory: PathBuf,
    /// Variables of the environment beside those of the server.
    pub environment: Vec<(String, String)>,
    pub processes: usize,
    /// In each process.
    pub threads: usize,
    /// For a request to find a free thread, then 503; and from when it has begun to the first of its
    /// answer, then 504 and another process.
    pub timeout: Duration,
    /// For an answer that has begun to say more, while its client stays. Event streams are quiet for
    /// long.
    pub stream_timeout: Duration,
    /// Content of a request, in bytes; more is answered with 413.
    pub body_bytes_max: u64,
    /// A process is replaced after so many requests; 0 is never.
    pub requests_max: u64,
    /// A process is replaced when it has lived so long; zero is never.
    pub lifetime: Duration,
    /// A process is replaced when it takes more memory than this (RSS); 0 is never.
    pub memory_bytes_max: u64,
    pub reload: Reload,
}

/// Whether a change of a source file replaces the processes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reload {
    #[default]
    Never,
    OnChange,
}

impl Application {
    /// `target`, in one process of four threads, run in the working directory by this interpreter.
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
        }
    }

    /// Which one it is, among all of this process.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// What is run, how often and by which Python, for people.
    pub fn summary(&self) -> String {
        let python = self.python.display();
        format!("{}, {} x {} threads, run by {python}", self.target, self.processes, self.threads)
    }

    /// Another one, which differs in what was changed.
    pub fn changed(mut self, change: impl FnOnce(&mut Application)) -> Application {
        change(&mut self);
        self.id = next_id();
        self
    }
}

fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
