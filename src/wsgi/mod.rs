//! Messages between this server and the Python processes of applications: PEP 3333, framed for the adapter
//! that runs in them.
//!
//! Python does almost nothing for a request: the environ arrives as one value in the format of Python's
//! own `marshal` module, which one call turns into a dict, and the head and a small body of a response leave
//! in one message. Everything here is pure. It must never know a socket or a process.

pub(crate) mod environ;
pub(crate) mod marshal;
pub(crate) mod request;
pub(crate) mod response;

pub(crate) use request::Token;

/// The program of an application process: one text that uses Python's standard library and nothing else.
pub(crate) const ADAPTER: &str = concat!(
    include_str!("adapter/log.py"),
    include_str!("adapter/answer.py"),
    include_str!("adapter/load.py"),
    include_str!("adapter/reload.py"),
    include_str!("adapter/worker.py"),
);

/// How an application process starts: it takes its standard input as a socket, and runs the program that is
/// the first message on it.
pub(crate) const BOOT: &str =
    "import socket as s;c=s.socket(fileno=0);exec(compile(c.recv(131072),'httpd-wsgi','exec'))";

/// The longest message either way.
pub(crate) const MESSAGE_BYTES_MAX: usize = 128 * 1024;

/// Bytes of one response's body that a process may have sent and the client has not taken yet.
pub(crate) const WINDOW_BYTES: usize = 256 * 1024;

/// The longest environ and body of a request together, marshalled.
pub(crate) const REQUEST_BYTES_MAX: usize = MESSAGE_BYTES_MAX - 64;

/// The longest body that is part of a message; the message names the file of a longer one.
pub(crate) const BODY_BYTES_MAX: usize = 56 * 1024;

/// The longest environ, which leaves room for such a body. Characters above U+007F take two bytes, so this
/// is twice the largest head, and what the environ adds to it.
pub(crate) const ENVIRON_BYTES_MAX: usize = REQUEST_BYTES_MAX - BODY_BYTES_MAX - 64;
