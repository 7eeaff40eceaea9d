//! This program as a process: starting it once more, and what the kernel keeps for it. Knows nothing
//! of what it is started for.

use super::malloc;
use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, WaitOptions, kill_process, kill_process_group,
    pidfd_open, setpriority_process, waitid, waitpid,
};
use rustix::thread::gettid;

/// Starts the program that this process runs, with its environment, its working directory and its
/// outputs, and with this standard input. It is the same program even when its file has been
/// replaced or removed since: the kernel keeps what runs. Without `/proc`, it is what stands at the path of the program.
///
/// # Errors
/// When the kernel has no room for another process, or there is neither `/proc` nor a program at that path.
pub(crate) fn start_again(
    arguments: impl IntoIterator<Item = OsString>,
    stdin: OwnedFd,
) -> io::Result<Own> {
    let program = own_program().ok_or(io::ErrorKind::NotFound)?;
    start(command(&program, arguments).stdin(stdin))
}

/// Starts the program at this path in the same way, in a process group of its own.
///
/// # Errors
/// When it is not there or is no program, or the kernel has no room for another process.
pub(crate) fn start_other(
    program: &Path,
    arguments: impl IntoIterator<Item = OsString>,
    stdin: OwnedFd,
) -> io::Result<Own> {
    start(command(program, arguments).stdin(stdin).process_group(0))
}

fn start(command: &mut Command) -> io::Result<Own> {
    #[cfg(feature = "cli")]
    super::notify::forget_in(command);
    Ok(Own::of(&command.spawn()?))
}

/// Becomes the program at this path, in this process, with its environment, its working directory and its outputs, and
/// with this standard input. Returns the error if it cannot; everything is as it was then.
#[cfg(feature = "cli")]
pub(crate) fn become_program(
    program: &Path,
    arguments: impl IntoIterator<Item = OsString>,
    stdin: OwnedFd,
) -> io::Error {
    let before = match self::stdin() {
        Ok(before) => before,
        Err(error) => return error,
    };
    if let Err(error) = rustix::stdio::dup2_stdin(&stdin) {
        return error.into();
    }
    let mut command = command(program, arguments);
    super::passed::forget_in(&mut command);
    let error = command.exec();
    super::signal::ignore_broken_pipes();
    let _ = rustix::stdio::dup2_stdin(&before);
    error
}

fn command(program: &Path, arguments: impl IntoIterator<Item = OsString>) -> Command {
    let mut command = Command::new(program);
    if let Some(name) = std::env::args_os().next() {
        command.arg0(name);
    }
    command.args(arguments);
    command
}

/// A child of this process, which this program has started, or the one that the process was before.
#[derive(Debug)]
pub(crate) struct Own(Pid);

impl Own {
    fn of(started: &Child) -> Own {
        Own(Pid::from_child(started))
    }

