//! The page for people. It is made here as a whole, so that it can be read without its script, which only fetches it
//! again. It has nothing from elsewhere: its style and its script are files beside it, and nothing else may run.

mod cards;
mod tables;

use super::families::*;
use super::history::{Rates, View};
use super::metrics::{Histogram, Metrics, label_value};
use super::source::Reading;
use super::units::{self, Quantity};
use crate::http::Status;
use crate::site::Response;
use crate::site::listing::escape::{Controls, write_html};
use std::fmt::{self, Display, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The page.
pub(super) fn page(reading: &Reading, view: &View) -> Response {
    let mut out = String::from(HEAD);
    // Writing to a String cannot fail.
    let _ = write_page(&mut out, reading, view);
    let status = if reading.metrics.of(BUILD).next().is_none() {
        Status::SERVICE_UNAVAILABLE
    } else {
        Status::OK
    };
    Response::html(out)
        .status(status)
        .header("Content-Security-Policy", POLICY)
        .header("Cache-Control", "no-store")
        .header("Referrer-Policy", "no-referrer")
        .header("X-Content-Type-Options", "nosniff")
}

/// Its style.
pub(super) fn style() -> Response {
    beside("text/css; charset=utf-8", STYLE)
}

/// Its script.
pub(super) fn script() -> Response {
    beside("text/javascript; charset=utf-8", SCRIPT)
}

fn beside(content_type: &str, text: &str) -> Response {
    Response::bytes(content_type, text.as_bytes().to_vec())
        .header("Cache-Control", "no-cache")
        .header("X-Content-Type-Options", "nosniff")
}

fn write_page(out: &mut String, reading: &Reading, view: &View) -> fmt::Result {
    let metrics = &reading.metrics;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    write_header(out, reading, now)?;
    out.push_str("<main>\n<section class=tiles aria-label=Now>\n");
    write_tiles(out, metrics, view)?;
    out.push_str("</section>\n");
    tables::write_hosts(out, metrics, view)?;
    tables::write_applications(out, metrics)?;
    out.push_str("<div class=cards>\n");
    cards::write_connections(out, metrics)?;
    cards::write_files(out, metrics)?;
    cards::write_threads(out, metrics)?;
    cards::write_certificates(out, metrics, now)?;
    cards::write_trouble(out, metrics)?;
    cards::write_process(out, metrics)?;
    out.push_str("</div>\n</main>\n");
    out.push_str(FOOT);
    Ok(())
}

fn write_header(out: &mut String, reading: &Reading, now: f64) -> fmt::Result {
    let metrics = &reading.metrics;
    let version = metrics.of(BUILD).find_map(|(labels, _)| label_value(labels, "version"));
    let wrong = reading.stuck.as_ref().or(reading.unready.as_ref());
    out.push_str("<header>\n<h1>httpd</h1>\n");
    match wrong {
        None => out.push_str("<p class=state>Serving</p>\n"),
        Some(why) => writeln!(out, "<p class=\"state off\">{}</p>", Text(&capital(why)))?,
    }
    let started = metrics.value("process_start_time_seconds", &[]);
    let mut facts = Vec::new();
    facts.extend(version.map(|version| format!("version {version}")));
    facts.extend(started.map(|started| format!("up {}", units::time(now - started))));
    writeln!(out, "<p>{}</p>", Text(&facts.join(" · ")))?;
    let seconds = now as u64 % 86_400;
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    writeln!(out, "<p>{hours:02}:{minutes:02}:{rest:02} UTC</p>\n</header>")
}

fn write_tiles(out: &mut String, metrics: &Metrics, view: &View) -> fmt::Result {
    let rates = view.rates;
    let requests = units::count(metrics.sum(REQUESTS));
    let per_second = |unit| Quantity { number: units::rate(rates.requests), unit };
    tile(out, "Requests", &per_second("/s"), &format!("{requests} in all"))?;
    curve(out, view, |it| it.requests)?;
    let sent = units::bytes(rates.sent);
    let all = units::bytes(metrics.sum(SENT)).text();
    let unit = format!("{}/s", sent.unit);
    tile_with(out, "Sent", &sent.number, &unit, &format!("{all} in all"))?;
    curve(out, view, |it| it.sent)?;
    let [p50, p99] = [0.5, 0.99].map(|part| units::latency(percentile(&view.durations, part)));
    out.push_str("<div class=tile><h2>Median latency</h2>\n");
    write!(out, "<b>{}</b>", Big(&p50.number, p50.unit))?;
    let mean = match view.durations.count() {
        0 => "–".to_owned(),
        count => units::latency(Some(view.durations.sum_seconds / count as f64)).text(),
    };
    write!(out, "<dl><dt>p99<dd>{}", p99.text())?;
    writeln!(out, "<dt>mean<dd>{mean}</dl></div>")?;
    let open = metrics.sum(CONNECTIONS);
    out.push_str("<div class=tile><h2>Connections</h2>\n");
    write!(out, "<b>{}</b><dl>", units::count(open))?;
    let idle = metrics.sum_with(CONNECTIONS, "state", "idle");
    write!(out, "<dt>idle<dd>{}", units::count(idle))?;
    writeln!(out, "<dt>busy<dd>{}</dl></div>", units::count(open - idle))?;
    let failed = failures(metrics);
    let class = if rates.failed >= 0.05 { " class=bad" } else { "" };
    out.push_str("<div class=tile><h2>Errors of the server</h2>\n");
    let number = units::rate(rates.failed);
    write!(out, "<b{class}>{}</b>", Big(&number, "/s"))?;
    let share = units::percent(failed, metrics.sum(RESPONSES));
    write!(out, "<p>{} in all, {share}</p>", units::count(failed))?;
    curve(out, view, |it| it.failed)
}

fn tile(out: &mut String, title: &str, quantity: &Quantity, note: &str) -> fmt::Result {
    tile_with(out, title, &quantity.number, quantity.unit, note)
}

/// The beginning of a tile, which a curve ends.
fn tile_with(out: &mut String, title: &str, number: &str, unit: &str, note: &str) -> fmt::Result {
    writeln!(out, "<div class=tile><h2>{title}</h2>")?;
    write!(out, "<b>{}</b><p>{note}</p>", Big(number, unit))
}

/// The curve of the last minutes below a number, and the end of its tile.
fn curve(out: &mut String, view: &View, of: impl Fn(&Rates) -> f64) -> fmt::Result {
    let ago = |age: &Duration| 100.0 - age.as_secs_f64() / CURVE.as_secs_f64() * 100.0;
    let shown: Vec<(f64, f64)> = view
        .past
        .iter()
        .map(|(age, rates)| (ago(age), of(rates)))
        .filter(|(place, _)| *place >= -5.0)
        .collect();
    let most = shown.iter().fold(0.0, |most: f64, (_, rate)| most.max(*rate));
    if shown.len() >= 2 && most > 0.0 {
        let height = |rate: f64| 30.0 - rate / most * 27.0;
        let mut line = String::new();
        for (place, rate) in &shown {
            write!(line, "{place:.1},{:.1} ", height(*rate))?;
        }
        let (first, last) = (shown[0].0, shown[shown.len() - 1].0);
        out.push_str("<svg viewBox=\"0 0 100 32\" preserveAspectRatio=none aria-hidden=true>");
        write!(out, "<polygon class=area points=\"{first:.1},32 {line}{last:.1},32\"/>")?;
        write!(out, "<polyline class=line points=\"{}\"/></svg>", line.trim_end())?;
    }
    out.push_str("</div>\n");
    Ok(())
}

/// The duration below which this part of the requests stays, taken evenly from their bucket. `None`: there are none.
fn percentile(durations: &Histogram, part: f64) -> Option<f64> {
    let all = durations.count();
    let wanted = part * all as f64;
    let mut before = 0.0;
    for (bucket, &count) in durations.counts.iter().enumerate() {
        let count = count as f64;
        if count > 0.0 && before + count >= wanted {
            let bound = |bucket: usize| BOUNDS.get(bucket).and_then(|it| it.parse::<f64>().ok());
            let from = if bucket == 0 { 0.0 } else { bound(bucket - 1).unwrap_or(0.0) };
            let Some(to) = bound(bucket) else { return Some(from) };
            return Some(from + (to - from) * ((wanted - before) / count));
        }
        before += count;
    }
    None
}

fn failures(metrics: &Metrics) -> f64 {
    let is_failure =
        |labels: &str| label_value(labels, "status").is_some_and(|it| it.starts_with('5'));
    let failed = metrics.of(RESPONSES).filter(|(labels, _)| is_failure(labels));
    failed.map(|(_, measure)| measure.number()).sum()
}

fn capital(text: &str) -> String {
    let mut characters = text.chars();
    characters
        .next()
        .map_or(String::new(), |first| first.to_uppercase().chain(characters).collect())
}

/// Text in the page.
struct Text<'t>(&'t str);

