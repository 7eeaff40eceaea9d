//! Every number that bounds the server, with its default and its reason.

use crate::http::h1::head::HeadLimits;
use std::time::Duration;

/// The bounds in time and number. Start from the default and change what you need:
///
/// ```
/// use httpd::Limits;
/// use std::time::Duration;
/// let limits = Limits { keepalive_timeout: Duration::from_secs(5), ..Limits::default() };
/// assert_eq!(limits.header_count_max, 100);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From the first byte of a request head to its last, and from accept to the first byte: 10 s.
    /// Bytes that trickle in do not prolong it.
    pub head_timeout: Duration,
    /// Between two requests: 75 s, as nginx has it.
    pub keepalive_timeout: Duration,
    /// For a request body to arrive in full: 30 s, and a second more for each
    /// `body_rate_min_bytes` that have come.
    pub body_timeout: Duration,
    /// How much of a request body a client has to send per second on average: 500 bytes.
    pub body_rate_min_bytes: u64,
    /// For a handler to find its response, and between two pieces of a body that it produces: 60 s.
    pub answer_timeout: Duration,
    /// A handler that runs longer on its thread is named in the log, once: 10 s. The time that it takes to write a
    /// stream does not count.
    pub handler_slow_time: Duration,
    /// Closes a connection whose client reads nothing of a response for this long: 60 s, as nginx has it. The kernel
    /// reports what a client has read only when a good part of its buffers, perhaps megabytes, is free again: a client
    /// that reads very slowly may look as if it read nothing for that long.
    pub send_timeout: Duration,
    /// Between two bytes that a client still sends after the server has closed its side: 5 s.
    pub lingering_timeout: Duration,
    /// For a lingering close in all: 30 s.
    pub lingering_time: Duration,
    /// From the first stop signal to the end of the last open request: 10 s.
    pub stop_timeout: Duration,
    /// The head of a request: 32 KiB, room for large cookies.
    pub head_bytes_max: usize,
    /// The target of a request: 8 KiB; RFC 9112 §3 recommends 8000 at least.
    pub target_bytes_max: usize,
    /// Header lines of a request: 100.
    pub header_count_max: usize,
    /// A request body that no handler wants is read and thrown away up to this many bytes, so that the connection can
    /// be used again; a larger one is answered with 413 and a close: 1 MiB, like nginx's `client_max_body_size`.
    pub body_discard_bytes_max: u64,
    /// How much of a request body is kept in memory for a handler. A larger one is written to the disk, this much at
    /// a time: 64 KiB.
    pub body_memory_bytes_max: usize,
    /// How much of a response body may wait on the disk when a handler or an application produces it faster than the
    /// client reads it; beyond that, the producer waits: 64 MiB. All responses of a worker may have 16 times as much.
    /// 0: the producer always waits.
    pub response_spool_bytes_max: u64,
    /// Threads for blocking handlers, in the whole server: 32. When all of them are busy, requests wait.
    pub handler_threads_max: usize,
    /// Requests that wait for such a thread: 1024. More are answered with 503 at once, and the log says which handler
    /// has run longest.
    pub handler_queue_max: usize,
    /// Ranges of one request; a request for more is answered with the whole file: 256.
    pub ranges_max: usize,
    /// Open connections of one worker; more wait in the kernel's queue: 10 000.
    pub connections_max: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            head_timeout: Duration::from_secs(10),
            keepalive_timeout: Duration::from_secs(75),
            body_timeout: Duration::from_secs(30),
            body_rate_min_bytes: 500,
            answer_timeout: Duration::from_secs(60),
            handler_slow_time: Duration::from_secs(10),
            send_timeout: Duration::from_secs(60),
            lingering_timeout: Duration::from_secs(5),
            lingering_time: Duration::from_secs(30),
            stop_timeout: Duration::from_secs(10),
            head_bytes_max: 32 * 1024,
            target_bytes_max: 8 * 1024,
            header_count_max: 100,
            body_discard_bytes_max: 1024 * 1024,
            body_memory_bytes_max: 64 * 1024,
            response_spool_bytes_max: 64 * 1024 * 1024,
            handler_threads_max: 32,
            handler_queue_max: 1024,
            ranges_max: 256,
            connections_max: 10_000,
        }
    }
}

impl Limits {
    /// What to do when requests find no thread for their handler.
    pub(crate) fn handler_advice(&self) -> String {
        let Limits { handler_threads_max, handler_queue_max, .. } = self;
        format!(
            "raise handler_threads_max = {handler_threads_max} or handler_queue_max = {handler_queue_max} \
             ([limits] of a configuration, Limits of a program)"
        )
    }

    /// The limits that the parser of heads needs.
    pub(crate) fn head(&self) -> HeadLimits {
        HeadLimits {
            target_bytes_max: self.target_bytes_max,
            head_bytes_max: self.head_bytes_max,
            header_count_max: self.header_count_max,
        }
    }
}
