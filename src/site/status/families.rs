//! What can be measured: each family of metrics with its name, its kind, and what it says.

/// What kind of number a family has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It only grows. Its samples end in `_total`.
    Counter,
    /// It goes up and down.
    Gauge,
    /// Durations in seconds, counted by [`BOUNDS`].
    Histogram,
}

/// What becomes of the numbers of several workers or processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Together {
    Sum,
    Least,
    Most,
}

/// Numbers with the same name and different labels.
#[derive(Debug)]
pub(crate) struct Family {
    /// Without `_total`.
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) together: Together,
    pub(crate) help: &'static str,
}

/// The upper bounds of the buckets of a histogram, in seconds. One more bucket has what took longer.
pub(crate) const BOUNDS: [&str; BUCKETS - 1] = [
    "0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5",
    "10", "30", "60",
];

/// How many buckets a histogram has.
pub(crate) const BUCKETS: usize = 16;

/// The same bounds in nanoseconds.
const BOUNDS_NANOS: [u64; BUCKETS - 1] = [
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    10_000_000_000,
    30_000_000_000,
    60_000_000_000,
];

/// The bucket that counts a duration of so many nanoseconds.
#[inline]
pub(crate) fn bucket_of(nanoseconds: u64) -> usize {
    if nanoseconds <= BOUNDS_NANOS[0] {
        return 0;
    }
    BOUNDS_NANOS.partition_point(|&bound| bound < nanoseconds)
}

macro_rules! families {
    ($($constant:ident = $name:literal $kind:ident $together:ident $help:literal;)+) => {
        /// The families, by the constants of this module.
        #[expect(non_camel_case_types, clippy::upper_case_acronyms, reason = "they number the table")]
        #[derive(Clone, Copy)]
        enum Number { $($constant),+ }

        $(pub(crate) const $constant: usize = Number::$constant as usize;)+

        /// All families, in the order in which they are shown.
        pub(crate) const FAMILIES: &[Family] = &[
            $(Family {
                name: $name,
                kind: Kind::$kind,
                together: Together::$together,
                help: $help,
            }),+
        ];
    };
}

