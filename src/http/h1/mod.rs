//! HTTP/1.1 on the wire (RFC 9112): reading heads and bodies, writing heads.
//!
//! Pure like all of floor 1. It must never know sockets, files or handlers, nor that TLS or
//! HTTP/2 exist.

pub(crate) mod body;
pub(crate) mod field_lines;
pub(crate) mod head;
pub(crate) mod request_reader;
pub(crate) mod write;
