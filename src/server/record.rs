//! What the access log and the counters learn of an exchange.
//!
//! A [`Record`] is plain values: what is still wanted of an exchange when its response has ended. There is one for each
//! response that is queued, so it is small. What only a line of the log shows is rendered when the response is queued
//! ([`Subject`](super::access_log::Subject)). It allocates nothing and asks no clock: its times are those of the worker's
//! turns, which begin at most a few milliseconds apart on a busy worker. A request that is answered in the turn in which
//! it came took no time.

use crate::http::{Method, Status};
use std::time::{Duration, Instant};

/// One exchange, as far as it is worth counting.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record {
    pub method: CountedMethod,
    pub status: Status,
    /// Where the worker counts it: by the host that it was for.
    pub host_place: u32,
    /// The bytes of the request's head: over HTTP/2, of its decoded fields.
    pub head_bytes_in: u32,
    /// The bytes of the request's body that have come, without their framing.
    pub body_bytes_in: u64,
    /// The bytes of the response's head that were sent.
    pub head_bytes_out: u32,
    /// The bytes of the response's body that were sent, without their framing.
    pub body_bytes_out: u64,
    /// When the first byte of the request was seen; over HTTP/2, its head.
    pub began: Instant,
    /// When the head of the response was queued, which is written in the same turn if the client takes it.
    pub answered: Instant,
    /// Whether the whole response was sent.
    pub is_complete: bool,
}

impl Record {
    /// Until the first byte of the response.
    pub(crate) fn time_to_first_byte(&self) -> Duration {
        self.answered.saturating_duration_since(self.began)
    }

    /// Until the last byte of the response was handed to the kernel, or could not be.
    pub(crate) fn time(&self, ended: Instant) -> Duration {
        // Most responses end in the turn in which they began, and a subtraction costs more than this.
        if ended == self.began {
            return Duration::ZERO;
        }
        ended.saturating_duration_since(self.began)
    }

    /// The bytes of the request.
    pub(crate) fn bytes_in(&self) -> u64 {
        u64::from(self.head_bytes_in) + self.body_bytes_in
    }

    /// The bytes of the response that were sent.
    pub(crate) fn bytes_out(&self) -> u64 {
        u64::from(self.head_bytes_out) + self.body_bytes_out
    }

    /// So many bytes at its end were not sent. Returns how many of the responses before it were not sent either.
    pub(crate) fn lose(&mut self, unsent_bytes: u64) -> u64 {
        let of_body = unsent_bytes.min(self.body_bytes_out);
        self.body_bytes_out -= of_body;
        let rest = unsent_bytes - of_body;
        let of_head = u32::try_from(rest).unwrap_or(u32::MAX).min(self.head_bytes_out);
        self.head_bytes_out -= of_head;
        self.is_complete &= unsent_bytes == 0;
        rest - u64::from(of_head)
    }
}

/// A method, as far as methods are counted apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CountedMethod(u8);

impl CountedMethod {
    pub(crate) const COUNT: usize = 10;

    /// Clients can make up methods, and shall make up no labels.
    pub(crate) const NAMES: [&str; CountedMethod::COUNT] =
        ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE", "other"];

    /// How a request is counted, or what came in its place: `None` if the head could not be read so far.
    #[inline]
    pub(crate) fn of(method: Option<&Method>) -> CountedMethod {
        CountedMethod(match method {
            Some(Method::Get) => 0,
            Some(Method::Head) => 1,
            Some(Method::Post) => 2,
            Some(Method::Put) => 3,
            Some(Method::Patch) => 4,
            Some(Method::Delete) => 5,
            Some(Method::Options) => 6,
            Some(Method::Connect) => 7,
            Some(Method::Trace) => 8,
            Some(Method::Extension(_)) | None => OTHER_METHOD,
        })
    }

    /// Its place among [`CountedMethod::NAMES`].
    #[inline]
    pub(crate) fn place(self) -> usize {
        usize::from(self.0).min(CountedMethod::COUNT - 1)
    }
}

/// Where what has no method of its own is counted, or none that could be read.
const OTHER_METHOD: u8 = CountedMethod::COUNT as u8 - 1;

#[cfg(test)]
mod tests {
    use super::*;

    fn record(head_bytes_out: u32, body_bytes_out: u64) -> Record {
        let now = Instant::now();
        Record {
            method: CountedMethod::of(Some(&Method::Get)),
            status: Status::OK,
            host_place: 0,
            head_bytes_in: 0,
            body_bytes_in: 0,
            head_bytes_out,
            body_bytes_out,
            began: now,
            answered: now,
            is_complete: true,
        }
    }

    /// A queue of pipelined requests has one for each.
    #[test]
    fn a_record_fits_a_line_of_the_cpus_cache() {
        assert!(size_of::<Record>() <= 64, "{} bytes", size_of::<Record>());
    }

    #[test]
    fn what_was_not_sent_is_taken_from_the_last_responses_first() {
        // In bytes: a head of 100 and a body of 5, twice.
        for (unsent, first, last) in [
            (0, (100, 5, true), (100, 5, true)),
            (3, (100, 5, true), (100, 2, false)),
            (50, (100, 5, true), (55, 0, false)),
            (105, (100, 5, true), (0, 0, false)),
            (107, (100, 3, false), (0, 0, false)),
            (u64::MAX, (0, 0, false), (0, 0, false)),
        ] {
            let (mut one, mut two) = (record(100, 5), record(100, 5));
            let rest = two.lose(unsent);
            one.lose(rest);
            let seen = |it: Record| (it.head_bytes_out, it.body_bytes_out, it.is_complete);
            assert_eq!((seen(one), seen(two)), (first, last), "{unsent} bytes were not sent");
        }
    }
}
