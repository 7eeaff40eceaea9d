//! The plain integers of one worker.

use super::ConnectionState;
use crate::server::record::{CountedMethod, Record};
use crate::site::status::families::{self, BUCKETS, bucket_of};
use crate::site::status::{Histogram, Metrics};
use std::time::Instant;

/// What a worker has counted since it began.
#[derive(Clone, Debug)]
pub(crate) struct Counters {
    /// The name of each host, and what its requests were.
    hosts: Vec<(String, HostCounters)>,
    /// By status, from 100 on.
    responses: Box<[u64; STATUSES]>,
    pub(crate) responses_cut: u64,
    pub(crate) received_bytes: u64,
    pub(crate) sent_bytes: u64,
    pub(crate) accepted: u64,
    /// By version of TLS (1.2, 1.3), and whether a session was resumed.
    pub(crate) handshakes: [[u64; 2]; 2],
    pub(crate) handshakes_failed: u64,
    /// Handshakes that were ended because there were too many.
    pub(crate) crowded_out: u64,
    pub(crate) streams: u64,
}

#[derive(Clone, Debug)]
struct HostCounters {
    /// By method and class of status.
    requests: [[u64; CLASSES]; CountedMethod::COUNT],
    durations: [u64; BUCKETS],
    nanoseconds: u64,
}

/// What a worker has counted, and what it does now.
#[derive(Clone, Debug)]
pub(crate) struct WorkerNumbers {
    pub(crate) counters: Counters,
    /// By [`ConnectionState`].
    pub(crate) connections: [u64; ConnectionState::COUNT],
    pub(crate) connections_max: u64,
    pub(crate) streams_open: u64,
    pub(crate) cache: crate::files::CacheNumbers,
    pub(crate) applications: Vec<ApplicationNumbers>,
    pub(crate) is_stopping: bool,
}

/// An application, as one worker sees it.
#[derive(Clone, Debug)]
pub(crate) struct ApplicationNumbers {
    pub(crate) target: String,
    pub(crate) processes: u64,
    /// Requests that a process has.
    pub(crate) sent: u64,
    pub(crate) waiting: u64,
}

impl Default for Counters {
    fn default() -> Counters {
        Counters {
            hosts: Vec::new(),
            responses: Box::new([0; STATUSES]),
            responses_cut: 0,
            received_bytes: 0,
            sent_bytes: 0,
            accepted: 0,
            handshakes: [[0; 2]; 2],
            handshakes_failed: 0,
            crowded_out: 0,
            streams: 0,
        }
    }
}

impl Counters {
    /// Where the requests of these hosts are counted. A host that was known by its name, before a reload, goes on where
    /// it was. So many have counts of their own; the others are counted together.
    pub(crate) fn places_of(&mut self, hosts: &[String]) -> Box<[u32]> {
        let place = |name: &String| {
            let known = |hosts: &[(String, HostCounters)], name: &str| {
                hosts.iter().position(|(known, _)| known == name)
            };
            if let Some(place) = known(&self.hosts, name) {
                return place as u32;
            }
            let name = if self.hosts.len() < HOSTS_MAX { name } else { OTHER };
            let place = known(&self.hosts, name).unwrap_or_else(|| {
                self.hosts.push((name.to_owned(), HostCounters::default()));
                self.hosts.len() - 1
            });
            place as u32
        };
        hosts.iter().map(place).collect()
    }

    /// A response has ended at this time.
    #[inline]
    pub(crate) fn note(&mut self, record: &Record, ended: Instant) {
        if let Some((_, host)) = self.hosts.get_mut(record.host_place as usize) {
            let code = usize::from(record.status.code());
            if let Some(count) = self.responses.get_mut(code.wrapping_sub(100)) {
                *count += 1;
            }
            let class = (code / 100).wrapping_sub(1).min(CLASSES - 1);
            host.requests[record.method.place()][class] += 1;
            let nanoseconds = u64::try_from(record.time(ended).as_nanos()).unwrap_or(u64::MAX);
            host.durations[bucket_of(nanoseconds)] += 1;
            host.nanoseconds = host.nanoseconds.saturating_add(nanoseconds);
            self.responses_cut += u64::from(!record.is_complete);
        }
    }

