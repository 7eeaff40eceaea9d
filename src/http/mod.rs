//! Floor 1: what the bytes of HTTP mean (RFC 9110), and in [`h1`] how HTTP/1.1 writes them (RFC 9112).
//!
//! Everything here is pure: bytes in, values out. It must never know a socket, a file, a thread
//! or a clock, so that each part can be split at every byte, fuzzed and read alone.

pub mod authority;
pub mod cancellation;
pub mod conditional;
pub mod date;
pub mod etag;
pub mod form;
pub mod h1;
pub mod header;
pub mod list;
pub mod method;
pub mod origin;
pub mod owned_request;
mod parameters;
pub(crate) mod percent;
pub mod range;
pub mod reject;
pub mod request;
pub mod status;
pub mod table;
pub mod target;

pub use cancellation::Cancellation;
pub use etag::ETag;
pub use header::{HeaderError, HeaderName, Headers};
pub use method::Method;
pub use owned_request::OwnedRequest;
pub use reject::Reject;
pub use request::{Peer, Request, Scheme, Version};
pub use status::Status;
