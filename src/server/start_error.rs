//! Why a server could not start, and what to do about it.

use super::access_log::AccessLog;
use super::address::{Address, AddressError};
use super::destination::Destination;
use crate::site::NetworkError;
use crate::sys::reason::{reason, reason_at};
use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why a server did not start. Nothing of it is left running.
///
/// `{:?}` shows it in the same words as `{}`, because that is what Rust prints when `main` returns an error. It becomes
/// an [`io::Error`] by `?`.
#[non_exhaustive]
pub enum StartError {
    /// No address to listen on was given.
    NoAddress,
    /// An address that cannot be read.
    BadAddress {
        /// As it was written.
        text: String,
        /// What is wrong with it.
        reason: AddressError,
    },
    /// A trusted proxy that is no network.
    BadNetwork {
        /// As it was written.
        text: String,
        /// What is wrong with it.
        reason: NetworkError,
    },
    /// An address that cannot be listened on.
    Listen {
        /// Which address.
        address: Address,
        /// What the system says.
        error: io::Error,
    },
    /// An `https://` address, and no certificate.
    NoCertificate {
        /// As it was written.
        text: String,
    },
    /// TLS cannot be set up. The text says why.
    Tls(String),
    /// The access log cannot be written.
    AccessLog {
        /// Where it is; `None` for standard output.
        path: Option<PathBuf>,
        /// What the system says.
        error: io::Error,
    },
    /// An application cannot serve. The text, perhaps of many lines, says why.
    Application(String),
    /// The server gave up waiting for an application, as [`give_up_when`](super::Server::give_up_when) asked.
    GivenUp,
    /// The server stops, or has stopped, and cannot change any more.
    Stopping,
    /// The system gave no thread, no epoll instance or the like.
    Worker(io::Error),
}

impl StartError {
    pub(super) fn listen(address: &Address, error: io::Error) -> StartError {
        StartError::Listen { address: address.clone(), error }
    }
}

impl StartError {
    pub(super) fn access_log(access_log: &AccessLog, error: io::Error) -> StartError {
        let path = access_log.destination().and_then(Destination::path).cloned();
        StartError::AccessLog { path, error }
    }
}

impl fmt::Debug for StartError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// With the kind of the error beneath it, if there is one.
impl From<StartError> for io::Error {
    fn from(error: StartError) -> io::Error {
        let kind = match &error {
            StartError::Listen { error, .. }
            | StartError::AccessLog { error, .. }
            | StartError::Worker(error) => error.kind(),
            StartError::NoAddress
            | StartError::BadAddress { .. }
            | StartError::BadNetwork { .. }
            | StartError::NoCertificate { .. } => io::ErrorKind::InvalidInput,
            StartError::Tls(_)
            | StartError::Application(_)
            | StartError::GivenUp
            | StartError::Stopping => io::ErrorKind::Other,
        };
        io::Error::new(kind, error)
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::NoAddress => {
                formatter.write_str(
                "no address to listen on: add listen(\"localhost:8080\") for this machine only, or listen(\":8080\") for \
                 everyone; or listen_nowhere(), to serve connections from elsewhere",
            )
            }
            // The reason repeats the text.
            StartError::BadAddress { text: _, reason } => write!(formatter, "cannot listen: {reason}"),
            StartError::BadNetwork { text, reason } => {
                write!(formatter, "trusted_proxies: {text:?} {reason}")
            }
            StartError::Listen { address, error } => explain(formatter, address, error),
            StartError::NoCertificate { text } if cfg!(feature = "tls") => {
                write!(formatter, "{text:?} needs a certificate: add tls(Tls::new(certificate))")
            }
            StartError::NoCertificate { text } => {
                write!(formatter, "{text:?} needs TLS: build with the feature \"tls\"")
            }
            StartError::Tls(reason) => write!(formatter, "cannot set up TLS: {reason}"),
            StartError::AccessLog { path: Some(path), error } => {
                write!(formatter, "cannot write the log {path:?}: {}", reason_at(path, error))
            }
            StartError::AccessLog { path: None, error } => {
                write!(formatter, "cannot write the access log: {}", reason(error))
            }
            StartError::Application(reason) => {
                write!(formatter, "cannot start the application {reason}")
            }
            StartError::Stopping => formatter.write_str("the server stops"),
            StartError::GivenUp => write!(formatter, "stopped before all applications served"),
            StartError::Worker(error) => {
                write!(formatter, "cannot start a worker: {}", reason(error))
            }
        }
    }
}

fn explain(
    formatter: &mut fmt::Formatter<'_>,
    address: &Address,
    error: &io::Error,
) -> fmt::Result {
    write!(formatter, "cannot listen on {address}: ")?;
    match (error.kind(), address) {
        (io::ErrorKind::AddrInUse, Address::Tcp(socket)) => {
            match crate::sys::port_holder::port_holder(*socket) {
                Some(holder) => write!(
                    formatter,
                    "{} (process {}) listens there already; stop it or choose another port",
                    holder.name, holder.pid
                ),
                None => write!(
                    formatter,
                    "another program listens there already; stop it or choose another port"
                ),
            }
        }
        (io::ErrorKind::AddrInUse, Address::Unix(_)) => {
            write!(
                formatter,
                "another program listens there, or the path is not a socket; choose another path"
            )
        }
        (io::ErrorKind::PermissionDenied, Address::Tcp(socket))
            if socket.port() < PRIVILEGED_PORTS =>
        {
            write!(
                formatter,
                "ports below {PRIVILEGED_PORTS} need privilege; run `sudo setcap cap_net_bind_service=+ep` on this program, \
             or choose a port from {PRIVILEGED_PORTS}"
            )
        }
        (_, Address::Systemd(_)) => write!(formatter, "{error}"),
        (_, Address::Unix(path)) => formatter.write_str(&reason_at(path, error)),
        (io::ErrorKind::AddrNotAvailable, _) => {
            write!(
                formatter,
                "this machine does not have that address; \":8080\" listens on all that it has"
            )
        }
        _ => formatter.write_str(&reason(error)),
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            StartError::NoAddress
            | StartError::BadAddress { .. }
            | StartError::BadNetwork { .. }
            | StartError::NoCertificate { .. }
            | StartError::Tls(_)
            | StartError::Application(_)
            | StartError::GivenUp
            | StartError::Stopping => None,
            StartError::Listen { error, .. }
            | StartError::AccessLog { error, .. }
            | StartError::Worker(error) => Some(error),
        }
    }
}

/// Linux: `net.ipv4.ip_unprivileged_port_start`, unless somebody lowered it.
const PRIVILEGED_PORTS: u16 = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn main_shows_it_in_words() {
        let error = StartError::NoAddress;
        assert_eq!(format!("{error:?}"), error.to_string());
        let error = io::Error::from(error);
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert!(error.to_string().starts_with("no address to listen on: add listen("), "{error}");
    }
}
