//! The cards of the page: lists of names and values.

use super::{ROWS_MAX, Text};
use crate::site::status::families::*;
use crate::site::status::metrics::{Metrics, label_value};
use crate::site::status::units;
use std::fmt::{self, Write};

pub(super) fn write_connections(out: &mut String, metrics: &Metrics) -> fmt::Result {
    let mut card = Card::new(out, "Connections");
    for (state, words) in STATES {
        let count = metrics.sum_with(CONNECTIONS, "state", state);
        if count > 0.0 {
            card.row(words, &units::count(count))?;
        }
    }
    let streams = metrics.sum(STREAMS_OPEN);
    if metrics.sum(STREAMS) > 0.0 {
        card.row("HTTP/2 streams open", &units::count(streams))?;
    }
    card.row("bytes received", &units::bytes(metrics.sum(RECEIVED)).text())?;
    card.row("accepted", &units::count(metrics.sum(ACCEPTED)))?;
    let handshakes = metrics.sum(HANDSHAKES);
    if handshakes > 0.0 {
        let resumed = metrics.sum_with(HANDSHAKES, "resumed", "true");
        card.row("TLS handshakes", &units::count(handshakes))?;
        card.row("of these resumed", &units::percent(resumed, handshakes))?;
    }
    card.row("room for", &units::count(metrics.sum(CONNECTIONS_MAX)))?;
    card.end();
    Ok(())
}

pub(super) fn write_files(out: &mut String, metrics: &Metrics) -> fmt::Result {
    let mut card = Card::new(out, "Files in the cache");
    let hits = metrics.sum_with(CACHE_LOOKUPS, "result", "hit");
    let all = metrics.sum(CACHE_LOOKUPS);
    card.row("found there", &units::percent(hits, all))?;
    card.row("entries", &units::count(metrics.sum(CACHE_FILES)))?;
    card.row("memory", &units::bytes(metrics.sum(CACHE_BYTES)).text())?;
    card.row("directories watched", &units::count(metrics.sum(WATCHES)))?;
    card.end();
    Ok(())
}

pub(super) fn write_threads(out: &mut String, metrics: &Metrics) -> fmt::Result {
    let mut card = Card::new(out, "Threads");
    card.row("workers", &units::count(metrics.sum(WORKERS)))?;
    for (pool, words) in [("handlers", "handlers busy"), ("disk", "waiting for the disk")] {
        let labels = [("pool", pool), ("state", "busy")];
        let busy = metrics.value(FAMILIES[POOL_THREADS].name, &labels).unwrap_or(0.0);
        let most = metrics.sum_with(POOL_THREADS_MAX, "pool", pool);
        card.row(words, &format!("{} of {}", units::count(busy), units::count(most)))?;
    }
    card.row("jobs that wait", &units::count(metrics.sum(POOL_WAITING)))?;
    card.end();
    Ok(())
}

pub(super) fn write_certificates(out: &mut String, metrics: &Metrics, now: f64) -> fmt::Result {
    let mut certificates: Vec<(String, f64)> = metrics
        .of(CERTIFICATE)
        .map(|(labels, measure)| {
            (label_value(labels, "names").unwrap_or_default(), measure.number())
        })
        .collect();
    if certificates.is_empty() {
        return Ok(());
    }
    certificates.sort_by(|one, other| one.1.total_cmp(&other.1));
    let mut card = Card::new(out, "Certificates");
    for (names, expiry) in certificates.iter().take(ROWS_MAX) {
        let days = ((expiry - now) / 86_400.0).floor();
        let (class, text) = match days {
            gone if gone < 0.0 => ("bad", "expired".to_owned()),
            last if last < 1.0 => ("bad", "expires today".to_owned()),
            few if few < 2.0 => ("bad", "1 day left".to_owned()),
            few if few < 7.0 => ("bad", format!("{few:.0} days left")),
            some if some < 21.0 => ("warn", format!("{some:.0} days left")),
            many => ("", format!("{many:.0} days left")),
        };
        card.row_of(names, &text, class)?;
    }
    card.end();
    Ok(())
}