    fn add_to(&self, metrics: &mut Metrics) {
        for (name, host) in &self.hosts {
            for (method, classes) in CountedMethod::NAMES.iter().zip(&host.requests) {
                for (class, &count) in CLASS_NAMES.iter().zip(classes) {
                    if count > 0 {
                        let labels = [("host", &**name), ("method", *method), ("status", *class)];
                        metrics.count(families::REQUESTS, &labels, count);
                    }
                }
            }
            if host.durations.iter().any(|&count| count > 0) {
                let histogram = Histogram {
                    counts: host.durations,
                    sum_seconds: host.nanoseconds as f64 / 1e9,
                };
                metrics.add_histogram(families::DURATION, &[("host", name)], histogram);
            }
        }
        for (place, &count) in self.responses.iter().enumerate() {
            if count > 0 {
                let status = (place + 100).to_string();
                metrics.count(families::RESPONSES, &[("status", &status)], count);
            }
        }
        metrics.count(families::CUT, &[], self.responses_cut);
        metrics.count(families::RECEIVED, &[], self.received_bytes);
        metrics.count(families::SENT, &[], self.sent_bytes);
        metrics.count(families::ACCEPTED, &[], self.accepted);
        metrics.count(families::STREAMS, &[], self.streams);
        metrics.count(families::HANDSHAKES_FAILED, &[], self.handshakes_failed);
        metrics.count(families::REFUSALS, &[("reason", "handshakes_max")], self.crowded_out);
        for (version, of_version) in ["1.2", "1.3"].iter().zip(&self.handshakes) {
            for (resumed, &count) in ["false", "true"].iter().zip(of_version) {
                if count > 0 {
                    let labels = [("version", *version), ("resumed", *resumed)];
                    metrics.count(families::HANDSHAKES, &labels, count);
                }
            }
        }
    }
}

impl WorkerNumbers {
    /// Adds everything but the applications' processes, which all workers see.
    pub(super) fn add_to(&self, metrics: &mut Metrics) {
        self.counters.add_to(metrics);
        for (state, &count) in ConnectionState::NAMES.iter().zip(&self.connections) {
            metrics.count(families::CONNECTIONS, &[("state", state)], count);
        }
        metrics.count(families::CONNECTIONS_MAX, &[], self.connections_max);
        metrics.count(families::STREAMS_OPEN, &[], self.streams_open);
        let cache = &self.cache;
        metrics.count(families::CACHE_LOOKUPS, &[("result", "hit")], cache.hits);
        metrics.count(families::CACHE_LOOKUPS, &[("result", "miss")], cache.misses);
        metrics.count(families::CACHE_BYTES, &[], cache.bytes);
        metrics.count(families::CACHE_FILES, &[], cache.entries);
        metrics.count(families::WATCHES, &[], cache.watched);
        for application in &self.applications {
            let mut count = |state, count| {
                let labels = [("application", &*application.target), ("state", state)];
                metrics.count(families::APPLICATION_REQUESTS, &labels, count);
            };
            count("sent", application.sent);
            count("waiting", application.waiting);
        }
    }
}

impl Default for HostCounters {
    fn default() -> HostCounters {
        HostCounters {
            requests: [[0; CLASSES]; CountedMethod::COUNT],
            durations: [0; BUCKETS],
            nanoseconds: 0,
        }
    }
}

const CLASSES: usize = 5;
const CLASS_NAMES: [&str; CLASSES] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// From 100 to 599.
const STATUSES: usize = 500;

/// Each host has about thirty time series.
const HOSTS_MAX: usize = 200;

/// The hosts beyond these.
const OTHER: &str = "(other)";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{Method, Status};

    fn record(host_place: u32, status: Status) -> Record {
        let now = Instant::now();
        Record {
            method: CountedMethod::of(Some(&Method::Get)),
            status,
            host_place,
            head_bytes_in: 0,
            body_bytes_in: 0,
            head_bytes_out: 0,
            body_bytes_out: 0,
            began: now,
            answered: now,
            is_complete: true,
        }
    }

    #[test]
    fn hosts_are_counted_by_name_also_after_a_reload_and_many_together() {
        let mut counters = Counters::default();
        let names = |all: &[&str]| all.iter().map(|&it| it.to_owned()).collect::<Vec<_>>();
        assert_eq!(*counters.places_of(&names(&["default", "a", "b"])), [0, 1, 2]);
        let now = Instant::now();
        counters.note(&record(2, Status::OK), now);
        assert_eq!(*counters.places_of(&names(&["default", "b", "c"])), [0, 2, 3]);
        counters.note(&record(2, Status::NOT_FOUND), now);
        counters.note(&record(u32::MAX, Status::OK), now);
        let many: Vec<String> = (0..1000).map(|number| format!("host{number}")).collect();
        let places = counters.places_of(&many);
        assert_eq!(counters.hosts.len(), HOSTS_MAX + 1);
        assert_eq!((places[10], places[999]), (14, HOSTS_MAX as u32));
        let mut metrics = Metrics::default();
        counters.add_to(&mut metrics);
        assert_eq!(metrics.value("httpd_requests", &[("host", "b")]), Some(2.0));
        assert_eq!(metrics.value("httpd_responses", &[("status", "200")]), Some(1.0));
    }
}
