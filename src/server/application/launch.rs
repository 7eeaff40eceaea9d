//! Starting the interpreter of an application, with the rights that the application has.
//!
//! Rights belong to a thread, and what it starts has them too: so a thread takes its own away and starts the
//! interpreter. Nothing runs in a forked copy of this process, and no other program in between.

use crate::site::Application;
use crate::sys::broker::{BrokeredChild, broker};
use crate::sys::process::{end_of, is_stopped, is_stopped_by, let_go_on};
use crate::wsgi::BOOT;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::process::{Child, Command, ExitStatus};
use std::thread;

/// Starts the interpreter with these standard streams.
///
/// # Errors
/// When it cannot be run, or cannot be given the rights of the application.
pub(crate) fn launch(application: &Application, streams: [OwnedFd; 3]) -> io::Result<Child> {
    let start = || spawn(application, streams);
    if !has_own_rights(application) {
        return start();
    }
    thread::scope(|scope| {
        let start = || {
            take_rights_away(application)?;
            start()
        };
        let starting = thread::Builder::new().name("launch".to_owned()).spawn_scoped(scope, start);
        let panicked = |_| Err(io::Error::other("the thread that starts it panicked"));
        starting?.join().unwrap_or_else(panicked)
    })
}

/// Whether it has other rights than the server. Only the program gives it any.
fn has_own_rights(application: &Application) -> bool {
    #[cfg(feature = "cli")]
    return application.identity.is_some() || application.confinement.is_some();
    #[cfg(not(feature = "cli"))]
    application.identity.is_some()
}

fn take_rights_away(application: &Application) -> io::Result<()> {
    if let Some(identity) = &application.identity {
        identity.assume_in_thread()?;
    }
    #[cfg(feature = "cli")]
    if let Some(reach) = &application.confinement {
        let calls = crate::sys::confine::Calls::Application { network: reach.network };
        crate::sys::confine::confine(reach, calls)?;
    }
    Ok(())
}

fn spawn(application: &Application, [stdin, stdout, stderr]: [OwnedFd; 3]) -> io::Result<Child> {
    let mut python = Command::new(&application.python);
    crate::sys::malloc::forget_in(&mut python);
    if let Some(identity) = &application.identity {
        python.envs(identity.variables());
    }
    let child = python
        .args(["-c", BOOT])
        .current_dir(&application.directory)
        .envs(application.environment.iter().map(|(name, value)| (name, value)))
        .stdin(stdin)
        .stdout(stdout)
        .stderr(stderr)
        .spawn()?;
    // This fails when the process has ended already, which the slot notices in any case.
    let _ = crate::sys::descriptors::restore_for(&child);
    Ok(child)
}

/// A process of an application: a child of this process, or of its broker.
#[derive(Debug)]
pub(crate) enum Launched {
    Own {
        child: Child,
        /// Readable once it has ended.
        end: Option<OwnedFd>,
    },
    Brokered(BrokeredChild),
}

impl Launched {
    /// Starts an application; what it prints.
    ///
    /// # Errors
    /// As [`launch`].
    pub(crate) fn start(
        application: &Application,
        stdin: OwnedFd,
    ) -> io::Result<(Launched, [OwnedFd; 2])> {
        let ((stdout, its_stdout), (stderr, its_stderr)) = (io::pipe()?, io::pipe()?);
        let streams = [stdin, its_stdout.into(), its_stderr.into()];
        let outputs = [stdout.into(), stderr.into()];
        if let Some(broker) = broker() {
            let child =
                broker.start(application.fingerprint(), streams.each_ref().map(AsFd::as_fd))?;
            return Ok((Launched::Brokered(child), outputs));
        }
        let child = launch(application, streams)?;
        let end = end_of(&child);
        Ok((Launched::Own { child, end }, outputs))
    }

    pub(crate) fn id(&self) -> u32 {
        match self {
            Launched::Own { child, .. } => child.id(),
            Launched::Brokered(child) => child.id(),
        }
    }

    /// Readable once it has ended, even if others still hold its pipes.
    pub(crate) fn end(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Launched::Own { end, .. } => end.as_ref().map(AsFd::as_fd),
            Launched::Brokered(child) => Some(child.end()),
        }
    }

    /// Whether it has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        match self {
            Launched::Own { child, .. } => matches!(child.try_wait(), Ok(Some(_))),
            Launched::Brokered(child) => crate::sys::wait::is_readable(child.end()),
        }
    }

    /// Whether a signal or a debugger has stopped it.
    pub(crate) fn is_stopped(&self) -> bool {
        match self {
            Launched::Own { child, .. } => is_stopped(child.id()),
            Launched::Brokered(child) => is_stopped_by(&contents(&child.stat)),
        }
    }

    /// Continues it if a signal has stopped it.
    pub(crate) fn let_go_on(&self) {
        match self {
            Launched::Own { child, .. } => let_go_on(child),
            Launched::Brokered(child) => child.let_go_on(),
        }
    }

    /// Ends it now.
    pub(crate) fn kill(&mut self) {
        match self {
            // This fails only when the process has ended already.
            Launched::Own { child, .. } => drop(child.kill()),
            Launched::Brokered(child) => child.kill(),
        }
    }

    /// How it ended, which it has or is about to.
    ///
    /// # Errors
    /// When that cannot be known.
    pub(crate) fn wait(&mut self) -> io::Result<ExitStatus> {
        match self {
            Launched::Own { child, .. } => child.wait(),
            Launched::Brokered(child) => child.wait(),
        }
    }

    /// What proc(5) says of its memory.
    pub(crate) fn memory(&self) -> Vec<u8> {
        match self {
            Launched::Own { child, .. } => {
                std::fs::read(format!("/proc/{}/statm", child.id())).unwrap_or_default()
            }
            Launched::Brokered(child) => contents(&child.statm),
        }
    }
}

/// A short file of `/proc`, as it is now.
fn contents(file: &std::fs::File) -> Vec<u8> {
    let mut bytes = vec![0; 4096];
    let length = file.read_at(&mut bytes, 0).unwrap_or(0);
    bytes.truncate(length);
    bytes
}
