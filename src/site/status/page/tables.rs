//! The tables of the page: hosts and applications.

use super::{ROWS_MAX, Text, percentile};
use crate::site::status::families::{
    APPLICATION_PROCESSES, APPLICATION_REQUESTS, APPLICATION_RESTARTS, DURATION, FAMILIES, REQUESTS,
};
use crate::site::status::history::View;
use crate::site::status::metrics::{Histogram, Measure, Metrics, label_value};
use crate::site::status::units;
use std::fmt::{self, Write};

/// What is known of one host.
#[derive(Default)]
struct HostRow {
    name: String,
    rate: f64,
    classes: [f64; 5],
    durations: Histogram,
}

pub(super) fn write_hosts(out: &mut String, metrics: &Metrics, view: &View) -> fmt::Result {
    let mut rows: Vec<HostRow> = Vec::new();
    let mut row = |labels: &str, change: &mut dyn FnMut(&mut HostRow)| {
        let Some(name) = label_value(labels, "host") else { return };
        match rows.iter_mut().find(|row| row.name == name) {
            Some(row) => change(row),
            None => {
                let mut row = HostRow { name, ..HostRow::default() };
                change(&mut row);
                rows.push(row);
            }
        }
    };
    for (labels, measure) in metrics.of(REQUESTS) {
        let class = label_value(labels, "status").and_then(|it| it.bytes().next());
        let place = class.map_or(0, |digit| usize::from(digit.saturating_sub(b'1'))).min(4);
        row(labels, &mut |row| row.classes[place] += measure.number());
    }
    for (labels, measure) in metrics.of(DURATION) {
        if let Measure::Histogram(histogram) = measure {
            row(labels, &mut |row| row.durations.add(histogram));
        }
    }
    if let Some((time, earlier)) = &view.earlier {
        for row in &mut rows {
            let before = earlier.sum_with(REQUESTS, "host", &row.name);
            let new = row.classes.iter().sum::<f64>() - before;
            row.rate = new.max(0.0) / time.as_secs_f64().max(0.001);
        }
    }
    let all = |row: &HostRow| row.classes.iter().sum::<f64>();
    rows.sort_by(|one, other| all(other).total_cmp(&all(one)));
    out.push_str("<section class=wide><h2>Hosts</h2>\n<div class=\"card scroll\"><table>\n<thead><tr><th scope=col>Name<th scope=col>Requests/s<th scope=col>Requests<th scope=col>2xx<th scope=col>3xx<th scope=col>4xx<th scope=col>5xx<th scope=col>p50<th scope=col>p99\n<tbody>\n");
    for row in rows.iter().take(ROWS_MAX) {
        write!(out, "<tr><th scope=row>{}", Text(&row.name))?;
        write!(out, "<td>{}<td>{}", units::rate(row.rate), units::count(all(row)))?;
        for (place, class) in row.classes.iter().enumerate().skip(1) {
            match (place, *class > 0.0) {
                (_, false) => out.push_str("<td class=none>0"),
                (4, true) => write!(out, "<td class=bad>{}", units::count(*class))?,
                (_, true) => write!(out, "<td>{}", units::count(*class))?,
            }
        }
        for part in [0.5, 0.99] {
            write!(out, "<td>{}", units::latency(percentile(&row.durations, part)).text())?;
        }
        out.push('\n');
    }
    out.push_str("</table>");
    if rows.is_empty() {
        out.push_str("<p class=note>No requests yet.</p>");
    }
    if rows.len() > ROWS_MAX {
        write!(out, "<p class=note>and {} more</p>", rows.len() - ROWS_MAX)?;
    }
    out.push_str("</div></section>\n");
    Ok(())
}

pub(super) fn write_applications(out: &mut String, metrics: &Metrics) -> fmt::Result {
    let mut names: Vec<String> = Vec::new();
    for (labels, _) in metrics.of(APPLICATION_PROCESSES).chain(metrics.of(APPLICATION_REQUESTS)) {
        if let Some(name) = label_value(labels, "application")
            && !names.contains(&name)
        {
            names.push(name);
        }
    }
    if names.is_empty() {
        return Ok(());
    }
    out.push_str("<section class=wide><h2>Applications</h2>\n<div class=\"card scroll\"><table>\n<thead><tr><th scope=col>Name<th scope=col>Processes<th scope=col>Requests there<th scope=col>Waiting<th scope=col>Replaced\n<tbody>\n");
    for name in names.iter().take(ROWS_MAX) {
        let of = |family| metrics.sum_with(family, "application", name);
        let requests = |state: &str| {
            let labels = [("application", &**name), ("state", state)];
            metrics.value(FAMILIES[APPLICATION_REQUESTS].name, &labels).unwrap_or(0.0)
        };
        write!(out, "<tr><th scope=row>{}", Text(name))?;
        let processes = of(APPLICATION_PROCESSES);
        let class = if processes < 1.0 { " class=bad" } else { "" };
        write!(out, "<td{class}>{}", units::count(processes))?;
        let waiting = requests("waiting");
        let class = if waiting > 0.0 { " class=warn" } else { " class=none" };
        write!(out, "<td>{}<td{class}>{}", units::count(requests("sent")), units::count(waiting))?;
        let restarts = of(APPLICATION_RESTARTS);
        let class = if restarts > 0.0 { "" } else { " class=none" };
        writeln!(out, "<td{class}>{}", units::count(restarts))?;
    }
    out.push_str("</table></div></section>\n");
    Ok(())
}