impl Display for Text<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut escaped = Vec::new();
        write_html(self.0.as_bytes(), Controls::Shown, &mut escaped).map_err(|_| fmt::Error)?;
        formatter.write_str(&String::from_utf8_lossy(&escaped))
    }
}

/// A number, and its unit smaller.
struct Big<'t>(&'t str, &'t str);

impl Display for Big<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Big(number, unit) = self;
        match *unit {
            "" => write!(formatter, "{}", Text(number)),
            unit => write!(formatter, "{}<small>{unit}</small>", Text(number)),
        }
    }
}

/// How far the curves reach back.
const CURVE: Duration = Duration::from_secs(120);

/// More rows are no overview.
pub(super) const ROWS_MAX: usize = 50;

/// Nothing from elsewhere, no other scripts than the page's own file, and nobody puts it into a frame.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HEAD: &str = "<!doctype html>
<html lang=en>
<meta charset=utf-8>
<meta name=viewport content=\"width=device-width, initial-scale=1\">
<title>httpd status</title>
<link rel=stylesheet href=status.css>
<link rel=icon href=\"data:,\">
<script src=status.js defer></script>
<noscript><meta http-equiv=refresh content=3></noscript>
";

const FOOT: &str = "<footer><a href=metrics>metrics</a> · <a href=readyz>readyz</a> · <a href=livez>livez</a></footer>
</html>
";

const STYLE: &str = include_str!("status.css");
const SCRIPT: &str = include_str!("status.js");
