//! Lists of system calls (seccomp). To a process, the kernel does not have the others: they fail with `ENOSYS`, by
//! which the C library falls back to an older call, and which ends no process whose list forgot one on a rare path.
//!
//! The kernel finds out when a list is installed which calls pass whatever their arguments are, and asks it only about
//! the others (Linux 5.11): so the order of a list does not matter, and arguments are looked at where it is rare.

use std::collections::BTreeMap;
use std::io;

use nix::libc::{self, c_long};
use seccompiler::{
    BackendError, BpfProgram, Error, SeccompAction, SeccompCmpArgLen, SeccompCmpOp,
    SeccompCondition, SeccompFilter, SeccompRule, TargetArch, apply_filter, sock_filter,
};

use super::Calls;

/// What is looked at of a call: its arguments by their numbers, all of them.
struct Argument {
    call: c_long,
    all: Vec<(u8, Is)>,
}

enum Is {
    Equal(u64),
    Other(u64),
    /// These bits, and no others of the mask.
    Bits {
        mask: u64,
        bits: u64,
    },
    /// The pointer is null.
    Null,
}

/// Confines this thread and all that it starts; how many calls the list has. `None`: this kernel has no seccomp, or
/// this processor has no list.
///
/// # Errors
/// When the kernel refuses.
pub(super) fn restrict(calls: Calls) -> io::Result<Option<usize>> {
    let Ok(architecture) = TargetArch::try_from(std::env::consts::ARCH) else {
        return Ok(None);
    };
    if architecture == TargetArch::riscv64 {
        return Ok(None);
    }
    let programs = programs(calls, architecture).map_err(io::Error::other)?;
    let count = programs.iter().map(|(_, count)| count).sum();
    for (program, _) in &programs {
        match apply_filter(program) {
            Ok(()) => {}
            Err(Error::Seccomp(error)) if error.raw_os_error() == Some(libc::ENOSYS) => {
                return Ok(None);
            }
            // The kernel was built without filters, or a list of the service manager has no seccomp(2).
            Err(Error::Seccomp(error))
                if matches!(error.raw_os_error(), Some(libc::EINVAL | libc::EPERM)) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(io::Error::other(error)),
        }
    }
    Ok(Some(count))
}

fn programs(
    calls: Calls,
    architecture: TargetArch,
) -> Result<Vec<(BpfProgram, usize)>, BackendError> {
    let lacking = SeccompAction::Errno(libc::ENOSYS as u32);
    let refused = SeccompAction::Errno(libc::EACCES as u32);
    let allowed = SeccompAction::Allow;
    let program = |calls: BTreeMap<_, _>, otherwise, then| {
        let count = calls.len();
        let program = SeccompFilter::new(calls, otherwise, then, architecture)?.try_into()?;
        Ok((program, count))
    };
    match calls {
        Calls::Serving { daemons, listens } => {
            let mut arguments = serving_arguments();
            let mut listed = SERVING.to_vec();
            if daemons || listens {
                arguments.push(Argument::of(libc::SYS_socket, 0, Is::Equal(libc::AF_UNIX as u64)));
                listed.push(libc::SYS_bind);
            }
            if daemons {
                listed.push(libc::SYS_connect);
                arguments.extend(internet(libc::SOCK_DGRAM));
            }
            if listens {
                arguments.extend(internet(libc::SOCK_STREAM));
                // A socket that was made to listen could connect by the first bytes that it sends.
                listed.retain(|call| SENDING.iter().all(|(sends, _)| sends != call));
                let fast = libc::MSG_FASTOPEN as u64;
                let plain = |(call, flags): &(c_long, u8)| {
                    Argument::of(*call, *flags, Is::Bits { mask: fast, bits: 0 })
                };
                arguments.extend(SENDING.iter().map(plain));
            }
            Ok(vec![program(table(&listed, arguments)?, lacking, allowed)?])
        }
        Calls::Application { network } => {
            let administration = table(ADMINISTRATION, application_arguments())?;
            let mut programs = vec![program(administration, allowed.clone(), lacking)?];
            if cfg!(target_arch = "x86_64") {
                programs.push((without_x32(), 0));
            }
            if !network {
                let others = Argument::of(libc::SYS_socket, 0, Is::Other(libc::AF_UNIX as u64));
                programs.push(program(table(&[], vec![others])?, allowed, refused)?);
            }
            Ok(programs)
        }
    }
}

