//! Floor 1: what the bytes of HTTP mean (RFC 9110), and in [`h1`] how HTTP/1.1 writes them (RFC 9112).
//!
//! Everything here is pure: bytes in, values out. It must never know a socket, a file, a thread
//! or a clock, so that each part can be split at every byte, fuzzed and read alone.

pub(crate) mod accept;
pub(crate) mod accept_encoding;
pub(crate) mod authority;
#[cfg(feature = "passwords")]
pub(crate) mod basic;
pub(crate) mod cancellation;
pub(crate) mod conditional;
pub(crate) mod cookie;
pub(crate) mod date;
pub(crate) mod etag;
pub(crate) mod form;
pub(crate) mod h1;
pub(crate) mod header;
#[cfg(feature = "json")]
pub(crate) mod json;
pub(crate) mod list;
pub(crate) mod method;
pub(crate) mod origin;
pub(crate) mod owned_head;
pub(crate) mod parameters;
pub(crate) mod percent;
pub(crate) mod range;
pub(crate) mod reject;
pub(crate) mod request;
mod request_error;
mod set_cookie;
pub(crate) mod status;
pub(crate) mod table;
pub(crate) mod target;
mod urlencoded;

pub(crate) use accept_encoding::{AcceptedCodings, Coding};
pub use cancellation::Cancellation;
pub(crate) use etag::ETag;
pub(crate) use header::HeaderName;
pub use header::{HeaderError, Headers};
pub use method::Method;
pub(crate) use owned_head::OwnedHead;
pub(crate) use reject::Reject;
pub(crate) use request::Peer;
pub(crate) use request::RequestHead;
pub use request::{Scheme, Version};
pub use request_error::RequestError;
pub use set_cookie::{Cookie, CookieError, SameSite};
pub use status::Status;
pub use urlencoded::Pairs;
