//! Numbers at one moment, of a worker, a process, or all of them.

use super::families::{BUCKETS, FAMILIES, Kind, Together, family_of};
use super::text;
use std::collections::BTreeMap;

/// What a server has counted, and what it is doing now; from [`Handle::metrics`](crate::Handle::metrics).
///
/// ```
/// use httpd::{Server, Site};
/// let server = Server::new(Site::new()).listen("127.0.0.1:0").start()?;
/// let metrics = server.handle().metrics();
/// assert_eq!(metrics.value("httpd_connections_accepted", &[]), Some(0.0));
/// assert!(metrics.to_prometheus().contains("\nhttpd_connections_accepted_total 0\n"));
/// server.handle().stop();
/// server.wait();
/// # Ok::<(), httpd::StartError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metrics {
    /// By family, and then by labels as they are written.
    samples: BTreeMap<(usize, String), Measure>,
}

/// The value of a sample.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Measure {
    Number(f64),
    Histogram(Histogram),
}

/// How many durations there were of each length.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Histogram {
    pub(crate) counts: [u64; BUCKETS],
    pub(crate) sum_seconds: f64,
}

impl Metrics {
    /// The sum of the samples of a family that have these labels, in any order, whatever others they have. `None`: there
    /// are none. Names of counters are written without `_total`; a histogram has no value.
    pub fn value(&self, family: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let family = family_of(family.strip_suffix("_total").unwrap_or(family))?;
        let wanted: Vec<String> = labels.iter().map(|it| written_labels(&[*it])).collect();
        let mut found = None;
        for (written, measure) in self.of(family) {
            if let Measure::Number(number) = measure
                && wanted.iter().all(|label| has_label(written, label))
            {
                *found.get_or_insert(0.0) += number;
            }
        }
        found
    }

    /// The numbers in the text format of Prometheus, version 0.0.4.
    pub fn to_prometheus(&self) -> String {
        text::write(self, text::Format::Prometheus)
    }

    /// The numbers in the format of OpenMetrics, version 1.0.0.
    pub fn to_openmetrics(&self) -> String {
        text::write(self, text::Format::OpenMetrics)
    }

    /// Adds a number; `labels` in the order in which they are shown.
    pub(crate) fn add(&mut self, family: usize, labels: &[(&str, &str)], number: f64) {
        self.merge(family, written_labels(labels), Measure::Number(number));
    }

    /// The same for a count.
    pub(crate) fn count(&mut self, family: usize, labels: &[(&str, &str)], count: u64) {
        self.add(family, labels, count as f64);
    }

    /// Adds durations.
    pub(crate) fn add_histogram(
        &mut self,
        family: usize,
        labels: &[(&str, &str)],
        histogram: Histogram,
    ) {
        self.merge(family, written_labels(labels), Measure::Histogram(histogram));
    }

    /// Adds the numbers of another worker or process.
    pub(crate) fn add_all(&mut self, others: &Metrics) {
        for ((family, labels), measure) in &others.samples {
            self.merge(*family, labels.clone(), measure.clone());
        }
    }

    /// What only grows.
    pub(crate) fn counted(&self) -> Metrics {
        let grows = |family: usize| FAMILIES[family].kind != Kind::Gauge;
        let samples = self.samples.iter().filter(|((family, _), _)| grows(*family));
        Metrics { samples: samples.map(|(key, measure)| (key.clone(), measure.clone())).collect() }
    }

    /// Those that are not of these families.
    #[cfg_attr(not(feature = "cli"), allow(dead_code, reason = "for several processes"))]
    pub(crate) fn without(&self, families: &[usize]) -> Metrics {
        let stays = |family: &usize| !families.contains(family);
        let samples = self.samples.iter().filter(|((family, _), _)| stays(family));
        Metrics { samples: samples.map(|(key, measure)| (key.clone(), measure.clone())).collect() }
    }

    fn merge(&mut self, family: usize, labels: String, measure: Measure) {
        let Some(known) = self.samples.get_mut(&(family, labels.clone())) else {
            self.samples.insert((family, labels), measure);
            return;
        };
        match (known, measure) {
            (Measure::Number(known), Measure::Number(number)) => {
                *known = match FAMILIES[family].together {
                    Together::Sum => *known + number,
                    Together::Least => known.min(number),
                    Together::Most => known.max(number),
                }
            }
            (Measure::Histogram(known), Measure::Histogram(histogram)) => known.add(&histogram),
            (Measure::Number(_), Measure::Histogram(_))
            | (Measure::Histogram(_), Measure::Number(_)) => {}
        }
    }

