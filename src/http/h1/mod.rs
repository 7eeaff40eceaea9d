//! HTTP/1.1 on the wire (RFC 9112): reading heads and bodies, writing heads.
//!
//! Pure like all of floor 1. It must never know sockets, files or handlers, nor that TLS or
//! HTTP/2 exist.

pub mod body;
pub mod field_lines;
pub mod head;
pub mod request_reader;
pub mod write;
