//! The end of a command: finds the server, tells it what to do, and waits until it is done.

use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::Path;

use super::order::{DONE, FAILED, Order, key, name};
use crate::program::failure::Failure;
use crate::sys::control_socket::{self, Peer};

/// Tells the server with this configuration what to do, and waits until it is done. Returns what there is to say.
///
/// # Errors
/// What the server says; or that none runs.
pub(crate) fn command(config: Option<&Path>, order: Order) -> Result<String, Failure> {
    let key = key(config).map_err(|error| match config {
        Some(path) => Failure::of_usage([format!("cannot find {}: {error}", path.display())]),
        None => Failure::at_run_time(error),
    })?;
    let mut asked: Option<Peer> = None;
    for _ in 0..ATTEMPTS_MAX {
        let connection = match (control_socket::connect(&name(&key)), asked) {
            (Err(error), Some(peer)) if error.kind() == io::ErrorKind::ConnectionRefused => {
                let message = format!("process {} has ended before it was done", peer.process);
                return Err(Failure::at_run_time(message));
            }
            (connected, _) => connected.map_err(|error| nobody(config, &error))?,
        };
        let peer = control_socket::peer(&connection).map_err(|error| nobody(config, &error))?;
        if !peer.is_trusted() {
            return Err(Failure::of_usage([format!(
                "process {}, which takes the commands for this configuration, is of another user",
                peer.process
            )]));
        }
        let response = converse(connection, order, &key).map_err(|error| nobody(config, &error))?;
        match (response.strip_prefix(DONE), response.strip_prefix(FAILED)) {
            (Some(said), _) => return Ok(said.to_owned()),
            (None, Some(lines)) => {
                let failure = Failure::of_usage(lines.lines());
                // The words of a reload are about what is written in the configuration.
                let code = if order == Order::Reload { failure.code } else { FAILED_CODE };
                return Err(Failure { code, ..failure });
            }
            // It has ended, as it was told to.
            (None, None) if order == Order::Stop => return Ok(String::new()),
            // It became another program at the moment when the command arrived.
            (None, None) => asked = Some(peer),
        }
    }
    Err(Failure::at_run_time("the server has not answered"))
}

/// Sends the command. Returns all of the response: nothing, if the other end has closed before. One that refuses closes
/// without reading what was sent, and what it has said can be read all the same.
fn converse(mut connection: UnixStream, order: Order, key: &Path) -> io::Result<String> {
    let request = [order.word().as_bytes(), b"\n", key.as_os_str().as_bytes()].concat();
    let sent = connection
        .write_all(&request)
        .and_then(|()| connection.shutdown(std::net::Shutdown::Write));
    let mut response = Vec::new();
    let read = connection.read_to_end(&mut response);
    let has_closed = |error: &io::Error| {
        use io::ErrorKind::{BrokenPipe, ConnectionReset, NotConnected};
        matches!(error.kind(), BrokenPipe | ConnectionReset | NotConnected)
    };
    match sent.and(read.map(|_| ())) {
        Err(error) if !has_closed(&error) => Err(error),
        _ => Ok(String::from_utf8_lossy(&response).into_owned()),
    }
}

fn nobody(config: Option<&Path>, error: &io::Error) -> Failure {
    let of = match config {
        Some(path) => format!("with {}", path.display()),
        None => {
            "without a configuration in this directory; -c FILE names that of another".to_owned()
        }
    };
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Failure::at_run_time(format!("no server runs {of}")),
        _ => Failure::at_run_time(format!("cannot reach the server {of}: {error}")),
    }
}

/// What was tried did not work.
const FAILED_CODE: u8 = 1;

/// How often a command is sent that is not answered.
const ATTEMPTS_MAX: u32 = 10;