    /// The samples of a family, by their labels.
    pub(crate) fn of(&self, family: usize) -> impl Iterator<Item = (&str, &Measure)> {
        let all = (family, String::new())..(family + 1, String::new());
        self.samples.range(all).map(|((_, labels), measure)| (labels.as_str(), measure))
    }

    /// The sum of a family of numbers.
    pub(crate) fn sum(&self, family: usize) -> f64 {
        self.of(family).map(|(_, measure)| measure.number()).sum()
    }

    /// The sum of the samples of a family with this label.
    pub(crate) fn sum_with(&self, family: usize, name: &str, value: &str) -> f64 {
        let label = written_labels(&[(name, value)]);
        let with = self.of(family).filter(|(labels, _)| has_label(labels, &label));
        with.map(|(_, measure)| measure.number()).sum()
    }

    /// The durations of a family, all together.
    pub(crate) fn histogram(&self, family: usize) -> Histogram {
        let mut all = Histogram::default();
        for (_, measure) in self.of(family) {
            if let Measure::Histogram(histogram) = measure {
                all.add(histogram);
            }
        }
        all
    }

    /// One line for each sample, for another process to [read](Metrics::from_lines).
    #[cfg_attr(not(feature = "cli"), allow(dead_code, reason = "for several processes"))]
    pub(crate) fn to_lines(&self) -> String {
        let mut lines = String::new();
        for ((family, labels), measure) in &self.samples {
            lines.push_str(FAMILIES[*family].name);
            lines.push('\t');
            lines.push_str(labels);
            match measure {
                Measure::Number(number) => lines.push_str(&format!("\t{number}\n")),
                Measure::Histogram(Histogram { counts, sum_seconds }) => {
                    lines.push_str(&format!("\t{sum_seconds}"));
                    counts.iter().for_each(|count| lines.push_str(&format!(" {count}")));
                    lines.push('\n');
                }
            }
        }
        lines
    }

    /// The numbers of another process. What this version does not know is left out: the other one may be newer.
    #[cfg_attr(not(feature = "cli"), allow(dead_code, reason = "for several processes"))]
    pub(crate) fn from_lines(lines: &str) -> Metrics {
        let mut metrics = Metrics::default();
        for line in lines.lines() {
            let mut parts = line.split('\t');
            let (Some(name), Some(labels), Some(numbers)) =
                (parts.next(), parts.next(), parts.next())
            else {
                continue;
            };
            if let Some(family) = family_of(name)
                && let Some(measure) = read_measure(FAMILIES[family].kind, numbers)
            {
                metrics.merge(family, labels.to_owned(), measure);
            }
        }
        metrics
    }
}

impl Measure {
    /// Its number; 0 for a histogram.
    pub(crate) fn number(&self) -> f64 {
        match self {
            Measure::Number(number) => *number,
            Measure::Histogram(_) => 0.0,
        }
    }
}

impl Histogram {
    pub(crate) fn add(&mut self, other: &Histogram) {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count += more;
        }
        self.sum_seconds += other.sum_seconds;
    }

    /// Those that came after an earlier reading.
    pub(crate) fn since(&self, earlier: &Histogram) -> Histogram {
        let mut since = self.clone();
        for (count, before) in since.counts.iter_mut().zip(earlier.counts) {
            *count = count.saturating_sub(before);
        }
        since.sum_seconds = (since.sum_seconds - earlier.sum_seconds).max(0.0);
        since
    }

    pub(crate) fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

fn read_measure(kind: Kind, numbers: &str) -> Option<Measure> {
    let mut numbers = numbers.split(' ');
    let first: f64 = numbers.next()?.parse().ok()?;
    if kind != Kind::Histogram {
        return Some(Measure::Number(first));
    }
    let mut histogram = Histogram { sum_seconds: first, ..Histogram::default() };
    for count in &mut histogram.counts {
        *count = numbers.next()?.parse().ok()?;
    }
    numbers.next().is_none().then_some(Measure::Histogram(histogram))
}

