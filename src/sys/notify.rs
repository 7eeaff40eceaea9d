//! Messages to a service manager: sd_notify(3). It must never know when they are sent.

use std::env;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process::{self, Command};
use std::time::Duration;

/// The service manager that has started this program, if there is one.
#[derive(Debug)]
pub(crate) struct Manager {
    socket: Option<(UnixDatagram, SocketAddr)>,
}

impl Manager {
    /// The one that the environment names.
    pub(crate) fn of_environment() -> Manager {
        let Some(name) = env::var_os(SOCKET).filter(|name| !name.is_empty()) else {
            return Manager { socket: None };
        };
        let found = address(name.as_bytes()).and_then(|address| {
            let socket = UnixDatagram::unbound()?;
            // Nobody waits for a service manager that does not read.
            socket.set_nonblocking(true)?;
            Ok((socket, address))
        });
        if let Err(error) = &found {
            log::warn!("{SOCKET}={} cannot be used: {error}", name.display());
        }
        Manager { socket: found.ok() }
    }

    /// Sends assignments such as `READY=1`, one a line.
    pub(crate) fn notify(&self, assignments: &str) {
        let Some((socket, address)) = &self.socket else { return };
        if let Err(error) = socket.send_to_addr(assignments.as_bytes(), address) {
            log::debug!("sending {assignments:?} to the service manager: {error}");
        }
    }
}

fn address(name: &[u8]) -> io::Result<SocketAddr> {
    match name.split_first() {
        Some((b'@', name)) => SocketAddr::from_abstract_name(name),
        Some((b'/', _)) => SocketAddr::from_pathname(std::ffi::OsString::from_vec(name.to_vec())),
        _ => Err(io::Error::new(io::ErrorKind::Unsupported, "it is no Unix socket")),
    }
}

/// How often the service manager wants to hear that this process works, if it does: sd_watchdog_enabled(3).
pub(crate) fn watchdog() -> Option<Duration> {
    let number = |name| env::var(name).ok()?.parse::<u64>().ok();
    let is_ours = env::var_os(WATCHDOG_PID).is_none()
        || number(WATCHDOG_PID) == Some(u64::from(process::id()));
    number(WATCHDOG).filter(|time| *time > 0 && is_ours).map(Duration::from_micros)
}

/// The time of this clock that a message of a reload has with it, in microseconds.
pub(crate) fn monotonic_microseconds() -> i64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec * 1_000_000 + now.tv_nsec / 1000
}

/// Keeps from another program what is meant for this one.
pub(crate) fn forget_in(command: &mut Command) {
    for name in [SOCKET, WATCHDOG, WATCHDOG_PID, "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"] {
        command.env_remove(name);
    }
}

const SOCKET: &str = "NOTIFY_SOCKET";
const WATCHDOG: &str = "WATCHDOG_USEC";
const WATCHDOG_PID: &str = "WATCHDOG_PID";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_sockets_are_paths_or_abstract() {
        assert!(address(b"/run/systemd/notify").expect("a path").as_pathname().is_some());
        let address_of = address(b"@abstract/1").expect("an abstract name");
        assert_eq!(address_of.as_abstract_name(), Some(&b"abstract/1"[..]));
        for name in [&b"vsock:2:1"[..], b"", b"relative"] {
            assert!(address(name).is_err(), "{}", name.escape_ascii());
        }
    }
}