pub(super) fn write_trouble(out: &mut String, metrics: &Metrics) -> fmt::Result {
    let mut card = Card::new(out, "Refusals and trouble since the start");
    let mut rows = 0;
    for (labels, measure) in metrics.of(REFUSALS) {
        if let Some(reason) = label_value(labels, "reason")
            && measure.number() > 0.0
        {
            rows += 1;
            card.row(&reason.replace('_', " "), &units::count(measure.number()))?;
        }
    }
    let troubles = [
        (CUT, "responses cut"),
        (HANDSHAKES_FAILED, "handshakes failed"),
        (ACCEPT_PAUSES, "pauses of accepting"),
        (MEMORY_SHORTAGES, "times that memory was short"),
        (WATCHES_REFUSED, "directories not watched"),
        (WATCHES_LOST, "changes lost"),
        (POOL_FAILURES, "threads not given"),
        (DISK_FAILURES, "bodies not stored"),
        (LOG_DROPPED, "log lines dropped"),
        (CLOCK_STEPS, "clock steps"),
        (ROOTS_REPLACED, "roots replaced"),
        (ROOTS_GONE, "roots missing"),
        (PROCESS_RESTARTS, "processes replaced"),
        (PROCESSES_SILENT, "processes without an answer"),
        (WORKERS_STUCK, "workers that are stuck"),
    ];
    for (family, words) in troubles {
        let count = metrics.sum(family);
        if count > 0.0 {
            rows += 1;
            card.row_of(words, &units::count(count), if family == CUT { "" } else { "warn" })?;
        }
    }
    if rows == 0 {
        card.row_of("none", "", "")?;
    }
    card.end();
    Ok(())
}

pub(super) fn write_process(out: &mut String, metrics: &Metrics) -> fmt::Result {
    let mut card = Card::new(out, "Processes");
    card.row("that serve", &units::count(metrics.sum(PROCESSES)))?;
    card.row("memory", &units::bytes(metrics.sum(MEMORY)).text())?;
    let of_each = metrics.sum(DESCRIPTORS_MAX);
    let (open, most) = (metrics.sum(DESCRIPTORS), of_each * metrics.sum(PROCESSES).max(1.0));
    let most = if most > 1e9 { "any number".to_owned() } else { units::count(most) };
    card.row("descriptors", &format!("{} of {most}", units::count(open)))?;
    card.row("CPU time", &units::time(metrics.sum(CPU)))?;
    for (family, words) in [(RELOADS, "reloads"), (UPGRADES, "upgrades")] {
        for (labels, measure) in metrics.of(family) {
            if let Some(outcome) = label_value(labels, "outcome")
                && measure.number() > 0.0
            {
                card.row(&format!("{words}, {outcome}"), &units::count(measure.number()))?;
            }
        }
    }
    card.end();
    Ok(())
}

/// A list of names and values under a title.
struct Card<'o> {
    out: &'o mut String,
}

impl Card<'_> {
    fn new<'o>(out: &'o mut String, title: &str) -> Card<'o> {
        out.push_str("<section><h2>");
        out.push_str(title);
        out.push_str("</h2>\n<div class=card><dl>\n");
        Card { out }
    }

    fn row(&mut self, name: &str, value: &str) -> fmt::Result {
        self.row_of(name, value, "")
    }

    fn row_of(&mut self, name: &str, value: &str, class: &str) -> fmt::Result {
        let class = if class.is_empty() { String::new() } else { format!(" class={class}") };
        writeln!(self.out, "<dt>{}<dd{class}>{}", Text(name), Text(value))
    }

    fn end(self) {
        self.out.push_str("</dl></div></section>\n");
    }
}

/// The states of connections, as they are counted and as they are shown.
const STATES: [(&str, &str); 8] = [
    ("idle", "idle"),
    ("reading", "reading a request"),
    ("waiting", "waiting for a response"),
    ("sending", "sending"),
    ("streaming", "streaming"),
    ("handshake", "in a TLS handshake"),
    ("http2", "HTTP/2"),
    ("closing", "closing"),
];
