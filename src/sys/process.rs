//! This program as a process: starting it once more, and what the kernel keeps for it. Knows nothing
//! of what it is started for.

use super::malloc;
use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command};

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, setpriority_process};
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
) -> io::Result<Child> {
    let mut command = Command::new(own_program().ok_or(io::ErrorKind::NotFound)?);
    if let Some(name) = std::env::args_os().next() {
        command.arg0(name);
    }
    command.args(arguments).stdin(stdin).spawn()
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
    let stat = std::fs::read(format!("/proc/{id}/stat")).unwrap_or_default();
    // The name, in parentheses, may hold any bytes.
    let after_name = memchr::memrchr(b')', &stat).map_or(&stat[..], |end| &stat[end + 1..]);
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

/// Takes what standard input is, closed on exec, and leaves `/dev/null` in its place, so that no
/// program which this one may start has it as well.
///
/// # Errors
/// When out of descriptors.
pub(crate) fn take_stdin() -> io::Result<OwnedFd> {
    let taken = io::stdin().as_fd().try_clone_to_owned()?;
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
pub(crate) fn read_sealed(file: OwnedFd, bytes_max: usize) -> io::Result<Vec<u8>> {
    let file = File::from(file);
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
    fn what_is_sealed_is_read_whole_by_everyone_and_changed_by_no_one() {
        let sealed = sealed(b"contents").expect("memory is left");
        for _ in 0..2 {
            let again = sealed.try_clone().expect("a descriptor is left");
            assert_eq!(read_sealed(again, 8).expect("it is there"), b"contents");
        }
        let again = sealed.try_clone().expect("a descriptor is left");
        let error = read_sealed(again, 7).expect_err("it is larger");
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        let mut file = File::from(sealed);
        assert!(file.write_all(b"more").is_err());
        assert!(file.set_len(0).is_err());
    }
}
