//! The lines of the responses that are queued on a connection and have not ended.
//!
//! What is known when a response is queued is rendered then, because the request is forgotten soon after. When the
//! response has ended, the line is put together in the buffer of its log.

use super::subject::Subject;
use super::writer::LogWriter;
use crate::files::Now;
use crate::server::record::Record;
use std::time::Instant;

/// The lines of one connection, or of one stream.
#[derive(Debug, Default)]
pub(crate) struct PendingLines {
    /// What is rendered of all lines.
    texts: Vec<u8>,
    /// Where in `texts` late values belong, and where each line ends.
    cuts: Vec<u32>,
    /// A line for each response, in order.
    lines: Vec<PendingLine>,
}

#[derive(Clone, Copy, Debug)]
struct PendingLine {
    /// The place of its log among those of the writer. `None`: the response is not logged.
    log: Option<u16>,
    /// How many of the cuts are its.
    cuts: u32,
}

impl PendingLines {
    /// Renders what is known of the line of a response that was just queued.
    pub(crate) fn add(&mut self, writer: &mut LogWriter, subject: &Subject<'_>, now: Now) {
        let cuts_before = self.cuts.len();
        let log = subject
            .log
            .filter(|log| writer.begin_line(*log, &mut self.texts, &mut self.cuts, subject, now));
        let cuts = (self.cuts.len() - cuts_before) as u32;
        self.lines.push(PendingLine { log, cuts });
    }

    /// The responses have ended: each of these records has a line.
    pub(crate) fn finish(&mut self, writer: &mut LogWriter, now: Instant, records: &[Record]) {
        let (mut text, mut cut) = (0, 0);
        for (line, record) in self.lines.iter().zip(records) {
            let cuts = &self.cuts[cut..cut + line.cuts as usize];
            cut += cuts.len();
            let end = cuts.last().map_or(text, |end| *end as usize);
            if let Some(log) = line.log {
                writer.end_line(log, &self.texts[..end], text, cuts, now, record);
            }
            text = end;
        }
        self.clear();
    }

    /// Takes the last line out.
    pub(crate) fn split_last(&mut self) -> Option<PendingLines> {
        let last = self.lines.pop()?;
        let cuts_at = self.cuts.len() - last.cuts as usize;
        let text_at = match cuts_at {
            0 => 0,
            at => self.cuts[at - 1],
        };
        last.log?;
        let texts = self.texts.split_off(text_at as usize);
        let cuts = self.cuts.split_off(cuts_at).into_iter().map(|cut| cut - text_at).collect();
        Some(PendingLines { texts, cuts, lines: vec![last] })
    }

    /// Adds the line of a response that is not logged.
    pub(crate) fn add_none(&mut self) {
        self.lines.push(PendingLine { log: None, cuts: 0 });
    }

    /// Drops all.
    pub(crate) fn clear(&mut self) {
        self.texts.clear();
        self.cuts.clear();
        self.lines.clear();
    }
}