/// Calls that match whatever their arguments are, and those that match by one of these arguments.
fn table(
    calls: &[c_long],
    arguments: Vec<Argument>,
) -> Result<BTreeMap<c_long, Vec<SeccompRule>>, BackendError> {
    let mut table: BTreeMap<c_long, Vec<SeccompRule>> =
        calls.iter().map(|call| (*call, Vec::new())).collect();
    use SeccompCmpArgLen::{Dword, Qword};
    use SeccompCmpOp::{Eq, MaskedEq, Ne};
    for Argument { call, all } in arguments {
        let conditions = all.into_iter().map(|(number, is)| match is {
            Is::Equal(value) => SeccompCondition::new(number, Dword, Eq, value),
            Is::Other(value) => SeccompCondition::new(number, Dword, Ne, value),
            Is::Bits { mask, bits } => SeccompCondition::new(number, Dword, MaskedEq(mask), bits),
            Is::Null => SeccompCondition::new(number, Qword, Eq, 0),
        });
        let conditions = conditions.collect::<Result<Vec<_>, _>>()?;
        table.entry(call).or_default().push(SeccompRule::new(conditions)?);
    }
    Ok(table)
}

impl Argument {
    fn of(call: c_long, number: u8, is: Is) -> Argument {
        Argument { call, all: vec![(number, is)] }
    }
}

/// Sockets of this type to other machines.
fn internet(kind: i32) -> [Argument; 2] {
    [libc::AF_INET, libc::AF_INET6].map(|family| {
        // The other bits are flags.
        let is_kind = Is::Bits { mask: 0xf, bits: kind as u64 };
        Argument { call: libc::SYS_socket, all: vec![(0, Is::Equal(family as u64)), (1, is_kind)] }
    })
}

fn serving_arguments() -> Vec<Argument> {
    let equal = |call, number, value: u64| Argument::of(call, number, Is::Equal(value));
    let bits =
        |call, number, mask: u64, bits: u64| Argument::of(call, number, Is::Bits { mask, bits });
    let namespaces = NAMESPACES.iter().fold(0, |all, one| all | one);
    let thread = libc::CLONE_THREAD as u64;
    let executable = libc::PROT_EXEC as u64;
    let mut arguments = vec![
        // Threads, and no processes. The flags of clone3 cannot be seen here: the C library falls back to this.
        bits(libc::SYS_clone, 0, thread | namespaces, thread),
        // No memory that can be run.
        bits(libc::SYS_mmap, 2, executable, 0),
        bits(libc::SYS_mprotect, 2, executable, 0),
        equal(libc::SYS_socketpair, 0, libc::AF_UNIX as u64),
        // An abort signals the process itself.
        equal(libc::SYS_tgkill, 0, std::process::id().into()),
        // Limits are read, and not set.
        Argument::of(libc::SYS_prlimit64, 2, Is::Null),
    ];
    let controls = [libc::FIONBIO, libc::FIONREAD, libc::FIOCLEX, libc::TCGETS, libc::TIOCGWINSZ];
    let controls = controls.into_iter().chain([TCGETS2]);
    arguments.extend(controls.map(|it| equal(libc::SYS_ioctl, 1, it)));
    // The first is how the C library names its memory; the second reads what the kernel told of the system.
    let settings = [0x5356_4d41, 0x4155_5856, libc::PR_SET_NAME, libc::PR_GET_NAME];
    arguments.extend(settings.iter().map(|it| equal(libc::SYS_prctl, 0, *it as u64)));
    arguments
}

fn application_arguments() -> Vec<Argument> {
    let is_new = |bit: &u64| Argument::of(libc::SYS_clone, 0, Is::Bits { mask: *bit, bits: *bit });
    NAMESPACES.iter().map(is_new).collect()
}

/// Fails every call of the ABI with 32-bit pointers, whose numbers are others.
fn without_x32() -> BpfProgram {
    const X32: u32 = 0x4000_0000;
    let code = |code: u32| code as u16;
    let word = code(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS);
    let jump = code(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K);
    let end = code(libc::BPF_RET | libc::BPF_K);
    vec![
        // The number of the call is the first word.
        sock_filter { code: word, jt: 0, jf: 0, k: 0 },
        sock_filter { code: jump, jt: 0, jf: 1, k: X32 },
        sock_filter { code: end, jt: 0, jf: 0, k: libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32 },
        sock_filter { code: end, jt: 0, jf: 0, k: libc::SECCOMP_RET_ALLOW },
    ]
}

