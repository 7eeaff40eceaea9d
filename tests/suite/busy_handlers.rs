//! What the log says when the threads for handlers are busy, and for how long.

use crate::support::wait::PATIENCE;
use crate::support::{Client, Fixture, TestServer, logged, until};
use httpd::{Handler, Request, Response, blocking};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A handler that begins when it likes and ends when the test says so.
struct Gate {
    begun: Receiver<()>,
    open: Sender<()>,
}

impl Gate {
    fn new() -> (Gate, impl Handler) {
        let (begin, begun) = mpsc::channel();
        let (open, opened) = mpsc::channel::<()>();
        let opened = Arc::new(Mutex::new(opened));
        let handler = move |_: &Request<'_>| {
            let _ = begin.send(());
            // One at a time waits for the lock, the others for the channel: each opening lets one through.
            let _ = opened.lock().expect("no test panics in here").recv();
            Response::text("through")
        };
        (Gate { begun, open }, blocking(handler))
    }

    fn wait_for(&self, count: usize) {
        for _ in 0..count {
            self.begun.recv_timeout(PATIENCE).expect("a thread begins");
        }
    }
}

fn get(server: &TestServer, target: &str) -> Client {
    server.raw(format!("GET {target} HTTP/1.1\r\nHost: test\r\n\r\n"))
}

#[test]
fn a_handler_that_runs_long_is_named_once_with_how_many_do() {
    logged::listen();
    let (gate, handler) = Gate::new();
    let server = Fixture::new()
        .limits(|limits| {
            limits.handler_threads_max = 3;
            limits.handler_slow_time = Duration::from_millis(40);
        })
        .handler("/long", handler)
        .serve();
    let mut first = get(&server, "/long/first?password=secret");
    gate.wait_for(1);
    let line = logged::line("/long/first: its handler has run for ");
    assert!(line.starts_with("WARN: GET /long/first: "), "{line}");
    assert!(line.contains("(handler_slow_time = 40ms); 1 of 3 threads"), "{line}");
    let mut second = get(&server, "/long/second");
    gate.wait_for(1);
    let line = logged::line("/long/second: its handler has run for ");
    assert!(line.contains("; 2 of 3 threads are busy for that long"), "{line}");
    // Since the first was named, the worker has looked again, for it has named the second.
    assert_eq!(logged::lines("/long/first").len(), 1);
    for client in [&mut first, &mut second] {
        gate.open.send(()).expect("it waits");
        client.reply().expect(200).body("through");
    }
    assert!(logged::lines("secret").is_empty(), "a query is nobody else's business");
}

#[test]
fn a_handler_that_writes_a_stream_for_long_is_not_slow() {
    logged::listen();
    let (gate, handler) = Gate::new();
    let (end, ended) = mpsc::channel::<()>();
    let ended = Arc::new(Mutex::new(ended));
    let stream = move |_: &Request<'_>| {
        let ended = Arc::clone(&ended);
        Response::written("text/plain", move |out| {
            std::io::Write::write_all(out, b"begun")?;
            std::io::Write::flush(out)?;
            let _ = ended.lock().expect("no test panics in here").recv();
            Ok(())
        })
    };
    let server = Fixture::new()
        .limits(|limits| {
            limits.handler_threads_max = 4;
            limits.handler_slow_time = Duration::from_millis(40);
        })
        .handler("/streamed-for-long", blocking(stream))
        .handler("/beside-a-stream", handler)
        .serve();
    let mut streaming = get(&server, "/streamed-for-long");
    streaming.reply_head("GET").expect(200);
    assert_eq!(streaming.try_chunk().expect("it has begun"), b"begun");
    let mut slow = get(&server, "/beside-a-stream");
    gate.wait_for(1);
    let line = logged::line("/beside-a-stream: its handler has run for ");
    assert!(line.contains("1 of 4 threads"), "{line}");
    assert!(logged::lines("/streamed-for-long").is_empty());
    gate.open.send(()).expect("it waits");
    slow.reply().expect(200);
    end.send(()).expect("it waits");
    assert_eq!(streaming.try_chunk().expect("it ends well"), b"");
}

