//! Metrics in the text formats that collectors read: Prometheus 0.0.4 and OpenMetrics 1.0.0. Metrics are shown by it, and so
//! the two import each other.

use super::families::{BOUNDS, FAMILIES, Family, Kind};
use super::metrics::{Histogram, Measure, Metrics};
use std::fmt::Write;

/// A text format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Prometheus,
    OpenMetrics,
}

impl Format {
    /// The format that a client prefers by its `Accept`.
    pub(crate) fn accepted(accept: Option<&str>) -> Format {
        let asks = |range: &str| range.trim_start().to_ascii_lowercase().starts_with(OPEN_TYPE);
        match accept.is_some_and(|accept| accept.split(',').any(asks)) {
            true => Format::OpenMetrics,
            false => Format::Prometheus,
        }
    }

    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Format::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// Writes everything.
pub(crate) fn write(metrics: &Metrics, format: Format) -> String {
    let mut out = String::new();
    for (number, family) in FAMILIES.iter().enumerate() {
        let mut samples = metrics.of(number).peekable();
        if samples.peek().is_none() {
            continue;
        }
        write_head(&mut out, family, format);
        let suffix = if family.kind == Kind::Counter { "_total" } else { "" };
        for (labels, measure) in samples {
            match measure {
                Measure::Number(number) => {
                    write_sample(&mut out, &[family.name, suffix], labels, *number);
                }
                Measure::Histogram(histogram) => {
                    write_histogram(&mut out, family.name, labels, histogram);
                }
            }
        }
    }
    if format == Format::OpenMetrics {
        out.push_str("# EOF\n");
    }
    out
}

fn write_head(out: &mut String, family: &Family, format: Format) {
    let (suffix, kind) = match (family.kind, format) {
        (Kind::Counter, Format::Prometheus) => ("_total", "counter"),
        (Kind::Counter, Format::OpenMetrics) => ("", "counter"),
        (Kind::Gauge, _) => ("", "gauge"),
        (Kind::Histogram, _) => ("", "histogram"),
    };
    // Writing to a String cannot fail.
    let _ = writeln!(out, "# HELP {}{suffix} {}", family.name, family.help);
    let _ = writeln!(out, "# TYPE {}{suffix} {kind}", family.name);
}

fn write_histogram(out: &mut String, name: &str, labels: &str, histogram: &Histogram) {
    let mut count = 0;
    let bounds = BOUNDS.iter().copied().chain(["+Inf"]);
    let comma = if labels.is_empty() { "" } else { "," };
    for (bound, here) in bounds.zip(histogram.counts) {
        count += here;
        // OpenMetrics wants the bounds as floats.
        let point = if bound.contains(['.', 'I']) { "" } else { ".0" };
        let labels = format!("{labels}{comma}le=\"{bound}{point}\"");
        write_sample(out, &[name, "_bucket"], &labels, count as f64);
    }
    write_sample(out, &[name, "_sum"], labels, histogram.sum_seconds);
    write_sample(out, &[name, "_count"], labels, count as f64);
}

fn write_sample(out: &mut String, name: &[&str; 2], labels: &str, number: f64) {
    name.iter().for_each(|part| out.push_str(part));
    if !labels.is_empty() {
        out.push('{');
        out.push_str(labels);
        out.push('}');
    }
    // Writing to a String cannot fail.
    let _ = writeln!(out, " {number}");
}

const OPEN_TYPE: &str = "application/openmetrics-text";

#[cfg(test)]
mod tests {
    use super::super::families::{DURATION, MEMORY, REQUESTS};
    use super::*;

    fn metrics() -> Metrics {
        let mut metrics = Metrics::default();
        metrics.count(REQUESTS, &[("host", "a \"b\"\\"), ("status", "2xx")], 12);
        metrics.add(MEMORY, &[], 4096.0);
        let mut durations = Histogram { sum_seconds: 1.5, ..Histogram::default() };
        (durations.counts[0], durations.counts[9], durations.counts[15]) = (5, 2, 1);
        metrics.add_histogram(DURATION, &[("host", "a")], durations);
        metrics
    }

    #[test]
    fn prometheus_gets_each_family_once_with_its_help_and_its_kind() {
        let text = metrics().to_prometheus();
        assert!(text.contains("\n# TYPE httpd_requests_total counter\nhttpd_requests_total{host=\"a \\\"b\\\"\\\\\",status=\"2xx\"} 12\n"), "{text}");
        assert!(text.contains(
            "# TYPE process_resident_memory_bytes gauge\nprocess_resident_memory_bytes 4096\n"
        ));
        assert_eq!(text.matches("# HELP ").count(), 3);
        assert!(!text.contains("# EOF"));
    }

    #[test]
    fn buckets_count_everything_up_to_their_bound() {
        let text = metrics().to_prometheus();
        for line in [
            "_bucket{host=\"a\",le=\"0.001\"} 5\n",
            "_bucket{host=\"a\",le=\"0.5\"} 5\n",
            "_bucket{host=\"a\",le=\"1.0\"} 7\n",
            "_bucket{host=\"a\",le=\"60.0\"} 7\n",
            "_bucket{host=\"a\",le=\"+Inf\"} 8\n",
            "_sum{host=\"a\"} 1.5\n",
            "_count{host=\"a\"} 8\n",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
    }

    #[test]
    fn openmetrics_names_the_family_of_a_counter_without_total_and_ends_with_its_mark() {
        let text = metrics().to_openmetrics();
        assert!(text.contains("# TYPE httpd_requests counter\nhttpd_requests_total{"), "{text}");
        assert!(text.ends_with("\n# EOF\n"));
    }

    #[test]
    fn a_client_that_accepts_openmetrics_gets_it() {
        let of = |accept| Format::accepted(Some(accept));
        assert_eq!(Format::accepted(None), Format::Prometheus);
        assert_eq!(of("*/*"), Format::Prometheus);
        assert_eq!(of("text/plain;version=0.0.4"), Format::Prometheus);
        let prometheus =
            "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.3";
        assert_eq!(of(prometheus), Format::OpenMetrics);
    }
}
