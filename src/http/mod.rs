//! Floor 1: what the bytes of HTTP mean (RFC 9110).

pub mod date;
pub mod etag;

pub use etag::ETag;
