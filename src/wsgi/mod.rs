//! What is said between this server and Python workers: PEP 3333, framed for the adapter that runs in
//! them.
//!
//! Python does almost nothing for a request: the environ arrives as one value in the format of Python's
//! own `marshal` module, which one call of it turns into a dict, and head and small content of an answer
//! leave in one message. Everything here is pure. It must never know a socket or a process.

pub mod environ;
pub mod marshal;
pub mod request;
pub mod response;

pub use request::Token;
pub use response::{MessageKind, ResponseMessage};

/// What runs in a worker: one text, of Python's standard library and nothing else.
pub const ADAPTER: &str = concat!(
    include_str!("adapter/log.py"),
    include_str!("adapter/answer.py"),
    include_str!("adapter/load.py"),
    include_str!("adapter/worker.py"),
);

/// How a worker is started: it takes its standard input as a socket, and runs the program that is the
/// first message on it.
pub const BOOT: &str =
    "import socket as s;c=s.socket(fileno=0);exec(compile(c.recv(131072),'httpd-wsgi','exec'))";

/// The longest message either way.
pub const MESSAGE_BYTES_MAX: usize = 128 * 1024;

/// Content that a worker may have sent for one answer that no client has taken yet.
pub const WINDOW_BYTES: usize = 256 * 1024;

/// The longest environ and content of a request together, marshalled.
pub const REQUEST_BYTES_MAX: usize = MESSAGE_BYTES_MAX - 64;

/// The most content that is part of a message; more is told by the name of a file.
pub const BODY_BYTES_MAX: usize = 56 * 1024;

/// The longest environ, which leaves room for that. As characters above U+007F take two bytes, this is
/// twice the largest head, and what goes with it.
pub const ENVIRON_BYTES_MAX: usize = REQUEST_BYTES_MAX - BODY_BYTES_MAX - 64;