/// RFC 9110 §15.6.4.
#[test]
fn requests_that_find_the_queue_full_share_a_line_that_names_the_bounds() {
    logged::listen();
    let (gate, handler) = Gate::new();
    let server = Fixture::new()
        .limits(|limits| {
            limits.handler_threads_max = 1;
            limits.handler_queue_max = 5;
        })
        .handler("/full", handler)
        .serve();
    assert_eq!(server.running().limits().handler_threads_max, 1);
    let mut taken = vec![get(&server, "/full/taken")];
    gate.wait_for(1);
    taken.extend((0..5).map(|_| get(&server, "/full/queued")));
    // They came in this order over one worker's listener: it has read them when it answers the next.
    let begun = Instant::now();
    let mut refused = 0;
    while refused < 60 {
        let mut client = get(&server, "/full/refused");
        client.reply().expect(503).header("Retry-After", "1");
        refused += 1;
    }
    let advice = "raise handler_threads_max = 1 or handler_queue_max = 5 ([limits] of a configuration, \
                  Limits of a program)";
    let count_of = |line: &String| {
        let rest = line.strip_prefix("WARN: ")?;
        let (count, _) = rest.split_once(" more requests found no thread for their handler")?;
        count.parse::<usize>().ok()
    };
    let lines = until("all refusals are counted", || {
        let lines = logged::lines(advice);
        let alone = lines.iter().filter(|line| line.contains("/full/refused: ")).count();
        let counted: usize = lines.iter().filter_map(count_of).sum();
        (alone + counted == refused).then_some(lines)
    });
    let seconds = begun.elapsed().as_secs() as usize;
    assert!(lines.len() <= 2 + seconds, "{lines:?}");
    let first = &lines[0];
    let load = "GET /full/refused: all 1 threads for handlers are busy, GET /full/taken for ";
    assert!(first.contains(load), "{first}");
    assert!(first.contains(", and 5 requests wait; answered 503; "), "{first}");
    for client in &mut taken {
        gate.open.send(()).expect("one waits");
        client.reply().expect(200).body("through");
    }
}

#[test]
fn a_response_that_does_not_come_in_time_is_explained_in_the_log() {
    logged::listen();
    let (gate, handler) = Gate::new();
    let server = Fixture::new()
        .limits(|limits| {
            limits.handler_threads_max = 1;
            limits.answer_timeout = Duration::from_millis(60);
        })
        .handler("/late", handler)
        .serve();
    let mut running = get(&server, "/late/running");
    gate.wait_for(1);
    let mut waiting = get(&server, "/late/waiting");
    running.reply().expect(503).header("Retry-After", "1");
    waiting.reply().expect(503).header("Retry-After", "1");
    let line = logged::line("/late/running");
    let timeout = "no response within answer_timeout = 60ms: ";
    assert!(line.contains(&format!("{timeout}its handler still runs; answered 503")), "{line}");
    let line = logged::line("/late/waiting");
    assert!(
        line.contains(&format!(
            "{timeout}all 1 threads for handlers are busy, GET /late/running for "
        )),
        "{line}"
    );
    gate.open.send(()).expect("it waits");
}

/// RFC 9110 §15.6.4.
#[test]
fn a_part_of_a_site_has_a_time_limit_of_its_own() {
    logged::listen();
    let (report, reports) = mpsc::channel();
    let server = Fixture::new()
        .limits(|limits| limits.handler_threads_max = 1)
        .site(move |site| {
            site.around("/timed", |_, next| next.then(|response| response.header("X-Seen", "1")))
                .around("/timed/short", |_, next| next.within(Duration::from_millis(60)).run())
                .at(
                    "/timed",
                    blocking(move |request| {
                        let deadline = Instant::now() + PATIENCE;
                        while !request.is_cancelled() && Instant::now() < deadline {
                            std::thread::yield_now();
                        }
                        let _ = report.send(request.path().to_owned());
                    }),
                )
        })
        .serve();
    let mut running = get(&server, "/timed/short/running");
    let line = logged::line("/timed/short/running");
    let reply = running.reply();
    reply.expect(503).header("Retry-After", "1").header("X-Seen", "1");
    let bound = "no response within 60ms, the time that Next::within gives: its handler still runs; answered 503";
    assert!(line.contains(bound), "{line}");
    // It was asked to end, and its thread is free again.
    let ended = reports.recv_timeout(PATIENCE).expect("it sees that nobody waits");
    assert_eq!(ended, "/timed/short/running");
}