/// `name="value",…`. Other control characters than a line end have no place in a label; they are left out.
fn written_labels(labels: &[(&str, &str)]) -> String {
    let mut written = String::new();
    for (name, value) in labels {
        if !written.is_empty() {
            written.push(',');
        }
        written.push_str(name);
        written.push_str("=\"");
        for character in value.chars() {
            match character {
                '\\' => written.push_str("\\\\"),
                '"' => written.push_str("\\\""),
                '\n' => written.push_str("\\n"),
                control if control.is_control() => {}
                usual => written.push(usual),
            }
        }
        written.push('"');
    }
    written
}

/// Whether written labels have this one, written.
fn has_label(labels: &str, label: &str) -> bool {
    let mut rest = labels;
    loop {
        if let Some(after) = rest.strip_prefix(label)
            && (after.is_empty() || after.starts_with(','))
        {
            return true;
        }
        // To the end of the value, which may hold quotes and commas.
        let Some((_, value)) = rest.split_once("=\"") else { return false };
        let mut escaped = false;
        let end = value.find(|character| match (escaped, character) {
            (true, _) => {
                escaped = false;
                false
            }
            (false, '\\') => {
                escaped = true;
                false
            }
            (false, character) => character == '"',
        });
        let Some(end) = end else { return false };
        match value[end + 1..].strip_prefix(',') {
            Some(next) => rest = next,
            None => return false,
        }
    }
}

/// The value of a label, as it is written.
pub(crate) fn label_value(labels: &str, name: &str) -> Option<String> {
    let mut rest = labels;
    loop {
        let (found, value) = rest.split_once("=\"")?;
        let mut text = String::new();
        let mut characters = value.char_indices();
        let end = loop {
            match characters.next()? {
                (at, '"') => break at,
                (_, '\\') => match characters.next()?.1 {
                    'n' => text.push('\n'),
                    other => text.push(other),
                },
                (_, usual) => text.push(usual),
            }
        };
        if found == name {
            return Some(text);
        }
        rest = value[end + 1..].strip_prefix(',')?;
    }
}

#[cfg(test)]
mod tests {
    use super::super::families::{CERTIFICATE, DURATION, REQUESTS, START};
    use super::*;

    fn of_a_worker(requests: u64, start: f64) -> Metrics {
        let mut metrics = Metrics::default();
        metrics.count(REQUESTS, &[("host", "a.org"), ("method", "GET")], requests);
        metrics.add(START, &[], start);
        let mut durations = Histogram { sum_seconds: 0.5, ..Histogram::default() };
        durations.counts[3] = requests;
        metrics.add_histogram(DURATION, &[("host", "a.org")], durations);
        metrics
    }

    #[test]
    fn what_several_count_is_added_and_the_oldest_start_counts() {
        let mut all = of_a_worker(3, 200.0);
        all.add_all(&of_a_worker(4, 100.0));
        assert_eq!(all.value("httpd_requests_total", &[("method", "GET")]), Some(7.0));
        assert_eq!(all.value("httpd_requests", &[("method", "PUT")]), None);
        assert_eq!(all.value("process_start_time_seconds", &[]), Some(100.0));
        assert_eq!(all.histogram(DURATION).counts[3], 7);
        assert_eq!(all.histogram(DURATION).sum_seconds, 1.0);
    }

    #[test]
    fn numbers_arrive_in_another_process_as_they_were_sent() {
        let mut sent = of_a_worker(3, 1.25);
        sent.add(CERTIFICATE, &[("names", "a\tb \"c\" \\d\ne,f=\"")], 17.0);
        let lines = sent.to_lines();
        assert_eq!(Metrics::from_lines(&lines), sent);
        for end in 0..lines.len() {
            if lines.is_char_boundary(end) {
                let _ = Metrics::from_lines(&lines[..end]);
            }
        }
        let newer = format!("httpd_of_tomorrow\t\t1\n{lines}httpd_requests\tx\n");
        assert_eq!(Metrics::from_lines(&newer), sent);
    }

    #[test]
    fn a_label_is_found_whatever_the_values_of_others_are() {
        let labels = written_labels(&[("a", "x\",b=\"1"), ("b", "2\\"), ("c", "3")]);
        assert!(has_label(&labels, "b=\"2\\\\\"") && has_label(&labels, "c=\"3\""));
        assert!(!has_label(&labels, "b=\"1\"") && !has_label(&labels, "d=\"\""));
        assert_eq!(label_value(&labels, "a").as_deref(), Some("x\",b=\"1"));
        assert_eq!(label_value(&labels, "b").as_deref(), Some("2\\"));
        assert_eq!(label_value(&labels, "d"), None);
        assert_eq!(label_value("", "d"), None);
    }
}
