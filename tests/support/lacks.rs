//! What a test may need of the machine, and why it is not to be had here; `None` when it is.

use super::slow_disk::SlowDisk;
use super::{Folder, lossy};
use rustix::fs::{Mode, OFlags};
use rustix::io::{Errno, ReadWriteFlags};
use std::fs;
use std::io::IoSliceMut;
use std::net::{Ipv6Addr, TcpListener};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::time::Duration;

/// A test that runs everywhere.
pub fn nothing() -> Option<String> {
    None
}

pub fn curl() -> Option<String> {
    static LACK: LazyLock<Option<String>> = LazyLock::new(|| program("curl", &["--version"]));
    LACK.clone()
}

/// A browser that runs without a window.
pub fn chromium() -> Option<String> {
    static LACK: LazyLock<Option<String>> = LazyLock::new(|| program("chromium", &["--version"]));
    LACK.clone()
}

/// A curl that speaks HTTP/2.
pub fn curl_with_http_2() -> Option<String> {
    static LACK: LazyLock<Option<String>> = LazyLock::new(|| {
        match Command::new("curl").arg("--version").stdin(Stdio::null()).output() {
            Err(error) => Some(format!("curl: {error}")),
            Ok(output) if lossy(&output.stdout).contains("HTTP2") => None,
            Ok(_) => Some("curl was built without HTTP/2".to_owned()),
        }
    });
    LACK.clone()
}

pub fn nghttp() -> Option<String> {
    static LACK: LazyLock<Option<String>> = LazyLock::new(|| program("nghttp", &["--version"]));
    LACK.clone()
}

pub fn h2load() -> Option<String> {
    static LACK: LazyLock<Option<String>> = LazyLock::new(|| program("h2load", &["--version"]));
    LACK.clone()
}

/// The package h2 of Python, whose codec is not this server's.
pub fn pythons_h2() -> Option<String> {
    static LACK: LazyLock<Option<String>> =
        LazyLock::new(|| program("python3", &["-c", "import h2"]));
    LACK.clone()
}

pub fn goaccess() -> Option<String> {
    static LACK: LazyLock<Option<String>> = LazyLock::new(|| program("goaccess", &["--version"]));
    LACK.clone()
}

pub fn openssl() -> Option<String> {
    static LACK: LazyLock<Option<String>> = LazyLock::new(|| program("openssl", &["version"]));
    LACK.clone()
}

pub fn gnutls() -> Option<String> {
    static LACK: LazyLock<Option<String>> = LazyLock::new(|| program("gnutls-cli", &["--version"]));
    LACK.clone()
}

pub fn go() -> Option<String> {
    static LACK: LazyLock<Option<String>> = LazyLock::new(|| program("go", &["version"]));
    LACK.clone()
}

/// What reads units without a service manager that runs.
pub fn systemd_analyze() -> Option<String> {
    static LACK: LazyLock<Option<String>> =
        LazyLock::new(|| program("systemd-analyze", &["--version"]));
    LACK.clone()
}

/// A Python that the applications of the tests run on.
pub fn python() -> Option<String> {
    static LACK: LazyLock<Option<String>> = LazyLock::new(|| {
        let version =
            "import sys; print(*sys.version_info[:2]); sys.exit(sys.version_info < (3, 8))";
        match Command::new("python3").args(["-c", version]).stdin(Stdio::null()).output() {
            Err(error) => Some(format!("python3: {error}")),
            Ok(output) if output.status.success() => None,
            Ok(output) if output.stdout.is_empty() => Some("python3 does not run".into()),
            Ok(output) => {
                Some(format!("python3 is older than 3.8: {}", lossy(&output.stdout).trim_end()))
            }
        }
    });
    LACK.clone()
}

/// The same, and the loopback address of IPv6.
pub fn python_and_ipv6() -> Option<String> {
    python().or_else(ipv6)
}

/// To be somebody who may not do anything special, and who can reach the folders of the tests.
pub fn unprivileged() -> Option<String> {
    static LACK: LazyLock<Option<String>> = LazyLock::new(|| {
        if !rustix::process::geteuid().is_root() {
            return None;
        }
        let folder = Folder::new();
        let here = folder.here().to_str().expect("it is UTF-8");
        program("setpriv", &[&GIVE_UP[..], &["true"]].concat())
            .map(|reason| format!("the tests run as root and cannot give that up: {reason}"))
            .or_else(|| {
                program("setpriv", &[&GIVE_UP[..], &["ls", here]].concat())
                    .map(|reason| format!("others may not enter the temporary directory: {reason}"))
            })
    });
    LACK.clone()
}