#[test]
fn a_time_limit_of_a_part_may_be_longer_than_the_usual_and_the_shortest_counts() {
    let (gate, handler) = Gate::new();
    let server = Fixture::new()
        .limits(|limits| limits.answer_timeout = Duration::from_millis(60))
        .handler("/", handler)
        .site(|site| {
            site.around("/patient", |_, next| next.within(Duration::MAX).run())
                .around("/patient/not", |_, next| next.within(Duration::from_millis(60)).run())
                .around("/patient/not/really", |_, next| next.within(PATIENCE).run())
        })
        .serve();
    let mut patient = get(&server, "/patient");
    gate.wait_for(1);
    // By then, 60 ms are over for the first, too.
    for path in ["/usual", "/patient/not", "/patient/not/really"] {
        get(&server, path).reply().expect(503);
    }
    // Whichever of them has the turn.
    for _ in 0..4 {
        gate.open.send(()).expect("the handler is there");
    }
    patient.reply().expect(200).body("through");
}

#[test]
fn a_check_has_as_much_time_as_its_handler() {
    let (held, hold) = mpsc::channel::<()>();
    let hold = Arc::new(Mutex::new(hold));
    let server = Fixture::new()
        .site(move |site| {
            site.around("/checked", move |_, next| {
                let hold = Arc::clone(&hold);
                next.within(Duration::from_millis(60)).blocking(move || {
                    let _ = hold.lock().expect("no test panics in here").recv();
                    Ok::<(), httpd::Status>(())
                })
            })
            .get("/checked", |_| "it")
        })
        .serve();
    get(&server, "/checked").reply().expect(503).header("Retry-After", "1");
    drop(held);
    get(&server, "/checked").reply().expect(200).body("it");
}

#[test]
fn a_panic_on_a_thread_names_its_request() {
    logged::listen();
    let server = Fixture::new()
        .handler("/panics-on-a-thread", blocking(|_| -> Response { panic!("as asked") }))
        .serve();
    get(&server, "/panics-on-a-thread/a?b").reply().expect(500);
    let line = logged::line("/panics-on-a-thread");
    assert_eq!(line, "ERROR: GET /panics-on-a-thread/a: its handler panicked; answered 500");
}

#[test]
fn a_function_that_blocks_a_worker_is_named_and_no_other() {
    logged::listen();
    let server = Fixture::new()
        .file("beside-a-block.txt", "it")
        .site(move |site| {
            let site = site.get("/blocks", move |_| {
                std::thread::sleep(Duration::from_millis(300));
                "late"
            });
            let site = site.get("/quick-after-a-block", |_| "quick");
            site.around("/around-blocks", move |_, next| {
                std::thread::sleep(Duration::from_millis(300));
                next.run()
            })
        })
        .serve();
    let get = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: test\r\n\r\n");
    let targets = ["/blocks", "/quick-after-a-block", "/beside-a-block.txt", "/around-blocks?a=b"];
    let mut client = server.raw(targets.map(get).concat());
    for status in [200, 200, 200, 404] {
        client.reply().expect(status);
    }
    for target in ["/blocks", "/around-blocks"] {
        let line = logged::line(&format!(": GET {target}: a function took "));
        assert!(line.contains("use blocking()"), "{line}");
    }
    assert!(logged::lines("/quick-after-a-block").is_empty());
    assert!(logged::lines("/beside-a-block.txt").is_empty());
}

#[test]
fn an_error_of_a_handler_is_logged_with_its_request() {
    logged::listen();
    fn fails(_: &Request<'_>) -> Result<(httpd::Status, String), httpd::Failure> {
        Err("the disk is on fire")?
    }
    let server = Fixture::new()
        .site(|site| {
            site.get("/fails-on-a-worker/{it}", fails)
                .at("/fails-on-a-thread", blocking(fails))
                .get("/panics-on-a-worker", |_| -> Response { panic!("as asked") })
        })
        .serve();
    for path in ["/fails-on-a-worker/%0A", "/fails-on-a-thread"] {
        get(&server, &format!("{path}?password=secret")).reply().expect(500);
        let expected =
            format!("ERROR: GET {path}: its handler failed: the disk is on fire; answered 500");
        assert_eq!(logged::line(path), expected);
    }
    get(&server, "/panics-on-a-worker").reply().expect(500);
    let line = logged::line("/panics-on-a-worker");
    assert!(
        line.ends_with(": GET /panics-on-a-worker: its handler panicked; answered 500"),
        "{line}"
    );
}