families! {
    BUILD = "httpd_build_info" Gauge Most "The version that serves; always 1.";
    START = "process_start_time_seconds" Gauge Least "When the process was started, in seconds since 1970.";
    PROCESSES = "httpd_processes" Gauge Sum "Processes that serve.";
    PROCESS_RESTARTS = "httpd_process_restarts" Counter Sum "Serving processes that died and were replaced.";
    PROCESSES_SILENT = "httpd_processes_silent" Gauge Sum "Processes that did not answer in time. What they had counted before is counted; what they do now is not known.";
    WORKERS = "httpd_workers" Gauge Sum "Workers, each a thread that serves its connections.";
    WORKERS_SILENT = "httpd_workers_silent" Gauge Sum "Workers that did not answer within a second. Their other numbers are those of their last answer.";
    WORKERS_STUCK = "httpd_workers_stuck" Gauge Sum "Workers that have taken no turn for ten seconds.";
    CPU = "process_cpu_seconds" Counter Sum "CPU time used, in seconds.";
    MEMORY = "process_resident_memory_bytes" Gauge Sum "Resident memory.";
    DESCRIPTORS = "process_open_fds" Gauge Sum "Open descriptors.";
    DESCRIPTORS_MAX = "process_max_fds" Gauge Least "Descriptors that a process may have open.";
    REQUESTS = "httpd_requests" Counter Sum "Requests that got a response, by host, method and class of status.";
    RESPONSES = "httpd_responses" Counter Sum "Responses by status.";
    DURATION = "httpd_request_duration_seconds" Histogram Sum "From the first byte of a request to the last byte of its response, by host.";
    CUT = "httpd_responses_cut" Counter Sum "Responses of which not all was sent, because the client went or something failed.";
    RECEIVED = "httpd_received_bytes" Counter Sum "Bytes received, without those of TLS itself.";
    SENT = "httpd_sent_bytes" Counter Sum "Bytes sent, without those of TLS itself.";
    CONNECTIONS = "httpd_connections" Gauge Sum "Open connections by what they do.";
    CONNECTIONS_MAX = "httpd_connections_max" Gauge Sum "Connections that all workers may have open (connections_max of each).";
    ACCEPTED = "httpd_connections_accepted" Counter Sum "Connections accepted.";
    ACCEPT_PAUSES = "httpd_accept_pauses" Counter Sum "Times that a worker accepted nothing for a moment, because descriptors or memory had run out.";
    MEMORY_SHORTAGES = "httpd_memory_shortages" Counter Sum "Times that a worker found memory about to run out, by the bound of its control group.";
    HANDSHAKES = "httpd_tls_handshakes" Counter Sum "TLS handshakes by version, and whether a session was resumed.";
    HANDSHAKES_FAILED = "httpd_tls_handshakes_failed" Counter Sum "Connections that ended during their TLS handshake.";
    STREAMS_OPEN = "httpd_http2_streams_open" Gauge Sum "HTTP/2 streams that are open.";
    STREAMS = "httpd_http2_streams" Counter Sum "HTTP/2 streams that clients opened.";
    CACHE_LOOKUPS = "httpd_cache_lookups" Counter Sum "Lookups of files, by whether the cache had the result.";
    CACHE_BYTES = "httpd_cache_bytes" Gauge Sum "Memory that the caches of files take.";
    CACHE_FILES = "httpd_cache_entries" Gauge Sum "Results of lookups in the caches.";
    WATCHES = "httpd_cache_watched_directories" Gauge Sum "Directories whose changes the kernel reports.";
    WATCHES_REFUSED = "httpd_cache_watches_refused" Counter Sum "Directories that could not be watched, because the kernel's or the server's bound was met: their files are looked at for each request.";
    WATCHES_LOST = "httpd_cache_changes_lost" Counter Sum "Times that the kernel's queue of changes overflowed, so that everything was looked up again.";
    POOL_THREADS = "httpd_pool_threads" Gauge Sum "Threads by pool and what they do.";
    POOL_THREADS_MAX = "httpd_pool_threads_max" Gauge Sum "Threads that a pool may have.";
    POOL_WAITING = "httpd_pool_jobs_waiting" Gauge Sum "Jobs that wait for a thread.";
    POOL_FAILURES = "httpd_pool_thread_failures" Counter Sum "Threads that the system did not give.";
    APPLICATION_PROCESSES = "httpd_application_processes" Gauge Sum "Processes of an application that serve.";
    APPLICATION_RESTARTS = "httpd_application_restarts" Counter Sum "Processes of an application that died, hung or grew too large, and were replaced.";
    APPLICATION_REQUESTS = "httpd_application_requests" Gauge Sum "Requests of an application, by whether a process has them or they wait for one.";
    REFUSALS = "httpd_refusals" Counter Sum "Requests and connections that were refused, by reason.";
    LOG_DROPPED = "httpd_log_lines_dropped" Counter Sum "Lines that could not be written to a log.";
    RELOADS = "httpd_reloads" Counter Sum "Reloads of the configuration by outcome.";
    RELOAD_LAST = "httpd_reload_last_seconds" Gauge Most "When the last reload of each outcome ended, in seconds since 1970.";
    UPGRADES = "httpd_upgrades" Counter Sum "Upgrades to another program by outcome.";
    DISK_FAILURES = "httpd_disk_failures" Counter Sum "Bodies that could not be stored on the disk.";
    CLOCK_STEPS = "httpd_clock_steps" Counter Sum "Times that the clock of the system was set by a second or more.";
    ROOTS_REPLACED = "httpd_root_changes" Counter Sum "Times that the path of a root led to another directory than before.";
    ROOTS_GONE = "httpd_root_failures" Counter Sum "Times that a root could not be opened, counted once a minute.";
    CERTIFICATE = "httpd_certificate_expiry_seconds" Gauge Least "When a certificate expires, in seconds since 1970.";
    CERTIFICATE_DAYS = "httpd_certificate_days_left" Gauge Least "Days until a certificate expires; negative when it has.";
    READY = "httpd_ready" Gauge Least "1 if new requests are served, 0 while it starts or stops.";
}

/// The family of this name.
pub(crate) fn family_of(name: &str) -> Option<usize> {
    FAMILIES.iter().position(|family| family.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_duration_is_counted_below_the_next_bound_and_at_it() {
        let seconds = |text: &str| (text.parse::<f64>().expect("a number") * 1e9).round() as u64;
        for (place, bound) in BOUNDS.iter().enumerate() {
            assert_eq!(BOUNDS_NANOS[place], seconds(bound));
            assert_eq!(bucket_of(seconds(bound)), place, "at {bound}");
            assert_eq!(bucket_of(seconds(bound) + 1), place + 1, "beyond {bound}");
        }
        assert_eq!((bucket_of(0), bucket_of(u64::MAX)), (0, BUCKETS - 1));
    }

    #[test]
    fn every_family_has_one_name_that_prometheus_allows_and_says_what_it_is() {
        let names: BTreeSet<&str> = FAMILIES.iter().map(|it| it.name).collect();
        assert_eq!(names.len(), FAMILIES.len());
        for family in FAMILIES {
            assert!(
                family.name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
            );
            assert!(!family.name.ends_with("_total"), "{}", family.name);
            assert!(family.help.ends_with('.'), "{}", family.help);
        }
    }
}
