//! Floor 1: what the bytes of HTTP mean (RFC 9110), and how they are written: in [`h1`] as HTTP/1.1 does
//! (RFC 9112), in [`h2`] and [`hpack`] as HTTP/2 does (RFC 9113, RFC 7541).
//!
//! Everything here is pure: bytes in, values out. It must never know a socket, a file, a thread
//! or a clock, so that each part can be split at every byte, fuzzed and read alone.

pub(crate) mod accept;
#[cfg_attr(not(feature = "compression"), allow(unreachable_pub))]
pub(crate) mod accept_encoding;
pub(crate) mod authority;
pub(crate) mod basic;
pub(crate) mod cancellation;
#[cfg_attr(not(feature = "compression"), allow(unreachable_pub))]
mod compression;
pub(crate) mod conditional;
pub(crate) mod content_length;
pub(crate) mod cookie;
pub(crate) mod date;
pub(crate) mod encoder;
pub(crate) mod etag;
pub(crate) mod expectation;
pub(crate) mod form;
pub(crate) mod forwarded;
pub(crate) mod h1;
pub(crate) mod h2;
mod head_limits;
pub(crate) mod header;
pub(crate) mod hpack;
#[cfg(feature = "json")]
pub(crate) mod json;
pub(crate) mod list;
pub(crate) mod method;
pub(crate) mod origin;
pub(crate) mod owned_head;
pub(crate) mod parameters;
pub(crate) mod percent;
pub(crate) mod priority;
pub(crate) mod proxy_protocol;
pub(crate) mod range;
pub(crate) mod reject;
pub(crate) mod request;
mod request_error;
mod request_id;
mod request_name;
mod set_cookie;
pub(crate) mod shared_lines;
pub(crate) mod status;
pub(crate) mod table;
pub(crate) mod target;
mod tls_facts;
mod urlencoded;
pub(crate) mod weight;

pub(crate) use accept_encoding::AcceptedCodings;
#[cfg_attr(not(feature = "compression"), allow(unreachable_pub))]
pub use accept_encoding::Coding;
pub use cancellation::Cancellation;
#[cfg_attr(not(feature = "compression"), allow(unreachable_pub))]
pub use compression::Compression;
pub(crate) use etag::ETag;
pub use forwarded::ForwardedHeader;
pub(crate) use forwarded::{Forwarded, forwarded};
pub(crate) use head_limits::HeadLimits;
pub(crate) use header::HeaderName;
pub use header::{HeaderError, Headers};
pub use method::Method;
pub(crate) use owned_head::OwnedHead;
pub(crate) use proxy_protocol::Proxied;
pub(crate) use reject::Reject;
pub(crate) use request::Peer;
pub(crate) use request::RequestHead;
pub use request::{Scheme, Version};
pub use request_error::RequestError;
pub(crate) use request_id::RequestId;
pub(crate) use request_name::RequestName;
pub use set_cookie::{Cookie, CookieError, SameSite};
pub use status::Status;
pub use tls_facts::{TlsFacts, TlsVersion};
pub use urlencoded::Pairs;