    /// The child with this id.
    ///
    /// # Errors
    /// When there is no such child.
    pub(crate) fn with_id(id: u32) -> io::Result<Own> {
        let pid = i32::try_from(id).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::NotFound)?;
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        waitid(WaitId::Pid(pid), look)?;
        Ok(Own(pid))
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.as_raw_nonzero().get().unsigned_abs()
    }

    /// Continues it if a signal has stopped it (SIGCONT). It does nothing to one that runs, or that a debugger holds.
    pub(crate) fn let_go_on(&self) {
        // This and the next fail only if it has ended; its id is not given to another before it is waited for.
        let _ = kill_process(self.0, Signal::CONT);
    }

    pub(crate) fn kill(&self) {
        let _ = kill_process(self.0, Signal::KILL);
    }

    /// Kills it and what it has started, if it leads a process group.
    pub(crate) fn kill_group(&self) {
        let _ = kill_process_group(self.0, Signal::KILL);
        self.kill();
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When it was waited for before.
    pub(crate) fn wait(&self) -> io::Result<ExitStatus> {
        loop {
            match waitpid(Some(self.0), WaitOptions::empty()) {
                Ok(Some((_, status))) => return Ok(ExitStatus::from_raw(status.as_raw())),
                Ok(None) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Whether [`start_again`] finds a program to start.
pub(crate) fn can_start_again() -> bool {
    own_program().is_some()
}

fn own_program() -> Option<PathBuf> {
    let is_there = |path: &PathBuf| path.symlink_metadata().is_ok();
    Some(PathBuf::from(OWN_PROGRAM)).filter(is_there).or_else(|| started_by().filter(is_there))
}

/// The path that the operator started this program by, whatever stands there by now. `None` if the kernel does not
/// tell.
pub(crate) fn started_by() -> Option<PathBuf> {
    if let Some(path) = malloc::started_by() {
        return Some(path);
    }
    let path = rustix::param::linux_execfn().to_bytes();
    if path.is_empty() { None } else { std::path::absolute(OsStr::from_bytes(path)).ok() }
}

/// The name of this machine.
pub(crate) fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Lets this thread have the CPU time that others leave, for the rest of its life.
pub(crate) fn yield_cpu_to_others() {
    // Linux keeps a priority for each thread: sched(7). Without it, the thread is as important as others.
    let _ = setpriority_process(Some(gettid()), LOWEST_PRIORITY);
}

/// A descriptor that becomes readable when a child has ended, even if others still hold its pipes. `None`
/// before Linux 5.3, or when out of descriptors.
pub(crate) fn end_of(child: &Child) -> Option<OwnedFd> {
    pidfd_open(Pid::from_child(child), PidfdFlags::empty()).ok()
}

/// Whether a process is stopped, by a signal (SIGSTOP, SIGTSTP) or by a debugger: proc_pid_stat(5).
pub(crate) fn is_stopped(id: u32) -> bool {
    is_stopped_by(&std::fs::read(format!("/proc/{id}/stat")).unwrap_or_default())
}

/// The same by what `/proc/<id>/stat` says.
pub(crate) fn is_stopped_by(stat: &[u8]) -> bool {
    // The name, in parentheses, may hold any bytes.
    let after_name = memchr::memrchr(b')', stat).map_or(stat, |end| &stat[end + 1..]);
    matches!(after_name.trim_ascii_start().first(), Some(b'T' | b't'))
}

/// Continues a child that a signal has stopped (SIGCONT). It does nothing to one that runs, or that a
/// debugger holds.
pub(crate) fn let_go_on(child: &Child) {
    // Fails only if it has ended.
    let _ = kill_process(Pid::from_child(child), Signal::CONT);
}

/// Names this process in lists of processes; the kernel keeps 15 bytes. One that was
/// [started again](start_again) would be called `exe` otherwise.
pub(crate) fn set_name(name: &str) {
    if let Ok(name) = CString::new(name) {
        // It serves as well under another name.
        let _ = rustix::thread::set_name(&name);
    }
}

/// Another descriptor of what standard input is.
///
/// # Errors
/// When out of descriptors.
pub(crate) fn stdin() -> io::Result<OwnedFd> {
    io::stdin().as_fd().try_clone_to_owned()
}

/// Makes this the standard input.
///
/// # Errors
/// Those of the kernel.
pub(crate) fn set_stdin(stream: &OwnedFd) -> io::Result<()> {
    Ok(rustix::stdio::dup2_stdin(stream)?)
}

/// Takes what standard input is, closed on exec, and leaves `/dev/null` in its place, so that no
/// program which this one may start has it as well.
///
/// # Errors
/// When out of descriptors.
pub(crate) fn take_stdin() -> io::Result<OwnedFd> {
    let taken = stdin()?;
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    Ok(taken)
}

/// A file in memory that has no name and that nobody can change, for other processes to read.
///
/// # Errors
/// When out of descriptors or memory.
pub(crate) fn sealed(contents: &[u8]) -> io::Result<OwnedFd> {
    let file = memfd_create("sealed", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    let mut file = File::from(file);
    file.write_all(contents)?;
    fcntl_add_seals(&file, SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK)?;
    Ok(file.into())
}

/// All of a [`sealed`] file, of which `bytes_max` is a bound.
///
/// # Errors
/// `InvalidData` when it is larger; what the kernel says when it is no file.
pub(crate) fn read_sealed(file: &OwnedFd, bytes_max: usize) -> io::Result<Vec<u8>> {
    let file = File::from(file.try_clone()?);
    let length = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
    if length > bytes_max {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut contents = vec![0; length];
    // Where others have read to is no business of this reader.
    file.read_exact_at(&mut contents, 0)?;
    Ok(contents)
}

/// What this process runs, whatever stands at that path by now.
pub(super) const OWN_PROGRAM: &str = "/proc/self/exe";

/// The niceness of what may wait for everything else.
const LOWEST_PRIORITY: i32 = 19;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_is_known_by_its_id_until_it_was_waited_for() {
        let mut child = Command::new("sleep").arg("20").spawn().expect("sleep is there");
        let own = Own::with_id(child.id()).expect("it is ours");
        assert_eq!(own.id(), child.id());
        own.kill();
        assert_eq!(own.wait().expect("it is ours").signal(), Some(9));
        for id in [child.id(), 1, u32::MAX, 0] {
            assert!(Own::with_id(id).is_err(), "{id}");
        }
        assert!(child.wait().is_err(), "it was waited for");
    }

    #[test]
    fn what_is_sealed_is_read_whole_by_everyone_and_changed_by_no_one() {
        let sealed = sealed(b"contents").expect("memory is left");
        for _ in 0..2 {
            let again = sealed.try_clone().expect("a descriptor is left");
            assert_eq!(read_sealed(&again, 8).expect("it is there"), b"contents");
        }
        let again = sealed.try_clone().expect("a descriptor is left");
        let error = read_sealed(&again, 7).expect_err("it is larger");
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        let mut file = File::from(sealed);
        assert!(file.write_all(b"more").is_err());
        assert!(file.set_len(0).is_err());
    }
}
