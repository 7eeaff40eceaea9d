//! What the access log and the counters learn of an exchange.
//!
//! A [`Record`] is plain values: what is still wanted of an exchange when its response has ended. There is one for each
//! response that is queued, so it is small. What only a line of the log shows is rendered when the response is queued
//! ([`Subject`]). It allocates nothing and asks no clock: its times are those of the worker's turns, which begin at most
//! a few milliseconds apart on a busy worker. A request that is answered in the turn in which it came took no time.
//!
//! [`Records`] keeps those of the responses that are queued on a connection. It must never know how lines look.

use crate::http::Status;
use crate::server::access_log::{PendingLines, Subject};
use crate::server::context::WorkerContext;
use crate::server::metrics::CountedMethod;
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
    fn lose(&mut self, unsent_bytes: u64) -> u64 {
        let of_body = unsent_bytes.min(self.body_bytes_out);
        self.body_bytes_out -= of_body;
        let rest = unsent_bytes - of_body;
        let of_head = u32::try_from(rest).unwrap_or(u32::MAX).min(self.head_bytes_out);
        self.head_bytes_out -= of_head;
        self.is_complete &= unsent_bytes == 0;
        rest - u64::from(of_head)
    }
}

/// How the last response that is queued has ended.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ending {
    /// How much of its body was produced while it was sent, and is not counted yet.
    pub produced_bytes: u64,
    /// How much of its request's body has come by now, if that was read while it was sent.
    pub received_bytes: u64,
    /// If it was broken off: how many bytes of it, and of those before it, were not sent.
    pub unsent_bytes: Option<u64>,
}

/// The exchanges whose responses are queued on a connection and have not ended.
#[derive(Debug, Default)]
pub(crate) struct Records {
    pending: Vec<Record>,
    lines: PendingLines,
}

/// The one that is left of [`Records`] while its response waits for its sender.
#[derive(Debug)]
pub(crate) struct RestingRecord {
    record: Record,
    /// `None`: nothing is logged of it.
    lines: Option<Box<PendingLines>>,
}

impl Records {
    /// Adds that of a response which was just queued. The subject is asked for if there are logs.
    #[inline]
    pub(crate) fn add<'a>(
        &mut self,
        record: Record,
        cx: &mut WorkerContext,
        subject: impl FnOnce(&WorkerContext) -> Subject<'a>,
    ) {
        if cx.log.is_some() {
            let subject = subject(cx);
            let now = cx.clock.now();
            if let Some(writer) = &mut cx.log {
                self.lines.add(writer, &subject, now);
            }
        }
        self.pending.push(record);
    }

    /// All responses have ended.
    pub(crate) fn finish(&mut self, ending: Ending, cx: &mut WorkerContext) {
        let Some(last) = self.pending.last_mut() else { return };
        last.body_bytes_out += ending.produced_bytes;
        last.body_bytes_in = last.body_bytes_in.max(ending.received_bytes);
        if let Some(mut unsent) = ending.unsent_bytes {
            last.is_complete = false;
            for record in self.pending.iter_mut().rev() {
                unsent = record.lose(unsent);
            }
        }
        self.close(cx);
    }

    /// Their responses have ended: they are counted and logged.
    fn close(&mut self, cx: &mut WorkerContext) {
        let now = cx.clock.monotonic();
        for record in &self.pending {
            cx.counters.note(record, now);
        }
        match &mut cx.log {
            Some(writer) => self.lines.finish(writer, now, &self.pending),
            None => self.lines.clear(),
        }
        self.pending.clear();
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// The last response waits for its sender, and those before it have left. Takes it out of them.
    pub(crate) fn rest(&mut self, cx: &mut WorkerContext) -> Option<RestingRecord> {
        let record = self.pending.pop()?;
        let lines = self.lines.split_last().map(Box::new);
        self.close(cx);
        Some(RestingRecord { record, lines })
    }

    /// Goes on with one that rested.
    pub(crate) fn resume(&mut self, rested: Option<RestingRecord>) {
        let Some(rested) = rested else { return };
        self.pending.push(rested.record);
        match rested.lines {
            Some(lines) => self.lines = *lines,
            None => self.lines.add_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Method;

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
