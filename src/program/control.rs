//! Commands to a server that runs: `httpd reload` and others find it, tell it what to do, and wait for what comes of it.
//! This is the server's end; [`sending`] is that of the command.
//!
//! The server listens on a Unix socket whose name comes from the path of its configuration (or, without one, from its
//! working directory), so that nobody has to say where it is, and nothing has to be kept in step with the process. A
//! file with a process id could be stale, would have to be written somewhere, and a signal cannot answer. The name is
//! in the kernel, not in the file system: there is no directory to make and no file to leave. The kernel says who
//! connects: the user of the server and root may, nobody else. The other way round, the command believes a server of its
//! own user or of root; root believes every server, because a false answer is all that it can give.
//!
//! The first server with a configuration has the name. Another one, which somebody tries out with `-p`, is reached by its
//! signals. The socket, and the connections of commands that wait, outlive an upgrade.

mod order;
mod sending;

pub(crate) use order::Order;
pub(super) use sending::command;

use std::cell::Cell;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use super::failure::Failure;
use crate::sys::control_socket::{self, Peer};
use crate::sys::signal;
use order::{DONE, FAILED, key, name};

/// A command, whose sender waits. One that is dropped without an answer was not carried out, because the server stops.
pub(crate) struct Command {
    pub(crate) order: Order,
    /// `None` once it is answered.
    connection: Option<UnixStream>,
    /// One for each that waits.
    _place: Arc<()>,
}

/// The server's end.
pub(crate) struct Control {
    commands: mpsc::Receiver<Command>,
    woken: UnixStream,
    listener: OwnedFd,
}

/// What the thread of the server's end has.
struct Reception {
    listener: UnixListener,
    key: PathBuf,
    commands: mpsc::Sender<Command>,
    wake: UnixStream,
    place: Arc<()>,
    strangers: Strangers,
}

/// How many commands came from others than the user of the server and root, and when the log last had a line of them.
#[derive(Default)]
struct Strangers {
    count: Cell<u64>,
    logged: Cell<Option<Instant>>,
}

impl Control {
    /// Listens for commands, on a thread. `None`: there will be none, and the log says why.
    pub(crate) fn listen(config: Option<&Path>) -> Option<Control> {
        NamedSocket::bind(config).listen()
    }

    /// The same on a socket that listens already.
    pub(crate) fn inherit(config: Option<&Path>, listener: OwnedFd) -> Option<Control> {
        let listener = UnixListener::from(listener);
        NamedSocket(key(config).map(|key| (listener, key))).listen()
    }

    /// The commands that have come.
    pub(crate) fn pending(&mut self) -> Vec<Command> {
        while matches!((&self.woken).read(&mut [0; 64]), Ok(1..)) {}
        self.commands.try_iter().collect()
    }

    /// Where commands arrive.
    pub(crate) fn listener(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }
}

/// The socket, for a process that may make none later. Commands wait in it.
pub(crate) struct NamedSocket(io::Result<(UnixListener, PathBuf)>);

impl NamedSocket {
    /// Takes the name of this configuration, unless another process has it.
    pub(crate) fn bind(config: Option<&Path>) -> NamedSocket {
        let bind = |key: PathBuf| Ok((control_socket::listen(&name(&key))?, key));
        NamedSocket(key(config).and_then(bind))
    }

    /// As [`Control::listen`].
    pub(crate) fn listen(self) -> Option<Control> {
        match self.0.and_then(|(listener, key)| NamedSocket::start(listener, key)) {
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

    fn start(listener: UnixListener, key: PathBuf) -> io::Result<Control> {
        let kept = OwnedFd::from(listener.try_clone()?);
        let (sender, commands) = mpsc::channel();
        let (wake, woken) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        woken.set_nonblocking(true)?;
        let reception = Reception {
            listener,
            key,
            commands: sender,
            wake,
            place: Arc::default(),
            strangers: Strangers::default(),
        };
        // Signals are for other threads.
        let _held = signal::hold();
        thread::Builder::new().name("control".to_owned()).spawn(move || reception.serve())?;
        Ok(Control { commands, woken, listener: kept })
    }
}

/// Readable when there are commands.
impl AsFd for Control {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.woken.as_fd()
    }
}

impl Command {
    /// A command that another program has taken in this process.
    pub(crate) fn inherit(order: Order, connection: OwnedFd) -> Command {
        let connection = Some(UnixStream::from(connection));
        Command { order, connection, _place: Arc::default() }
    }

    /// The connection to its sender.
    pub(crate) fn connection(&self) -> Option<BorrowedFd<'_>> {
        self.connection.as_ref().map(AsFd::as_fd)
    }

