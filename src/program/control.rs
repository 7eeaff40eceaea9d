//! Commands to a server that runs: `httpd reload` finds it, tells it what to do, and waits for what comes of it.
//!
//! The server listens on a Unix socket whose name comes from the path of its configuration (or, without one, from its
//! working directory), so that nobody has to say where it is, and nothing has to be kept in step with the process. A
//! file with a process id could be stale, would have to be written somewhere, and a signal cannot answer. The name is
//! in the kernel, not in the file system: there is no directory to make and no file to leave. The kernel says who
//! connects: the user of the server and root may, nobody else. The other way round, the command believes a server of its
//! own user or of root; root believes every server, which can only lie to it.
//!
//! The first server with a configuration has the name. Another one, which somebody tries out with `-p`, is reached by its
//! signals.

use std::fmt;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::failure::Failure;
use crate::sys::control_socket::{self, Peer};
use crate::sys::signal;

/// What a command asks of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Reload,
}

/// A command, whose sender waits.
pub(crate) struct Command {
    pub(crate) order: Order,
    reply: mpsc::Sender<Result<(), Failure>>,
}

/// The server's end.
pub(crate) struct Control {
    commands: mpsc::Receiver<Command>,
    woken: UnixStream,
}

impl Control {
    /// Listens for commands, on a thread. `None`: there will be none, and the log says why.
    pub(crate) fn listen(config: Option<&Path>) -> Option<Control> {
        match Control::try_listen(config) {
            Ok(control) => Some(control),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                let id = std::process::id();
                log::info!(
                    "another process takes the commands for this configuration (httpd reload); process {id} takes signals"
                );
                None
            }
            Err(error) => {
                log::warn!("httpd reload will not find this server; it takes signals: {error}");
                None
            }
        }
    }

    fn try_listen(config: Option<&Path>) -> io::Result<Control> {
        let key = key(config)?;
        let listener = control_socket::listen(&name(&key))?;
        let (sender, commands) = mpsc::channel();
        let (wake, woken) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        woken.set_nonblocking(true)?;
        let serve = move || serve(&listener, &key, &sender, &wake);
        // Signals are for other threads.
        let _held = signal::hold();
        thread::Builder::new().name("control".to_owned()).spawn(serve)?;
        Ok(Control { commands, woken })
    }

    /// The commands that have come.
    pub(crate) fn pending(&mut self) -> Vec<Command> {
        while matches!((&self.woken).read(&mut [0; 64]), Ok(1..)) {}
        self.commands.try_iter().collect()
    }
}

/// Readable when there are commands.
impl AsFd for Control {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.woken.as_fd()
    }
}

impl Command {
    /// Says what came of it. A command that is dropped without was not carried out.
    pub(crate) fn answer(self, outcome: Result<(), Failure>) {
        // Whoever sent it may have gone.
        let _ = self.reply.send(outcome);
    }
}

/// One connection after the other: a second command waits for the first.
fn serve(listener: &UnixListener, key: &Path, commands: &mpsc::Sender<Command>, wake: &UnixStream) {
    loop {
        match listener.accept() {
            Ok((connection, _)) => {
                if let Err(error) = converse(connection, key, commands, wake) {
                    log::debug!("a command: {error}");
                }
            }
            Err(error) => {
                log::error!("taking commands: {error}");
                thread::sleep(PAUSE);
            }
        }
    }
}

fn converse(
    mut connection: UnixStream,
    key: &Path,
    commands: &mpsc::Sender<Command>,
    wake: &UnixStream,
) -> io::Result<()> {
    let peer = control_socket::peer(&connection)?;
    if !peer.may_command() {
        log::warn!("process {} of another user sent a command; it is refused", peer.process);
        return respond(
            &mut connection,
            Err(Failure::of_usage(["the server runs as another user"])),
        );
    }
    connection.set_read_timeout(Some(TALK_TIME))?;
    connection.set_write_timeout(Some(TALK_TIME))?;
    let mut request = Vec::new();
    (&connection).take(REQUEST_BYTES_MAX).read_to_end(&mut request)?;
    let (word, asked) = match request.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&request[..end], &request[end + 1..]),
        None => (&request[..], &[][..]),
    };
    // Two paths may have the same name, which is short.
    if asked != key.as_os_str().as_bytes() {
        let message = format!("the server that runs has another configuration: {}", key.display());
        return respond(&mut connection, Err(Failure::of_usage([message])));
    }
    let Some(order) = Order::read(word) else {
        let message = "the server that runs is of another version and does not know this command";
        return respond(&mut connection, Err(Failure::of_usage([message])));
    };
    log::info!("process {} sent the command {order}", peer.process);
    let (reply, outcome) = mpsc::channel();
    let _ = commands.send(Command { order, reply });
    let _ = (&*wake).write(b"!");
    let outcome = outcome.recv().unwrap_or_else(|_| Err(Failure::of_usage(["the server stops"])));
    respond(&mut connection, outcome)
}

