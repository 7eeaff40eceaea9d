//! Requests and connections that are refused, by reason: counted in the process, because the one that refuses may be a
//! rule of the site, a worker or a thread.

use std::sync::atomic::{AtomicU64, Ordering};

/// Why something is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Not a request as RFC 9112 or RFC 9113 has it.
    Malformed,
    /// A target, a head or a body that is larger than its bound.
    TooLarge,
    /// It did not arrive in time.
    TimedOut,
    /// A version, a method, a coding or an expectation that is not known.
    NotSupported,
    /// A host that the certificate does not cover, or a target for TLS without it.
    Misdirected,
    /// More requests than `request_rate` allows.
    RequestRate,
    /// More requests at once than `connections_per_client` allows.
    ConnectionsPerClient,
    /// All threads for handlers are busy, and their queue is full.
    HandlersBusy,
    /// An application has no room for more, or did not begin in time.
    ApplicationBusy,
    /// Too many passwords wait to be compared.
    PasswordsBusy,
    /// A body that has to be in memory, while that is short.
    MemoryShort,
    /// HTTP on an address that speaks TLS.
    NoTls,
    /// TLS on an address that does not speak it.
    TlsOnPlain,
    /// A connection without the PROXY header that its listener requires.
    NoProxyHeader,
    /// A connection of HTTP/2 that broke its rules, or kept the server busy for nothing.
    Http2Fault,
}

impl Refusal {
    /// Counts one more.
    pub(crate) fn note(self) {
        COUNTS[self as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// All reasons that there were, with their counts.
    pub(crate) fn counts() -> impl Iterator<Item = (&'static str, u64)> {
        let counts = COUNTS.iter().map(|count| count.load(Ordering::Relaxed));
        NAMES.into_iter().zip(counts)
    }
}

/// As labels have them, in the order of the reasons.
const NAMES: [&str; REASONS] = [
    "malformed",
    "too_large",
    "timed_out",
    "not_supported",
    "misdirected",
    "request_rate",
    "connections_per_client",
    "handlers_busy",
    "application_busy",
    "passwords_busy",
    "memory_short",
    "no_tls",
    "tls_on_plain",
    "no_proxy_header",
    "http2_fault",
];

const REASONS: usize = 15;

static COUNTS: [AtomicU64; REASONS] = [const { AtomicU64::new(0) }; REASONS];