    /// Says what came of it, in words or without.
    pub(crate) fn answer(mut self, outcome: Result<&str, Failure>) {
        if let Some(connection) = self.connection.take() {
            respond(&connection, outcome);
        }
    }

    /// The same for its end, which the sender waits for: the kernel tells him when this process has ended.
    pub(crate) fn answer_at_the_end(mut self, outcome: Result<&str, Failure>) {
        if let Some(connection) = self.connection.take() {
            respond(&connection, outcome);
            std::mem::forget(connection);
        }
    }
}

impl Drop for Command {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            respond(&connection, Err(Failure::at_run_time("the server stops")));
        }
    }
}

impl Reception {
    /// Reads one command after the other. Their answers come from elsewhere.
    fn serve(&self) {
        loop {
            match self.listener.accept() {
                Ok((connection, _)) => {
                    if let Err(error) = self.receive(connection) {
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

    /// Anybody may try, as often as he likes: the log has a line a minute of it.
    fn note_stranger(&self, peer: &Peer) {
        let process = peer.process;
        match self.strangers.note(Instant::now()) {
            Some(1) => {
                log::warn!("process {process} of another user sent a command; it is refused")
            }
            Some(count) => log::warn!(
                "processes of other users, the last is {process}, sent {count} commands; they are refused"
            ),
            None => {}
        }
    }

    fn receive(&self, connection: UnixStream) -> io::Result<()> {
        let refuse = |connection: &UnixStream, message: String| {
            respond(connection, Err(Failure::at_run_time(message)));
            Ok(())
        };
        let peer = control_socket::peer(&connection)?;
        if !peer.may_command() {
            self.note_stranger(&peer);
            return refuse(&connection, "the server runs as another user".to_owned());
        }
        connection.set_read_timeout(Some(TALK_TIME))?;
        let mut request = Vec::new();
        (&connection).take(REQUEST_BYTES_MAX).read_to_end(&mut request)?;
        let (word, asked) = match request.iter().position(|byte| *byte == b'\n') {
            Some(end) => (&request[..end], &request[end + 1..]),
            None => (&request[..], &[][..]),
        };
        // Two paths may have the same name, which is short.
        if asked != self.key.as_os_str().as_bytes() {
            let key = self.key.display();
            let message = format!("the server that runs has another configuration: {key}");
            return refuse(&connection, message);
        }
        let Some(order) = Order::read(word) else {
            let message =
                "the server that runs is of another version and does not know this command";
            return refuse(&connection, message.to_owned());
        };
        if Arc::strong_count(&self.place) > COMMANDS_MAX {
            return refuse(&connection, format!("{COMMANDS_MAX} commands wait already"));
        }
        log::info!("process {} sent the command {order}", peer.process);
        let _place = Arc::clone(&self.place);
        let _ = self.commands.send(Command { order, connection: Some(connection), _place });
        let _ = (&self.wake).write(b"!");
        Ok(())
    }
}

impl Strangers {
    /// One more has sent a command. Returns how many there were since the last line of the log, if it is time for another.
    fn note(&self, now: Instant) -> Option<u64> {
        self.count.set(self.count.get() + 1);
        let is_recent = self.logged.get().is_some_and(|last| now < last + LOGGED_AGAIN);
        if is_recent {
            return None;
        }
        self.logged.set(Some(now));
        Some(self.count.take())
    }
}

/// Never waits: the kernel keeps what its reader has not taken yet.
fn respond(connection: &UnixStream, outcome: Result<&str, Failure>) {
    let mut text = match outcome {
        Ok(said) => format!("{DONE}{said}"),
        Err(failure) => format!("{FAILED}{}", failure.lines.join("\n")),
    };
    let end = (0..=RESPONSE_BYTES_MAX.min(text.len())).rev().find(|it| text.is_char_boundary(*it));
    text.truncate(end.unwrap_or(0));
    // The sender may have gone.
    let mut connection = connection;
    let _ = connection.set_nonblocking(true).and_then(|()| connection.write_all(text.as_bytes()));
}

/// How long a command may take to be sent.
const TALK_TIME: Duration = Duration::from_secs(5);

/// How long the log is silent of commands that are refused.
const LOGGED_AGAIN: Duration = Duration::from_secs(60);

/// A word and a path.
const REQUEST_BYTES_MAX: u64 = 8 * 1024;

/// As many errors as anybody reads, and less than the kernel keeps for a reader.
const RESPONSE_BYTES_MAX: usize = 64 * 1024;

/// How many commands may wait for what comes of them.
const COMMANDS_MAX: usize = 64;

/// When descriptors have run out.
const PAUSE: Duration = Duration::from_secs(1);