/// To be root, who may become anybody.
pub fn root() -> Option<String> {
    let is_root = rustix::process::geteuid().is_root();
    (!is_root).then(|| "the tests do not run as root".into())
}

/// To be root, who may become anybody, and somebody else.
pub fn two_users() -> Option<String> {
    root().or_else(unprivileged)
}

/// A kernel that confines processes to some directories, as the program says.
#[cfg(feature = "cli")]
pub fn landlock() -> Option<String> {
    static LACK: LazyLock<Option<String>> = LazyLock::new(|| {
        let folder = Folder::with_www();
        let mut command = folder.httpd(&["-h", "127.0.0.1", "-p", "0", "www"]);
        let program = super::Program::start(&mut command);
        (!program.line.contains("Landlock ABI"))
            .then(|| format!("this kernel does not confine: {}", program.line.trim_end()))
    });
    LACK.clone()
}

/// The same, and ports below 100 that take a privilege.
#[cfg(feature = "cli")]
pub fn privileged_ports() -> Option<String> {
    let first_free = fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    let first_free = first_free.ok().and_then(|text| text.trim().parse::<u16>().ok());
    match first_free {
        Some(..100) => Some("this machine has no privileged ports".into()),
        _ => unprivileged(),
    }
}

/// A namespace of processes, as a container has one.
pub fn process_namespace() -> Option<String> {
    static LACK: LazyLock<Option<String>> =
        LazyLock::new(|| program("unshare", &[&NAMESPACE[..], &["true"]].concat()));
    LACK.clone()
}

/// A namespace of users and mounts, in which a command is root.
pub fn own_mounts() -> Option<String> {
    static LACK: LazyLock<Option<String>> = LazyLock::new(|| {
        let script = "mount -t tmpfs none /mnt && echo 2 > /proc/sys/user/max_inotify_watches";
        program("unshare", &[&OWN_MOUNTS[..], &["sh", "-c", script]].concat())
    });
    LACK.clone()
}

/// A file system of the test's own.
pub fn fuse() -> Option<String> {
    let made = SlowDisk::new(Vec::new(), Duration::ZERO);
    made.err().map(|error| format!("a FUSE file system cannot be made: {error}"))
}

/// To have thousands of connections open, and to let a program have them.
pub fn descriptors() -> Option<String> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile).maximum;
    if limit.is_some_and(|limit| limit < DESCRIPTORS_MIN) {
        return Some(format!("RLIMIT_NOFILE allows {} descriptors", limit.unwrap_or_default()));
    }
    // What is started inherits it.
    let raised = Rlimit { current: limit.map(|it| it.min(DESCRIPTORS_WANTED)), maximum: limit };
    setrlimit(Resource::Nofile, raised).err().map(|error| format!("RLIMIT_NOFILE: {error}"))
}

const DESCRIPTORS_MIN: u64 = 12_000;
const DESCRIPTORS_WANTED: u64 = 65_536;

pub fn ipv6() -> Option<String> {
    let bound = TcpListener::bind((Ipv6Addr::LOCALHOST, 0));
    bound.err().map(|error| format!("there is no IPv6: {error}"))
}

/// A file system for temporary files that says what it has in memory.
pub fn residency() -> Option<String> {
    let folder = Folder::new();
    let path = folder.write("file", "x");
    let file = rustix::fs::open(path, OFlags::RDONLY, Mode::empty()).expect("it is there");
    let mut byte = [0];
    let buffers = &mut [IoSliceMut::new(&mut byte)];
    let read = rustix::io::preadv2(&file, buffers, 0, ReadWriteFlags::NOWAIT);
    (read == Err(Errno::OPNOTSUPP))
        .then(|| "the file system does not say whether a file is in memory".into())
}

/// Why a program does not do this.
fn program(name: &str, arguments: &[&str]) -> Option<String> {
    match Command::new(name).args(arguments).stdin(Stdio::null()).output() {
        Err(error) => Some(format!("{name}: {error}")),
        Ok(output) if output.status.success() => None,
        Ok(output) => {
            let said = lossy(&output.stderr);
            Some(format!("{name}: {}", said.lines().next().unwrap_or("it fails")))
        }
    }
}

/// Arguments of `setpriv`, so that a command runs without privileges.
pub const GIVE_UP: [&str; 4] =
    ["--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"];

/// Arguments of `unshare`, so that a command is the first process of a namespace.
pub const NAMESPACE: [&str; 5] = ["--pid", "--fork", "--mount-proc", "--kill-child", "--"];

/// Arguments of `unshare`, so that a command is root where its mounts and its bounds are its own.
pub const OWN_MOUNTS: [&str; 4] = ["--user", "--map-root-user", "--mount", "--"];