/// How newer C libraries ask whether something is a terminal.
const TCGETS2: u64 = 0x802c_542a;

const NAMESPACES: &[u64] = &[
    libc::CLONE_NEWUSER as u64,
    libc::CLONE_NEWNS as u64,
    libc::CLONE_NEWNET as u64,
    libc::CLONE_NEWPID as u64,
    libc::CLONE_NEWIPC as u64,
    libc::CLONE_NEWUTS as u64,
    libc::CLONE_NEWCGROUP as u64,
];

/// Calls that send, and which of their arguments are the flags.
const SENDING: &[(c_long, u8)] =
    &[(libc::SYS_sendto, 3), (libc::SYS_sendmsg, 2), (libc::SYS_sendmmsg, 3)];

// New calls have the same number everywhere.
const NEW_FUTEX_WAKE: c_long = 454;
const NEW_FUTEX_WAIT: c_long = 455;
const NEW_FUTEX_REQUEUE: c_long = 456;
const NEW_EPOLL_PWAIT2: c_long = 441;
const NEW_FCHMODAT2: c_long = 452;

/// What serving takes: found by `strace` under traffic of all kinds (files, uploads, forms, TLS, HTTP/2, applications,
/// logs, reloads, renewals and upgrades), with the older and the newer calls for the same thing, which other versions of
/// the C library make. Nothing here runs a program, makes a socket, connects one, or sends a signal to another process;
/// what was bound before may begin to listen.
#[rustfmt::skip]
const SERVING: &[c_long] = {
    use libc::*;
    &[
        // Bytes.
        SYS_read, SYS_readv, SYS_pread64, SYS_preadv, SYS_preadv2, SYS_write, SYS_writev, SYS_pwrite64, SYS_pwritev,
        SYS_pwritev2, SYS_lseek, SYS_sendfile, SYS_splice, SYS_copy_file_range, SYS_close, SYS_close_range, SYS_dup,
        SYS_dup3, SYS_fcntl, SYS_pipe2,
        // Files.
        SYS_openat, SYS_openat2, SYS_fstat, SYS_newfstatat, SYS_statx, SYS_fstatfs, SYS_statfs, SYS_getdents64,
        SYS_readlinkat, SYS_faccessat, SYS_faccessat2, SYS_unlinkat, SYS_renameat2, SYS_linkat, SYS_mkdirat,
        SYS_fchmod, SYS_fchmodat, NEW_FCHMODAT2, SYS_utimensat, SYS_ftruncate, SYS_fallocate, SYS_fadvise64,
        SYS_readahead, SYS_fsync, SYS_fdatasync, SYS_sync_file_range, SYS_flock, SYS_getcwd, SYS_memfd_create,
        SYS_inotify_init1, SYS_inotify_add_watch, SYS_inotify_rm_watch,
        // Sockets.
        SYS_listen, SYS_accept, SYS_accept4, SYS_recvfrom, SYS_recvmsg, SYS_sendto, SYS_sendmsg, SYS_sendmmsg, SYS_recvmmsg,
        SYS_shutdown, SYS_getsockopt, SYS_setsockopt, SYS_getsockname, SYS_getpeername,
        // Waiting.
        SYS_epoll_create1, SYS_epoll_ctl, SYS_epoll_pwait, NEW_EPOLL_PWAIT2, SYS_ppoll, SYS_pselect6, SYS_eventfd2,
        SYS_timerfd_create, SYS_timerfd_settime, SYS_timerfd_gettime, SYS_nanosleep, SYS_clock_nanosleep,
        SYS_restart_syscall,
        // Memory.
        SYS_munmap, SYS_mremap, SYS_madvise, SYS_brk, SYS_mincore, SYS_membarrier,
        // Threads and signals.
        SYS_futex, SYS_futex_waitv, NEW_FUTEX_WAKE, NEW_FUTEX_WAIT, NEW_FUTEX_REQUEUE, SYS_set_robust_list, SYS_get_robust_list,
        SYS_rseq, SYS_set_tid_address, SYS_gettid, SYS_getpid, SYS_getppid, SYS_exit, SYS_exit_group,
        SYS_sched_yield, SYS_sched_getaffinity, SYS_sched_getscheduler, SYS_sched_getparam, SYS_setpriority,
        SYS_getpriority, SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_rt_sigpending,
        SYS_rt_sigtimedwait, SYS_sigaltstack, SYS_wait4, SYS_waitid,
        // What is asked of the system.
        SYS_clock_gettime, SYS_clock_getres, SYS_gettimeofday, SYS_getrandom, SYS_getuid, SYS_geteuid, SYS_getgid,
        SYS_getegid, SYS_getresuid, SYS_getresgid, SYS_getgroups, SYS_getrusage, SYS_sysinfo, SYS_uname, SYS_times,
        SYS_getcpu,
        // What 64-bit ARM never had.
        #[cfg(target_arch = "x86_64")] SYS_open,
        #[cfg(target_arch = "x86_64")] SYS_stat,
        #[cfg(target_arch = "x86_64")] SYS_lstat,
        #[cfg(target_arch = "x86_64")] SYS_access,
        #[cfg(target_arch = "x86_64")] SYS_readlink,
        #[cfg(target_arch = "x86_64")] SYS_getdents,
        #[cfg(target_arch = "x86_64")] SYS_unlink,
        #[cfg(target_arch = "x86_64")] SYS_rmdir,
        #[cfg(target_arch = "x86_64")] SYS_rename,
        #[cfg(target_arch = "x86_64")] SYS_renameat,
        #[cfg(target_arch = "x86_64")] SYS_link,
        #[cfg(target_arch = "x86_64")] SYS_mkdir,
        #[cfg(target_arch = "x86_64")] SYS_dup2,
        #[cfg(target_arch = "x86_64")] SYS_pipe,
        #[cfg(target_arch = "x86_64")] SYS_poll,
        #[cfg(target_arch = "x86_64")] SYS_select,
        #[cfg(target_arch = "x86_64")] SYS_epoll_create,
        #[cfg(target_arch = "x86_64")] SYS_epoll_wait,
        #[cfg(target_arch = "x86_64")] SYS_eventfd,
        #[cfg(target_arch = "x86_64")] SYS_inotify_init,
        #[cfg(target_arch = "x86_64")] SYS_time,
        #[cfg(target_arch = "x86_64")] SYS_getrlimit,
        #[cfg(target_arch = "aarch64")] SYS_renameat,
    ]
};

