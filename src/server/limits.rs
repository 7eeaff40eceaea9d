//! Every number that bounds the server, with its default and its reason.

use crate::http::HeadLimits;
use std::time::Duration;

settings! {
    /// The bounds in time and number. Start from the default and change what you need:
    ///
    /// ```
    /// use httpd::Limits;
    /// use std::time::Duration;
    /// let limits = Limits::default().keepalive_timeout(Duration::from_secs(5)).handler_threads_max(100);
    /// assert_eq!(limits.header_count_max, 100);
    /// ```
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Limits {
        /// From the first byte of a request head to its last, and from accept to the first byte: 10 s.
        /// Bytes that trickle in do not prolong it.
        head_timeout: Duration = Duration::from_secs(10),
        /// For a TLS handshake: 10 s.
        handshake_timeout: Duration = Duration::from_secs(10),
        /// Between two requests: 75 s, as nginx has it.
        keepalive_timeout: Duration = Duration::from_secs(75),
        /// For a request body to arrive in full: 30 s, and a second more for each
        /// `body_rate_min_bytes` that have come.
        body_timeout: Duration = Duration::from_secs(30),
        /// How much of a request body a client has to send per second on average: 500 bytes.
        body_rate_min_bytes: u64 = 500,
        /// For a handler to find its response, and between two pieces of a body that it writes: 60 s. A body that a
        /// [`Sender`](crate::Sender) sends may pause for as long as it wants.
        answer_timeout: Duration = Duration::from_secs(60),
        /// A handler that runs longer on its thread is named in the log, once: 10 s. The time that it takes to write a
        /// stream does not count. A function that runs on a worker, where everybody waits for it, is named after 200 ms,
        /// or this time if it is shorter.
        handler_slow_time: Duration = Duration::from_secs(10),
        /// Closes a connection whose client reads nothing of a response for this long: 60 s, as nginx has it. The kernel
        /// reports what a client has read only when a good part of its buffers, perhaps megabytes, is free again: a client
        /// that reads very slowly may look as if it read nothing for that long.
        send_timeout: Duration = Duration::from_secs(60),
        /// Between two bytes that a client still sends after the server has closed its side: 5 s.
        lingering_timeout: Duration = Duration::from_secs(5),
        /// For a lingering close in all: 30 s.
        lingering_time: Duration = Duration::from_secs(30),
        /// From the first stop signal to the end of the last open request: 10 s.
        stop_timeout: Duration = Duration::from_secs(10),
        /// The head of a request: 32 KiB, room for large cookies.
        head_bytes_max: usize = 32 * 1024,
        /// The target of a request: 8 KiB; RFC 9112 §3 recommends 8000 at least.
        target_bytes_max: usize = 8 * 1024,
        /// Header lines of a request: 100.
        header_count_max: usize = 100,
        /// A request body that no handler wants is read and thrown away up to this many bytes, so that the connection can
        /// be used again; a larger one is answered with 413 and a close: 1 MiB, like nginx's `client_max_body_size`.
        body_discard_bytes_max: u64 = 1024 * 1024,
        /// How much of a request body is kept in memory for a handler. A larger one is written to the disk, this much at
        /// a time: 64 KiB.
        body_memory_bytes_max: usize = 64 * 1024,
        /// How much of a response body may wait on the disk when a handler or an application produces it faster than the
        /// client reads it; beyond that, the producer waits: 64 MiB. All responses of a worker may have 16 times as much.
        /// 0: the producer always waits.
        response_spool_bytes_max: u64 = 64 * 1024 * 1024,
        /// Threads for blocking handlers, in the whole server: 32. When all of them are busy, requests wait.
        /// They start when they are needed, and end when they have not been for some ten seconds.
        handler_threads_max: usize = 32,
        /// Requests that wait for such a thread: 1024. More are answered with 503 at once, and the log says which handler
        /// has run longest.
        handler_queue_max: usize = 1024,
        /// Ranges of one request; a request for more is answered with the whole file: 256.
        ranges_max: usize = 256,
        /// TLS handshakes that are under way in one worker; when one more begins, the one that has waited longest is ended:
        /// 2000.
        handshakes_max: usize = 2000,
        /// Open connections of one worker; more wait in the kernel's queue: 10 000.
        connections_max: usize = 10_000,
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
