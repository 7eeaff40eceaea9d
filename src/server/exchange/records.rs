//! The records of the responses that are queued on a connection, with their lines of the access log. It must never know how
//! lines look.

use crate::server::access_log::{PendingLines, Subject};
use crate::server::context::WorkerContext;
use crate::server::record::Record;

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