/// What changes the system or looks into other processes, and parts of the kernel that were the way out of many a
/// sandbox. An application has no use for them.
#[rustfmt::skip]
const ADMINISTRATION: &[c_long] = {
    use libc::*;
    &[
        SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_fsopen, SYS_fsconfig, SYS_fsmount, SYS_fspick,
        SYS_move_mount, SYS_open_tree, SYS_mount_setattr, SYS_swapon, SYS_swapoff, SYS_quotactl, SYS_quotactl_fd,
        SYS_unshare, SYS_setns, SYS_clone3,
        SYS_reboot, SYS_kexec_load, SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_acct, SYS_syslog,
        SYS_sethostname, SYS_setdomainname, SYS_settimeofday, SYS_clock_settime, SYS_clock_adjtime, SYS_adjtimex,
        SYS_vhangup,
        SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_pidfd_getfd, SYS_kcmp, SYS_personality,
        SYS_bpf, SYS_perf_event_open, SYS_userfaultfd, SYS_io_uring_setup, SYS_io_uring_enter,
        SYS_io_uring_register, SYS_add_key, SYS_request_key, SYS_keyctl, SYS_fanotify_init,
        SYS_name_to_handle_at, SYS_open_by_handle_at,
        #[cfg(target_arch = "x86_64")] SYS_kexec_file_load,
        #[cfg(target_arch = "x86_64")] SYS_iopl,
        #[cfg(target_arch = "x86_64")] SYS_ioperm,
        #[cfg(target_arch = "x86_64")] SYS_modify_ldt,
        #[cfg(target_arch = "x86_64")] SYS_uselib,
        #[cfg(target_arch = "x86_64")] SYS_ustat,
        #[cfg(target_arch = "x86_64")] SYS_sysfs,
    ]
};

