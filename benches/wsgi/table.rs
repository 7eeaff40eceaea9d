//! What is shown: for each kind of work a table in Markdown.

use std::fmt::Write as _;

use crate::measure::Sample;
use crate::servers::Server;
use crate::shared::figures::{median, spread_percent};
use crate::work::Work;

/// What all runs of one server on one kind of work showed: medians, and errors in all.
pub struct Standing {
    server: Server,
    sample: Sample,
    /// Of CPU time per request, between the runs: (largest - smallest) / 2, in percent of the median.
    spread: f64,
}

impl Standing {
    /// `None` if no run succeeded.
    pub fn of(server: Server, samples: &[Sample]) -> Option<Standing> {
        if samples.is_empty() {
            return None;
        }
        let of = |figure: fn(&Sample) -> f64| median(samples.iter().map(figure));
        let sample = Sample {
            requests_per_second: of(|sample| sample.requests_per_second),
            cpu_per_request: of(|sample| sample.cpu_per_request),
            p50: of(|sample| sample.p50),
            p99: of(|sample| sample.p99),
            newcomer: of(|sample| sample.newcomer),
            pss_bytes: of(|sample| sample.pss_bytes),
            errors: samples.iter().map(|sample| sample.errors).sum(),
        };
        let spread = spread_percent(samples.iter().map(|sample| sample.cpu_per_request));
        Some(Standing { server, sample, spread })
    }
}

/// The table of one kind of work; ratios are to httpd.
pub fn markdown(work: Work, standings: &[Standing], problems: &[String]) -> String {
    let own = standings.iter().find(|standing| standing.server == Server::Httpd);
    let to = |theirs: f64, own: Option<f64>| {
        own.map_or("—".into(), |own| format!("{:.2}", theirs / own))
    };
    let mut text = format!(
        "\n### {work}\n\n| server | req/s | ÷ httpd | CPU µs | ± | ÷ httpd | p50 ms | p99 ms | newcomer ms | \
         PSS MB | errors |\n|---|{}\n",
        "---:|".repeat(10)
    );
    for Standing { server, sample, spread } in standings {
        let _ = writeln!(
            text,
            "| {} | {:.0} | {} | {:.1} | {spread:.0}% | {} | {:.2} | {:.2} | {} | {:.1} | {:.0} |",
            server.name(),
            sample.requests_per_second,
            to(sample.requests_per_second, own.map(|own| own.sample.requests_per_second)),
            sample.cpu_per_request,
            to(sample.cpu_per_request, own.map(|own| own.sample.cpu_per_request)),
            sample.p50,
            sample.p99,
            if sample.newcomer.is_finite() {
                format!("{:.1}", sample.newcomer)
            } else {
                "∞".into()
            },
            sample.pss_bytes / 1e6,
            sample.errors,
        );
    }
    for problem in problems {
        let _ = writeln!(text, "\n- {problem}");
    }
    text
}