fn respond(connection: &mut UnixStream, outcome: Result<(), Failure>) -> io::Result<()> {
    let text = match outcome {
        Ok(()) => DONE.to_owned(),
        Err(failure) => format!("{FAILED}{}", failure.lines.join("\n")),
    };
    connection.write_all(text.as_bytes())
}

/// Tells the server with this configuration what to do, and waits until it is done.
///
/// # Errors
/// What the server says; or that none runs.
pub(super) fn command(config: Option<&Path>, order: Order) -> Result<(), Failure> {
    let nobody = |error: io::Error| {
        let of = match config {
            Some(path) => format!("with {}", path.display()),
            None => "without a configuration in this directory; -c FILE names that of another"
                .to_owned(),
        };
        match error.kind() {
            io::ErrorKind::ConnectionRefused => {
                Failure::at_run_time(format!("no server runs {of}"))
            }
            _ => Failure::at_run_time(format!("cannot reach the server {of}: {error}")),
        }
    };
    let key = key(config).map_err(|error| match config {
        Some(path) => Failure::of_usage([format!("cannot find {}: {error}", path.display())]),
        None => Failure::at_run_time(error),
    })?;
    let mut connection = control_socket::connect(&name(&key)).map_err(nobody)?;
    let peer: Peer = control_socket::peer(&connection).map_err(nobody)?;
    if !peer.is_trusted() {
        return Err(Failure::of_usage([format!(
            "process {}, which takes the commands for this configuration, is of another user",
            peer.process
        )]));
    }
    let request = [order.word().as_bytes(), b"\n", key.as_os_str().as_bytes()].concat();
    let mut response = String::new();
    connection
        .write_all(&request)
        .and_then(|()| connection.shutdown(std::net::Shutdown::Write))
        .and_then(|()| connection.take(RESPONSE_BYTES_MAX).read_to_string(&mut response))
        .map_err(nobody)?;
    match response.strip_prefix(FAILED) {
        _ if response == DONE => Ok(()),
        Some(lines) => Err(Failure::of_usage(lines.lines())),
        None => {
            let message = format!("process {} has ended before it was done", peer.process);
            Err(Failure::at_run_time(message))
        }
    }
}

/// What a server is known by.
fn key(config: Option<&Path>) -> io::Result<PathBuf> {
    match config {
        Some(path) => std::fs::canonicalize(path),
        None => std::env::current_dir(),
    }
}

/// The name of the socket: as long for every path. This sum (FNV-1a) never changes, so that a program finds a server of
/// another version.
fn name(key: &Path) -> String {
    let add = |sum: u64, byte: &u8| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    let sum = key.as_os_str().as_bytes().iter().fold(0xcbf2_9ce4_8422_2325, add);
    format!("httpd-control-{sum:016x}")
}

impl Order {
    fn word(self) -> &'static str {
        match self {
            Order::Reload => "reload",
        }
    }

    fn read(word: &[u8]) -> Option<Order> {
        [Order::Reload].into_iter().find(|order| order.word().as_bytes() == word)
    }
}

impl fmt::Display for Order {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.word())
    }
}

const DONE: &str = "done\n";
const FAILED: &str = "failed\n";

/// How long a command may take to be sent, and its answer to be taken.
const TALK_TIME: Duration = Duration::from_secs(5);

/// A word and a path.
const REQUEST_BYTES_MAX: u64 = 8 * 1024;

/// As many errors as anybody reads.
const RESPONSE_BYTES_MAX: u64 = 1024 * 1024;

/// When descriptors have run out.
const PAUSE: Duration = Duration::from_secs(1);