#[cfg(test)]
mod tests {
    use super::*;
    use socket2::{Domain, Socket, Type};
    use std::net::{TcpListener, TcpStream};
    use std::process::Command;

    /// Whether a call is refused in a thread that is confined like this.
    fn confined<T: Send + 'static>(
        calls: Calls,
        then: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let thread = std::thread::spawn(move || {
            let holds = restrict(calls).expect("the kernel takes it").is_some();
            holds.then(then)
        });
        thread.join().expect("nothing panics")
    }

    #[test]
    fn lists_are_programs_on_both_processors() {
        for architecture in [TargetArch::x86_64, TargetArch::aarch64] {
            for calls in [
                Calls::Serving { daemons: false, listens: false },
                Calls::Serving { daemons: true, listens: true },
                Calls::Application { network: false },
                Calls::Application { network: true },
            ] {
                let programs = programs(calls, architecture).expect("they are valid");
                assert!(programs.iter().any(|(_, count)| *count > 0), "{calls:?}");
            }
        }
    }

    #[test]
    fn a_serving_thread_runs_no_program_and_has_no_sockets_but_pairs() {
        let calls = Calls::Serving { daemons: false, listens: false };
        let outcome = confined(calls, || {
            let run = Command::new("/bin/true").spawn().map(drop).map_err(|it| it.to_string());
            let socket = std::net::UdpSocket::bind("127.0.0.1:0").map(drop).is_ok();
            let local = std::os::unix::net::UnixDatagram::unbound().is_ok();
            let pair = std::os::unix::net::UnixStream::pair().is_ok();
            let thread = std::thread::spawn(|| Command::new("/bin/true").spawn().is_ok()).join();
            (run, socket, local, pair, thread.expect("it ends"))
        });
        let Some((run, socket, local, pair, by_thread)) = outcome else { return };
        run.expect_err("there are no other programs");
        assert_eq!((socket, local, pair, by_thread), (false, false, true, false));
    }

    #[test]
    fn a_thread_that_may_listen_or_send_logs_connects_no_stream() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it has one");
        let listens = confined(Calls::Serving { daemons: false, listens: true }, move || {
            let stream = TcpStream::connect(address).is_ok();
            let datagram = std::net::UdpSocket::bind("127.0.0.1:0").is_ok();
            let listens = TcpListener::bind("127.0.0.1:0").is_ok();
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("one to listen");
            let sent = socket.send_to_with_flags(b"x", &address.into(), libc::MSG_FASTOPEN);
            (stream, datagram, listens, sent.is_ok())
        });
        assert_eq!(listens.unwrap_or((false, false, true, false)), (false, false, true, false));
        let daemons = confined(Calls::Serving { daemons: true, listens: false }, move || {
            let stream = TcpStream::connect(address).is_ok();
            let datagram = std::net::UdpSocket::bind("127.0.0.1:0").is_ok();
            (stream, datagram, TcpListener::bind("127.0.0.1:0").is_ok())
        });
        assert_eq!(daemons.unwrap_or((false, true, false)), (false, true, false));
    }

    #[test]
    fn an_application_has_a_network_only_if_it_may() {
        let socket = || std::net::UdpSocket::bind("127.0.0.1:0").map(drop).map_err(|it| it.kind());
        let refused = confined(Calls::Application { network: false }, socket);
        assert_eq!(
            refused.unwrap_or(Err(io::ErrorKind::PermissionDenied)),
            Err(io::ErrorKind::PermissionDenied)
        );
        let allowed = confined(Calls::Application { network: true }, socket);
        assert_eq!(allowed.unwrap_or(Ok(())), Ok(()));
    }

    #[test]
    fn an_application_runs_programs_and_threads_and_makes_no_namespaces() {
        let outcome = confined(Calls::Application { network: false }, || {
            let run = Command::new("/bin/true").status().is_ok_and(|it| it.success());
            let thread = std::thread::spawn(|| true).join().unwrap_or(false);
            let apart = Command::new("unshare").args(["-U", "true"]).output().map(|it| it.status);
            (run, thread, apart.is_ok_and(|it| it.success()))
        });
        assert_eq!(outcome.unwrap_or((true, true, false)), (true, true, false));
    }
}
