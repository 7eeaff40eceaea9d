//! HTTP/2 on the wire (RFC 9113): frames, settings, windows, and heads of requests and responses.
//!
//! Pure like all of floor 1. It must never know sockets, files or handlers, nor how HTTP/1 writes anything.

pub(crate) mod block;
pub(crate) mod error;
pub(crate) mod frame;
pub(crate) mod head_reader;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod settings;
pub(crate) mod window;
pub(crate) mod write;
