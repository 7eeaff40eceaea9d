//! One worker's end of the access logs: lines are put together in a buffer for each log, and full buffers are handed to
//! the thread of [`Background`].

use super::filter::Filter;
use super::format::LineFormat;
use super::open::{OpenLog, OpenLogs};
use super::stamp::Pen;
use super::subject::Subject;
use crate::files::Now;
use crate::server::background::Background;
use crate::server::destination::Framing;
use crate::server::record::Record;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A worker's end of all logs.
#[derive(Default)]
pub(crate) struct LogWriter {
    logs: Vec<WorkerLog>,
    outputs: Vec<Output>,
    pen: Pen,
    /// When buffers are handed over at the latest.
    flush_at: Option<Instant>,
}

/// A log, as a worker has it.
struct WorkerLog {
    /// The place of its output.
    output: usize,
    format: Arc<LineFormat>,
    filter: Arc<Filter>,
    framing: Framing,
    flush_after: Duration,
    /// How many lines have begun that have not ended.
    open_lines: u32,
    /// Whether new lines go to it.
    is_current: bool,
}

/// A destination, which several logs may have, and what it gets next.
#[derive(Default)]
struct Output {
    /// `None`: no log has it any more.
    log: Option<Arc<Background>>,
    buffer: Vec<u8>,
}

impl OpenLogs {
    /// One worker's end of them, and where each is. `None`: all are off.
    pub(crate) fn writer(&self) -> Option<(LogWriter, Box<[Option<u16>]>)> {
        self.iter().any(Option::is_some).then(|| {
            let mut writer = LogWriter::default();
            let places = writer.install(self);
            (writer, places)
        })
    }
}

impl LogWriter {
    /// Has new lines go to these logs. Returns where each of them is; `None`: it is off. Lines that have begun end in the
    /// log that they began in.
    pub(crate) fn install(&mut self, logs: &OpenLogs) -> Box<[Option<u16>]> {
        self.flush();
        for log in &mut self.logs {
            log.is_current = false;
        }
        let places = logs.iter().map(|log| log.as_ref().and_then(|log| self.place(log))).collect();
        for (place, output) in self.outputs.iter_mut().enumerate() {
            let is_used = |log: &WorkerLog| log.output == place && !log.is_free();
            if !self.logs.iter().any(is_used) {
                *output = Output::default();
            }
        }
        places
    }

    /// Puts a log at a free place. `None`: there are too many.
    fn place(&mut self, log: &OpenLog) -> Option<u16> {
        let output = self.output(&log.log);
        let worker_log = WorkerLog {
            output,
            format: Arc::clone(&log.format),
            filter: Arc::clone(&log.filter),
            framing: log.framing,
            flush_after: log.flush_after,
            open_lines: 0,
            is_current: true,
        };
        let free = self.logs.iter().position(WorkerLog::is_free);
        let place = free.unwrap_or(self.logs.len());
        match self.logs.get_mut(place) {
            Some(free) => *free = worker_log,
            None => self.logs.push(worker_log),
        }
        u16::try_from(place).ok()
    }

    /// The place of the output to this destination.
    fn output(&mut self, log: &Arc<Background>) -> usize {
        let is_it = |output: &Output| output.log.as_ref().is_some_and(|it| Arc::ptr_eq(it, log));
        if let Some(place) = self.outputs.iter().position(is_it) {
            return place;
        }
        let buffer = Vec::with_capacity(FLUSH_BYTES * 2);
        let output = Output { log: Some(Arc::clone(log)), buffer };
        let free = self.outputs.iter().position(|output| output.log.is_none());
        let place = free.unwrap_or(self.outputs.len());
        match self.outputs.get_mut(place) {
            Some(free) => *free = output,
            None => self.outputs.push(output),
        }
        place
    }

    /// Renders what is known of a line when its response is queued. Returns whether the response is logged.
    pub(super) fn begin_line(
        &mut self,
        place: u16,
        texts: &mut Vec<u8>,
        cuts: &mut Vec<u32>,
        subject: &Subject<'_>,
        now: Now,
    ) -> bool {
        let LogWriter { logs, pen, .. } = self;
        let Some(log) = logs.get_mut(usize::from(place)) else { return false };
        if !log.filter.passes(subject, &mut pen.scratch) {
            return false;
        }
        pen.stamp.set(now);
        log.format.begin(texts, cuts, pen, subject);
        log.open_lines += 1;
        true
    }

    /// Puts a line together whose response has ended.
    pub(super) fn end_line(
        &mut self,
        place: u16,
        texts: &[u8],
        start: usize,
        cuts: &[u32],
        now: Instant,
        record: &Record,
    ) {
        let Some(log) = self.logs.get_mut(usize::from(place)) else { return };
        log.open_lines = log.open_lines.saturating_sub(1);
        let Some(output) = self.outputs.get_mut(log.output) else { return };
        let begun = log.framing.begin(&mut output.buffer);
        log.format.end(&mut output.buffer, texts, start, cuts, record, now);
        log.framing.end(&mut output.buffer, begun);
        if output.buffer.len() >= FLUSH_BYTES {
            output.flush();
        }
        let due = now + log.flush_after;
        self.flush_at = Some(self.flush_at.map_or(due, |at| at.min(due)));
    }

    /// Hands the buffers over if their time has come.
    pub(crate) fn flush_if_due(&mut self, now: Instant) {
        if self.flush_at.is_some_and(|at| at <= now) {
            self.flush();
        }
    }

    /// When the buffers have to be handed over.
    pub(crate) fn flush_at(&self) -> Option<Instant> {
        self.flush_at
    }

    /// Hands the buffers over now. Lines that cannot be written are dropped and counted: neither a full disk nor a pipe
    /// that nobody reads may stop the server or fill its memory.
    pub(crate) fn flush(&mut self) {
        self.flush_at = None;
        self.outputs.iter_mut().for_each(Output::flush);
    }
}

impl WorkerLog {
    /// Whether another log can have its place.
    fn is_free(&self) -> bool {
        !self.is_current && self.open_lines == 0
    }
}

impl Output {
    fn flush(&mut self) {
        if let (Some(log), false) = (&self.log, self.buffer.is_empty()) {
            log.write(&self.buffer);
            self.buffer.clear();
        }
    }
}

impl Drop for LogWriter {
    fn drop(&mut self) {
        self.flush();
    }
}

/// A buffer this full is handed over at once.
const FLUSH_BYTES: usize = 32 * 1024;
